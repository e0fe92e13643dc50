"""Finds the numbers a sentence states, with sign and unit, and passes over those that only identify something."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

UnitKind = Literal["none", "share", "time", "memory", "rate", "money", "count"]

_NUMBER = (
    r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?:[eE][-−+]?\d+|\s?[x×*]\s?10\^?[-−]?\d+|\^-?\d+)?"
)
_TIME = r"(?:[µmun]s|milliseconds?|microseconds?|seconds?|secs?|s|minutes?|mins?|hours?|hrs?|h|days?|weeks?)"
_MEMORY = r"(?:[KMGT]i?B|bytes|bits)"
_MONEY = r"(?:USD|EUR|dollars?|euros?|bucks)"
_RATE = r"(?:it/s|its/s|iters/s|tokens/s(?:ec)?|tok/s|samples/s|img/s|images/s|T?FLOPs?(?:/s)?|[TPG]FLOPS|steps/s)"
_RUN_OVER = r"(?:GPU[- ]?hours?|GPU[- ]?days?|node[- ]?hours?)"
_UNIT = re.compile(
    rf"\s?(?P<share>%|percent\b|per ?cent\b)"
    rf"|(?P<money>€|\$|\s?{_MONEY}\b|\s?{_RUN_OVER}\b)"
    rf"|(?:\s?[kKM])?\s?(?P<rate>{_RATE}(?![\w]))"
    rf"|(?:\s|-)?(?P<memory>{_MEMORY}(?![\w/]))"
    rf"|(?:\s|-)?(?P<time>{_TIME}(?:/(?:step|it|iter|epoch|batch|token|sample))?(?![\w/]))"
    rf"|\s?(?P<count>(?:k|K|M|B|T|bn|thousand|million|billion)(?![\w])|[x×](?![\w]))"
    rf"|-(?P<noun>step|epoch|layer|iteration|token|head)\b"
    rf"|(?P<of>\s(?:iterations|iters)\b)"
)
_QUANTITY = re.compile(rf"(?P<sign>(?:(?<![-=])[~≈±<>≤≥]\s?)*[-−–+]?[$€£]?)(?<!\d)(?P<number>{_NUMBER})")
_MANY = r"(?:\d+(?:\.\d+)?|two|three|four|five|six|eight|ten|twenty|fifty|hundred)"
_HALVES = re.compile(
    r"(?P<word>\b(?:halv(?:ed|es|ing|e)|doubl(?:ed|es|ing|e)|tripl(?:ed|es|ing|e)|quadrupl(?:ed|es|ing|e))\b"
    r"|(?<!in )(?<!for )(?<!of )(?<!by )(?<!with )\b(?:twice|half)(?= (?:the|our|my|as many)\b))",
    re.IGNORECASE,
)
_SCALED = re.compile(
    rf"\bby (?P<word>half|(?:a |another )?factor (?:of )?{_MANY}|{_MANY} times)(?![\w.])", re.IGNORECASE
)
_IDENTIFIES_BEFORE = re.compile(
    r"(?:#|\bPR ?#?|\bissue |\bcondition |\btrack |\btask #?|\bfig(?:ure|\.)? ?|\btable |\bsection |\bsec\. |\beq(?:uation|\.)? ?"
    r"|\bappendix |\bchapter |\bpage |\bversion |\bv|\brun |\bresult #?|\bexp(?:eriment)? ?#?|\bjob |\bjob array |\bnode |\brank |\bgpu "
    r"|\b(?:RTX|GTX|CUDA|PyTorch|Python|Ubuntu|NCCL|torch|driver|Xid|exit code|code|ticket|commit|port|error|step [a-z]|phase|stage|day|top-)\s?"
    r"|\b(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.? |\[|\^|[A-Za-z_/@]-?|\d[:/.]|\d-\d+-)$",
    re.IGNORECASE,
)
_IDENTIFIES_AFTER = re.compile(
    r"^(?:(?:st|nd|rd|th)\b|[:/]\d|x\s?(?:[A-Z]\w*\d|GPU|RTX|nodes?|machines?)|\s?[x×]\s?(?:A100|H100|H200|V100|TPU|GPU|node|RTX|L4|T4|8\b|\d)"
    r"|[A-Za-z_]\w*\d|[A-Za-z]{3,}\d*|\.\d|-\d{1,2}-\d|\))",
)
_YEAR = re.compile(r"(?:19|20)\d\d$")
_CITATION = re.compile(r"(?:et al\.?,? \(?|[A-Z]\w+,? |\()$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantity:
    """A stated number: its verbatim span with sign and unit, and what the unit measures."""

    start: int
    end: int
    text: str
    value: float
    unit: str | None
    measures: UnitKind


def quantities(text: str) -> list[Quantity]:
    """The numbers of a sentence that could be a value of something, left to right."""
    return [found for match in _QUANTITY.finditer(text) if (found := _quantity(text, match)) is not None]


def factors(text: str) -> Iterator[re.Match[str]]:
    """Words that are a change by themselves, with what they change behind them: halved, twice the."""
    return _HALVES.finditer(text)


def scalings(text: str) -> Iterator[re.Match[str]]:
    """Such changes with what they change before them: by half, by a factor of ten."""
    return _SCALED.finditer(text)


def _quantity(text: str, match: re.Match[str]) -> Quantity | None:
    start, number_end = match.start(), match.end()
    sign = match["sign"]
    if (
        sign.strip() in ("-", "−", "–", "+")
        and start
        and (text[start - 1].isalnum() or text[start - 1] in ")]%")
    ):
        start = match.start("number")  # "5-10", "v2-3": a hyphen, not a sign
    start += len(text[start:]) - len(text[start:].lstrip())
    unit = _UNIT.match(text, number_end)
    kind, shown = _unit(unit)
    end = unit.end() if unit and shown else number_end
    if sign.endswith(("$", "€", "£")):
        kind, shown = "money", sign[-1]
    before, after = text[:start], text[end:]
    if _IDENTIFIES_BEFORE.search(before) or (
        not shown and _IDENTIFIES_AFTER.match(after) and not after.startswith(")")
    ):
        return None
    if not shown and _YEAR.match(match["number"]) and _CITATION.search(before):
        return None
    return Quantity(
        start=start,
        end=end,
        text=text[start:end],
        value=to_number(match["number"]),
        unit=shown,
        measures=kind,
    )


def _unit(match: re.Match[str] | None) -> tuple[UnitKind, str | None]:
    if match is None:
        return "none", None
    name = match.lastgroup or ""
    kinds: dict[str, UnitKind] = {
        "share": "share", "money": "money", "rate": "rate", "memory": "memory", "time": "time", "count": "count",
        "noun": "count", "of": "count",
    }  # fmt: skip
    return kinds[name], match[name].strip()


def to_number(text: str) -> float:
    """The number a verbatim span means: "1,024" 1024, "3e-4", "3x10^-4", "40%" stays 40."""
    plain = text.replace("−", "-").replace("–", "-").replace(",", "").strip("~≈<>≤≥±+$€£ ")
    scale = 1.0
    if power := re.match(r"^(.*?)\s?[x×*]\s?10\^?(-?\d+)", plain):
        plain, scale = power[1], 10.0 ** int(power[2])
    elif power := re.match(r"^(\d+)\^(-?\d+)$", plain):
        return float(power[1]) ** int(power[2])
    found = re.match(r"-?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", plain, re.IGNORECASE)
    if found is None:
        return float("nan")
    letter = plain[found.end() :].split()[:1]
    scale *= {
        "k": 1e3,
        "K": 1e3,
        "M": 1e6,
        "B": 1e9,
        "bn": 1e9,
        "T": 1e12,
        "thousand": 1e3,
        "million": 1e6,
        "billion": 1e9,
    }.get(letter[0] if letter else "", 1.0)
    return float(found.group()) * scale
