"""What a file or folder of data holds: the same content hash as the hook's, rows, columns and types, never a value."""

import csv
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bot.data_libraries import parquet_shape

BLOCK = 1 << 20
MOST_FILES = 200_000
MOST_COLUMNS = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What a source was seen to hold; `mark` is cheap to read and changes whenever the content does."""

    fingerprint: str
    mark: str
    size: int | None = None
    rows: int | None = None
    columns: int | None = None
    names: tuple[str, ...] = field(default=())


def mark_of(path: Path) -> str | None:
    """Size, times and places of all files; None where it cannot be read, or is no ordinary file or folder."""
    try:
        parts = [
            f"{relative}:{status.st_size}:{status.st_mtime_ns}:{status.st_ino}"
            for relative, _, status in _files(path)
        ]
    except OSError:
        return None
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest() if parts else None


def look_at(path: Path, *, most_bytes: int) -> Look | None:
    """Read it whole; None where it cannot be read or is larger than that."""
    try:
        files = sorted((relative, str(whole), status) for relative, whole, status in _files(path))
        size = sum(status.st_size for _, _, status in files)
        mark = mark_of(path)
        if not files or mark is None or size > most_bytes:
            return None
        hashes = [(relative, _hash(whole)) for relative, whole, _ in files]
        folder = path.is_dir()
        told = "".join(f"{digest}  {relative}\n" for relative, digest in hashes)
        whole = hashlib.sha256(told.encode()).hexdigest() if folder else hashes[0][1]
        rows, names = (None, ()) if folder else shape(path)
    except OSError:
        return None
    return Look(
        fingerprint=f"sha256:{whole}",
        mark=mark,
        size=size,
        rows=rows,
        columns=len(names) or None,
        names=names,
    )


def shape(path: Path, *, name: str | None = None) -> tuple[int | None, tuple[str, ...]]:
    """(rows, names of columns) of a table; nothing for other files."""
    kind = Path(name or path.name).suffix.lower()
    try:
        match kind:
            case ".csv" | ".tsv":
                return _csv(path, "\t" if kind == ".tsv" else ",")
            case ".jsonl" | ".ndjson":
                return _jsonl(path)
            case ".parquet" | ".pq":
                return parquet_shape(path)
    except (csv.Error, ValueError):
        return None, ()
    return None, ()


def _files(path: Path) -> Iterator[tuple[str, Path, os.stat_result]]:
    """Ordinary files alone: reading a device or a pipe would never end."""
    status = path.stat()
    if stat.S_ISREG(status.st_mode):
        yield "", path, status
        return
    if not stat.S_ISDIR(status.st_mode):
        return
    amount = 0
    for top, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith(".git"))
        for name in names:
            whole = Path(top) / name
            try:
                status = whole.stat()
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode):
                amount += 1
                if amount > MOST_FILES:
                    return
                yield os.path.relpath(whole, path), whole, status


def _hash(path: str) -> str:
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _csv(path: Path, delimiter: str) -> tuple[int, tuple[str, ...]]:
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.reader(file, delimiter=delimiter)
        header = next(rows, [])
        return sum(1 for _ in rows), tuple(header[:MOST_COLUMNS])


def _jsonl(path: Path) -> tuple[int, tuple[str, ...]]:
    names: dict[str, None] = {}
    amount = 0
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.strip():
                continue
            amount += 1
            if amount <= 1000:
                row = json.loads(line)
                names |= dict.fromkeys(map(str, row)) if isinstance(row, dict) else {}
    return amount, tuple(names)[:MOST_COLUMNS]
