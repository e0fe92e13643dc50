"""`xgboost.train(callbacks=[RunloreCallback()])`: the evaluation of each round, and the best one."""

import json
from typing import Any

from xgboost.callback import TrainingCallback  # type: ignore[import-not-found, unused-ignore] # may be absent

from runlore import api
from runlore.recorder import Run


class RunloreCallback(TrainingCallback):  # type: ignore[misc, unused-ignore] # untyped where XGBoost is absent
    """Starts a run when training begins, unless there is one, and ends only what it has started."""

    def __init__(self, run: Run | None = None, **arguments: Any) -> None:
        self._run = run
        self._arguments = arguments
        self._own = False

    def before_training(self, model: Any) -> Any:
        """The booster's settings become params."""
        self._run = self._run or api.current()
        if self._run is None:
            self._own = True
            self._run = api.init(**self._arguments)
        settings = json.loads(model.save_config())
        self._run.config.update({"xgboost": _leaves(settings.get("learner", {}))})
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """One step a round."""
        found: dict[str, float] = {}
        for data, metrics in evals_log.items():
            for metric, values in metrics.items():
                # Cross-validation gives pairs of mean and deviation.
                last = values[-1]
                found[f"{data}/{metric}"] = last[0] if isinstance(last, tuple) else last
        if self._run is not None and found:
            self._run.log(found, step=epoch)
        return False

    def after_training(self, model: Any) -> Any:
        """What early stopping has found."""
        if self._run is not None:
            score = model.attr("best_score")
            if score is not None:
                self._run.summary["best_score"] = float(score)
                self._run.summary["best_iteration"] = int(model.attr("best_iteration"))
            if self._own:
                self._run.finish()
                self._run, self._own = None, False
        return model


def _leaves(settings: Any) -> dict[str, Any]:
    """XGBoost nests every parameter in a group of its own: the names alone are unique."""
    found: dict[str, Any] = {}
    for name, value in settings.items() if isinstance(settings, dict) else ():
        if isinstance(value, dict):
            found.update(_leaves(value))
        elif isinstance(value, str) and value:
            found[name] = value
    return found
