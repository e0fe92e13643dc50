"""Read a run's streams from its directory and put their records into the batches of the wire."""

import base64
import contextlib
import json
import math
import os
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Any

from runlore import records
from runlore.records import EVENT, POINTS, Record, Segment

READ_BYTES = 256 * 1024
BATCH_RECORDS = 5000
BATCH_BYTES = 4 * 1024 * 1024
# A thread of the trainer may still be writing into the segment that another has just left.
SETTLE_SECONDS = 0.5
STATE = "state.json"
LOCAL_KINDS = frozenset(("read_dataset", "read_artifact", "mark"))
# Steps, milliseconds and values of one metric.
Columns = tuple[list[int], list[int], list[float]]


class Source:
    """One stream: its records from the first that the server has not taken."""

    def __init__(
        self, directory: str, stream: str, state: Mapping[str, Any], memory: str | None = None
    ) -> None:
        self.stream = stream
        self.next = int(state.get("next", 0))
        self._directory = directory
        self._memory = memory
        self._number = int(state.get("segment", 0))
        self._first = int(state.get("first", 0))
        self._segment: Segment | None = None
        self._read: list[Record] = []
        self._quiet_since = time.monotonic()
        self._damaged = 0

    @property
    def damaged(self) -> int:
        """Bytes that held no whole record."""
        return self._damaged + (self._segment.damaged if self._segment else 0)

    @property
    def state(self) -> dict[str, int]:
        """Where to go on after a restart."""
        return {"next": self.next, "segment": self._number, "first": self._first}

    @property
    def behind(self) -> bool:
        """Whether there were more records at the last look than have been sent."""
        return bool(self._read) or self._segment is None or self._segment.full or self._has_next()

    def take(self, *, final: bool = False) -> list[Record]:
        """The next records to send; the same ones until `ack`."""
        while not self._read:
            segment = self._open()
            if segment is None:
                return []
            found = segment.poll(limit=READ_BYTES, final=final)
            self._read = [record for record in found if record.seq >= self.next]
            if found or not segment.at_end:
                self._quiet_since = time.monotonic()
            elif not self._turn_over(segment, final):
                return []
        return self._read[:BATCH_RECORDS]

    def ack(self, next_seq: int) -> None:
        """The server has everything before `next_seq`."""
        self.next = next_seq
        self._read = [record for record in self._read if record.seq >= next_seq]

    def seek(self, seq: int) -> bool:
        """Go to the record the server asks for; False when it is not here any more."""
        if seq < self._first:
            return False
        self._close()
        self.next, self._read = seq, []
        return True

    def _open(self) -> Segment | None:
        if self._segment is None:
            name = records.segment_name(self.stream, self._number)
            try:
                self._segment = Segment(self._memory or os.path.join(self._directory, name), self._first)
            except OSError:
                return None
        return self._segment

    def _turn_over(self, segment: Segment, final: bool) -> bool:
        if self._memory is not None:
            return False
        settled = final or time.monotonic() - self._quiet_since > SETTLE_SECONDS
        if not settled or not self._has_next():
            return False
        segment.poll(final=True)
        before = segment.path
        self._first, self._number = segment.next, self._number + 1
        self._close()
        with contextlib.suppress(OSError):
            os.unlink(before)
        return True

    def _has_next(self) -> bool:
        name = records.segment_name(self.stream, self._number + 1)
        return self._memory is None and os.path.exists(os.path.join(self._directory, name))

    def _close(self) -> None:
        if self._segment is not None:
            self._damaged += self._segment.damaged
            self._segment.close()
            self._segment = None


def batch(description: Mapping[str, Any], stream: str, found: list[Record]) -> tuple[dict[str, Any], int]:
    """A request body for as many of these records as fit, and the sequence number behind them."""
    events: list[dict[str, Any]] = []
    series: dict[str, Columns] = {}
    size = 0
    first = found[0].seq
    end = first
    for record in found:
        size += 40
        if record.kind == EVENT:
            size += len(json.dumps(record.value))
        if size > BATCH_BYTES and end > first:
            break
        end = record.seq + 1
        if record.kind == POINTS:
            _add_points(series, record.value)
        elif record.kind == EVENT and record.value.get("t") not in LOCAL_KINDS:
            events.append({"seq": record.seq, **record.value})
    body = {
        "v": 1, "project": description["project"], "run": description["run"], "stream": stream,
        "first": first, "count": end - first, "sent_at": round(time.time(), 3),
        "events": events, "series": [_told(name, *columns) for name, columns in series.items()],
    }  # fmt: skip
    return body, end


def nothing(description: Mapping[str, Any], stream: str, seq: int) -> dict[str, Any]:
    """A batch of no records: it changes nothing and is answered like any other."""
    return {
        "v": 1, "project": description["project"], "run": description["run"], "stream": stream,
        "first": seq, "count": 0, "sent_at": round(time.time(), 3), "events": [], "series": [],
    }  # fmt: skip


def skipped(description: Mapping[str, Any], stream: str, seq: int, reason: str) -> dict[str, Any]:
    """In place of one record that the server will never take: the word that it was left out."""
    event = {"seq": seq, "t": "dropped", "at": round(time.time(), 3), "count": 1, "reason": reason}
    return {
        "v": 1, "project": description["project"], "run": description["run"], "stream": stream,
        "first": seq, "count": 1, "sent_at": round(time.time(), 3), "events": [event], "series": [],
    }  # fmt: skip


def _add_points(series: dict[str, Columns], value: tuple[int, float, list[tuple[str, float]]]) -> None:
    step, at, pairs = value
    moment = round(at * 1000) if math.isfinite(at * 1000) else 0
    for name, number in pairs:
        columns = series.get(name)
        if columns is None:
            columns = series[name] = ([], [], [])
        columns[0].append(step)
        columns[1].append(moment)
        columns[2].append(number)


def _told(name: str, steps: list[int], moments: list[int], numbers: list[float]) -> dict[str, Any]:
    """A series of the wire: regular steps and times are differences that compress to nothing."""
    return {"k": name, "s": _differences(steps), "ms": _differences(moments), "v": _values(numbers)}


def _differences(numbers: Sequence[int]) -> list[int]:
    return [after - before for before, after in zip([0, *numbers], numbers, strict=False)]


def _values(numbers: list[float]) -> list[float | int | str] | str:
    """The numbers, or where their digits would take more room, their bytes: all first bytes, all second ones, and so on.

    Bytes of one place are alike (signs and exponents, and the last ones of what was once single precision).
    """
    shown = [_shown(number) for number in numbers]
    raw = struct.pack(f"<{len(numbers)}d", *numbers)
    packed = base64.b64encode(b"".join(raw[place::8] for place in range(8))).decode()
    return packed if len(packed) < len(json.dumps(shown, separators=(",", ":"))) else shown


def _shown(number: float) -> float | int | str:
    if math.isfinite(number):
        # 5.0 and 5 are one number; the shorter one is sent.
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    return "nan" if number != number else "inf" if number > 0 else "-inf"


def marks(memory: str | None) -> list[dict[str, Any]]:
    """What the training process had to leave in the reserve because its directory was full."""
    found: list[dict[str, Any]] = []
    with contextlib.suppress(OSError):
        segment = Segment(memory or os.devnull, 0)
        while some := segment.poll():
            events = [one.value for one in some if one.kind == EVENT]
            found += [
                one["mark"] for one in events if one.get("t") == "mark" and isinstance(one.get("mark"), dict)
            ]
        segment.close()
    return found


def read_state(directory: str) -> dict[str, Any]:
    """What has been sent so far and whether the run's end was told."""
    try:
        with open(os.path.join(directory, STATE), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_state(directory: str, state: Mapping[str, Any]) -> None:
    """Replace the state in one step; a full disk only means that something is sent twice."""
    path = os.path.join(directory, STATE)
    with contextlib.suppress(OSError):
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(state, file)
        os.replace(path + ".new", path)
