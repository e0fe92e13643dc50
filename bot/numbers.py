"""Numbers, durations and times as people read them: 0.942, 3e-4, 12 min, +0.8 points, ▁▃▅▇."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

T = TypeVar("T")

BARS = "▁▂▃▄▅▆▇█"
NOTHING = "–"
LONGEST = 100 * 365 * 86400
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def number(value: float | None, digits: int = 4) -> str:
    """A measured value with `digits` significant digits: 0.942, 3e-4, 12,345, nan, – for nothing."""
    if value is None:
        return NOTHING
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    if not 1e-3 <= abs(value) < 1e7:
        return scientific(value, digits)
    if abs(value) >= 1000:
        return f"{value:,.1f}"
    return f"{value:.{digits}g}"


def as_number(value: object) -> float | None:
    """Anything logged as a finite number, where it is one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer beyond every float
        return None


def scientific(value: float, digits: int = 4) -> str:
    """3e-4 rather than 3.000e-04."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"


def setting(value: object) -> str:
    """A param's value as an engineer types it: 3e-4, 100000, true, resnet50, [1,2]."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value) or value == 0:
            return number(value)
        if not 1e-3 <= abs(value) < 1e7:
            return scientific(value, 6)
        return f"{value:.6g}" if abs(value) < 1e6 else str(int(value))
    if isinstance(value, int | str):
        return str(value)
    if isinstance(value, Mapping | Sequence):
        return json.dumps(value, ensure_ascii=False, default=str, separators=(",", ":"))
    return str(value)


def signed(difference: float | None) -> str:
    """A difference with its sign and the two digits that matter: +0.031, −12, ±0."""
    if difference is None or math.isnan(difference):
        return NOTHING
    if difference == 0:
        return "±0"
    sign = "+" if difference > 0 else "−"
    size = abs(difference)
    if math.isinf(size):
        return f"{sign}inf"
    if size >= 100 or (size == int(size) and size < 100):
        return f"{sign}{size:,.0f}"
    text = number(float(f"{size:.2g}"))
    return f"{sign}{text}"


def points(difference: float) -> str:
    """A difference of two shares in percent points: +0.8 points."""
    size = abs(difference) * 100
    if size == 0:
        return "±0 points"
    text = f"{size:.1f}".removesuffix(".0") if size >= 0.1 else number(float(f"{size:.1g}"))
    return f"{'+' if difference > 0 else '−'}{text} {'point' if text == '1' else 'points'}"


def percent(share: float) -> str:
    """0.453 → 45 %."""
    if not math.isfinite(share):
        return NOTHING
    return f"{share * 100:.0f} %"


def duration(seconds: float | None) -> str:
    """How long: 45 s, 12 min, 1 h 5 min, 2 d 3 h."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    whole = min(max(0, round(seconds)), LONGEST)
    if whole < 60:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def clock(seconds: float) -> str:
    """A place in a recording: 0:07, 12:31, 1:02:03."""
    whole = int(max(0.0, min(seconds, LONGEST))) if not math.isnan(seconds) else 0
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def ago(then: datetime, now: datetime) -> str:
    """How long since: just now, 12 min ago, 3 days ago, 3 Nov."""
    seconds = (now - then).total_seconds()
    if seconds < 45:
        return "just now"
    if seconds < 48 * 3600:
        return f"{duration(seconds) if seconds < 3600 else f'{round(seconds / 3600)} h'} ago"
    days = round(seconds / 86400)
    return f"{days} days ago" if days < 14 else day(then, now)


def day(moment: datetime, now: datetime | None = None) -> str:
    """A date: 3 Nov, with the year when it is another one."""
    moment = moment.astimezone(UTC)
    text = f"{moment.day} {MONTHS[moment.month - 1]}"
    return text if now is None or moment.year == now.year else f"{text} {moment.year}"


def size(amount: float | None) -> str:
    """Bytes: 512 B, 1.2 GB."""
    if amount is None or not math.isfinite(amount):
        return NOTHING
    for unit in ("B", "kB", "MB", "GB"):
        if abs(amount) < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:,.3g} TB"


def count(amount: int, noun: str, plural: str | None = None) -> str:
    """1 run, 2 runs, 1,204 runs."""
    return f"{amount:,} {noun if amount == 1 else plural or noun + 's'}"


def sparkline(values: Sequence[float], width: int = 12) -> str:
    """The course of a metric in a few bars; empty for fewer than two finite values."""
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) < 2:
        return ""
    finite = thin(finite, width)
    low, high = min(finite), max(finite)
    # Halved, so that the range of two huge floats stays a number.
    span = high / 2 - low / 2
    if span == 0:
        return BARS[3] * len(finite)
    top = len(BARS) - 1
    return "".join(BARS[min(top, round((value / 2 - low / 2) / span * top))] for value in finite)


def thin(values: Sequence[T], width: int) -> list[T]:
    """At most `width` of the values, evenly chosen, first and last kept."""
    if len(values) <= width:
        return list(values)
    return [values[round(place * (len(values) - 1) / (width - 1))] for place in range(width)]


def progress_bar(share: float, width: int = 10) -> str:
    """▰▰▰▱▱▱▱▱▱▱ for 0.3; empty for what is no share."""
    if not math.isfinite(share):
        return ""
    full = round(min(1.0, max(0.0, share)) * width)
    return "▰" * full + "▱" * (width - full)
