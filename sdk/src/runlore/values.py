"""Turn what people log into numbers, text or plain JSON, without importing the library it came from."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

MAX_TEXT = 1024 * 1024
MAX_NAME = 250
# What is longer is content, and no param.
MAX_PLAIN = 20_000
MAX_DEPTH = 12


def flatten(data: Mapping[Any, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Nested names joined with dots."""
    for name, value in data.items():
        whole = f"{prefix}{name}"
        if isinstance(value, Mapping) and depth < MAX_DEPTH:
            yield from flatten(value, whole + ".", depth + 1)
        else:
            yield whole, value


def number(value: Any) -> float | None:
    """The number in a Python, NumPy, PyTorch or JAX scalar, a Decimal or a Fraction; None when it is none."""
    if isinstance(value, (str, bytes, complex)) or value is None:
        return None
    item = getattr(value, "item", None)
    if item is not None:
        # `ndim` of an array says whether it is a scalar; one-element arrays count as scalars, as in wandb.
        size = getattr(value, "size", 1)
        count = value.numel() if hasattr(value, "numel") else size() if callable(size) else size
        if count != 1:
            return None
        value = item()
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):
        return None


def text(value: Any, longest: int = MAX_TEXT) -> str | None:
    """The text to keep of a value that is no number; None when it is neither."""
    if isinstance(value, str):
        # A half of a surrogate pair cannot be sent.
        whole = value.encode("utf-8", "replace").decode()
        return whole if len(whole) <= longest else whole[: longest - 1] + "…"
    if value.__class__.__name__.startswith("str") and hasattr(value, "item"):
        return str(value)
    return None


def plain(value: Any, depth: int = 0) -> Any:
    """The same as JSON can hold it: used for config and summary, where everything is kept in some form."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return text(value, MAX_PLAIN)
    if depth > MAX_DEPTH:
        return _shown(value)
    if isinstance(value, Mapping):
        return {str(name): plain(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner, depth + 1) for inner in list(value)[:1000]]
    if hasattr(value, "item") and number(value) is not None:
        inner = value.item()
        return plain(inner, depth + 1) if isinstance(inner, (bool, int, float)) else number(value)
    fields = as_mapping(value)
    return plain(fields, depth + 1) if fields is not None else _shown(value)


def as_mapping(value: Any) -> dict[str, Any] | None:
    """The fields of a mapping, dataclass, argparse namespace, pydantic model or absl flags; None for the rest."""
    if isinstance(value, Mapping):
        return {str(name): inner for name, inner in value.items()}
    names = getattr(value, "__dataclass_fields__", None)
    if names is not None and not isinstance(value, type):
        return {name: getattr(value, name) for name in names}
    for method in ("model_dump", "to_dict", "flag_values_dict"):
        dump = getattr(value, method, None)
        if callable(dump) and not isinstance(value, type):
            fields = dump()
            return dict(fields) if isinstance(fields, Mapping) else None
    if type(value).__name__ in ("Namespace", "SimpleNamespace", "EasyDict"):
        return dict(vars(value))
    return None


def _shown(value: Any) -> str:
    if isinstance(value, type) or callable(value):
        return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__name__)}"
    # Addresses differ in every run and would show as a change.
    shown = repr(value)
    return type(value).__name__ if " at 0x" in shown else shown[:2000]
