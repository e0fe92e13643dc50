"""A busy team's channel stays worth reading: few messages, nobody called for what they saw themselves, no edit over budget."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from busy_day import CRASHES, PEOPLE, TELLING, Day, as_read, busy_day, slack_id
from databases import fresh_database
from local_workspace import RUNS
from running_bot import BOT, Json, shown
from sqlmodel import Session, select

from storage.database import Database
from storage.embedded import EmbeddedPostgres
from storage.tables import Project, Run

pytestmark = pytest.mark.day
CALL = re.compile(r"<@(U\w+)>")


@pytest.fixture(scope="module")
def day(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with fresh_database(postgres) as url:
        database = Database(url)
        with busy_day(database, tmp_path_factory.mktemp("busy")) as played:
            (tmp_path_factory.getbasetemp() / "channel.txt").write_text("\n".join(as_read(played)))
            yield played
        database.close()


def everything(day: Day) -> list[Json]:
    """Every message of the channel, threads included."""
    messages = day.bot.workspace.messages(RUNS, slack_id("ana"))
    replies = [
        reply
        for message in messages
        if message.get("reply_count")
        for reply in day.bot.workspace.thread(RUNS, message["ts"], slack_id("ana"))[1:]
    ]
    return [*{one["ts"]: one for one in [*messages, *replies]}.values()]


def ran(day: Day, message: Json) -> timedelta:
    """How long the run ran that a message is about."""
    found = re.match(r"(\w+)/(\d+)", str(message["text"]))
    assert found, message["text"]
    with day.bot.services.database.session() as session:
        project = session.exec(select(Project).where(Project.name == found[1])).one()
        which = select(Run).where(Run.project_id == project.id, Run.number == int(found[2]))
        run = session.exec(which).one()
        assert run.ended_at is not None
        return run.ended_at - run.started_at


def test_a_busy_day_is_at_most_25_messages_in_the_channel(day: Day) -> None:
    with day.bot.services.database.session() as session:
        assert len(session.exec(select(Run.id)).all()) == 300
    assert len(day.bot.workspace.messages(RUNS, slack_id("ana"))) <= 25


def test_nobody_is_called_for_an_attempt_under_five_minutes(day: Day) -> None:
    called = [one for one in everything(day) if one["user"] == BOT and CALL.search(shown(one) + one["text"])]
    assert called
    assert [one["text"] for one in called if ran(day, one) < timedelta(minutes=5)] == []


def test_each_bad_end_calls_its_owner_once(day: Day) -> None:
    called = [
        one["text"].split(":")[0]
        for one in everything(day)
        if one["user"] == BOT and CALL.search(one["text"])
    ]
    assert len(called) == len(set(called))


def test_no_minute_has_more_edits_than_the_budget(day: Day) -> None:
    times = [at for at, method, _ in day.noted.asked if method == "chat.update"]
    assert len(times) > 300
    most = max(sum(one <= other < one + timedelta(minutes=1) for other in times[place : place + 60])
               for place, one in enumerate(times))  # fmt: skip
    assert most <= 45


def test_only_replies_that_say_something_are_answered_and_only_by_a_sign(day: Day) -> None:
    signed = dict(day.chatted)
    assert sum(signed.values()) == TELLING
    for ts, telling in signed.items():
        assert ("memo" in day.bot.workspace.reactions(RUNS, ts, slack_id("ana"))) == telling
    whispers = [one for name in PEOPLE for one in day.bot.workspace.ephemerals(slack_id(name), RUNS)]
    assert whispers == []


def test_quick_crashes_get_no_reply_and_are_folded(day: Day) -> None:
    about = [
        one["text"]
        for one in everything(day)
        if re.match(r"\w+/\d+( failed: KeyError|: \d quick)", one["text"])
    ]
    assert sorted(one.split(": ")[1][:16] for one in about) == ["4 quick attempts"] * (CRASHES // 4)


def test_at_the_end_every_run_is_shown_as_it_ended(day: Day) -> None:
    with day.bot.services.database.session() as session:
        assert not list(unfinished(session))
    shown_as_running = [
        one["text"] for one in everything(day) if re.search(r"/\d+ running", str(one["text"]))
    ]
    assert shown_as_running == []


def unfinished(session: Session) -> Iterator[Run]:
    yield from session.exec(select(Run).where(Run.state == "running"))


def test_after_the_day_nothing_waits_and_no_connection_is_held(day: Day) -> None:
    waiting = day.bot.waiting()
    assert (waiting["events"], waiting["outbox"]) == (0, 0)
    # Jobs are due by PostgreSQL's clock, which the day does not move: none may have failed.
    with day.bot.services.database.engine.connect() as connection:
        failed = connection.exec_driver_sql(
            "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('failed', 'doing')"
        )
        assert failed.scalar() == 0
        assert day.bot.services.database.engine.pool.checkedout() == 1  # type: ignore[attr-defined]  # this one
