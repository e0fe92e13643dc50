"""How long an operator waits: restart to ready with many notes, backup and restore (by files and by dump), export.

python -m benchmarks.operate [--notes 1000000] [--megabytes 1000]
"""

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1])]

from served_bot import ServedBot
from sqlalchemy import text

from bot import backup
from bot.people import by_name
from bot.settings import Settings
from storage.database import Database, migrate
from storage.embedded import EmbeddedPostgres
from storage.ingest_queries import take_project, take_run

READY_BUDGET, COPY_BUDGET = 5.0, 120.0
CHUNK_POINTS = 1000  # × 3 arrays × 8 bytes: 24 kB a row

NOTES = text(
    "INSERT INTO note (project_id, author_id, kind, text, said_at, read_at, length, terms)"
    " SELECT 1, 1, 'text', 'Lowered lr from 3e-4 to 1e-4 in try ' || n || ', it converged.', now() - n * interval '1 second',"
    " now(), 6, to_tsvector('simple', 'lower lr converge try' || n) FROM generate_series(1, :count) n"
)
CHUNKS = text(
    "INSERT INTO metric_chunk (at, run_id, name, steps, times, values)"
    " SELECT now(), 1, 'metric/' || n % 50, numbers, numbers, numbers FROM generate_series(1, :count) n,"
    " LATERAL (SELECT array_agg(random() * (p + n)) AS numbers FROM generate_series(1, :points) p) one"
)


def fill(url: str, *, notes: int, megabytes: int) -> float:
    """Notes to search and points to copy; returns the database's MB."""
    migrate(url)
    database = Database(url)
    with database.session() as session:
        project, _ = take_project(session, "vision", now=datetime.now(UTC))
        by_name(session, "ana", now=datetime.now(UTC))
        take_run(session, project, "run-00000001", name="otter", now=datetime.now(UTC))
        session.execute(NOTES, {"count": notes})
        session.execute(
            CHUNKS, {"count": megabytes * 1_000_000 // (24 * CHUNK_POINTS), "points": CHUNK_POINTS}
        )
    with database.session() as session:
        size = int(session.execute(text("SELECT pg_database_size(current_database())")).scalar() or 0)
    database.close()
    return size / 1e6


def say(what: str, seconds: float, budget: float) -> None:
    """A line of the table."""
    print(
        f"{what:44} {seconds:6.1f} s   budget {budget:.0f} s: {'kept' if seconds <= budget else 'MISSED'}",
        flush=True,
    )


def main() -> None:
    """Fill a home, then restart, back up and restore it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--notes", type=int, default=1_000_000)
    parser.add_argument("--megabytes", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="runlore-operate-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # root's database runs as another user
        home = folder / "home"
        with EmbeddedPostgres(home) as postgres:
            size = fill(postgres.url(), notes=options.notes, megabytes=options.megabytes)
        print(f"{options.notes:,} notes, {size:,.0f} MB")
        bot = ServedBot(home)
        for what in ("first start (workspace and all)", "restart to ready"):
            started = time.monotonic()
            bot.start()
            say(what, time.monotonic() - started, READY_BUDGET)
            bot.close()
        settings = Settings(home=home)
        before = backup.content_of(settings)
        copies(folder, settings, before)
        dumps(folder, settings, before)


def copies(folder: Path, settings: Settings, before: object) -> None:
    """By files, as an embedded database is backed up."""
    started = time.monotonic()
    backup.back_up(settings, folder / "files", now=datetime.now(UTC))
    say("backup, by files", time.monotonic() - started, COPY_BUDGET)
    started = time.monotonic()
    again = Settings(home=folder / "again")
    backup.restore(again, folder / "files", ready=lambda: None)
    say("restore, by files", time.monotonic() - started, COPY_BUDGET)
    print(f"{'  identical, row by row':44} {'yes' if backup.content_of(again) == before else 'NO'}")


def dumps(folder: Path, settings: Settings, before: object) -> None:
    """As a server's database is backed up; the server here is the home's own."""
    with EmbeddedPostgres(settings.home) as here, EmbeddedPostgres(folder / "server") as there:
        url = there.url()
        source = Settings(home=folder / "a", database_url=here.url())
        target = Settings(home=folder / "b", database_url=url)
        started = time.monotonic()
        backup.back_up(source, folder / "dump", now=datetime.now(UTC))
        say("backup, by dump", time.monotonic() - started, COPY_BUDGET)
        started = time.monotonic()
        backup.restore(
            target,
            folder / "dump",
            ready=lambda: say("restore, by dump, ready", time.monotonic() - started, COPY_BUDGET),
        )
        say("restore, by dump, vectors indexed", time.monotonic() - started, COPY_BUDGET)
        print(f"{'  identical, row by row':44} {'yes' if backup.content_of(target) == before else 'NO'}")


if __name__ == "__main__":
    main()
