"""reactions.*: emoji on messages."""

import re

from localslack import render
from localslack.calls import Call
from localslack.values import Json, Refused

_NAME = re.compile(r"[\w+'-]{1,100}(::skin-tone-[2-6])?")


def _item(call: Call) -> tuple[Json, str]:
    if not call.text("channel") or not call.text("timestamp"):
        raise Refused("no_item_specified")
    channel = call.channel()
    ts = call.text("timestamp")
    if "ephemeral_to" in call.ws.state.message(channel["id"], ts):
        raise Refused("message_not_found")
    return channel, ts


def _name(call: Call) -> str:
    name = call.text("name").strip(":")
    if not _NAME.fullmatch(name):
        raise Refused("invalid_name")
    return name


def add(call: Call) -> Json:
    channel, ts = _item(call)
    if channel.get("is_archived"):
        raise Refused("is_archived")
    if call.app.bot_user not in channel["members"]:
        raise Refused("not_in_channel")
    call.ws.react(channel, ts, _name(call), call.app.bot_user)
    return {}


def remove(call: Call) -> Json:
    channel, ts = _item(call)
    call.ws.unreact(channel, ts, _name(call), call.app.bot_user)
    return {}


def get(call: Call) -> Json:
    channel, ts = _item(call)
    message = render.message(call.ws.state, channel["id"], call.ws.state.message(channel["id"], ts))
    message["permalink"] = call.ws.permalink(channel["id"], ts)
    return {"type": "message", "channel": channel["id"], "message": message}
