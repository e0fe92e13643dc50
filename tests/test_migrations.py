"""The schema changes under a bot that goes on: from every released revision, with data, while the old release reads and writes."""

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from patience import stretched

from storage.database import MIGRATIONS, PARTITIONED, conninfo, migrate
from storage.embedded_process import wait_for

FROZEN = (
    Path(__file__).parent / "data" / "schema"
)  # what installations held at a release; never edited afterwards
NEXT = """
from alembic import op

revision = "next"
down_revision = "{head}"


def upgrade() -> None:
    {change}
"""
ADD_COLUMN = 'op.execute("ALTER TABLE run ADD COLUMN added text")'
ADD_INDEX = """with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_added")
        op.execute("CREATE INDEX CONCURRENTLY ix_added ON run (host)")
        op.execute("RESET lock_timeout")"""
Columns = dict[str, list[str]]  # of each table


def revisions(scripts: Path = MIGRATIONS) -> list[str]:
    """Oldest first."""
    config = Config()
    config.set_main_option("script_location", str(scripts))
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """The migrations and one more, whose change a test fills in with `add`."""
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))


def add(scripts: Path, change: str) -> None:
    words = NEXT.format(head=revisions()[-1], change=change)
    (scripts / "versions" / "next.py").write_text(words, encoding="utf-8")


def connected(url: str) -> psycopg.Connection:
    """A client that would rather fail than wait for ever behind a change of the schema."""
    connection = psycopg.connect(conninfo(url), autocommit=True)
    connection.execute("SET lock_timeout = '20s'")
    return connection


def until(condition: Callable[[], bool]) -> None:
    assert wait_for(condition, seconds=stretched(30))


def sql(statement: str) -> bytes:
    return statement.encode()  # made of the catalogue's own names, which is no literal to psycopg's types


def columns(connection: psycopg.Connection) -> Columns:
    """What a release knows of the schema: its tables and, of each, the columns it writes."""
    found: Columns = {}
    for table, column in connection.execute(
        "SELECT c.table_name, c.column_name FROM information_schema.columns c JOIN information_schema.tables t"
        " USING (table_schema, table_name) WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'"
        " AND c.is_generated = 'NEVER' AND c.table_name !~ %s ORDER BY 1, c.ordinal_position",
        (rf"^(alembic_|({'|'.join(PARTITIONED)})_)",),
    ):
        found.setdefault(table, []).append(f'"{column}"')
    return found


def fill(url: str, revision: str) -> None:
    """A database at this revision, with what an installation of that release (or the one before it that was kept) held."""
    kept = max(file for file in FROZEN.glob("*.sql") if file.stem <= revision)
    migrate(url, revision=kept.stem)
    with connected(url) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")  # rows refer to later ones
        connection.execute(sql(kept.read_text(encoding="utf-8")))
    migrate(url, revision=revision)


def held(connection: psycopg.Connection, known: Columns) -> dict[str, list[str]]:
    """Every row of every table, as a release that knows these columns reads it."""
    return {
        table: sorted(row for (row,) in connection.execute(sql(f'SELECT ({", ".join(names)})::text FROM "{table}"')))  # noqa: S608
        for table, names in known.items()
    }  # fmt: skip


def write_all_again(connection: psycopg.Connection, known: Columns) -> None:
    """As an old release writes: each table's rows by the columns it knows of, deleted and inserted."""
    for table, names in known.items():
        listed = ", ".join(names)
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            kept = f'CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT {listed} FROM "{table}"'  # noqa: S608
            connection.execute(sql(kept))
            connection.execute(sql(f'DELETE FROM "{table}"'))  # noqa: S608
            connection.execute(sql(f'INSERT INTO "{table}" ({listed}) OVERRIDING SYSTEM VALUE SELECT {listed} FROM kept'))  # noqa: S608  # fmt: skip


@contextmanager
def going_on(url: str, act: Callable[[psycopg.Connection], None]) -> Iterator[Callable[[], None]]:
    """Somebody who acts again and again; the callable waits for one more whole round of theirs."""
    rounds, ended = count(1), threading.Event()
    done = 0

    def work() -> None:
        nonlocal done
        with connected(url) as connection:
            while not ended.is_set():
                act(connection)
                done = next(rounds)

    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(work)

        def one_more() -> None:
            aim = done + 2  # the one in hand may have begun before
            until(lambda: worker.done() or done >= aim)

        try:
            one_more()
            yield one_more
        finally:
            ended.set()
        worker.result()


@pytest.mark.parametrize("revision", revisions())
def test_every_released_schema_comes_to_the_newest_while_its_release_reads_and_writes(
    empty_database_url: str, revision: str
) -> None:
    fill(empty_database_url, revision)
    with connected(empty_database_url) as connection:
        known = columns(connection)
        before = held(connection, known)
        # The test can fail: there is much to lose.
        there = {table for table, rows in before.items() if rows}
        assert {"person", "run", "note", "metric_chunk", "log_chunk", "procrastinate_jobs"} <= there
        assert "deleted_run" in there or revision < "0002"

        def work(old: psycopg.Connection) -> None:
            write_all_again(old, known)
            assert held(old, known) == before

        with going_on(empty_database_url, work) as one_more_round:
            migrate(empty_database_url)
            one_more_round()
        assert held(connection, known) == before
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
            (revisions()[-1],)
        ]


def waiting(connection: psycopg.Connection, mode: str) -> bool:
    asked = (
        "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE NOT granted AND mode = %s AND datname = current_database())"
    )
    return bool((connection.execute(asked, (mode,)).fetchone() or [False])[0])


def test_a_change_that_waits_for_a_long_reader_lets_everybody_else_pass(
    database_url: str, scripts: Path
) -> None:
    add(scripts, ADD_COLUMN)
    with connected(database_url) as reader, connected(database_url) as writer, ThreadPoolExecutor(1) as pool:
        with reader.transaction():
            reader.execute("SELECT count(*) FROM run")
            change = pool.submit(migrate, database_url, scripts=scripts)
            for _ in range(2):  # behind the first try, and behind one after it
                until(lambda: waiting(writer, "AccessExclusiveLock"))
                writer.execute("UPDATE run SET host = 'gpu-7'")  # fails when the change does not step back
            assert not change.done()
        change.result()
        assert writer.execute("SELECT added FROM run").fetchall() == []


def test_an_index_is_made_while_rows_are_written_and_several_processes_want_to_migrate(
    database_url: str, scripts: Path
) -> None:
    """Those who wait for their turn must hold no snapshot: an index made CONCURRENTLY would wait for them for ever."""
    add(scripts, ADD_INDEX)
    with connected(database_url) as reader, connected(database_url) as writer, ThreadPoolExecutor(3) as pool:
        with reader.transaction():
            reader.execute("UPDATE run SET host = 'gpu-6'")
            changes: list[Future[None]] = [
                pool.submit(migrate, database_url, scripts=scripts) for _ in range(3)
            ]
            until(lambda: waiting(writer, "ShareLock"))  # the index, for the reader's transaction to end
            writer.execute("UPDATE run SET host = 'gpu-7'")
        for change in changes:
            change.result()
        asked = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_added'::regclass"
        assert writer.execute(asked).fetchall() == [(True,)]


def test_frozen_data_names_a_released_revision() -> None:
    kept = {file.stem for file in FROZEN.glob("*.sql")}
    assert set(revisions()[:-1]) <= kept <= set(revisions())  # the newest may not be released yet
    assert all(re.search(r"^INSERT INTO public\.run ", file.read_text(encoding="utf-8"), re.M) for file in FROZEN.glob("*.sql"))  # fmt: skip
