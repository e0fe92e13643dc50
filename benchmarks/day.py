"""Does anything grow in 24 hours of a team of 100? Played in accelerated time through the whole bot: ingest, Slack both ways, jobs, schedule.

python -m benchmarks.day [--people 100] [--hours 24]

The clock is moved by hand; PostgreSQL, the Slack libraries and the workspace are real, notes are read by fakes (the models' memory is `benchmarks.speech`'s to measure).
"""

import argparse
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path += [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1])]

from busy_day import CHATTER, TICK, WORDS, Day, Noted, slack_id
from local_workspace import LocalWorkspace, default_config
from running_bot import running_bot
from sqlalchemy import text

from bot import directory, figures, rendering
from bot.dispatcher import Dispatcher
from storage.database import Database, migrate
from storage.embedded import EmbeddedPostgres
from storage.memory import Subscription

PROJECTS = 12
RUNS, REPLIES, QUESTIONS = 6, 3, 3  # a person, in 24 hours
ASKED = ("list", "compare 1 2", "who tried warmup", "now", "show latest", "digest")
ZONES = ("America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Sydney")
QUEUE_BUDGET = 60.0  # seconds that a job may wait on a busy machine
MEMORY_BUDGET = 1.10  # of the last six hours against hours 6 to 12, when all that is cached is there

DUE = "UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo' AND scheduled_at <= :now"
STATE = """
    SELECT
        (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()),
        (SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')),
        (SELECT count(*) FROM outbox WHERE state IN ('waiting', 'sending')),
        coalesce((SELECT extract(epoch FROM :now - min(created_at)) FROM outbox WHERE state = 'waiting'), 0),
        (SELECT count(*) FROM slack_event WHERE handled_at IS NULL),
        (SELECT count(*) FROM run),
        pg_database_size(current_database()) / 1e6
"""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What stood at the end of a simulated hour, after what was due had been done."""

    hour: int
    resident: float  # MB
    connections: int
    jobs: int
    outbox: int
    oldest: float  # simulated seconds the oldest message has waited
    queued: float  # real seconds that a job waited to be begun, the longest seen in this hour
    events: int
    runs: int
    database: float  # MB
    took: float  # real seconds of this hour


@dataclass
class LongDay(Day):
    """A day of many people in many channels and time zones."""

    people: int = 100
    samples: list[Sample] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)
    queued: float = 0.0

    def plan(self) -> None:
        for person in range(self.people):
            for _ in range(RUNS):
                self._run(self._hour(person), who(person), project(person), self._end())
            for _ in range(REPLIES):
                self._said(self._hour(person), person)
            for _ in range(QUESTIONS):
                self._ask(self._hour(person), person)

    def _hour(self, person: int) -> float:
        """A second of the day at which this person is at work: ten hours, by their time zone."""
        return (person % len(ZONES) * 6 * 3600 + self.dice.random() * 36_000) % (22 * 3600) + 60

    def _end(self) -> str:
        return self.dice.choice(["finished"] * 6 + ["failed", "killed", "early", "lost"])

    def _said(self, second: float, person: int) -> None:
        telling = self.dice.random() < 0.5

        def say() -> None:
            board = next(iter(self.bot.workspace.messages(channel(person), who_id(person))), None)
            if board is not None:
                words = WORDS if telling else CHATTER
                said = words[int(second) % len(words)].format(1)
                self.bot.workspace.reply(who_id(person), channel(person), board["ts"], said)

        self.at(second, say)

    def _ask(self, second: float, person: int) -> None:
        asked = self.dice.choice(ASKED)
        self.at(second, lambda: self.bot.workspace.command(who_id(person), channel(person), "/runs", asked))

    def _tick(self) -> None:
        super()._tick()
        # procrastinate looks at PostgreSQL's clock, which nobody moves: what is due by ours is due.
        with self.bot.services.database.session() as session:
            waiting = [
                one.oldest or 0.0
                for one in figures.levels(session)
                if one.part == "queue" and one.state == "todo"
            ]
            self.queued = max(self.queued, *waiting, 0.0)
            session.execute(text(DUE), {"now": self.bot.clock()})
        hour, rest = divmod((self.bot.clock() - self.start).total_seconds(), 3600)
        if rest < TICK and hour > len(self.samples):
            self._sample(int(hour))

    def _sample(self, hour: int) -> None:
        done: Callable[[], bool] = lambda: not (self.bot.waiting()["events"] or self.bot.waiting()["jobs"])  # noqa: E731
        self.bot.wait(done, "what people said", seconds=120)
        gc.collect()
        with self.bot.services.database.engine.connect() as connection:
            row = connection.execute(text(STATE), {"now": self.bot.clock()}).one()
        resident = int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) / 1024
        names = ("connections", "jobs", "outbox", "oldest", "events", "runs", "database")
        found: dict[str, Any] = dict(zip(names, row, strict=True))
        now = time.monotonic()
        sample = Sample(hour=hour, resident=resident, queued=self.queued, took=now - self.since, **found)
        self.since, self.queued = now, 0.0
        self.samples.append(sample)
        print(
            f"{hour:5} {resident:9.0f} {sample.connections:12} {sample.jobs:5} {sample.events:7} {sample.outbox:7}"
            f" {sample.oldest:13.0f} {sample.queued:13.1f} {sample.runs:6} {sample.database:12.0f} {sample.took:7.0f}",
            flush=True,
        )


def who(person: int) -> str:
    return f"p{person:03d}"


def who_id(person: int) -> str:
    return slack_id(who(person))


def project(person: int) -> str:
    return f"project-{person % PROJECTS}"


def channel(person: int) -> str:
    return f"C0P{person % PROJECTS:02d}"


def company(people: int) -> dict[str, Any]:
    """The workspace: a channel for each project, everybody of it in it."""
    config = default_config()
    config["users"] = [
        {"id": who_id(one), "name": who(one), "real_name": who(one), "tz": ZONES[one % len(ZONES)]}
        for one in range(people)
    ]
    config["channels"] = [
        {
            "id": channel(place),
            "name": "runs" if place == 0 else f"project-{place}",
            "is_private": place % 3 == 2,
            "members": [*(who_id(one) for one in range(people) if one % PROJECTS == place), "B:runlore"],
        }
        for place in range(PROJECTS)
    ]
    return config


@contextmanager
def long_day(database: Database, home: Path, *, people: int) -> Iterator[LongDay]:
    """The bot at midnight of a Monday, with the day planned."""
    with (
        LocalWorkspace(company(people)) as workspace,
        running_bot(database, workspace, home, dispatch=False) as bot,
    ):
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        monday = tomorrow + timedelta(days=-tomorrow.weekday() % 7)
        start = monday.replace(hour=0, minute=0, second=0, microsecond=0)
        bot.dispatcher = Dispatcher(database, bot.services.messenger, render=rendering.render)
        noted = Noted(workspace, bot.clock)  # not used to send: what it keeps would grow
        day = LongDay(bot=bot, noted=noted, start=start, people=people)
        day._set(0)
        directory.reconcile(bot.services)
        for place in range(min(PROJECTS, people)):
            bot.own_channel(project(place), channel(place))
            with database.session() as session:
                zone = ZONES[place % len(ZONES)]
                session.add(
                    Subscription(channel_id=channel(place), weekdays=["mon"], time_zone=zone, next_due_at=start + timedelta(hours=place + 1))
                )  # fmt: skip
        day.plan()
        yield day


def trend(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The slope of a straight line through the points, and half of its 95 % interval."""
    hours, values = zip(*points, strict=True)
    slope, start = statistics.linear_regression(hours, values)
    off = sum((value - start - slope * hour) ** 2 for hour, value in points) / (len(points) - 2)
    spread = sum((hour - statistics.mean(hours)) ** 2 for hour in hours)
    return slope, 2.1 * (off / spread) ** 0.5  # Student's t of some 16 degrees of freedom


def verdict(samples: list[Sample]) -> bool:
    """Whether the last six hours hold no more than the second six."""
    middle, last = samples[5:12], samples[-6:]
    grown = statistics.median(one.resident for one in last) / statistics.median(
        one.resident for one in middle
    )
    connections = max(one.connections for one in middle), max(one.connections for one in last)
    ages = max(one.oldest for one in middle), max(one.oldest for one in last)
    queued = max(one.queued for one in middle), max(one.queued for one in last)
    slope, error = trend([(one.hour, one.resident) for one in samples[6:]])
    print(f"\nmemory × {grown:.3f} of hours 6 to 12 (budget {MEMORY_BUDGET})")
    print(
        f"its slope from hour 7 on: {slope:+.2f} MB an hour ({slope - error:+.2f} to {slope + error:+.2f}, 95 %)"
    )
    print(f"connections at most {connections[0]}, then {connections[1]}")
    print(f"oldest message waiting at most {ages[0]:.0f} s, then {ages[1]:.0f} s")
    print(f"oldest job waiting at most {queued[0]:.1f} s, then {queued[1]:.1f} s")
    print(f"left at the end: {samples[-1].jobs} jobs, {samples[-1].events} events")
    held = grown <= MEMORY_BUDGET and connections[1] <= connections[0] and ages[1] <= max(600.0, ages[0])
    held = held and queued[1] <= max(QUEUE_BUDGET, queued[0])
    return held and samples[-1].jobs == samples[-1].events == 0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--people", type=int, default=100)
    options.add_argument("--hours", type=float, default=24)
    chosen = options.parse_args()
    if chosen.hours < 13:
        options.error("Growth shows from the 13th hour on: --hours 13 or more.")
    print(
        " hour   RSS, MB  connections  jobs  events  outbox  oldest msg, s  oldest job, s   runs  database, MB   took, s"
    )
    with tempfile.TemporaryDirectory(prefix="runlore-day-") as name:
        home = Path(name)
        home.chmod(0o711)  # root's database runs as another user
        with EmbeddedPostgres(home / "postgres") as server:
            migrate(server.url())
            database = Database(server.url())
            with long_day(database, home / "bot", people=chosen.people) as day:
                day.play(hours=chosen.hours + 0.1)
                held = verdict(day.samples)
            database.close()
    print("held" if held else "missed")


if __name__ == "__main__":
    main()
