"""Nobody but a home's owner reaches its database, and no directory is opened to make it work."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from other_user import as_user, ids_of, knock, needs_root, user_of_home

from storage import embedded_place
from storage.database import conninfo
from storage.embedded import EmbeddedPostgres
from storage.embedded_place import Place, settle

NO_SYNC = {"fsync": "off"}
STRANGER = (54_321, 54_321)


@pytest.fixture
def server(used_home: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(used_home, settings=NO_SYNC) as server:
        yield server


def modes(path: Path) -> dict[Path, int]:
    return {each: each.stat().st_mode for each in (path, *path.parents)}


def install_into(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the package that brings the binaries once more, in this directory."""
    spec = importlib.util.find_spec(embedded_place.PACKAGE)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    package = Path(spec.submodule_search_locations[0])
    for part in (package, *package.parent.glob(f"{package.name}.libs")):
        shutil.copytree(
            part, directory / part.name, symlinks=True, ignore=shutil.ignore_patterns("*.a", "*install")
        )
    monkeypatch.syspath_prepend(directory)
    return directory


def open_doors(place: Place) -> None:
    """Everything that file permissions protect, laid open: what is left is the server's own check."""
    for directory in (place.sockets, *place.sockets.parents[:3]):
        directory.chmod(0o755)
    (place.sockets / ".s.PGSQL.5432").chmod(0o777)


def test_there_is_no_network_port_and_no_password(server: EmbeddedPostgres) -> None:
    with psycopg.connect(conninfo(server.url())) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        rules = connection.execute("SELECT type, auth_method FROM pg_hba_file_rules").fetchall()
    assert set(rules) == {("local", "peer")}
    assert ":" not in server.url().split("//")[1].split("@")[0]


def test_data_sockets_and_log_are_closed_to_others(server: EmbeddedPostgres) -> None:
    place = settle(server.home)
    for path in (server.home, place.base, place.data, place.sockets, server.home / "log"):
        assert path.stat().st_mode & 0o007 == 0, path
    assert (server.home / "log" / "postgres.log").stat().st_mode & 0o077 == 0


@needs_root
def test_the_server_of_root_runs_as_a_user_of_its_own_with_no_other_group(server: EmbeddedPostgres) -> None:
    status = Path(f"/proc/{server.pid}/status").read_text()
    place = settle(server.home)
    assert place.uid not in {0, *(ids_of(name)[0] for name in ("nobody", "daemon"))}
    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert fields["Uid"].split() == [str(place.uid)] * 4
    assert fields["Gid"].split() == [str(place.gid)] * 4
    assert fields["Groups"].split() == []


@needs_root
def test_another_user_does_not_reach_the_socket(server: EmbeddedPostgres) -> None:
    sockets = settle(server.home).sockets
    assert knock(sockets) == "welcome"
    assert as_user(*STRANGER, lambda: knock(sockets)) == "PermissionError"


@needs_root
def test_another_user_is_refused_even_where_the_socket_can_be_reached(server: EmbeddedPostgres) -> None:
    place = settle(server.home)
    open_doors(place)
    assert "Peer authentication failed" in as_user(*ids_of("nobody"), lambda: knock(place.sockets))
    assert knock(place.sockets) == "welcome"


@needs_root
def test_an_empty_directory_that_only_root_may_enter_becomes_a_home_others_still_cannot_enter(
    home: Path,
) -> None:
    home.mkdir(mode=0o700)
    with EmbeddedPostgres(home, settings=NO_SYNC) as server:
        assert settle(server.home).base == home / "postgres"
        assert home.stat().st_mode & 0o777 == 0o710
        assert as_user(STRANGER[0], 0, lambda: str(list(home.iterdir()))) == "PermissionError"


@needs_root
def test_a_home_below_a_closed_directory_works_and_opens_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = home.parent / "state"
    monkeypatch.setattr(embedded_place, "STATE", state)
    closed = home.parent / "closed"
    closed.mkdir(mode=0o700)
    before = modes(closed)
    with EmbeddedPostgres(closed / "home", settings=NO_SYNC) as server:
        place = settle(server.home)
        assert place.base.is_relative_to(state)
        assert place.base.stat().st_mode & 0o007 == 0
        assert knock(place.sockets) == "welcome"
        assert as_user(*STRANGER, lambda: knock(place.sockets)) == "PermissionError"
    assert modes(closed) == before
    (closed / "home").rename(closed / "moved")
    with EmbeddedPostgres(closed / "moved", settings=NO_SYNC) as server:
        assert settle(server.home).base == place.base


@needs_root
def test_binaries_below_a_closed_directory_are_copied_to_where_the_server_may_run_them(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = home.parent / "state"
    monkeypatch.setattr(embedded_place, "STATE", state)
    install_into(home.parent / "closed", monkeypatch).chmod(0o700)
    with EmbeddedPostgres(home, settings=NO_SYNC) as server:
        place = settle(server.home)
        assert place.binaries.is_relative_to(state)
        assert knock(place.sockets) == "welcome"


@needs_root
def test_two_users_run_a_home_each_and_neither_enters_the_others(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_into(home.parent / "open", monkeypatch)
    users = ids_of("nobody"), ids_of("daemon")
    homes = home.parent / "first", home.parent / "second"
    for each, owner in zip(homes, users, strict=True):
        each.mkdir(mode=0o700)
        os.chown(each, *owner)
    with user_of_home(*users[0], homes[0]) as one, user_of_home(*users[1], homes[1]) as other:
        assert [Path(f"/proc/{pid}").stat().st_uid for pid in (one, other)] == [users[0][0], users[1][0]]
        sockets = homes[0] / "postgres" / "run"
        assert as_user(*users[0], lambda: knock(sockets)) == "welcome"
        assert as_user(*users[1], lambda: knock(sockets)) == "PermissionError"
        open_doors(settle(homes[0]))
        assert "Peer authentication failed" in as_user(*users[1], lambda: knock(sockets))


@needs_root
def test_a_home_of_somebody_else_is_refused_in_words(used_home: Path) -> None:
    for each in (used_home, used_home / "postgres"):
        each.chmod(0o711)
    message = as_user(*STRANGER, lambda: _refusal(used_home))
    assert "belongs to user" in message


def _refusal(home: Path) -> str:
    try:
        settle(home)
    except embedded_place.EmbeddedPostgresError as error:
        return str(error)
    return "none"
