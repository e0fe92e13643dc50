"""Runs from TensorBoard's event files: every folder that holds some is a run."""

import glob
import os
import struct
from collections.abc import Iterator
from typing import Any

from runlore.importers.protobuf import fields, signed, tf_records
from runlore.past import PastRun

PATTERN = "*tfevents*"


def folders(source: str) -> list[str]:
    """Every folder with event files."""
    if not os.path.isdir(source):
        raise ValueError("there is no such folder")
    found = {os.path.dirname(path) for path in glob.glob(os.path.join(source, "**", PATTERN), recursive=True)}
    return sorted(found)


def count(source: str) -> int | None:
    """How many runs there are."""
    return len(folders(source))


def read(source: str) -> Iterator[PastRun]:
    """Each folder as a run."""
    root = os.path.abspath(source)
    for folder in folders(root):
        points, texts = _points(folder)
        if not points:
            continue
        relative = os.path.relpath(folder, root)
        name = os.path.basename(root) if relative == "." else relative
        yield PastRun(
            source=f"tensorboard:{folder}", project=os.path.basename(root), name=name, started=points[0][1],
            ended=max(at for _, at, _ in points), state="finished", config=texts, points=points, tags=[], notes=[],
            summary={},
        )  # fmt: skip


def _points(folder: str) -> tuple[list[tuple[int, float, dict[str, float]]], dict[str, Any]]:
    found: list[tuple[int, float, dict[str, float]]] = []
    texts: dict[str, Any] = {}
    for path in sorted(glob.glob(os.path.join(folder, PATTERN))):
        for record in tf_records(path):
            at, step, values = 0.0, 0, []
            for number, value in fields(record):
                if number == 1:
                    (at,) = struct.unpack("<d", value)
                elif number == 2:
                    step = signed(value)
                elif number == 5:
                    values = [_value(inner) for kind, inner in fields(value) if kind == 1]
            scalars = {tag: number for tag, number in values if isinstance(number, float)}
            texts.update({tag: text[:2000] for tag, text in values if isinstance(text, str)})
            if scalars:
                found.append((step, at, scalars))
    return sorted(found, key=lambda point: point[1]), texts


def _value(data: bytes) -> tuple[str, float | str | None]:
    tag, value = "", None
    found: float | str | None = value
    for number, field in fields(data):
        if number == 1:
            tag = field.decode("utf-8", "replace")
        elif number == 2:
            (found,) = struct.unpack("<f", field)
        elif number == 8:
            found = _tensor(field)
    return tag, found


def _tensor(data: bytes) -> float | str | None:
    """A scalar kept as a tensor (TensorFlow 2 and Keras do that); pictures and histograms are left out."""
    kind, content = 0, b""
    for number, field in fields(data):
        if number == 1:
            kind = field
        elif number == 4:
            content = field
        elif number == 5 and len(field) == 4:
            return float(struct.unpack("<f", field)[0])
        elif number == 6 and len(field) == 8:
            return float(struct.unpack("<d", field)[0])
        elif number == 8 and kind == 7:
            return bytes(field).decode("utf-8", "replace")
    if kind == 1 and len(content) == 4:
        return float(struct.unpack("<f", content)[0])
    if kind == 2 and len(content) == 8:
        return float(struct.unpack("<d", content)[0])
    return None
