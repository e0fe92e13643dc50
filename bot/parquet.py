"""Exported rows as Parquet, typed, for whoever reads them with columns in mind; the one place that knows pyarrow."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from storage.open_format import batches, typed

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
        for batch in batches(rows):
            arrays = [
                pa.array([_value(of, row.get(name)) for row in batch], type=TYPES[of])
                for name, of in columns.items()
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _value(of: str, value: Any) -> Any:  # noqa: ANN401
    if of == "json" and value is not None:
        return json.dumps(value, ensure_ascii=False)
    return typed(of, value)
