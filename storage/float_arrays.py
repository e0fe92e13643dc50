"""PostgreSQL's float8[] as numpy arrays, both ways in its binary format: a hundred times faster than by lists."""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg.adapt import Buffer, Dumper, Loader
from psycopg.pq import Format

FLOAT8 = 701
FLOAT8_ARRAY = 1022

_HEADER = struct.Struct("!iiIii")  # dimensions, whether nulls follow, element type, length, first index
_ELEMENT = np.dtype([("size", ">i4"), ("value", ">f8")])


class _ArrayDumper(Dumper):
    format = Format.BINARY
    oid = FLOAT8_ARRAY

    def dump(self, obj: npt.NDArray[np.float64]) -> bytes:
        elements = np.empty(len(obj), dtype=_ELEMENT)
        elements["size"] = 8
        elements["value"] = obj
        return _HEADER.pack(1, 0, FLOAT8, len(obj), 1) + elements.tobytes()


class _ArrayLoader(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> npt.NDArray[np.float64]:
        if len(data) < _HEADER.size:  # an empty array has no dimension
            return np.empty(0)
        return np.frombuffer(data, dtype=_ELEMENT, offset=_HEADER.size)["value"].astype(np.float64)


def cursor_with_arrays(connection: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
    """A cursor that takes and gives float8[] as numpy arrays, and nothing else differently."""
    cursor = connection.cursor(binary=True)
    cursor.adapters.register_dumper(np.ndarray, _ArrayDumper)
    cursor.adapters.register_loader(FLOAT8_ARRAY, _ArrayLoader)
    return cursor
