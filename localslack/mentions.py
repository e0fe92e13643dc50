"""Turns what a person types into Slack's message text and its minimal rich_text."""

import re

from localslack.state import State
from localslack.values import Json

_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_URL = re.compile(r"(?<![<|\w])https?://[^\s<>|]+[^\s<>|.,;:!?)\]'\"]")
_AT = re.compile(r"(?<![\w@<])@([\w][\w.-]*)")
_HASH = re.compile(r"(?<![\w#<&])#([a-z0-9][\w-]*)")
_TOKEN = re.compile(r"<([@#!]?)([^>|]+)(?:\|([^>]*))?>|:([a-z0-9_+'-]+):")
_BROADCASTS = ("channel", "here", "everyone")


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def encode(state: State, typed: str) -> str:
    """Escape `& < >` and turn @names, #channels and addresses into Slack's angle brackets, outside code."""
    parts: list[str] = []
    end = 0
    for code in _CODE.finditer(typed):
        parts += [_encode_plain(state, typed[end : code.start()]), escape(code.group())]
        end = code.end()
    return "".join([*parts, _encode_plain(state, typed[end:])])


def _encode_plain(state: State, typed: str) -> str:
    people = {name.lower(): user["id"] for user in state.users.values() for name in _names(user)}
    channels = {each["name"]: each["id"] for each in state.channels.values() if "name" in each}

    def person(match: re.Match[str]) -> str:
        name = str(match[1]).lower()
        if name in _BROADCASTS:
            return f"<!{name}>"
        for candidate in (name, name.rstrip(".-")):
            if candidate in people:
                return f"<@{people[candidate]}>{match[1][len(candidate) :]}"
        return str(match[0])

    def place(match: re.Match[str]) -> str:
        return f"<#{channels[match[1]]}|{match[1]}>" if match[1] in channels else match[0]

    parts: list[str] = []
    end = 0
    for url in _URL.finditer(typed):
        plain = escape(typed[end : url.start()])
        parts += [_HASH.sub(place, _AT.sub(person, plain)), f"<{escape(url.group())}>"]
        end = url.end()
    return "".join([*parts, _HASH.sub(place, _AT.sub(person, escape(typed[end:])))])


def _names(user: Json) -> list[str]:
    real = str(user.get("real_name") or user["name"])
    return [user["name"], real.replace(" ", "")]


def rich_text(text: str, *, block_id: str) -> Json:
    """The `rich_text` block that Slack's composer sends along: text, links, mentions and emoji."""
    elements: list[Json] = []
    end = 0
    for token in _TOKEN.finditer(text):
        if token.start() > end:
            elements.append({"type": "text", "text": unescape(text[end : token.start()])})
        elements.append(_element(token))
        end = token.end()
    if end < len(text):
        elements.append({"type": "text", "text": unescape(text[end:])})
    section = {"type": "rich_text_section", "elements": elements}
    return {"type": "rich_text", "block_id": block_id, "elements": [section]}


def _element(token: re.Match[str]) -> Json:
    sign, name, label, emoji = token.groups()
    if emoji:
        return {"type": "emoji", "name": emoji}
    if sign == "@":
        return {"type": "user", "user_id": name}
    if sign == "#":
        return {"type": "channel", "channel_id": name}
    if sign == "!":
        return {"type": "broadcast", "range": name}
    link: Json = {"type": "link", "url": unescape(name)}
    return link | {"text": unescape(label)} if label else link
