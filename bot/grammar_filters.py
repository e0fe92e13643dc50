"""Filters: project:vision, by:@ana, since:2w, state:failed, tag:x, lr<1e-3, val_acc>=0.9."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Literal

Op = Literal["=", "!=", "<", "<=", ">", ">="]

KEYS = ("project", "by", "since", "until", "state", "tag", "group", "domain", "sort", "page")
SYNONYMS = {
    "user": "by",
    "owner": "by",
    "from": "by",
    "author": "by",
    "person": "by",
    "after": "since",
    "before": "until",
    "in": "project",
    "status": "state",
    "tags": "tag",
    "sweep": "group",
    "application": "domain",
}
STATES = ("running", "finished", "failed", "killed", "preempted", "lost")
STATE_WORDS = {
    "crashed": "failed",
    "error": "failed",
    "done": "finished",
    "alive": "running",
    "dead": "killed",
}
OPS: dict[str, Op] = {
    "=": "=",
    "==": "=",
    "!=": "!=",
    "≠": "!=",
    "<": "<",
    "<=": "<=",
    "≤": "<=",
    ">": ">",
    ">=": ">=",
    "≥": ">=",
}
COMPARISON = re.compile(r"([A-Za-z_][\w./@-]*)(==|!=|<=|>=|=|<|>|≤|≥|≠)(\S.*)", re.DOTALL)
KEYED = re.compile(r"([A-Za-z_]+):(.+)", re.DOTALL)
SPACED = re.compile(r"(?<=[\w\"])\s*(==|!=|<=|>=|≤|≥|≠|<|>|=)\s*(?=[\w.+\-\"])")
AGE = re.compile(r"(\d{1,4})\s*(m|min|h|d|w|mo|y)(?:\w*)", re.IGNORECASE)
UNITS = {"m": 1 / 1440, "min": 1 / 1440, "h": 1 / 24, "d": 1, "w": 7, "mo": 30, "y": 365}
NUMBER = re.compile(r"[+-]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


class GrammarError(ValueError):
    """A command could not be read: the message says what is wrong, `suggestion` is a command that works."""

    def __init__(self, message: str, *, suggestion: str) -> None:
        super().__init__(
            f"{message} Try `{suggestion}`" if not message.endswith(":") else f"{message} `{suggestion}`"
        )
        self.problem = message
        self.suggestion = suggestion


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """One condition. `key` is one of KEYS, or "number" for a param or metric called `name`.

    `value`: a number or word for params and metrics, a timedelta (ago) or date for since and until, for `by` a
    Slack id, a name or "me".
    """

    key: str
    op: Op
    value: str | float | date | timedelta
    name: str | None = None

    @property
    def words(self) -> str:
        """The filter as it can be written again: tag:"label smoothing", since:14d, lr<0.001."""
        value = self.value
        if isinstance(value, timedelta):
            minutes = round(value.total_seconds() / 60)
            text = f"{minutes // 1440}d" if minutes % 1440 == 0 else f"{minutes}min"
        elif isinstance(value, float):
            text = f"{value:.0f}" if self.key == "page" else repr(value)
        else:
            text = str(value)
        if any(letter.isspace() for letter in text):
            text = f'"{text}"'
        return f"{self.name}{self.op}{text}" if self.key == "number" else f"{self.key}:{text}"


def spaced(text: str) -> str:
    """`lr < 1e-3` written as one word."""
    return SPACED.sub(r"\1", text)


def read_filter(text: str, *, strict: bool = True) -> Filter | None:
    """The filter in a word; None for a word that is none. An unknown key is an error where `strict`."""
    if found := COMPARISON.fullmatch(text):
        return Filter(key="number", name=found[1], op=OPS[found[2]], value=number_or_word(found[3]))
    found = KEYED.fullmatch(text)
    if found is None or found[2].startswith("//"):
        return None
    key = SYNONYMS.get(found[1].lower(), found[1].lower())
    if key in KEYS:
        return Filter(key=key, op="=", value=read_value(key, found[2].strip()))
    if not strict:
        return None
    near = get_close_matches(key, [*KEYS, *SYNONYMS], n=1, cutoff=0.6)
    if near:
        raise GrammarError(f"There is no filter “{found[1]}:”.", suggestion=f"list {near[0]}:{found[2]}")
    return Filter(key="number", name=found[1], op="=", value=number_or_word(found[2]))


def read_value(key: str, text: str) -> str | float | date | timedelta:
    """What a filter's value means."""
    if key in ("since", "until"):
        return read_time(key, text)
    if key == "state":
        state = STATE_WORDS.get(text.lower(), text.lower())
        if state not in STATES:
            near = (get_close_matches(state, STATES, n=1) or ["failed"])[0]
            raise GrammarError(
                f"A run is {', '.join(STATES[:-1])} or lost, not “{text}”.", suggestion=f"list state:{near}"
            )
        return state
    if key == "by":
        return text.removeprefix("@")
    if key == "page":
        if not text.isdecimal() or not int(text[:9]):
            raise GrammarError(f"“{text}” is no page.", suggestion="list page:2")
        return float(text[:9])
    return text.removeprefix("#") if key == "tag" else text


def read_time(key: str, text: str) -> date | timedelta:
    """2w, 12h, today, yesterday, 2026-11-03."""
    lower = text.lower()
    if lower in ("today", "yesterday"):
        return timedelta(days=1 if lower == "today" else 2)
    if found := AGE.fullmatch(lower.removesuffix(" ago")):
        return timedelta(days=int(found[1]) * UNITS[found[2].lower()])
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise GrammarError(f"I do not understand the time “{text}”.", suggestion=f"list {key}:2w") from None


def number_or_word(text: str) -> str | float:
    """A number where it is one: 1e-3, 0.9, 90%, 10,000."""
    text = text.strip()
    share = text.endswith("%")
    bare = text.rstrip("% ")
    if NUMBER.fullmatch(bare):
        value = float(bare.replace(",", ""))
        return value / 100 if share else value
    return text
