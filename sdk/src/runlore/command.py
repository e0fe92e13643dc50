"""`runlore run -- CMD`: run a command unchanged as a run, and know for certain how it ended."""

import argparse
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from types import FrameType

from runlore import api, output, settings
from runlore.cli import Problem
from runlore.recorder import Run

FOLLOW_SECONDS = 0.2
FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def run(argv: Sequence[str], options: argparse.Namespace) -> int:
    """Start the command with its output led into the run, pass signals on, and end as it ended."""
    patterns = [_pattern(text) for text in options.metric]
    if shutil.which(argv[0]) is None:
        script = os.path.isfile(argv[0])
        cure = f"it is a file; try `runlore run -- {'python ' if argv[0].endswith('.py') else './'}{argv[0]}`"
        raise Problem(f"cannot run {argv[0]}: {cure if script else 'there is no such command'}")
    # The command's output goes through our descriptors, terminal or not.
    os.environ.setdefault("RUNLORE_CONSOLE", "fd")
    found = settings.load(
        project=options.project, name=options.name, group=options.group, notes=options.notes,
        tags=options.tag or None,
    )  # fmt: skip
    try:
        api.check_project(found.project)
    except ValueError as error:
        raise Problem(str(error)) from None
    started = api.start(found, {}, command=list(argv))
    environment = {
        **os.environ,
        "RUNLORE_INSIDE": started.dir,
        "RUNLORE_SILENT": os.environ.get("RUNLORE_SILENT", ""),
    }
    try:
        child = subprocess.Popen(argv, env=environment)
    except OSError as error:
        started.finish(exit_code=127)
        raise Problem(f"cannot run {argv[0]}: {error.strerror}") from None
    for number in FORWARDED:
        signal.signal(number, lambda got, _frame: _pass_on(child, got, _frame))
    follower = Follower(started, patterns)
    follower.start()
    status = _wait(child)
    follower.finish()
    started.mark("status", status=status)
    started.finish_as_marked()
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _wait(child: "subprocess.Popen[bytes]") -> int:
    """The wait status itself: it tells a signal from an exit code."""
    while True:
        try:
            _, status = os.waitpid(child.pid, 0)
        except KeyboardInterrupt:
            # The terminal has sent Ctrl-C to the command too: how it takes that decides.
            continue
        child.returncode = os.waitstatus_to_exitcode(status)
        return status


def _pass_on(child: "subprocess.Popen[bytes]", number: int, _frame: FrameType | None) -> None:
    if child.returncode is None:
        os.kill(child.pid, number)


def _pattern(text: str) -> tuple[str, re.Pattern[str]]:
    name, equals, expression = text.partition("=")
    try:
        compiled = re.compile(expression)
    except re.error as error:
        raise Problem(f"--metric {text}: {error}") from None
    if not equals or not compiled.groups:
        raise Problem(
            f"--metric {text}: write NAME=REGEX with one group around the number, e.g. loss='loss: ([0-9.]+)'"
        )
    return name, compiled


class Follower(threading.Thread):
    """Reads the command's output as it is written and keeps the numbers that the patterns find."""

    def __init__(self, run: Run, patterns: Sequence[tuple[str, re.Pattern[str]]]) -> None:
        super().__init__(daemon=True)
        self._run = run
        self._patterns = patterns
        self._end = threading.Event()
        self._steps: dict[str, int] = {}

    def run(self) -> None:
        """Follow until told to stop, then read what is left."""
        if not self._patterns:
            return
        positions = dict.fromkeys(output.STREAMS, 0)
        rests = dict.fromkeys(output.STREAMS, b"")
        while True:
            ending = self._end.is_set()
            for name in positions:
                data = self._read(name, positions[name])
                positions[name] += len(data)
                *lines, rests[name] = (rests[name] + data).split(b"\n")
                for line in self._whole(lines, rests[name] if ending else b""):
                    self._keep(line)
            if ending:
                return
            time.sleep(FOLLOW_SECONDS)

    def finish(self) -> None:
        """Read to the end of the output."""
        self._end.set()
        self.join(10.0)

    def _read(self, name: str, position: int) -> bytes:
        try:
            with open(os.path.join(self._run.dir, name), "rb") as file:
                file.seek(position)
                return file.read()
        except OSError:
            return b""

    @staticmethod
    def _whole(lines: Sequence[bytes], rest: bytes) -> Iterator[str]:
        for line in [*lines, rest]:
            # Every state of a progress bar may hold a number.
            for part in line.decode("utf-8", "replace").split("\r"):
                if part:
                    yield output.collapse(part)

    def _keep(self, line: str) -> None:
        for name, pattern in self._patterns:
            found = pattern.search(line)
            if not found:
                continue
            groups = found.groupdict()
            try:
                value = float(
                    groups.get("value") or next(g for g in found.groups() if g != groups.get("step"))
                )
                step = int(groups["step"]) if groups.get("step") else self._steps.get(name, -1) + 1
            except (ValueError, StopIteration, TypeError):
                continue
            self._steps[name] = step
            self._run.log({name: value}, step=step)
