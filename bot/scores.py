"""How well texts are read, speech is heard and notes are found: scores against labelled data."""

import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

ROLES = ("hypothesis", "change", "outcome", "problem", "decision", "next_step", "other")
LARGE = ("hypothesis", "change", "outcome", "other")
SMALL = ("problem", "decision", "next_step")
BINS = 10
RESAMPLES = 1000
GAIN = {2: 3.0, 1: 1.0}  # of a note that reports trying it, of one that discusses it

Fact = tuple[str, str]  # name, value


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A labelled sentence: what it is, what was said of it, and how surely."""

    true: str
    said: str
    confidence: float = 1.0


def f1(judged: Sequence[Judged], role: str) -> float:
    """Harmonic mean of precision and recall of one role."""
    hit = sum(one.true == role == one.said for one in judged)
    either = sum(one.true == role for one in judged) + sum(one.said == role for one in judged)
    return 2 * hit / either if either else 0.0


def macro_f1(judged: Sequence[Judged], roles: Sequence[str] = LARGE) -> float:
    """The mean F1 of some roles."""
    return sum(f1(judged, role) for role in roles) / len(roles)


def recall(judged: Sequence[Judged], role: str) -> float | None:
    """The share of a role's sentences that were found; None where there are none."""
    mine = [one for one in judged if one.true == role]
    return sum(one.said == role for one in mine) / len(mine) if mine else None


def interval(judged: Sequence[Judged], measure: Callable[[Sequence[Judged]], float]) -> tuple[float, float]:
    """The 95 % bootstrap interval of a measure; the same data give the same interval."""
    chance = random.Random(0)  # noqa: S311  resampling needs no secret
    found = sorted(measure(chance.choices(judged, k=len(judged))) for _ in range(RESAMPLES))
    return found[round(0.025 * RESAMPLES)], found[round(0.975 * RESAMPLES) - 1]


def calibration_error(judged: Sequence[Judged]) -> float:
    """Expected calibration error over ten bins of equal mass."""
    ordered = sorted(judged, key=lambda one: one.confidence)
    error = 0.0
    for number in range(BINS):
        part = ordered[number * len(ordered) // BINS : (number + 1) * len(ordered) // BINS]
        if part:
            right = sum(one.true == one.said for one in part) / len(part)
            error += len(part) * abs(right - sum(one.confidence for one in part) / len(part))
    return error / len(ordered) if ordered else 0.0


def fact_hits(true: Sequence[Fact], said: Sequence[Fact]) -> int:
    """Stated facts that are right: the value as text, and a name that shares a word."""
    left, hit = list(true), 0
    for name, value in said:
        for other in left:
            if _value(other[1]) == _value(value) and _name(other[0]) & _name(name):
                left.remove(other)
                hit += 1
                break
    return hit


def word_errors(true: Sequence[str], heard: Sequence[str]) -> int:
    """Wrong, missing and invented words."""
    row = list(range(len(heard) + 1))
    for index, word in enumerate(true, start=1):
        before, row[0] = row[0], index
        for place, other in enumerate(heard, start=1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (word != other))
    return row[-1]


def ndcg(ranked: Sequence[str], judged: Mapping[str, int]) -> float:
    """nDCG@10."""
    ideal = sorted((GAIN.get(grade, 0.0) for grade in judged.values()), reverse=True)[:10]
    best = _discounted(ideal)
    return _discounted([GAIN.get(judged.get(note, 0), 0.0) for note in ranked[:10]]) / best if best else 0.0


def found_early(ranked: Sequence[str], judged: Mapping[str, int]) -> float:
    """Relevant notes among the first five, as a share of the most there could be."""
    relevant = {note for note, grade in judged.items() if grade}
    return sum(note in relevant for note in ranked[:5]) / min(5, len(relevant)) if relevant else 0.0


def reciprocal_rank(ranked: Sequence[str], judged: Mapping[str, int]) -> float:
    """One over the place of the first relevant note."""
    places = (place for place, note in enumerate(ranked, start=1) if judged.get(note, 0))
    return 1 / next(places, math.inf)


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


def _name(name: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", name.lower()))


def _value(value: str) -> str:
    shown = value.strip().lower().lstrip("~≈").replace("−", "-").replace("–", "-")
    return re.sub(r"\s+", " ", shown)
