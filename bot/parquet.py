"""Exported rows as Parquet, typed, for whoever reads them with columns in mind; the one place that knows pyarrow."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

AT_ONCE = 1000
TYPES = {
    "json": pa.string(),
    "numbers": pa.list_(pa.float64()),
    "integers": pa.list_(pa.int64()),
    "words": pa.list_(pa.string()),
    "lines": pa.list_(pa.string()),
    "terms": pa.string(),
    "vector": pa.list_(pa.float32()),
    "time": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "time of day": pa.time64("us"),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "text": pa.string(),
}


def write(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str], target: Path) -> None:
    """Write a table; `columns` says what each column's values are."""
    schema = pa.schema([(name, TYPES[of]) for name, of in columns.items()])
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for batch in _batches(rows):
            arrays = [
                pa.array([_value(of, row.get(name)) for row in batch], type=TYPES[of])
                for name, of in columns.items()
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _value(of: str, value: Any) -> Any:  # noqa: ANN401
    if value is None:
        return None
    if of == "json":
        return json.dumps(value, ensure_ascii=False)
    if of == "time":
        return datetime.fromisoformat(value)
    if of == "date":
        return date.fromisoformat(value)
    if of == "time of day":
        return time.fromisoformat(value)
    if of == "number":
        return float(value)
    if of == "numbers":
        return [float(one) for one in value]
    return value


def _batches(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    left = iter(rows)
    while batch := list(islice(left, AT_ONCE)):
        yield batch
