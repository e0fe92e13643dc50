"""What the sidecar looks after besides the spool: limits before they are hit, files, checkpoints, other ranks."""

import contextlib
import glob
import hashlib
import json
import os
import shlex
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runlore import fingerprints, records
from runlore.records import EVENT, Record, Segment

Emit = Callable[[str, dict[str, Any]], object]

# (resource, series, its limit, share of the limit that is worth a word)
LIMITS = (
    ("memory", "memory_bytes", "memory_limit_bytes", 0.90),
    ("disk", "disk_bytes", "disk_limit_bytes", 0.97),
    ("disk", "spool_disk_bytes", "spool_disk_limit_bytes", 0.97),
)
GPU_SHARE = 0.97
HIGH_SHARE, RISE_SHARE = 0.80, 0.02
AGAIN_BELOW = 0.05
HISTORY = 30
HASH_BYTES = 64 * 1024 * 1024
RANK_FAILURE = "rank-failure.json"
CHECKPOINT_SUFFIXES = (
    ".pt",
    ".pth",
    ".ckpt",
    ".safetensors",
    ".keras",
    ".h5",
    ".pkl",
    ".joblib",
    ".bin",
    ".npz",
    ".msgpack",
)


class Pressure:
    """Says when memory is worth a reading before its time: high, and higher than at the last one it asked for."""

    def __init__(self) -> None:
        self._share = HIGH_SHARE

    def rising(self, used: float, limit: float) -> bool:
        """Look at one moment."""
        share = used / limit if limit else 0.0
        if share < self._share:
            self._share = max(HIGH_SHARE, min(self._share, share + RISE_SHARE))
            return False
        self._share = share + RISE_SHARE
        return True


class Limits:
    """Warns once when a resource comes near its limit, and again only after it had left it."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._warned: set[str] = set()
        self._history: dict[str, deque[tuple[float, float]]] = {}

    def check(self, readings: Mapping[str, float], at: float) -> None:
        """Look at one sample."""
        watched = list(LIMITS)
        for name in readings:
            if name.startswith("gpu") and name.endswith("_memory_bytes"):
                watched.append(("gpu_memory", name, name.replace("_bytes", "_limit_bytes"), GPU_SHARE))
        for resource, name, limit_name, share in watched:
            used, limit = readings.get(name), readings.get(limit_name)
            if used is None or not limit:
                continue
            history = self._history.setdefault(name, deque(maxlen=HISTORY))
            history.append((at, used))
            if used >= share * limit and name not in self._warned:
                self._warned.add(name)
                self._warn(resource, used, limit, _trend(history, limit))
            elif used < (share - AGAIN_BELOW) * limit:
                self._warned.discard(name)

    def _warn(self, resource: str, used: float, limit: float, trend: str) -> None:
        text = f"{resource.replace('_', ' ')} at {100 * used / limit:.0f} % of its limit of {_size(limit)}"
        self._emit("warning", {
            "resource": resource, "used": used, "limit": limit, "trend": trend,
            "text": f"{text}, {trend}" if trend else text,
        })  # fmt: skip


def _trend(history: deque[tuple[float, float]], limit: float) -> str:
    (first_at, first), (last_at, last) = history[0], history[-1]
    if last_at - first_at < 1 or last <= first:
        return ""
    rate = (last - first) / (last_at - first_at)
    left = (limit - last) / rate
    return f"growing {_size(rate * 60)} a minute: full in about {_duration(left)}"


def _size(number: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if number >= 10 or unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{seconds / 60:.0f} min"
        if seconds < 5400
        else f"{seconds / 3600:.0f} h"
    )


class Files:
    """Reads the data sets and artifacts that the training process named, so that it need not wait for that."""

    def __init__(self, emit: Emit, hashes: str | None = None) -> None:
        self._emit = emit
        self._hashes = hashes
        self._followed: dict[str, tuple[int, Segment]] = {}
        self._checkpoints: list[dict[str, Any]] = []
        self._work: deque[dict[str, Any]] = deque()
        self._thread: threading.Thread | None = None

    def pump(self, directory: str, *, final: bool = False) -> None:
        """Follow the streams of all processes of the run for requests to read files; `final` reads to their ends."""
        for stream, numbers in records.segments(directory).items():
            self._follow(directory, stream, numbers, final)
        if self._work and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._read, daemon=True)
            self._thread.start()

    def _follow(self, directory: str, stream: str, numbers: list[int], final: bool) -> None:
        number, segment = self._followed.get(stream, (numbers[0] - 1, None))
        while True:
            found = segment.poll(final=final) if segment is not None else []
            self._take(found)
            behind = segment is not None and not segment.at_end
            if behind and final:
                continue
            if behind or number >= numbers[-1]:
                return
            if segment is not None:
                segment.close()
            number = next(later for later in numbers if later > number)
            try:
                segment = Segment(os.path.join(directory, records.segment_name(stream, number)), 0)
            except OSError:
                return
            self._followed[stream] = number, segment

    def _take(self, found: Iterable[Record]) -> None:
        for record in found:
            kind = record.value.get("t") if record.kind == EVENT else None
            if kind not in ("read_artifact", "read_dataset"):
                continue
            self._work.append(record.value)
            made = kind == "read_artifact" and record.value
            if made and (made["kind"] == "checkpoint" or made["path"].endswith(CHECKPOINT_SUFFIXES)):
                self._checkpoints.append(made)

    def finish(self, seconds: float = 10.0) -> None:
        """Give the reading of files a last while."""
        if self._thread is not None:
            self._thread.join(seconds)

    def checkpoint(self) -> dict[str, Any] | None:
        """The newest checkpoint that is still there."""
        # Several processes may have named some; two of one moment count in the order they came.
        self._checkpoints.sort(key=lambda event: float(event["at"]))
        for event in reversed(self._checkpoints):
            if os.path.exists(event["path"]):
                return {"path": event["path"], "step": event.get("step"), "at": event["at"]}
        return None

    def _read(self) -> None:
        while self._work:
            event = self._work.popleft()
            with contextlib.suppress(OSError):
                if event["t"] == "read_artifact":
                    self._artifact(event)
                else:
                    found = fingerprints.describe_path(event["path"], name=event["name"], cache=self._hashes)
                    self._emit("dataset", {**found, "filters": event["filters"]})

    def _artifact(self, event: dict[str, Any]) -> None:
        path = event["path"]
        if os.path.isdir(path):
            size = sum(
                os.path.getsize(os.path.join(top, name)) for top, _, names in os.walk(path) for name in names
            )
            digest = None
        else:
            size = os.path.getsize(path)
            digest = file_sha256(path)
        self._emit("artifact", {
            "name": event["name"], "kind": event["kind"], "location": path, "size": size, "sha256": digest,
        })  # fmt: skip


def file_sha256(path: str) -> str:
    """The hash of a file's content, read in pieces."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1024 * 1024):
            digest.update(block)
    return digest.hexdigest()


def how_to_resume(description: Mapping[str, Any], event: Mapping[str, Any]) -> str | None:
    """What to type to go on, when there is something to go on with."""
    if event["state"] == "finished":
        return None
    command = shlex.join(description["argv"])
    return f"cd {shlex.quote(description['cwd'])} && RUNLORE_RUN_ID={description['run']} RUNLORE_RESUME=allow {command}"


def leave_rank_failure(directory: str, event: Mapping[str, Any]) -> None:
    """Let rank 0's sidecar on this machine know what really went wrong."""
    with (
        contextlib.suppress(OSError),
        open(os.path.join(directory, RANK_FAILURE), "w", encoding="utf-8") as file,
    ):
        json.dump(event, file)


def with_rank_failures(
    event: dict[str, Any], directory: str, description: Mapping[str, Any]
) -> dict[str, Any]:
    """When the launcher stopped rank 0 because another rank failed, that failure is the cause."""
    if description["rank"] != 0 or event["state"] == "finished" or event.get("error"):
        return event
    pattern = os.path.join(os.path.dirname(directory), f"{glob.escape(description['run'])}-*", RANK_FAILURE)
    siblings = os.path.join(os.path.dirname(directory), f"{glob.escape(description['run'])}-*", "run.json")
    if len(glob.glob(siblings)) < 2:
        return event
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        for path in glob.glob(pattern):
            with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
                failure: dict[str, Any] = json.load(file)
                cause = f"rank {failure['rank']} {failure['state']}: {failure['cause']}"[:300]
                return {
                    **event,
                    **{k: failure[k] for k in ("state", "exit_code", "oom", "error")},
                    "cause": cause,
                }
        time.sleep(0.1)
    return event
