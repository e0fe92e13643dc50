"""What is said about data in memory and about a column: counts, types, hashes; never a value."""

import ast
import hashlib
import math
from typing import Any

from runlore import values

MAX_HASHED = 512 * 1024 * 1024
MAX_COLUMNS = 500
MISSING = frozenset(("", "na", "nan", "null", "none", "n/a"))


class Column:
    """Counts about one column, added value by value."""

    def __init__(self) -> None:
        self.count = 0
        self.missing = 0
        self._kinds: dict[str, int] = {}
        self._distinct: set[int] = set()

    def add(self, value: Any) -> None:
        """One cell."""
        self.count += 1
        if value is None or (isinstance(value, str) and value.strip().lower() in MISSING):
            self.missing += 1
            return
        kind = _kind(value)
        self._kinds[kind] = self._kinds.get(kind, 0) + 1
        if len(self._distinct) < 1000:
            self._distinct.add(hash(str(value)))

    @property
    def type(self) -> str:
        """The narrowest type that holds every cell."""
        kinds = set(self._kinds)
        if not kinds:
            return "empty"
        if kinds <= {"integer"}:
            return "integer"
        if kinds <= {"integer", "number"}:
            return "number"
        return kinds.pop() if len(kinds) == 1 else "text"

    def summary(self) -> dict[str, Any]:
        """How many cells, how many missing, how many different ones (up to a thousand)."""
        distinct = len(self._distinct)
        return {
            "count": self.count,
            "missing": self.missing,
            "distinct": distinct if distinct < 1000 else None,
        }


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, (list, tuple, dict)):
        return "nested"
    text = str(value).strip()
    try:
        int(text)
    except ValueError:
        pass
    else:
        return "integer"
    try:
        return "number" if math.isfinite(float(text)) else "text"
    except ValueError:
        return "boolean" if text.lower() in ("true", "false") else "text"


def frame(data: Any, name: str | None) -> dict[str, Any]:
    """A data frame."""
    columns = [str(column) for column in data.columns]
    types = dict(zip(columns, (str(kind) for kind in data.dtypes), strict=True))
    summary: dict[str, Any] = {}
    for column, label in list(zip(columns, data.columns, strict=True))[:MAX_COLUMNS]:
        series = data[label]
        missing = series.isna().sum() if hasattr(series, "isna") else series.null_count()
        summary[column] = {"count": len(series), "missing": int(missing)}
    return {
        "name": name or "frame", "fingerprint": _frame_hash(data, columns, types),
        "source": type(data).__module__.split(".")[0], "format": "frame", "rows": len(data),
        "columns": len(columns), "types": types, "summary": summary, "size": _frame_size(data),
    }  # fmt: skip


def _frame_hash(data: Any, columns: list[str], types: dict[str, str]) -> str:
    digest = hashlib.sha256(repr((columns, types, len(data))).encode())
    if hasattr(data, "hash_rows"):
        digest.update(data.hash_rows(seed=0).to_numpy().tobytes())
        return f"sha256:{digest.hexdigest()}"
    import pandas  # type: ignore[import-untyped, unused-ignore] # its stubs may be absent

    try:
        digest.update(pandas.util.hash_pandas_object(data, index=False).to_numpy().tobytes())
    except TypeError:
        # Cells that cannot be hashed (lists, dictionaries) are taken as they are shown.
        digest.update(pandas.util.hash_pandas_object(data.astype(str), index=False).to_numpy().tobytes())
    return f"sha256:{digest.hexdigest()}"


def _frame_size(data: Any) -> int | None:
    if hasattr(data, "estimated_size"):
        return int(data.estimated_size())
    usage = getattr(data, "memory_usage", None)
    return int(usage(deep=False).sum()) if usage else None


def hugging_face(data: Any, name: str | None) -> dict[str, Any]:
    """A Hugging Face dataset; its own fingerprint follows its content and every step applied to it."""
    info = data.info
    return {
        "name": name or getattr(info, "dataset_name", None) or "dataset", "fingerprint": f"hf:{data._fingerprint}",
        "source": "datasets", "format": "huggingface", "rows": len(data), "columns": len(data.column_names),
        "types": {column: str(getattr(kind, "dtype", kind)) for column, kind in data.features.items()},
        "size": getattr(data, "nbytes", None), "split": str(data.split) if data.split is not None else None,
    }  # fmt: skip


def array(data: Any, name: str | None) -> dict[str, Any]:
    """A NumPy array, PyTorch tensor or JAX array."""
    shape = [int(length) for length in data.shape]
    host = data.detach().cpu() if hasattr(data, "detach") else data
    digest = hashlib.sha256(repr((shape, str(data.dtype))).encode())
    size = int(getattr(data, "nbytes", 0) or 0)
    content = hasattr(host, "__array__") and size <= MAX_HASHED
    if content:
        digest.update(memoryview(host.__array__().tobytes()))
    return {
        "name": name or "array", "fingerprint": f"{'sha256' if content else 'shape'}:{digest.hexdigest()}",
        "source": type(data).__module__.split(".")[0], "format": "array", "rows": shape[0] if shape else 1,
        "columns": math.prod(shape[1:]), "types": {"value": str(data.dtype)}, "size": size, "shape": shape,
    }  # fmt: skip


def npy_header(header: str) -> dict[str, Any]:
    """The shape and type in a .npy file's header."""
    fields = values.as_mapping(ast.literal_eval(header.strip())) or {}
    shape = list(fields.get("shape", ()))
    return {
        "rows": shape[0] if shape else 1, "columns": math.prod(shape[1:]),
        "types": {"value": str(fields.get("descr"))}, "shape": shape,
    }  # fmt: skip
