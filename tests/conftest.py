"""Fixtures on the real database: one embedded PostgreSQL a session, a fresh database a test."""

import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import hypothesis
import psycopg
import pytest
from bolt_apps import HTTP, SOCKET, Endpoint, Route, http_config
from databases import TEMPLATE, fresh_database, reachable_directory
from local_workspace import LocalWorkspace, default_config
from running_bot import RunningBot, running_bot
from sqlmodel import Session

from bot import limits
from storage.database import Database, conninfo, migrate
from storage.embedded import EmbeddedPostgres

# Tests need no durability, only speed.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "100"}
SURFACES = {
    f"test_{name}"
    for name in (
        "agent", "app_home", "both_modes", "channels_change", "commands_asked", "lives", "list_and_compare", "logins", "memo_cards", "notes_kept", "notes_surface",
        "private_runs", "quiet", "report", "runs_told", "settings", "similar",
    )
}  # fmt: skip
UNHURRIED = limits.Rate(name="tests", per_second=1000.0, burst=1000.0)

# The same examples in every run of CI; on a developer's machine new ones each time.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")


@pytest.fixture
def home() -> Iterator[Path]:
    """A path for a home that the server's user can reach, also when root runs the tests; removed at the end."""
    with reachable_directory() as directory:
        yield directory / "home"


@pytest.fixture(scope="session")
def initialised_home() -> Iterator[Path]:
    """A home whose database is set up and stopped, to be copied."""
    with reachable_directory() as directory:
        home = directory / "home"
        with EmbeddedPostgres(home, settings=FAST):
            pass
        yield home


@pytest.fixture
def used_home(home: Path, initialised_home: Path) -> Path:
    """A home that was used before: starting there takes no set-up."""
    subprocess.run(["cp", "-a", initialised_home, home], check=True)
    return home


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The PostgreSQL of this test session, with a migrated template database."""
    with (
        reachable_directory() as directory,
        EmbeddedPostgres(directory / "home", settings=FAST) as server,
    ):
        with psycopg.connect(conninfo(server.url("postgres")), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
        migrate(server.url(TEMPLATE))
        yield server


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The URL of a fresh, migrated database."""
    with fresh_database(postgres) as url:
        yield url


@pytest.fixture
def second_database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The URL of another fresh, migrated database."""
    with fresh_database(postgres) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The URL of a database in which nothing was made yet."""
    with fresh_database(postgres, template="template0") as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh, migrated database."""
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """A session on the fresh database, committed when the test succeeds."""
    with database.session() as session:
        yield session


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What people do in Slack is tried in both ways in which Slack reaches the bot."""
    if "running" in metafunc.fixturenames and metafunc.module.__name__.rpartition(".")[2] in SURFACES:
        metafunc.parametrize("endpoint", [SOCKET, HTTP], indirect=True, scope="module")


@pytest.fixture(scope="module")
def endpoint(request: pytest.FixtureRequest) -> Iterator[Endpoint | None]:
    """Where Slack posts its signed requests; None where it is reached over Socket Mode."""
    if getattr(request, "param", SOCKET) == SOCKET:
        yield None
        return
    listening = Endpoint()
    yield listening
    listening.close()


@pytest.fixture(scope="module")
def workspace(endpoint: Endpoint | None) -> Iterator[LocalWorkspace]:
    """A Slack-compatible workspace, shared by a module's tests."""
    with LocalWorkspace(http_config(endpoint) if endpoint else default_config()) as started:
        yield started


@pytest.fixture(scope="module")
def running(
    postgres: EmbeddedPostgres, workspace: LocalWorkspace, endpoint: Endpoint | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningBot]:  # fmt: skip
    """The running bot on a database of its own, shared by a module's tests: each takes a project of its own."""
    with fresh_database(postgres) as url, pytest.MonkeyPatch.context() as patch:
        # Tests say in a minute what a team says in a day; the limits themselves have tests of their own.
        patch.setattr(limits, "buckets_of", lambda method, channel: (UNHURRIED,))
        database = Database(url)
        home = tmp_path_factory.mktemp("home")
        with running_bot(database, workspace, home, socket=endpoint is None) as started:
            if endpoint is not None:
                endpoint.app = Route(started.web)
            yield started
        database.close()


@pytest.fixture
def bot(running: RunningBot) -> RunningBot:
    """The running bot, with the clock as it is and Slack without faults."""
    running.clock.ahead = timedelta()
    running.workspace.faults()
    return running
