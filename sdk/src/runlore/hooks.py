"""What the training process itself says about its end: exceptions, exits, signals and forks, each told to every run."""

import atexit
import contextlib
import json
import os
import signal
import sys
import time
import weakref
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runlore.recorder import Run

MAX_TRACEBACK = 64 * 1024
MARKERS = "markers.jsonl"

_runs: "weakref.WeakSet[Run]" = weakref.WeakSet()
_installed = False
_previous_excepthook = sys.excepthook


def mark(directory: str, kind: str, /, **fields: Any) -> bool:
    """Leave a line for the sidecar; it must work in a dying process, so it tries once. False on a full disk, say."""
    line = json.dumps({"t": kind, "at": time.time(), "pid": os.getpid(), **fields}).encode() + b"\n"
    with contextlib.suppress(OSError):
        fd = os.open(
            os.path.join(directory, MARKERS), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            return os.write(fd, line) == len(line)
        finally:
            os.close(fd)
    return False


def read_markers(directory: str) -> list[dict[str, Any]]:
    """The lines left so far; a torn last one is left out."""
    try:
        with open(os.path.join(directory, MARKERS), encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found


def describe(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> dict[str, str]:
    """An exception as the server shows it."""
    import traceback

    from runlore import redact

    # The innermost frames and the message say most: the middle goes first.
    whole = "".join(traceback.format_exception(kind, error, trace))
    if len(whole) > MAX_TRACEBACK:
        whole = f"{whole[: MAX_TRACEBACK // 4]}\n…\n{whole[-MAX_TRACEBACK // 2 :]}"
    return {
        "type": kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}",
        "message": redact.text(str(error))[:2000],
        "traceback": redact.text(whole),
    }


def watch(run: "Run") -> None:
    """From now on tell this run how the process ends."""
    global _installed, _previous_excepthook
    _runs.add(run)
    if _installed:
        return
    _installed = True
    _previous_excepthook = sys.excepthook
    sys.excepthook = _excepthook
    atexit.register(_at_exit)
    os.register_at_fork(after_in_child=_after_fork)


def forget(run: "Run") -> None:
    """A finished run has nothing more to hear."""
    _runs.discard(run)


def mark_termination(run: "Run") -> None:
    """Leave a mark on SIGTERM and die of it as before: only where the kernel does not keep exit statuses for us.

    A Python handler runs between bytecodes, so a process stuck in native code would no longer die at once.
    """
    with contextlib.suppress(ValueError, OSError):
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _terminated)


def _terminated(number: int, frame: FrameType | None) -> None:
    for run in list(_runs):
        run.mark("signal", signal=number)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    with contextlib.suppress(Exception):  # the user's own traceback must be shown in any case
        # Ctrl-C has nothing more to tell, and importing `traceback` now would make Python forget to die of the signal.
        told = {"type": kind.__name__} if kind is KeyboardInterrupt else describe(kind, error, trace)
        for run in list(_runs):
            run.mark("exception", **told)
    _previous_excepthook(kind, error, trace)


def _at_exit() -> None:
    for run in list(_runs):
        run.about_to_exit()


def _after_fork() -> None:
    for run in list(_runs):
        run.forked()
