"""Runs PostgreSQL for one home: starts it on first use, brings it back when it dies, stops it with the last user.

Every process that uses the home holds a shared lock on `postgres.users`; whoever leaves and finds nobody else
stops the server. The kernel drops the lock of a killed process, so a server it left behind is simply adopted.
Starting and stopping are serialised by `postgres.lock`.
"""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from sqlalchemy import URL

from storage.embedded_place import PORT, EmbeddedPostgresError, Place, create_home, settle
from storage.embedded_process import (
    SUPERUSER,
    clear_away,
    copy_running,
    initialise,
    install,
    is_alive,
    launch,
    running,
    shut_down,
    wait_for,
)
from storage.patience import may_pass

DATABASE = "runlore"
LOOK_EVERY = 0.2  # seconds
LONGEST_PAUSE = 5.0  # seconds between attempts to bring a server back that will not start

logger = logging.getLogger(__name__)

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]


class EmbeddedPostgres:
    """The PostgreSQL of one home; `settings` override postgresql.conf (tests turn fsync off)."""

    def __init__(self, home: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.home = home.expanduser().resolve()
        self._settings = dict(settings or {})
        self._place: Place | None = None
        self._pid: int | None = None
        self._users: int | None = None
        self._supervisor: threading.Thread | None = None
        self._leaving = threading.Event()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The server's process id, as last seen alive."""
        return self._pid

    def url(self, database: str = DATABASE) -> str:
        """The SQLAlchemy URL; it holds no secret, the kernel tells the server who connects."""
        if self._place is None:
            raise EmbeddedPostgresError("The embedded PostgreSQL was not started: call start() first.")
        return URL.create(
            "postgresql+psycopg",
            username=SUPERUSER,
            database=database,
            query={
                "host": str(self._place.sockets),
                "port": str(PORT),
            },  # or PGPORT of the environment would rule
        ).render_as_string()

    def back_up(self, target: Path) -> None:
        """Copy the running database's files into `target`, consistent and with checksums, while others go on."""
        if self._place is None:
            raise EmbeddedPostgresError("The embedded PostgreSQL was not started: call start() first.")
        copy_running(self._place, self.url().replace("+psycopg", ""), target)

    def adopt(self, copy: Path) -> None:
        """Begin this home with such a copy; refused where it has a database already."""
        create_home(self.home)
        with self._locked():
            install(settle(self.home), copy)

    def start(self) -> Self:
        """Return with a server that answers: ours, or the one another process of this home runs."""
        if self._users is not None:
            return self
        create_home(self.home)
        self._leaving.clear()
        with self._locked():
            self._place = settle(self.home)
            users = os.open(self.home / "postgres.users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(users, fcntl.LOCK_SH)
                # Only here: a supervisor that finds no data must wait for it, not begin an empty database.
                initialise(self._place, sync=self._settings.get("fsync") != "off")
                self._pid = self._ensure_answering(self._place)
            except BaseException:
                os.close(users)
                raise
            self._users = users
        self._supervisor = threading.Thread(target=self._supervise, name="postgres-supervisor", daemon=True)
        self._supervisor.start()
        return self

    def stop(self) -> None:
        """Leave; the last one out stops the server."""
        if self._users is None or self._place is None or self._supervisor is None:
            return
        self._leaving.set()
        self._supervisor.join()
        with self._locked():
            fcntl.flock(self._users, fcntl.LOCK_UN)
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logger.info("postgres_left_to_others")
            else:
                shut_down(self._place)
                if not self._place.sockets.is_relative_to(self._place.base):
                    self._place.sockets.rmdir()
            os.close(self._users)
        self._users = self._supervisor = self._pid = None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = os.open(self.home / "postgres.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _supervise(self) -> None:
        pause = LOOK_EVERY
        while not self._leaving.wait(pause):
            if self._pid is not None and is_alive(self._pid):
                pause = LOOK_EVERY
                continue
            logger.warning("postgres_died", extra={"pid": self._pid})
            try:
                with self._locked():
                    if self._place is not None:
                        self._pid = self._ensure_running(self._place)
                logger.warning("postgres_back", extra={"pid": self._pid})
                pause = LOOK_EVERY
            except (EmbeddedPostgresError, OSError, psycopg.Error):
                # A full disk or a missing directory may be mended while we wait: there is no last attempt.
                logger.exception("postgres_does_not_start")
                pause = min(pause * 2, LONGEST_PAUSE)

    def _ensure_answering(self, place: Place) -> int:
        while True:
            pid = self._ensure_running(place)
            try:
                self._create_database()
            except psycopg.OperationalError as error:
                if not may_pass(error):
                    raise
                time.sleep(LOOK_EVERY)  # it died this moment, or recovers from a crash of one backend
            else:
                return pid

    def _ensure_running(self, place: Place) -> int:
        postmaster = running(place)
        while postmaster and postmaster.status == "stopping" and not self._leaving.wait(0.02):
            postmaster = running(place)
        if postmaster:
            return self._wait_until_ready(place, postmaster.pid)
        clear_away(place)
        log = self._log()
        seen = log.stat().st_size if log.exists() else 0
        pid = launch(place, log=log, settings=self._settings)
        try:
            self._wait_until_ready(place, pid)
        except EmbeddedPostgresError as error:
            said = log.read_bytes()[seen if log.stat().st_size >= seen else 0 :].decode(errors="replace")
            raise EmbeddedPostgresError(
                f"{error} It said: {said.strip()[-2000:]} (all of it: {log})"
            ) from None
        return pid

    def _wait_until_ready(self, place: Place, pid: int) -> int:
        """No time limit: recovery after a crash takes what it takes, and ends with an answer or an exit."""
        while not self._leaving.is_set():
            if not is_alive(pid):
                raise EmbeddedPostgresError("PostgreSQL did not start.")
            if wait_for(lambda: _is_ready(place, pid), seconds=0.5):
                break
        return pid

    def _create_database(self) -> None:
        with psycopg.connect(self.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not known:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _log(self) -> Path:
        directory = self.home / "log"
        directory.mkdir(mode=0o700, exist_ok=True)
        return directory / "postgres.log"


def _is_ready(place: Place, pid: int) -> bool:
    postmaster = running(place)
    return postmaster is not None and postmaster.pid == pid and postmaster.status == "ready"
