"""In the sidecar: echo what the training process prints and keep it as lines, progress bars collapsed."""

import contextlib
import ctypes
import os
import re
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from runlore import redact

STREAMS = {"stdout": 1, "stderr": 2}
READ_BYTES = 256 * 1024
LINES_AT_ONCE = 500
MAX_LINE = 8192
# A line without its end (a prompt, a progress bar) is kept after so long.
PARTIAL_SECONDS = 10.0
LAST_LINES = 50
PUNCH_BYTES = 8 * 1024 * 1024
_KEEP_SIZE_PUNCH_HOLE = 3
ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

Emit = Callable[[str, dict[str, Any]], object]


def collapse(line: str) -> str:
    """What a terminal would show of a line in the end: carriage returns overwrite, backspaces delete, colours go."""
    line = ANSI.sub("", line).rstrip("\r\n")
    if "\r" in line:
        parts = [part for part in line.split("\r") if part.strip()]
        line = parts[-1] if parts else ""
    while "\b" in line:
        line = re.sub(r"[^\b]?\b", "", line, count=1)
    line = CONTROL.sub("", line)
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"


class Stream:
    """One of the two files that the training process writes."""

    def __init__(self, name: str, path: str, *, echo: int | None, position: int, line: int) -> None:
        self.name = name
        self.path = path
        self.echo = echo
        self.position = position
        self.line = line
        self._fd = -1
        self._partial = b""
        self._partial_since = time.monotonic()
        self._punched = position

    def pump(self, emit: Emit, last: deque[str], *, final: bool = False) -> bool:
        """Take in what is new; True when there was something."""
        if self._fd < 0:
            try:
                self._fd = os.open(self.path, os.O_RDWR)
            except OSError:
                return False
        data = os.pread(self._fd, READ_BYTES, self.position)
        if data:
            self.position += len(data)
            self._show(data)
            self._partial_since = time.monotonic()
        *lines, self._partial = (self._partial + data).split(b"\n")
        overdue = self._partial and time.monotonic() - self._partial_since > PARTIAL_SECONDS
        if self._partial and ((final and not data) or overdue or len(self._partial) > READ_BYTES):
            lines.append(self._partial)
            self._partial = b""
        clean = [redact.text(collapse(line.decode("utf-8", "replace"))) for line in lines]
        for start in range(0, len(clean), LINES_AT_ONCE):
            part = clean[start : start + LINES_AT_ONCE]
            emit("log", {"source": self.name, "first_line": self.line, "lines": part})
            self.line += len(part)
        last.extend(line for line in clean if line.strip())
        self._punch()
        return bool(data)

    def _show(self, data: bytes) -> None:
        if self.echo is None:
            return
        try:
            while data:
                data = data[os.write(self.echo, data) :]
        except OSError:
            # Nobody reads any more; what is printed is still kept.
            self.echo = None

    def _punch(self) -> None:
        """Give the disk back what has been taken in: a chatty job must not fill it."""
        if self.position - self._punched < PUNCH_BYTES:
            return
        with contextlib.suppress(OSError, AttributeError):
            libc = ctypes.CDLL(None, use_errno=True)
            libc.fallocate(
                self._fd, _KEEP_SIZE_PUNCH_HOLE,
                ctypes.c_longlong(self._punched), ctypes.c_longlong(self.position - self._punched),
            )  # fmt: skip
        self._punched = self.position


class Output:
    """Both streams of a run."""

    def __init__(
        self, directory: str, *, echo: bool, emit: Emit, positions: dict[str, list[int]] | None
    ) -> None:
        self.last: deque[str] = deque(maxlen=LAST_LINES)
        self._emit = emit
        self._streams = []
        for name, fd in STREAMS.items():
            position, line = (positions or {}).get(name, [0, 0])
            path = os.path.join(directory, name)
            self._streams.append(Stream(name, path, echo=fd if echo else None, position=position, line=line))

    def pump(self, *, final: bool = False) -> bool:
        """Take in what both have; True when there was something."""
        found = [stream.pump(self._emit, self.last, final=final) for stream in self._streams]
        return any(found)

    def drain(self) -> None:
        """Take in everything up to the end."""
        while self.pump(final=True):
            pass

    def positions(self) -> dict[str, list[int]]:
        """Where to go on after a restart."""
        return {stream.name: [stream.position, stream.line] for stream in self._streams}
