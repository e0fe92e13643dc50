"""What Slack sends as text, as words: entities resolved, quotes kept together."""

import re
from dataclasses import dataclass
from html import unescape

from bot.blocks import clean

QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "\u00a0": " "})
LEADING_MENTION = re.compile(r"^\s*<@[UW][A-Z0-9]+(?:\|[^>]*)?>[\s,:]*")
PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|([^>]*))?>")
LINK = re.compile(r"<(https?://[^|>\s]+)(?:\|([^>]*))?>")
OTHER = re.compile(r"<[#!]([^|>]*)(?:\|([^>]*))?>")
WORD = re.compile(r'(?:[^\s"]|"[^"]*")+|"[^"]*$')


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A word, or several in quotes."""

    text: str
    quoted: bool = False


def prepare(text: str) -> str:
    """The text as it was typed, less a mention of the bot at its beginning.

    People stay as `@U0ANA`, so that no display name can be mistaken for another.
    """
    text = LEADING_MENTION.sub("", clean(text).translate(QUOTES))
    text = PERSON.sub(lambda found: f"@{found[1]}", text)
    text = LINK.sub(linked, text)
    text = OTHER.sub(lambda found: found[2] or found[1], text)
    return unescape(text).strip()


def linked(found: re.Match[str]) -> str:
    """An address with its label; Slack's own linking of train.py undone."""
    address, label = found[1], found[2]
    if not label or "/archives/" in address:
        return str(address)
    return str(label) if address.split("://", 1)[1].rstrip("/") == label else f"{address} {label}"


def tokens(text: str) -> list[Token]:
    """The words of a text; a quotation is one word, also behind a key: tag:"label smoothing"."""
    found = []
    for word in WORD.findall(text):
        bare = word.replace('"', "")
        if bare.strip():
            found.append(Token(text=bare, quoted=word.startswith('"')))
    return found
