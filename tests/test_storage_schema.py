"""The migrated schema is the one the tables describe."""

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlmodel import SQLModel

from storage import memory, migrations, tables
from storage.database import Database, migrate
from storage.ingest_queries import lock_stream, take_project, take_run
from storage.series import append_metrics
from storage.tables import Run

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
VERSION = text("SELECT version_num FROM alembic_version")
PARTS_OF_OTHERS = ("metric_chunk_", "log_chunk_", "procrastinate_")


def test_the_migrated_schema_equals_the_tables(database: Database) -> None:
    assert tables.Run.metadata is memory.Note.metadata
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_object": lambda _, name, kind, *__: (
                    kind != "table" or not name.startswith(PARTS_OF_OTHERS)
                )
            },
        )
        assert compare_metadata(context, SQLModel.metadata) == []


def test_migrating_twice_changes_nothing(database: Database) -> None:
    with database.session() as session:
        before = session.connection().execute(VERSION).scalar_one()
    migrate(database.url)
    with database.session() as session:
        assert session.connection().execute(VERSION).scalar_one() == before


def test_the_frozen_job_queue_is_that_of_the_installed_procrastinate() -> None:
    """When this fails, procrastinate was upgraded: add a revision with its migrations, leave the frozen file."""
    frozen = Path(migrations.__file__).with_name("versions") / "0001_procrastinate.sql"
    assert frozen.read_text() == (files("procrastinate") / "sql" / "schema.sql").read_text()


def test_signs_of_life_and_new_points_touch_no_index(database: Database) -> None:
    """A thousand live runs rewrite their rows every second; an index on what changes would be rewritten as well."""
    with database.session() as session:
        project, _ = take_project(session, "vision", now=NOW)
        run, _ = take_run(session, project, "first", name="first", now=NOW)
        run.vector, run.terms = [0.5] * 384, "otter:1"
    for second in range(20):
        with database.session() as session:
            run = session.get_one(Run, 1)
            run.last_seen_at = run.expected_by = NOW + timedelta(seconds=second)
            run.progress_done, run.readings = second, {"memory_bytes": second}
            lock_stream(session, "ab12", 1).next_seq = second
            append_metrics(session, 1, {"loss": ([second], [second], [1 / (second + 1)])}, at=NOW)
    with database.session() as session:
        session.connection().execute(text("SELECT pg_stat_force_next_flush()"))
    for table in ("run", "stream", "metric_summary"):
        statement = text("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = :table")
        with database.session() as session:
            updates, without_index = session.connection().execute(statement, {"table": table}).one()
        assert (table, updates - without_index) == (table, 1 if table == "run" else 0)  # the vector, once
