"""APScheduler only ticks; what is due stands in the database, so that nothing is lost or done twice."""

import logging
from collections.abc import Callable
from datetime import timedelta

from apscheduler.schedulers.background import BackgroundScheduler

from bot import data_watch, digests, directory, jobs, releases, retention, runs, together
from bot.wiring import Services
from storage.database import ensure_partitions

log = logging.getLogger(__name__)

DIRECTORY_AFTER = timedelta(hours=1)
RELEASES_AFTER = timedelta(minutes=10)


def build_scheduler(services: Services) -> BackgroundScheduler:
    """Every recurring thing there is. A late tick still runs (the default would drop it after a second)."""
    scheduler = BackgroundScheduler(
        timezone="UTC", job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    )
    ticks: list[tuple[Callable[[], object], float]] = [
        (lambda: claim_digests(services), 15),
        (lambda: sweep_lost(services), 5),
        (lambda: tell_late(services), 20),
        (lambda: jobs.retry_stalled(services), 5),
        (lambda: data_watch.look_again(services), 60),
        (keep_directory(services), 60),
        (lambda: make_partitions(services), 86_400),
        (lambda: retention.apply(services), 3600),
    ]
    for tick, seconds in ticks:
        scheduler.add_job(
            _guarded(tick), "interval", seconds=seconds, next_run_time=services.now() + timedelta(seconds=1)
        )
    # Not at once: who only tries the bot is no reason to ask an index.
    scheduler.add_job(
        _guarded(lambda: releases.look(services)),
        "interval",
        seconds=86_400,
        next_run_time=services.now() + RELEASES_AFTER,
    )
    return scheduler


def claim_digests(services: Services) -> int:
    """Send the digests that are due."""
    with services.database.session() as session:
        return digests.claim_due(session, now=services.now())


def sweep_lost(services: Services) -> int:
    """Notice runs that fell silent."""
    with services.database.session() as session:
        return runs.sweep_lost(session, now=services.now())


def tell_late(services: Services) -> None:
    """What is told only once it has lasted: silence, a sweep that is over, a best that holds."""
    for tell in (runs.tell_lost, together.tell_ended_sweeps, runs.tell_best):
        with services.database.session() as session:
            tell(session, now=services.now())


def keep_directory(services: Services) -> Callable[[], None]:
    """Who is where, once an hour; where Slack does not answer, with the next tick: after two hours nobody would see anything."""
    due = services.now()

    def tick() -> None:
        nonlocal due
        if services.now() >= due and directory.reconcile(services) is not None:
            due = services.now() + DIRECTORY_AFTER

    return tick


def make_partitions(services: Services) -> None:
    """The coming months' partitions."""
    with services.database.session() as session:
        ensure_partitions(session, services.now().date())


def _guarded(tick: Callable[[], object]) -> Callable[[], None]:
    def guarded() -> None:
        try:
            tick()
        except Exception:  # the edge of the scheduler's thread: the next tick tries again
            log.exception("tick_failed")

    return guarded
