"""Slack's rate limits as token buckets in the database, shared by all replicas, and how Slack has answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from storage.memory import Bucket

# Calls a minute by Slack's tiers, a little below what Slack allows.
PER_MINUTE = {
    "chat.update": 45.0,  # tier 3
    "chat.delete": 45.0,
    "reactions.add": 45.0,
    "reactions.remove": 18.0,
    "chat.postEphemeral": 90.0,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """A bucket: `burst` tokens at most, refilled at `per_second`."""

    name: str
    per_second: float
    burst: float


def buckets_of(method: str, channel: str) -> Sequence[Rate]:
    """The limits one call falls under."""
    if method == "chat.postMessage":
        return (
            Rate(name=f"post:{channel}", per_second=1.0, burst=3.0),
            Rate(name=method, per_second=8.0, burst=16.0),
        )
    per_minute = PER_MINUTE.get(method, 45.0)
    burst = max(5.0, per_minute / 5)
    # A full bucket and what flows in within a minute are no more than a minute allows.
    return (Rate(name=method, per_second=(per_minute - burst) / 60, burst=burst),)


def take(session: Session, rates: Sequence[Rate], *, now: datetime) -> float:
    """Take a token from every bucket and return 0, or take none and return the seconds to wait."""
    levels, wait = _levels(session, rates, now=now)
    if wait > 0:
        return wait
    for rate, row, level in levels:
        if row is None:
            session.add(Bucket(name=rate.name, tokens=level - 1, filled_at=now))
        else:
            row.tokens, row.filled_at = level - 1, now
    return 0.0


def room(session: Session, rates: Sequence[Rate], *, now: datetime) -> bool:
    """Whether `take` would have something to take."""
    return _levels(session, rates, now=now)[1] == 0


def _levels(
    session: Session, rates: Sequence[Rate], *, now: datetime
) -> tuple[list[tuple[Rate, Bucket | None, float]], float]:
    """What each bucket holds, and the seconds until all hold a token."""
    levels: list[tuple[Rate, Bucket | None, float]] = []
    wait = 0.0
    for rate in rates:
        row = session.get(Bucket, rate.name, with_for_update=True)
        level = rate.burst
        if row is not None:
            elapsed = max(0.0, (now - row.filled_at).total_seconds())
            level = min(rate.burst, row.tokens + elapsed * rate.per_second)
            if row.blocked_until and row.blocked_until > now:
                wait = max(wait, (row.blocked_until - now).total_seconds())
        if level < 1:
            wait = max(wait, (1 - level) / rate.per_second)
        levels.append((rate, row, level))
    return levels, wait


def block(session: Session, method: str, *, until: datetime) -> None:
    """Slack answered 429: nothing more of this method before `until`."""
    row = session.get(Bucket, method)
    if row is None:
        session.add(Bucket(name=method, tokens=0.0, filled_at=until, blocked_until=until))
    else:
        row.blocked_until = until
