"""What happens in channels and threads: messages, mentions, reactions, comings and goings."""

import logging
from collections.abc import Mapping
from typing import Any

from sqlmodel import Session, col, select

from bot import agent, app_home, commands, digest_replies, directory, interactions, notes, outbox, runs
from bot.errors import NeedsModels, SlackDoubtful
from bot.slack_text import files_of, is_memo, without_mention
from bot.threads import close_at, thread_at
from bot.values import Message
from bot.wiring import Services
from storage.memory import Channel, Note, SlackEvent
from storage.tables import Like

log = logging.getLogger(__name__)

# Slack tells a conversion as a message, by no event of its own.
CONVERTED = ("channel_convert_to_private", "channel_convert_to_public", "group_convert_to_public")
UNREAD = ("message_changed", "message_deleted", "file_share", "thread_broadcast", "me_message", None)


def message(session: Session, services: Services, body: Mapping[str, Any]) -> None:
    """A message, an edit or a deletion; only people's words become notes."""
    event = body["event"]
    subtype = event.get("subtype")
    if subtype in CONVERTED:
        channel_changed(session, services, body)
    if subtype not in UNREAD:
        return
    changed = event.get("message")
    if subtype == "message_changed" and not isinstance(changed, Mapping):
        return
    # How Slack tells of a deleted message that has replies.
    if isinstance(changed, Mapping) and changed.get("subtype") == "tombstone":
        event, subtype = {**event, "deleted_ts": changed.get("ts")}, "message_deleted"
    if subtype == "message_changed":
        if _asked_again(session, services, body):
            return
        if notes.edited(session, event, now=services.now()) is None:
            _overtaken(session, services, event)
    elif subtype == "message_deleted":
        notes.deleted(session, event, home=services.settings.home, now=services.now())
        close_at(session, str(event.get("channel")), str(event.get("deleted_ts")), now=services.now())
    elif event.get("user") == services.bot_user or event.get("bot_id"):
        return
    elif event.get("channel_type") == "im" or str(event.get("channel", "")).startswith("D"):
        _direct(session, services, body)
    elif without_mention(str(event.get("text") or ""), services.bot_user) is None or _memo(event):
        _receive(session, services, event)


def _receive(session: Session, services: Services, event: Mapping[str, Any]) -> None:
    """Keep a note, with the address that quotes of it will lead to."""
    if _deleted_already(session, event):
        return
    ours = event.get("parent_user_id") == services.bot_user
    known = thread_at(session, str(event.get("channel")), str(event.get("thread_ts")))
    if ours and known is None and outbox.in_doubt(session):
        raise SlackDoubtful("a reply to a message that is not known to have arrived")  # the job tries again
    note = notes.receive(session, event, now=services.now())
    if ours and known is None:
        note = digest_replies.receive(session, event, now=services.now())
    if note is not None and note.kind == "memo":
        agent.working(services, str(event["channel"]), str(event["thread_ts"]), "is listening…")
    if note is not None and note.permalink is None:
        note.permalink = services.messenger.permalink(str(event["channel"]), str(event["ts"]))


def _deleted_already(session: Session, event: Mapping[str, Any]) -> bool:
    """A deletion may come before its message: what was taken back is not kept."""
    told = col(SlackEvent.body)["event"]
    return bool(
        session.exec(
            select(SlackEvent.event_id).where(
                SlackEvent.kind == "message",
                told["deleted_ts"].astext == str(event.get("ts")),
                told["channel"].astext == str(event.get("channel")),
            )
        ).first()
    )


def _overtaken(session: Session, services: Services, event: Mapping[str, Any]) -> None:
    """An edit may come before its message, which then changes nothing: the edited words are the newer ones."""
    inner = (event.get("message") or {}) | {"channel": event.get("channel")}
    asked = without_mention(str(inner.get("text") or ""), services.bot_user)
    if asked is None and not str(event.get("channel", "")).startswith("D"):
        _receive(session, services, inner)


def _asked_again(session: Session, services: Services, body: Mapping[str, Any]) -> bool:
    """The message of a note that was given as a command was changed: what it says now is told to the same note."""
    event = body["event"]
    message, channel = event.get("message") or {}, str(event.get("channel"))
    note = notes.at(session, channel, str(message.get("ts")))
    if note is None or not notes.is_asked(note):
        return False
    text, before = str(message.get("text") or ""), note.edited_at
    if text == (event.get("previous_message") or {}).get("text"):
        return True  # only its looks changed
    thread_ts = str(message.get("thread_ts") or note.ts)
    asked = without_mention(text, services.bot_user)
    said = {**body, "event": {**message, "channel": channel, "user": message.get("user")}}
    answer = _asked(session, services, said, text if asked is None else asked, thread_ts=thread_ts)
    if note.edited_at != before:
        outbox.edit(
            session, notes.ANSWER.format(channel, note.ts), channel, {"noted": note.id}, now=services.now()
        )
    else:
        key = f"{notes.ANSWER.format(channel, note.ts)}:{event.get('event_ts')}"
        outbox.post(session, key, channel, answer, now=services.now(), thread_ts=thread_ts)
    return True


def mention(session: Session, services: Services, body: Mapping[str, Any]) -> None:
    """`@Runlore compare with 41`: answered where it was asked, with the thread's run understood."""
    event = body["event"]
    asked = without_mention(str(event.get("text") or ""), services.bot_user)
    if asked is None or event.get("bot_id") or (not asked.strip() and _memo(event)):
        return  # talked about, not to
    _answer(session, services, body, asked, thread_ts=event.get("thread_ts") or event["ts"])


def reaction_added(session: Session, services: Services, body: Mapping[str, Any]) -> None:
    """📝 makes a note of any message, 🚫 on one's own takes it back, ⭐ likes."""
    event = body["event"]
    item, name, person = event.get("item") or {}, event.get("reaction"), str(event.get("user"))
    if item.get("type") != "message" or person == services.bot_user:
        return
    channel, ts = str(item["channel"]), str(item["ts"])
    note = session.exec(select(Note).where(Note.channel_id == channel, Note.ts == ts)).first()
    if name == "memo" and (note is None or note.deleted_at is not None):
        interactions.save_message(session, services, channel=channel, ts=ts, note=note)
    elif name == "no_entry_sign" and note is not None and event.get("item_user") == person:
        notes.forget(session, note, home=services.settings.home, now=services.now())
    elif name == "star":
        interactions.like_message(session, services, channel=channel, ts=ts, person=person, note=note)


def reaction_removed(session: Session, services: Services, body: Mapping[str, Any]) -> None:
    """A ⭐ taken away is a like taken away."""
    event = body["event"]
    item = event.get("item") or {}
    if event.get("reaction") == "star" and item.get("type") == "message":
        found = interactions.liked(
            session,
            channel=str(item["channel"]),
            ts=str(item["ts"]),
            person=str(event.get("user")),
            now=services.now(),
        )
        if found is not None:
            for like in session.exec(
                select(Like).where(Like.person_id == found.person_id, Like.run_id == found.run_id)
                .where(Like.kind == found.kind, Like.target == found.target)
            ):  # fmt: skip
                session.delete(like)


def joined(session: Session, services: Services, body: Mapping[str, Any]) -> None:
    """Somebody came into a channel; when it is the bot, it learns who is there."""
    event = body["event"]
    if event["user"] == services.bot_user:
        channel_changed(session, services, body)
    else:
        directory.joined(session, event["channel"], event["user"])


def left(session: Session, services: Services, body: Mapping[str, Any]) -> None:
    """Somebody left a channel."""
    event = body["event"]
    if event["user"] == services.bot_user:
        directory.gone(session, event["channel"])
    else:
        directory.left(session, event["channel"], event["user"])


def channel_changed(session: Session, services: Services, body: Mapping[str, Any]) -> None:
    """Renamed, archived, made private, left: read it again."""
    channel = body["event"].get("channel")
    channel_id = channel.get("id") if isinstance(channel, Mapping) else channel
    if channel_id:
        directory.read_channel(session, services, str(channel_id))
        known = session.get(Channel, str(channel_id))
        if known is not None and known.is_member and not known.is_archived:
            runs.retell(session, known.id, known.name, now=services.now())


def home_opened(session: Session, services: Services, body: Mapping[str, Any]) -> None:
    """App Home shows what its person runs and has open; the Messages tab suggests what to ask."""
    event = body["event"]
    if event.get("tab") == "home":
        app_home.publish(session, services, str(event["user"]))
    elif event.get("tab") == "messages":
        agent.suggest(session, services, str(event["user"]), str(event["channel"]))


def access_lost(session: Session, services: Services, body: Mapping[str, Any]) -> None:
    """The app was removed or its token revoked: `doctor` tells what to do."""
    del session, services
    log.error("slack_access_lost", extra={"kind": body["event"].get("type")})


def _direct(session: Session, services: Services, body: Mapping[str, Any]) -> None:
    """In direct messages every message is asked of the bot."""
    event = body["event"]
    text = str(event.get("text") or "")
    asked = without_mention(text, services.bot_user)
    thread = thread_at(session, str(event["channel"]), str(event.get("thread_ts") or ""))
    if thread is not None and asked is None:
        _receive(session, services, event)  # a private run's own thread
    elif text.strip():
        _answer(session, services, body, asked or text, thread_ts=event.get("thread_ts") or event["ts"])
    elif files_of(event):
        channel, ts = str(event["channel"]), str(event["ts"])
        told = Message(
            text="I keep voice memos and files of a run. Post this one in the run's thread, please."
        )
        place = event.get("thread_ts") or ts
        outbox.post(
            session, notes.ANSWER.format(channel, ts), channel, told, now=services.now(), thread_ts=place
        )


def _answer(
    session: Session, services: Services, body: Mapping[str, Any], asked: str, *, thread_ts: str
) -> None:
    event = body["event"]
    channel = str(event["channel"])
    answer = _asked(session, services, body, asked, thread_ts=thread_ts)
    key = notes.ANSWER.format(channel, event["ts"])
    outbox.post(session, key, channel, answer, now=services.now(), thread_ts=thread_ts)


def _asked(
    session: Session, services: Services, body: Mapping[str, Any], asked: str, *, thread_ts: str
) -> Message:
    event = body["event"]
    channel = str(event["channel"])
    try:
        return commands.answer(
            session,
            services,
            asked,
            person=str(event["user"]),
            channel=channel,
            public=True,
            thread=thread_at(session, channel, thread_ts),
            message_ts=str(event["ts"]),
            with_models=bool(body.get("_with_models")),
        )
    except NeedsModels:  # goes on in another process, in a moment
        agent.working(services, channel, thread_ts, "is searching…", agent.SEARCHING)
        raise


def _memo(event: Mapping[str, Any]) -> bool:
    return any(is_memo(file) for file in files_of(event))
