"""Who is where: people, channels and memberships as Slack tells them; the ground that visibility stands on."""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from bot import people
from bot.errors import RunloreError, SlackRefused
from bot.messenger import Messenger
from bot.wiring import Services
from storage.memory import Channel, Membership
from storage.tables import Project

log = logging.getLogger(__name__)

PAGE = 200


def reconcile(services: Services) -> int | None:
    """Read people, our channels and their members from Slack; returns how many channels were told, None without an answer.

    Then nothing changes: what is older than two hours stops being trusted by itself.
    """
    try:
        users = list(_pages(services.messenger, "users.list", "members", {}))
        channels = list(
            _pages(
                services.messenger,
                "conversations.list",
                "channels",
                {"types": "public_channel,private_channel", "exclude_archived": "false"},
            )
        )
        members = {
            channel["id"]: list(
                _pages(services.messenger, "conversations.members", "members", {"channel": channel["id"]})
            )
            for channel in channels
            if channel.get("is_member")
        }
    except RunloreError as error:
        log.warning("directory_not_read", extra={"reason": str(error)})
        return None
    now = services.now()
    with services.database.session() as session:
        people.learn(session, users, now=now, team=services.team)
        for channel in channels:
            _write(session, channel, members.get(channel["id"]), now=now)
        _adopt_default(session, services)
    return len(channels)


def meet(session: Session, services: Services, slack_id: str) -> None:
    """Somebody not known yet: ask Slack who they are; without an answer they see what a guest sees."""
    if people.known(session, slack_id):
        return
    try:
        user = services.messenger.call("users.info", {"user": slack_id}).get("user")
    except RunloreError as error:
        log.info("person_not_read", extra={"reason": str(error)})
        return
    if user:
        people.learn(session, [user], now=services.now(), team=services.team)


def joined(session: Session, channel: str, slack_id: str) -> None:
    """Somebody came in."""
    statement = insert(Membership).values(channel_id=channel, slack_id=slack_id)
    session.execute(statement.on_conflict_do_nothing())


def gone(session: Session, channel_id: str) -> None:
    """We are no longer in a channel, so who is in it is not known any more."""
    channel = session.get(Channel, channel_id)
    if channel is not None:
        channel.is_member, channel.synced_at = False, None


def left(session: Session, channel: str, slack_id: str) -> None:
    """Somebody went: from now on they see no more of it."""
    session.execute(
        delete(Membership).where(col(Membership.channel_id) == channel, col(Membership.slack_id) == slack_id)
    )


def read_channel(session: Session, services: Services, channel_id: str) -> None:
    """One channel changed (name, archive, privacy) or we came into it: read it again."""
    try:
        told = services.messenger.call("conversations.info", {"channel": channel_id}).get("channel") or {}
    except SlackRefused as refusal:
        log.info("channel_not_read", extra={"channel": channel_id, "reason": refusal.error})
        gone(session, channel_id)
        return
    if told.get("is_im"):
        return
    members = None
    if told.get("is_member"):
        members = list(
            _pages(services.messenger, "conversations.members", "members", {"channel": channel_id})
        )
    _write(session, told, members, now=services.now())
    _adopt_default(session, services)


def channel_by_name(session: Session, name: str) -> Channel | None:
    """A channel by its name or id."""
    bare = name.removeprefix("#")
    return session.exec(select(Channel).where((Channel.id == bare) | (Channel.name == bare))).first()


def _write(session: Session, told: Mapping[str, Any], members: list[str] | None, *, now: datetime) -> None:
    channel = session.get(Channel, told["id"]) or Channel(id=told["id"], name=told.get("name") or told["id"])
    channel.name = told.get("name") or channel.name
    channel.is_private = bool(told.get("is_private"))
    channel.is_shared = bool(told.get("is_ext_shared") or told.get("is_shared"))
    channel.is_archived = bool(told.get("is_archived"))
    channel.is_member = bool(told.get("is_member"))
    session.add(channel)
    if members is None:
        channel.synced_at = None
        return
    channel.synced_at = now
    session.flush()
    session.execute(delete(Membership).where(col(Membership.channel_id) == channel.id))
    if members:
        rows = [{"channel_id": channel.id, "slack_id": member} for member in members]
        session.execute(insert(Membership).values(rows).on_conflict_do_nothing())


def _adopt_default(session: Session, services: Services) -> None:
    """Projects that came before the default channel's id was known get it now."""
    default = channel_by_name(session, services.settings.default_channel)
    if default is not None:
        for project in session.exec(select(Project).where(col(Project.channel_id).is_(None))):
            project.channel_id = default.id


def _pages(messenger: Messenger, method: str, field: str, body: Mapping[str, Any]) -> Iterator[Any]:
    cursor = ""
    while True:
        answer = messenger.call(method, {**body, "limit": PAGE, "cursor": cursor or None})
        yield from answer.get(field) or []
        cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            return
