"""The progress report for those who do not read runs: question, what was tried, result, decision, next, cost."""

import re
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.blocks import Block, actions, bold, button, context, escape, fit, flat, line, section
from bot.digest_facts import ProjectDigest
from bot.digest_messages import (
    LINES,
    best_words,
    cost_words,
    course_chart,
    fitting,
    period_words,
    phone_lines,
    success_words,
    worth_words,
)
from bot.draft import summary
from bot.note_messages import packed
from bot.values import Message
from bot.verdicts import ref
from storage.digest_queries import Said

MOST = 8
ROW = 300
SHORT = 80  # of a row in the channel
MARKS = re.compile(r"([\\`*_\[\]<>#|])")


def report(told: Sequence[ProjectDigest], *, since: datetime, until: datetime) -> str:
    """A Markdown file; people are named only beside decisions and results."""
    parts = [f"# Progress, {since:%d %b %Y} – {until:%d %b %Y}"]
    for one in told:
        parts.append(f"## {_marked(one.project, 100)}")
        parts += [_marked(status.text, 1000) for status in one.statuses]
        for heading, rows in sections(one):
            parts.append("\n".join([f"**{heading}**", "", *(f"- {_marked(row, ROW)}" for row in rows)]))
    return "\n\n".join(parts) + "\n"


def report_message(
    told: Sequence[ProjectDigest], *, since: datetime, until: datetime, zone: ZoneInfo, late: bool = False
) -> Message:
    """The same for the channel, in twelve lines: of each part the first; the whole follows in the thread."""
    headline = f"Progress: {'; '.join(_headline(one) for one in told[:3])}"
    footer = period_words(since, until, zone=zone, late=late)
    room = LINES - phone_lines(footer)
    blocks: list[Block] = []
    for place, one in enumerate(told):
        left = len(told) - place
        head = bold(escape(_headline(one)))
        if room - phone_lines(head) < (1 if left > 1 else 0):
            blocks.append(context(f"… and {left} more in the thread"))
            break
        statuses = [f"💬 {line(status.text, 120)}" for status in one.statuses[-1:]]
        rows = [f"{bold(heading)}: {line(said[0], SHORT)}" for heading, said in sections(one)]
        lines = fitting([*statuses, head, *rows], max(room // left, phone_lines(head)), keep=head)
        room -= sum(map(phone_lines, lines))
        blocks.append(section("\n".join(lines)))
    blocks.append(context(footer))
    blocks.append(
        actions(button("Add status", "digest_status", ",".join(str(one.project_id) for one in told)))
    )
    return fit(Message(text=escape(headline), blocks=blocks))


def report_details(one: ProjectDigest) -> Message:
    """One project's whole report, for the thread."""
    rows = [bold(escape(one.project)), *(line(status.text, 1000) for status in one.statuses)]
    for heading, said in sections(one):
        rows += [bold(heading), *(f"• {line(row, ROW)}" for row in said)]
    chart = course_chart(one)
    blocks = [*packed(rows), *([chart] if chart else [])]
    return fit(Message(text=f"Report: {escape(one.project)}", blocks=blocks))


def sections(one: ProjectDigest) -> list[tuple[str, list[str]]]:
    """The parts that have something to say, in plain words."""
    tried = [item.text for item in one.changes[:MOST]]
    if one.best and one.moved_by:
        tried.insert(0, f"{ref(one.best)}: {summary(one.moved_by, 5)}")
    results = []
    if one.best and one.best_value is not None:
        owner = f" ({one.best.owner.name})" if one.best.owner else ""
        results.append(f"{ref(one.best)}{owner}: {best_words(one)}")
    results += [_named(item) for item in one.outcomes[:MOST]]
    decided = [
        f"{name} {'kept' if choice == 'keep' else 'dropped'} {ref(run)}"
        for run, name, choice in one.verdicts[:MOST]
    ]
    decided += [_named(item) for item in one.decisions[:MOST]]
    cost = [cost_words(one)] if one.gpu_hours >= 0.01 else []
    cost += [worth_words(run, worth) for run, worth in one.worth[:MOST]]
    cost += [success_words(one)] if one.runs else []
    parts = [
        ("Question", [item.text for item in one.hypotheses[:MOST]]),
        ("Tried", tried),
        ("Result", results),
        ("Decision", decided),
        ("Next", [item.text for item in one.next_steps[:MOST]]),
        ("Cost", cost),
    ]
    return [(heading, [flat(row, ROW) for row in rows]) for heading, rows in parts if rows]


def _headline(one: ProjectDigest) -> str:
    if one.is_record and one.best_value is not None:
        return f"{flat(one.project, 30)}: {best_words(one).partition(': ')[0]}"
    decided = len(one.decisions) + len(one.verdicts)
    return f"{flat(one.project, 30)}: {f'{decided} decided' if decided else 'no new best'}"


def _named(item: Said) -> str:
    return f"{item.author}: {item.text}" if item.author else item.text


def _marked(text: str, limit: int) -> str:
    """Anybody's words on one line, none of them a mark."""
    return MARKS.sub(r"\\\1", flat(text, limit))
