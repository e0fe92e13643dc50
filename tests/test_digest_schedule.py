"""A digest comes exactly once: with two schedulers, after a crash, over clock changes, with a clock that jumps, late after an outage."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from memory_of_a_team import Team
from sqlmodel import Session, col, select

from bot import digest_commands, digests
from bot.asking import Asking
from bot.grammar import parse
from bot.plain_text import plain_text
from bot.sight import project_sight
from storage.database import Database
from storage.memory import Outbox, Subscription
from storage.tables import Person, Project, Run

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def connected(session: Session, name: str = "vision", *, zone: str = "UTC", since: datetime) -> Subscription:
    """A channel with a project, whose digest was switched on at `since`."""
    team = Team(session)
    project = team.project(name, team.channel(name))
    person = Person(name=f"{name}-ana", time_zone=zone, created_at=since)
    session.add(person)
    session.flush()
    return digests.subscribe(session, project.channel_id or "", person=person, now=since)


def ends(session: Session, at: datetime, name: str = "vision", **values: Any) -> None:  # noqa: ANN401  any column
    """A run of the project ends at this moment."""
    project = session.exec(select(Project).where(Project.name == name)).one()
    number, project.next_number = project.next_number, project.next_number + 1
    row: dict[str, Any] = {
        "state": "finished",
        "started_at": at - HOUR,
        "ended_at": at,
        "last_seen_at": at,
    } | values
    session.add(
        Run(uid=f"{name}-{number}", project_id=project.id or 0, number=number, name=f"r{number}", **row)
    )
    session.flush()


def told(session: Session) -> list[str]:
    """What was posted to channels, in order; replies in threads left out."""
    rows = session.exec(select(Outbox).where(col(Outbox.parent_key).is_(None)).order_by(col(Outbox.id)))
    return [row.body["text"] for row in rows]


def tick(session: Session, *moments: datetime) -> Sequence[int]:
    return [digests.claim_due(session, now=moment) for moment in moments]


def test_a_digest_comes_at_its_hour_once_however_often_the_clock_ticks(session: Session) -> None:
    connected(session, since=MONDAY - DAY)
    ends(session, MONDAY - HOUR)
    assert tick(session, *(MONDAY + timedelta(seconds=15 * step) for step in range(-2, 4))) == [
        0,
        0,
        1,
        0,
        0,
        0,
    ]
    assert told(session) == ["vision: 1 run"]


def test_monday_covers_the_weekend_and_nothing_comes_on_it(session: Session) -> None:
    connected(session, since=MONDAY - 4 * DAY)
    for days in range(3):
        ends(session, MONDAY - days * DAY - HOUR)
    assert tick(session, MONDAY - 3 * DAY, MONDAY - 2 * DAY, MONDAY - DAY, MONDAY) == [0, 0, 0, 1]
    assert told(session) == ["vision: 3 runs"]


def test_a_run_on_the_bound_belongs_to_the_next_digest_alone(session: Session) -> None:
    connected(session, since=MONDAY - DAY)
    ends(session, MONDAY - timedelta(microseconds=1), started_at=MONDAY - HOUR)
    ends(session, MONDAY, started_at=MONDAY)
    tick(session, MONDAY + timedelta(seconds=14), MONDAY + DAY)
    assert told(session) == ["vision: 1 run", "vision: 1 run"]


def test_quiet_days_say_nothing_and_a_quiet_week_one_line(session: Session) -> None:
    connected(session, since=MONDAY)
    assert sum(tick(session, *(MONDAY + step * DAY for step in range(1, 7)))) == 0
    assert sum(tick(session, *(MONDAY + step * DAY for step in range(7, 12)))) == 1
    assert told(session) == ["Nothing moved since Mon 23 Nov 09:00 UTC."]


def test_after_an_outage_one_late_digest_covers_all_of_it(session: Session) -> None:
    connected(session, since=MONDAY - DAY)
    for days in range(3):
        ends(session, MONDAY + days * DAY - HOUR)
    back = MONDAY + 2 * DAY + 5 * HOUR
    assert tick(session, back, back + timedelta(seconds=15), back + HOUR) == [1, 0, 0]
    assert told(session) == ["vision: 3 runs"]
    [row] = session.exec(select(Outbox).where(col(Outbox.parent_key).is_(None)))
    assert "late: I was away" in str(row.body["blocks"])
    ends(session, back)
    tick(session, MONDAY + 3 * DAY)
    assert told(session)[1:] == ["vision: 1 run"]


@pytest.mark.parametrize(
    ("zone", "due"),
    [
        ("Europe/Berlin", [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)]),
        ("UTC", [datetime(2026, 10, 25, 2, 30, tzinfo=UTC), datetime(2026, 10, 26, 2, 30, tzinfo=UTC)]),
    ],
)  # fmt: skip
def test_an_hour_that_comes_twice_brings_one_digest(session: Session, zone: str, due: list[datetime]) -> None:
    subscription = connected(session, zone=zone, since=datetime(2026, 10, 24, 12, tzinfo=UTC))
    subscription.local_time, subscription.weekdays = time(2, 30), ["sat", "sun", "mon"]
    subscription.next_due_at = digests.next_due(subscription, after=datetime(2026, 10, 24, 12, tzinfo=UTC))
    for moment in due:
        ends(session, moment - timedelta(minutes=5))
    first = datetime(2026, 10, 24, 22, tzinfo=UTC)
    moments = [first + timedelta(minutes=30 * step) for step in range(60)]
    assert [moment for moment, posted in zip(moments, tick(session, *moments), strict=True) if posted] == due


def test_a_clock_that_ran_ahead_and_came_back_loses_and_repeats_nothing(session: Session) -> None:
    subscription = connected(session, since=MONDAY - DAY)
    ends(session, MONDAY - HOUR)
    tick(session, MONDAY + 2 * DAY)  # two days too early
    tick(session, MONDAY + timedelta(minutes=1))  # and back
    ends(session, MONDAY + 2 * HOUR)
    tick(session, *(MONDAY + days * DAY for days in range(1, 5)))
    assert told(session) == ["vision: 1 run", "vision: 1 run"]
    assert subscription.next_due_at == MONDAY + 7 * DAY


def test_a_clock_that_was_years_ahead_does_not_silence_the_digest(session: Session) -> None:
    connected(session, since=MONDAY)
    tick(session, MONDAY + 4000 * DAY)
    tick(session, MONDAY + HOUR)
    ends(session, MONDAY + 2 * HOUR)
    tick(session, MONDAY + DAY)
    assert told(session)[-1] == "vision: 1 run"


def test_two_schedulers_at_once_tell_each_digest_once(database: Database) -> None:
    names = [f"team{number}" for number in range(8)]
    with database.session() as session:
        for name in names:
            connected(session, name, since=MONDAY - DAY)
            ends(session, MONDAY - HOUR, name)
    start, counts = Barrier(4), []

    def schedule() -> None:
        start.wait()
        with database.session() as session:
            counts.append(digests.claim_due(session, now=MONDAY))

    threads = [Thread(target=schedule) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.session() as session:
        digests.claim_due(session, now=MONDAY + timedelta(seconds=15))
        assert sorted(told(session)) == [f"{name}: 1 run" for name in names]


def test_a_crash_between_claim_and_post_leaves_the_digest_to_the_next(database: Database) -> None:
    with database.session() as session:
        connected(session, since=MONDAY - DAY)
        ends(session, MONDAY - HOUR)

    def crash() -> None:
        with database.session() as session:
            assert digests.claim_due(session, now=MONDAY) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        crash()
    with database.session() as session:
        assert told(session) == []
        assert tick(session, MONDAY + timedelta(seconds=15), MONDAY + timedelta(seconds=30)) == [1, 0]
        assert told(session) == ["vision: 1 run"]


def preview(session: Session, subscription: Subscription, words: str, *, now: datetime) -> str:
    """What `/runs digest` in its channel answers."""
    services: Any = None  # a preview asks nothing outside the database
    project = session.exec(select(Project)).one()
    asking = Asking(
        session=session, services=services, person=None, channel=subscription.channel_id,
        sight=project_sight(project.id or 0), now=now, home=project,
    )  # fmt: skip
    answer = digest_commands.command(asking, parse(words))
    return plain_text(answer.text, answer.blocks)


def test_a_preview_holds_what_the_next_digest_will(session: Session) -> None:
    kept = connected(session, since=MONDAY - 4 * DAY)
    tick(session, MONDAY - 3 * DAY)  # on Friday at nine, nothing had happened yet: Monday's covers it
    ends(session, MONDAY - 3 * DAY - HOUR * 5, state="failed", ending={"cause": "KeyError"})
    ends(session, MONDAY - 2 * DAY)
    ends(session, MONDAY - 5 * DAY)  # before the channel was connected
    assert "2 runs" in preview(session, kept, "digest", now=MONDAY - HOUR)
    assert "Nothing" in preview(session, kept, "digest since:2026-11-22", now=MONDAY - HOUR)
    tick(session, MONDAY)
    assert "2 runs" in told(session)[-1]
    ends(session, MONDAY + HOUR)
    assert "1 run" in preview(session, kept, "digest", now=MONDAY + 2 * HOUR)


def test_a_preview_where_none_is_subscribed_tells_of_the_last_day(session: Session) -> None:
    kept = connected(session, since=MONDAY - 4 * DAY)
    kept.active = False
    ends(session, MONDAY - 2 * DAY)
    ends(session, MONDAY - HOUR)
    assert "1 run" in preview(session, kept, "digest", now=MONDAY)


@pytest.mark.parametrize(
    ("words", "runs"),
    [("digest yesterday", "1 run"), ("what happened last week?", "2 runs"), ("what moved today?", "Nothing")],
)
def test_a_preview_reaches_back_as_far_as_is_asked(session: Session, words: str, runs: str) -> None:
    kept = connected(session, since=MONDAY)
    ends(session, MONDAY - 3 * DAY)
    ends(session, MONDAY - DAY)
    assert runs in preview(session, kept, words, now=MONDAY)
    assert kept.weekdays == ["mon", "tue", "wed", "thu", "fri"]
