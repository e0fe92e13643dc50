"""Six weeks of a simulated team in four time zones, two clock changes and an outage, and what its digests must say of it.

What is expected is counted here from the simulation alone, without the product's queries.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, select

from storage.memory import Channel, Membership, Note, RationaleItem, Subscription
from storage.tables import Environment, MetricSummary, Person, Project, Run

START = datetime(
    2026, 3, 2, tzinfo=UTC
)  # clocks change on 8 March in New York, 29 March in Berlin, 5 April in Sydney
END = START + timedelta(weeks=6)
DOWN = (datetime(2026, 3, 17, 3, tzinfo=UTC), datetime(2026, 3, 20, 2, 10, tzinfo=UTC))
JUMP, AHEAD = (
    datetime(2026, 3, 24, 5, 30, tzinfo=UTC),
    timedelta(minutes=100),
)  # all clocks run ahead for a moment
TICK = timedelta(minutes=30)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CAUSES = (None, None, None, "out of memory", "KeyError: 'lr'")
PEOPLE = ("ana", "ben", "mei")
GPUS = 2
FADES = timedelta(days=21)


@dataclass(frozen=True, kw_only=True)
class Team:
    """One project in one channel with its own hours, and who works on it."""

    name: str
    zone: str
    at: time
    weekdays: Sequence[str]
    runs_a_day: float
    people: Sequence[str]
    silent: tuple[date, date] = (date.max, date.max)

    @property
    def channel(self) -> str:
        return f"C0{self.name.upper()}"


TEAMS = (
    Team(name="vision", zone="America/New_York", at=time(9), weekdays=DAYS[:5], runs_a_day=2.5, people=("ana", "ben")),
    Team(name="speech", zone="Europe/Berlin", at=time(2, 30), weekdays=DAYS, runs_a_day=1.0, people=("ana",)),
    Team(name="ads", zone="Asia/Kolkata", at=time(8, 30), weekdays=("mon", "thu"), runs_a_day=0.6, people=("ben", "mei")),
    Team(name="maps", zone="Australia/Sydney", at=time(9), weekdays=DAYS[:5], runs_a_day=1.5, people=("mei",),
         silent=(date(2026, 3, 21), date(2026, 4, 7))),
)  # fmt: skip


@dataclass
class Ended:
    """A run as the simulation knows it."""

    number: int
    started: datetime
    ended: datetime
    cause: str | None
    value: float
    owner: str


@dataclass
class Sentence:
    """What somebody said: a decision, a problem, a next step (perhaps done later), or a status."""

    text: str
    role: str
    at: datetime
    by: str
    done: datetime | None = None
    item_id: int = 0


@dataclass
class Told:
    """What the independent count expects of one digest."""

    text: str
    since: datetime
    until: datetime
    at: datetime  # when it can be told: later than due where the server was down
    late: bool = field(default=False)


@dataclass
class History:
    """Everything that happens in one team."""

    team: Team
    runs: list[Ended]
    said: list[Sentence]

    def during(self, since: datetime, until: datetime, role: str) -> list[Sentence]:
        """What was said in a role, the newest first."""
        found = [one for one in self.said if one.role == role and since <= one.at < until]
        return sorted(found, key=lambda one: one.at, reverse=True)

    def open_steps(self, told: Told) -> set[str]:
        """Next steps neither done when the digest was written nor older than three weeks; the newest eight."""
        found = self.during(told.until - FADES, told.until, "next_step")
        return {one.text for one in [one for one in found if one.done is None or one.done > told.at][:8]}

    def ended(self, since: datetime, until: datetime) -> list[Ended]:
        """Runs that ended in a period."""
        return [run for run in self.runs if since <= run.ended < until]

    def moved(self, since: datetime, until: datetime) -> bool:
        """Whether there is anything to tell."""
        began = any(since <= run.started < until for run in self.runs)
        said = any(self.during(since, until, role) for role in ("decision", "problem", "status"))
        return bool(self.ended(since, until)) or began or said

    def headline(self, since: datetime, until: datetime) -> str:
        """As the first line must be."""
        ended = self.ended(since, until)
        words = []
        if ended:
            words = ["1 run" if len(ended) == 1 else f"{len(ended)} runs"]
            before = max((run.value for run in self.runs if run.ended < since), default=None)
            best = max(ended, key=lambda run: (run.value, -run.number))
            if before is not None and best.value > before:
                words.insert(0, f"new best val_acc {best.value:g} (#{best.number})")
        bad = sum(bool(run.cause) for run in ended)
        if bad:
            words.append(f"{bad} ended badly")
        return f"{self.team.name}: {', '.join(words) or 'notes'}"


def simulate(team: Team, rng: random.Random) -> History:
    """Runs and words at any hour; some runs end on the very second of a digest."""
    runs = []
    moments = sorted(START + (END - START) * rng.random() for _ in range(round(42 * team.runs_a_day)))
    zone = ZoneInfo(team.zone)
    for place, moment in enumerate(moments):
        ended = moment.replace(microsecond=0)
        if rng.random() < 0.1:
            local = datetime.combine(ended.astimezone(zone).date(), team.at, zone)
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
                owner=rng.choice(team.people),
            )
        )
    return History(team=team, runs=runs, said=_words(team, rng))


def _words(team: Team, rng: random.Random) -> list[Sentence]:
    said = []
    for role, amount in (("decision", 14), ("problem", 10), ("next_step", 12), ("status", 5)):
        for place in range(amount):
            at = START + (END - START) * rng.random()
            if team.silent[0] <= at.date() <= team.silent[1]:
                continue
            done = at + timedelta(days=rng.uniform(0.5, 30)) if rng.random() < 0.5 else None
            text = f"{role.replace('_', ' ').capitalize()} {place + 100} of {team.name}."
            said.append(Sentence(text=text, role=role, at=at, by=rng.choice(team.people), done=done))
    return said


def record(session: Session, history: History) -> None:
    """The same in the database, with the channel's subscription."""
    team = history.team
    people = {name: _person(session, name) for name in team.people}
    session.add(Channel(id=team.channel, name=team.name, synced_at=START))
    session.add_all(
        [Membership(channel_id=team.channel, slack_id=one.slack_id or "") for one in people.values()]
    )
    project = Project(name=team.name, channel_id=team.channel, created_at=START)
    machine = Environment(fingerprint=team.name, hardware={"gpus": GPUS})
    session.add_all([project, machine])
    session.flush()
    for run in history.runs:
        row = Run(
            uid=f"{team.name}-{run.number}",
            project_id=project.id or 0,
            number=run.number,
            name=f"{team.name}-{run.number}",
            owner_id=people[run.owner].id,
            environment_id=machine.id,
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
    for said in history.said:
        kind = "status" if said.role == "status" else "text"
        note = Note(
            project_id=project.id or 0,
            author_id=people[said.by].id,
            kind=kind,
            text=said.text,
            said_at=said.at,
        )
        session.add(note)
        session.flush()
        if kind == "text":
            item = RationaleItem(
                note_id=note.id or 0,
                role=said.role,
                text=said.text,
                start=0,
                end=len(said.text),
                confidence=0.9,
            )
            session.add(item)
            session.flush()
            said.item_id = item.id or 0
    session.add(
        Subscription(
            channel_id=team.channel,
            weekdays=list(team.weekdays),
            time_zone=team.zone,
            local_time=team.at,
            last_covered_until=START,
            next_due_at=START,
        )
    )


def _person(session: Session, name: str) -> Person:
    known = session.exec(select(Person).where(Person.name == name)).first()
    if known is None:
        known = Person(name=name, slack_id=f"U0{name.upper()}", created_at=START)
        session.add(known)
        session.flush()
    return known


def schedule(zone_name: str, at: time, weekdays: Sequence[str]) -> list[datetime]:
    """Every due moment, found by looking at the wall clock each quarter of an hour; a skipped hour counts an hour later."""
    found: dict[date, datetime] = {}
    zone, moment = ZoneInfo(zone_name), START
    while moment < END:
        local = moment.astimezone(zone)
        if DAYS[local.weekday()] in weekdays and local.time() >= at and local.date() not in found:
            before = (moment - timedelta(minutes=15)).astimezone(zone)
            exact = local.time() == at
            skipped = before.date() == local.date() and before.time() < at < local.time()
            if exact or skipped:
                # 02:30 does not exist on the day the clock jumps from two to three: it is told at 03:30.
                found[local.date()] = moment if exact else moment + timedelta(minutes=30)
        moment += timedelta(minutes=15)
    return sorted(found.values())


def expected(
    histories: Sequence[History], *, zone: str, at: time, weekdays: Sequence[str], back: datetime
) -> dict[date, Told]:
    """What must be told of these teams on which local date, and nothing else; clocks that ran ahead were right again at `back`.

    What fell due for a clock that ran ahead is told then, and not again; the next digest begins when the clock came back.
    """
    due = schedule(zone, at, weekdays)
    missed = [one for one in due if DOWN[0] <= one < DOWN[1]]
    due = [one for one in due if one not in missed[:-1]]
    told: dict[date, Told] = {}
    since = START
    for until in due:
        day = until.astimezone(ZoneInfo(zone)).date()
        moved = [one for one in histories if one.moved(since, until)]
        if moved:
            text = "; ".join(one.headline(since, until) for one in moved)
        elif until - since >= timedelta(days=7):
            text = f"Nothing moved since {since:%a %d %b %H:%M} UTC."
        else:
            continue
        at_once = until if until not in missed else DOWN[1] + timedelta(minutes=20)
        early = JUMP < until <= JUMP + AHEAD
        at_once = JUMP if early else at_once
        told[day] = Told(
            text=text, since=since, until=until, at=at_once, late=until in missed and bool(moved)
        )
        since = back if early else until
    return told
