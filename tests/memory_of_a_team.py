"""A small team's memory for tests of ask: hand-written embedder, makers of people, channels, projects, runs and notes."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any, TypeVar

import numpy as np
from sqlmodel import Session

from bot import search_index
from bot.ask import Answer, ask
from bot.sight import Sight, operator_sight
from nlp.terms import terms
from nlp.values import Vectors
from storage.memory import Channel, Membership, Note, NoteRun
from storage.tables import MetricSummary, Param, Person, Project, Run, Tag

Row = TypeVar("Row")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class WordEmbedder:
    """The `Embedder` by words alone: texts that share words point the same way; counts what it embedded."""

    def __init__(self) -> None:
        self.embedded = 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.embedded += len(texts)
        return np.stack([self._one(text) for text in texts]) if texts else np.zeros((0, 384), np.float32)

    def _one(self, text: str) -> Vectors:
        vector = np.full(384, 1e-3, dtype=np.float32)
        for term in terms(text):
            vector[int(hashlib.sha256(term.encode()).hexdigest(), 16) % 384] += 1
        return vector / np.linalg.norm(vector)


EMBEDDER = WordEmbedder()


def answer(session: Session, question: str, asker: Sight | None = None) -> Answer:
    """What is answered once all that the team wrote has its vectors; without an asker, to who may see everything."""
    while search_index.embed_waiting(session, EMBEDDER):
        pass
    return ask(session, EMBEDDER, question, asker=asker or operator_sight(), now=NOW)


class Team:
    """Puts people, channels, projects, runs and notes into the database, in one line each."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._numbers = count(1)

    def person(self, name: str, **values: Any) -> Person:  # noqa: ANN401  any column
        return self._add(Person(name=name, slack_id=f"U0{name.upper()}", created_at=NOW, **values))

    def channel(
        self, name: str, *members: Person, private: bool = False, synced: datetime | None = NOW
    ) -> Channel:
        channel = self._add(Channel(id=f"C0{name.upper()}", name=name, is_private=private, synced_at=synced))
        for person in members:
            self._add(Membership(channel_id=channel.id, slack_id=person.slack_id or ""))
        return channel

    def project(self, name: str, channel: Channel | None = None, **values: Any) -> Project:  # noqa: ANN401  any column
        return self._add(
            Project(name=name, channel_id=channel.id if channel else None, created_at=NOW, **values)
        )

    def run(
        self,
        project: Project,
        owner: Person | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Sequence[str] = (),
        **values: Any,  # noqa: ANN401  any column
    ) -> Run:
        number = next(self._numbers)
        values = {"name": f"run-{number}", "state": "finished", "started_at": NOW, **values}
        run = self._add(
            Run(uid=f"uid-{number}", project_id=project.id or 0, number=number, owner_id=owner.id if owner else None,
                last_seen_at=NOW, ended_at=NOW, **values)
        )  # fmt: skip
        for name, value in (params or {}).items():
            number_of = float(value) if isinstance(value, int | float) else None
            self._add(Param(run_id=run.id or 0, name=name, value=value, number=number_of))
        for name, value in (metrics or {}).items():
            self._add(MetricSummary(run_id=run.id or 0, name=name, count=1, last=value, min=value, max=value))
        for name in tags:
            self._add(Tag(run_id=run.id or 0, name=name))
        search_index.index_runs(self.session, [run.id or 0])
        return run

    def note(self, project: Project, author: Person | None, text: str, *runs: Run, **values: Any) -> Note:  # noqa: ANN401  any column
        note = self._add(
            Note(project_id=project.id or 0, author_id=author.id if author else None, text=text,
                 **{"said_at": NOW, **values})
        )  # fmt: skip
        for run in runs:
            self._add(NoteRun(note_id=note.id or 0, run_id=run.id or 0))
        search_index.index(self.session, [note.id or 0])
        return note

    def filler(self, project: Project, author: Person) -> None:
        """Other notes, so that rare words are rare."""
        for topic in ("cosine schedule", "dropout in the head", "bf16 kernels", "data order", "early layers frozen",
                      "checkpoint every hour", "tokenizer retrained", "gradient noise scale"):  # fmt: skip
            self.note(project, author, f"Looked at {topic} today, nothing to report.")

    def _add(self, row: Row) -> Row:
        self.session.add(row)
        self.session.flush()
        return row
