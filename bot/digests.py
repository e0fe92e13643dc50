"""Digests: what moved, told to a channel on its weekdays at its hour, once, whatever restarts or runs twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, or_, select

from bot import digest_replies, outbox
from bot.asking import DIRECT
from bot.blocks import link
from bot.digest_facts import ProjectDigest, collect
from bot.digest_messages import SHOWN, details, digest_message, nothing_moved
from bot.digest_report import report, report_details, report_message
from bot.errors import RunloreError, SlackRefused
from bot.people import has_muted
from bot.sight import person_sight
from bot.values import Message
from bot.wiring import Services
from storage import digest_queries as facts
from storage.jobs import defer
from storage.memory import Digest, Subscription
from storage.tables import Person, Project

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WORKDAYS = WEEKDAYS[:5]
LATE_AFTER = timedelta(hours=1)
QUIET_WEEK = timedelta(days=7)
FARTHEST = timedelta(days=8)  # every schedule has a moment within a week
TOOK_PART = timedelta(days=30)  # a person's own digest tells of projects they ran or wrote in since


class NotSentYet(RunloreError):
    """The digest waits for Slack; its report follows when it is there."""

    def __init__(self) -> None:
        super().__init__("The digest was not sent yet; its report follows.")


def claim_due(session: Session, *, now: datetime) -> int:
    """Write every digest that is due, each once per subscription and local date; returns how many are told.

    A subscription that another scheduler holds is left to it: what it writes is seen or undone with its transaction.
    """
    due = session.exec(
        select(Subscription)
        .where(col(Subscription.active))
        .where(
            or_(
                col(Subscription.next_due_at) <= now,
                col(Subscription.last_covered_until) > now,
                col(Subscription.next_due_at) > now + FARTHEST,
            )
        )
        .order_by(col(Subscription.id))
        .with_for_update(skip_locked=True)
    ).all()
    told = 0
    for subscription in due:
        if subscription.next_due_at is None or subscription.next_due_at > now:
            _clock_went_back(subscription, now=now)
        else:
            told += _send(session, subscription, now=now)
    return told


def _clock_went_back(subscription: Subscription, *, now: datetime) -> None:
    """A clock that had run ahead made a digest too early: what happens from now on belongs to the next one."""
    subscription.last_covered_until = min(subscription.last_covered_until or now, now)
    subscription.next_due_at = next_due(subscription, after=now)


def _send(session: Session, subscription: Subscription, *, now: datetime) -> bool:
    until = last_due(subscription, now=now)  # bounds are moments of the schedule, however late the tick
    day = until.astimezone(zone_of(subscription.time_zone)).date()
    since = subscription.last_covered_until or until - timedelta(days=1)
    subscription.next_due_at = next_due(subscription, after=now)
    written = session.execute(
        insert(Digest)
        .values(subscription_id=subscription.id, local_date=day, since=since, until=until, made_at=now)
        .on_conflict_do_nothing()
        .returning(col(Digest.id))
    ).first()
    if written is None or since >= until:
        return False
    projects = projects_told(session, subscription, now=now)
    told = moved(session, projects, since=since, until=until)
    if told:
        messages = written_as(
            told, subscription.depth, since=since, until=until,
            zone=zone_of(subscription.time_zone), late=now - until > LATE_AFTER,
        )  # fmt: skip
    elif since <= until - QUIET_WEEK:
        messages = [nothing_moved(since)]
    else:
        return False  # a quiet day says nothing; the next digest covers it
    subscription.last_covered_until = until
    key = f"digest:{subscription.id}:{day}"
    outbox.post(session, key, subscription.channel_id, messages[0], now=now)
    if not subscription.channel_id.startswith(DIRECT):  # there every message is asked of the bot
        ids = [one.project_id for one in told]
        digest_replies.open_thread(session, key, subscription.channel_id, ids, now=now)
    for place, rest in enumerate(messages[1:], 1):
        outbox.post(session, f"{key}:rest:{place}", subscription.channel_id, rest, now=now, parent_key=key)
    if told and subscription.depth == "manager":
        for task in ("share_report", "share_canvas"):
            defer(session, task, queue="posts", lock=f"{key}:{task}", digest_id=written[0])
    return True


def written_as(
    told: Sequence[ProjectDigest],
    depth: str,
    *,
    since: datetime,
    until: datetime,
    zone: ZoneInfo,
    late: bool = False,
) -> list[Message]:
    """The digest, and after it what goes into its thread, a project at a time."""
    if depth == "manager":
        head = report_message(told, since=since, until=until, zone=zone, late=late)
        return [head, *(report_details(one) for one in told)]
    head = digest_message(told, since=since, until=until, zone=zone, late=late)
    rest = [details(one, shown=3 * SHOWN if depth == "full" else SHOWN) for one in told]
    return [head, *(each for each in rest if each.blocks)]


def share_report(services: Services, digest_id: int) -> None:
    """Put the Markdown report of a digest into its thread; waits (by failing) until the digest was sent."""
    with services.database.session() as session:
        written = _report(session, digest_id, now=services.now())
    if written is None:
        return
    services.messenger.upload(
        f"{written.name}.md",
        written.text.encode(),
        channel=written.channel,
        thread_ts=written.ts,
        comment=None,
    )


def share_canvas(services: Services, digest_id: int) -> None:
    """The same as a canvas, linked in its thread, where the workspace has canvases; silently none where it has not."""
    with services.database.session() as session:
        written = _report(session, digest_id, now=services.now())
    if written is None:
        return
    content = {"type": "markdown", "markdown": written.text}
    try:
        made = services.messenger.call(
            "canvases.create", {"title": written.title, "document_content": content}
        )
        canvas = str(made["canvas_id"])
        access = {"canvas_id": canvas, "access_level": "read", "channel_ids": [written.channel]}
        services.messenger.call("canvases.access.set", access)
        file = services.messenger.call("files.info", {"file": canvas}).get("file") or {}
    except SlackRefused:
        return  # no canvases on this plan, or the app was not given the scope: the file says the same
    if address := file.get("permalink"):
        with services.database.session() as session:
            message = Message(text=f"The report as a canvas: {link(str(address), written.title)}")
            key = f"{written.key}:canvas"
            outbox.post(session, key, written.channel, message, now=services.now(), parent_key=written.key)


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A progress report and the thread it belongs to."""

    name: str
    title: str
    text: str
    key: str
    channel: str
    ts: str


def _report(session: Session, digest_id: int, *, now: datetime) -> Report | None:
    digest = session.get(Digest, digest_id)
    subscription = session.get(Subscription, digest.subscription_id) if digest else None
    if digest is None or subscription is None:
        return None
    key = f"digest:{subscription.id}:{digest.local_date}"
    place = outbox.sent(session, key)
    if place is None:
        raise NotSentYet
    projects = projects_told(session, subscription, now=now)
    told = moved(session, projects, since=digest.since, until=digest.until)
    return Report(
        name=f"progress-{digest.local_date}",
        title=f"Progress, {digest.local_date:%d %b %Y}",
        text=report(told, since=digest.since, until=digest.until),
        key=key,
        channel=str(place["channel"]),
        ts=str(place["ts"]),
    )


def projects_told(session: Session, subscription: Subscription, *, now: datetime) -> list[Project]:
    """A channel's own projects, which all its members may see; a person's those they took part in and may see."""
    if not subscription.channel_id.startswith(DIRECT):
        return facts.projects_of_channel(session, subscription.channel_id, subscription.project_ids)
    person = session.get(Person, subscription.person_id) if subscription.person_id else None
    sight = person_sight(session, person, now=now)
    mine = facts.projects_of_person(
        session, person.id or 0 if person else 0, since=now - TOOK_PART, only=subscription.project_ids
    )
    return [one for one in mine if sight.sees(one.id or 0) and not has_muted(person, one.id)]


def moved(
    session: Session, projects: Sequence[Project], *, since: datetime, until: datetime
) -> list[ProjectDigest]:
    """What is worth telling of these projects."""
    collected = [collect(session, one, since=since, until=until) for one in projects]
    return [one for one in collected if not one.is_quiet]


def last_due(subscription: Subscription, *, now: datetime) -> datetime:
    """The latest moment of the subscription's schedule that has come."""
    moment = next_due(subscription, after=now - FARTHEST)
    while (following := next_due(subscription, after=moment)) <= now:
        moment = following
    return moment


def next_due(subscription: Subscription, *, after: datetime) -> datetime:
    """The next moment of the subscription's hour on one of its weekdays, in its time zone, after `after`."""
    zone = zone_of(subscription.time_zone)
    day = after.astimezone(zone).date()
    while True:
        # An hour that a clock change skips is taken as the one after the change, one that comes twice as the first.
        moment = datetime.combine(day, subscription.local_time, zone).astimezone(UTC)
        if moment > after and WEEKDAYS[day.weekday()] in (subscription.weekdays or WORKDAYS):
            return moment
        day += timedelta(days=1)


def subscribe(
    session: Session,
    channel: str,
    *,
    person: Person | None,
    now: datetime,
    at: time | None = None,
    depth: str | None = None,
    weekdays: Sequence[str] | None = None,
) -> Subscription:
    """A channel gets its digest: weekdays at nine in the person's time zone, unless it says otherwise."""
    found = session.exec(select(Subscription).where(Subscription.channel_id == channel)).first()
    if found is None:
        zone = (person.time_zone if person else None) or "UTC"
        found = Subscription(
            channel_id=channel,
            person_id=person.id if person else None,
            weekdays=list(WORKDAYS),
            time_zone=zone,
            last_covered_until=now,
        )
    found.active = True
    found.local_time = at or found.local_time
    found.depth = depth or found.depth
    found.weekdays = list(weekdays) if weekdays else found.weekdays
    found.next_due_at = next_due(found, after=now)
    session.add(found)
    session.flush()
    return found


def zone_of(name: str) -> ZoneInfo:
    """The time zone of this name; UTC where the system does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
