"""The process beside the training process: ships the spool, echoes output, watches, and tells how it ended."""

import contextlib
import fcntl
import json
import os
import select
import threading
import time
from typing import Any

from runlore import batches, capture, exits, hooks, launch, readings, settings, sync, watchers
from runlore.client import Client
from runlore.output import Output
from runlore.ship import Shipper, reserve_path
from runlore.spool import Spool, open_reserve
from runlore.voice import Voice

POLL_SECONDS = 0.1
# Longer batches compress better; what people wait for (the start, alerts, warnings, the end) is sent at once.
SHIP_SECONDS = 2.0
SAMPLE_SECONDS = 10.0
LOOK_SECONDS = 1.0
PLACE_SECONDS = 0.5
NEXT_SIGN_SECONDS = 30.0
STATUS_SECONDS = 1.0


def main(directory: str) -> None:
    """Leave the training process's session (launchers kill process groups), then do the work."""
    _close_inherited()
    os.setsid()
    os.chdir("/")
    # Behind everything that trains: it never takes a core from a process that is on it.
    with contextlib.suppress(OSError, AttributeError):
        os.nice(10)
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    lock = os.open(os.path.join(directory, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        # Another sidecar has this run.
        return
    with open(os.path.join(directory, "run.json"), encoding="utf-8") as file:
        description = json.load(file)
    Sidecar(directory, description).work()


def _close_inherited() -> None:
    """A GPU's or a socket's descriptor held here would keep it busy after the training process is gone."""
    keep = {0, 1, 2, launch.WAKE_FD, launch.BACK_FD, launch.RESERVE_FD, launch.PROCESS_FD}
    try:
        numbers = [int(name) for name in os.listdir("/dev/fd")]
    except OSError:
        numbers = list(range(3, 256))
    for number in numbers:
        if number not in keep:
            with contextlib.suppress(OSError):
                os.close(number)


class Sidecar:
    """One training process, watched from start to end."""

    def __init__(self, directory: str, description: dict[str, Any]) -> None:
        self._directory = directory
        self._description = description
        self._voice = Voice(description.get("url") or "", silent=bool(description["silent"]))
        self._pid: int = description["pid"]
        self._started: int = description["started"]
        self._pidfd = _pidfd()
        self._rungs = exits.rungs()
        # How long it goes on trying once the training process is gone; the spool stays for `runlore sync`.
        self._linger_seconds: float = description["linger"]
        # Streams in memory, for the time when the disk is full: the training process's and our own.
        self._reserve = reserve_path(launch.RESERVE_FD)
        reserves = {description["reserve"]: self._reserve} if self._reserve else {}
        own_fd, own_stream = open_reserve(description["run"], description["project"])
        if own_fd >= 0:
            reserves[own_stream] = f"/proc/self/fd/{own_fd}"
        self._spool = Spool(
            directory, run=description["run"], project=description["project"], warn=self._voice.say,
            reserve_fd=own_fd, reserve_stream=own_stream,
        )  # fmt: skip
        url: str = description.get("url") or ""
        self._shipper: Shipper | None = None
        if description["mode"] == "online" and url:
            self._shipper = Shipper(
                directory, description, Client(url, os.environ.get("RUNLORE_TOKEN")),
                report=self._voice.hear, token=lambda: settings.token_for(url), reserves=reserves,
            )  # fmt: skip
        state = batches.read_state(directory)
        self._output = Output(
            directory, echo=description.get("console") == "fd", emit=self._spool.event,
            positions=state.get("output"),
        )  # fmt: skip
        self._sampler = readings.Sampler(self._pid, directory, description["cwd"], description["groups"])
        self._limits = watchers.Limits(self._spool.event)
        self._pressure = watchers.Pressure()
        self._files = watchers.Files(
            self._spool.event, os.path.join(os.path.dirname(directory), "hashes.json")
        )
        self._oom_before: int | None = description["oom_kills"]
        self._latest: dict[str, float] = {}
        self._ending = threading.Event()
        self._ship_now = threading.Event()
        # Passes of shipping that were asked for, and the last one that left nothing behind.
        self._asked = 0
        self._shipped = 0
        self._beat = threading.Event()

    # -- the loop -----------------------------------------------------------------------------------------

    def work(self) -> None:
        """Watch until the end, tell it, and ship until the server has everything."""
        captured = threading.Thread(target=self._capture, daemon=True)
        captured.start()
        if self._shipper is not None:
            threading.Thread(target=self._ship_loop, daemon=True).start()
        how = self._watch()
        captured.join(3.0)
        self._end(how)

    def _watch(self) -> str:
        poll = select.poll()
        poll.register(launch.WAKE_FD, select.POLLIN)
        if self._pidfd >= 0:
            poll.register(self._pidfd, select.POLLIN)
        os.set_blocking(launch.WAKE_FD, False)
        os.set_blocking(launch.BACK_FD, False)
        sample_at = look_at = time.monotonic()
        while True:
            ready = dict(poll.poll(POLL_SECONDS * 1000))
            self._output.pump()
            self._files.pump(self._directory)
            now = time.monotonic()
            if now >= sample_at or (now >= look_at and self._pressure.rising(*self._sampler.memory())):
                sample_at = now + SAMPLE_SECONDS
                self._sample(now)
            if now >= look_at:
                look_at = now + LOOK_SECONDS
            word = self._woken() if launch.WAKE_FD in ready else b""
            if not word and launch.WAKE_FD in ready:
                # Every holder of the other end is gone.
                poll.unregister(launch.WAKE_FD)
            if b"f" in word:
                return "finish"
            if b"a" in word:
                self._flush_for_exit()
            elif word:
                self._ship_now.set()
            if self._gone(ready):
                return "gone"

    def _gone(self, ready: dict[int, int]) -> bool:
        if self._pidfd >= 0:
            return self._pidfd in ready
        return not exits.alive(self._pid, self._started)

    def _woken(self) -> bytes:
        try:
            return os.read(launch.WAKE_FD, 64)
        except OSError:
            return b"w"

    def _sample(self, now: float) -> None:
        self._latest = self._sampler.sample(now)
        at = time.time()
        step = int(at)
        if self._latest:
            self._spool.points(step, at, [(f"system/{name}", value) for name, value in self._latest.items()])
        self._limits.check(self._latest, at)
        self._beat.set()
        self._ship_now.set()

    def _capture(self) -> None:
        if not self._description["capture"] or self._description["rank"]:
            return
        for kind, take in (("code", capture.code), ("env", capture.environment)):
            with contextlib.suppress(Exception):  # what cannot be captured is left out; the run matters more
                fields = take(self._description)
                if fields:
                    self._spool.event(kind, fields)
        self._ship_now.set()

    # -- shipping -----------------------------------------------------------------------------------------

    def _ship_loop(self) -> None:
        assert self._shipper is not None  # noqa: S101 - only started with one
        while True:
            self._ship_now.wait(PLACE_SECONDS if self._voice.place_is_due else SHIP_SECONDS)
            self._ship_now.clear()
            asked, ending = self._asked, self._ending.is_set()
            try:
                done = self._shipper.ship(final=ending)
                if self._beat.is_set():
                    self._beat.clear()
                    self._shipper.heartbeat(next_in=NEXT_SIGN_SECONDS, readings=self._latest)
            except Exception as error:  # noqa: BLE001 - a bug in shipping must not end the watch
                self._voice.say(f"sending failed: {type(error).__name__}: {error}")
                done = False
                time.sleep(5.0)
            if done:
                self._voice.find_place(self._shipper.ask_where, last=ending)
                self._shipped = asked
                if ending:
                    return

    def _flush(self, seconds: float) -> bool:
        """Ship everything written until now; False when the time is up or the server is known to be away."""
        if self._shipper is None:
            return True
        self._asked += 1
        asked = self._asked
        self._ship_now.set()
        end = time.monotonic() + seconds
        while self._shipped < asked and time.monotonic() < end:
            time.sleep(0.01)
            self._output.pump()
            if self._voice.problem:
                return False
        return self._shipped >= asked

    def _flush_for_exit(self) -> None:
        self._output.drain()
        flushed = self._flush(30.0)
        self._voice.tell_place()
        self._voice.answer("flushed", flushed)

    # -- the end ------------------------------------------------------------------------------------------

    def _end(self, how: str) -> None:
        self._output.drain()
        if how == "finish":
            status = exits.marker_status(self._markers())
        else:
            # Some parents read the output to its end before they reap, and until then there may be no status.
            self._voice.close()
            status = self._status()
        self._files.pump(self._directory, final=True)
        event = self.judge(status)
        if self._description["rank"] == 0:
            self._spool.event("exit", event)
        elif event["state"] not in ("finished",):
            self._tell_of_rank(event)
        self._ship_now.set()
        self._files.finish()
        batches_state = {"ended": True, "output": self._output.positions()}
        if self._shipper is None:
            batches.write_state(self._directory, {**batches.read_state(self._directory), **batches_state})
            self._voice.answer("done", True)
            return
        self._shipper.remember(**batches_state)
        self._ending.set()
        shipped = self._flush(self._description["exit_wait"])
        # The training process waits no longer, and whoever reads its output must not wait for us.
        self._voice.close()
        if shipped or self._linger():
            self._shipper.remember(complete=True)
            self._voice.answer("done", True)
        with contextlib.suppress(OSError):
            sync.prune(os.path.dirname(self._directory), now=time.time())

    def _linger(self) -> bool:
        """The server is away: go on for a while; after that `runlore sync` has it."""
        end = time.monotonic() + self._linger_seconds
        while self._shipped < self._asked and time.monotonic() < end:
            time.sleep(0.2)
        return self._shipped >= self._asked

    def judge(self, status: exits.Status | None) -> dict[str, Any]:
        """The `exit` event: the cause, the last lines, what survived and how to go on."""
        markers = self._markers() if "markers" in self._rungs else []
        kills: int | None = None
        if "cgroup" in self._rungs:
            after = self._sampler.oom_kills()
            kills = after - self._oom_before if after is not None and self._oom_before is not None else None
        kernel = exits.kernel_says_killed(self._pid) if "kernel" in self._rungs else None
        clues = exits.Clues(
            markers=markers, status=status, oom_kills=kills, kernel_killed=kernel, environment=os.environ
        )
        event = exits.judge(clues)
        event = watchers.with_rank_failures(event, self._directory, self._description)
        return {
            **event, "last_lines": list(self._output.last)[-20:],
            "checkpoint": self._files.checkpoint(), "resume": watchers.how_to_resume(self._description, event),
        }  # fmt: skip

    def _markers(self) -> list[dict[str, Any]]:
        return hooks.read_markers(self._directory) + batches.marks(self._reserve)

    def _status(self) -> exits.Status | None:
        """Climb the ladder: a status may come late, for a zombie is reaped when its parent gets to it."""
        end = time.monotonic() + STATUS_SECONDS
        while True:
            found = (
                exits.marker_status(hooks.read_markers(self._directory)) if "parent" in self._rungs else None
            )
            if found is None and "pidfd" in self._rungs and self._pidfd >= 0:
                found = exits.pidfd_status(self._pidfd)
            if found is None and "zombie" in self._rungs:
                found = exits.zombie_status(self._pid, self._started)
            if found is not None or time.monotonic() > end:
                return found
            time.sleep(0.02)

    def _tell_of_rank(self, event: dict[str, Any]) -> None:
        rank = self._description["rank"]
        watchers.leave_rank_failure(self._directory, {**event, "rank": rank})
        text = (event.get("error") or {}).get("traceback") or "\n".join(event["last_lines"])
        self._spool.event("alert", {"title": f"rank {rank} {event['state']}: {event['cause']}"[:200],
                                    "text": text[-3000:], "level": "ERROR"})  # fmt: skip


def _pidfd() -> int:
    """The training process, as it was handed over; -1 where the system has no such thing."""
    try:
        return launch.PROCESS_FD if "pidfd" in os.readlink(f"/proc/self/fd/{launch.PROCESS_FD}") else -1
    except OSError:
        return -1
