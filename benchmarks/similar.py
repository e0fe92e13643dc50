"""Similar runs: how right the hints are on a simulated team, and how long a check takes among many runs.

python benchmarks/similar.py [runs in the database]

The thresholds were chosen on seeds 1 to 4; what is printed is measured on others.
"""

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text
from sqlmodel import Session, col, select

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from similar_team import Replay, Score, score, simulate

from bot import similar
from bot.sight import operator_sight
from storage.database import Database, migrate
from storage.embedded import EmbeddedPostgres
from storage.tables import Person, Project, Run

SEEDS = (101, 102, 103, 104)
BUDGET = 0.2  # seconds a check
PRECISION, HINTS = 0.9, 0.1
CHECKS = 60
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)

# Twelve settings a run, most of them as always; every fiftieth tries one of forty ideas; notes of a few words.
RUNS = text(
    """
    INSERT INTO run (uid, project_id, number, name, state, owner_id, visibility, summary, announced, entry, intent,
                     started_at, ended_at, last_seen_at, recipe)
    SELECT 'bench-' || n, 1 + n % 5, n, 'run-' || n, 'finished', 1 + n % 20, 'project', '{}', '{}', 'train.py', NULL,
           at, at + interval '1 hour', at,
           ARRAY['model=resnet50', 'optimizer=' || (CASE WHEN n % 30 = 0 THEN 'sgd' ELSE 'adamw' END),
                 'lr=' || (1 + n % 9) || 'e-' || (3 + n % 3), 'warmup=' || (CASE WHEN n % 8 = 0 THEN 1000 ELSE 500 END),
                 'batch_size=' || (128 << (n % 3)), 'epochs=90', 'schedule=cosine', 'precision=bf16',
                 'weight_decay=1e-' || (1 + n % 4), 'image_size=224', 'dropout=0', '$seed=' || n % 50,
                 '@entry=train.py', '@code=' || md5((n / 7)::text)]
           || CASE WHEN n % 50 = 0 THEN ARRAY['idea_' || (n / 50) % 40 || '=' || (1 + n % 3)] ELSE '{}' END
           || CASE WHEN n % 2 = 0 THEN ARRAY['~word' || n % 97, '~word' || n % 89, '~baselin'] ELSE '{}' END
    FROM (SELECT n, CAST(:now AS timestamptz) - (:runs - n) * interval '400 day' / :runs AS at
          FROM generate_series(1, :runs) n) numbered
    """
)


def replay(database: Database) -> Score:
    """Hints over simulated teams, each seed in a transaction that is undone."""
    total = Score(runs=0, hints=0, named=0, right=0, repeating=0, caught=0)
    for seed in SEEDS:
        with Session(database.engine) as session:
            runs, told = simulate(seed), Replay(session=session)
            told.play(runs)
            found = score(runs, told.told)
            session.rollback()
        print(_line(f"seed {seed}", found))
        total = Score(
            **{name: getattr(total, name) + getattr(found, name) for name in Score.__dataclass_fields__}
        )
    print(_line("together", total))
    return total


def _line(name: str, found: Score) -> str:
    return (
        f"{name:>9}: {found.runs:,} runs, hints {found.hints} ({found.hints / found.runs:.1%} of runs), "
        f"precision {found.precision:.3f} of {found.named} named; "
        f"lines that repeat {found.repeating}, told of it {found.caught}"
    )


def checks(database: Database, runs: int) -> float:
    """The 95th percentile of a check, among so many runs."""
    with database.session() as session:
        session.add_all([Person(id=n, name=f"p{n}", created_at=NOW) for n in range(1, 21)])
        session.add_all([Project(id=n, name=f"project{n}", created_at=NOW) for n in range(1, 6)])
        session.flush()
        session.connection().execute(RUNS, {"runs": runs, "now": NOW})
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))
    took, idle, hints = [], [], 0
    with database.session() as session:
        newest = session.exec(select(Run).order_by(col(Run.id).desc()).limit(CHECKS * 50)).all()
        for place, run in enumerate([*newest[:CHECKS], *(run for run in newest if (run.number % 50) == 0)]):
            run.started_at = NOW + timedelta(seconds=place)
            session.flush()
            begun = time.perf_counter()
            hints += bool(similar.look(session, run, sight=operator_sight()))
            took.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            session.connection().execute(text("SELECT 1"))
            idle.append(time.perf_counter() - begun)
        session.rollback()
    took.sort()
    idle.sort()
    p50, p95 = took[len(took) // 2], took[int(len(took) * 0.95)]
    print(
        f"{runs:>9,} runs: check p50 {p50 * 1000:,.0f} ms, p95 {p95 * 1000:,.0f} ms ({len(took)} checks, {hints} hints); "
        f"a bare SELECT 1 meanwhile p50 {idle[len(idle) // 2] * 1000:.1f} ms, p95 {idle[int(len(idle) * 0.95)] * 1000:.1f} ms"
    )
    return p95


def reachable(directory: str) -> Path:
    """A home in it; under root, PostgreSQL runs as another user."""
    Path(directory).chmod(0o711)
    return Path(directory) / "home"


def main(largest: int) -> int:
    """Print both tables; 1 when a figure is missed."""
    took, found = 0.0, None
    for runs in sorted({min(largest, 10_000), largest}):
        with (
            tempfile.TemporaryDirectory(prefix="runlore-bench-") as directory,
            EmbeddedPostgres(reachable(directory)) as server,
        ):
            migrate(server.url())
            database = Database(server.url())
            found = found or replay(database)
            took = checks(database, runs)
            database.close()
    kept = (
        found is not None
        and found.precision >= PRECISION
        and found.hints <= HINTS * found.runs
        and took <= BUDGET
    )
    print(
        f"budget: precision {PRECISION}, one hint in ten runs, p95 {BUDGET * 1000:.0f} ms: {'kept' if kept else 'missed'}"
    )
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
