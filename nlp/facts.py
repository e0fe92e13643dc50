"""Facts stated in a sentence: what changed from what to what, measured values, comparisons, durations, costs, mentions."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from nlp.lexicon import names
from nlp.linking import Linker
from nlp.mentions import mentioned
from nlp.naming import IDENTIFIER, Named, after, assigned, before, is_index, may_name
from nlp.quantities import Quantity, factors, quantities, scalings
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
_SET_TO = re.compile(r"^\s(?:is |was |goes |went )?(?:back |up |down )?(?:to|of|at)\s(?:about |around )?$")
_SPENT = re.compile(
    r"(?s:.*)\b(?:(?P<takes>took|takes|taking|needs|needed|lasts|lasted|requires?)|after|for|in|within|finished|total|gives|gave|runs?)\b"
    r"(?:[^;.]|\.(?=\d)){0,60}$"
)
# Between a metric and its value, what it was measured on: "recall on the small class is 0.61".
_ON_WHAT = re.compile(
    r"^\s(?:on|for|over|in|of)\s[\w\s-]{1,40}?\s(?:is|was|are|were|to|at|reached|hits?|stays? at|went to)"
    r"(?:\s(?:now|still|only|about|around|just))?\s$|^\s(?:(?:down|up|reduced|cut|lower|higher)\s)?by\s[~-]?[\d.]+\s?%?\s?\($"
)
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
_FASTER = re.compile(r"^\s?(?:times |x )?(?:faster|slower)\b", re.IGNORECASE)
_MORE = re.compile(r"^\s?(?:more|fewer|less|higher|lower) (?P<name>[a-z]\w*)")
_INSIDE = re.compile(
    r"\b(?:on|with|over|of|for|in|to|from|by|per|at)\s(?:the |a |an |our |my |this )?$", re.IGNORECASE
)
_ALONE = re.compile(
    r"^\s*(?:[,.;:)]|$|and\b|or\b|but\b|instead\b|as before\b|of the (?:teacher|baseline|old)\b)"
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
_FACTOR_NAME = re.compile(
    r"\s+(?:the |our |my |its |as many )?(?:number of |size of the )?(?P<name>[A-Za-z_]\w*(?:[./-]\w+)*(?:\s[a-z]+){0,2})"
)
_COUNTS = frozenset(
    {"seed", "epochs", "steps", "layers", "gpus", "nodes", "tokens", "samples", "images", "batch_size"}
)
_COUNTED = re.compile(r"\b(?:seed|fold|run|trial|rank) $", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Value:
    """A number with the older one it replaces, where that is stated, or the step that led to it ("by 0.8 to 14.2")."""

    new: Quantity
    old: Quantity | None = None
    step: Quantity | None = None

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
    found.extend(_scaled(text, tokens, linker))
    linked = [linker.link(fact) for fact in found]
    covered = [(fact.start, fact.end) for fact in linked if fact.to is not None]
    linked.extend(
        fact
        for fact in mentioned(text, context or Context())
        if fact.kind != "technique" or not _inside(fact.start, covered)
    )
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
        if right and _TO.match(between) and _BY.search(text[: left.start]):
            yield _Value(new=left)
            yield _Value(new=right, step=left)
            index += 2
        elif right and _TO.match(between) and _COUNTED.search(text[: left.start]):
            yield _Value(new=right)
            index += 2
        elif right and _TO.match(between):
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
    if (
        named
        and value.old is None
        and new.measures in ("time", "money")
        and names().canonical(named.name) in _COUNTS
    ):
        named = None  # "8 seeds in 171 s": the seconds are not the seeds'
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
        return _bare(text, tokens, value)
    named = named or (_last_metric(text, tokens, new.start, linker) if compares else None)
    name = _difference(text, new, linker) if compares else None
    name = name or (named.name if named else "difference")
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
    at = (value.step or value.first).start
    found = assigned(text, at)
    if found and (found.by == "assigned" or linker.knows(found.name)):
        return found
    if is_index(text, at) and value.old is None:
        return None
    behind = after(text, value.new.end, linker.knows) or after(text, value.last.end, linker.knows)
    leading = before(text, at, tokens)
    known = leading is not None and (linker.knows(leading.name) or bool(IDENTIFIER.search(leading.name)))
    if leading and known and _SET_TO.search(text[leading.end : at]) and linker.kind(leading.name) == "param":
        return leading
    if leading and value.old is not None and (known or behind is None):
        return leading
    if behind:
        return None if _counts_occasions(text, at, behind) else behind
    if known:
        return leading
    metric = _last_metric(text, tokens, at, linker)
    return metric if metric and _ON_WHAT.match(text[metric.end : at]) else found


def _difference(text: str, new: Quantity, linker: Linker) -> str | None:
    """What a comparison says by itself it is about: "2 % faster", "60 MB less", "6 % more steps"."""
    behind = text[new.end :]
    if _FASTER.match(behind):
        return "speed"
    if new.measures == "memory":
        return "memory"
    more = _MORE.match(behind)
    return more["name"] if more and linker.knows(more["name"]) else None


def _last_metric(text: str, tokens: Sequence[Token], at: int, linker: Linker) -> Named | None:
    """The last metric told before a place: what a comparison is about ("F1 is 71.3, 1.8 points better")."""
    for word in reversed([token for token in tokens if token.end <= at and may_name(token)]):
        found = before(text, word.end, tokens)
        if found and found.end == word.end and linker.kind(found.name) == "metric":
            return found
    return None


def _counts_occasions(text: str, at: int, behind: Named) -> bool:
    """ "Every 50 steps", "mean of 3 seeds": how often something was done, not a value of the run."""
    return bool(re.search(r"\bevery $", text[:at], re.IGNORECASE)) or names().canonical(behind.name) == "seed"


def _bare(text: str, tokens: Sequence[Token], value: _Value) -> StatedFact | None:
    """A time, a cost or a rate that stands by itself: "the run took 3 h", "$120"."""
    new = value.new
    kind = {"time": "duration", "money": "cost", "rate": "metric"}.get(new.measures)
    spent = _SPENT.search(text[: value.first.start])
    if kind is None or (kind == "duration" and spent is None) or new.unit in ("FLOP", "FLOPs"):
        return None
    taker = (
        before(text, spent.start("takes"), tokens)
        if spent and kind == "duration" and spent["takes"]
        else None
    )
    if taker and _INSIDE.search(text[: taker.start]):
        taker = None  # "inference on the phone takes": not the phone
    name = taker.name if taker else "throughput" if kind == "metric" else kind
    return StatedFact(
        kind=kind,
        name=name,
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
        portion = match["word"].lower() in ("half", "twice")
        if (
            words
            and name
            and not (portion and not _ALONE.match(text[name.start("name") + len(" ".join(words)) :]))
        ):
            yield StatedFact(
                kind="param",
                name=" ".join(words),
                to=match["word"],
                direction="down" if match["word"].lower().startswith("hal") else "up",
                relative=True,
                start=match.start(),
                end=name.start("name") + len(" ".join(words)),
            )


def _scaled(text: str, tokens: Sequence[Token], linker: Linker) -> Iterator[StatedFact]:
    """ "Cut the weight decay by a factor of ten"."""
    for match in scalings(text):
        named = before(text, match.start(), tokens)
        if named and (kind := linker.kind(named.name)):
            up = bool(_UP.search(text[: match.start()]))
            yield StatedFact(
                kind=kind,
                name=named.name,
                to=match["word"],
                direction="up" if up and not _DOWN.search(text[: match.start()]) else "down",
                relative=True,
                start=named.start,
                end=match.end(),
            )
