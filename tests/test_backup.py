"""A backup brought into an empty home is the installation it was made of, row by row; a dump too."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from every_table import fill
from sqlalchemy import text

from bot import backup
from bot.errors import RunloreError
from bot.settings import Settings
from storage.backup import contents
from storage.database import MIGRATIONS, Database, migrate
from storage.embedded import EmbeddedPostgres, EmbeddedPostgresError

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
NEWEST = max(path.name[:4] for path in (MIGRATIONS / "versions").glob("*.py"))
NO_SYNC = {"fsync": "off"}


def told() -> None:
    """Nobody waits here for the moment the bot could start."""


@pytest.fixture
def lived_in(used_home: Path) -> Path:
    """A home in which every table holds something, and files lie beside the database."""
    with EmbeddedPostgres(used_home, settings=NO_SYNC) as postgres:
        migrate(postgres.url())
        database = Database(postgres.url())
        with database.session() as session:
            fill(session)
        database.close()
    (used_home / "artifacts" / "ab").mkdir(parents=True)
    (used_home / "artifacts" / "ab" / "abcdef").write_bytes(b"weights")
    (used_home / "slack-identity.json").write_text('{"user_id": "U0RUNLORE"}')
    return used_home


def test_a_restored_home_is_the_same_row_by_row(lived_in: Path) -> None:
    settings = Settings(home=lived_in)
    before = backup.content_of(settings)
    assert len([table for table, content in before.items() if content.rows]) >= 30
    target = lived_in.parent / "backup"
    about = backup.back_up(settings, target, now=NOW)
    assert (about["schema"], about["database"]) == (NEWEST, "files")
    assert json.loads((target / "backup.json").read_text())["bytes"] > 0
    again = Settings(home=lived_in.parent / "again")
    ready: list[bool] = []
    backup.restore(again, target, ready=lambda: ready.append(True))
    assert ready == [True]
    assert backup.content_of(again) == before
    assert (again.home / "artifacts" / "ab" / "abcdef").read_bytes() == b"weights"
    assert (again.home / "slack-identity.json").exists()


def test_a_backup_is_made_while_others_write(lived_in: Path) -> None:
    target = lived_in.parent / "backup"
    with EmbeddedPostgres(lived_in, settings=NO_SYNC) as postgres:
        database = Database(postgres.url())
        with database.session() as session:
            session.execute(text("INSERT INTO tag (run_id, name) VALUES (1, 'kept')"))
            open_one = Database(postgres.url())
            with open_one.session() as unfinished:
                unfinished.execute(text("INSERT INTO tag (run_id, name) VALUES (1, 'never')"))
                session.commit()
                backup.back_up(Settings(home=lived_in), target, now=NOW)
                unfinished.rollback()
            open_one.close()
        database.close()
    again = Settings(home=lived_in.parent / "again")
    backup.restore(again, target, ready=told)
    with EmbeddedPostgres(again.home, settings=NO_SYNC) as postgres:
        database = Database(postgres.url())
        with database.session() as session:
            tags = set(session.execute(text("SELECT name FROM tag WHERE run_id = 1")).scalars())
        database.close()
    assert tags == {"baseline", "kept"}


def test_nothing_is_overwritten_and_nothing_damaged_is_taken(lived_in: Path) -> None:
    settings, target = Settings(home=lived_in), lived_in.parent / "backup"
    backup.back_up(settings, target, now=NOW)
    with pytest.raises(RunloreError, match="exists already"):
        backup.back_up(settings, target, now=NOW)
    with pytest.raises(EmbeddedPostgresError, match="without a database"):
        backup.restore(settings, target, ready=told)
    with pytest.raises(RunloreError, match="no backup"):
        backup.restore(settings, lived_in, ready=told)
    damaged = max((target / "database" / "base").rglob("*"), key=lambda file: file.stat().st_size)
    with damaged.open("r+b") as file:
        file.seek(100)
        file.write(b"bit rot")
    again = Settings(home=lived_in.parent / "again")
    with pytest.raises(EmbeddedPostgresError, match="The copy is damaged"):
        backup.restore(again, target, ready=told)
    assert not (again.home / "postgres" / "data").exists()


def test_a_servers_database_is_dumped_and_loaded_into_an_empty_one(
    database: Database, database_url: str, second_database_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    with database.session() as session:
        fill(session)
        before = contents(session)
    target = tmp_path / "backup"
    source = Settings(home=tmp_path / "home", database_url=database_url)
    assert backup.back_up(source, target, now=NOW)["database"] == "dump"
    with pytest.raises(RunloreError, match="only brought into an empty one"):
        backup.restore(
            Settings(home=tmp_path / "other", database_url=second_database_url), target, ready=told
        )
    with pytest.raises(RunloreError, match="holds a dump copy"):
        backup.restore(Settings(home=tmp_path / "embedded"), target, ready=told)
    moments: list[set[str]] = []
    loaded = Database(empty_database_url)
    backup.restore(
        Settings(home=tmp_path / "again", database_url=empty_database_url),
        target,
        ready=lambda: moments.append(vector_indexes(loaded)),
    )
    assert moments == [set()]  # usable before the vectors are indexed
    assert vector_indexes(loaded) == {"ix_note_vector", "ix_run_vector", "ix_rationale_item_vector"}
    with loaded.session() as session:
        assert contents(session) == before
    loaded.close()


def vector_indexes(database: Database) -> set[str]:
    with database.session() as session:
        return set(
            session.execute(
                text("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'ix_%_vector'")
            ).scalars()
        )


def test_one_changed_value_is_seen(database: Database) -> None:
    with database.session() as session:
        fill(session)
        before = contents(session)
        session.execute(text("UPDATE param SET number = number + 1e-12 WHERE name = 'opt.lr' AND run_id = 1"))
        after = contents(session)
    assert {table for table in before if before[table] != after[table]} == {"param"}
