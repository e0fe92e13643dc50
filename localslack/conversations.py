"""conversations.*: who is where, and what was said."""

from localslack import membership, render
from localslack.calls import Call, page
from localslack.values import Json, Refused

_TYPES = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}
_SCOPES = {
    "public_channel": "channels:read",
    "private_channel": "groups:read",
    "im": "im:read",
    "mpim": "mpim:read",
}


def info(call: Call) -> Json:
    channel = call.channel(reading="read")
    members = bool(call.args.get("include_num_members"))
    return {"channel": render.channel(call.ws.state, channel, call.app.bot_user, members=members)}


def _of_types(call: Call) -> list[Json]:
    wanted = (call.text("types") or "public_channel").split(",")
    kinds = set()
    for each in map(str.strip, wanted):
        if each not in _TYPES:
            raise Refused("invalid_types")
        call.need_scope(_SCOPES[each])
        kinds.add(_TYPES[each])
    found = [each for each in call.ws.state.channels.values() if render.kind(each) in kinds]
    if call.args.get("exclude_archived"):
        found = [each for each in found if not each.get("is_archived")]
    return found


def list_all(call: Call) -> Json:
    bot = call.app.bot_user
    known = [each for each in _of_types(call) if render.kind(each) == "channel" or bot in each["members"]]
    shown, cursor = page(known, call.args)
    channels = [render.channel(call.ws.state, each, bot, members=True) for each in shown]
    return {"channels": channels, "response_metadata": {"next_cursor": cursor}}


def of_user(call: Call) -> Json:
    """users.conversations: what a person is in, as far as the bot may know of it."""
    bot = call.app.bot_user
    user = call.ws.state.user(call.text("user") or bot)["id"]
    known = [
        each
        for each in _of_types(call)
        if user in each["members"] and (render.kind(each) == "channel" or bot in each["members"])
    ]
    shown, cursor = page(known, call.args)
    channels = [render.channel(call.ws.state, each, user) for each in shown]
    return {"channels": channels, "response_metadata": {"next_cursor": cursor}}


def members(call: Call) -> Json:
    channel = call.channel(reading="read")
    shown, cursor = page(channel["members"], call.args)
    return {"members": shown, "response_metadata": {"next_cursor": cursor}}


def _readable(call: Call) -> Json:
    channel = call.channel(reading="history")
    if call.app.bot_user not in channel["members"]:
        raise Refused("not_in_channel")
    return channel


def _moment(call: Call, name: str, default: float) -> float:
    raw = call.text(name)
    try:
        return float(raw) if raw else default
    except ValueError:
        raise Refused(f"invalid_ts_{name}") from None


def _between(call: Call, messages: list[Json]) -> list[Json]:
    oldest, latest = _moment(call, "oldest", 0.0), _moment(call, "latest", float("inf"))
    edge = bool(call.args.get("inclusive"))

    def inside(message: Json) -> bool:
        ts = float(message["ts"])
        return oldest < ts < latest or (edge and ts in (oldest, latest))

    return [each for each in messages if "ephemeral_to" not in each and inside(each)]


def _answer(call: Call, channel: Json, messages: list[Json]) -> Json:
    shown, cursor = page(messages, call.args)
    metadata = bool(call.args.get("include_all_metadata"))
    answer: Json = {
        "messages": [render.message(call.ws.state, channel["id"], each, metadata=metadata) for each in shown],
        "has_more": bool(cursor),
    }
    return answer | {"response_metadata": {"next_cursor": cursor}} if cursor else answer


def history(call: Call) -> Json:
    channel = _readable(call)
    newest_first = list(call.ws.top_level(channel["id"]))[::-1]
    return {**_answer(call, channel, _between(call, newest_first)), "pin_count": len(channel.get("pins", []))}


def replies(call: Call) -> Json:
    channel = _readable(call)
    state, ts = call.ws.state, call.text("ts")
    asked = state.messages[channel["id"]].get(ts)
    if asked is None or "ephemeral_to" in asked:
        raise Refused("thread_not_found")
    root = asked.get("thread_ts", ts)
    found = [
        state.messages[channel["id"]][each] for each in (root, *state.replies.get((channel["id"], root), []))
    ]
    parent, rest = found[:1], _between(call, found[1:])
    return _answer(call, channel, [*parent, *rest])


def open_direct(call: Call) -> Json:
    users = [each for each in call.text("users").split(",") if each]
    if not users:
        if not call.text("channel"):
            raise Refused("users_list_not_supplied")
        channel = call.channel()
    else:
        call.need_scope("im:write" if len(users) == 1 else "mpim:write")
        if len(users) > 8:
            raise Refused("too_many_users")
        for each in users:
            if call.ws.state.user(each).get("deleted"):
                raise Refused("user_disabled")
        channel = call.ws.state.direct([*users, call.app.bot_user])
    if call.args.get("return_im"):
        return {"channel": render.channel(call.ws.state, channel, call.app.bot_user)}
    return {"channel": {"id": channel["id"]}}


def join(call: Call) -> Json:
    channel = call.channel()
    if render.kind(channel) != "channel":
        raise Refused("method_not_supported_for_channel_type")
    already = call.app.bot_user in channel["members"]
    joined = membership.join(call.ws, channel, call.app.bot_user)
    shown = {"channel": render.channel(call.ws.state, joined, call.app.bot_user)}
    warning = {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
    return shown | warning if already else shown


def pin(call: Call) -> Json:
    channel = call.writable()
    if not call.text("timestamp"):
        raise Refused("no_item_specified")
    message = call.ws.state.message(channel["id"], call.text("timestamp"))
    pins = channel.get("pins", [])
    if message["ts"] in pins:
        raise Refused("already_pinned")
    call.ws.state.save_channel({**channel, "pins": [*pins, message["ts"]]})
    return {}


def bookmark(call: Call) -> Json:
    channel = call.channel("channel_id")
    if call.text("type") != "link":
        raise Refused("invalid_bookmark_type")
    if not call.text("link").startswith(("http://", "https://")):
        raise Refused("invalid_link")
    bookmarks = channel.get("bookmarks", [])
    if len(bookmarks) >= 100:
        raise Refused("too_many_bookmarks")
    made = {
        "id": call.ws.state.new_id("Bk"),
        "channel_id": channel["id"],
        "title": call.text("title"),
        "link": call.text("link"),
        "emoji": call.text("emoji"),
        "type": "link",
        "app_id": call.app.id,
    }
    call.ws.state.save_channel({**channel, "bookmarks": [*bookmarks, made]})
    return {"bookmark": made}
