"""Work in the background: it outlives the database, each queue has its workers, and who waits goes before who is heard."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from local_workspace import ROOT, LocalWorkspace
from patience import stretched
from sqlalchemy import text

from bot import jobs
from bot.wiring import Services
from storage.database import Database, migrate
from storage.embedded import EmbeddedPostgres
from storage.embedded_process import wait_for
from storage.jobs import defer


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_hearing_and_what_it_starts_yields_to_all_else(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, int] = {}

    def look(where: str) -> None:
        def inside() -> None:  # as a model's own threads do, it takes after the thread that starts it
            seen[where] = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()

    monkeypatch.setattr(jobs, "tasks", lambda _: {"look": look})
    pools = [jobs.Pool(cast("Services", SimpleNamespace(database=database)), queue) for queue in jobs.POOLS]
    for pool in pools:
        pool.start()
    with database.session() as session:
        for queue in jobs.POOLS:
            defer(session, "look", queue=queue, where=queue)
    deadline = time.monotonic() + stretched(20)
    while len(seen) < len(jobs.POOLS) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pool in pools:
        pool.stop()
    mine = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert seen == {"posts": mine, "general": mine, "speech": jobs.PATIENCE}


@pytest.mark.parametrize(
    "farewell", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL], ids=["fast", "immediate", "killed"]
)
def test_workers_go_on_when_postgresql_is_back(
    used_home: Path, monkeypatch: pytest.MonkeyPatch, farewell: signal.Signals
) -> None:
    done: list[int] = []
    monkeypatch.setattr(jobs, "tasks", lambda _: {"count": lambda number: done.append(number)})
    with EmbeddedPostgres(used_home, settings={"fsync": "off"}) as server:
        migrate(server.url())
        database = Database(server.url())
        pool = jobs.Pool(cast("Services", SimpleNamespace(database=database)), "general")
        pool.start()
        for number in (1, 2):
            with database.session() as session:
                defer(session, "count", queue="general", number=number)
            assert wait_for(lambda number=number: number in done, seconds=stretched(30))  # type: ignore[misc]
            if number == 1:
                left = server.pid
                os.kill(left or 0, farewell)
                assert wait_for(lambda left=left: server.pid != left, seconds=stretched(20))  # type: ignore[misc]
        pool.stop()
        database.close()
    assert set(done) == {1, 2}


def environment(url: str, workspace: LocalWorkspace, home: Path) -> dict[str, str]:
    """Of a process of the bot on this database and workspace."""
    return os.environ | {
        "RUNLORE_HOME": str(home), "RUNLORE_DATABASE_URL": url, "RUNLORE_SPEECH_MODEL": "tiny.en",
        "RUNLORE_SLACK_BASE_URL": workspace.base_url, "SLACK_BOT_TOKEN": workspace.bot_token,
        "SLACK_APP_TOKEN": workspace.app_token,
    }  # fmt: skip


@contextmanager
def worker(
    url: str, workspace: LocalWorkspace, home: Path, *queues: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`runlore-bot serve --role worker`, for these queues alone."""
    command = [sys.executable, "-m", "bot.cli", "serve", "--role", "worker"]
    command += [word for queue in queues for word in ("--queues", queue)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(url, workspace, home))
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.models
def test_a_worker_for_speech_hears_and_leaves_the_rest_to_others(
    database: Database, workspace: LocalWorkspace, tmp_path: Path
) -> None:
    def waiting() -> set[str]:
        with database.session() as session:
            asked = text("SELECT queue_name FROM procrastinate_jobs WHERE status IN ('todo', 'doing')")
            return set(session.execute(asked).scalars())

    with database.session() as session:
        for queue in ("posts", "general"):
            defer(session, "handle_event", queue=queue, event_id="nothing")
        defer(session, "hear_memo", queue="speech", note_id=0)
    with worker(database.url, workspace, tmp_path, "speech") as speech:
        assert wait_for(lambda: waiting() == {"posts", "general"}, seconds=stretched(60))
        with worker(database.url, workspace, tmp_path, "posts", "general"):
            assert wait_for(lambda: waiting() == set(), seconds=stretched(60))
    assert speech.returncode == 0
