"""A team with three projects of which not everybody sees each, and the same team in worlds where some never were."""

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from databases import fresh_database
from fakes import FakeModels
from memory_of_a_team import NOW, Team
from sqlalchemy import event, text
from sqlmodel import Session, select

from bot import search_index, similar
from bot.errors import RunloreError
from bot.settings import Settings
from bot.wiring import Services
from storage import search
from storage.database import Database, conninfo
from storage.embedded import EmbeddedPostgres
from storage.logs import append_log
from storage.memory import Outbox, RationaleItem, Thread
from storage.tables import Run

Json = dict[str, Any]
OPEN, SECRET, JOINT = "C0OPEN", "C0SECRET", "C0JOINT"
# Who is where. Open is public, secret private, joint shared with another organisation (Slack Connect).
WHERE = {
    "ana": {OPEN, SECRET, JOINT},
    "ben": {OPEN, JOINT},
    "dev": {SECRET},
    "chloe": {JOINT},  # a guest
    "pat": {JOINT},  # of the other organisation
}
SEES = {  # which projects each sees, by Slack's own rules
    "ana": {"openly", "secretly", "jointly"},
    "ben": {"openly", "jointly"},
    "dev": {"openly", "secretly", "jointly"},
    "chloe": {"jointly"},
    "pat": {"jointly"},
}
# What may be posted in a channel: nothing that one of its readers, now or later, may not see.
SHOWN_IN = {OPEN: {"openly", "jointly"}, SECRET: {"openly", "secretly", "jointly"}, JOINT: {"jointly"}}
PROJECTS = ("openly", "secretly", "jointly")


@dataclass
class Deaf:
    """Slack that takes everything and remembers it."""

    said: list[tuple[str, Any]] = field(default_factory=list)

    def call(self, method: str, body: Mapping[str, Any]) -> Json:
        self.said.append((method, dict(body)))
        return {
            "ok": True,
            "channel": {"id": "D0X"},
            "ts": "1.0",
            "view": {"id": "V1"},
            "messages": [],
            "canvas_id": "F0CANVAS",
        }

    def permalink(self, channel: str, ts: str) -> str | None:
        return f"https://acme.slack.com/archives/{channel}/p{ts}"

    def respond(self, url: str, body: Mapping[str, Any]) -> None:
        self.said.append((url, dict(body)))

    def download(self, url: str, target: Path, *, limit: int) -> None:
        raise AssertionError(url)

    def upload(
        self, name: str, data: bytes, *, channel: str | None, thread_ts: str | None, comment: str | None
    ) -> Json:
        self.said.append(("upload", [name, data.hex(), channel, comment]))
        return {"ok": True}


@dataclass
class World:
    """A team with three projects of which not everybody sees each, and the same team without some of them."""

    postgres: EmbeddedPostgres
    database: Database
    services: Services
    without: dict[frozenset[str], Database] = field(default_factory=dict)
    work: list[str] = field(default_factory=list)  # the statements of the act that was asked for last

    def in_which(self, hidden: frozenset[str]) -> Database:
        """The database of a world in which the hidden projects never were."""
        if not hidden:
            return self.database
        if hidden not in self.without:
            made, source = conninfo(self.postgres.url("postgres")), self.database.engine.url.database
            name = f"{source}_without_{len(self.without)}"
            with psycopg.connect(made, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY FILE_COPY")
            self.without[hidden] = Database(self.postgres.url(name))
            with self.without[hidden].session() as session:
                for project in hidden:
                    forget(session, project)
        return self.without[hidden]

    def ask(self, who: str, act: Callable[[Session, Services], Any], hidden: set[str]) -> str:
        """What an act says and writes, in a world without the hidden projects; the world stays as it was."""
        slack = Deaf()
        services = replace(self.services, messenger=slack)
        database = self.in_which(frozenset(hidden))
        services = replace(services, database=database)
        with Session(database.engine, expire_on_commit=False) as session, counted(database) as self.work:
            before = session.execute(text("SELECT coalesce(max(id), 0) FROM outbox")).scalar_one()
            try:
                answer = act(session, services)
            except RunloreError as error:
                answer = f"{type(error).__name__}: {error}"
            session.flush()
            posted = session.execute(
                text("SELECT key, lane, method, body FROM outbox WHERE id > :before ORDER BY id"),
                {"before": before},
            ).all()
            posted = [row for row in posted if row.method != "chat.update"]  # rendered when it is sent
            session.rollback()
        return json.dumps([answer, slack.said, [list(row) for row in posted]], default=str, sort_keys=True)


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Every statement that goes to the database meanwhile: what an answer costs, whatever the clock says."""
    done: list[str] = []

    def note(_1: object, _2: object, statement: str, *_3: object) -> None:
        done.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield done
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


@contextmanager
def worlds(postgres: EmbeddedPostgres, home: Path) -> Iterator[World]:
    """The team and its worlds, for the tests of one module."""
    with fresh_database(postgres) as url:
        database = Database(url)
        settings = Settings(home=home, default_channel="open")
        services = Services(
            settings=settings, database=database, messenger=Deaf(), models=FakeModels(settings),
            bot_user="U0RUNLORE", team="T0LOCAL", now=lambda: NOW,
        )  # fmt: skip
        with database.session() as session:
            fill(session)
        database.engine.dispose()
        made = World(postgres, database, services)
        for hidden in ({"secretly"}, {"openly", "secretly"}):
            made.in_which(frozenset(hidden))
        yield made
        for one in (database, *made.without.values()):
            one.close()


def same_in_both_worlds(
    world: World, who: str, act: Callable[[Session, Services], Any], hidden: set[str], *, typed: bool = True
) -> None:
    """What is said is the same, and for what anybody may type, so is the work it takes: an answer's time tells nothing."""
    full, work = world.ask(who, act, set()), world.work
    without = world.ask(who, act, hidden)
    one, other = _timeless(full), _timeless(without)
    assert one == other, difference(one.split(", "), other.split(", "))
    if typed:
        assert len(work) == len(world.work), difference(work, world.work)


def difference(one: list[str], other: list[str]) -> str:
    """What was asked of one database and not of the other."""
    return "\n".join(line[:300] for line in difflib.ndiff(one, other) if line[:1] in "+-")


def _timeless(said: str) -> str:
    """Without ids that any row would have moved on."""
    said = re.sub(r'"id": \d+', '"id": 0', said)
    return re.sub(r"(?:note|status|answer|login|project):\d+:", "", said)


def forget(session: Session, project: str) -> None:
    """As if the project had never been."""
    session.execute(text("SET LOCAL session_replication_role = replica"))
    name = {"name": project}
    runs = "SELECT run.id FROM run JOIN project ON run.project_id = project.id WHERE project.name = :name"
    notes = "SELECT note.id FROM note JOIN project ON note.project_id = project.id WHERE project.name = :name"
    for table in ("fact", "rationale_item", "note_run", "correction"):
        session.execute(text(f"DELETE FROM {table} WHERE note_id IN ({notes})"), name)  # noqa: S608
    for table in (
        "param",
        "metric_summary",
        "metric_chunk",
        "log_chunk",
        '"like"',
        "tag",
        "verdict",
        "artifact",
        "link",
    ):
        session.execute(text(f"DELETE FROM {table} WHERE run_id IN ({runs})"), name)  # noqa: S608
    session.execute(
        text(f"DELETE FROM outbox WHERE split_part(key, ':', 2) IN (SELECT id::text FROM ({runs}) one)"),  # noqa: S608
        name,
    )
    for table in ("note", "run", "thread"):
        owned = f"DELETE FROM {table} WHERE project_id IN (SELECT id FROM project WHERE name = :name)"  # noqa: S608
        session.execute(text(owned), name)
    session.execute(text("DELETE FROM project WHERE name = :name"), name)
    session.expire_all()


def fill(session: Session) -> None:
    team = Team(session)
    people = {name: team.person(name, is_guest=name in ("chloe", "pat")) for name in WHERE}
    channels = {}
    for channel, name in ((OPEN, "open"), (SECRET, "secret"), (JOINT, "joint")):
        members = [people[who] for who, where in WHERE.items() if channel in where]
        channels[channel] = team.channel(name, *members, private=channel == SECRET)
        channels[channel].is_member = True
        channels[channel].is_shared = channel == JOINT
    owners = {"openly": "ben", "secretly": "dev", "jointly": "ana"}
    for channel, name in ((OPEN, "openly"), (SECRET, "secretly"), (JOINT, "jointly")):
        project = team.project(name, channels[channel], threading="run", next_number=99)
        made: list[Run] = []
        for place in range(4):
            run = team.run(
                project, people[owners[name]], name=f"{name}-otter-{place}",
                params={"lr": 0.1 * (place + 1), f"{name}_width": place}, tags=["warm", name],
                metrics={"val_acc": 0.5 + 0.1 * place + PROJECTS.index(name) / 50, f"{name}_score": place},
                state="running" if place == 3 else "finished", entry="train.py",
                started_at=NOW - timedelta(hours=4 - place), parent_id=made[-1].id if made else None,
                visibility="project",
            )  # fmt: skip
            run.ended_at = None if place == 3 else NOW - timedelta(hours=3 - place, minutes=5)
            run.number, run.uid = place + 1, f"uid-{name}-{place}"
            key = run.told_in = f"run:{run.id}:parent"
            ts = f"17000000{run.id:02d}.000100"
            session.add(
                Thread(
                    project_id=project.id or 0,
                    run_id=run.id,
                    channel_id=channel,
                    outbox_key=key,
                    ts=ts,
                    opened_at=NOW,
                )
            )
            session.add(
                Outbox(key=key, lane=channel, method="chat.postMessage", body={"channel": channel}, state="sent", created_at=NOW,
                       result={"channel": channel, "ts": ts, "permalink": f"https://acme.slack.com/archives/{channel}/p{ts.replace('.', '')}"})
            )  # fmt: skip
            append_log(
                session,
                run.id or 0,
                source="stdout",
                first_line=0,
                lines=[f"{name} says hello {place}"],
                at=NOW,
            )
            made.append(run)
        project.baseline_run_id = made[0].id
        words = f"Warmup made the {name} loss go down, we keep it."
        note = team.note(project, people[owners[name]], words, made[1])
        item = RationaleItem(
            note_id=note.id or 0,
            role="next_step",
            text=f"Next I try {name} dropout.",
            start=0,
            end=5,
            confidence=0.9,
        )
        session.add(item)
        search.add_vectors(session, {note.id or 0: np.full(384, 0.1, dtype=np.float32)})
        team.note(project, people[owners[name]], f"{name} project note about warmup and schedules.")
    search_index.index_runs(session, list(session.exec(select(Run.id)).all()))  # type: ignore[arg-type]
    session.flush()
    similar.remember(session, [one for one in session.exec(select(Run.id)) if one])
