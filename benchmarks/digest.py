"""A digest over 10,000 runs in its period in a project of 100,000: how long it takes, and how that grows.

python benchmarks/digest.py [runs in the project]
"""

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text
from sqlmodel import Session

from bot.digest_facts import collect
from bot.digest_messages import details, digest_message
from bot.digests import zone_of
from storage.database import Database, migrate
from storage.embedded import EmbeddedPostgres
from storage.tables import Person, Project

BUDGET = 2.0  # seconds
SHARE = 10  # one run in ten ended in the period
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
DAY = timedelta(days=1)

RUNS = text(
    """
    INSERT INTO run (uid, project_id, number, name, state, owner_id, visibility, summary, announced,
                     started_at, ended_at, last_seen_at, ending)
    SELECT 'bench-' || n, :project, n, 'run-' || n, CASE WHEN n % 5 = 0 THEN 'failed' ELSE 'finished' END,
           :owner, 'project', '{}', '{}', ended - interval '1 hour', ended, ended,
           CASE WHEN n % 5 = 0 THEN jsonb_build_object('cause', 'cause ' || n % 12) END
    FROM (SELECT n, CASE WHEN n % :share = 0 THEN CAST(:now AS timestamptz) - n * interval '86399 s' / :runs
                         ELSE CAST(:now AS timestamptz) - interval '1 day' - n * interval '60 day' / :runs END AS ended
          FROM generate_series(1, :runs) n) numbered
    """
)
METRICS = text(
    """
    INSERT INTO metric_summary (run_id, name, count, last, min, max)
    SELECT id, metric, 100, value, value / 2, value
    FROM run, unnest(ARRAY['val_acc', 'train/loss', 'val_loss']) metric,
         LATERAL (SELECT (hashtext(uid || metric) & 65535) / 65536.0 AS value) random
    """
)
PARAMS = text(
    """
    INSERT INTO param (run_id, name, value, number)
    SELECT id, param, to_jsonb(number % 7), number % 7 FROM run, unnest(ARRAY['lr', 'warmup', 'depth']) param
    """
)


def fill(session: Session, runs: int) -> Project:
    """A project with so many runs, a tenth of them yesterday's."""
    project, owner = Project(name="bench", created_at=NOW), Person(name="ana", created_at=NOW)
    session.add_all([project, owner])
    session.flush()
    values = {"project": project.id, "owner": owner.id, "now": NOW, "runs": runs, "share": SHARE}
    session.connection().execute(RUNS, values)
    session.connection().execute(METRICS)
    session.connection().execute(PARAMS)
    return project


def measure(database: Database, project: Project, runs: int) -> float:
    """The median of seven digests, from the query to the message."""
    took = []
    for _ in range(7):
        begun = time.perf_counter()
        with database.session() as session:
            told = [collect(session, project, since=NOW - DAY, until=NOW)]
        digest_message(told, since=NOW - DAY, until=NOW, zone=zone_of("UTC"))
        details(told[0])
        took.append(time.perf_counter() - begun)
    took.sort()
    print(
        f"{runs:>9,} runs, {told[0].runs:>7,} in the period: p50 {took[3] * 1000:,.0f} ms, "
        f"slowest of 7 {took[-1] * 1000:,.0f} ms"
    )
    return took[3]


def reachable(directory: str) -> Path:
    """A home in it; under root, PostgreSQL runs as another user."""
    Path(directory).chmod(0o711)
    return Path(directory) / "home"


def main(largest: int) -> int:
    """Print how it grows; 1 when the largest misses the budget."""
    took = 0.0
    for runs in sorted({min(largest, 10_000), largest}):
        with (
            tempfile.TemporaryDirectory(prefix="runlore-bench-") as directory,
            EmbeddedPostgres(reachable(directory)) as server,
        ):
            migrate(server.url())
            database = Database(server.url())
            with database.session() as session:
                project = fill(session, runs)
            with database.engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))
            took = measure(database, project, runs)
            database.close()
    print(f"budget {BUDGET:.0f} s: {'kept' if took <= BUDGET else 'missed'}")
    return int(took > BUDGET)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
