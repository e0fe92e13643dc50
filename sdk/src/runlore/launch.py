"""Start the sidecar: a process of its own session that holds nothing of the training process but a few descriptors."""

import contextlib
import fcntl
import json
import os
import select
import sys
import time
from collections.abc import Iterable
from typing import Any

# Forks before anything is imported: `init` waits for the first process, and that one ends at once.
BOOT = """import os, sys
if os.fork():
    os._exit(0)
sys.path.insert(0, sys.argv[1])
from runlore.sidecar import main
main(sys.argv[2])
"""
WAKE_FD, BACK_FD, RESERVE_FD, PROCESS_FD = 3, 4, 5, 6
# Far from the numbers that a daemon's closerange or a shell's redirections use.
HIGH_FD = 64
KEPT_OPEN = 8

_retired: list[int] = []


class Sidecar:
    """The training process's two pipes to its sidecar: one to wake it, one to hear from it."""

    def __init__(self, wake: int, back: int) -> None:
        self._wake = wake
        self._back = back
        self._heard = b""
        self.alive = True
        self.said: dict[str, Any] = {}

    def wake(self, word: bytes) -> None:
        """One letter: `f` the run is finished, `a` the process is about to exit, `w` read the spool now."""
        try:
            os.write(self._wake, word)
        except BlockingIOError:
            pass
        except OSError:
            self.alive = False

    def listen(self, until: str, seconds: float) -> bool:
        """Hear what the sidecar says for at most so long; True when it said `until`."""
        end = time.monotonic() + seconds
        while True:
            self._hear()
            if until in self.said or not self.alive or self.said.get("problem"):
                return until in self.said
            left = end - time.monotonic()
            if left <= 0:
                return False
            poll = select.poll()
            poll.register(self._back, select.POLLIN)
            poll.poll(left * 1000)

    def close(self) -> None:
        """Let go of both pipes."""
        for fd in (self._wake, self._back):
            with contextlib.suppress(OSError):
                os.close(fd)
        self._wake = self._back = -1
        self.alive = False

    def _hear(self) -> None:
        try:
            while chunk := os.read(self._back, 65536):
                self._heard += chunk
            self.alive = False
        except BlockingIOError:
            pass
        except OSError:
            self.alive = False
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            self.said.update(json.loads(line))


def start(
    directory: str, *, token: str | None, reserve_fd: int = -1, originals: Iterable[tuple[int, int]] = ()
) -> Sidecar | None:
    """Start the sidecar for a run's directory; None where that cannot be (the spool is then sent by `runlore sync`).

    `originals` says where output went before it was led into files: a sidecar that echoed into those would never end.
    """
    if not sys.executable or getattr(sys, "frozen", False) or not hasattr(os, "posix_spawn"):
        # In a frozen program sys.executable is the program itself.
        return None
    wake_read, wake_write = _pipe()
    back_read, back_write = _pipe()
    package_parent = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = {name: value for name, value in os.environ.items() if name != "RUNLORE_TOKEN"}
    if token:
        environment["RUNLORE_TOKEN"] = token
    actions: list[tuple[Any, ...]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, wake_read, WAKE_FD),
        (os.POSIX_SPAWN_DUP2, back_write, BACK_FD),
    ]
    actions += [(os.POSIX_SPAWN_DUP2, saved, fd) for fd, saved in originals]
    # Opened here: a process killed in its first moments would be gone before the sidecar could look.
    process_fd = _own_pidfd()
    if process_fd >= 0:
        actions.append((os.POSIX_SPAWN_DUP2, process_fd, PROCESS_FD))
    if reserve_fd >= 0:
        actions.append((os.POSIX_SPAWN_DUP2, reserve_fd, RESERVE_FD))
    try:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", "-c", BOOT, package_parent, directory],
            environment,
            file_actions=actions,
            setsigmask=(),
        )
    except OSError:
        os.close(wake_write)
        os.close(back_read)
        return None
    finally:
        for fd in (wake_read, back_write, process_fd):
            if fd >= 0:
                os.close(fd)
    os.set_blocking(wake_write, False)
    os.set_blocking(back_read, False)
    _reap(pid)
    return Sidecar(wake_write, back_read)


def move_high(fd: int) -> int:
    """The same open file under a number that other code does not reach for."""
    try:
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, HIGH_FD)
    except OSError:
        return fd
    os.close(fd)
    return high


def retire(fd: int) -> None:
    """Close a descriptor some time later: another thread may still be inside os.write with it."""
    if fd >= 0:
        _retired.append(fd)
    while len(_retired) > KEPT_OPEN:
        with contextlib.suppress(OSError):
            os.close(_retired.pop(0))


def _own_pidfd() -> int:
    try:
        return move_high(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        # Not Linux, or a kernel before 5.3.
        return -1


def _pipe() -> tuple[int, int]:
    read, write = os.pipe()
    return move_high(read), move_high(write)


def _reap(pid: int) -> None:
    """The started process forks the real sidecar and ends at once, so that the user's own os.wait() never meets it."""
    for _ in range(200):
        try:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return
        except OSError:
            return
        time.sleep(0.0005)
