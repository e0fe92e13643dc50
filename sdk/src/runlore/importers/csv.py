"""Runs from a CSV file: rows with a step are histories, a row without one is a run of its own."""

import csv
import os
import re
from collections.abc import Iterator
from typing import Any

from runlore.past import PastRun

RUN_COLUMNS = ("run", "run_id", "run_name", "name", "id", "experiment")
STEP_COLUMNS = ("step", "epoch", "iteration", "iter", "global_step")
NOTE_COLUMNS = ("note", "notes", "comment", "comments", "description")
PARAM_PREFIXES = ("config.", "config/", "param.", "params.", "param/", "params/", "hparams/", "hp/")
METRIC_PREFIXES = ("metric.", "metrics.", "metric/", "metrics/")
RESULT = re.compile(
    r"(?i)(?:^|[^a-z])(?:val|valid|validation|test|eval|train|loss|acc|accuracy|auc|auroc|f1|err|error|ppl|perplexity|wer|cer"
    r"|bleu|rouge|mae|mse|rmse|r2|precision|recall|map|iou|miou|dice|score|reward|return|time|seconds|duration)(?:$|[^a-z])"
)


def _rows(source: str) -> list[dict[str, str]]:
    with open(source, encoding="utf-8-sig", newline="") as file:
        sample = file.read(8192)
        file.seek(0)
        delimiter = max(",;\t", key=sample.split("\n", 1)[0].count)
        rows = list(csv.DictReader(file, delimiter=delimiter))
    if not rows:
        raise ValueError("the file has no rows below its header")
    return rows


def count(source: str) -> int | None:
    """How many runs there are."""
    return len(_grouped(_rows(source)))


def read(source: str) -> Iterator[PastRun]:
    """Each group of rows with one run's name, or each row where there is no step."""
    rows = _rows(source)
    changed = os.path.getmtime(source)
    project = os.path.splitext(os.path.basename(source))[0]
    step_column = _column(rows[0], STEP_COLUMNS)
    results = {name for name in rows[0] if name and RESULT.search(name)}
    for name, group in _grouped(rows).items():
        config, notes, points = {}, [], []
        for column in group[0]:
            if column is None or column in (step_column, _column(group[0], RUN_COLUMNS)):
                continue
            if column.lower() in NOTE_COLUMNS:
                notes = [text for text in {row.get(column) for row in group} if text]
            elif _is_param(column, group, bool(step_column), results):
                config[_bare(column)] = _typed(group[0][column])
        metrics = [
            c
            for c in group[0]
            if c and _bare(c) not in config and c != step_column and c.lower() not in NOTE_COLUMNS
        ]
        for index, row in enumerate(group):
            values = {_bare(c): n for c in metrics if (n := _number(row.get(c))) is not None}
            step = _number(row.get(step_column)) if step_column else None
            points.append((int(step) if step is not None else index, changed, values))
        yield PastRun(
            source=f"csv:{os.path.abspath(source)}:{name}", project=project, name=name, started=changed, ended=changed,
            state="finished", config=config, points=[p for p in points if p[2]], tags=[], notes=notes, summary={},
        )  # fmt: skip


def _grouped(rows: list[dict[str, str]]) -> dict[str, list[dict[str, str]]]:
    run, step = _column(rows[0], RUN_COLUMNS), _column(rows[0], STEP_COLUMNS)
    found: dict[str, list[dict[str, str]]] = {}
    for number, row in enumerate(rows, 1):
        name = row[run] if run else "history" if step else f"row-{number}"
        if run and not step and name in found:
            name = f"{name}-{number}"
        found.setdefault(name, []).append(row)
    return found


def _column(row: dict[str, str], wanted: tuple[str, ...]) -> str | None:
    names = {str(name).strip().lower(): name for name in row if name}
    return next((names[name] for name in wanted if name in names), None)


def _is_param(column: str, group: list[dict[str, str]], history: bool, results: set[str]) -> bool:
    if column.lower().startswith(PARAM_PREFIXES):
        return True
    if column.lower().startswith(METRIC_PREFIXES):
        return False
    if any(_number(row[column]) is None for row in group if row.get(column)):
        return True
    if history:
        # What stays the same over a run's steps.
        return len(group) > 1 and len({row.get(column) for row in group}) == 1
    # In a table of runs the names tell results from params; where no name does, every number is a result.
    return bool(results) and column not in results


def _bare(column: str) -> str:
    for prefix in (*PARAM_PREFIXES, *METRIC_PREFIXES):
        if column.lower().startswith(prefix):
            return column[len(prefix) :]
    return column


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text not in (None, "") else None
    except ValueError:
        return None


def _typed(text: str) -> Any:
    number = _number(text)
    if number is None:
        return text
    return int(number) if number.is_integer() and "." not in text and "e" not in text.lower() else number
