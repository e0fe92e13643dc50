"""Keeps the workspace across restarts: a write-through table of JSON entries."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from localslack.values import Json


class Journal:
    """One row per thing, written when it changes and read once at the start."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing: what was written lies in the system's page cache.
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS entry (kind TEXT, key TEXT, value TEXT, PRIMARY KEY (kind, key))"
        )

    def put(self, kind: str, key: str, value: Json) -> None:
        self._db.execute(
            "INSERT INTO entry VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value",
            (kind, key, json.dumps(value)),
        )

    def remove(self, kind: str, key: str) -> None:
        self._db.execute("DELETE FROM entry WHERE kind = ? AND key = ?", (kind, key))

    def entries(self, kind: str) -> Iterator[tuple[str, Json]]:
        rows = self._db.execute("SELECT key, value FROM entry WHERE kind = ? ORDER BY key", (kind,))
        for key, value in rows:
            yield key, json.loads(value)

    def close(self) -> None:
        self._db.close()
