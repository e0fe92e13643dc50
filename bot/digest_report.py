"""The progress report for those who do not read runs: question, what was tried, result, decision, next, cost; in Markdown."""

import re
from collections.abc import Sequence
from datetime import datetime

from bot.blocks import flat
from bot.digest_facts import ProjectDigest
from bot.digest_messages import best_words, success_words
from bot.draft import summary
from bot.verdicts import gpu_words, ref
from storage.digest_queries import Said

MOST = 8
MARKS = re.compile(r"([\\`*_\[\]<>#|])")


def report(told: Sequence[ProjectDigest], *, since: datetime, until: datetime) -> str:
    """A Markdown file; people are named only beside decisions and results."""
    parts = [f"# Progress, {since:%d %b %Y} – {until:%d %b %Y}"]
    for one in told:
        parts.append(f"## {_plain(one.project)}")
        parts += [_plain(status.text, 1000) for status in one.statuses]
        for heading, rows in _sections(one):
            if rows:
                parts.append("\n".join([f"**{heading}**", "", *(f"- {row}" for row in rows)]))
    return "\n\n".join(parts) + "\n"


def _sections(one: ProjectDigest) -> list[tuple[str, list[str]]]:
    tried = [_plain(item.text, 300) for item in one.changes[:MOST]]
    if one.best and one.moved_by:
        tried.insert(0, f"{ref(one.best)}: {_plain(summary(one.moved_by, 5), 300)}")
    results = []
    if one.best and one.best_value is not None:
        owner = f" ({_plain(one.best.owner.name, 40)})" if one.best.owner else ""
        results.append(f"{ref(one.best)}{owner}: {_plain(best_words(one), 300)}")
    results += [_named(item) for item in one.outcomes[:MOST]]
    decided = [
        f"{_plain(name, 40)} {'kept' if choice == 'keep' else 'dropped'} {ref(run)}"
        for run, name, choice in one.verdicts[:MOST]
    ]
    decided += [_named(item) for item in one.decisions[:MOST]]
    cost = [_plain(success_words(one), 300)] if one.runs else []
    if one.gpu_hours >= 0.01:
        cost.append(gpu_words(one.gpu_hours))
    return [
        ("Question", [_plain(item.text, 300) for item in one.hypotheses[:MOST]]),
        ("Tried", tried),
        ("Result", results),
        ("Decision", decided),
        ("Next", [_plain(item.text, 300) for item in one.next_steps[:MOST]]),
        ("Cost", cost),
    ]


def _named(item: Said) -> str:
    words = _plain(item.text, 300)
    return f"{_plain(item.author, 40)}: {words}" if item.author else words


def _plain(text: str, limit: int = 100) -> str:
    """Anybody's words on one line, none of them a mark."""
    return MARKS.sub(r"\\\1", flat(text, limit))
