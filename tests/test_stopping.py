"""A process that is told to stop: the job in hand is finished, or handed back within a bound."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from local_workspace import ROOT, LocalWorkspace
from patience import stretched
from sqlalchemy import text
from test_jobs import environment

from bot import jobs
from bot.wiring import Services
from storage.database import Database
from storage.embedded_process import wait_for
from storage.jobs import defer, retry_stalled

LONG_JOB = """
import logging, sys, time
from bot import cli, jobs
jobs.GRACE_SECONDS = 1.0
def long():
    print("begun", flush=True)
    time.sleep(600)
jobs.tasks = lambda _: {"long": long}
cli.app(["serve", "--role", "worker", "--queues", "posts"])
"""


def states(database: Database) -> list[str]:
    with database.session() as session:
        return list(
            session.execute(text("SELECT status::text FROM procrastinate_jobs ORDER BY id")).scalars()
        )


@pytest.fixture
def pool_of(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[jobs.Task], jobs.Pool]]:
    """Makes a pool at work, for one kind of job."""
    pools: list[jobs.Pool] = []

    def start(task: jobs.Task) -> jobs.Pool:
        monkeypatch.setattr(jobs, "tasks", lambda _: {"work": task})
        pools.append(jobs.Pool(cast("Services", SimpleNamespace(database=database)), "general"))
        pools[-1].start()
        return pools[-1]

    yield start
    for pool in pools:
        pool.stop()


def test_the_job_in_hand_is_finished(database: Database, pool_of: Callable[[jobs.Task], jobs.Pool]) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(stretched(20))

    pool = pool_of(work)
    with database.session() as session:
        defer(session, "work")
    assert begun.wait(stretched(20))
    leaving = threading.Thread(target=pool.stop)
    leaving.start()
    leaving.join(0.5)
    assert leaving.is_alive()  # it waits for the job
    go_on.set()
    leaving.join(stretched(20))
    assert not pool.alive
    assert states(database) == []


def test_a_job_that_goes_on_is_handed_back_within_the_bound(
    database: Database, pool_of: Callable[[jobs.Task], jobs.Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "GRACE_SECONDS", 0.5)
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def endless() -> None:
        begun.set()
        go_on.wait()

    first = pool_of(endless)
    with database.session() as session:
        defer(session, "work")
    assert begun.wait(stretched(20))
    first.stop()
    assert first.alive  # its thread; the process ends without it
    assert states(database) == ["doing"]
    with database.session() as session:
        [job] = retry_stalled(session, silent_for=timedelta(0))
    assert not job.gave_up
    pool_of(done.set)
    assert done.wait(stretched(20))
    assert wait_for(lambda: states(database) == [], seconds=stretched(20))
    go_on.set()
    assert wait_for(lambda: not first.alive, seconds=stretched(20))


def test_a_worker_told_to_stop_leaves_a_long_job_and_ends_well(
    database: Database, workspace: LocalWorkspace, tmp_path: Path
) -> None:
    with database.session() as session:
        defer(session, "long", queue="posts")
    process = subprocess.Popen(
        [sys.executable, "-c", LONG_JOB], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env=environment(database.url, workspace, tmp_path),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(stretched(30)) == 0
    assert time.monotonic() - asked < stretched(30)
    process.stdout.close()
    assert states(database) == ["doing"]  # nobody's: taken up 10 s after its worker's last sign of life
