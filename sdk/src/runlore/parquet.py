"""Read rows, columns and types from a Parquet file's footer (Thrift's compact protocol), without any library."""

import os
import struct
from typing import Any

MAGIC = b"PAR1"
TYPES = ("boolean", "int32", "int64", "int96", "float", "double", "byte_array", "fixed_len_byte_array")
MAX_FOOTER = 64 * 1024 * 1024
_BOOLEAN_TRUE, _BOOLEAN_FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(
    1, 13
)
# Fields of FileMetaData and SchemaElement that are wanted, by their numbers in parquet.thrift.
_SCHEMA, _ROWS = 2, 3
_TYPE, _NAME, _CHILDREN = 1, 4, 5


class _Reader:
    """A cursor over compact-protocol bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def varint(self) -> int:
        result, shift = 0, 0
        while True:
            byte = self._data[self._position]
            self._position += 1
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result
            shift += 7

    def zigzag(self) -> int:
        number = self.varint()
        return (number >> 1) ^ -(number & 1)

    def value(self, kind: int) -> Any:
        if kind in (_BOOLEAN_TRUE, _BOOLEAN_FALSE):
            return kind == _BOOLEAN_TRUE
        if kind == _BYTE:
            self._position += 1
            return self._data[self._position - 1]
        if kind in (_I16, _I32, _I64):
            return self.zigzag()
        if kind == _DOUBLE:
            self._position += 8
            return struct.unpack_from("<d", self._data, self._position - 8)[0]
        if kind == _BINARY:
            length = self.varint()
            self._position += length
            return self._data[self._position - length : self._position]
        if kind in (_LIST, _SET):
            return self._sequence()
        if kind == _MAP:
            return self._map()
        if kind == _STRUCT:
            return self.struct()
        raise ValueError(f"unknown Thrift type {kind}")

    def struct(self) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        number = 0
        while True:
            head = self._data[self._position]
            self._position += 1
            if head == 0:
                return fields
            delta = head >> 4
            number = number + delta if delta else self.zigzag()
            fields[number] = self.value(head & 0x0F)

    def _sequence(self) -> list[Any]:
        head = self._data[self._position]
        self._position += 1
        count = head >> 4
        if count == 15:
            count = self.varint()
        kind = head & 0x0F
        if kind in (_BOOLEAN_TRUE, _BOOLEAN_FALSE):
            self._position += count
            return []
        return [self.value(kind) for _ in range(count)]

    def _map(self) -> dict[Any, Any]:
        count = self.varint()
        if not count:
            return {}
        kinds = self._data[self._position]
        self._position += 1
        return {self.value(kinds >> 4): self.value(kinds & 0x0F) for _ in range(count)}


def describe(path: str) -> dict[str, Any]:
    """Rows, columns and types; empty when the file is no whole Parquet file."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size < 12:
            return {}
        file.seek(size - 8)
        (length,), magic = struct.unpack("<I", file.read(4)), file.read(4)
        if magic != MAGIC or length > min(size, MAX_FOOTER):
            return {}
        file.seek(size - 8 - length)
        footer = file.read(length)
    try:
        fields = _Reader(footer).struct()
        schema = fields[_SCHEMA]
        leaves = [element for element in schema[1:] if not element.get(_CHILDREN)]
        types = {
            element[_NAME].decode("utf-8", "replace"): TYPES[element[_TYPE]]
            for element in leaves
            if _TYPE in element
        }
        return {"rows": fields[_ROWS], "columns": len(leaves), "types": types}
    except (IndexError, KeyError, ValueError, struct.error, AttributeError):
        return {}
