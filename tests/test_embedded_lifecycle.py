"""One PostgreSQL per home: started on first use, shared by processes, brought back when killed, stopped by the last."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from other_process import using

from storage.database import Database, conninfo
from storage.embedded import EmbeddedPostgres, EmbeddedPostgresError
from storage.embedded_process import is_alive, wait_for

NO_SYNC = {"fsync": "off"}


@pytest.fixture
def server(used_home: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(used_home, settings=NO_SYNC) as server:
        yield server


def pid_of(server: EmbeddedPostgres) -> int:
    assert server.pid is not None
    return server.pid


def query(server: EmbeddedPostgres, statement: str) -> object:
    database = Database(server.url())
    try:
        with database.engine.begin() as connection:
            result = connection.exec_driver_sql(statement)
            return result.scalar() if result.returns_rows else None
    finally:
        database.close()


def test_what_was_stored_is_there_after_a_stop_and_a_start(used_home: Path) -> None:
    with EmbeddedPostgres(used_home, settings=NO_SYNC) as server:
        query(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        pid = pid_of(server)
    assert not is_alive(pid)
    with EmbeddedPostgres(used_home, settings=NO_SYNC) as server:
        assert query(server, "SELECT answer FROM kept") == 42


def test_it_brings_vectors_along(server: EmbeddedPostgres) -> None:
    query(server, "CREATE EXTENSION vector")
    assert query(server, "SELECT '[1,2]'::halfvec <-> '[1,3]'::halfvec") == 1


def test_a_killed_server_comes_back_with_everything_committed(server: EmbeddedPostgres) -> None:
    query(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    killed = pid_of(server)
    os.kill(killed, signal.SIGKILL)
    assert wait_for(lambda: not is_alive(killed), seconds=5)
    assert query(server, "SELECT answer FROM kept") == 42
    assert wait_for(lambda: server.pid != killed, seconds=5)


def test_a_server_killed_over_and_over_comes_back_every_time(server: EmbeddedPostgres) -> None:
    for _ in range(4):
        killed = pid_of(server)
        os.kill(killed, signal.SIGKILL)
        assert wait_for(lambda killed=killed: server.pid != killed, seconds=20)  # type: ignore[misc]
        assert query(server, "SELECT 1") == 1


def test_a_killed_backend_takes_nobody_down_for_long(server: EmbeddedPostgres) -> None:
    database = Database(server.url())
    with database.engine.connect() as connection:
        backend = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    os.kill(backend, signal.SIGKILL)
    assert wait_for(lambda: not is_alive(backend), seconds=5)
    with database.session() as session:  # the pooled connection is dead, the server in recovery
        assert session.connection().exec_driver_sql("SELECT 1").scalar() == 1
    database.close()


def test_two_users_of_one_home_share_a_server_and_the_last_one_stops_it(used_home: Path) -> None:
    first = EmbeddedPostgres(used_home, settings=NO_SYNC).start()
    second = EmbeddedPostgres(used_home, settings=NO_SYNC).start()
    pid = pid_of(first)
    assert second.pid == pid
    first.stop()
    assert query(second, "SELECT 1") == 1
    second.stop()
    assert not is_alive(pid)


def test_another_process_shares_the_server_and_its_leaving_does_not_stop_it(server: EmbeddedPostgres) -> None:
    with using(server.home) as (process, pid):
        assert pid == server.pid
        process.communicate(timeout=20)
    assert query(server, "SELECT 1") == 1


def test_the_server_of_a_killed_process_is_adopted_and_stopped_in_the_end(used_home: Path) -> None:
    with using(used_home) as (process, pid):
        process.kill()
        process.wait(timeout=20)
    assert is_alive(pid)
    with EmbeddedPostgres(used_home, settings=NO_SYNC) as server:
        assert server.pid == pid
        assert query(server, "SELECT 1") == 1
    assert not is_alive(pid)


def test_a_server_killed_together_with_its_process_is_started_anew(used_home: Path) -> None:
    with using(used_home) as (process, pid):
        process.kill()
        os.kill(pid, signal.SIGKILL)
        process.wait(timeout=20)
    with EmbeddedPostgres(used_home, settings=NO_SYNC) as server:
        assert server.pid != pid
        assert query(server, "SELECT 1") == 1


def test_stopping_disconnects_whoever_is_still_connected(used_home: Path) -> None:
    server = EmbeddedPostgres(used_home, settings=NO_SYNC).start()
    with psycopg.connect(conninfo(server.url())) as connection:
        connection.execute("SELECT 1")
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    server.stop()  # once more does nothing


def test_a_url_is_known_only_after_the_start(used_home: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="call start"):
        EmbeddedPostgres(used_home).url()
