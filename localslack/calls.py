"""One Web API call: its arguments read, its caller known, its refusals in Slack's words."""

import base64
import binascii
import json
from dataclasses import dataclass, replace
from typing import Any

from localslack import render
from localslack.methods import FLAGS, NUMBERS, STRUCTURES, Method
from localslack.values import App, Json, Refused
from localslack.workspace import Workspace

_TRUE, _FALSE = ("1", "true", "True"), ("0", "false", "False", "")
_SIDES = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}
_FORMAT_ERRORS = {"blocks": "invalid_blocks_format", "metadata": "invalid_metadata_format"}


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a handler works with."""

    ws: Workspace
    app: App
    method: str
    args: Json

    def text(self, name: str) -> str:
        return str(self.args.get(name, ""))

    def need_scope(self, *scopes: str) -> None:
        """Refuse unless the app holds one of these scopes."""
        if not self.app.has_any(*scopes):
            provided = ",".join(sorted(self.app.scopes))
            raise Refused("missing_scope", needed=",".join(scopes), provided=provided)

    def channel(self, name: str = "channel", *, reading: str = "") -> Json:
        """The conversation named by an argument, if the bot may know of it; `reading` is its scope's verb."""
        channel = self._find(self.text(name))
        hidden = any(channel.get(each) for each in ("is_private", "is_im", "is_mpim"))
        if hidden and self.app.bot_user not in channel["members"]:
            raise Refused("channel_not_found")
        if reading:
            self.need_scope(f"{_SIDES[render.kind(channel)]}:{reading}")
        return channel

    def _find(self, name: str) -> Json:
        state = self.ws.state
        if name in state.channels:
            return state.channels[name]
        if name in state.users and self.method.startswith("chat."):
            return state.direct([name, self.app.bot_user])
        for channel in state.channels.values():
            if channel.get("name") == name.removeprefix("#") and not channel.get("is_mpim"):
                return channel
        raise Refused("channel_not_found")

    def writable(self, name: str = "channel") -> Json:
        """The conversation to write to: the bot must be in it and it must be open."""
        channel = self.channel(name)
        if channel.get("is_archived"):
            raise Refused("is_archived")
        if self.app.bot_user not in channel["members"]:
            raise Refused("not_in_channel")
        if channel.get("is_im") and not self.app.messages_tab:
            raise Refused("messages_tab_disabled")
        return channel

    def naming(self, **args: str) -> "Call":
        """The same call with other arguments, for methods that name several conversations."""
        return replace(self, args={**self.args, **args})


def parse(method: Method, raw: Json) -> Json:
    """Type the arguments; unknown and missing ones are refused by name."""
    # Bolt's clients send team_id with every call; Slack reads it where it means something.
    unknown = raw.keys() - method.required - method.optional - {"team_id"}
    # An empty status is how an app takes its status back.
    blank = [name for name in sorted(method.required) if raw.get(name) in (None, "", [])]
    missing = [name for name in blank if name != "status" or name not in raw]
    if unknown or missing:
        raise Refused(
            "invalid_arguments",
            *(f"[ERROR] missing required field: {name}" for name in missing),
            *(f"[ERROR] unknown argument: {name}" for name in sorted(unknown)),
        )
    return {name: _typed(name, value) for name, value in raw.items() if value is not None}


def _typed(name: str, value: Any) -> Any:  # noqa: ANN401
    if name in FLAGS and not isinstance(value, bool):
        if str(value) not in _TRUE + _FALSE:
            raise Refused("invalid_arguments", f"[ERROR] must be a boolean [json-pointer:/{name}]")
        return str(value) in _TRUE
    if name in NUMBERS:
        try:
            return int(value)
        except (TypeError, ValueError):
            raise Refused("invalid_arguments", f"[ERROR] must be a number [json-pointer:/{name}]") from None
    if name in STRUCTURES and isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            if name in _FORMAT_ERRORS:
                raise Refused(_FORMAT_ERRORS[name]) from None
            raise Refused("invalid_arguments", f"[ERROR] must be valid JSON [json-pointer:/{name}]") from None
    return value if name in STRUCTURES | FLAGS else _string(name, value)


def _string(name: str, value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, (dict, list)) and name not in ("users", "channels", "types"):
        raise Refused("invalid_arguments", f"[ERROR] must provide a string [json-pointer:/{name}]")
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def page(items: list[Any], args: Json, *, default: int = 100, most: int = 1000) -> tuple[list[Any], str]:
    """One page of a list and the cursor of the next, as `conversations.list` and its kin page."""
    limit = args.get("limit", default)
    if not 0 < limit <= most:
        raise Refused("invalid_limit")
    start = 0
    if args.get("cursor"):
        try:
            start = int(base64.b64decode(args["cursor"], validate=True).decode().removeprefix("next:"))
        except (binascii.Error, UnicodeDecodeError, ValueError):
            raise Refused("invalid_cursor") from None
    following = start + limit
    cursor = base64.b64encode(f"next:{following}".encode()).decode() if following < len(items) else ""
    return items[start:following], cursor
