"""How much each param of a sweep seems to matter: Spearman's rank correlation with the metric."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from bot.better import is_seed, value_of
from bot.numbers import as_number
from bot.values import RunView

FEWEST = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Importance:
    """A param and its correlation with the metric, −1 to 1; the sign says which way the metric goes."""

    param: str
    correlation: float
    runs: int


def importances(runs: Sequence[RunView], metric: str) -> list[Importance]:
    """Numeric params that vary, the strongest first; none for fewer than four runs with the metric."""
    scored = [(run, value) for run in runs if (value := value_of(run, metric)) is not None]
    names = dict.fromkeys(name for run, _ in scored for name in run.params if not is_seed(name))
    found = []
    for name in names:
        pairs = [(x, value) for run, value in scored if (x := as_number(run.params.get(name))) is not None]
        if len(pairs) >= FEWEST and (correlation := spearman(pairs)) is not None:
            found.append(Importance(param=name, correlation=correlation, runs=len(pairs)))
    return sorted(found, key=lambda each: (-abs(each.correlation), each.param))


def spearman(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Rank correlation; None where one side never varies."""
    first, second = ranks([x for x, _ in pairs]), ranks([y for _, y in pairs])
    middle = mean(first)
    spread = math.sqrt(sum((x - middle) ** 2 for x in first) * sum((y - middle) ** 2 for y in second))
    if spread == 0:
        return None
    return sum((x - middle) * (y - middle) for x, y in zip(first, second, strict=True)) / spread


def ranks(values: Sequence[float]) -> list[float]:
    """Places in order of size; equal values share the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for place in order[start : end + 1]:
            found[place] = (start + end) / 2
        start = end + 1
    return found
