"""In the training process: lead file descriptors 1 and 2 into files that the sidecar echoes and keeps."""

import contextlib
import io
import os
import sys
from collections.abc import Callable
from typing import Any

from runlore import launch

STREAMS = {"stdout": 1, "stderr": 2}
MODES = ("auto", "fd", "stream", "off")
# With less room than this the output stays where it was: a full disk must not make `print` raise.
ROOM_BYTES = 256 * 1024 * 1024

# The process whose output a run has; runs that overlap in it would each restore what another has led away.
_taken_by = 0


class Redirected:
    """File descriptors that lead into files until `restore`."""

    def __init__(self) -> None:
        self._saved: list[tuple[int, int]] = []

    @property
    def originals(self) -> list[tuple[int, int]]:
        """Each descriptor with the one that leads where it led before."""
        return list(self._saved)

    def lead(self, fd: int, path: str) -> None:
        """From now on what is written to `fd` goes to the end of the file."""
        target = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._saved.append((fd, launch.move_high(os.dup(fd))))
        os.dup2(target, fd)
        os.close(target)

    def restore(self) -> None:
        """Lead the descriptors back to where they were."""
        _give_back()
        _flush()
        for fd, saved in self._saved:
            with contextlib.suppress(OSError):
                os.dup2(saved, fd)
                os.close(saved)
        self._saved.clear()


class Hooked:
    """Python's own streams with a copy of what is written to them; for terminals and notebooks."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []
        self._copies: dict[str, int] = {}
        self.originals: list[tuple[int, int]] = []

    def copy(self, name: str, path: str) -> None:
        """Append to the file what is written to the stream."""
        stream = getattr(sys, name)
        self._copies[name] = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        write = stream.write

        def copying(text: str) -> Any:
            # The user's own write must happen in any case; who kept this one writes past a run that is over.
            with contextlib.suppress(Exception):
                os.write(self._copies[name], text.encode("utf-8", "replace"))
            return write(text)

        stream.write = copying
        self._undo.append(lambda: self._uncopy(stream, write))

    @staticmethod
    def _uncopy(stream: Any, write: Any) -> None:
        with contextlib.suppress(AttributeError):
            stream.write = write

    def restore(self) -> None:
        """Take the copies away."""
        _give_back()
        for undo in self._undo:
            undo()
        self._undo.clear()
        while self._copies:
            launch.retire(self._copies.popitem()[1])


def choose(directory: str, mode: str) -> str:
    """The way to capture: `fd`, `stream` or `off`; the output goes to the first of runs that overlap."""
    if _taken_by == os.getpid():
        return "off"
    return _best(directory) if mode not in MODES or mode == "auto" else mode


def start(directory: str, mode: str) -> Redirected | Hooked | None:
    """Begin capturing in the chosen way; None when it is off or nothing can be captured."""
    global _taken_by
    if mode == "off":
        return None
    try:
        found = _by_descriptor(directory) if mode == "fd" else _by_stream(directory)
    except (OSError, ValueError, AttributeError):
        return None
    _taken_by = os.getpid()
    return found


def _give_back() -> None:
    global _taken_by
    _taken_by = 0


def _best(directory: str) -> str:
    """Descriptors catch native libraries too; a terminal must stay a terminal, and a notebook has none."""
    room = os.statvfs(directory)
    if room.f_bavail * room.f_frsize < ROOM_BYTES:
        return "stream"
    for name, fd in STREAMS.items():
        stream = getattr(sys, name)
        try:
            if stream.fileno() != fd or os.isatty(fd):
                return "stream"
        except (OSError, ValueError, AttributeError, io.UnsupportedOperation):
            return "stream"
    return "fd"


def _by_descriptor(directory: str) -> Redirected:
    redirected = Redirected()
    _flush()
    for name, fd in STREAMS.items():
        redirected.lead(fd, os.path.join(directory, name))
        # A file is block-buffered by default: lines would be lost when the process is killed.
        with contextlib.suppress(AttributeError, ValueError):
            getattr(sys, name).reconfigure(line_buffering=True)
    return redirected


def _by_stream(directory: str) -> Hooked:
    hooked = Hooked()
    for name in STREAMS:
        hooked.copy(name, os.path.join(directory, name))
    return hooked


def _flush() -> None:
    for name in STREAMS:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            getattr(sys, name).flush()
