"""A day of a busy team, played through the whole bot in minutes: 12 people, 300 runs, two sweeps, 40 crashes, 60 replies."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from local_workspace import RUNS, LocalWorkspace, default_config
from running_bot import BOT, Json, RunningBot, running_bot, shown
from sqlalchemy import text
from sqlmodel import col, select

from bot import directory, rendering, runs
from bot.dispatcher import Dispatcher
from bot.messenger import SlackMessenger
from bot.schedule import claim_digests, sweep_lost, tell_late
from storage.database import Database
from storage.memory import Subscription
from storage.tables import Run

PEOPLE = ("ana", "ben", "cem", "dev", "eva", "fay", "gus", "hal", "ida", "jon", "kim", "lea")
PROJECTS = ("vision", "speech", "ranking", "tabular", "captions", "forecast")
CRASHES, REPLIES, TELLING = 40, 60, 25
TICK = 300.0  # simulated seconds between looks of the schedule
WORDS = (
    "#{} lowered lr from 0.1 to 0.01 and it went down at last.",
    "#{} I think it overfits because the set is small.",
    "#{} it crashed in the loader again.",
    "#{} we keep this one.",
    "#{} next I try a longer warmup.",
)
CHATTER = (
    "nice!",
    "wow",
    "thanks!",
    "+1",
    "looking",
    "haha",
    "on it",
    "good luck",
    "see you at lunch",
    "who has the key?",
)


def slack_id(name: str) -> str:
    return f"U0{name.upper()}"


def team() -> Json:
    """The workspace of the twelve."""
    config = default_config()
    config["users"] = [
        {"id": slack_id(name), "name": name, "real_name": name.title(), "tz": "Europe/Berlin"}
        for name in PEOPLE
    ]
    everybody = [*map(slack_id, PEOPLE), "B:runlore"]
    config["channels"] = [{"id": RUNS, "name": "runs", "is_private": False, "members": everybody}]
    return config


class Noted(SlackMessenger):
    """Slack as it is, with a list of what was asked of it and when by the day's clock."""

    def __init__(self, workspace: LocalWorkspace, clock: Callable[[], datetime]) -> None:
        super().__init__(token=workspace.bot_token, base_url=workspace.base_url, timeout=15)
        self.clock = clock
        self.asked: list[tuple[datetime, str, Mapping[str, Any]]] = []

    def call(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append((self.clock(), method, dict(body)))
        return super().call(method, body)


@dataclass
class Day:
    """What was played, for tests to look at."""

    bot: RunningBot
    noted: Noted
    start: datetime
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)
    numbers: dict[str, int] = field(default_factory=dict)
    chatted: list[tuple[str, bool]] = field(default_factory=list)  # ts, whether it says something

    def at(self, second: float, action: Callable[[], None]) -> None:
        self.events.append((second, len(self.events), action))

    # --- the plan ------------------------------------------------------------------------------------

    def plan(self) -> None:
        """Everything that will happen, by the second after nine."""
        self._sweep(1800, "eva", "ranking", runs=40, group="grid", lasts=600)
        self._sweep(7200, "ben", "speech", runs=30, group=None, lasts=900)
        for place in range(CRASHES):
            burst, attempt = divmod(place, 4)  # four tries in a row, then something else
            self._crash(300 + burst * 2800 + attempt * 90, PEOPLE[burst % 5], PROJECTS[burst % 3])
        ends = (
            ["failed"] * 7 + ["killed"] * 4 + ["early"] * 8 + ["preempted"] * 3 + ["blip"] * 5 + ["lost"] * 2
        )
        ends += ["finished"] * (300 - 70 - CRASHES - len(ends))
        self.dice.shuffle(ends)
        for place, end in enumerate(ends):
            who = PEOPLE[place % 12]
            self._run(place * 150 + self.dice.random() * 60, who, PROJECTS[place % 6], end)
        for place in range(REPLIES):
            self._reply(3000 + place * 430, PEOPLE[(5 * place) % 12], PROJECTS[place % 6], place < TELLING)

    def _sweep(
        self, second: float, who: str, project: str, *, runs: int, group: str | None, lasts: float
    ) -> None:
        for place in range(runs):
            begun = second + (place % 8) * 20 + (place // 8) * lasts
            config = {"lr": 10.0 ** -(1 + place % 5), "width": 2 ** (place % 4), "seed": place}
            value = 0.6 + 0.05 * (place % 5) + 0.01 * (place % 4)
            end = "killed" if place % 9 == 8 else "finished"
            extra: dict[str, Any] = {"entry": "search.py", **({"group": group} if group else {})}
            self._life(begun, who, project, lasts - 60, end, value, config=config, **extra)

    def _crash(self, second: float, who: str, project: str) -> None:
        def crash() -> None:
            run = self._start(project, who, config={"lr": 0.1}, entry="try.py")
            self.bot.finish(
                project, run, "failed", who=slack_id(who), error={"type": "KeyError", "message": "'label'"}
            )

        self.at(second, crash)

    def _run(self, second: float, who: str, project: str, end: str) -> None:
        lasts = 200.0 if end == "early" else 1500.0 + self.dice.random() * 6000
        state = {"early": "failed", "blip": "finished", "lost": ""}.get(end, end)
        config = {"lr": round(self.dice.random(), 3), "warmup": self.dice.choice([0, 500])}
        silent = {"blip": 1000.0, "lost": 1e9}.get(end, 0.0)
        entry = f"train_{self.dice.randrange(3)}.py"
        value = 0.7 + 0.2 * self.dice.random()
        self._life(second, who, project, lasts, state, value, config=config, entry=entry, silent=silent)

    def _life(self, second: float, who: str, project: str, lasts: float, state: str, value: float, *,
              silent: float = 0.0, **start: Any) -> None:  # noqa: ANN401  # fmt: skip
        held: dict[str, str] = {}

        def begin() -> None:
            held["run"] = self._start(project, who, **start)

        def log(share: float) -> Callable[[], None]:
            def say() -> None:
                if held["run"] not in self.silent:
                    self.bot.log(project, held["run"], "val_acc", value * share, who=slack_id(who))

            return say

        def fall_silent() -> None:
            self.silent.add(held["run"])

        def come_back() -> None:
            self.silent.discard(held["run"])
            log(0.9)()

        def end() -> None:
            more: dict[str, Any] = {}
            if state == "killed":
                more = {"signal": "SIGKILL", "cause": "out of memory"}
            more = more or (
                {"error": {"type": "ValueError", "message": "loss is nan"}} if state == "failed" else {}
            )
            self.bot.finish(project, held["run"], state, who=slack_id(who), **more)

        self.at(second, begin)
        self.at(second + lasts * (0.6 if len(self.events) % 3 else 0.99), log(1.0))
        if silent:
            self.at(second + lasts * 0.5, fall_silent)
        if silent < 1e6:
            if silent:
                self.at(second + lasts * 0.5 + silent, come_back)
            self.at(second + lasts + silent, end)

    def _reply(self, second: float, who: str, project: str, telling: bool) -> None:
        def say() -> None:
            board = next(
                (one for one in self.bot.workspace.messages(RUNS, slack_id(who)) if project in shown(one)),
                None,
            )
            if board is None:
                return
            words = WORDS[len(self.chatted) % 5].format(max(1, self.numbers.get(project, 1) - 1))
            words = words if telling else CHATTER[len(self.chatted) % len(CHATTER)]
            ts = self.bot.workspace.reply(slack_id(who), RUNS, board["ts"], words)
            self.chatted.append((ts, telling))

        self.at(second, say)

    def _start(self, project: str, who: str, **start: Any) -> str:  # noqa: ANN401
        self.numbers[project] = self.numbers.get(project, 0) + 1
        return self.bot.start(project, who=slack_id(who), **start)

    # --- the play ------------------------------------------------------------------------------------

    def play(self, *, hours: float = 10.5) -> None:
        """Let it happen: what is due is done, then sent as fast as the limits let it."""
        ticks = [(second, -1, self._tick) for second in _steps(0, hours * 3600, TICK)]
        for second, _, action in sorted([*self.events, *ticks], key=lambda one: one[:2]):
            self._send(until=second)
            self._set(second)
            action()
        self._send(until=hours * 3600 + 600)

    def _set(self, second: float) -> None:
        self.bot.clock.ahead = self.start + timedelta(seconds=second) - datetime.now(UTC)

    def _tick(self) -> None:
        now, services = self.bot.clock(), self.bot.services
        if now.minute == 0:
            directory.reconcile(services)
        with services.database.session() as session:
            beating = select(Run).where(Run.state == "running", col(Run.uid).not_in(self.silent))
            for run in session.exec(beating):
                runs.alive(session, run, now=now, next_in=TICK + 60)
        sweep_lost(services)
        tell_late(services)
        claim_digests(services)

    def _send(self, *, until: float) -> None:
        """The dispatcher's work up to a second of the day, seconds at a time while something waits."""
        now = (self.bot.clock() - self.start).total_seconds()
        while now < until and self._waits():
            self._set(now)
            sent = 0
            while self.bot.dispatcher.send_due(self.bot.clock()):
                self._set(now)
                sent += 1
            now += 1.0 if sent else 5.0

    def _waits(self) -> bool:
        with self.bot.services.database.engine.connect() as connection:
            waiting = "SELECT EXISTS (SELECT FROM outbox WHERE state IN ('waiting', 'sending'))"
            return bool(connection.execute(text(waiting)).scalar())


@contextmanager
def busy_day(database: Database, home: Path) -> Iterator[Day]:
    """The day, played."""
    with LocalWorkspace(team()) as workspace, running_bot(database, workspace, home, dispatch=False) as bot:
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        monday = tomorrow + timedelta(days=-tomorrow.weekday() % 7)
        start = monday.replace(hour=8, minute=0, second=0, microsecond=0)
        noted = Noted(workspace, bot.clock)
        bot.dispatcher = Dispatcher(database, noted, render=rendering.render)
        day = Day(bot=bot, noted=noted, start=start)
        day._set(0)
        directory.reconcile(bot.services)
        with database.session() as session:
            session.add(
                Subscription(channel_id=RUNS, weekdays=["mon", "tue", "wed", "thu", "fri"], time_zone="UTC",
                             next_due_at=start + timedelta(hours=1))
            )  # fmt: skip
        day.plan()
        day.play()
        bot.wait(lambda: not (bot.waiting()["events"] or bot.waiting()["jobs"]), "the replies", seconds=60)
        day._send(until=13 * 3600)
        yield day


def as_read(day: Day, *, threads: bool = True) -> Iterator[str]:
    """The channel as a member reads it."""
    names = {slack_id(name): name for name in PEOPLE} | {BOT: "Runlore"}
    for message in day.bot.workspace.messages(RUNS, slack_id("ana")):
        yield from _said(message, names, "")
        if threads and message.get("reply_count"):
            for reply in day.bot.workspace.thread(RUNS, message["ts"], slack_id("ana"))[1:]:
                yield from _said(reply, names, "      ")


def _said(message: Json, names: Mapping[str, str], margin: str) -> Iterator[str]:
    words = shown(message)
    for known, name in names.items():
        words = words.replace(f"<@{known}>", f"@{name}")
    reactions = " ".join(f":{one['name']}:" for one in message.get("reactions", []))
    first, *rest = words.splitlines() or [""]
    told = " (also to the channel)" if message.get("subtype") == "thread_broadcast" else ""
    yield f"{margin}{names.get(str(message.get('user')), '?')}: {first}{told} {reactions}".rstrip()
    yield from (f"{margin}  {line}" for line in rest)


def _steps(begin: float, end: float, step: float) -> Iterator[float]:
    while begin < end:
        yield begin
        begin += step
