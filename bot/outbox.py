"""Messages to Slack, written in the transaction of what they tell: nothing is told twice, nothing forgotten."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from bot.values import Message
from storage.ingest_together import edits_that_wait
from storage.memory import Outbox

NOTIFY = "outbox"


# What a channel refuses until it is opened to the bot again.
NOT_NOW = ("is_archived", "not_in_channel", "channel_not_found")


class NotYet(Exception):
    """What a message needs to know is not in Slack yet."""


def post(
    session: Session,
    key: str,
    channel: str,
    message: Message,
    *,
    now: datetime,
    parent_key: str | None = None,
    thread_ts: str | None = None,
    broadcast: bool = False,
) -> None:
    """Say something in a channel, or in the thread of `parent_key` (our post) or `thread_ts` (anybody's).

    `key` names what is told; a key that was used is not told again.
    """
    body = _said(message) | {"channel": channel}
    if thread_ts:
        body["thread_ts"] = thread_ts
    if broadcast:
        body["reply_broadcast"] = True
    _write(session, key, channel, "chat.postMessage", body, now=now, parent_key=parent_key)


def whisper(
    session: Session,
    key: str,
    channel: str,
    person: str,
    message: Message,
    *,
    now: datetime,
    thread_ts: str | None = None,
) -> None:
    """Say something that only `person` (a Slack id) sees."""
    body = _said(message) | {"channel": channel, "user": person, "thread_ts": thread_ts}
    _write(session, key, channel, "chat.postEphemeral", body, now=now)


def react(session: Session, channel: str, ts: str, name: str, *, now: datetime, remove: bool = False) -> None:
    """Put a reaction on somebody's message, or take ours away."""
    told = {
        "method": "reactions.remove" if remove else "reactions.add",
        "body": {"channel": channel, "timestamp": ts, "name": name},
        "state": "waiting",
        "attempts": 0,
        "created_at": now,
    }
    statement = insert(Outbox).values(key=f"react:{channel}:{ts}:{name}", lane=channel, **told)
    # One row for each reaction: what was wanted last is what will be.
    changed = col(Outbox.method) != told["method"]
    session.execute(statement.on_conflict_do_update(index_elements=["key"], set_=told, where=changed))
    _wake(session)


def edit(
    session: Session,
    target_key: str,
    channel: str,
    render: dict[str, Any],
    *,
    now: datetime,
    urgent: bool = False,
) -> None:
    """Bring our post `target_key` up to date: `render` says of what, and is rendered when it is sent.

    Any number of edits of one post that wait are one edit. Urgent ones (a run changed its state) go first.
    """
    _put_edits(session, [_edit(target_key, channel, render, now=now, urgent=urgent)])


def edit_together(
    session: Session, edits: Mapping[str, tuple[str, dict[str, Any]]], *, now: datetime
) -> None:
    """Bring many posts up to date, {target_key: (channel, render)}; those that wait for it anyway are left alone."""
    rows = {row["key"]: row for row in (_edit(key, *edits[key], now=now) for key in sorted(edits))}
    waiting = edits_that_wait(session, list(rows))
    if missing := [row for key, row in rows.items() if key not in waiting]:
        _put_edits(session, missing)


def _edit(
    target_key: str, channel: str, render: dict[str, Any], *, now: datetime, urgent: bool = False
) -> dict[str, Any]:
    return {
        "key": f"edit:{target_key}",
        "lane": f"edit:{channel}",
        "method": "chat.update",
        "body": {"channel": channel, "render": render, "urgent": urgent},
        "target_key": target_key,
        "state": "waiting",
        "attempts": 0,
        "created_at": now,
    }


def _put_edits(session: Session, rows: list[dict[str, Any]]) -> None:
    statement = insert(Outbox).values(rows)
    # An urgent edit that still waits stays urgent, whatever comes after it.
    body = text(
        "CASE WHEN outbox.state = 'waiting' AND (outbox.body->>'urgent')::bool"
        " THEN jsonb_set(excluded.body, '{urgent}', 'true') ELSE excluded.body END"
    )
    changed = {"state": "waiting", "attempts": 0, "created_at": statement.excluded.created_at, "body": body}
    session.execute(statement.on_conflict_do_update(index_elements=["key"], set_=changed))
    _wake(session)


def remove(session: Session, target_key: str, channel: str, *, now: datetime) -> None:
    """Delete a post of ours, or never send it."""
    waits = (col(Outbox.key) == target_key, col(Outbox.state) == "waiting")
    session.execute(update(Outbox).where(*waits).values(state="dropped"))
    state = session.exec(select(Outbox.state).where(Outbox.key == target_key)).first()
    if state not in ("sending", "sent"):
        return
    _write(
        session,
        f"delete:{target_key}",
        channel,
        "chat.delete",
        {"channel": channel},
        now=now,
        target_key=target_key,
    )


def retry_refused(session: Session, lanes: Sequence[str], *, since: datetime) -> list[str]:
    """A channel can be written to again: its threads' parents that were refused wait anew; returns their keys."""
    again = (
        update(Outbox)
        .where(col(Outbox.lane).in_(lanes), col(Outbox.state) == "refused")
        .where(col(Outbox.method) == "chat.postMessage")
        .where(col(Outbox.error).in_(NOT_NOW), col(Outbox.key).endswith(":parent"))
        .where(col(Outbox.created_at) > since)
        .values(state="waiting", attempts=0, error=None, not_before=None)
    )
    keys = list(session.execute(again.returning(col(Outbox.key))).scalars())
    if keys:
        _wake(session)
    return keys


def known(session: Session, key: str) -> bool:
    """Whether this was told, or is about to be."""
    return session.exec(select(Outbox.id).where(Outbox.key == key)).first() is not None


def waits(session: Session, key: str) -> bool:
    """Whether a post is on its way to Slack."""
    return session.exec(select(Outbox.state).where(Outbox.key == key)).first() in ("waiting", "sending")


def in_doubt(session: Session) -> bool:
    """Whether a post may be in Slack already without our knowing where."""
    sending = select(Outbox.id).where(Outbox.state == "sending", Outbox.method == "chat.postMessage")
    return session.exec(sending.limit(1)).first() is not None


def sent(session: Session, key: str) -> dict[str, Any] | None:
    """Where a post of ours is (`channel`, `ts`, `permalink`); None while it was not sent."""
    row = session.exec(select(Outbox).where(Outbox.key == key)).first()
    return row.result if row else None


def told(session: Session, key: str) -> bool:
    """Whether a post of ours is out or on its way, so that only an edit can change what it says."""
    query = select(Outbox.id).where(Outbox.key == key, col(Outbox.state).in_(("waiting", "sending", "sent")))
    return session.exec(query).first() is not None


def _said(message: Message) -> dict[str, Any]:
    said: dict[str, Any] = {"text": message.text}
    if message.blocks:
        said["blocks"] = message.blocks
    return said


def _write(
    session: Session,
    key: str,
    lane: str,
    method: str,
    body: dict[str, Any],
    *,
    now: datetime,
    parent_key: str | None = None,
    target_key: str | None = None,
) -> None:
    statement = insert(Outbox).values(
        key=key,
        lane=lane,
        method=method,
        body=body,
        parent_key=parent_key,
        target_key=target_key,
        state="waiting",
        attempts=0,
        created_at=now,
    )
    session.execute(statement.on_conflict_do_nothing(index_elements=["key"]))
    _wake(session)


def _wake(session: Session) -> None:
    session.execute(text(f"SELECT pg_notify('{NOTIFY}', '')"))  # delivered at commit
