"""Write a run that is already over as a spool of its own, and send such runs in the background."""

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from runlore import batches, names, places, ranks, settings, values
from runlore.spool import Spool
from runlore.version import VERSION

COURIER = """import os, sys
if os.fork():
    os._exit(0)
os.setsid()
sys.path.insert(0, sys.argv[1])
from runlore.past import deliver
deliver(sys.argv[2])
"""
COURIER_LOCK = "courier.lock"
Points = Iterable[tuple[int, float, Mapping[str, float]]]


class PastRun(NamedTuple):
    """A run as another tool has kept it; `source` names it for good, so that it is never taken in twice."""

    source: str
    project: str
    name: str
    started: float
    ended: float | None
    state: str
    config: Mapping[str, Any]
    points: Points
    tags: list[str]
    notes: list[str]
    summary: Mapping[str, Any]
    group: str | None = None
    login: str | None = None
    entry: str | None = None
    command: str | None = None
    commit: str | None = None
    host: str | None = None
    cause: str | None = None


def base_directory() -> str:
    """The spool directory that past runs are written to."""
    for place in places.candidates(settings.load().directory):
        if places.prepare(place):
            return place
    raise OSError("no local directory can be written to: set RUNLORE_DIR")


def write(run: PastRun, *, base: str, project: str | None = None, offline: bool = False) -> str | None:
    """Keep one run; None when it is here already. Sending it again changes nothing on the server either."""
    chosen = names.project_name(project or run.project)
    digest = hashlib.sha256(f"{run.source}\n{chosen}".encode()).hexdigest()
    run_id, stream = digest[:16], digest[16:32]
    directory = os.path.join(base, f"{run_id}-past")
    if os.path.exists(os.path.join(directory, "run.json")):
        return None
    # A half-written one from an interrupted import has no run.json yet: begin it anew.
    shutil.rmtree(directory, ignore_errors=True)
    os.mkdir(directory, 0o700)
    spool = Spool(directory, run=run_id, project=chosen, warn=lambda text: None, stream=stream)
    spool.event("start", {
        "name": run.name or names.new_name(), "config": values.plain(dict(run.config)), "tags": run.tags, "notes": None,
        "group": run.group, "fork_of": None, "resumed": False, "visibility": "project", "entry": run.entry, "argv": [],
        "host": run.host, "login": run.login, "pid": None, "sdk": VERSION, "imported_from": run.source,
    }, at=run.started)  # fmt: skip
    if run.commit or run.command:
        spool.event(
            "code", {"commit": run.commit, "command": run.command, "entry": run.entry}, at=run.started
        )
    for note in run.notes:
        spool.event("note", {"text": note}, at=run.started)
    last = run.started
    for step, at, found in run.points:
        spool.points(step, at, list(found.items()))
        last = max(last, at)
    if run.summary:
        spool.event("summary", {"summary": values.plain(dict(run.summary))}, at=last)
    spool.event("exit", {
        # One that was left running has lost its end.
        "state": "killed" if run.state == "lost" else run.state,
        "cause": run.cause or ("its end was not recorded" if run.state == "lost" else run.state), "signal": None,
        "exit_code": 0 if run.state == "finished" else None, "oom": None, "error": None, "evidence": "finish",
        "last_lines": [], "checkpoint": None, "resume": None,
    }, at=run.ended or last)  # fmt: skip
    spool.close()
    _describe(directory, run_id, chosen, stream, run.name, offline)
    return directory


def _describe(directory: str, run_id: str, project: str, stream: str, name: str, offline: bool) -> None:
    description: dict[str, Any] = {
        "run": run_id, "project": project, "stream": stream, "reserve": "", "url": settings.load().url,
        "mode": "offline" if offline else "online", "name": name, "pid": 0, "started": 0, "rank": 0, "cwd": "/",
        "argv": [], "entry": "", "sdk": VERSION,
    }  # fmt: skip
    batches.write_state(directory, {"ended": True})
    with open(os.path.join(directory, "run.json.new"), "w", encoding="utf-8") as file:
        json.dump(description, file)
    os.replace(os.path.join(directory, "run.json.new"), os.path.join(directory, "run.json"))


def send_in_background(base: str, *, last: bool = False) -> None:
    """Start a courier that sends what lies in `base` and ends; nothing waits for it.

    A courier at work has what was written meanwhile too, or else the one of the `last` call.
    """
    if not last and _courier_works(base):
        return
    found = settings.load()
    if not found.url or not found.token or not sys.executable or not hasattr(os, "posix_spawn"):
        return
    parent = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    null = os.devnull
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-S", "-c", COURIER, parent, base],
        {**os.environ, "RUNLORE_URL": found.url, "RUNLORE_TOKEN": found.token},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, null, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, null, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, null, os.O_WRONLY, 0),
        ],
    )
    os.waitpid(pid, 0)


def _courier_works(base: str) -> bool:
    import fcntl

    with contextlib.suppress(OSError), open(os.path.join(base, COURIER_LOCK), "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    return True


def deliver(base: str) -> None:
    """The courier's work; a second courier waits for the first and looks once more."""
    import fcntl
    import time

    from runlore import sync

    lock = os.open(os.path.join(base, COURIER_LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    for attempt in range(20):
        outcomes = [outcome for outcome in sync.sync(base, say=lambda text: None) if outcome.state == "kept"]
        if not outcomes and attempt:
            return
        # Once more even when all is sent: something may have been written while this looked elsewhere.
        time.sleep(min(30.0, 0.3 * 2**attempt) if outcomes else 0.3)


def rank_zero() -> bool:
    """Whether this process speaks for its job."""
    return ranks.place().rank == 0
