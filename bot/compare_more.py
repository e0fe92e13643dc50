"""*More* of a comparison: pictures where Slack's charts are too small, and every row that the table had no room for."""

from collections.abc import Sequence

from sqlmodel import Session

from bot import charts
from bot.better import goal_of
from bot.blocks import Block, bold, code, context, escape, fit, line, section
from bot.compare import Comparison, compare
from bot.compare_messages import HEADINGS, MEASURES, PARAMS, facet_row, measured, verdict
from bot.draft import HOUSEKEEPING
from bot.messenger import Messenger
from bot.note_messages import packed
from bot.numbers import as_number
from bot.pictures import picture
from bot.values import Message, RunView
from bot.views import run_views

FACETS = 12  # rows of code, data and environment that the comparison shows by itself
SCATTERED = 3  # runs from which a param against a metric says something


def more(session: Session, messenger: Messenger, run_ids: Sequence[int]) -> Message:
    """Everything about a comparison that its message leaves out."""
    runs = run_views(session, run_ids, curves=True, parents=True)
    compared = compare(runs)
    shown: list[Block] = []
    for name, png, title in drawings(compared, runs):
        shown += picture(messenger, name, png, title=title)
    return more_message(compared, shown)


def drawings(c: Comparison, runs: Sequence[RunView]) -> list[tuple[str, bytes | None, str]]:
    """(file, PNG, title): the key metric's curves; from three runs on a param against it; with two goals both."""
    key = c.key
    if key is None:
        return []
    found = [("curves.png", charts.curves(runs, key.name), f"{key.name} over steps")]
    varied = [one for one in c.params if len({n for n in one.numbers if n is not None}) > 1]
    varied = [one for one in varied if not HOUSEKEEPING.search(one.name)]
    if len(runs) >= SCATTERED and varied:
        param = max(varied, key=lambda one: len({as_number(run.params.get(one.name)) for run in runs}))
        found.append(
            ("scatter.png", charts.scatter(runs, param.name, key.name), f"{key.name} by {param.name}")
        )
    goals = [one.name for one in c.measures if one.goal and all(value is not None for value in one.best)]
    second = next((name for name in goals if name != key.name), None)
    if len(runs) >= SCATTERED and key.goal and second and _both(runs, key.name, second):
        found.append(("pareto.png", charts.pareto(runs, key.name, second), f"{key.name} against {second}"))
    return found


def _both(runs: Sequence[RunView], first: str, second: str) -> bool:
    return all(name in run.metrics and goal_of(run.metrics[name]) for run in runs for name in (first, second))


def more_message(c: Comparison, pictures: Sequence[Block]) -> Message:
    """Pictures first, then what is left."""
    text = escape(verdict(c))
    rows: list[str] = []
    for measure in c.measures[MEASURES if len(c.columns) == 2 else 6 :]:
        told = ", ".join(
            f"{escape(column.label)} {measured(measure, side)}" for side, column in enumerate(c.columns)
        )
        rows.append(f"{code(measure.name, 60)}: {line(told, 400)}")
    for each in c.params[PARAMS if len(c.columns) == 2 else 8 :]:
        rows.append(facet_row(c, each.name, each.values))
    for facet, heading in HEADINGS.items():
        left = c.others[facet][FACETS:]
        rows += [bold(heading)] if left else []
        rows += [facet_row(c, each.name, each.values) for each in left]
    blocks: list[Block] = [section(bold(text)), *pictures, *packed(rows)]
    if not (pictures or rows):
        blocks.append(context("There is no more: nothing was logged over steps, and the table has it all."))
    return fit(Message(text=text, blocks=blocks))
