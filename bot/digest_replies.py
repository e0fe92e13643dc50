"""What people answer below a digest: a note of its project; where it tells of several, of the one they name, else they are asked."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from bot import notes, outbox
from bot.blocks import escape
from bot.slack_text import run_refs
from bot.values import Message
from storage import digest_queries
from storage.memory import Note, Outbox, Subscription, Thread
from storage.tables import Project

MOST_LATE = 8  # days that a digest may come after the day it is of


def open_thread(
    session: Session, key: str, channel: str, project_ids: Sequence[int], *, now: datetime
) -> None:
    """Below a digest of one project its thread is like any other of the project."""
    if len(project_ids) == 1:
        session.add(Thread(project_id=project_ids[0], channel_id=channel, outbox_key=key, opened_at=now))


def receive(session: Session, event: Mapping[str, Any], *, now: datetime) -> Note | None:
    """Keep a reply below a digest of several projects as a note of the one it names; else ask its author, once a thread."""
    channel, ts, thread_ts = str(event.get("channel")), str(event.get("ts")), str(event.get("thread_ts"))
    author_id = str(event.get("user"))
    subscription = session.exec(select(Subscription).where(Subscription.channel_id == channel)).first()
    if subscription is None or not _is_digest(session, subscription, thread_ts):
        return None
    projects = digest_queries.projects_of_channel(session, channel, subscription.project_ids)
    meant = projects[0] if len(projects) == 1 else named_in(str(event.get("text") or ""), projects)
    if meant is not None:
        return notes.keep(
            session, event, thread=None, channel=channel, ts=ts, author_id=author_id, now=now, project=meant
        )
    key = f"digest:which:{channel}:{thread_ts}:{author_id}"
    if projects and not outbox.known(session, key):
        outbox.whisper(session, key, channel, author_id, which(projects), now=now, thread_ts=thread_ts)
    return None


def named_in(text: str, projects: Sequence[Project]) -> Project | None:
    """The one project that a text names, alone or with a run: "vision", "vision/42"."""
    runs = {name for name, _ in run_refs(text) if name}
    words = {word.strip(".,:;!?()\"'").lower() for word in text.split()}
    found = [one for one in projects if one.name in runs or one.name.lower() in words]
    return found[0] if len(found) == 1 else None


def which(projects: Sequence[Project]) -> Message:
    """Asks which project a reply is about."""
    names = " or ".join(f"`{escape(one.name)}`" for one in projects[:4])
    example = escape(projects[0].name)
    return Message(
        text=f"This digest tells of several projects, so I did not keep that as a note. Edit it to name {names}, or a run like {example}/42, and I do."
    )


def _is_digest(session: Session, subscription: Subscription, thread_ts: str) -> bool:
    """Whether a digest of this subscription is the thread's parent: one of the days just before."""
    day = datetime.fromtimestamp(float(thread_ts), UTC).date() + timedelta(days=1)  # it may be tomorrow there
    keys = [f"digest:{subscription.id}:{day - timedelta(days=back)}" for back in range(MOST_LATE + 2)]
    sent = session.exec(select(Outbox.result).where(col(Outbox.key).in_(keys)))
    return any((result or {}).get("ts") == thread_ts for result in sent)
