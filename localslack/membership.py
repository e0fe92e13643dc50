"""Conversations come and go: create, join, leave, archive, rename, convert; apps come and go too."""

import re

from localslack import render
from localslack.values import App, Json, Refused
from localslack.workspace import Workspace

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


def create(ws: Workspace, user: str, name: str, *, is_private: bool) -> Json:
    _check_name(ws, name)
    channel = {
        "id": ws.state.new_id("C"),
        "name": name,
        "is_private": is_private,
        "members": [user],
        "creator": user,
        "created": int(float(ws.state.next_ts())),
    }
    ws.state.save_channel(channel)
    _show(ws, channel)
    event = {
        "type": "channel_created",
        "channel": {each: channel[each] for each in ("id", "name", "created", "creator")},
    }
    if not is_private:
        ws.tell_apps(event, subscription="channel_created", scope="channels:read")
    return channel


def join(ws: Workspace, channel: Json, user: str, *, inviter: str | None = None) -> Json:
    if channel.get("is_archived"):
        raise Refused("is_archived")
    if user in channel["members"]:
        return channel
    channel = _save(ws, channel, members=[*channel["members"], user])
    event = {"type": "member_joined_channel", "user": user, **_where(ws, channel)}
    if inviter:
        event["inviter"] = inviter
    ws.tell_apps(event, subscription="member_joined_channel", channel=channel, scope=_read_scope(channel))
    _narrate(ws, channel, user, "join", f"<@{user}> has joined the channel")
    return channel


def leave(ws: Workspace, channel: Json, user: str) -> Json:
    if user not in channel["members"]:
        raise Refused("not_in_channel")
    _narrate(ws, channel, user, "leave", f"<@{user}> has left the channel")
    event = {"type": "member_left_channel", "user": user, **_where(ws, channel)}
    ws.tell_apps(event, subscription="member_left_channel", channel=channel, scope=_read_scope(channel))
    kind = "group_left" if channel.get("is_private") else "channel_left"
    for app in ws.state.active_apps():
        if app.bot_user == user and kind in app.events:
            ws.delivery.event(app, {"type": kind, "channel": channel["id"], "event_ts": ws.state.next_ts()})
    return _save(ws, channel, members=[each for each in channel["members"] if each != user])


def archive(ws: Workspace, channel: Json, user: str, *, archived: bool) -> Json:
    word = "archive" if archived else "unarchive"
    if bool(channel.get("is_archived")) == archived:
        raise Refused("already_archived" if archived else "not_archived")
    if archived:
        _narrate(ws, channel, user, word, f"<@{user}> archived the channel")
    channel = _save(ws, channel, is_archived=archived)
    _tell_public(ws, channel, word, {"channel": channel["id"], "user": user})
    return channel


def rename(ws: Workspace, channel: Json, user: str, name: str) -> Json:
    _check_name(ws, name)
    old = channel["name"]
    channel = _save(ws, channel, name=name, previous_names=[old, *channel.get("previous_names", [])])
    named = {"id": channel["id"], "name": name, "created": channel.get("created", 0)}
    _tell_public(ws, channel, "rename", {"channel": named})
    text = f'<@{user}> has renamed the channel from "{old}" to "{name}"'
    _narrate(ws, channel, user, "name", text)
    return channel


def convert(ws: Workspace, channel: Json, user: str) -> Json:
    """Make a public channel private; Slack tells it as a message of its own kind."""
    channel = _save(ws, channel, is_private=True)
    content = {"user": user, "subtype": "channel_convert_to_private", "text": "made this channel *private*"}
    ws.post(channel, content)
    return channel


def share(ws: Workspace, channel: Json) -> Json:
    """Connect a channel with another organisation (Slack Connect)."""
    channel = _save(ws, channel, is_ext_shared=True)
    event = {"type": "channel_shared", "connected_team_id": "T0PARTNER", "channel": channel["id"]}
    ws.tell_apps(event, subscription="channel_shared", channel=channel, scope=_read_scope(channel))
    return channel


def set_topic(ws: Workspace, channel: Json, user: str, topic: str) -> Json:
    channel = _save(ws, channel, topic=topic)
    _narrate(ws, channel, user, "topic", f"<@{user}> set the channel topic: {topic}")
    return channel


def install(ws: Workspace, app: App, *, installed: bool) -> None:
    """Uninstalling revokes the tokens and takes the bot out of every conversation."""
    if installed:
        ws.state.revoke(app, revoked=False)
        return
    revoked = {"oauth": [], "bot": [app.bot_user]}
    for event in ({"type": "tokens_revoked", "tokens": revoked}, {"type": "app_uninstalled"}):
        if event["type"] in app.events:
            ws.delivery.event(app, {**event, "event_ts": ws.state.next_ts()})
    for channel in list(ws.state.channels.values()):
        if app.bot_user in channel["members"]:
            _save(ws, channel, members=[each for each in channel["members"] if each != app.bot_user])
    ws.state.revoke(app, revoked=True)


def deactivate(ws: Workspace, user: str, *, deleted: bool) -> None:
    changed = {**ws.state.user(user), "deleted": deleted, "updated": int(float(ws.state.next_ts()))}
    ws.state.save_user(changed)
    event = {"type": "user_change", "user": render.user(ws.state, changed)}
    ws.tell_apps(event, subscription="user_change", scope="users:read")
    if deleted:
        for channel in list(ws.state.channels.values()):
            if user in channel["members"] and not channel.get("is_im"):
                leave(ws, channel, user)


def _save(ws: Workspace, channel: Json, **changes: object) -> Json:
    changed = {**channel, **changes, "updated": int(float(ws.state.next_ts()) * 1000)}
    ws.state.save_channel(changed)
    _show(ws, changed, *channel["members"])
    return changed


def _show(ws: Workspace, channel: Json, *others: str) -> None:
    for user in ws.state.users:
        if user in others or ws.state.visible(channel, user):
            shown = {**render.channel(ws.state, channel, user), "members": channel["members"]}
            ws.stream.push([user], {"type": "channel_changed", "channel": shown})


def _narrate(ws: Workspace, channel: Json, user: str, what: str, text: str) -> None:
    prefix = "group" if channel.get("is_private") else "channel"
    ws.post(channel, {"user": user, "subtype": f"{prefix}_{what}", "text": text})


def _tell_public(ws: Workspace, channel: Json, word: str, fields: Json) -> None:
    """A public channel's fate concerns every app, a private one's only those inside."""
    private = bool(channel.get("is_private"))
    kind = f"{'group' if private else 'channel'}_{word}"
    event = {"type": kind, **fields}
    ws.tell_apps(event, subscription=kind, channel=channel if private else None, scope=_read_scope(channel))


def _where(ws: Workspace, channel: Json) -> Json:
    letter = "G" if channel.get("is_private") else "C"
    return {"channel": channel["id"], "channel_type": letter, "team": ws.state.team["id"]}


def _read_scope(channel: Json) -> str:
    return "groups:read" if channel.get("is_private") else "channels:read"


def _check_name(ws: Workspace, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Refused("invalid_name_specials")
    if any(each.get("name") == name for each in ws.state.channels.values()):
        raise Refused("name_taken")
