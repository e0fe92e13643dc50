"""Two real servers: a primary and a standby that streams from it, reads what only reads, and takes over."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from patience import stretched
from sqlalchemy import text
from sqlmodel import Session, col, select

from storage.database import Database, conninfo, migrate
from storage.embedded import EmbeddedPostgres
from storage.embedded_place import PORT, Place, settle
from storage.embedded_process import (
    SUPERUSER,
    Postmaster,
    clear_away,
    install,
    launch,
    running,
    send,
    shut_down,
    wait_for,
)
from storage.tables import Project

NOW = datetime(2026, 11, 27, tzinfo=UTC)
IN_RECOVERY = text("SELECT pg_is_in_recovery()")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The places of both servers, and the process of the primary."""

    primary: Place
    standby: Place
    pid: int

    def url(self, *places: Place, **options: str) -> str:
        """One or several hosts, as libpq has them."""
        told = {
            "host": ",".join(str(place.sockets) for place in places),
            "port": ",".join(str(PORT) for _ in places),
        }
        words = "&".join(f"{name}={value}" for name, value in (told | options).items())
        return f"postgresql+psycopg://{SUPERUSER}@/runlore?{words}"

    def ask_standby(self, query: str) -> object:
        with psycopg.connect(conninfo(self.url(self.standby)), autocommit=True) as connection:
            row = connection.execute(query).fetchone()
        return row[0] if row else None


@pytest.fixture
def pair(used_home: Path) -> Iterator[Pair]:
    """Both up, with the schema; nobody brings back what dies."""
    copy = used_home.parent / "copy"
    with EmbeddedPostgres(used_home, settings={"fsync": "off"}) as server:
        migrate(server.url())
        server.back_up(copy)
    primary = settle(used_home)
    base = primary.base / "standby"
    for folder in (base, base / "run"):
        folder.mkdir(mode=0o700)
        os.chown(folder, primary.uid, primary.gid)
    standby = Place(
        binaries=primary.binaries, base=base, sockets=base / "run", uid=primary.uid, gid=primary.gid
    )
    install(standby, copy)
    (standby.data / "standby.signal").touch()
    pid = launch(primary, log=used_home / "primary.log", settings={"fsync": "off"})
    rules = primary.data / "pg_hba.conf"  # a private user has no name that the standby could be known by
    rules.write_text(rules.read_text().replace("peer map=home", "trust"))
    assert wait_for(lambda: running(primary) == Postmaster(pid=pid, status="ready"), seconds=stretched(30))
    send(pid, signal.SIGHUP)
    source = f"host={primary.sockets} port={PORT} user={SUPERUSER}"
    follow = {"fsync": "off", "primary_conninfo": source, "wal_retrieve_retry_interval": "100ms"}
    launch(standby, log=used_home / "standby.log", settings=follow)
    told = Pair(primary=primary, standby=standby, pid=pid)
    try:
        assert wait_for(lambda: _answers(told), seconds=stretched(30)), (
            used_home / "standby.log"
        ).read_text()
        yield told
    finally:
        for place in (standby, primary):
            shut_down(place)


def _answers(pair: Pair) -> bool:
    try:
        return pair.ask_standby("SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'") == 1
    except psycopg.OperationalError:
        return False


def add(session: Session, name: str) -> None:
    session.add(Project(name=name, created_at=NOW))


def test_writing_goes_on_at_the_standby_that_takes_over(pair: Pair) -> None:
    database = Database(
        pair.url(pair.primary, pair.standby, target_session_attrs="read-write"), patience=stretched(30)
    )
    with database.session() as session:
        add(session, "before")
    assert wait_for(lambda: pair.ask_standby("SELECT count(*) FROM project") == 1, seconds=stretched(20))
    os.kill(pair.pid, signal.SIGKILL)
    clear_away(pair.primary)  # its sessions too: what they had in hand is refused, and its sender tries again

    def write() -> bool:
        with database.session() as session:
            add(session, "after")
            return bool(session.execute(IN_RECOVERY).scalar())

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)  # it has to wait: nobody is the primary now
        assert not wait_for(writing.done, seconds=0.5)
        assert pair.ask_standby("SELECT pg_promote()") is True
        assert writing.result(stretched(40)) is False
    with database.session() as session:
        assert session.exec(select(Project.name).order_by(col(Project.id))).all() == ["before", "after"]
    with psycopg.connect(database.dsn) as connection:  # as workers do
        assert connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
    database.close()


def test_a_standby_answers_what_only_reads_until_it_is_gone(pair: Pair) -> None:
    database = Database(pair.url(pair.primary), pair.url(pair.standby))
    with database.session() as session:
        add(session, "told")

    def read() -> tuple[bool, list[str]]:
        with database.read_session() as session:
            return bool(session.execute(IN_RECOVERY).scalar()), list(session.exec(select(Project.name)))

    assert wait_for(lambda: read() == (True, ["told"]), seconds=stretched(20))
    shut_down(pair.standby)
    assert read() == (False, ["told"])
    database.close()
