"""What people ask of digests: see one now, change when and how it comes, stop it."""

import re
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from bot import digests
from bot.asking import DIRECT, Asking
from bot.digest_messages import digest_message, nothing_moved
from bot.digest_report import report
from bot.digests import WEEKDAYS, moved
from bot.errors import BadInput, NotFound
from bot.grammar import Command
from bot.periods import find_period
from bot.plain_text import plain_text
from bot.values import Message
from storage.memory import Subscription
from storage.tables import Person, Project

PAST = re.compile(r"\b(?:today|yesterday|this|last|past|since)\b", re.IGNORECASE)


def command(asking: Asking, asked: Command) -> Message:
    """`digest` previews the next one, `digest yesterday` what moved since then; `digest 08:30`, `digest full`, `digest mon,thu`,
    `digest off` change what the channel gets."""
    period = find_period(asked.text, now=asking.now) if PAST.search(asked.text) else None
    text = period.left_of(asked.text) if period else asked.text
    words = text.lower().replace(",", " ").split()
    session, channel, now = asking.session, asking.channel, asking.now
    if words[:1] == ["off"]:
        return mute(asking)
    at, depth, days = _read_settings(words)
    if channel and (at or depth or days or words[:1] == ["on"]):
        kept = digests.subscribe(
            session, channel, person=asking.person, now=now, at=at, depth=depth, weekdays=days
        )
        when = f"{', '.join(kept.weekdays)} at {kept.local_time:%H:%M} ({kept.time_zone})"
        where = "You get" if channel.startswith(DIRECT) else "This channel gets"
        return Message(text=f"{where} a {kept.depth} digest: {when}. `digest off` stops it.")
    here = session.exec(
        select(Subscription).where(Subscription.channel_id == channel, col(Subscription.active))
    ).first()
    told = asking.filter(asked).since or (period and period.since)
    since = told or (here and here.last_covered_until) or now - timedelta(days=1)
    return _preview(asking, here, since=since, depth=depth or (here.depth if here else "brief"))


def _preview(asking: Asking, here: Subscription | None, *, since: datetime, depth: str) -> Message:
    """What the next digest holds so far: of the thread's or channel's projects, else of all that can be seen."""
    session = asking.session
    if here is not None and asking.here is None:
        told = digests.projects_told(session, here, now=asking.now)
        projects = [one for one in told if asking.sight.sees(one.id or 0)]
    elif asking.home is not None and asking.sight.sees(asking.home.id or 0):
        projects = [asking.home]
    else:
        query = select(Project).where(col(Project.archived_at).is_(None)).order_by(col(Project.name))
        projects = [one for one in session.exec(query) if asking.sight.sees(one.id or 0)]
    return _message(session, projects, since=since, until=asking.now, depth=depth, zone=_zone(asking.person))


def _message(
    session: Session,
    projects: Sequence[Project],
    *,
    since: datetime,
    until: datetime,
    depth: str,
    zone: ZoneInfo,
) -> Message:
    told = moved(session, projects, since=since, until=until)
    if not told:
        return nothing_moved(since)
    if depth == "manager":
        head, *rest = digests.written_as(told, depth, since=since, until=until, zone=zone)
        return Message(
            text=head.text, blocks=[*head.blocks, *(block for one in rest for block in one.blocks)]
        )
    return digest_message(told, since=since, until=until, zone=zone, whole=True)


def mute(asking: Asking) -> Message:
    """No more digests here."""
    found = asking.session.exec(select(Subscription).where(Subscription.channel_id == asking.channel)).first()
    if found is None or not found.active:
        return Message(text="No digest comes here. `digest on` starts one.")
    found.active = False
    return Message(text="No more digests here. `digest on` brings them back.")


def as_text(session: Session, *, project: str | None, days: int, depth: str, now: datetime) -> str:
    """A digest as plain text, for the command line. Raises NotFound."""
    query = select(Project).order_by(col(Project.name))
    projects = session.exec(query if project is None else query.where(Project.name == project)).all()
    if project is not None and not projects:
        raise NotFound(f"There is no project {project}.")
    since = now - timedelta(days=days)
    if depth == "manager" and (told := moved(session, projects, since=since, until=now)):
        return report(told, since=since, until=now)
    message = _message(session, projects, since=since, until=now, depth=depth, zone=ZoneInfo("UTC"))
    return plain_text(message.text, message.blocks, buttons=False)


def _read_settings(words: Sequence[str]) -> tuple[time | None, str | None, list[str] | None]:
    at = depth = None
    days: list[str] = []
    for word in words:
        if word in ("brief", "full", "manager"):
            depth = word
        elif word[:3] in WEEKDAYS and word.isalpha():
            days.append(word[:3])
        elif ":" in word or word.isdigit():
            at = _clock(word)
        elif word not in ("on", "at", "and"):
            raise BadInput(f"I do not understand “{word}” here. Try `digest mon thu 09:30 full`.")
    return at, depth, days or None


def _clock(word: str) -> time:
    try:
        hour, _, minute = word.partition(":")
        return time(int(hour), int(minute or 0))
    except ValueError:
        raise BadInput(f"“{word}” is no time of day. Try `digest 09:30`.") from None


def _zone(person: Person | None) -> ZoneInfo:
    return digests.zone_of((person.time_zone if person else None) or "UTC")
