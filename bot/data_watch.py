"""Notices that the data under a model changed: looks at registered sources again, and tells those whom it concerns."""

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import Session

from bot import threads
from bot.better import infer_goal
from bot.blocks import bold, code, escape, fit, flat, line, link, section
from bot.data_files import Look, look_at, mark_of
from bot.data_libraries import object_state
from bot.data_web import NotAllowed, look_at_address
from bot.data_words import change_words
from bot.project_settings import settings_of
from bot.settings import Settings
from bot.values import Message, RunView
from bot.verdicts import ref
from bot.views import run_view
from bot.wiring import Services
from storage import run_queries
from storage.data_queries import claim_sources, readers_to_tell
from storage.digest_queries import key_metric
from storage.tables import DatasetVersion, Project

log = logging.getLogger(__name__)

AT_ONCE = 30  # versions looked at in one round
MOST_BYTES = 20 << 30
MOST_DOWNLOADED = 1 << 30
# Not data, whatever somebody registers.
CLOSED = tuple(map(Path, ("/proc", "/sys", "/dev", "/run")))


@dataclass(frozen=True, kw_only=True, slots=True)
class Unchanged:
    """The source's mark is as it was: what it holds was not read again."""


def look_again(services: Services) -> int:
    """Look at the sources that are due; returns how many were seen to have changed."""
    settings, now = services.settings, services.now()
    if settings.data_hours <= 0:
        return 0
    every = timedelta(hours=settings.data_hours)
    with services.database.session() as session:
        due = claim_sources(session, now=now, every=every, most=AT_ONCE)
        wanted = [(each.id or 0, each.source or "", _last(each)) for each in due]
    # Reading takes its time: nothing is locked meanwhile, and each source is read once for all its versions.
    by_source: dict[tuple[str, str | None], list[int]] = defaultdict(list)
    for version_id, source, last in wanted:
        by_source[source, last.get("mark")].append(version_id)
    changed = 0
    for (source, mark), ids in by_source.items():
        seen = read(source, mark, settings)
        if isinstance(seen, Look):
            with services.database.session() as session:
                changed += sum(_settle(session, version_id, seen, now=now) for version_id in ids)
    return changed


def read(source: str, mark: str | None, settings: Settings) -> Look | Unchanged | None:
    """What a source holds now; None where this machine cannot, or must not, read it."""
    if source.startswith(("http://", "https://")):
        try:
            return look_at_address(
                source, known=mark, most_bytes=MOST_DOWNLOADED, private_allowed=settings.data_private_hosts
            )
        except NotAllowed:
            log.info("data_source_not_public")
            return None
    if "://" in source:
        state = object_state(source)
        if state is None or not state["tag"]:
            return None
        told = f"{state['tag']}:{state['size']}"
        return Look(fingerprint=f"object:{told}", mark=told, size=state["size"])
    path = allowed_path(source, settings)
    if path is None or (now := mark_of(path)) is None:
        return None
    return Unchanged() if now == mark else look_at(path, most_bytes=MOST_BYTES)


def allowed_path(source: str, settings: Settings) -> Path | None:
    """The file or folder behind a path, links followed, where it lies in the folders that may be read."""
    try:
        path = Path(source).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return None
    roots = [Path(root.strip()) for root in settings.data_roots.split(",") if root.strip()]
    closed = [*CLOSED, settings.home.resolve()]
    inside = any(path.is_relative_to(root) for root in roots)
    return path if inside and not any(path.is_relative_to(place) for place in closed) else None


def _settle(session: Session, version_id: int, seen: Look, *, now: datetime) -> bool:
    """Keep what was seen; whether that is a change."""
    version = session.get(DatasetVersion, version_id)
    if version is None:
        return False
    looked = asdict(seen) | {"names": list(seen.names)}
    if version.looks is None:
        # A file of the same name on another machine is not the run's: it is watched only if it held the same once.
        if version.fingerprint.startswith("url:") or version.fingerprint == seen.fingerprint:
            version.looks = {"first": looked, "last": looked}
        return False
    first, last = version.looks["first"], version.looks["last"]
    if seen.fingerprint == last["fingerprint"]:
        version.looks = {"first": first, "last": last | {"mark": seen.mark}}  # touched, but the same
        return False
    if seen.fingerprint == first["fingerprint"]:
        version.looks, version.changed_at = {"first": first, "last": first | {"mark": seen.mark}}, None
        return False
    version.looks, version.changed_at = {"first": first, "last": looked}, now
    if version.fingerprint.startswith("url:") and "@" not in version.fingerprint:
        # What is read from there by now is another version.
        version.fingerprint = f"{version.fingerprint}@{now:%Y%m%dT%H%M%S}"
    session.flush()
    _tell(session, version, now=now)
    return True


def _tell(session: Session, version: DatasetVersion, *, now: datetime) -> None:
    """A reply in the threads of the runs that matter; all others show it when they are looked at."""
    project = session.get(Project, version.project_id)
    if project is None or version.looks is None:
        return
    metric = project.key_metric or key_metric(session, version.project_id)
    goal = (project.goals.get(metric) or infer_goal(metric)) if metric else None
    names = settings_of(project).names(metric) if metric else ()
    best = run_queries.best(session, version.project_id, names, goal) if goal else None
    named = {one for one in (project.baseline_run_id, best.id if best else None) if one}
    for run in readers_to_tell(session, version, named=named):
        place = threads.place_of(session, run)
        if place is not None:
            key = f"run:{run.id}:data:{version.id}:{version.looks['last']['fingerprint'][:24]}"
            message = data_changed(run_view(session, run.id or 0), version.name, version.looks)
            threads.reply(session, place, key, message, now=now)


def data_changed(run: RunView, name: str, looks: Mapping[str, Any]) -> Message:
    """The reply in a run's thread."""
    words = change_words(looks["first"], looks["last"])
    text = escape(f"{ref(run)}: its data {flat(name, 60)} changed: {words}")
    told = f"🗃️ {bold(link(run.permalink, escape(ref(run))))}: its data {code(name, 60)} changed since it was read"
    return fit(Message(text=text, blocks=[section(f"{told}\n{line(words, 600)}")]))


def _last(version: DatasetVersion) -> Mapping[str, Any]:
    return version.looks["last"] if version.looks else {}
