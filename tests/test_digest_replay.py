"""Six weeks of a simulated team through the real scheduler's job and the dispatcher: every digest against an independent count."""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from threading import Thread
from typing import Any

import digest_weeks as weeks
import pytest
from digest_weeks import AHEAD, DAYS, DOWN, END, GPUS, JUMP, START, TEAMS, TICK, History, Told
from fakes import services_with
from kept_slack import Died, KeptSlack
from sqlalchemy import text
from sqlmodel import Session, col, select

from bot import rendering
from bot.dispatcher import Dispatcher
from bot.plain_text import plain_text
from bot.schedule import build_scheduler
from storage.database import Database
from storage.memory import Channel, Digest, Outbox, RationaleItem, Subscription
from storage.tables import Person

# Slack is away at vision's hour on two days, and loses its answers on a third.
AWAY = [
    (datetime.combine(date(2026, 3, day), time(12, 50), START.tzinfo), timedelta(hours=2)) for day in (11, 25)
]
DEAF = (datetime.combine(date(2026, 4, 1), time(12, 50), START.tzinfo), timedelta(minutes=20))
OWN = "D0ANA"  # ana's own digest, every day at eight in Berlin
CRASHES, DEATHS = 0.3, 0.15


class Crash(Exception):
    """A scheduler dies between writing a digest and its commit."""


class Mortal:
    """The database as a scheduler knows it that dies before its commit, when told to, with a digest written."""

    def __init__(self, database: Database) -> None:
        self.database, self.dies, self.crashes = database, False, 0

    @contextmanager
    def session(self) -> Iterator[Session]:
        with self.database.session() as session:
            yield session
            if (
                self.dies
                and session.execute(
                    text("SELECT 1 FROM digest WHERE xmin = pg_current_xact_id()::xid")
                ).first()
            ):
                self.crashes += 1
                raise Crash


class Replay:
    """The database and Slack of a simulated team, with two schedulers of which one dies now and then, and so does who sends."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database, self.rng, self.slack = database, random.Random(seed), KeptSlack()
        self.dispatcher = Dispatcher(database, self.slack, render=rendering.render)
        self.now, self.back, self.mortal, self.deaths = START, START, Mortal(database), 0
        self.schedulers = [self._scheduler(self.mortal), self._scheduler(database)]
        self.histories = [weeks.simulate(team, self.rng) for team in TEAMS]
        with database.session() as session:
            for history in self.histories:
                weeks.record(session, history)
            ana = session.exec(select(Person).where(Person.name == "ana")).one()
            session.add(
                Subscription(
                    channel_id=OWN,
                    person_id=ana.id,
                    weekdays=list(DAYS),
                    time_zone="Europe/Berlin",
                    local_time=time(8),
                    last_covered_until=START,
                    next_due_at=START,
                )
            )

    def _scheduler(self, database: Any) -> Callable[[], object]:  # noqa: ANN401  the database, or one that dies
        """The job of the real scheduler that sends digests, by this replay's clock."""
        services = services_with(database, self.slack, lambda: self.now)
        job: Callable[[], object] = build_scheduler(services).get_jobs()[0].func
        return job

    def play(self) -> None:
        """Six weeks: at every moment something is due, and now and then in between."""
        due = {
            DOWN[1] + timedelta(minutes=20),
            JUMP,
        }  # the first tick after the outage; and when the clocks jump
        for team in TEAMS:
            due.update(weeks.schedule(team.zone, team.at, team.weekdays))
        due.update(weeks.schedule("Europe/Berlin", time(8), DAYS))
        now, before = START, START - TICK
        while now < END:
            up = not DOWN[0] <= now < DOWN[1]
            if up and (now in due or self.rng.random() < 0.05):
                self._done(before, now)
                before = now
                self.now = now + timedelta(seconds=self.rng.randrange(15))
                self._tick(ahead=AHEAD if now == JUMP else timedelta())
                self._deliver(self.now)
            now += TICK

    def _done(self, since: datetime, until: datetime) -> None:
        """What people tapped done meanwhile; and channels whose members were read again, as every hour."""
        with self.database.session() as session:
            for channel in session.exec(select(Channel)):
                channel.synced_at = until
            for history in self.histories:
                for said in history.said:
                    if said.item_id and said.done is not None and since < said.done <= until:
                        item = session.get(RationaleItem, said.item_id)
                        assert item is not None
                        item.closed_at = said.done

    def _tick(self, *, ahead: timedelta) -> None:
        """Both schedulers at once; what the one that died had in hand comes with the other's next tick, by a right clock."""
        self.mortal.dies = self.rng.random() < CRASHES and not ahead
        self.now += ahead
        together = [Thread(target=scheduler) for scheduler in self.schedulers]
        for thread in together:
            thread.start()
        for thread in together:
            thread.join()
        self.now += timedelta(seconds=15) - ahead
        self.back = self.now if ahead else self.back
        self.schedulers[1]()

    def _deliver(self, moment: datetime) -> None:
        self.slack.away = any(begun <= moment < begun + long for begun, long in AWAY)
        self.slack.loses_answers = DEAF[0] <= moment < DEAF[0] + DEAF[1]
        self.slack.dies = self.rng.choice(["before", "after"]) if self.rng.random() < DEATHS else None
        for second in range(30):
            try:
                if not self.dispatcher.send_due(moment + timedelta(seconds=20 + 30 * second)):
                    break
            except Died:  # another process takes over
                self.deaths += 1
                self.dispatcher = Dispatcher(self.database, self.slack, render=rendering.render)

    def settle(self) -> None:
        """Slack is there to the end: what waits is sent."""
        self.slack.away = self.slack.loses_answers = False
        self.slack.dies = None
        for minute in range(60):
            if not self.dispatcher.send_due(END + timedelta(minutes=minute)):
                break


@pytest.fixture
def replay(database: Database) -> Replay:
    return Replay(database, 20260302)


def test_six_weeks_of_digests_tell_each_thing_once_and_on_time(replay: Replay) -> None:
    replay.play()
    assert replay.mortal.crashes >= 3
    assert replay.deaths >= 5
    replay.settle()
    with replay.database.session() as session:
        for history in replay.histories:
            team = history.team
            told = weeks.expected(
                [history], zone=team.zone, at=team.at, weekdays=team.weekdays, back=replay.back
            )
            assert len(told) >= 8
            messages = written(session, team.channel)
            check(session, team.channel, told, messages)
            for day, one in told.items():
                check_content(history, one, messages[day])
        # ana ran in two projects; ben's and mei's are none of hers.
        hers = [one for one in replay.histories if any(run.owner == "ana" for run in one.runs)]
        own = weeks.expected(
            sorted(hers, key=lambda one: one.team.name), zone="Europe/Berlin", at=time(8), weekdays=DAYS,
            back=replay.back,
        )  # fmt: skip
        assert any(JUMP < one.until <= JUMP + AHEAD for one in own.values())
        check(session, OWN, own, written(session, OWN))
        sent = Counter(message["text"] for message in replay.slack.messages if "thread_ts" not in message)
        rows = session.exec(select(Outbox)).all()
        assert {row.state for row in rows} == {"sent"}
        heads = Counter(row.body["text"] for row in rows if row.parent_key is None)
        assert sent == heads  # each exactly once, whatever was lost on the way


def written(session: Session, channel: str) -> dict[date, list[dict[str, Any]]]:
    """What was written for a channel, by local date: the digest and its thread."""
    found: dict[date, list[dict[str, Any]]] = {}
    for row in session.exec(select(Outbox).where(Outbox.lane == channel).order_by(col(Outbox.id))):
        day = re.search(r"\d{4}-\d\d-\d\d", row.key)
        assert day is not None
        found.setdefault(date.fromisoformat(day[0]), []).append(row.body)
    return found


def check(
    session: Session, channel: str, told: dict[date, Told], messages: dict[date, list[dict[str, Any]]]
) -> None:
    """The headlines, which of them are late, and that the periods join without gap or overlap."""
    assert {day: bodies[0]["text"] for day, bodies in messages.items()} == {
        day: one.text for day, one in told.items()
    }
    late = {day for day, bodies in messages.items() if "late: I was away" in str(bodies[0])}
    assert late == {day for day, one in told.items() if one.late}
    subscription = session.exec(select(Subscription).where(Subscription.channel_id == channel)).one()
    periods = {
        one.local_date: (one.since, one.until)
        for one in session.exec(select(Digest).where(Digest.subscription_id == subscription.id))
    }
    assert {day: periods[day] for day in told} == {day: (one.since, one.until) for day, one in told.items()}
    bounds = [(told[day].since, told[day].until) for day in sorted(told)]
    assert all(one[1] == other[0] or JUMP < one[1] <= JUMP + AHEAD for one, other in pairwise(bounds))


def check_content(history: History, told: Told, bodies: list[dict[str, Any]]) -> None:
    """Success by cause, GPU hours, decisions, problems, statuses and open next steps of one digest."""
    if told.text.startswith("Nothing"):
        assert len(bodies) == 1
        return
    head, *rest = [plain_text("", body["blocks"]) for body in bodies]
    thread = "\n".join(rest)
    ended = history.ended(told.since, told.until)
    if ended:
        good = sum(run.cause is None for run in ended)
        causes = Counter(
            {"out of memory": "out of memory", None: None}.get(run.cause, "KeyError") for run in ended
        )
        del causes[None]
        share = f"{good / len(ended) * 100:.0f} %"
        runs = "1 run" if len(ended) == 1 else f"{len(ended)} runs"
        success = next(row for row in thread.splitlines() if row.startswith("📊"))
        assert success.startswith(f"📊 {good} of {runs} finished ({share})")
        assert (
            Counter(
                {
                    name: int(amount)
                    for amount, name in re.findall(r", (\d+) (out of memory|KeyError)", success)
                }
            )
            == causes
        )
        hours = sum((run.ended - run.started).total_seconds() for run in ended) * GPUS / 3600
        counted = next(row for row in thread.splitlines() if row.startswith("⏱️"))
        assert float(re.search(r"[\d.,]+", counted)[0].replace(",", "")) == pytest.approx(hours, rel=0.06)  # type: ignore[index]
    for role, most in (("decision", 6), ("problem", 6)):
        said = {one.text for one in history.during(told.since, told.until, role)[:most]}
        found = set(re.findall(rf"{role.capitalize()} \d+ of \w+\.", thread))
        assert found == said
    assert set(re.findall(r"Next step \d+ of \w+\.", thread)) == history.open_steps(told)
    statuses = [one.text for one in reversed(history.during(told.since, told.until, "status"))]
    assert re.findall(r"💬 (Status \d+ of \w+\.)", head) == statuses[-2:]
