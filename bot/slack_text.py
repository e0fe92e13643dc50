"""Slack's message text as people mean it: entities resolved, runs named in it found, the bot's own mention taken off."""

import re
from collections.abc import Callable, Mapping, Sequence
from html import unescape

_ENTITY = re.compile(r"<([^<>\n]+)>")
_RUN_REF = re.compile(r"(?<![\w/])([\w.-]+)?(?:/|#)(\d{1,7})\b")
_PERMALINK = re.compile(r"/archives/([A-Z0-9]+)/p(\d{16})(?:\?thread_ts=(\d+\.\d+))?")
_URL = re.compile(r"<(https?://[^|>\s]+)(?:\|([^>]*))?>")


def plain(text: str, *, person_name: Callable[[str], str | None] = lambda _: None) -> str:
    """What a person typed: `<@U1>` becomes @name, links their label or address, `&lt;` a `<`; code and quotes stay."""

    def said(match: re.Match[str]) -> str:
        body, _, label = match.group(1).partition("|")
        if body.startswith("@"):
            return f"@{person_name(body[1:]) or label or 'somebody'}"
        if body.startswith("#"):
            return f"#{label or body[1:]}"
        if body.startswith("!"):
            return label or f"@{body[1:].split('^')[0]}"
        return f"{label} ({body})" if label and label not in body else body.removeprefix("mailto:")

    return unescape(_ENTITY.sub(said, text)).strip()


def without_mention(text: str, bot_user: str) -> str | None:
    """What follows the bot's mention when the message begins with it; None when it does not."""
    match = re.match(rf"\s*<@{re.escape(bot_user)}(?:\|[^>]*)?>[\s,:]*", text)
    return text[match.end() :] if match else None


def run_refs(text: str) -> list[tuple[str | None, int]]:
    """Runs named by number: ("vision", 42) for `vision/42`, (None, 42) for `#42`; links are left alone."""
    bare = re.sub(r"https?://\S+", " ", text)
    found = []
    for match in _RUN_REF.finditer(bare):
        project, number = match.group(1), int(match.group(2))
        if project is None and match.group(0)[0] == "/":
            continue
        found.append((project, number))
    return list(dict.fromkeys(found))


def permalinks(text: str) -> list[tuple[str, str]]:
    """Slack messages linked to: (channel, ts of the thread's parent, or of the message itself)."""
    found = []
    for channel, packed, thread in _PERMALINK.findall(unescape(text)):
        found.append((channel, thread or f"{packed[:10]}.{packed[10:]}"))
    return found


def links(text: str) -> list[tuple[str, str | None]]:
    """Addresses in a message: (url, label)."""
    return [(unescape(url), label or None) for url, label in _URL.findall(text)]


AUDIO_ENDINGS = (  # of sound and film: Slack's mimetype may be empty
    *(".m4a", ".mp3", ".wav", ".ogg", ".oga", ".opus", ".webm", ".flac", ".aac", ".aiff", ".caf", ".amr"),
    *(".mp4", ".m4v", ".mov", ".mkv"),
)


def is_memo(file: Mapping[str, object]) -> bool:
    """A voice clip recorded in Slack; clients disagree about its mimetype (reference: Slack's own payloads)."""
    name = str(file.get("name") or "")
    return file.get("subtype") == "slack_audio" or name.startswith("audio_message")


def is_audio(file: Mapping[str, object]) -> bool:
    """Sound or video somebody dropped in: it may be a memo, its poster decides."""
    kind = str(file.get("mimetype") or "")
    name = str(file.get("name") or "").lower()
    return (
        kind.startswith(("audio/", "video/"))
        or file.get("media_display_type") == "audio"
        or name.endswith(AUDIO_ENDINGS)
    )


def artifact_kind(file: Mapping[str, object]) -> str | None:
    """What an image or a table in a reply becomes; None for anything else."""
    kind, name = str(file.get("mimetype") or ""), str(file.get("name") or "").lower()
    if kind.startswith("image/"):
        return "image"
    if kind in ("text/csv", "text/tab-separated-values") or name.endswith((".csv", ".tsv", ".parquet")):
        return "table"
    return None


def files_of(event: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    """A message's files."""
    files = event.get("files")
    return [file for file in files if isinstance(file, Mapping)] if isinstance(files, list) else []
