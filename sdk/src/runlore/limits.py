"""What the server takes of an event's fields: longer ones are cut where they are written, so that none is refused for its length."""

import json
from collections.abc import Mapping
from typing import Any

from runlore import values

NAME, TEXT = 250, 20_000
NAMES = frozenset(
    "name group fork_of host login metric kind title commit branch python format fingerprint".split()
)
TEXTS = frozenset("notes text entry filters source location command subject remote cause resume".split())
LISTS = frozenset(("tags", "add", "remove"))


def fit(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The same fields, as text where the server wants text and no longer than it takes."""
    found = dict(fields)
    for name, value in fields.items():
        if value is None:
            continue
        if name in NAMES:
            found[name] = cut(visible(value), NAME) or None
        elif name in TEXTS:
            found[name] = cut(said(value), TEXT)
        elif name in LISTS:
            found[name] = [word for word in (cut(visible(one), NAME) for one in value) if word]
    return found


def said(value: Any) -> str:
    """A value as text: what has parts as JSON."""
    if isinstance(value, (Mapping, list, tuple, set, frozenset)):
        return json.dumps(values.plain(value), default=str)
    return values.text(value) or str(value)


def visible(value: Any) -> str:
    """A value as text without zero characters, which no database keeps."""
    return said(value).replace("\0", "")


def cut(text: str, length: int) -> str:
    """The text itself, or its beginning and a sign that there was more."""
    return text if len(text) <= length else text[: length - 1] + "…"
