"""Data behind libraries that need not be there: object stores through fsspec, Parquet's shape through pyarrow."""

import hashlib
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MOST_OBJECTS = 200_000  # under a prefix
OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "abfs", "az")


def object_state(address: str) -> dict[str, Any] | None:
    """What an object store says of an object, or of all under a prefix: entity tag, size, time; None where no library or credentials reach it.

    Only object stores: fsspec would open files of this machine and inner addresses just as well.
    """
    if address.partition("://")[0].lower() not in OBJECT_STORES:
        return None
    try:
        fsspec = importlib.import_module("fsspec")
        store, path = fsspec.core.url_to_fs(address)
        store.invalidate_cache()
        said = dict(store.info(path))
        if said.get("type") == "directory":  # what lies under a prefix, as stores have no folders
            inside = sorted(dict(store.find(path, detail=True)).items())[:MOST_OBJECTS]
            states = [_state(one) for _, one in inside]
            told = "\n".join(
                f"{name}:{one['tag']}:{one['size']}" for (name, _), one in zip(inside, states, strict=True)
            )
            tag = hashlib.sha256(told.encode()).hexdigest()
            return {"tag": tag, "size": sum(one["size"] or 0 for one in states)} if inside else None
        return _state(said)
    except Exception:  # noqa: BLE001  every store has errors of its own; whatever it is, it cannot be read now
        return None


def _state(said: Mapping[str, Any]) -> dict[str, Any]:
    tag = said.get("ETag") or said.get("etag") or said.get("md5Hash") or said.get("content_md5")
    changed = (
        said.get("LastModified") or said.get("last_modified") or said.get("updated") or said.get("mtime")
    )
    return {"tag": str(tag or changed or ""), "size": said.get("size")}


def parquet_shape(path: Path) -> tuple[int | None, tuple[str, ...]]:
    """(rows, names of columns) from a Parquet file's footer; nothing without pyarrow."""
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        return None, ()
    file = parquet.ParquetFile(path)
    return file.metadata.num_rows, tuple(file.schema_arrow.names)
