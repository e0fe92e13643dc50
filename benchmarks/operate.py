"""How long an operator waits: restart to ready with many notes and the index of their vectors, backup and restore.

python -m benchmarks.operate [--notes 1000000] [--megabytes 1000] [--home HOME]
A HOME named is kept and used again: a million notes take twelve minutes to load. `--notes 0` and `--megabytes 0` leave a part out.
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

from benchmarks.ask import Collection, load
from bot import backup
from bot.settings import Settings
from storage.database import Database, migrate
from storage.embedded import EmbeddedPostgres

READY_BUDGET, COPY_BUDGET = 5.0, 120.0
RESTARTS = 3
COPIED_NOTES = 100_000  # of what is backed up, with their vectors; points make up the rest
CHUNK_POINTS = 1000  # × 3 arrays × 8 bytes: 24 kB a row

CHUNKS = text(
    "INSERT INTO metric_chunk (at, run_id, name, steps, times, values)"
    " SELECT now(), 1, 'metric/' || n % 50, numbers, numbers, numbers FROM generate_series(1, :count) n,"
    " LATERAL (SELECT array_agg(random() * (p + n)) AS numbers FROM generate_series(1, :points) p) one"
)
SIZES = text(
    "SELECT pg_database_size(current_database()) / 1e6, pg_relation_size('ix_note_vector') / 1e6,"
    " (SELECT count(*) FROM note WHERE vector IS NOT NULL)"
)
INDEXED = text("SELECT to_regclass('ix_note_vector') IS NOT NULL")


def fill(home: Path, *, notes: int, megabytes: int = 0) -> None:
    """Notes with vectors and their index, and points until it is so many MB."""
    with EmbeddedPostgres(home) as postgres:
        migrate(postgres.url())
        load(postgres.url(), Collection(notes))
        database = Database(postgres.url())
        with database.session() as session:
            left = megabytes - float(session.execute(SIZES).one()[0])
            count = max(0, int(left * 1_000_000 / (24 * CHUNK_POINTS)))
            session.execute(CHUNKS, {"count": count, "points": CHUNK_POINTS})
        database.close()


def tell_sizes(home: Path) -> None:
    """What is measured on."""
    with EmbeddedPostgres(home) as postgres:
        database = Database(postgres.url())
        with database.session() as session:
            size, index, notes = session.execute(SIZES).one()
        database.close()
    print(f"\n{notes:,} notes with vectors, their index {index:,.0f} MB; {size:,.0f} MB in all", flush=True)


def say(what: str, seconds: float, budget: float) -> None:
    """A line of the table."""
    load_ = Path("/proc/loadavg").read_text().split()[0]
    kept = "kept" if seconds <= budget else "MISSED"
    print(f"{what:44} {seconds:6.1f} s   budget {budget:.0f} s: {kept}   (load {load_})", flush=True)


def main() -> None:
    """Restart one home, back up and restore another."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--notes", type=int, default=1_000_000)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="runlore-operate-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # root's database runs as another user
        if options.notes:
            restarts(options.home or folder / "many", options.notes)
        if options.megabytes:
            copied = folder / "copied"
            fill(copied, notes=COPIED_NOTES, megabytes=options.megabytes)
            tell_sizes(copied)
            settings = Settings(home=copied)
            before = backup.content_of(settings)
            copies(folder, settings, before)
            dumps(folder, settings, before)


def restarts(home: Path, notes: int) -> None:
    """From a process that ended to one that answers."""
    if not (home / "home").exists():
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        fill(home / "home", notes=notes)
    tell_sizes(home / "home")
    bot = ServedBot(home / "home")
    start(bot, "first start (workspace and all)")
    for _ in range(RESTARTS):
        bot.close()
        start(bot, "restart to ready")
    bot.kill()
    bot.kill_database()
    start(bot, "restart to ready, after kill -9")
    bot.close()


def start(bot: ServedBot, what: str) -> None:
    """Start it and tell how long that took."""
    started = time.monotonic()
    bot.start()
    say(what, time.monotonic() - started, READY_BUDGET)


def copies(folder: Path, settings: Settings, before: object) -> None:
    """By files, as an embedded database is backed up."""
    started = time.monotonic()
    backup.back_up(settings, folder / "files", now=datetime.now(UTC))
    say("backup, by files", time.monotonic() - started, COPY_BUDGET)
    started = time.monotonic()
    again = Settings(home=folder / "again")
    backup.restore(again, folder / "files", ready=lambda: None)
    say("restore, by files", time.monotonic() - started, COPY_BUDGET)
    tell_same(before, backup.content_of(again))


def tell_same(before: object, after: object) -> None:
    """Whether every table holds the same rows."""
    print(f"{'  identical, row by row':44} {'yes' if after == before else 'NO'}", flush=True)


def dumps(folder: Path, settings: Settings, before: object) -> None:
    """As a server's database is backed up; the server here is the home's own."""
    with EmbeddedPostgres(settings.home) as here, EmbeddedPostgres(folder / "server") as there:
        url = there.url()
        source = Settings(home=folder / "a", database_url=here.url())
        target = Settings(home=folder / "b", database_url=url)
        started = time.monotonic()
        about = backup.back_up(source, folder / "dump", now=datetime.now(UTC))
        say(f"backup, by dump ({about['bytes'] / 1e6:,.0f} MB)", time.monotonic() - started, COPY_BUDGET)

        def ready() -> None:
            say("restore, by dump, ready", time.monotonic() - started, COPY_BUDGET)
            database = Database(url)
            with database.session() as session:
                indexed = session.execute(INDEXED).scalar()
            database.close()
            print(f"{'  its vectors are indexed by then':44} {'yes' if indexed else 'no'}", flush=True)

        started = time.monotonic()
        backup.restore(target, folder / "dump", ready=ready)
        say("restore, by dump, vectors indexed", time.monotonic() - started, COPY_BUDGET)
        tell_same(before, backup.content_of(target))


if __name__ == "__main__":
    main()
