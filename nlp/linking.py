"""Links what a note names to what the run logged, and checks stated values against logged ones."""

import difflib
import math
import re
from dataclasses import replace

from nlp.lexicon import names, plain
from nlp.quantities import quantities, to_number
from nlp.values import Context, StatedFact

_CLOSE = 0.86  # spelling similarity from which "warm_up_steps" is taken for "warmup_steps"
_TOLERANCE = 5e-3  # people round: "1,400 steps" for a logged 1,397, "1e-3" for 0.000998
_SCALED = re.compile(r"\d\s?(?:[kKMBT]|bn|thousand|million|billion)\b|[x×*^]")
_SECONDS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0, "hr": 3600.0}


class Linker:
    """Knows the names of one context."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._params = {plain(name): name for name in context.params}
        self._metrics = {plain(name): name for name in context.metrics}

    def kind(self, phrase: str) -> str | None:
        """param or metric, by the run's own names first and the package's list second."""
        if not phrase:
            return None
        wanted = plain(phrase)
        if wanted in self._params:
            return "param"
        if wanted in self._metrics:
            return "metric"
        return names().kind(phrase)

    def knows(self, phrase: str) -> bool:
        """Whether a number may belong to this."""
        return self.kind(phrase) is not None

    def link(self, fact: StatedFact) -> StatedFact:
        """The fact under the run's own name, compared with what the run logged."""
        if fact.kind not in ("param", "metric", "comparison", "duration", "cost"):
            return fact
        for kind, own in (("param", self._params), ("metric", self._metrics)):
            if fact.kind in ("param", "metric") and (name := _find(fact.name, own)) is not None:
                logged: object = (self._context.params if kind == "param" else self._context.metrics)[name]
                return replace(fact, kind=kind, name=name, linked=True, matches_log=_matches(fact, logged))
        return fact


def _find(phrase: str, own: dict[str, str]) -> str | None:
    """The run's name for a phrase: the same words, a known alias, a nested name's last part, or a near spelling."""
    wanted = plain(phrase)
    if wanted in own:
        return own[wanted]
    canonical = names().canonical(phrase)
    for spelling, name in own.items():
        last = plain(re.split(r"[./]", name)[-1])
        if canonical and canonical in (names().canonical(spelling), names().canonical(last)):
            return name
        if wanted == last or (" " in last and wanted.endswith(" " + last)):
            return name
    close = difflib.get_close_matches(wanted, own, n=1, cutoff=_CLOSE)
    if close:
        return own[close[0]]
    first, _, rest = wanted.partition(" ")
    return _find(rest, own) if rest and first else None


def _matches(fact: StatedFact, logged: object) -> bool | None:
    """Whether the stated value is the logged one, as people round it; None where they cannot be compared."""
    if logged is None or fact.to is None or fact.relative:
        return None
    if isinstance(logged, bool) or not isinstance(logged, int | float):
        return plain(str(logged)) == plain(fact.to)
    stated = quantities(fact.to)
    value = _number(fact.to) if not stated else _number(stated[0].text)
    if math.isnan(value) or math.isnan(float(logged)):
        return None
    return any(_near(value, float(logged) / factor, fact.to) for factor in _readings(fact))


def _number(text: str) -> float:
    negative = bool(re.match(r"[~≈<>≤≥\s]*[-−–]", text))
    value = to_number(re.sub(r"^[~≈<>≤≥\s]*[-−–]", "", text))
    return -value if negative else value


def _readings(fact: StatedFact) -> tuple[float, ...]:
    """What one stated unit may be in the log's: 94.2 % is logged as 0.942 or as 94.2, 1.5 k steps as 1500."""
    unit = (fact.unit or "").rstrip(".")
    if unit in ("%", "percent"):
        return (1.0, 0.01)
    if unit in ("k", "K"):
        return (1.0, 1e3)
    if unit in _SECONDS:
        return (1.0, _SECONDS[unit], _SECONDS[unit] / 60, _SECONDS[unit] / 3600)
    return (1.0, 0.01) if fact.kind == "metric" else (1.0,)


def _near(stated: float, logged: float, shown: str) -> bool:
    """Equal to the digits that were said, rounded or cut off; both in the unit that was said."""
    digits = re.search(r"\.(\d+)", shown)
    if digits and "e" not in shown.lower() and not _SCALED.search(shown):
        last = 10.0 ** -len(digits[1])
        return (
            abs(stated - logged) <= 0.5001 * last or 0 <= (logged - stated) * math.copysign(1, logged) < last
        )
    return math.isclose(stated, logged, rel_tol=_TOLERANCE, abs_tol=1e-12)
