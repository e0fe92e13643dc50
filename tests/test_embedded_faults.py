"""What a crash, a bad file or an odd path leaves behind does not keep the embedded PostgreSQL from starting."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from storage.database import conninfo
from storage.embedded import EmbeddedPostgres, EmbeddedPostgresError
from storage.embedded_place import settle
from storage.embedded_process import is_alive, wait_for

NO_SYNC = {"fsync": "off"}


def answers(server: EmbeddedPostgres) -> bool:
    with psycopg.connect(conninfo(server.url())) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not a number\n",
        "999999999\n",
        "\x00\xff",
        f"{os.getpid()}\n/elsewhere\n0\n5432\n\n\n0 0\nready\n",
    ],
    ids=["empty", "words", "gone", "binary", "another-program"],
)
def test_a_wrong_pid_file_is_swept_away(used_home: Path, content: str) -> None:
    place = settle(used_home)
    (place.data / "postmaster.pid").write_text(content, encoding="latin-1")
    os.chown(place.data / "postmaster.pid", place.uid, place.gid)
    with EmbeddedPostgres(used_home, settings=NO_SYNC) as server:
        assert answers(server)


def test_a_live_server_whose_pid_file_was_damaged_is_replaced(used_home: Path) -> None:
    first = EmbeddedPostgres(used_home, settings=NO_SYNC).start()
    damaged = first.pid
    (settle(used_home).data / "postmaster.pid").write_text("???")
    with EmbeddedPostgres(used_home, settings=NO_SYNC) as second:
        assert damaged is not None
        assert not is_alive(damaged)
        assert second.pid != damaged
        assert answers(second)
        first.stop()
        assert answers(second)


def test_left_socket_and_lock_files_are_swept_away(used_home: Path) -> None:
    place = settle(used_home)
    (place.sockets / ".s.PGSQL.5432").touch()
    (place.sockets / ".s.PGSQL.5432.lock").write_text(f"{os.getpid()}\n")
    with EmbeddedPostgres(used_home, settings=NO_SYNC) as server:
        assert answers(server)


def test_a_backend_that_outlived_its_server_does_not_block_the_next(used_home: Path) -> None:
    server = EmbeddedPostgres(used_home, settings=NO_SYNC).start()
    with psycopg.connect(conninfo(server.url())) as connection:
        backend, killed = connection.info.backend_pid, server.pid
        os.kill(backend, signal.SIGSTOP)  # it can not notice that its server died
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        assert wait_for(lambda: server.pid != killed, seconds=20)
    assert not is_alive(backend)
    assert answers(server)
    server.stop()


def test_data_that_is_gone_for_a_while_is_waited_for_and_never_begun_anew(
    used_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedPostgres(used_home, settings=NO_SYNC) as server:
        with psycopg.connect(conninfo(server.url())) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        place, killed = settle(used_home), server.pid
        assert killed is not None
        place.data.rename(place.base / "away")
        os.kill(killed, signal.SIGKILL)
        assert wait_for(lambda: "data of the database is gone" in caplog.text, seconds=20)
        (place.base / "away").rename(place.data)
        assert wait_for(lambda: server.pid != killed, seconds=20)
        with psycopg.connect(conninfo(server.url())) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_set_up_that_was_interrupted_begins_anew(home: Path) -> None:
    home.mkdir(mode=0o711)
    place = settle(home)
    (place.base / "data.new").mkdir()
    (place.base / "data.new" / "PG_VERSION").write_text("18")
    with EmbeddedPostgres(home, settings=NO_SYNC) as server:
        assert answers(server)


def test_a_home_with_a_very_long_path_works(home: Path) -> None:
    deep = home.joinpath(*["a rather long name, of forty characters."] * 5)
    with EmbeddedPostgres(deep, settings=NO_SYNC) as server:
        assert answers(server)
        sockets = settle(deep).sockets
        assert not sockets.is_relative_to(home)
        assert sockets.stat().st_mode & 0o777 == 0o700
    assert not sockets.exists()


def test_a_server_that_cannot_start_says_why(used_home: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
        EmbeddedPostgres(used_home, settings={"no_such_setting": "1"}).start()
    with EmbeddedPostgres(used_home, settings=NO_SYNC) as server:
        assert answers(server)


def test_data_of_another_major_version_is_refused_in_words(used_home: Path) -> None:
    version = settle(used_home).data / "PG_VERSION"
    version.write_text("16\n")
    with pytest.raises(EmbeddedPostgresError, match="written by PostgreSQL 16"):
        EmbeddedPostgres(used_home).start()


def test_a_database_that_was_moved_away_is_missed_not_replaced(home: Path) -> None:
    home.mkdir(mode=0o711)
    (home / "postgres").symlink_to(home / "gone")
    with pytest.raises(EmbeddedPostgresError, match="which is gone"):
        EmbeddedPostgres(home).start()


def test_starting_imports_nothing_of_the_package_that_brings_the_binaries() -> None:
    code = "import sys, storage.embedded; print([name for name in sys.modules if 'pgserver' in name])"
    root = Path(__file__).parents[1]
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
