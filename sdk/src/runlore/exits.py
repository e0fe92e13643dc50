"""How a training process ended: the ladder of evidence, from what its parent saw down to "cause unknown"."""

import contextlib
import fcntl
import os
import re
import signal
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

RUNGS = ("parent", "pidfd", "zombie", "markers", "cgroup", "kernel")
_PIDFD_INFO = struct.Struct("<QQ11Ii")
_GET_INFO = (3 << 30) | (_PIDFD_INFO.size << 16) | (0xFF << 8) | 11
_INFO_EXIT = 1 << 3
SCHEDULERS = {
    "SLURM_JOB_ID": "Slurm",
    "KUBERNETES_SERVICE_HOST": "Kubernetes",
    "PBS_JOBID": "PBS",
    "LSB_JOBID": "LSF",
    "JOB_ID": "Grid Engine",
    "AWS_BATCH_JOB_ID": "AWS Batch",
    "RAY_JOB_ID": "Ray",
}
PREEMPTING = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
OUT_OF_MEMORY = re.compile(r"(?:^|\.)(?:MemoryError|_ArrayMemoryError|OutOfMemoryError)$|CUDA out of memory")


class Status(NamedTuple):
    """A wait status and the rung that gave it."""

    signal: int | None
    code: int | None
    evidence: str


class Clues(NamedTuple):
    """Everything there is to judge an end by."""

    markers: Sequence[Mapping[str, Any]]
    status: Status | None
    oom_kills: int | None
    kernel_killed: bool | None
    environment: Mapping[str, str]


def rungs() -> tuple[str, ...]:
    """The evidence that may be used: all of it, unless RUNLORE_EVIDENCE names less (for tests and doubts)."""
    chosen = os.environ.get("RUNLORE_EVIDENCE")
    return RUNGS if chosen is None else tuple(name for name in RUNGS if name in chosen.split(","))


def from_wait_status(status: int, evidence: str) -> Status:
    """Read the number that wait() gives."""
    if os.WIFSIGNALED(status):
        return Status(os.WTERMSIG(status), None, evidence)
    return Status(None, os.WEXITSTATUS(status), evidence)


def pidfd_status(pidfd: int) -> Status | None:
    """What the kernel (Linux 6.15 and newer) keeps of a process that was reaped by its own parent."""
    buffer = bytearray(_PIDFD_INFO.size)
    struct.pack_into("<Q", buffer, 0, _INFO_EXIT)
    try:
        fcntl.ioctl(pidfd, _GET_INFO, buffer)
    except OSError:
        return None
    fields = _PIDFD_INFO.unpack(buffer)
    return from_wait_status(fields[-1], "pidfd") if fields[0] & _INFO_EXIT else None


def zombie_status(pid: int, started: int) -> Status | None:
    """The exit status of a process that nobody has reaped yet."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] not in "ZX" or (started and int(fields[19]) != started):
        return None
    return from_wait_status(int(fields[49]), "zombie")


def alive(pid: int, started: int) -> bool:
    """Whether this very process still runs; another one of the same number does not count."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except FileNotFoundError:
        if os.path.exists("/proc/self/stat"):
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
    except OSError:
        return False
    return fields[0] not in "ZX" and (not started or int(fields[19]) == started)


def marker_status(markers: Sequence[Mapping[str, Any]]) -> Status | None:
    """What `runlore run` saw as the parent of the command."""
    for mark in markers:
        if mark.get("t") == "status":
            return from_wait_status(int(mark["status"]), "parent")
    return None


def kernel_says_killed(pid: int, path: str = "/dev/kmsg") -> bool | None:
    """Whether the kernel's log names this process as killed for memory; None where it may not be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    pattern = re.compile(rf"(?:Killed process|oom_reaper: reaped process) {pid} ")
    try:
        for _ in range(20_000):
            if pattern.search(os.read(fd, 8192).decode("utf-8", "replace")):
                return True
    except OSError:
        # The end of the log, or a message that was overwritten while it was read.
        return False
    finally:
        os.close(fd)
    return False


def judge(clues: Clues) -> dict[str, Any]:
    """The `exit` event's fields: state, cause in one line, signal, exit code, out of memory or not, and why we say so."""
    marks = {str(mark["t"]): mark for mark in clues.markers}
    error = marks.get("exception")
    status = clues.status
    if "finish" in marks:
        code = int(marks["finish"].get("exit_code") or 0)
        if code and error is not None and error.get("type") == "KeyboardInterrupt":
            # Ctrl-C inside `with`.
            return _killed(signal.SIGINT, "finish", clues)
        return (
            _failed(code, error, "finish") if code else _ended("finished", "finished", "finish", exit_code=0)
        )
    if error is not None and error.get("type") == "KeyboardInterrupt" and (status is None or status.code):
        # Ctrl-C ends a script with signal 2, and `python -c` with exit code 130.
        status = Status(signal.SIGINT, None, status.evidence if status else "markers")
    elif status is None and error is not None:
        status = Status(None, 1, "markers")
    if status is None and "signal" in marks:
        status = Status(int(marks["signal"]["signal"]), None, "markers")
    if status is not None and status.signal is not None:
        return _killed(status.signal, status.evidence, clues)
    if status is not None and status.code:
        return _failed(status.code, error, status.evidence)
    if status is not None:
        return _ended("finished", "finished", status.evidence, exit_code=0)
    if "atexit" in marks:
        return _ended("finished", "finished", "markers")
    return _killed(None, "none", clues)


def _failed(code: int, error: Mapping[str, Any] | None, evidence: str) -> dict[str, Any]:
    if error is None:
        cause = f"exit code {code}"
        if 128 < code < 160:
            with contextlib.suppress(ValueError):
                cause += f" (a child was killed by {signal.Signals(code - 128).name})"
        return _ended("failed", cause, evidence, exit_code=code)
    kind, message = str(error.get("type", "")), str(error.get("message", ""))
    first_line = message.strip().splitlines()[0] if message.strip() else ""
    oom = bool(OUT_OF_MEMORY.search(kind) or OUT_OF_MEMORY.search(message))
    return _ended(
        "failed",
        f"{'out of memory: ' if oom else ''}{kind}{': ' + first_line if first_line else ''}"[:300],
        evidence,
        exit_code=code,
        oom=oom,
        error={name: error.get(name) for name in ("type", "message", "traceback")},
    )


def _killed(number: int | None, evidence: str, clues: Clues) -> dict[str, Any]:
    scheduler = next((name for key, name in SCHEDULERS.items() if key in clues.environment), None)
    if clues.kernel_killed or (clues.oom_kills and number in (None, signal.SIGKILL)):
        proof = "kernel" if clues.kernel_killed else "cgroup"
        evidence = f"{evidence}+{proof}" if number else proof
        return _ended(
            "killed", "out of memory (killed by the kernel)", evidence, number=signal.SIGKILL, oom=True
        )
    if number is None:
        return _ended("killed", "killed, cause unknown", evidence, oom=None)
    name = _signal_name(number)
    if number == signal.SIGINT:
        return _ended("killed", "interrupted (Ctrl-C)", evidence, number=number)
    if number in PREEMPTING and scheduler:
        return _ended("preempted", f"preempted by {scheduler} ({name})", evidence, number=number)
    oom = None if number == signal.SIGKILL and clues.oom_kills is None else False
    return _ended("killed", f"killed by {name}", evidence, number=number, oom=oom)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _ended(
    state: str,
    cause: str,
    evidence: str,
    *,
    number: int | None = None,
    exit_code: int | None = None,
    oom: bool | None = False,
    error: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "state": state, "cause": cause, "signal": int(number) if number else None, "exit_code": exit_code,
        "oom": oom, "error": error, "evidence": evidence,
    }  # fmt: skip
