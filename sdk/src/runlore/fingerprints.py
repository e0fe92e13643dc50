"""Fingerprint data sets: content hash, rows, columns and schema, and counts about each column but never its values."""

import csv
import hashlib
import json
import os
import re
import stat
import struct
import time
from collections.abc import Iterator, Mapping
from typing import Any

from runlore import summaries

HASH_BLOCK = 1024 * 1024
MAX_FILES = 200_000
SAMPLE_ROWS = 100_000
SIGNED = re.compile(r"[?&](x-(amz|goog)-|sig|token|key|se=|credential|expires)", re.IGNORECASE)


def describe_path(path: str, name: str | None = None, *, cache: str | None = None) -> dict[str, Any]:
    """A file or folder: what it holds and the hash of its content."""
    folder = os.path.isdir(path)
    files = sorted(_files(path)) if folder else [("", path)]
    hashes = HashCache(cache)
    lines, size = [], 0
    for relative, whole in files:
        status = os.stat(whole)
        size += status.st_size
        lines.append(f"{hashes.of(whole, status)}  {relative}\n")
    hashes.save()
    fingerprint = hashlib.sha256("".join(lines).encode()).hexdigest() if folder else lines[0].split(" ")[0]
    found: dict[str, Any] = {
        "name": name or os.path.basename(path.rstrip("/")), "fingerprint": f"sha256:{fingerprint}", "source": path,
        "format": "folder" if folder else _format(path), "size": size,
    }  # fmt: skip
    if folder:
        found["files"] = len(files)
        return found
    reader = {"csv": _csv, "tsv": _csv, "jsonl": _jsonl, "npy": _npy, "parquet": _parquet}.get(
        found["format"]
    )
    return {**found, **reader(path)} if reader else found


def describe_address(address: str, name: str | None = None) -> dict[str, Any]:
    """Data behind an address (`https://…`, `s3://…`), which is not read here."""
    plain = address.partition("?")[0].partition("#")[0]
    if SIGNED.search(address):  # another one for each download, and nobody else's business
        address = plain
    return {
        "name": name or os.path.basename(plain.rstrip("/")) or plain, "source": address, "format": _format(plain),
        "fingerprint": f"url:{hashlib.sha256(address.encode()).hexdigest()}",
    }  # fmt: skip


def describe(data: Any, name: str | None = None) -> dict[str, Any]:
    """Data in memory: a pandas or polars frame, a Hugging Face dataset, a NumPy array or a tensor."""
    kind = f"{type(data).__module__}.{type(data).__qualname__}"
    if hasattr(data, "_fingerprint") and hasattr(data, "features"):
        return summaries.hugging_face(data, name)
    if hasattr(data, "columns") and hasattr(data, "dtypes"):
        return summaries.frame(data, name)
    if hasattr(data, "shape") and hasattr(data, "dtype"):
        return summaries.array(data, name)
    if isinstance(data, Mapping):
        parts = {str(key): describe(part) for key, part in data.items()}
        joined = "".join(f"{key}:{part['fingerprint']}" for key, part in sorted(parts.items()))
        rows = sum(part.get("rows") or 0 for part in parts.values())
        return {"name": name or "dataset", "fingerprint": f"sha256:{hashlib.sha256(joined.encode()).hexdigest()}",
                "source": kind, "format": "splits", "rows": rows, "splits": parts}  # fmt: skip
    rows = len(data) if hasattr(data, "__len__") else None
    text = f"{kind}:{rows}"
    return {"name": name or type(data).__name__, "fingerprint": f"shape:{hashlib.sha256(text.encode()).hexdigest()}",
            "source": kind, "format": "object", "rows": rows}  # fmt: skip


class HashCache:
    """Hashes of files that have kept their size and time of change since they were read."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._known: dict[str, list[Any]] = {}
        if path:
            try:
                with open(path, encoding="utf-8") as file:
                    self._known = json.load(file)
            except (OSError, ValueError):
                self._known = {}

    def of(self, path: str, status: os.stat_result) -> str:
        """The SHA-256 of a file's content."""
        key = [status.st_size, status.st_mtime_ns, status.st_ino]
        known = self._known.get(path)
        # A file changed in the last moments could change again within one tick of its clock.
        settled = time.time() - status.st_mtime > 2
        if known and known[:3] == key and settled:
            return str(known[3])
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while block := file.read(HASH_BLOCK):
                digest.update(block)
        self._known[path] = [*key, digest.hexdigest()]
        return digest.hexdigest()

    def save(self) -> None:
        """Keep what was read, for the next run over the same data."""
        if self._path:
            try:
                with open(self._path + ".new", "w", encoding="utf-8") as file:
                    json.dump(dict(list(self._known.items())[-MAX_FILES:]), file)
                os.replace(self._path + ".new", self._path)
            except OSError:
                return


def _files(folder: str) -> Iterator[tuple[str, str]]:
    count = 0
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".git"))
        for name in names:
            whole = os.path.join(top, name)
            if os.path.exists(whole) and stat.S_ISREG(os.stat(whole).st_mode):
                count += 1
                if count > MAX_FILES:
                    return
                yield os.path.relpath(whole, folder), whole


def _format(path: str) -> str:
    extension = os.path.splitext(path.removesuffix(".gz"))[1].lower().lstrip(".")
    return {"ndjson": "jsonl", "pq": "parquet"}.get(extension, extension or "file")


def _csv(path: str) -> dict[str, Any]:
    delimiter = "\t" if path.lower().endswith(".tsv") else ","
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.reader(file, delimiter=delimiter)
        header = next(rows, [])
        columns = [summaries.Column() for _ in header]
        count = 0
        for row in rows:
            count += 1
            if count <= SAMPLE_ROWS:
                for column, value in zip(columns, row, strict=False):
                    column.add(value)
    return _table(dict(zip(header, columns, strict=True)), count)


def _jsonl(path: str) -> dict[str, Any]:
    columns: dict[str, summaries.Column] = {}
    count = 0
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.strip():
                continue
            count += 1
            if count <= SAMPLE_ROWS:
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                for key, value in row.items() if isinstance(row, dict) else ():
                    columns.setdefault(str(key), summaries.Column()).add(value)
    return _table(columns, count)


def _table(columns: Mapping[str, summaries.Column], count: int) -> dict[str, Any]:
    return {
        "rows": count, "columns": len(columns), "types": {name: column.type for name, column in columns.items()},
        "summary": {name: column.summary() for name, column in columns.items()},
    }  # fmt: skip


def _npy(path: str) -> dict[str, Any]:
    with open(path, "rb") as file:
        if file.read(6) != b"\x93NUMPY":
            return {}
        major = file.read(2)[0]
        (length,) = struct.unpack("<H", file.read(2)) if major == 1 else struct.unpack("<I", file.read(4))
        header = file.read(length).decode("latin-1")
    return summaries.npy_header(header)


def _parquet(path: str) -> dict[str, Any]:
    """From the file's own footer: neither pyarrow nor pandas is needed."""
    from runlore import parquet

    return parquet.describe(path)
