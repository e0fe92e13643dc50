"""Append records to a run's spool: once a call returns, its records survive whatever kills the process next."""

import json
import os
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runlore import launch, limits, records

ROTATE_BYTES = 64 * 1024 * 1024
RESERVE_BYTES = 32 * 1024 * 1024
RETRY_SECONDS = 5.0
_ONE_POINT = struct.Struct("<BIqdId").pack
_POINTS = records.POINTS
_CRC = struct.Struct("<I").pack
_crc32 = zlib.crc32
_write = os.write
ONE_POINT_PAYLOAD = 28
ONE_POINT_SIZE = 37


class Segment:
    """An open file being appended to, how much more it should take, and the numbers its metric names have got in it."""

    __slots__ = ("fd", "keys", "left")

    def __init__(self, fd: int, left: int) -> None:
        self.fd = fd
        self.keys: dict[str, int] = {}
        self.left = left


# Stands where no file may be written to: it knows no name and has no room, so that every record takes the slow path.
NOWHERE = Segment(-1, 0)


class Spool:
    """One stream: its segments on disk and, while the disk refuses, a bounded reserve in memory.

    `segment` is the one on disk while that takes everything, else NOWHERE.
    """

    def __init__(
        self,
        directory: str,
        *,
        run: str,
        project: str,
        warn: Callable[[str], None],
        reserve_fd: int = -1,
        reserve_stream: str = "",
        rotate_bytes: int = ROTATE_BYTES,
        stream: str | None = None,
    ) -> None:
        self.directory = directory
        self.stream = stream or os.urandom(8).hex()
        self.segment = NOWHERE
        self.dropped = 0
        self._run = run
        self._project = project
        self._warn = warn
        self._rotate_bytes = rotate_bytes
        self._number = -1
        self._disk = NOWHERE
        self._lock = threading.RLock()
        self._retry_at = 0.0
        self._reported = 0
        self._reserve = NOWHERE
        if reserve_fd >= 0:
            self._reserve = Segment(reserve_fd, RESERVE_BYTES)
            self._reserve_stream = reserve_stream
        self._open()

    def point(self, step: int, at: float, name: str, value: float) -> None:
        """The hot path: one scalar of a known name is one packed record and one os.write; `look` counts for it."""
        segment = self.segment
        body = _ONE_POINT(_POINTS, ONE_POINT_PAYLOAD, step, at, segment.keys[name], value)
        if _write(segment.fd, body + _CRC(_crc32(body))) != ONE_POINT_SIZE:
            raise OSError("short write")

    def look(self) -> None:
        """Every few seconds: is the segment full, so that the next record begins another?"""
        with self._lock:
            if self._disk is not NOWHERE:
                self._disk.left = self._rotate_bytes - os.fstat(self._disk.fd).st_size
                if self._disk.left <= 0:
                    self.segment = NOWHERE

    def points(self, step: int, at: float, pairs: Iterable[tuple[str, float]]) -> None:
        """Append the values of one `log` call as one record."""
        flat = list(pairs)
        self._append(lambda segment: self._points_frame(segment, step, at, flat))

    def event(self, kind: str, fields: Mapping[str, Any], at: float | None = None) -> bool:
        """Append an event; what JSON cannot hold has been made plain before. False when it is larger than a record may be."""
        body = {"t": kind, "at": round(time.time() if at is None else at, 3), **limits.fit(fields)}
        payload = json.dumps(body, separators=(",", ":"), default=str).encode()
        if len(payload) > records.MAX_PAYLOAD:
            self._warn(
                f"a {kind} of {len(payload) >> 20} MiB is larger than a record may be and was left out"
            )
            self.dropped += 1
            return False
        whole = records.frame(records.EVENT, payload)
        self._append(lambda segment: whole)
        return True

    def forked(self) -> None:
        """In a forked child: leave the parent's stream alone and begin one of our own on the next record."""
        self._lock = threading.RLock()
        self.stream = os.urandom(8).hex()
        self._number = -1
        self._reserve = NOWHERE
        self.segment = self._disk = NOWHERE

    def close(self) -> None:
        """Stop writing."""
        self.report_dropped()
        with self._lock:
            for segment in (self._disk, self._reserve):
                launch.retire(segment.fd)
            self.segment = self._disk = self._reserve = NOWHERE
            self._retry_at = float("inf")

    def report_dropped(self) -> None:
        """Tell the server how many records found no place, as soon as one event fits again."""
        dropped = self.dropped
        missing = dropped - self._reported
        if missing:
            self._reported = dropped
            self.event("dropped", {"count": missing, "reason": "no space left for the spool"})
            if self.dropped > dropped:
                # That found no place either: it is told with the rest, later.
                self.dropped, self._reported = dropped, dropped - missing

    # -- the slow path ------------------------------------------------------------------------------------

    def _append(self, build: Callable[[Segment], bytes]) -> None:
        with self._lock:
            for segment in (self._on_disk(), self._reserve):
                if segment.left > 0 and self._put(segment, build):
                    self.segment = segment if segment is self._disk else NOWHERE
                    return
            self.segment = NOWHERE
            self.dropped += 1

    def _on_disk(self) -> Segment:
        """The segment on disk to write to; NOWHERE while a disk that refused is left in peace."""
        if time.monotonic() < self._retry_at:
            return NOWHERE
        if self._disk.left <= 0:
            self._open()
        elif self.segment is NOWHERE:
            self.report_dropped()
        return self._disk

    def _put(self, segment: Segment, build: Callable[[Segment], bytes]) -> bool:
        try:
            data = build(segment)
            written = _write(segment.fd, data)
            segment.left -= written
            if written == len(data):
                return True
            reason = "no space left"
        except OSError as error:
            reason = error.strerror or str(error)
        if segment is self._disk:
            # A name whose record was torn must be written again.
            segment.keys.clear()
            self._retry_at = time.monotonic() + RETRY_SECONDS
            self._warn(f"cannot write to {self.directory} ({reason}): keeping up to "
                       f"{RESERVE_BYTES >> 20} MiB in memory, training goes on")  # fmt: skip
        return False

    def _points_frame(self, segment: Segment, step: int, at: float, pairs: list[tuple[str, float]]) -> bytes:
        before = b""
        flat: list[float] = []
        for name, value in pairs:
            key = segment.keys.get(name)
            if key is None:
                key = segment.keys[name] = len(segment.keys)
                before += records.key_frame(key, name)
            flat.append(key)
            flat.append(value)
        payload = struct.pack("<qd" + "Id" * len(pairs), step, at, *flat)
        return before + records.frame(records.POINTS, payload)

    def _open(self) -> None:
        name = records.segment_name(self.stream, self._number + 1)
        path = os.path.join(self.directory, name)
        header = records.header_frame(
            run=self._run, project=self._project, stream=self.stream, segment=self._number + 1, at=time.time()
        )
        try:
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            _write(fd, header)
        except OSError as error:
            if self._disk is NOWHERE:
                self._retry_at = time.monotonic() + RETRY_SECONDS
                self._warn(f"cannot write to {self.directory} ({error.strerror})")
            else:
                # The full segment is still the best place there is.
                self._disk.left = self._rotate_bytes
            return
        launch.retire(self._disk.fd)
        self._number += 1
        self.segment = self._disk = Segment(fd, self._rotate_bytes)


def open_reserve(run: str, project: str) -> tuple[int, str]:
    """A file in memory, shared with the sidecar, for the time when the disk is full; (-1, "") where there is none."""
    if not hasattr(os, "memfd_create"):
        return -1, ""
    stream = os.urandom(8).hex()
    try:
        fd = os.memfd_create("runlore", os.MFD_CLOEXEC)
        _write(fd, records.header_frame(run=run, project=project, stream=stream, segment=0, at=time.time()))
    except OSError:
        return -1, ""
    return fd, stream
