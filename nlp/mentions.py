"""Finds techniques, datasets, models and other runs that a sentence names."""

import re
from collections.abc import Iterator
from functools import lru_cache

from nlp.lexicon import mentions
from nlp.values import Context, StatedFact

_RUN = re.compile(
    r"(?<![\w&/])(?:(?P<ref>[a-z][\w-]*/\d+)|#(?P<hash>\d{1,6})|run (?:number )?#?(?P<number>\d{1,6})(?! ?(?:epochs?|steps?|times?|it|hours?|h|minutes?|min|days?|seeds?|more|iterations?|x|%)\b))\b",
    re.IGNORECASE,
)
_NOT_A_RUN = re.compile(
    r"(?:\bPR|\bpull(?: request)?|\bissue|\bMR|\bticket|\bbug|\bfix(?:es)?|\bcloses)\s?$", re.IGNORECASE
)
_AS_WRITTEN = frozenset({"ZeRO"})  # in other letters this is a word of English
_SHORT = 4  # an all-capital name this short is one only in capitals: "SAM", "ARC", "OPT"


def mentioned(text: str, context: Context) -> Iterator[StatedFact]:
    """Each thing once, at its first place."""
    seen: set[tuple[str, str]] = set()
    taken: list[tuple[int, int]] = []
    for kind, name, start, end, linked in sorted(
        [*_runs(text, context), *_own(text, context), *_public(text)],
        key=lambda row: (-row[4], row[2], -row[3]),
    ):
        if (kind, name) in seen or any(first < end and start < last for first, last in taken):
            continue
        seen.add((kind, name))
        taken.append((start, end))
        yield StatedFact(kind=kind, name=name, linked=linked, start=start, end=end)


Row = tuple[str, str, int, int, bool]


def _runs(text: str, context: Context) -> Iterator[Row]:
    by_number = {name.rsplit("/", 1)[-1]: name for name in context.runs if "/" in name}
    known = {name.lower(): name for name in context.runs}
    for match in _RUN.finditer(text):
        if match["hash"] and _NOT_A_RUN.search(text[: match.start()]):
            continue
        number = match["hash"] or match["number"]
        name = by_number.get(number, f"#{number}") if number else match["ref"]
        if match["ref"] and match["ref"].lower() not in known:
            continue  # "tokens/2" or a path
        yield "run", known.get(name.lower(), name), match.start(), match.end(), name.lower() in known


def _own(text: str, context: Context) -> Iterator[Row]:
    """Names that the run's context brings: run names, datasets."""
    for kind, own in (
        ("run", [name for name in context.runs if "/" not in name]),
        ("dataset", context.datasets),
    ):
        for name in own:
            spoken = re.escape(name).replace(r"\-", r"[-\s]").replace("_", r"[_\s-]")
            for match in re.finditer(rf"(?<!\w){spoken}(?!\w)", text, re.IGNORECASE):
                yield kind, name, match.start(), match.end(), True


def _public(text: str) -> Iterator[Row]:
    for match in _pattern().finditer(text):
        spelling = match.group()
        kind, name = _by_lower()[" ".join(spelling.lower().split())]
        alone = name in _AS_WRITTEN or (name.isupper() and len(name) <= _SHORT)
        if alone and spelling != name and spelling.lower() == name.lower():
            continue
        yield kind, name, match.start(), match.end(), False


@lru_cache(maxsize=1)
def _by_lower() -> dict[str, tuple[str, str]]:
    return {spelling.lower(): found for spelling, found in mentions().items()}


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    longest_first = sorted(_by_lower(), key=len, reverse=True)
    choices = "|".join(re.escape(spelling).replace(r"\ ", r"\s+") for spelling in longest_first)
    return re.compile(rf"(?<![\w-])(?:{choices})(?![\w-]|\.\w)", re.IGNORECASE)
