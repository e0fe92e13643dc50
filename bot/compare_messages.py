"""A comparison as one message: who wins first, then the table of what differs, curves, code, data, and the why."""

import math
from collections.abc import Sequence
from typing import Any

from bot.better import is_seed, is_share
from bot.blocks import (
    CHART_LABEL,
    CHART_POINTS,
    CHART_SERIES,
    CHART_TITLE,
    TABLE_COLUMNS,
    Block,
    actions,
    bold,
    button,
    clean,
    clip,
    code,
    context,
    escape,
    fit,
    flat,
    line,
    link,
    name_of,
    quote,
    section,
)
from bot.compare import Column, Comparison, Facet, Measure, Setting, finite_curve, value_at
from bot.numbers import NOTHING, count, duration, number, points, signed, thin
from bot.run_messages import name_of_verdict
from bot.values import Blocks, ItemView, Message, NoteView
from bot.verdicts import gpu_words, ref

Cell = dict[str, Any]

MEASURES = 12
PARAMS = 40
HEADINGS: dict[Facet, str] = {"code": "Code", "data": "Data", "environment": "Environment"}


def comparison(c: Comparison) -> Message:
    """The answer to `compare`."""
    blocks: Blocks = [section(summary(c))]
    rows = two_sided(c) if len(c.columns) == 2 else many_sided(c)
    names = listed([column.label for column in c.columns])
    if len(rows) > 1:
        caption = flat(f"What differs between {names}", 150)
        blocks.append(
            {"type": "data_table", "caption": caption, "page_size": min(20, len(rows) - 1), "rows": rows}
        )
    else:
        blocks.append(context("They do not differ in params or metrics."))
    blocks += charts(c)
    for facet, heading in HEADINGS.items():
        if c.others[facet]:
            blocks.append(
                section(
                    "\n".join(
                        [
                            bold(heading),
                            *(facet_row(c, each.name, each.values) for each in c.others[facet][:12]),
                        ]
                    )
                )
            )
    if moved := changed_data(c):
        blocks.append(context(moved))
    blocks += rationale(c)
    ids = ",".join(str(ident) for ident in c.run_ids)
    buttons = [button("Share", "compare_share", ids), button("More", "compare_more", ids)]
    if any(column.run.code for column in c.columns):
        buttons.append(button("Diff", "compare_diff", ids))
    buttons.append(button("⭐", "compare_like", ids))
    return fit(Message(text=escape(verdict(c)), blocks=[*blocks, actions(*buttons)]))


def listed(labels: Sequence[str]) -> str:
    """#1, #2 and #3; #1, #2, #3 and 2 more."""
    shown, more = list(labels[:4]), len(labels) - 4
    last = f"{more} more" if more > 0 else shown.pop()
    return f"{', '.join(shown)} and {last}" if shown else last


def verdict(c: Comparison) -> str:
    """Who wins, in one plain line."""
    key = c.key
    labels = [ref(column.run) for column in c.columns]
    if key is None:
        return f"{labels[0]} and {labels[1]} share no metric"
    name = flat(key.name, 50)
    known = [place for place, value in enumerate(key.best) if value is not None]
    told = [number(key.best[place]) for place in known]
    if key.noise:
        who = " and ".join(labels) if len(labels) == 2 else f"the best of {len(labels)}"
        return f"{who} are within seed noise on {name}: {' and '.join(told[:3])}"
    if key.winner is not None:
        best = key.best[key.winner] or 0.0
        second = sorted(
            (value for place, value in enumerate(key.best) if place != key.winner and value is not None),
            key=lambda value: abs(value - best),
        )[0]
        change = gap(key, best - second)
        if len(labels) == 2:
            return f"{labels[key.winner]} beats {labels[1 - key.winner]} on {name}: {number(best)} to {number(second)} ({change})"
        return (
            f"{labels[key.winner]} is best of {len(labels)} on {name}: {number(best)}, {change} on the next"
        )
    if len(known) > 1 and len(set(told)) == 1:
        return f"{' and '.join(labels[:3])} are equal on {name}: {told[0]}"
    return f"{' and '.join(labels[:3])} on {name}: {' and '.join(told[:3]) or 'no value'}"


def summary(c: Comparison) -> str:
    """The verdict, what it cost, who is who."""
    lines = [f"⚖️ {bold(escape(verdict(c)))}"]
    key = c.key
    if key and key.goal is None:
        lines.append(f"Nobody wins yet: is more or less {code(key.name, 60)} better?")
    if key and key.aligned and key.aligned_at is not None:
        values = ", ".join(
            f"{escape(column.label)} {number(value)}"
            for column, value in zip(c.columns, key.aligned, strict=True)
        )
        lines.append(f"At the shorter run's last step ({number(key.aligned_at)}): {values}")
    if cost := cost_line(c):
        lines.append(cost)
    if c.same_recipe:
        lines.append("They are the same but for the seed.")
    lines += [side_line(column) for column in c.columns]
    return "\n".join(lines)


def side_line(column: Column) -> str:
    """#42 brave-otter by ana, 3 seeds."""
    run = column.run
    seeds = (
        f", {count(len(column.runs), 'seed')}: {', '.join(f'#{each.number}' for each in column.runs)}"
        if len(column.runs) > 1
        else ""
    )
    state = "" if run.state == "finished" else f", {run.state}"
    return f"{link(run.permalink, bold(escape(column.label)))} {line(run.name, 60)} by {name_of(run.owner)}{state}{seeds}"


def cost_line(c: Comparison) -> str:
    """The GPU hours of each side; how long each took stands in the table."""
    told = [
        f"{escape(column.label)} {gpu_words(hours)}"
        for column, hours in zip(c.columns, c.gpu_hours, strict=True)
        if hours
    ]
    return f"Cost: {', '.join(told)}" if told else ""


def gap(measure: Measure, change: float) -> str:
    """A difference of this metric: percent points for shares."""
    return points(change) if is_share(measure.name, *measure.best) else signed(change)


def text_cell(text: str) -> Cell:
    """A cell of words; Slack refuses empty ones."""
    return {"type": "raw_text", "text": clip(clean(text).strip() or NOTHING, 200)}


def number_cell(value: float | None, text: str | None = None) -> Cell:
    """A cell that sorts as a number."""
    if value is None or not math.isfinite(value):
        return text_cell(text or number(value))
    return {"type": "raw_number", "value": value, "text": clip(text or number(value), 60)}


def measured(measure: Measure, side: int) -> str:
    """0.942 ± 0.003 ★."""
    words = number(measure.best[side])
    if spread := measure.spread[side]:
        words += f" ± {number(spread, 2)}"
    return f"{words} ★" if measure.winner == side else words


def two_sided(c: Comparison) -> list[list[Cell]]:
    """Two runs: a row for each thing that differs."""
    rows = [[text_cell(each) for each in ("What", c.columns[0].label, c.columns[1].label, "Change")]]
    for measure in c.measures[:MEASURES]:
        change = measure.change(1)
        told = NOTHING if change is None else "within seed noise" if measure.noise else gap(measure, change)
        cells = [number_cell(measure.best[side], measured(measure, side)) for side in (0, 1)]
        rows.append([text_cell(measure.name), *cells, text_cell(told)])
        if measure is c.key:
            rows += key_rows(measure)
    for each in c.params[:PARAMS]:
        cells = [number_cell(n, v or NOTHING) for n, v in zip(each.numbers, each.values, strict=True)]
        rows.append([text_cell(each.name), *cells, text_cell(factor(each))])
    first, second = (duration(each) for each in c.seconds)
    if first != second:
        cells = [number_cell(value, duration(value)) for value in c.seconds]
        rows.append([text_cell("duration"), *cells, text_cell(NOTHING)])
    return rows


def factor(each: Setting) -> str:
    """How many times more or less a param is: × 2, ÷ 3; nothing for seeds and the like."""
    first, second = each.numbers
    if not first or not second or first * second <= 0 or is_seed(each.name):
        return NOTHING
    ratio = second / first
    return f"× {number(ratio, 3)}" if ratio > 1 else f"÷ {number(1 / ratio, 3)}"


def key_rows(measure: Measure) -> list[list[Cell]]:
    """The key metric's best step, last value and aligned value."""
    lines: list[tuple[str, Sequence[float | None]]] = [("best at step", measure.step), ("last", measure.last)]
    if measure.aligned:
        lines.append((f"at step {number(measure.aligned_at)}", measure.aligned))
    return [
        [
            text_cell(f"{flat(measure.name, 60)}, {label}"),
            *(number_cell(value) for value in values),
            text_cell(NOTHING),
        ]
        for label, values in lines
        if any(value is not None for value in values)
    ]


def many_sided(c: Comparison) -> list[list[Cell]]:
    """Three runs and more: a row for each, columns that sort."""
    heads = ["Run"]
    columns: list[list[Cell]] = [
        [text_cell(f"{column.label} {flat(column.run.name, 30)}") for column in c.columns]
    ]
    sides = range(len(c.columns))
    for measure in c.measures[:6]:
        heads.append(measure.name)
        columns.append([number_cell(measure.best[side], measured(measure, side)) for side in sides])
        if measure is c.key:
            heads += ["Change", "At step", "Last"]
            columns.append([number_cell(measure.change(side), change_words(measure, side)) for side in sides])
            columns.append([number_cell(value) for value in measure.step])
            columns.append([number_cell(value) for value in measure.last])
            if measure.aligned:
                heads.append(f"At {number(measure.aligned_at)}")
                columns.append([number_cell(value) for value in measure.aligned])
    if len({each for each in c.seconds if each is not None}) > 1:
        heads.append("Minutes")
        columns.append(
            [number_cell(None if each is None else each / 60, duration(each)) for each in c.seconds]
        )
    for each in c.params[: TABLE_COLUMNS - len(heads)]:
        heads.append(each.name)
        columns.append([number_cell(n, v or NOTHING) for n, v in zip(each.numbers, each.values, strict=True)])
    return [[text_cell(head) for head in heads], *([column[side] for column in columns] for side in sides)]


def change_words(measure: Measure, side: int) -> str:
    """Against the first run."""
    change = measure.change(side)
    return NOTHING if change is None or side == 0 else gap(measure, change)


def changed_data(c: Comparison) -> str:
    """Datasets whose source holds something else by now."""
    told = {
        f"🗃️ {code(dataset.name, 60)} changed since: {line(dataset.changed, 200)}"
        for column in c.columns
        for run in column.runs
        for dataset in run.datasets
        if dataset.changed
    }
    return "\n".join(sorted(told)[:5])


def facet_row(c: Comparison, name: str, values: Sequence[str | None]) -> str:
    """commit: #41 3f2a91c, #42 8e11d20."""
    told = [
        f"{escape(column.label)} {line(value or NOTHING, 120)}"
        for column, value in zip(c.columns, values, strict=True)
    ]
    return f"{code(name, 60)}: {' → '.join(told) if len(told) == 2 else ', '.join(told)}"


def charts(c: Comparison) -> Blocks:
    """Overlaid curves of the first two metrics that were logged over steps."""
    found = (chart(c.columns, measure) for measure in c.measures[:MEASURES])
    return [each for each in found if each][:2]


def chart(columns: Sequence[Column], measure: Measure, *, least: int = 2) -> Block | None:
    """One metric as `least` lines or more, as far as the shortest run went: every line needs a value at every place."""
    curves = [(column, finite_curve(column.run, measure.name)) for column in columns]
    drawn = [(column, curve) for column, curve in curves if len(curve) > 1][:CHART_SERIES]
    if len(drawn) < least:
        return None
    end = min(curve[-1][0] for _, curve in drawn)
    steps = sorted({step for _, curve in drawn for step, _ in curve if step <= end})
    categories = {clip(number(step, 6), CHART_LABEL): step for step in thin(steps, CHART_POINTS)}
    if len(categories) < 2:
        return None
    series = [
        {
            "name": series_name(column, place),
            "data": [{"label": label, "value": value_at(curve, step)} for label, step in categories.items()],
        }
        for place, (column, curve) in enumerate(drawn)
    ]
    names = [each["name"] for each in series]
    if len(set(names)) < len(names):
        for place, each in enumerate(series):
            each["name"] = f"{place + 1}: {clip(str(each['name']), CHART_LABEL - 4)}"
    return {
        "type": "data_visualization",
        "title": flat(measure.name, CHART_TITLE) or "metric",
        "chart": {
            "type": "line",
            "series": series,
            "axis_config": {
                "categories": list(categories),
                "x_label": "step",
                "y_label": flat(measure.name, 50) or "value",
            },
        },
    }


def series_name(column: Column, place: int) -> str:
    """A short name for a line."""
    return flat(column.label, CHART_LABEL) or f"{place + 1}"


def rationale(c: Comparison) -> Blocks:
    """Why, side by side: the guess before, the latest decision or finding, what people tapped."""
    told = [(column, words) for column in c.columns if (words := why(column))]
    if not told:
        return []
    return [section(f"{bold('Why')} {escape(column.label)}\n{words}") for column, words in told[:10]]


def why(column: Column) -> str:
    """One side's why."""
    run = column.run
    lines = [quote(run.intent, 200)] if run.intent else []
    for role in ("decision", "outcome"):
        if found := latest(run.notes, role):
            note, item = found
            lines.append(f"{link(note.permalink, name_of(note.author))}, {role}: “{line(item.text, 300)}”")
    lines += [f"{name_of_verdict(choice)} by {line(who, 40)}" for who, choice in run.verdicts.items()]
    return "\n".join(lines)


def latest(notes: Sequence[NoteView], role: str) -> tuple[NoteView, ItemView] | None:
    """The newest item of a role."""
    found = [(note, item) for note in notes for item in note.items if item.role == role]
    return max(found, key=lambda pair: pair[0].said_at, default=None)
