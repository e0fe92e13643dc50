"""Six weeks of a simulated team in four time zones, two clock changes and an outage: every digest against an independent count."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from bot import digests
from storage.database import Database
from storage.memory import Digest, Outbox, Subscription
from storage.tables import MetricSummary, Person, Project, Run

START = datetime(
    2026, 3, 2, tzinfo=UTC
)  # clocks change on 8 March in New York, 29 March in Berlin, 5 April in Sydney
END = START + timedelta(weeks=6)
DOWN = (datetime(2026, 3, 17, 3, tzinfo=UTC), datetime(2026, 3, 20, 2, 10, tzinfo=UTC))
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CAUSES = (None, None, None, "out of memory", "KeyError: 'lr'")


@dataclass(frozen=True, kw_only=True)
class Team:
    """One project in one channel with its own hours."""

    name: str
    zone: str
    at: time
    weekdays: Sequence[str]
    runs_a_day: float
    silent: tuple[date, date] = (date.max, date.max)


TEAMS = (
    Team(name="vision", zone="America/New_York", at=time(9), weekdays=DAYS[:5], runs_a_day=2.5),
    Team(name="speech", zone="Europe/Berlin", at=time(2, 30), weekdays=DAYS, runs_a_day=1.0),
    Team(name="ads", zone="Asia/Kolkata", at=time(8, 30), weekdays=("mon", "thu"), runs_a_day=0.6),
    Team(
        name="maps",
        zone="Australia/Sydney",
        at=time(9),
        weekdays=DAYS[:5],
        runs_a_day=1.5,
        silent=(date(2026, 3, 21), date(2026, 4, 7)),
    ),
)


@dataclass
class Ended:
    """A run as the simulation knows it."""

    number: int
    started: datetime
    ended: datetime
    cause: str | None
    value: float


@dataclass
class Told:
    """What the independent count expects of one digest."""

    text: str
    since: datetime
    until: datetime
    late: bool = field(default=False)


def simulate(team: Team, rng: random.Random) -> list[Ended]:
    """Runs at any hour; some end on the very second of a digest."""
    runs = []
    moments = sorted(START + (END - START) * rng.random() for _ in range(round(42 * team.runs_a_day)))
    for place, moment in enumerate(moments):
        ended = moment.replace(microsecond=0)
        if rng.random() < 0.1:
            local = datetime.combine(
                ended.astimezone(ZoneInfo(team.zone)).date(), team.at, ZoneInfo(team.zone)
            )
            ended = max(START, local.astimezone(UTC))
        if team.silent[0] <= ended.date() <= team.silent[1]:
            continue
        started = max(START, ended - timedelta(minutes=rng.randrange(2, 300)))
        runs.append(
            Ended(
                number=place + 1,
                started=started,
                ended=ended,
                cause=rng.choice(CAUSES),
                value=round(rng.uniform(0.5, 0.95), 3),
            )
        )
    return runs


def record(session: Session, team: Team, runs: Sequence[Ended], person: Person) -> None:
    """The same in the database."""
    project = Project(name=team.name, channel_id=f"C0{team.name.upper()}", created_at=START)
    session.add(project)
    session.flush()
    for run in runs:
        row = Run(
            uid=f"{team.name}-{run.number}",
            project_id=project.id or 0,
            number=run.number,
            name=f"{team.name}-{run.number}",
            owner_id=person.id,
            state="failed" if run.cause else "finished",
            ending={"cause": run.cause} if run.cause else {"exit_code": 0},
            started_at=run.started,
            ended_at=run.ended,
            last_seen_at=run.ended,
        )
        session.add(row)
        session.flush()
        value = run.value
        session.add(
            MetricSummary(run_id=row.id or 0, name="val_acc", count=9, last=value, min=value / 2, max=value)
        )
    session.add(
        Subscription(
            channel_id=project.channel_id or "",
            weekdays=list(team.weekdays),
            time_zone=team.zone,
            local_time=team.at,
            last_covered_until=START,
            next_due_at=START,
        )
    )


def schedule(team: Team) -> list[datetime]:
    """Every due moment, found by looking at the wall clock each quarter of an hour; a skipped hour counts an hour later."""
    found: dict[date, datetime] = {}
    moment = START
    while moment < END:
        local = moment.astimezone(ZoneInfo(team.zone))
        if DAYS[local.weekday()] in team.weekdays and local.time() >= team.at and local.date() not in found:
            yesterday = (moment - timedelta(minutes=15)).astimezone(ZoneInfo(team.zone))
            exact = local.time() == team.at
            skipped = yesterday.date() == local.date() and yesterday.time() < team.at < local.time()
            if exact or skipped:
                # 02:30 does not exist on the day the clock jumps from two to three: it is told at 03:30.
                found[local.date()] = moment if exact else moment + timedelta(minutes=30)
        moment += timedelta(minutes=15)
    return sorted(found.values())


def expected(team: Team, runs: Sequence[Ended]) -> dict[date, Told]:
    """What must be told on which local date, and nothing else."""
    due = schedule(team)
    missed = [one for one in due if DOWN[0] <= one < DOWN[1]]
    due = [one for one in due if one not in missed[:-1]]
    told: dict[date, Told] = {}
    since = START
    for until in due:
        ended = [run for run in runs if since <= run.ended < until]
        began = [run for run in runs if since <= run.started < until]
        day = until.astimezone(ZoneInfo(team.zone)).date()
        if ended or began:
            told[day] = Told(text=headline(team, runs, ended, since), since=since, until=until)
        elif until - since >= timedelta(days=7):
            text = f"Nothing moved since {since:%a %d %b %H:%M} UTC."
            told[day] = Told(text=text, since=since, until=until)
        else:
            continue
        told[day].late = until in missed and not told[day].text.startswith("Nothing")
        since = until
    return told


def headline(team: Team, runs: Sequence[Ended], ended: Sequence[Ended], since: datetime) -> str:
    words = []
    if ended:
        words = ["1 run" if len(ended) == 1 else f"{len(ended)} runs"]
        before = max((run.value for run in runs if run.ended < since), default=None)
        best = max(ended, key=lambda run: (run.value, -run.number))
        if before is not None and best.value > before:
            words.insert(0, f"new best val_acc {best.value:g} (#{best.number})")
    bad = Counter(bool(run.cause) for run in ended)[True]
    if bad:
        words.append(f"{bad} ended badly")
    return f"{team.name}: {', '.join(words) or 'notes'}"


def test_six_weeks_of_digests_tell_each_run_once_and_on_time(database: Database) -> None:
    rng = random.Random(20260302)
    history = {team.name: simulate(team, rng) for team in TEAMS}
    with database.session() as session:
        person = Person(name="ana", created_at=START)
        session.add(person)
        session.flush()
        for team in TEAMS:
            record(session, team, history[team.name], person)
    now = START
    while now < END:
        if not DOWN[0] <= now < DOWN[1]:
            with database.session() as session:
                digests.claim_due(session, now=now + timedelta(seconds=rng.randrange(15)))
        now += timedelta(minutes=30)
    with database.session() as session:
        for team in TEAMS:
            told = expected(team, history[team.name])
            subscription = session.exec(
                select(Subscription).where(Subscription.channel_id == f"C0{team.name.upper()}")
            ).one()
            rows = session.exec(
                select(Outbox).where(Outbox.lane == subscription.channel_id, col(Outbox.parent_key).is_(None))
            ).all()
            posted = {date.fromisoformat(row.key.rsplit(":", 1)[1]): row for row in rows}
            assert {day: row.body["text"] for day, row in posted.items()} == {
                day: one.text for day, one in told.items()
            }
            late = {day for day, row in posted.items() if "late: I was away" in str(row.body)}
            assert late == {day for day, one in told.items() if one.late}
            periods = {
                one.local_date: (one.since, one.until)
                for one in session.exec(select(Digest).where(Digest.subscription_id == subscription.id))
            }
            assert {day: periods[day] for day in told} == {
                day: (one.since, one.until) for day, one in told.items()
            }
            bounds = [(told[day].since, told[day].until) for day in sorted(told)]
            assert all(one[1] == other[0] for one, other in pairwise(bounds))
            assert len(told) >= 8
