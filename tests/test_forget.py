"""A person who is forgotten is in no table any more: not their words, not their voice, not their name."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from every_table import SAID, fill
from sqlalchemy import text
from sqlmodel import Session, select

from bot import forget
from bot.errors import NotFound
from bot.people import learn
from storage.database import Database
from storage.memory import Note, Outbox, TermCount
from storage.tables import Person, Run

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
TABLES = text(
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    " AND NOT relispartition"
)


def everything(session: Session) -> Iterator[tuple[str, str]]:
    """Every row of every table, as text."""
    for table in session.execute(TABLES).scalars().all():
        for row in session.execute(text(f'SELECT whole::text FROM "{table}" whole')).scalars():  # noqa: S608
            yield table, row


def traces(session: Session, *patterns: str) -> list[tuple[str, str]]:
    return [
        (table, found.group())
        for table, row in everything(session)
        for pattern in patterns
        if (found := re.search(pattern, row, re.IGNORECASE))
    ]


@pytest.fixture
def filled(database: Database) -> Database:
    with database.session() as session:
        fill(session)
    return database


ANA = (r"U0ANA", r"\bana\b", r"asilva", r"zebra", r"learning rate", r"D0ANA")


def test_no_table_holds_a_trace_of_who_is_forgotten(filled: Database, tmp_path: Path) -> None:
    with filled.session() as session:
        found = {table for table, _ in traces(session, *ANA)}
        # The test can fail: ana is in many tables before.
        assert {
            "person",
            "note",
            "run",
            "outbox",
            "slack_event",
            "code_version",
            "membership",
            "term_count",
        } <= found
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "note-1").write_bytes(b"her voice")
    with filled.session() as session:
        gone = forget.forget(session, forget.find(session, "@ana"), home=tmp_path, now=NOW)
    assert (gone.notes, gone.runs) == (1, 1)
    assert list((tmp_path / "audio").iterdir()) == []
    with filled.session() as session:
        assert traces(session, *ANA) == []


def test_what_belongs_to_others_stays(filled: Database, tmp_path: Path) -> None:
    with filled.session() as session:
        forget.forget(session, forget.find(session, "U0ANA"), home=tmp_path, now=NOW)
    with filled.session() as session:
        (note,) = session.exec(select(Note)).all()
        assert re.fullmatch(r"Agreed with \[forgotten \d+\], keep it\.", note.text) or "<" in note.text
        runs = {run.name: run for run in session.exec(select(Run))}
        assert set(runs) == {"brave-otter", "calm-heron"}
        assert (runs["brave-otter"].owner_id, runs["brave-otter"].login) == (None, None)
        assert runs["calm-heron"].owner_id is not None
        assert session.exec(select(Person.name)).all() == ["ben"]
        terms = session.exec(select(TermCount.term).where(TermCount.term.in_(["keep", "zebra"])))  # type: ignore[attr-defined]
        assert terms.all() == ["keep"]


def test_what_slack_shows_of_them_is_deleted_or_written_anew(filled: Database, tmp_path: Path) -> None:
    with filled.session() as session:
        run = session.exec(select(Run).where(Run.name == "brave-otter")).one()
        forget.forget(session, forget.find(session, "asilva"), home=tmp_path, now=NOW)
        run_id = run.id
    with filled.session() as session:
        waiting = session.exec(select(Outbox).where(Outbox.state == "waiting")).all()
        assert any(row.method == "chat.delete" and row.target_key == "note:1:card" for row in waiting)
        assert any(
            row.method == "chat.update" and row.target_key == f"run:{run_id}:parent" for row in waiting
        )
        assert SAID not in str([row.body for row in session.exec(select(Outbox))])


def test_a_private_run_goes_with_its_owner(filled: Database, tmp_path: Path) -> None:
    with filled.session() as session:
        session.exec(select(Run).where(Run.name == "brave-otter")).one().visibility = "me"
    with filled.session() as session:
        forget.forget(session, forget.find(session, "ana"), home=tmp_path, now=NOW)
    with filled.session() as session:
        assert session.exec(select(Run.name)).all() == ["calm-heron"]
        assert traces(session, "brave-otter", *ANA) == []


def test_a_name_that_means_nobody_or_two_is_not_guessed(filled: Database) -> None:
    with filled.session() as session:
        with pytest.raises(NotFound, match="means nobody"):
            forget.find(session, "@zoe")
        session.add(Person(name="ben", created_at=NOW))
        session.flush()
        with pytest.raises(NotFound, match="2 people"):
            forget.find(session, "@ben")


def test_who_left_the_workspace_is_not_noted_down_again(filled: Database, tmp_path: Path) -> None:
    with filled.session() as session:
        forget.forget(session, forget.find(session, "@ana"), home=tmp_path, now=NOW)
        learn(session, [{"id": "U0ANA", "name": "ana", "deleted": True}], now=NOW)
    with filled.session() as session:
        assert traces(session, "U0ANA") == []
