"""Jobs exist exactly when their data does, wait only once, and are taken back from workers that died."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session

from storage.database import Database
from storage.ingest_queries import take_project
from storage.jobs import defer, retry_stalled

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SILENT = timedelta(seconds=10)


def jobs(session: Session) -> list[Any]:
    statement = "SELECT id, task_name, queue_name, args, lock, status::text, scheduled_at FROM procrastinate_jobs ORDER BY id"
    return list(session.connection().execute(text(statement)))


def start_one(session: Session, *, heartbeat_age: int) -> int:
    """A worker takes the next job, and was last heard of so many seconds ago."""
    worker = (
        session.connection().execute(text("SELECT * FROM procrastinate_register_worker_v1()")).scalar_one()
    )
    aged = text(
        "UPDATE procrastinate_workers SET last_heartbeat = now() - :age * interval '1 second' WHERE id = :id"
    )
    session.connection().execute(aged, {"age": heartbeat_age, "id": worker})
    fetched = text("SELECT id FROM procrastinate_fetch_job_v2(NULL, :worker)")
    return int(session.connection().execute(fetched, {"worker": worker}).scalar_one())


def test_a_job_says_what_to_do(session: Session) -> None:
    id_ = defer(session, "read_note", queue="speech", lock="note:7", schedule_at=NOW, note_id=7, words=["a"])
    [job] = jobs(session)
    assert job[:6] == (id_, "read_note", "speech", {"note_id": 7, "words": ["a"]}, "note:7", "todo")
    assert job.scheduled_at == NOW


def test_a_job_exists_only_when_its_transaction_commits(database: Database) -> None:
    def fail() -> None:
        with database.session() as session:
            take_project(session, "vision", now=NOW)
            defer(session, "read_note")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.session() as session:
        assert jobs(session) == []


def test_the_same_waiting_job_is_deferred_once_and_the_data_is_kept(database: Database) -> None:
    with database.session() as session:
        assert defer(session, "refresh", queueing_lock="run:1") is not None
        take_project(session, "vision", now=NOW)
        assert defer(session, "refresh", queueing_lock="run:1") is None
        assert defer(session, "refresh", queueing_lock="run:2") is not None
    with database.session() as session:
        assert len(jobs(session)) == 2
        assert not take_project(session, "vision", now=NOW)[1]


def test_a_job_that_runs_already_does_not_keep_the_next_from_waiting(session: Session) -> None:
    defer(session, "refresh", queueing_lock="run:1")
    start_one(session, heartbeat_age=0)
    assert defer(session, "refresh", queueing_lock="run:1") is not None


def test_both_locks_at_once_are_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="choose one"):
        defer(session, "refresh", lock="a", queueing_lock="b")


def test_the_job_of_a_silent_worker_is_queued_again(session: Session) -> None:
    defer(session, "hear_memo", queue="speech", note_id=7)
    id_ = start_one(session, heartbeat_age=60)
    [stalled] = retry_stalled(session, silent_for=SILENT)
    assert (stalled.id, stalled.task, stalled.queue, stalled.args, stalled.gave_up) == (
        id_,
        "hear_memo",
        "speech",
        {"note_id": 7},
        False,
    )
    assert [job.status for job in jobs(session)] == ["todo"]


def test_the_job_of_a_worker_that_is_gone_is_queued_again(session: Session) -> None:
    defer(session, "hear_memo")
    start_one(session, heartbeat_age=60)
    session.connection().execute(text("SELECT * FROM procrastinate_prune_stalled_workers_v1(10)"))
    assert len(retry_stalled(session, silent_for=SILENT)) == 1


def test_a_job_that_crashed_twice_is_given_up(session: Session) -> None:
    defer(session, "hear_memo", note_id=7)
    for gave_up in (False, True):
        start_one(session, heartbeat_age=60)
        assert [job.gave_up for job in retry_stalled(session, silent_for=SILENT)] == [gave_up]
    assert [job.status for job in jobs(session)] == ["failed"]
    assert retry_stalled(session, silent_for=SILENT) == []


def test_the_job_of_a_living_worker_is_left_alone(session: Session) -> None:
    defer(session, "hear_memo")
    start_one(session, heartbeat_age=3)
    assert retry_stalled(session, silent_for=SILENT) == []
