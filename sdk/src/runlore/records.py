"""The spool's records: how one is laid out, and how to read them back from a file that may be torn or damaged."""

import json
import os
import struct
import zlib
from typing import Any, NamedTuple

HEADER, KEY, POINTS, EVENT = ord("H"), ord("K"), ord("P"), ord("E")
KINDS = frozenset((HEADER, KEY, POINTS, EVENT))
MAX_PAYLOAD = 8 * 1024 * 1024
SUFFIX = ".spool"

_FRAME = struct.Struct("<BI")
_CRC = struct.Struct("<I")
_POINT = struct.Struct("<qd")
_PAIR = struct.Struct("<Id")
_KEY = struct.Struct("<I")
_OVERHEAD = _FRAME.size + _CRC.size


class Record(NamedTuple):
    """One record as read back; `end` is the offset behind it in its segment."""

    seq: int
    kind: int
    end: int
    value: Any


def frame(kind: int, payload: bytes) -> bytes:
    """Wrap a payload so that a torn or damaged record is told from a whole one."""
    body = _FRAME.pack(kind, len(payload)) + payload
    return body + _CRC.pack(zlib.crc32(body))


def header_frame(*, run: str, project: str, stream: str, segment: int, at: float) -> bytes:
    """The first frame of every segment: whose records follow."""
    fields = {"runlore": 1, "run": run, "project": project, "stream": stream, "segment": segment, "at": at}
    return frame(HEADER, json.dumps(fields).encode())


def key_frame(key: int, name: str) -> bytes:
    """Gives a metric name its number for the rest of the segment."""
    return frame(KEY, _KEY.pack(key) + name.encode("utf-8", "surrogatepass"))


def segment_name(stream: str, segment: int) -> str:
    """The file that holds a stream's n-th segment."""
    return f"{stream}-{segment:06d}{SUFFIX}"


def parse_segment_name(name: str) -> tuple[str, int] | None:
    """The stream and number in a segment's file name, or None for any other file."""
    stream, dash, number = name.removesuffix(SUFFIX).rpartition("-")
    return (stream, int(number)) if dash and name.endswith(SUFFIX) and number.isdigit() else None


def _frame_at(data: bytes, position: int) -> int:
    """The end of the valid frame at `position`; 0 when it is incomplete, -1 when it is none."""
    if data[position] not in KINDS:
        return -1
    if len(data) - position < _FRAME.size:
        return 0
    _, length = _FRAME.unpack_from(data, position)
    if length > MAX_PAYLOAD:
        return -1
    end = position + _OVERHEAD + length
    if end > len(data):
        return 0
    (crc,) = _CRC.unpack_from(data, end - _CRC.size)
    return end if zlib.crc32(data[position : end - _CRC.size]) == crc else -1


def _next_frame(data: bytes, start: int) -> int:
    """Where the next whole frame begins behind damage; 0 when there is none yet.

    Text payloads hold no zero byte and every frame's length does, so logged text cannot pass for a frame.
    """
    for position in range(start, len(data)):
        if data[position] in KINDS and _frame_at(data, position) > 0:
            return position
    return 0


class Segment:
    """Reads one segment from its start, remembering names; `poll` goes on where the file had ended.

    `at_end`: the last poll found nothing new; `full`: it found more than it may take at once.
    """

    def __init__(self, path: str, first: int) -> None:
        self.path = path
        self.next = first
        self.damaged = 0
        self.at_end = False
        self.full = False
        self._fd = os.open(path, os.O_RDONLY)
        self._position = 0
        self._tail = b""
        self._names: dict[int, str] = {}

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._fd)

    def poll(self, *, limit: int = 1024 * 1024, final: bool = False) -> list[Record]:
        """The records written since the last call; `final` gives up on an incomplete tail."""
        stuck = bool(self._tail)
        chunk = os.pread(self._fd, limit, self._position + len(self._tail))
        self.at_end, self.full = not chunk, len(chunk) == limit
        data = self._tail + chunk
        found: list[Record] = []
        position = 0
        while position < len(data):
            end = _frame_at(data, position)
            if end > 0:
                record = self._record(data, position, end)
                if record is not None:
                    found.append(record)
                position = end
                continue
            # An incomplete record may still be under way: it is called torn when the next poll finds it so.
            waiting = end == 0 and not final and not (stuck and position == 0)
            behind = 0 if waiting else _next_frame(data, position + 1)
            if not behind:
                break
            self.damaged += behind - position
            position = behind
        if final and not chunk:
            self.damaged += len(data) - position
            position = len(data)
        self._position += position
        self._tail = data[position:]
        return found

    def _record(self, data: bytes, position: int, end: int) -> Record | None:
        kind = data[position]
        payload = data[position + _FRAME.size : end - _CRC.size]
        if kind == HEADER:
            return None
        seq = self.next
        self.next += 1
        try:
            value = self._value(kind, payload)
        except (ValueError, RecursionError, struct.error):
            # Whole, but not of our making: it keeps its number, as a name's record does, and those behind it are good.
            self.damaged += end - position
            kind, value = KEY, None
        return Record(seq=seq, kind=kind, end=self._position + end, value=value)

    def _value(self, kind: int, payload: bytes) -> Any:
        if kind == KEY:
            (key,) = _KEY.unpack_from(payload)
            self._names[key] = payload[_KEY.size :].decode("utf-8", "replace")
            return None
        if kind == EVENT:
            event = json.loads(payload)
            if not isinstance(event, dict):
                raise ValueError("an event is an object")
            return event
        step, at = _POINT.unpack_from(payload)
        pairs = _PAIR.iter_unpack(payload[_POINT.size :])
        # A name whose own record was damaged is gone: its values are told apart by its number.
        return step, at, [(self._names.get(key, f"unknown/{key}"), value) for key, value in pairs]


def segments(directory: str) -> dict[str, list[int]]:
    """Every stream in a run's directory with the numbers of its segments, in order."""
    found: dict[str, list[int]] = {}
    for name in os.listdir(directory):
        parsed = parse_segment_name(name)
        if parsed:
            found.setdefault(parsed[0], []).append(parsed[1])
    return {stream: sorted(numbers) for stream, numbers in sorted(found.items())}
