"""A run of every kind of record, cut and shuffled; and all that the database holds of it afterwards."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from running_bot import RunningBot
from sqlmodel import Session, SQLModel, col, select

from runlore.batches import Source
from runlore.records import Record
from runlore.spool import Spool
from storage.logs import read_log
from storage.memory import Note, NoteRun, Outbox
from storage.series import read_series
from storage.tables import (
    Artifact,
    CodeVersion,
    DatasetVersion,
    Environment,
    Link,
    MetricSummary,
    Param,
    Project,
    Run,
    RunDataset,
    RunEvent,
    Tag,
)
from storage.tables import Stream as KnownStream

# What differs between any two runs: identities, the moments at which the server heard of them, and what a job works out later.
OWN = frozenset(
    [
        "id",
        "uid",
        "run_id",
        "project_id",
        "number",
        "started_at",
        "ended_at",
        "last_seen_at",
        "expected_by",
        "announced",
        "code_id",
        "environment_id",
        "told_in",
        "recipe",
    ]
)
MOMENTS = frozenset(("at", "said_at", "first_seen_at", "last_at", "terms", "vector", "read_at", "length"))


def spooled(folder: Path, project: str, run: str, began: float) -> tuple[str, list[Record]]:
    """A run of every kind of record, written by the hook itself."""
    spool = Spool(str(folder), run=run, project=project, warn=lambda text: None)
    spool.event(
        "start",
        {"name": "otter", "config": {"opt": {"lr": 0.1}}, "tags": ["a"], "notes": "is it warm?"},
        at=began,
    )
    spool.event("code", {"commit": "abc123", "branch": "main", "dirty": True, "diff": "+ x = 1\n"}, at=began)
    spool.event(
        "env", {"python": "3.11", "libraries": {"torch": "2.13.0"}, "hardware": {"cores": 2}}, at=began
    )
    for step in range(12):
        at = began + step
        spool.points(step, at, [("loss", 1.0 / (step + 1)), ("acc", step / 12)])
        spool.point(step, at, "loss", 0.1 * step)
        spool.event(
            "log", {"source": "stdout", "first_line": 2 * step, "lines": [f"step {step}", "…"]}, at=at
        )
        if step % 3 == 0:
            spool.event("config", {"config": {"opt": {"lr": 0.1 / (step + 1)}}}, at=at)
            spool.event("alert", {"title": f"hot at {step}", "text": "look", "level": "WARN"}, at=at)
            spool.event("tags", {"add": [f"t{step}"], "remove": ["a"] if step == 6 else []}, at=at)
            spool.event("text", {"k": "sample", "s": step, "v": f"said {step} 🚀"}, at=at)
        if step % 4 == 0:
            spool.event("note", {"text": f"seen at {step}"}, at=at)
            spool.event("progress", {"done": step, "total": 12}, at=at)
            spool.event("link", {"url": f"https://example.com/{step}", "title": "plot"}, at=at)
            spool.event(
                "artifact",
                {"name": "model.pt", "kind": "checkpoint", "location": f"/runs/{step}", "size": step},
                at=at,
            )
    spool.event("define", {"metric": "loss", "goal": "min"}, at=began + 12)
    spool.event(
        "dataset",
        {"name": "digits", "fingerprint": "sha256:1", "rows": 9, "columns": 2, "filters": "x > 1"},
        at=began,
    )
    spool.event("summary", {"summary": {"best": 0.5}}, at=began + 12)
    spool.event(
        "warning", {"resource": "memory", "text": "memory at 92 %", "used": 9.0, "limit": 10.0}, at=began + 12
    )
    spool.event("something new", {"of": "a newer SDK"}, at=began + 12)
    spool.event("finish", {"exit_code": 1, "failed": True}, at=began + 13)
    spool.event(
        "exit",
        {"state": "failed", "cause": "KeyError: 'x'", "exit_code": 1, "evidence": "finish"},
        at=began + 13,
    )
    return spool.stream, Source(str(folder), spool.stream, {}).take(final=True)  # fmt: skip


def plain(row: SQLModel) -> dict[str, Any]:
    return {name: value for name, value in row.model_dump().items() if name not in OWN | MOMENTS}


def rows(session: Session, table: Any, run: Run) -> list[str]:  # noqa: ANN401  any table with a run
    found = session.exec(select(table).where(table.run_id == run.id)).all()
    return sorted(json.dumps(plain(row), sort_keys=True, default=str) for row in found)


def everything(bot: RunningBot, project: str, uid: str, stream: str) -> dict[str, Any]:
    """All that the database holds of a run, but for what is its own."""
    with bot.services.database.session() as session:
        run = session.exec(select(Run).where(Run.uid == uid)).one()
        owner = session.exec(select(Project).where(Project.name == project)).one()
        tables = (Param, MetricSummary, RunEvent, Artifact, Link, Tag)
        kept: dict[str, Any] = {table.__name__: rows(session, table, run) for table in tables}
        kept["Run"] = plain(run)
        kept["told"] = sorted(run.announced)
        kept["next"] = session.get_one(KnownStream, stream).next_seq
        kept["code"] = plain(session.get_one(CodeVersion, run.code_id))
        kept["environment"] = plain(session.get_one(Environment, run.environment_id))
        names = [
            row.name for row in session.exec(select(MetricSummary).where(MetricSummary.run_id == run.id))
        ]
        series = {name: read_series(session, run.id or 0, name) for name in sorted(names)}
        kept["points"] = {name: (list(one.steps), list(one.values)) for name, one in series.items()}
        kept["log"] = [line.text for line in read_log(session, run.id or 0, source="stdout")]
        about = select(Note).join(NoteRun, col(NoteRun.note_id) == Note.id).where(NoteRun.run_id == run.id)
        kept["notes"] = sorted((note.kind, note.text) for note in session.exec(about))
        read = select(DatasetVersion).join(RunDataset, col(RunDataset.dataset_id) == DatasetVersion.id)
        kept["data"] = [plain(row) for row in session.exec(read.where(RunDataset.run_id == run.id))]
        ours = session.exec(select(Outbox.key).where(col(Outbox.key).contains(f"run:{run.id}:"))).all()
        kept["Slack"] = sorted(
            key.replace(f"run:{run.id}:", "run:").replace(stream, "stream").replace(f"project:{owner.id}:", "project:")
            for key in ours
        )  # fmt: skip
    return kept


def orders(chooser: Random, records: list[Record]) -> Iterator[list[Record]]:
    """The records cut at random places, each part up to three times, in any order."""
    cuts = sorted(chooser.sample(range(1, len(records)), chooser.randint(1, 12)))
    parts = [records[a:b] for a, b in pairwise([0, *cuts, len(records)])]
    pile = parts * chooser.randint(1, 3)
    chooser.shuffle(pile)
    yield from pile
