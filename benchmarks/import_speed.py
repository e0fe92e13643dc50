"""How fast notes are taken in: text searchable, then vectors complete: `python -m benchmarks.import_speed [NOTES]`.

Seeded synthetic notes of some 60 words through the real importer; the vectors by the real embedder, stopped half
way and gone on with, as after a crash.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from sqlmodel import col, func, select

from benchmarks.ask import NOW, PEOPLE, PROJECTS, Collection
from bot.import_notes import import_notes
from bot.search_index import embed_waiting
from nlp.loader import load_embedder
from storage.database import Database, migrate
from storage.embedded import EmbeddedPostgres
from storage.memory import Note

TEXT, VECTORS = 300, 20  # notes a second
BATCH = 64


def lines(size: int) -> Iterator[str]:
    """Notes as they come in a file, each of a run of its own."""
    notes = Collection(size)
    for row in range(size):
        yield json.dumps(
            {
                "note_id": f"n{row}", "project": f"p{row % PROJECTS}", "run": f"run-{row}",
                "author": f"Person {row % PEOPLE}", "date": (NOW - timedelta(hours=row)).date().isoformat(),
                "params": {"lr": 3e-4, "depth": row % 24}, "metrics": {"val_loss": 1 + row / size},
                "text": notes.text(row),
            }
        )  # fmt: skip


def main(size: int) -> int:
    """Print both rates; 1 when one is missed."""
    with tempfile.TemporaryDirectory(prefix="runlore-bench-") as directory:
        Path(directory).chmod(0o711)
        with EmbeddedPostgres(Path(directory) / "home") as server:
            migrate(server.url())
            database = Database(server.url())
            written = list(lines(size))
            begun = time.perf_counter()
            import_notes(database.session, written, now=NOW)
            text = size / (time.perf_counter() - begun)
            embedder = load_embedder()
            embedder.embed(["warm"])
            begun, made = time.perf_counter(), 0
            while made < size:
                with database.session() as session:
                    made += embed_waiting(session, embedder, limit=BATCH)
                if made >= size // 2 > made - BATCH:
                    database.close()
                    database = Database(server.url())
            vectors = made / (time.perf_counter() - begun)
            with database.session() as session:
                complete = session.exec(
                    select(func.count()).select_from(Note).where(col(Note.vector).is_not(None))
                ).one()
            database.close()
    print(
        f"{size:,} notes: text searchable {text:,.0f} notes/s, vectors {vectors:,.1f} notes/s; {complete:,} complete"
    )
    print(f"load {os.getloadavg()[0]:.1f}; to reach: {TEXT} and {VECTORS}")
    return int(text < TEXT or vectors < VECTORS or complete != size)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000))
