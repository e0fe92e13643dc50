"""Just enough of Protocol Buffers and of two record files to read TensorBoard's and wandb's data without their packages."""

import struct
from collections.abc import Iterator
from typing import Any

BLOCK = 32768
WANDB_HEADER = 7


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message in order: numbers as unsigned integers, the rest as bytes."""
    position = 0
    while position < len(data):
        tag, position = varint(data, position)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, position = varint(data, position)
            yield number, value
        elif kind == 1:
            yield number, data[position : position + 8]
            position += 8
        elif kind == 2:
            length, position = varint(data, position)
            yield number, data[position : position + length]
            position += length
        elif kind == 5:
            yield number, data[position : position + 4]
            position += 4
        else:
            raise ValueError(f"unknown wire type {kind}")


def varint(data: bytes, position: int) -> tuple[int, int]:
    """One variable-length integer and where it ends."""
    result, shift = 0, 0
    while True:
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
        shift += 7


def tf_records(path: str) -> Iterator[bytes]:
    """The records of a TensorBoard event file; a cut one at the end is left out."""
    with open(path, "rb") as file:
        while len(head := file.read(12)) == 12:
            (length,) = struct.unpack_from("<Q", head)
            body = file.read(length)
            if len(body) < length or len(file.read(4)) < 4:
                return
            yield body


def leveldb_records(path: str) -> Iterator[bytes]:
    """The records of a wandb file: LevelDB's log format behind a header of seven bytes."""
    with open(path, "rb") as file:
        data = file.read()
    position, parts = WANDB_HEADER, []
    while position + 7 <= len(data):
        left = BLOCK - position % BLOCK
        if left < 7:
            position += left
            continue
        length, kind = struct.unpack_from("<HB", data, position + 4)
        body = data[position + 7 : position + 7 + length]
        if kind not in (1, 2, 3, 4) or len(body) < length:
            return
        position += 7 + length
        parts.append(body)
        # 1 is whole, 4 is the last part of several.
        if kind in (1, 4):
            yield b"".join(parts)
            parts = []


def signed(value: int) -> int:
    """An int64 that came as an unsigned number."""
    return value - (1 << 64) if value >= 1 << 63 else value
