"""Reads bounds on params and metrics out of a question: "val_acc above 90%", lr<=1e-3, optimizer=lion, lr != 3e-4."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot.question_values import Known, Question
from storage.search_scope import Bound

_NUMBER = r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_NAME = r"[A-Za-z][\w./-]*"
_MORE = r">=|≥|>|above|over|more than|greater than|higher than|at least|better than"
_LESS = r"<=|≤|<|below|under|less than|smaller than|lower than|at most"
_BOUND = re.compile(
    rf"(?:\bwith\s+|\bwhere\s+|\bhaving\s+)?(?:(?P<first>{_NAME})\s+)?(?P<name>{_NAME})\s*(?:of\s+|is\s+|was\s+)?"
    rf"(?P<sign>{_MORE}|{_LESS}|==?|of)\s*(?P<value>{_NUMBER})(?P<percent>\s?%)?",
    re.IGNORECASE,
)
_EQUALS = re.compile(rf"(?:\bwith\s+)?(?P<name>{_NAME})\s*(?P<sign>!=|≠|==?)\s*(?P<value>[\w./+-]+)")
_BARE = (
    r"\b(?:got|gets?|reach(?:ed)?|hits?|went|go|goes|came|is|was|are|were|who|any(?:one|body|thing)|some(?:one|body)|runs?|ever)"
    rf"\s+(?P<bound>(?P<sign>{_MORE}|{_LESS})\s*(?P<value>{_NUMBER})(?P<percent>\s?%)?)"
)
_NO_UNIT = r"(?=\s*(?:[,;?!]|\.(?:\s|$)|$|(?:with|in|on|by|using|without|yet|and|for|at|so)\b))"
"""What may follow a bound that names no metric: "below 2.9", not "under 10 minutes"."""


def may_name_numbers(text: str) -> bool:
    """Whether it is worth looking up which params, metrics and tags exist."""
    return bool(_BOUND.search(text) or _EQUALS.search(text) or re.search(r"\btag", text, re.IGNORECASE))


def names_no_metric(text: str) -> bool:
    """Whether a bound is put without saying on what."""
    return re.search(_BARE, text, re.IGNORECASE) is not None


def bounds(question: Question, known: Known, now: datetime) -> Question:
    """With what is asked of params and metrics that exist."""
    for found in list(_BOUND.finditer(question.topic)):
        for name, words in _called(found):
            if names := known.metrics.get(name) or known.params.get(name):
                bound, is_metric = _bound(found, names), name in known.metrics
                question = _bounded(question, words, bound, is_metric=is_metric)
                break
    for found in list(_EQUALS.finditer(question.topic)):
        if names := known.params.get(found["name"].lower()):
            value, same = found["value"].rstrip("."), found["sign"] in ("=", "==")
            bound = Bound(names=names, equals=value) if same else Bound(names=names, differs=value)
            question = _bounded(question, found[0], bound, is_metric=False)
    return question


def _called(found: re.Match[str]) -> list[tuple[str, str]]:
    """What a bound may be on, and its words: "val loss" is val_loss or val/loss, else it is on "loss" alone."""
    alone = (
        found["name"].lower(),
        found[0] if found["first"] is None else found[0][found.start("name") - found.start() :],
    )
    joined = [
        (f"{found['first']}{sign}{found['name']}".lower(), found[0]) for sign in "_/." if found["first"]
    ]
    return [*joined, alone]


def key_bound(question: Question, known: Known, now: datetime) -> Question:
    """Who got below 2.9: of the metric that counts in each project, where less of it is better."""
    found = re.search(_BARE + _NO_UNIT, question.topic, re.IGNORECASE)
    if found is None:
        return question
    wanted = "max" if re.fullmatch(_MORE, found["sign"].lower()) else "min"
    names = sorted(name for name, goal in known.key_metrics.items() if goal == wanted)
    if not names:
        return question
    named = " or ".join(names) if len(names) < 3 else "key metric"
    return _bounded(question, found["bound"], _bound(found, names), is_metric=True, named=f"{named} ")


def _bound(found: re.Match[str], names: Sequence[str]) -> Bound:
    sign, value = found["sign"].lower(), float(found["value"])
    if found["percent"]:
        value /= 100
    if sign in ("=", "==", "of"):
        return Bound(names=names, least=value, most=value)
    return Bound(names=names, least=value) if re.fullmatch(_MORE, sign) else Bound(names=names, most=value)


def _bounded(question: Question, words: str, bound: Bound, *, is_metric: bool, named: str = "") -> Question:
    topic = question.topic.replace(words, " ", 1)
    said = (*question.said, named + " ".join(words.split()))
    if is_metric:
        return replace(question, metrics=(*question.metrics, bound), topic=topic, said=said)
    return replace(question, params=(*question.params, bound), topic=topic, said=said)
