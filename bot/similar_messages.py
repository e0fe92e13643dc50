"""What a run's thread is told at its start: who tried much the same, in what it is the same, and how it ended."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.better import judge
from bot.blocks import actions, bold, button, code, escape, fit, line, link, name_of, section
from bot.compare_messages import latest
from bot.numbers import ago, count, setting
from bot.run_messages import name_of_verdict
from bot.values import Message, RunView
from bot.verdicts import ending, ref, sign

SETTINGS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """An earlier run to be told of."""

    run: RunView
    exact: bool
    settings: Sequence[tuple[str, str, str]]  # name, the new run's value, the earlier one's


def similar_runs(run: RunView, named: Sequence[Named], *, now: datetime) -> Message:
    """The reply in the new run's thread."""
    first = named[0]
    head = f"{ref(run)}: {_who(run, first)} {'ran exactly this' if first.exact else 'tried something close'}"
    told = f"{head}: {ending(first.run, judge(first.run))}"
    lines = [f"👯 {bold(escape(head))}"]
    for one in named:
        lines.append(_row(one, now))
        if words := _alike(one):
            lines.append(f"      {words}")
        if said := latest(one.run.notes, "decision") or latest(one.run.notes, "outcome"):
            note, item = said
            lines.append(f"      {link(note.permalink, name_of(note.author))}: “{line(item.text, 200)}”")
    ids = json.dumps([run.id, *(one.run.id for one in named)])
    return fit(
        Message(
            text=escape(told),
            blocks=[
                section("\n".join(lines)),
                actions(button("Compare these", "answer_compare", ids)),
            ],
        )
    )


def _who(run: RunView, first: Named) -> str:
    owner = first.run.owner
    if owner is None:
        return "somebody"
    return "you" if run.owner is not None and run.owner.id == owner.id else owner.name


def _row(one: Named, now: datetime) -> str:
    """✅ vision/41 finished: val_acc 0.942; 12 min · kept by ana · by ben, 3 weeks ago."""
    run = one.run
    words = [
        f"{sign(run)} {link(run.permalink, escape(ending(run, judge(run))))}",
        *(f"{name_of_verdict(choice)} by {line(who, 40)}" for who, choice in run.verdicts.items()),
        f"{name_of(run.owner)}, {ago(run.started_at, now)}",
    ]
    return " · ".join(words)


def _alike(one: Named) -> str:
    """In what they are the same: label_smoothing 0.1, lr 3e-4 (here 1e-4)."""
    if one.exact:
        return "the same params, code and data, as far as known"
    shown = [
        f"{code(name, 60)} {_shown(theirs)}{'' if mine == theirs else f' (here {_shown(mine)})'}"
        for name, mine, theirs in one.settings[:SETTINGS]
    ]
    rest = len(one.settings) - SETTINGS
    more = f" and {count(rest, 'more setting')}" if rest > 0 else ""
    return f"both have {', '.join(shown)}{more}"


def _shown(value: str) -> str:
    """A stored value as an engineer types it: 0.1 rather than 1e-1."""
    try:
        return setting(float(value)) if "e" in value else line(value, 40)
    except ValueError:
        return line(value, 40)
