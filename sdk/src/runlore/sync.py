"""`runlore sync`: send what lies in spool directories, and tell the end of runs whose sidecar died with them."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from runlore import batches, exits, hooks, places, settings, watchers
from runlore.client import Client
from runlore.output import Output
from runlore.ship import Shipper
from runlore.spool import Spool

KEPT_DAYS = 7.0


class Outcome(NamedTuple):
    """What became of one run's directory."""

    directory: str
    run: str
    project: str
    state: str
    detail: str


def describe(directory: str) -> dict[str, Any] | None:
    """The run's own description; None when there is none to read."""
    try:
        with open(os.path.join(directory, "run.json"), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def directories(chosen: str | None) -> list[str]:
    """Every run's directory in the chosen place, or in all places where `init` may have put one."""
    found: list[str] = []
    for place in (
        places.candidates(settings.load().directory) if chosen is None else [os.path.abspath(chosen)]
    ):
        found += [path for path in places.run_directories(place) if path not in found]
    return found


def sync(
    chosen: str | None = None, *, url: str | None = None, say: Callable[[str], None], again: bool = False
) -> Iterator[Outcome]:
    """Send every run that the server does not have whole; one outcome for each directory."""
    for directory in directories(chosen):
        description = describe(directory)
        if description is None:
            continue
        state = batches.read_state(directory)
        if state.get("complete") and not again:
            yield _outcome(directory, description, "complete", "")
            continue
        lock = os.open(os.path.join(directory, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield _outcome(directory, description, "busy", "its sidecar is sending it")
        else:
            yield _one(directory, description, url or description.get("url"), say)
        finally:
            os.close(lock)


def _one(directory: str, description: dict[str, Any], url: str | None, say: Callable[[str], None]) -> Outcome:
    url = settings.address(url or "") or settings.load().url
    if not url:
        return _outcome(directory, description, "kept", "no server: `runlore login` or RUNLORE_URL")
    running = exits.alive(description["pid"], description["started"])
    if not running and not batches.read_state(directory).get("ended"):
        tell_end(directory, description, say)
    problems: list[str] = []
    place: dict[str, Any] = {}

    def hear(kind: str, body: dict[str, Any]) -> None:
        if kind == "problem":
            problems.append(str(body["reason"]))
        elif kind == "damaged":
            say(f"{body['bytes']} bytes of the spool were damaged and are left out")
        elif kind == "record_error":
            say(f"the server left out record {body.get('seq')}: {body.get('error')}")
        elif kind == "run":
            place.update(body)

    client = Client(url, settings.token_for(url))
    shipper = Shipper(directory, description, client, report=hear)
    if not shipper.ship(final=not running):
        return _outcome(
            directory, description, "kept", problems[-1] if problems else "the server does not take it now"
        )
    if not running:
        shipper.remember(complete=True, ended=True)
    return _outcome(directory, description, "sent", str(place.get("message") or ""))


def prune(base: str, *, now: float, days: float = KEPT_DAYS) -> None:
    """Remove runs that the server has had whole for a week: until then they can be sent again."""
    for directory in places.run_directories(base):
        path = os.path.join(directory, batches.STATE)
        if batches.read_state(directory).get("complete") and now - os.stat(path).st_mtime > days * 86400:
            shutil.rmtree(directory, ignore_errors=True)


def tell_end(directory: str, description: dict[str, Any], say: Callable[[str], None]) -> None:
    """What its sidecar would have said: from the marks that the training process left, else "cause unknown"."""
    spool = Spool(directory, run=description["run"], project=description["project"], warn=say)
    state = batches.read_state(directory)
    output = Output(directory, echo=False, emit=spool.event, positions=state.get("output"))
    output.drain()
    markers = hooks.read_markers(directory)
    status = exits.marker_status(markers)
    clues = exits.Clues(markers=markers, status=status, oom_kills=None, kernel_killed=None, environment={})
    event = exits.judge(clues)
    files = watchers.Files(spool.event)
    files.pump(directory, final=True)
    files.finish()
    if description["rank"] == 0:
        spool.event("exit", {
            **event, "last_lines": list(output.last)[-20:], "checkpoint": files.checkpoint(),
            "resume": watchers.how_to_resume(description, event),
        })  # fmt: skip
    spool.close()
    state.update(ended=True, output=output.positions())
    batches.write_state(directory, state)


def _outcome(directory: str, description: dict[str, Any], state: str, detail: str) -> Outcome:
    return Outcome(directory, description["run"], description["project"], state, detail)
