"""Facts stated in a sentence: what changed from what to what, measured values, comparisons, durations, costs, mentions."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from nlp.lexicon import names
from nlp.linking import Linker
from nlp.mentions import mentioned
from nlp.naming import IDENTIFIER, Named, after, assigned, before, is_index
from nlp.quantities import Quantity, factors, quantities
from nlp.sentences import Token
from nlp.values import Context, StatedFact

Direction = Literal["up", "down"]

_TO = re.compile(
    r"^[\s)]*(?:,\s*)?(?:(?:back |down |up |all the way )?to|->|-->|→|=>|&rarr;)\s*(?:about |around |only |just )?$"
)
_OVER = re.compile(
    r"^[\w\s%/]{0,20}?[,(]?\s*(?:instead of|rather than|in place of|(?:up|down)(?: from)?|was|were|previously|formerly|before it was|from)\s+(?:the (?:old|previous|usual|default) |about )?$"
)
_VALUES = re.compile(r"(?P<name>[A-Za-z_][\w.]*)\s?=\s?(?P<value>[(\[][^()\[\]]*\d[^()\[\]]*[)\]])")
_SWITCH = re.compile(
    r"(?P<name>[A-Za-z_][\w./-]*)\s?(?:=|:)\s?(?P<value>[Tt]rue|[Ff]alse|[Nn]one|on\b|off\b|\"[\w./-]+\"|'[\w./-]+')(?![\w])"
)
_ONLY_OLD = re.compile(r"\((?:up|down) from $", re.IGNORECASE)
_RANGE = re.compile(r"^\s?[-–—]\s?$")
_BETTER = re.compile(
    r"\b(?P<up>better|higher|more|above|over|faster|improve\w*|gain\w*|up|plus|increase\w*|larger)\b"
    r"|\b(?P<down>worse|lower|less|below|under|slower|drop\w*|down|minus|decrease\w*|fewer|smaller|reduc\w*|behind)\b",
    re.IGNORECASE,
)
_THAN = re.compile(
    r"^\s?(?:abs(?:olute)? |points? |pts? |pp |rel(?:ative)? )?\(?(?:better|worse|higher|lower|faster|slower|more|less|above|below|over|under|behind|ahead of)\b",
    re.IGNORECASE,
)
_BY = re.compile(r"\bby (?:about |around |another |roughly |a further |~)?$", re.IGNORECASE)
_UP = re.compile(
    r"\b(?:increas|rais|rose|ris|grew|grow|up\b|higher|more|improv|gain|jump|climb|bump|doubl|tripl|better|faster|warm)",
    re.I,
)
_DOWN = re.compile(
    r"\b(?:decreas|reduc|lower|drop|fell|fall|down\b|less|cut|shr[aiu]nk|halv|sav|worse|slower|fewer|degrad)",
    re.I,
)
_FACTOR_NAME = re.compile(r"^\s+(?:the |our |my |its )?(?P<name>[A-Za-z_][\w./-]*(?:\s[a-z]+){0,2})")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Value:
    """A number with the older one it replaces, where that is stated."""

    new: Quantity
    old: Quantity | None = None

    @property
    def first(self) -> Quantity:
        return self.old if self.old and self.old.start < self.new.start else self.new

    @property
    def last(self) -> Quantity:
        return self.old if self.old and self.old.start > self.new.start else self.new


def read_facts(
    text: str, tokens: Sequence[Token], *, context: Context | None = None
) -> tuple[StatedFact, ...]:
    """Every fact of a sentence, in order; spans count from the sentence's start."""
    linker = Linker(context or Context())
    found = [*_tuples(text), *_switches(text)]
    taken = [(fact.start, fact.end) for fact in found]
    numbers = [number for number in quantities(text) if not _inside(number.start, taken)]
    for value in _paired(text, numbers):
        if fact := _stated(text, tokens, value, linker):
            found.append(fact)
    found.extend(_factors(text))
    linked = [linker.link(fact) for fact in found]
    covered = [(fact.start, fact.end) for fact in linked if fact.to is not None]
    linked.extend(fact for fact in mentioned(text, context or Context()) if not _inside(fact.start, covered))
    return tuple(sorted(linked, key=lambda fact: (fact.start, fact.end)))


def _inside(place: int, spans: Sequence[tuple[int, int]]) -> bool:
    return any(start <= place < end for start, end in spans)


def _paired(text: str, numbers: Sequence[Quantity]) -> Iterator[_Value]:
    """Numbers joined to the older value they replace: "from 8 to 16", "16 instead of 8"."""
    index = 0
    while index < len(numbers):
        left = numbers[index]
        right = numbers[index + 1] if index + 1 < len(numbers) else None
        between = text[left.end : right.start] if right else ""
        if right and _TO.match(between):
            yield _Value(new=right, old=left)
            index += 2
        elif right and _OVER.match(between):
            yield _Value(new=left, old=right)
            index += 2
        elif right and _RANGE.match(between):
            start, end = left.start, right.end
            whole = replace(left, end=end, text=text[start:end], unit=right.unit, measures=right.measures)
            yield _Value(new=whole)
            index += 2
        else:
            yield _Value(new=left)
            index += 1


def _stated(text: str, tokens: Sequence[Token], value: _Value, linker: Linker) -> StatedFact | None:
    """The fact that gives this number its meaning; None where nothing says what it is."""
    named = _name(text, tokens, value, linker)
    new = value.new
    if named is not None and value.old is None and _ONLY_OLD.search(text[: new.start]):
        return StatedFact(
            kind=linker.kind(named.name) or "param",
            name=named.name,
            from_value=new.text,
            start=named.start,
            end=new.end,
        )
    relative = value.old is None and bool(_BY.search(text[: new.start]))
    compares = value.old is None and (
        bool(_THAN.match(text[new.end :]))
        or (relative and linker.kind(named.name if named else "") == "metric")
    )
    if named is None and not compares:
        return _bare(text, value)
    name = named.name if named else "difference"
    kind = linker.kind(name) or ("metric" if new.measures in ("rate", "memory") else "param")
    if compares:
        kind = "comparison"
    elif new.measures == "money":
        kind = "cost"
    elif new.measures == "time" and not linker.kind(name):
        kind = "duration"
    start = min(value.first.start, named.start if named else value.first.start)
    end = max(value.last.end, named.end if named else value.last.end)
    return StatedFact(
        kind=kind,
        name=name,
        from_value=value.old.text if value.old else None,
        to=new.text,
        unit=new.unit,
        direction=_direction(text, value, compares=compares),
        relative=relative or compares,
        start=start,
        end=end,
    )


def _name(text: str, tokens: Sequence[Token], value: _Value, linker: Linker) -> Named | None:
    """Assigned names first, then what follows a count, then what leads to the number."""
    at = value.first.start
    found = assigned(text, at)
    if found and (found.by == "assigned" or linker.knows(found.name)):
        return found
    if is_index(text, at) and value.old is None:
        return None
    behind = after(text, value.new.end, linker.knows) or after(text, value.last.end, linker.knows)
    leading = before(text, at, tokens)
    known = leading is not None and (linker.knows(leading.name) or bool(IDENTIFIER.search(leading.name)))
    if leading and value.old is not None and (known or behind is None):
        return leading
    if behind and not _counts_occasions(text, at, behind):
        return behind
    return leading if known else found


def _counts_occasions(text: str, at: int, behind: Named) -> bool:
    """ "Every 50 steps", "mean of 3 seeds": how often something was done, not a value of the run."""
    return bool(re.search(r"\bevery $", text[:at], re.IGNORECASE)) or names().canonical(behind.name) == "seed"


def _bare(text: str, value: _Value) -> StatedFact | None:
    """A time or a cost that stands by itself: "took 3 h", "$120"."""
    new = value.new
    kind = {"time": "duration", "money": "cost"}.get(new.measures)
    if kind is None or (
        kind == "duration"
        and not re.search(r"\b(?:took|takes|after|for|in|within|finished|total|runs?)\b", text[: new.start])
    ):
        return None
    return StatedFact(
        kind=kind,
        name=kind,
        from_value=value.old.text if value.old else None,
        to=new.text,
        unit=new.unit,
        direction=_direction(text, value, compares=False),
        start=value.first.start,
        end=value.last.end,
    )


def _direction(text: str, value: _Value, *, compares: bool) -> Direction | None:
    if value.old is not None and value.old.unit == value.new.unit and value.old.value != value.new.value:
        return "up" if value.new.value > value.old.value else "down"
    if compares and (word := _BETTER.search(text[value.new.start :]) or _BETTER.search(text)):
        return "up" if word["up"] else "down"
    around = text[max(0, value.first.start - 40) : value.last.end + 25]
    up, down = bool(_UP.search(around)), bool(_DOWN.search(around))
    return None if up == down else "up" if up else "down"


def _tuples(text: str) -> Iterator[StatedFact]:
    """`betas=(0.9, 0.95)`."""
    for match in _VALUES.finditer(text):
        yield StatedFact(
            kind="param", name=match["name"], to=match["value"], start=match.start(), end=match.end()
        )


def _switches(text: str) -> Iterator[StatedFact]:
    """`amp=True`, `optimizer="lion"`."""
    for match in _SWITCH.finditer(text):
        if (
            "=" in match.group()
            or names().kind(match["name"]) == "param"
            or IDENTIFIER.fullmatch(match["name"])
        ):
            yield StatedFact(
                kind="param",
                name=match["name"],
                to=match["value"].strip("\"'"),
                start=match.start(),
                end=match.end(),
            )


def _factors(text: str) -> Iterator[StatedFact]:
    """ "Halved the lr": a change whose size is a word."""
    for match in factors(text):
        name = _FACTOR_NAME.match(text, match.end())
        words = name["name"].split() if name else []
        while words and names().kind(" ".join(words)) != "param":
            words.pop()
        if words and name:
            yield StatedFact(
                kind="param",
                name=" ".join(words),
                to=match["word"],
                direction="down" if match["word"].lower().startswith("halv") else "up",
                relative=True,
                start=match.start(),
                end=name.start("name") + len(" ".join(words)),
            )
