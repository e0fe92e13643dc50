"""Runs from wandb's offline folders, read without its package; `wandb:ENTITY/PROJECT` asks its server through it."""

import datetime
import glob
import json
import os
from collections.abc import Iterator
from typing import Any

from runlore.importers.protobuf import fields, leveldb_records, signed
from runlore.past import PastRun

# Fields of wandb_internal.proto.
HISTORY, SUMMARY, CONFIG, RUN, EXIT = 2, 3, 5, 17, 18
ITEM, STEP, VALUE_JSON = 1, 2, 16
RUN_ID, PROJECT, RUN_CONFIG, GROUP, DISPLAY_NAME, NOTES, TAGS, HOST, START_TIME = 1, 3, 4, 6, 8, 9, 10, 13, 17
ONLINE = "wandb:"
STATES = {
    "finished": "finished",
    "failed": "failed",
    "crashed": "lost",
    "killed": "killed",
    "preempted": "preempted",
}


def _files(source: str) -> list[str]:
    if os.path.isfile(source):
        return [source]
    # `latest-run` is a link to one of the others.
    found = sorted({os.path.realpath(path) for path in glob.glob(f"{source}/**/*.wandb", recursive=True)})
    if not found:
        raise ValueError("there is no .wandb file in this folder")
    return found


def count(source: str) -> int | None:
    """How many runs there are, where that is known before they are read."""
    return None if source.startswith(ONLINE) else len(_files(source))


def read(source: str) -> Iterator[PastRun]:
    """Each run."""
    if source.startswith(ONLINE):
        yield from _online(source.removeprefix(ONLINE))
    else:
        for path in _files(source):
            yield _offline(path)


def _offline(path: str) -> PastRun:
    about: dict[str, Any] = {"tags": []}
    config: dict[str, Any] = {}
    summary: dict[str, Any] = {}
    points: list[tuple[int, float, dict[str, float]]] = []
    state, started = "lost", os.path.getmtime(path)
    for record in leveldb_records(path):
        for number, body in fields(record):
            if number == RUN:
                _run(body, about, config)
            elif number == CONFIG:
                config.update(_items(body))
            elif number == SUMMARY:
                summary.update(_items(body))
            elif number == HISTORY:
                points.append(_history(body, len(points)))
            elif number == EXIT:
                code = next((value for kind, value in fields(body) if kind == 1), 0)
                state = "failed" if code else "finished"
    started = about.get("started") or (points[0][1] if points else started)
    config.pop("_wandb", None)
    return PastRun(
        source=f"wandb:{about.get('id') or path}", project=about.get("project") or "uncategorized",
        name=about.get("name") or about.get("id") or os.path.basename(path), started=started,
        ended=points[-1][1] if points else started, state=state, config=_plain(config), points=points,
        tags=about["tags"], notes=[about["notes"]] if about.get("notes") else [],
        summary={name: value for name, value in summary.items() if not name.startswith("_")}, group=about.get("group"),
        host=about.get("host"),
    )  # fmt: skip


def _run(body: bytes, about: dict[str, Any], config: dict[str, Any]) -> None:
    names = {
        RUN_ID: "id",
        PROJECT: "project",
        GROUP: "group",
        DISPLAY_NAME: "name",
        NOTES: "notes",
        HOST: "host",
    }
    about["tags"] = []
    for number, value in fields(body):
        if number in names:
            about[names[number]] = value.decode("utf-8", "replace")
        elif number == TAGS:
            about["tags"].append(value.decode("utf-8", "replace"))
        elif number == RUN_CONFIG:
            config.update(_items(value))
        elif number == START_TIME:
            parts = dict(fields(value))
            about["started"] = parts.get(1, 0) + parts.get(2, 0) / 1e9


def _items(body: bytes) -> dict[str, Any]:
    """The name and value pairs of a config, summary or history record; nested names come as parts."""
    found: dict[str, Any] = {}
    for number, item in fields(body):
        if number != ITEM:
            continue
        key, nested, text = "", [], ""
        for kind, value in fields(item):
            if kind == 1:
                key = value.decode("utf-8", "replace")
            elif kind == 2:
                nested.append(value.decode("utf-8", "replace"))
            elif kind == VALUE_JSON:
                text = value.decode("utf-8", "replace")
        try:
            found[key or ".".join(nested)] = json.loads(text)
        except ValueError:
            continue
    return found


def _history(body: bytes, index: int) -> tuple[int, float, dict[str, float]]:
    values = _items(body)
    step = next(
        (signed(dict(fields(value)).get(1, 0)) for number, value in fields(body) if number == STEP), index
    )
    at = float(values.get("_timestamp") or 0.0)
    return int(values.get("_step", step)), at, _numbers(values)


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    special = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
    found: dict[str, float] = {}
    for name, value in values.items():
        if name.startswith("_"):
            continue
        number = special.get(value, value) if isinstance(value, str) else value
        if isinstance(number, (int, float)) and not isinstance(number, bool):
            found[name] = float(number)
    return found


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """wandb's own files keep each value as {"value": …}."""
    return {
        name: value["value"]
        if isinstance(value, dict) and set(value) <= {"value", "desc"} and "value" in value
        else value
        for name, value in config.items()
    }


def _online(path: str) -> Iterator[PastRun]:
    import wandb  # type: ignore[import-not-found, unused-ignore] # the user's own, with the user's credentials

    for run in wandb.Api().runs(path):
        started = datetime.datetime.fromisoformat(run.created_at.replace("Z", "+00:00")).timestamp()
        points = [
            (int(row.get("_step", number)), float(row.get("_timestamp") or started), _numbers(row))
            for number, row in enumerate(run.scan_history())
        ]
        yield PastRun(
            source=f"wandb:{run.id}", project=run.project, name=run.name, started=started,
            ended=points[-1][1] if points else started, state=STATES.get(run.state, "lost"), config=dict(run.config),
            points=points, tags=list(run.tags), notes=[run.notes] if run.notes else [],
            summary={n: v for n, v in dict(run.summary).items() if isinstance(v, (int, float, str)) and n[:1] != "_"},
            group=run.group, login=getattr(run.user, "username", None), commit=run.commit,
        )  # fmt: skip
