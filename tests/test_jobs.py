"""Work in the background: who waits for an answer goes before who is heard."""

import os
import sys
import threading
import time
from types import SimpleNamespace
from typing import cast

import pytest
from patience import stretched

from bot import jobs
from bot.wiring import Services
from storage.database import Database
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
