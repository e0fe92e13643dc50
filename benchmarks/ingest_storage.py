"""Metric points a second into PostgreSQL from columns, durable (fsync on), beside one row per point.

python benchmarks/ingest_storage.py [seconds]
"""

import math
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import Session

from storage.database import Database, migrate
from storage.embedded import EmbeddedPostgres
from storage.ingest_queries import advance_stream, lock_stream, take_project, take_run
from storage.series import Columns, append_metrics, append_metrics_of_runs, merge_chunks, read_series

BUDGET = 100_000  # points a second
METRICS = 10


def batch(points: int, first: int) -> dict[str, Columns]:
    """Plain lists, as they come out of JSON."""
    steps = [float(first + place) for place in range(points)]
    times = [1.7e9 + step for step in steps]
    return {f"metric/{n}": (steps, times, [math.sin(step + n) for step in steps]) for n in range(METRICS)}


def new_run(database: Database, uid: str) -> int:
    with database.session() as session:
        project, _ = take_project(session, "bench", now=datetime.now(UTC))
        run, _ = take_run(session, project, uid, name=uid, now=datetime.now(UTC))
        return run.id or 0


def sustained(database: Database, *, clients: int, points: int, seconds: float) -> None:
    """Every client sends batches of its own run, one transaction each with the stream's lock, as ingest does."""
    waits: list[float] = []

    def client(number: int) -> None:
        run_id, first = new_run(database, f"{points}-{clients}-{number}"), 0
        columns = batch(points, 0)
        while time.perf_counter() < end:
            begun = time.perf_counter()
            with database.session() as session:
                stream = lock_stream(session, f"{points}-{clients}-{number}", run_id)
                append_metrics(session, run_id, columns, at=datetime.now(UTC))
                advance_stream(session, stream, first + points, clock_offset=0)
            waits.append(time.perf_counter() - begun)
            first += points

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    begun = time.perf_counter()
    end = begun + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = len(waits) * points * METRICS / (time.perf_counter() - begun)
    waits.sort()
    p50, p99 = (1000 * waits[int(len(waits) * share)] for share in (0.5, 0.99))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{clients} clients, {METRICS} metrics x {points:>5} points a batch: {rate:>10,.0f} points/s, "
        f"{len(waits) / seconds:>6,.0f} batches/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms, peak {memory} MB"
    )


def live_runs(database: Database, *, runs: int, seconds: float) -> None:
    """So many runs send a batch of one point per metric every second; stored together."""
    run_ids = [new_run(database, f"live-{number}") for number in range(runs)]
    rounds, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        columns = batch(1, rounds)
        with database.session() as session:
            append_metrics_of_runs(session, dict.fromkeys(run_ids, columns), at=datetime.now(UTC))
        rounds += 1
    each = (time.perf_counter() - begun) / rounds
    print(
        f"{runs} live runs, {METRICS} metrics a second each, stored together: {each * 1000:,.0f} ms of every second"
    )


def row_per_point(database: Database, *, seconds: float) -> None:
    """What a table of points would do with the same COPY: no chunks, no summary."""
    with database.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE point (run_id bigint, name text, step float8, at float8, value float8, PRIMARY KEY (run_id, name, step))"
        )
    sent, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        columns = batch(1000, sent)
        with database.session() as session:
            cursor = session.connection().connection.cursor()
            with cursor.copy("COPY point FROM STDIN") as copy:
                for name, (steps, times, values) in columns.items():
                    for step, at, value in zip(steps, times, values, strict=True):
                        copy.write_row((1, name, step, at, value))
        sent += 1000
    print(
        f"one row per point, COPY, 1 client: {sent * METRICS / (time.perf_counter() - begun):,.0f} points/s"
    )


def timed(what: str, act: Callable[[], object]) -> None:
    begun = time.perf_counter()
    act()
    print(f"{what}: {(time.perf_counter() - begun) * 1000:,.0f} ms")


def reading(database: Database) -> None:
    """Merging and reading a long run."""
    run_id = new_run(database, "long")
    for first in range(0, 100_000, 500):
        with database.session() as session:
            append_metrics(session, run_id, batch(500, first), at=datetime.now(UTC))

    def in_session(act: Callable[[Session], object]) -> Callable[[], None]:
        def run() -> None:
            with database.session() as session:
                act(session)

        return run

    read = in_session(lambda session: read_series(session, run_id, "metric/3", 60))
    timed("curve of 60 points out of 100,000, 200 chunks", read)
    timed("merge 1,000,000 points of 2,000 chunks", in_session(lambda session: merge_chunks(session, run_id)))
    timed("curve of 60 points out of 100,000, merged", read)


def main() -> None:
    """Run all, print figures."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)  # under root, PostgreSQL runs as another user
        measure(Path(directory) / "home", seconds)
    print(f"budget: {BUDGET:,} points/s")


def measure(home: Path, seconds: float) -> None:
    """All figures on a fresh database."""
    with EmbeddedPostgres(home) as server:
        migrate(server.url())
        database = Database(server.url())
        for clients, points in ((1, 1000), (8, 1000), (8, 100), (8, 1)):
            sustained(database, clients=clients, points=points, seconds=seconds)
        live_runs(database, runs=1000, seconds=seconds)
        reading(database)
        row_per_point(database, seconds=seconds)
        database.close()


if __name__ == "__main__":
    main()
