"""Sessions commit or roll back, outlive a restart of the server, and months get partitions of their own."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from patience import stretched
from sqlalchemy import insert, text
from sqlalchemy.exc import InternalError, OperationalError
from sqlmodel import Session, select

from storage.database import Database, drop_partition, ensure_partitions, migrate, sqlalchemy_url
from storage.embedded import EmbeddedPostgres
from storage.embedded_process import wait_for
from storage.tables import LogChunk, MetricChunk, Project

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def partitions(session: Session, table: str) -> set[str]:
    statement = text(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:table AS regclass)"
    )
    return set(session.connection().execute(statement, {"table": table}).scalars())


def stored_in(session: Session, table: str) -> list[str]:
    return list(session.connection().execute(text(f"SELECT tableoid::regclass::text FROM {table}")).scalars())  # noqa: S608


def chunk(at: datetime) -> MetricChunk:
    return MetricChunk(at=at, run_id=1, name="loss", steps=[1.0], times=[0.0], values=[0.5])


def test_an_error_rolls_everything_back(database: Database) -> None:
    def fail() -> None:
        with database.session() as session:
            session.add(Project(name="vision", created_at=NOW))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.session() as session:
        assert session.exec(select(Project)).all() == []
        # And this month's points need not go to the default partition.
        this = f"{datetime.now(UTC):%Y_%m}"
        assert {f"metric_chunk_{this}", "metric_chunk_default"} <= partitions(session, "metric_chunk")


def test_objects_stay_readable_after_the_commit(database: Database) -> None:
    with database.session() as session:
        project = Project(name="vision", created_at=NOW)
        session.add(project)
    assert (project.id, project.name, project.goals) == (1, "vision", {})


def test_a_session_for_reading_cannot_write(database: Database) -> None:
    with database.read_session() as session, pytest.raises(InternalError, match="read-only"):
        session.exec(insert(Project).values(name="vision"))
    with database.session() as session:
        session.add(Project(name="vision", created_at=NOW))


def test_reading_goes_to_the_replica_when_there_is_one(database: Database) -> None:
    replicated = Database("postgresql://nobody@/none?host=/nowhere", database.url)
    with replicated.read_session() as session:
        assert session.exec(select(Project)).all() == []
    replicated.close()


def test_a_url_without_a_driver_gets_ours() -> None:
    assert sqlalchemy_url("postgresql://a:s3cret@db/x") == "postgresql+psycopg://a:s3cret@db/x"
    assert Database("postgresql://a:s3cret@db:5433/x").dsn == "postgresql://a:s3cret@db:5433/x"


# How PostgreSQL goes: "fast" and "immediate" are what an operator or a failover asks for, the last is a crash.
FAREWELLS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "killed": signal.SIGKILL}


@pytest.mark.parametrize("farewell", FAREWELLS)
def test_pooled_connections_outlive_the_server(used_home: Path, farewell: str) -> None:
    with EmbeddedPostgres(used_home, settings={"fsync": "off"}) as server:
        migrate(server.url())
        database = Database(server.url())
        for name in ("vision", "speech"):
            with database.session() as session:
                session.add(Project(name=name, created_at=NOW))
            left = server.pid
            assert left is not None
            os.kill(left, FAREWELLS[farewell])
            assert wait_for(lambda left=left: server.pid != left, seconds=stretched(20))  # type: ignore[misc]
        with database.session() as session:
            assert len(session.exec(select(Project)).all()) == 2
        database.close()


def test_a_refusal_is_told_at_once(database: Database) -> None:
    other = Database(database.url.replace("/test_", "/no_such_"), patience=60)
    with pytest.raises(OperationalError, match="does not exist"), other.session() as session:
        session.exec(select(Project)).all()
    other.close()


def test_processes_that_migrate_at_once_do_it_once(database_url: str, database: Database) -> None:
    with database.session() as session:
        session.connection().execute(text("DROP SCHEMA public CASCADE"))
        session.connection().execute(text("CREATE SCHEMA public"))
    database.close()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(migrate, [database_url] * 3))
    with database.session() as session:
        assert session.exec(select(Project)).all() == []


def test_months_ahead_get_partitions_and_asking_again_changes_nothing(session: Session) -> None:
    for _ in range(2):
        ensure_partitions(session, date(2031, 11, 17), ahead=2)
    for table in ("metric_chunk", "log_chunk"):
        assert {f"{table}_2031_11", f"{table}_2031_12", f"{table}_2032_01", f"{table}_default"} <= partitions(
            session, table
        )


def test_no_insert_fails_for_want_of_a_month_and_it_moves_when_the_month_is_made(session: Session) -> None:
    at = datetime(2001, 2, 28, 23, 59, 59, tzinfo=UTC)
    session.add(chunk(at))
    session.add(LogChunk(at=at, run_id=1, source="stdout", first_line=0, lines=1, data=b""))
    session.flush()
    assert stored_in(session, "metric_chunk") == ["metric_chunk_default"]
    ensure_partitions(session, date(2001, 2, 1), ahead=0)
    assert stored_in(session, "metric_chunk") == ["metric_chunk_2001_02"]
    assert stored_in(session, "log_chunk") == ["log_chunk_2001_02"]
    session.add(chunk(datetime(2001, 3, 1, tzinfo=UTC)))
    session.flush()
    assert set(stored_in(session, "metric_chunk")) == {"metric_chunk_2001_02", "metric_chunk_default"}


def test_a_month_is_made_while_its_points_keep_coming(database: Database) -> None:
    at, ended = datetime(2001, 2, 28, tzinfo=UTC), threading.Event()

    def write() -> int:
        written = 0
        while not ended.is_set():
            with database.session() as session:
                session.add(chunk(at))
                session.flush()
                session.connection().execute(text("DELETE FROM metric_chunk WHERE id % 2 = 0"))
            written += 1
        return written

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        try:
            for day in (at - timedelta(days=31 * n) for n in range(12)):
                with database.session() as session:
                    ensure_partitions(session, day.date(), ahead=0)
        finally:
            ended.set()
        assert writer.result() > 0
    with database.session() as session:
        assert "metric_chunk_default" not in stored_in(session, "metric_chunk")


def test_a_month_is_dropped_at_once(session: Session) -> None:
    ensure_partitions(session, date(2001, 2, 1), ahead=0)
    session.add(chunk(datetime(2001, 2, 2, tzinfo=UTC)))
    session.flush()
    assert drop_partition(session, "metric_chunk", date(2001, 2, 17))
    assert stored_in(session, "metric_chunk") == []
    assert not drop_partition(session, "metric_chunk", date(2001, 2, 17))
    with pytest.raises(ValueError, match="not partitioned"):
        drop_partition(session, "run", date(2001, 2, 1))
