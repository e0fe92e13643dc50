"""How fast and how exact "who has tried X?" is over many notes: `python -m benchmarks.ask [NOTES] [HOME]`.

Seeded synthetic notes in 200 projects; real PostgreSQL, the real embedder for the questions. Prints p50 and p95
of a whole ask and of its parts, its processor time (which a busy machine stretches least), and the recall of the
vector search when the asker sees few of the notes. A HOME named is kept: a million notes take a while to load.
"""

import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import LiteralString

import numpy as np
import psycopg

from bot.ask import ask
from bot.question_values import Question
from bot.retrieval import scope_of
from bot.sight import Sight
from nlp.concepts import concepts
from nlp.loader import load_embedder
from nlp.terms import terms
from nlp.thesaurus import thesaurus
from storage import nearest, search
from storage.database import Database, conninfo, migrate
from storage.embedded import EmbeddedPostgres

PROJECTS = 200
PEOPLE = 300
TOPICS = 400
CONCEPTS = 216  # the first of the list: a kept home stays right while the list grows
NOW = datetime(2026, 11, 1, tzinfo=UTC)
SHARES = (1, 0.5, 0.05, 0.005)
CHUNK = 50_000
GRID = 1_000  # vectors lie on whole numbers: written and read fast, and exact in half precision
WORDS = [
    f"{a}{b}{c}" for a in "bdfgklmnprst" for b in ("a", "e", "io", "u") for c in ("ret", "lin", "mod", "sak")
]


class Collection:
    """Synthetic notes: common words by Zipf, one or two techniques each, vectors around their topic."""

    def __init__(self, size: int, seed: int = 7) -> None:
        self.random = random.Random(seed)
        generator = np.random.default_rng(seed)
        self.size = size
        self.spellings = [spelling for concept in concepts()[:CONCEPTS] for spelling in concept.spellings]
        centres = generator.normal(size=(TOPICS, 384)).astype(np.float32)
        self.topics = generator.integers(0, TOPICS, size)
        self.vectors = centres[self.topics]
        for start in range(0, size, CHUNK):
            rows = self.vectors[start : start + CHUNK]
            rows += 0.8 * generator.standard_normal(size=rows.shape, dtype=np.float32)
            rows *= GRID / np.linalg.norm(rows, axis=1, keepdims=True)
            np.rint(rows, out=rows)
        self.projects = generator.integers(1, PROJECTS + 1, size)
        self.words = [f"{word}{number}" for number in range(60) for word in WORDS]
        self.chances = np.cumsum(1 / np.arange(1, len(self.words) + 1) ** 1.05).tolist()

    def text(self, row: int) -> str:
        topic = self.spellings[int(self.topics[row]) % len(self.spellings)]
        other = self.random.choice(self.spellings)
        filler = self.random.choices(self.words, cum_weights=self.chances, k=self.random.randint(15, 90))
        lr = self.random.choice(["1e-3", "3e-4", "1e-4", "6e-4"])
        return f"Tried {topic} with {other} and lr {lr}. {' '.join(filler)}. It did not help."


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)
        home = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(directory) / "home"
        loaded = home.exists()
        with EmbeddedPostgres(home) as server:
            url = server.url("postgres")
            collection = Collection(size)
            started = time.perf_counter()
            if not loaded:
                migrate(url)
                load(url, collection)
                load_items(url, collection)
                print(f"{size:,} notes loaded in {time.perf_counter() - started:.0f} s", flush=True)
            database = Database(url)
            time_asks(database, collection, server.pid or 0)
            measure_recall(database, collection)
            database.close()


def load(url: str, notes: Collection) -> None:
    """Straight into the tables, with the index built at the end."""
    with psycopg.connect(conninfo(url), autocommit=True) as connection:
        connection.execute("DROP INDEX ix_note_vector")
        connection.execute("DROP INDEX ix_note_terms")
        projects = ((i, f"p{i}", "project", "open", 1, NOW) for i in range(1, PROJECTS + 1))
        copy(connection, "project (id, name, threading, openness, next_number, created_at)", projects)
        people = ((i, f"Person {i}", False, False, False, NOW) for i in range(1, PEOPLE + 1))
        copy(connection, "person (id, name, is_bot, is_guest, is_gone, created_at)", people)
        runs = (
            (
                i,
                f"u{i}",
                int(notes.projects[i - 1]),
                i,
                f"run-{i}",
                "finished",
                "project",
                i % PEOPLE + 1,
                NOW - timedelta(minutes=i),
                NOW,
            )
            for i in range(1, notes.size + 1)
        )
        copy(
            connection,
            "run (id, uid, project_id, number, name, state, visibility, owner_id, started_at, last_seen_at)",
            runs,
        )
        counts: Counter[str] = Counter()
        copy(
            connection,
            "note (id, project_id, author_id, kind, text, said_at, length, terms, vector)",
            note_rows(notes, counts),
        )
        copy(connection, "note_run (note_id, run_id)", ((i, i) for i in range(1, notes.size + 1)))
        copy(connection, "term_count (term, notes)", counts.items())
        connection.execute("SET maintenance_work_mem = '4GB'")
        connection.execute("CREATE INDEX ix_note_terms ON note USING gin (terms)")
        if notes.size > nearest.EXACT_UP_TO:
            connection.execute("CREATE INDEX ix_note_vector ON note USING hnsw (vector halfvec_cosine_ops)")
        connection.execute("VACUUM ANALYZE")


def load_items(url: str, notes: Collection) -> None:
    """A rationale item for each note; its vector is that of the next note, so that it lies by a topic as notes do."""
    with psycopg.connect(conninfo(url), autocommit=True) as connection:
        connection.execute("DROP INDEX IF EXISTS ix_rationale_item_vector")
        copy(
            connection,
            'rationale_item (id, note_id, role, text, start, "end", confidence, source, vector)',
            (
                (i, i, "outcome", "It did not help.", 0, 16, 0.9, "model",
                 str(notes.vectors[i % notes.size].astype(int).tolist()))
                for i in range(1, notes.size + 1)
            ),
        )  # fmt: skip
        connection.execute("SET maintenance_work_mem = '4GB'")
        connection.execute(
            "CREATE INDEX ix_rationale_item_vector ON rationale_item USING hnsw (vector halfvec_cosine_ops)"
        )
        connection.execute("VACUUM ANALYZE rationale_item")


def note_rows(notes: Collection, counts: Counter[str]) -> Iterator[tuple[object, ...]]:
    for row in range(notes.size):
        text = notes.text(row)
        found = Counter(terms(text))
        counts.update(found.keys())
        counts.update({search.NOTES: 1, search.LENGTH: len(found)})
        yield (
            row + 1, int(notes.projects[row]), (row + 1) % PEOPLE + 1, "import", text, NOW - timedelta(minutes=row),
            len(found), search.as_tsvector(found), str(notes.vectors[row].astype(int).tolist()),
        )  # fmt: skip


def copy(connection: psycopg.Connection, target: LiteralString, rows: Iterable[tuple[object, ...]]) -> None:
    with connection.cursor().copy(f"COPY {target} FROM STDIN") as stream:
        for row in rows:
            stream.write_row(row)


def server_seconds(server: int) -> float:
    """Processor time of the database server and all of its processes so far."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if path.parent.name == str(server):
            ticks += sum(map(int, fields[11:15]))  # with its children that have ended
        elif fields[1] == str(server):
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def time_asks(database: Database, notes: Collection, server_id: int) -> None:
    embedder = load_embedder()
    thesaurus(embedder)
    picked = random.Random(3)
    questions = [
        f"who has tried {picked.choice(notes.spellings)} with {picked.choice(notes.spellings)}?"
        for _ in range(60)
    ] + [
        f"did {' '.join(picked.choices(notes.words, cum_weights=notes.chances, k=6))} help?"
        for _ in range(40)
    ]
    sights = {
        "operator": Sight(project_ids=None),
        "half": Sight(project_ids=frozenset(range(1, PROJECTS // 2 + 1)), person_id=1),
        "one in 200": Sight(project_ids=frozenset({5}), person_id=1),
    }
    for name, sight in sights.items():
        for question in questions[:10]:
            with database.session() as session:
                ask(session, embedder, question, asker=sight, now=NOW)
        taken = []
        own, server = time.process_time(), server_seconds(server_id)
        for question in questions:
            started = time.perf_counter()
            with database.session() as session:
                ask(session, embedder, question, asker=sight, now=NOW)
            taken.append(time.perf_counter() - started)
        own, server = time.process_time() - own, server_seconds(server_id) - server
        print(
            f"ask, {name:<11} {percentiles(taken)}; processor time: {own / len(taken) * 1e3:.0f} ms here, "
            f"{server / len(taken) * 1e3:.0f} ms PostgreSQL"
        )
    taken = [timed(partial(embedder.embed, [question])) for question in questions]
    print(f"of it, embedding the question {percentiles(taken)}")


def measure_recall(database: Database, notes: Collection) -> None:
    generator = np.random.default_rng(11)
    asked = notes.vectors[generator.integers(0, notes.size, 40)]
    asked = asked + 0.5 * GRID / np.sqrt(384) * generator.normal(size=asked.shape).astype(np.float32)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    exact = (notes.vectors @ asked.T / np.linalg.norm(notes.vectors, axis=1, keepdims=True)).T
    for share in SHARES:
        seen = frozenset(range(1, max(1, round(PROJECTS * share)) + 1))
        scope = scope_of(Question(text="", topic=""), Sight(project_ids=seen))
        inside = np.flatnonzero(np.isin(notes.projects, list(seen)))
        kept, taken = [], []
        for vector, cosines in zip(asked, exact, strict=True):
            best = set((inside[np.argsort(-cosines[inside])[:20]] + 1).tolist())
            started = time.perf_counter()
            with database.session() as session:
                found = nearest.notes(session, scope, vector)[:20]  # as ask calls it
            taken.append(time.perf_counter() - started)
            kept.append(len(best & set(found)) / len(best))
        print(
            f"recall@20 seeing {share:.1%} ({len(inside):,} notes): {np.mean(kept):.3f}  {percentiles(taken)}"
        )


def timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def percentiles(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    return (
        f"p50 {statistics.median(ordered) * 1e3:.0f} ms, p95 {ordered[int(len(ordered) * 0.95)] * 1e3:.0f} ms"
    )


if __name__ == "__main__":
    main()
