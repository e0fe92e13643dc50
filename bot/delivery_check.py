"""What `doctor` says of the way to Slack: what waits, what was refused and why, whom and what it no longer knows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from bot.numbers import count, duration
from bot.sight import FRESH
from storage.memory import Channel, Outbox, SlackEvent
from storage.tables import Person, Project, Run

LOOKED_BACK = timedelta(days=7)
SLOW = timedelta(minutes=5)
MENDS = {
    "is_archived": "Unarchive the channel, or give its project another one: /runs connect.",
    "channel_not_found": "Invite @Runlore into the channel, or give its project another one: /runs connect.",
    "not_in_channel": "Invite @Runlore into the channel.",
    "cannot_reply_to_message": "Somebody deleted the message these replies belong to; new runs get a new one.",
    "missing_scope": "`runlore-bot doctor --slack` tells which scope is missing.",
    "user_disabled": "The person is deactivated in Slack; their private runs are told to nobody.",
    "cannot_dm_bot": "Private runs of a bot user are told to nobody.",
}
ACCESS = ("app_uninstalled", "tokens_revoked")


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """One thing about the delivery: fine, or with what to do about it."""

    ok: bool
    seen: str
    mend: str = ""


def delivery(session: Session, *, now: datetime) -> Iterator[Trouble]:
    """Everything worth a line; the first line is always there."""
    yield _waiting(session, now=now)
    yield from _refused(session, now=now)
    yield from _access(session, now=now)
    yield from _unknown_channels(session, now=now)
    yield from _gone_people(session)


def _waiting(session: Session, *, now: datetime) -> Trouble:
    waiting, oldest, error = session.exec(
        select(func.count(), func.min(Outbox.created_at), func.max(Outbox.error)).where(
            col(Outbox.state).in_(("waiting", "sending")), Outbox.method != "chat.update"
        )
    ).one()
    heard = session.exec(select(func.max(SlackEvent.received_at))).one()
    last = f"last heard of Slack {duration((now - heard).total_seconds())} ago" if heard else "no event yet"
    if not waiting:
        return Trouble(ok=True, seen=f"nothing waits, {last}")
    age = now - oldest
    seen = f"{count(waiting, 'message')} waiting for {duration(age.total_seconds())}, {last}"
    seen += f"; Slack says {error}" if error else ""
    return Trouble(
        ok=age < SLOW, seen=seen, mend="Is a worker running, and the bot token valid? Nothing is lost."
    )


def _refused(session: Session, *, now: datetime) -> Iterator[Trouble]:
    refused = session.exec(
        select(Outbox.lane, Outbox.error, func.count())
        .where(Outbox.state == "refused", col(Outbox.created_at) > now - LOOKED_BACK)
        .group_by(Outbox.lane, col(Outbox.error))
        .order_by(func.count().desc())
    )
    for lane, error, amount in refused:
        place = lane.removeprefix("edit:")
        channel = session.get(Channel, place)
        name = f"#{channel.name}" if channel else place
        mend = MENDS.get(str(error), "The bot's log has the details under slack_refused.")
        yield Trouble(ok=False, seen=f"{count(amount, 'message')} to {name} refused: {error}", mend=mend)


def _access(session: Session, *, now: datetime) -> Iterator[Trouble]:
    lost = session.exec(
        select(SlackEvent)
        .where(col(SlackEvent.kind).in_(ACCESS), col(SlackEvent.received_at) > now - LOOKED_BACK)
        .order_by(col(SlackEvent.received_at).desc())
    ).first()
    heard = session.exec(
        select(func.max(SlackEvent.received_at)).where(col(SlackEvent.kind).not_in(ACCESS))
    ).one()
    if lost is not None and (heard is None or heard <= lost.received_at):  # else it was installed again
        yield Trouble(
            ok=False,
            seen=f"{lost.kind} {duration((now - lost.received_at).total_seconds())} ago",
            mend="If that was not meant: reinstall the app, put its new token into SLACK_BOT_TOKEN and restart.",
        )


def _unknown_channels(session: Session, *, now: datetime) -> Iterator[Trouble]:
    used = select(Project.channel_id).where(col(Project.archived_at).is_(None))
    for channel in session.exec(select(Channel).where(col(Channel.id).in_(used)).order_by(col(Channel.name))):
        if channel.is_archived:
            yield Trouble(ok=False, seen=f"#{channel.name} is archived", mend=MENDS["is_archived"])
        elif channel.synced_at is None or now - channel.synced_at > FRESH:
            seen = f"who is in #{channel.name} is not known, so its runs are shown to nobody"
            yield Trouble(ok=False, seen=seen, mend=MENDS["not_in_channel"])


def _gone_people(session: Session) -> Iterator[Trouble]:
    gone = session.exec(
        select(Person.name)
        .join(Run, col(Run.owner_id) == col(Person.id))
        .where(col(Person.is_gone), Run.state == "running")
        .distinct()
    ).all()
    if gone:
        yield Trouble(ok=True, seen=f"running for people who left Slack: {', '.join(sorted(gone)[:10])}")
