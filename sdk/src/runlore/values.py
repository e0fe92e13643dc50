"""Turn what people log into numbers, text or plain JSON, without importing the library it came from."""

import enum
import math
import operator
import os
from collections.abc import Iterator, Mapping, MutableSequence
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
    try:
        if hasattr(value, "item"):
            # One-element arrays count as scalars, as in wandb.
            size = getattr(value, "size", 1)
            count = value.numel() if hasattr(value, "numel") else size() if callable(size) else size
            if count != 1:
                return None
            value = value.item()
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except Exception:  # noqa: BLE001 - a tracer or a tensor without data: the other values of the call are kept
        return None


def step(value: Any) -> int:
    """A step as the spool holds it; raises TypeError or ValueError for what is none."""
    whole = operator.index(value)
    if not -(2**63) <= whole < 2**63:
        raise ValueError(f"step {whole} is out of range")
    return whole


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
    try:
        return _plain(value, depth)
    except Exception:  # noqa: BLE001 - one value that cannot even be shown must not cost the others
        return type(value).__name__


def _plain(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return text(value, MAX_PLAIN)
    if depth > MAX_DEPTH:
        return _shown(value)
    if isinstance(value, Mapping):
        return {name: plain(inner, depth + 1) for name, inner in _items(value)}
    if isinstance(value, (list, tuple, set, frozenset, MutableSequence)) and not isinstance(value, bytearray):
        return [plain(inner, depth + 1) for inner in list(value)[:1000]]
    if hasattr(value, "item") and number(value) is not None:
        inner = value.item()
        return plain(inner, depth + 1) if isinstance(inner, (bool, int, float)) else number(value)
    if isinstance(value, (enum.Enum, os.PathLike)):
        return text(str(value), MAX_PLAIN)
    fields = as_mapping(value)
    return plain(fields, depth + 1) if fields is not None else _shown(value)


def as_mapping(value: Any) -> dict[str, Any] | None:
    """The fields of a mapping, dataclass, argparse namespace, pydantic model or absl flags; None for the rest."""
    if isinstance(value, Mapping):
        return dict(_items(value))
    names = getattr(value, "__dataclass_fields__", None)
    if names is not None and not isinstance(value, type):
        return {name: getattr(value, name) for name in names}
    for method in ("model_dump", "to_dict", "flag_values_dict", "_asdict"):
        dump = getattr(value, method, None)
        if callable(dump) and not isinstance(value, type):
            fields = dump()
            return dict(fields) if isinstance(fields, Mapping) else None
    if any(base.__name__ in ("Namespace", "SimpleNamespace", "EasyDict") for base in type(value).__mro__):
        return dict(vars(value))
    return None


def _items(value: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Names and values; one that cannot be had (`???` of OmegaConf) is named by what it raises."""
    for name in value:
        try:
            inner = value[name]
        except Exception as error:  # noqa: BLE001 - any mapping may raise anything; the rest of it is kept
            inner = f"<{type(error).__name__}>"
        yield str(name), inner


def _shown(value: Any) -> str:
    if isinstance(value, type) or callable(value):
        return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__name__)}"
    # Addresses differ in every run and would show as a change.
    shown = repr(value)
    return type(value).__name__ if " at 0x" in shown else shown[:2000]
