"""`runlore.autolog()`: every outermost `fit` of a scikit-learn estimator is recorded with params, data and score."""

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

from sklearn.utils import all_estimators

from runlore import api

_inside = threading.local()
_originals: dict[type, Callable[..., Any]] = {}


def autolog(disable: bool = False, **arguments: Any) -> None:
    """Begin recording, or stop; a `fit` while a run is open becomes a part of that run."""
    for kind, original in _originals.items():
        kind.fit = original  # type: ignore[attr-defined] # it was there before
    _originals.clear()
    if disable:
        return
    for _, kind in all_estimators():
        # Searches, forests and others inherit `fit` from a class that is not listed itself.
        owner = next((base for base in kind.__mro__ if "fit" in base.__dict__), None)
        if owner is not None and owner not in _originals:
            _originals[owner] = owner.__dict__["fit"]
            owner.fit = _recording(owner.__dict__["fit"], arguments)


def _recording(fit: Callable[..., Any], arguments: dict[str, Any]) -> Callable[..., Any]:
    @functools.wraps(fit)
    def recorded(self: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(_inside, "fit", False):
            return fit(self, X, *args, **kwargs)
        _inside.fit = True
        try:
            return _record(fit, arguments, self, X, *args, **kwargs)
        finally:
            _inside.fit = False

    return recorded


def _record(
    fit: Callable[..., Any],
    arguments: dict[str, Any],
    self: Any,
    X: Any,
    *args: Any,
    **kwargs: Any,
) -> Any:
    run = api.current()
    own = run is None
    if run is None:
        run = api.init(**arguments)
    name = type(self).__name__
    run.config.update({"estimator": name, name: self.get_params(deep=True)})
    run.dataset(X, name="X")
    began = time.perf_counter()
    try:
        fitted = fit(self, X, *args, **kwargs)
    except Exception:
        if own:
            api.finish(exit_code=1)
        raise
    found: dict[str, Any] = {"fit_seconds": time.perf_counter() - began}
    y = args[0] if args else kwargs.get("y")
    if hasattr(self, "score") and not hasattr(self, "best_score_"):
        try:
            found["training_score"] = self.score(X) if y is None else self.score(X, y)
        except Exception:  # noqa: BLE001 - some estimators cannot be scored on what they were fitted with
            found.pop("training_score", None)
    if hasattr(self, "best_score_"):
        found["best_score"] = self.best_score_
        run.config.update({"best_params": getattr(self, "best_params_", {})})
    run.log(found)
    if own:
        api.finish()
    return fitted
