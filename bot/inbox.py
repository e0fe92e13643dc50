"""What Slack sends: kept before it is acknowledged, handled once by a job, whatever is delivered twice or late."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from bot import conversation, directory, interactions
from bot.errors import NeedsModels
from bot.redact import redact_all
from bot.wiring import Services
from storage.jobs import defer
from storage.memory import SlackEvent

log = logging.getLogger(__name__)

Handler = Callable[[Session, Services, Mapping[str, Any]], None]

# Every event of the manifest has its handler here, else Slack would deliver it again and again.
EVENTS: Mapping[str, Handler] = {
    "message": conversation.message,
    "app_mention": conversation.mention,
    "reaction_added": conversation.reaction_added,
    "reaction_removed": conversation.reaction_removed,
    "member_joined_channel": conversation.joined,
    "member_left_channel": conversation.left,
    "channel_archive": conversation.channel_changed,
    "channel_unarchive": conversation.channel_changed,
    "channel_rename": conversation.channel_changed,
    "channel_deleted": conversation.channel_changed,
    "group_archive": conversation.channel_changed,
    "group_unarchive": conversation.channel_changed,
    "group_rename": conversation.channel_changed,
    "group_deleted": conversation.channel_changed,
    "channel_shared": conversation.channel_changed,
    "channel_unshared": conversation.channel_changed,
    "channel_left": conversation.channel_changed,
    "group_left": conversation.channel_changed,
    "app_home_opened": conversation.home_opened,
    "app_uninstalled": conversation.access_lost,
    "tokens_revoked": conversation.access_lost,
}

INTERACTIONS: Mapping[str, Handler] = {
    "command": interactions.command,
    "block_actions": interactions.action,
    "view_submission": interactions.submission,
    "message_action": interactions.shortcut,
}


def keep(session: Session, event_id: str, kind: str, body: Mapping[str, Any], *, now: datetime) -> bool:
    """Persist one delivery and defer its handling; False when it was delivered before.

    Deliveries about the same message are handled one after the other, in the order they came.
    """
    statement = insert(SlackEvent).values(
        event_id=event_id, kind=kind, body=redact_all(dict(body)), received_at=now
    )
    written = session.execute(
        statement.on_conflict_do_nothing(index_elements=["event_id"]).returning(col(SlackEvent.event_id))
    ).first()
    if written is None:
        return False
    defer(session, "handle_event", queue="posts", lock=_subject(body), event_id=event_id)
    return True


def is_own(event: Mapping[str, Any], bot_user: str) -> bool:
    """Whether Slack only repeats what the bot itself posted or edited: nothing is to be done about that."""
    said = event.get("message") if event.get("subtype") == "message_changed" else event
    told = event.get("type") == "message" and event.get("subtype") != "message_deleted"
    return told and isinstance(said, Mapping) and said.get("user") == bot_user


def handle(services: Services, event_id: str, *, with_models: bool = False) -> None:
    """Handle a kept delivery: its effects and the mark that it was handled are one transaction."""
    try:
        _handle(services, event_id, with_models=with_models)
    except NeedsModels:
        # The worker that has the models loaded starts anew; acknowledgement and lists never wait for it.
        with services.database.session() as session:
            defer(session, "handle_slow_event", queue="general", event_id=event_id)


def _handle(services: Services, event_id: str, *, with_models: bool) -> None:
    with services.database.session() as session:
        row = session.get(SlackEvent, event_id, with_for_update=True)
        if row is None or row.handled_at is not None:
            return
        handler = EVENTS.get(row.kind) or INTERACTIONS.get(row.kind)
        if handler is None:
            log.info("event_of_unknown_kind", extra={"kind": row.kind})
            row.handled_at = services.now()
            return
        kind, body = row.kind, row.body
        if who := _who(body):
            directory.meet(session, services, who)
        handler(session, services, body | {"_with_models": with_models})
        session.execute(
            update(SlackEvent).where(col(SlackEvent.event_id) == event_id).values(handled_at=services.now())
        )
        log.debug("event_handled", extra={"kind": kind})


def _who(body: Mapping[str, Any]) -> str | None:
    """The Slack id of whose doing a delivery is."""
    who = _part(body, "event").get("user") or body.get("user_id") or _part(body, "user").get("id")
    return who if isinstance(who, str) else None


def _subject(body: Mapping[str, Any]) -> str | None:
    """What a delivery is about, so that an edit is never handled before the message it edits."""
    event = _part(body, "event")
    if event.get("type") == "app_home_opened":
        return f"home:{event.get('user')}"  # published one after the other, by one worker
    channel = event.get("channel")
    inner = _part(event, "message") or _part(event, "previous_message")
    ts = inner.get("ts") or event.get("deleted_ts") or event.get("ts")
    item = event.get("item")
    if isinstance(item, Mapping):
        channel, ts = item.get("channel"), item.get("ts")
    return f"message:{channel}:{ts}" if isinstance(channel, str) and ts else None


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside a delivery; an empty one where something else stands."""
    part = body.get(name)
    return part if isinstance(part, Mapping) else {}
