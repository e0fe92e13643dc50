"""Newer releases of the main libraries: looked for once a day, told where a run that uses an older one is shown."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from bot import dependencies
from bot.package_index import newest_release
from bot.values import RunView
from bot.wiring import Services
from storage.tables import Environment, LibraryRelease, Run

EVERY = timedelta(hours=20)  # a daily look is never put off to the day after
IN_USE = timedelta(days=30)
MOST_ENVIRONMENTS = 100


def look(services: Services, *, newest: Callable[[str], str | None] = newest_release) -> int:
    """Ask for each main library in use; returns how many are known. The first that gets no answer ends the look."""
    if not services.settings.check_releases:
        return 0
    now = services.now()
    with services.database.session() as session:
        wanted = _due(session, now=now)
    known = 0
    for name in wanted:
        version = newest(name)
        if version is None:
            break  # no index in reach: that is no news, tomorrow is another day
        with services.database.session() as session:
            kept = session.get(LibraryRelease, name)
            if kept is None:
                session.add(LibraryRelease(name=name, version=version, seen_at=now, checked_at=now))
            else:
                kept.seen_at = now if kept.version != version else kept.seen_at
                kept.version, kept.checked_at = version, now
        known += 1
    return known


def newer_words(
    session: Session, run: RunView, *, since: datetime | None = None, until: datetime | None = None
) -> list[str]:
    """torch 2.14.0 is out, #42 ran with 2.13.0; with `since` and `until` only what was seen first between them."""
    used = dependencies.main_libraries(run)
    query = select(LibraryRelease).where(col(LibraryRelease.name).in_(list(used)))
    if since is not None:
        query = query.where(col(LibraryRelease.seen_at) >= since)
    if until is not None:
        query = query.where(col(LibraryRelease.seen_at) < until)
    return [
        f"{release.name} {release.version} is out, #{run.number} ran with {used[release.name]}"
        for release in session.exec(query.order_by(col(LibraryRelease.name)))
        if dependencies.newer(used[release.name], release.version)
    ]


def _due(session: Session, *, now: datetime) -> list[str]:
    recent = (
        select(Run.environment_id)
        .where(col(Run.started_at) >= now - IN_USE, col(Run.environment_id).is_not(None))
        .distinct()
        .limit(MOST_ENVIRONMENTS)
    )
    libraries: list[Mapping[str, str]] = list(
        session.exec(select(Environment.libraries).where(col(Environment.id).in_(recent)))
    )
    used = {name for each in libraries for name in each if dependencies.is_main(name)}
    fresh = set(session.exec(select(LibraryRelease.name).where(col(LibraryRelease.checked_at) > now - EVERY)))
    return sorted(used - fresh, key=dependencies.rank)
