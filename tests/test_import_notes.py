"""Notes written elsewhere come in by lines of JSON, searchable when the import returns."""

import json
from datetime import UTC, datetime

import pytest
from fakes import FakeExtractor
from memory_of_a_team import NOW, WordEmbedder
from sqlalchemy import text
from sqlmodel import Session, func, select

from bot.answer_messages import answer_message
from bot.ask import ask
from bot.import_notes import Imported, import_notes
from bot.reading import read_note
from bot.search_index import embed_waiting
from bot.sight import operator_sight
from storage.database import Database
from storage.memory import Note, NoteRun
from storage.search_scope import UNDATED
from storage.tables import MetricSummary, Param, Person, Project, Run

LINE = {
    "note_id": "n1",
    "project": "nano-chat",
    "run": "brave-otter",
    "author": "ana",
    "date": "2026-05-05",
    "metrics": {"val_loss": 3.28, "steps": None},
    "params": {"lr": 3e-4, "model": "d12"},
    "text": "Tried lookahead on top of the optimizer. No gain.",
}


def line(**values: object) -> str:
    return json.dumps({**LINE, **values})


def bring(database: Database, *lines: str) -> Imported:
    return import_notes(database.session, lines, now=NOW)


def test_a_line_becomes_project_run_person_and_note(database: Database) -> None:
    assert bring(database, line()).added == 1
    with database.session() as session:
        note = session.exec(select(Note)).one()
        run = session.exec(select(Run)).one()
        project = session.exec(select(Project)).one()
        assert (note.external_id, note.kind, note.text) == ("n1", "import", LINE["text"])
        assert note.said_at == datetime(2026, 5, 5, tzinfo=UTC)
        assert (project.name, project.next_number) == ("nano-chat", 2)
        assert (run.name, run.number, run.state) == ("brave-otter", 1, "finished")
        assert session.exec(select(NoteRun.run_id)).one() == run.id
        assert session.get(Person, note.author_id or 0).name == "ana"  # type: ignore[union-attr]
        assert {p.name: p.value for p in session.exec(select(Param))} == {"lr": 3e-4, "model": "d12"}
        (metric,) = session.exec(select(MetricSummary)).all()
        assert (metric.name, metric.last, metric.min, metric.max) == ("val_loss", 3.28, 3.28, 3.28)


@pytest.mark.parametrize("question", ["lookahead", "has ana tried lookahead?", "brave otter"])
def test_it_is_searchable_when_the_import_returns(database: Database, question: str) -> None:
    others = [
        line(note_id=f"o{n}", run=f"run-{n}", params={}, author="ben", text=f"Looked at topic{n} at length.")
        for n in range(20)
    ]
    bring(database, line(), *others)
    with database.session() as session:
        answer = ask(session, WordEmbedder(), question, asker=operator_sight(), now=NOW)
    assert [finding.note.text for finding in answer.found][:1] == [LINE["text"]]


def test_importing_again_changes_nothing_and_an_edit_changes_one(database: Database) -> None:
    bring(database, line(), line(note_id="n2"))
    assert bring(database, line(), line(note_id="n2")) == Imported(added=0, changed=0, unchanged=2, bad=[])
    assert bring(database, line(), line(note_id="n2", text="New words.")).changed == 1
    with database.session() as session:
        assert session.exec(select(func.count()).select_from(Run)).one() == 1
        assert session.exec(select(func.count()).select_from(Note)).one() == 2


def test_bad_lines_are_reported_by_number_and_skipped(database: Database) -> None:
    done = bring(
        database, "{", line(), "", line(note_id="n2", text=""), line(note_id="n3", date="soon"), "[1]"
    )
    assert (done.added, [bad.number for bad in done.bad]) == (1, [1, 4, 5, 6])
    assert "text" in done.bad[1].reason
    assert "date" in done.bad[2].reason


def test_lines_may_tell_little(database: Database) -> None:
    bring(
        database,
        json.dumps({"note_id": 7, "project": "p", "text": "dropout", "author": "unknown", "date": None}),
    )
    with database.session() as session:
        note = session.exec(select(Note)).one()
        assert (note.external_id, note.author_id, note.said_at) == ("7", None, UNDATED)
        assert session.exec(select(Run)).all() == []


def test_numbers_that_are_none_and_text_that_postgres_refuses_are_survived(database: Database) -> None:
    text = json.dumps({**LINE, "text": "nul \0 here", "params": {"x": "\0"}, "metrics": {"loss": 1e400}})
    assert bring(database, text).added == 1


def test_progress_counts_lines(database: Database) -> None:
    seen: list[int] = []
    import_notes(database.session, [line(note_id=f"n{n}") for n in range(450)], now=NOW, progress=seen.append)
    assert seen == [200, 400, 450]


def test_vectors_follow_and_go_on_where_they_stopped(database: Database, session: Session) -> None:
    bring(database, *(line(note_id=f"n{n}") for n in range(5)))
    embedder = WordEmbedder()
    assert [embed_waiting(session, embedder, limit=3) for _ in range(3)] == [3, 2, 0]
    assert embedder.embedded == 5


def test_what_they_tell_is_read_later_behind_what_is_said_meanwhile(
    database: Database, session: Session
) -> None:
    others = [line(note_id=f"o{n}", run=f"run-{n}", text=f"Looked at topic{n} at length.") for n in range(9)]
    bring(database, line(text="Lowered the loss by lookahead."), *others)
    bring(database, line(text="Lowered the loss by lookahead."), *others)
    jobs = session.execute(text("SELECT task_name, priority, args FROM procrastinate_jobs ORDER BY id")).all()
    assert [(job.task_name, job.priority < 0) for job in jobs] == [("read_note", True)] * 10
    asked = "who has tried lookahead?"
    before = ask(session, WordEmbedder(), asked, asker=operator_sight(), now=NOW)
    assert answer_message(before).text == "Notes by ana mention lookahead, on 1 run"
    for job in jobs:
        read_note(session, job.args["note_id"], extractor=FakeExtractor(), embedder=WordEmbedder(), now=NOW)
    after = ask(session, WordEmbedder(), asked, asker=operator_sight(), now=NOW)
    assert answer_message(after).text == "ana tried lookahead in 1 run"
    assert (
        session.execute(text("SELECT count(*) FROM outbox")).scalar() == 0
    )  # nothing is said of it in Slack
