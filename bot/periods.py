"""Reads a period of time out of a question: "since March", "last week", "in 2025", "between 3 Nov and 10 Nov"."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTH = "|".join([*_MONTHS, *(month[:3] for month in _MONTHS if month != "may"), "sept"])
_DATE = rf"\d{{4}}-\d{{2}}-\d{{2}}|\d{{4}}-\d{{2}}|(?:\d{{1,2}}(?:st|nd|rd|th)?\s+)?(?:{_MONTH})\b(?:\s+\d{{1,2}}(?:st|nd|rd|th)?\b)?(?:,?\s+\d{{4}})?|(?:19|20)\d{{2}}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A period and where in the text it was named."""

    since: datetime | None
    until: datetime | None
    start: int
    end: int

    def left_of(self, text: str) -> str:
        """The text without the words that name it."""
        return f"{text[: self.start]} {text[self.end :]}"


def find_period(text: str, *, now: datetime) -> Named | None:
    """The first kind of period that the text names."""
    for pattern, period in _PERIODS:
        if found := pattern.search(text):
            since, until = period(found, now)
            return Named(since=since, until=until, start=found.start(), end=found.end())
    return None


Period = tuple[datetime | None, datetime | None]
_DAYS = {"day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365}


def _span(text: str, now: datetime) -> tuple[datetime, datetime]:
    """The day, month or year that a date names, the latest one that is not in the future."""
    text = text.lower().replace(",", " ")
    if iso := re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", text):
        start = _safe(int(iso[1]), int(iso[2]), int(iso[3]))
        return start, start + timedelta(days=1)
    if iso := re.fullmatch(r"(\d{4})-(\d{2})", text):
        return _month(int(iso[1]), int(iso[2]))
    if re.fullmatch(r"\d{4}", text):
        return datetime(int(text), 1, 1, tzinfo=UTC), datetime(int(text) + 1, 1, 1, tzinfo=UTC)
    word = re.search(_MONTH, text)
    month = next(i for i, name in enumerate(_MONTHS, 1) if word and name.startswith(word[0][:3]))
    year = re.search(r"\b\d{4}\b", text)
    day = re.search(r"\b(\d{1,2})(?:st|nd|rd|th)?\b", text)
    at = int(year[0]) if year else now.year - (month > now.month)
    if day:
        start = _safe(at, month, int(day[1]))
        return start, start + timedelta(days=1)
    return _month(at, month)


def _safe(year: int, month: int, day: int) -> datetime:
    """A day that exists: 31 June is the last of June."""
    month = min(max(month, 1), 12)
    first, after = _month(year, month)
    return first.replace(day=min(max(day, 1), (after - timedelta(days=1)).day))


def _month(year: int, month: int) -> tuple[datetime, datetime]:
    month = min(max(month, 1), 12)
    first = datetime(year, month, 1, tzinfo=UTC)
    return first, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def _since(found: re.Match[str], now: datetime) -> Period:
    return _span(found[1], now)[0], None


def _after(found: re.Match[str], now: datetime) -> Period:
    return _span(found[1], now)[1], None


def _before(found: re.Match[str], now: datetime) -> Period:
    return None, _span(found[1], now)[0]


def _during(found: re.Match[str], now: datetime) -> Period:
    return _span(found[1], now)


def _between(found: re.Match[str], now: datetime) -> Period:
    return _span(found[1], now)[0], _span(found[2], now)[1]


def _last(found: re.Match[str], now: datetime) -> Period:
    return now - timedelta(days=int(found[1] or 1) * _DAYS[found[2].lower()]), None


def _this(found: re.Match[str], now: datetime) -> Period:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start = {
        "day": today,
        "week": today - timedelta(days=today.weekday()),
        "month": today.replace(day=1),
        "quarter": today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1),
        "year": today.replace(month=1, day=1),
    }
    return start[found[1].lower()], None


def _named_day(found: re.Match[str], now: datetime) -> Period:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if found["day"].lower() == "today":
        return today, None
    return today - timedelta(days=1), None if found["since"] else today


def _weekday(found: re.Match[str], now: datetime) -> Period:
    """The last one that has begun."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    wanted = next(at for at, name in enumerate(_WEEKDAYS) if found["day"].lower() == name)
    start = today - timedelta(days=(today.weekday() - wanted) % 7)
    return start, None if found["lead"].lower() == "since" else start + timedelta(days=1)


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{text})", re.IGNORECASE)


_PERIODS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], datetime], Period]], ...] = (
    (_pattern(rf"(?:between|from)\s+({_DATE})\s+(?:and|to|until)\s+({_DATE})"), _between),
    (_pattern(rf"since\s+({_DATE})"), _since),
    (_pattern(rf"(?P<lead>since|on|last)\s+(?P<day>{'|'.join(_WEEKDAYS)})\b"), _weekday),
    (_pattern(rf"after\s+({_DATE})"), _after),
    (_pattern(rf"(?:before|until)\s+({_DATE})"), _before),
    (_pattern(r"(?:in |over |during |within |since )?(?:the )?(?:last|past)\s+(\d+)?\s*(day|week|month|quarter|year)s?\b"), _last),
    (_pattern(r"this\s+(day|week|month|quarter|year)\b"), _this),
    (_pattern(r"(?P<since>since\s+)?(?P<day>today|yesterday)\b"), _named_day),
    (_pattern(rf"(?:in|during|on)\s+({_DATE})"), _during),
)  # fmt: skip
