"""Pictures inside messages: uploaded for the message alone, shown by it to whoever sees it."""

import logging
import time

from bot.blocks import Block, flat, plain
from bot.errors import SlackBusy, SlackDoubtful, SlackRefused
from bot.messenger import Messenger

log = logging.getLogger(__name__)

READY_WITHIN = 4.0  # seconds in which Slack has looked at an upload; before, it refuses to show it
LOOKS_EVERY = 0.2


def picture(messenger: Messenger, name: str, png: bytes | None, *, title: str) -> list[Block]:
    """The block that shows a PNG; none where there is nothing to show or Slack does not take it."""
    if png is None:
        return []
    try:
        answer = messenger.upload(name, png, channel=None, thread_ts=None, comment=None)
        file = str((answer.get("files") or [{}])[0].get("id") or "")
        if not file or not _ready(messenger, file):
            return []
    except (SlackRefused, SlackBusy, SlackDoubtful) as problem:
        log.warning("picture_not_shown", extra={"reason": str(problem)})
        return []
    words = flat(title, 150) or "picture"
    return [{"type": "image", "slack_file": {"id": file}, "alt_text": words, "title": plain(words, 150)}]


def _ready(messenger: Messenger, file: str) -> bool:
    """Slack works on uploads after it took them."""
    until = time.monotonic() + READY_WITHIN
    while True:
        info = messenger.call("files.info", {"file": file}).get("file") or {}
        if str(info.get("mimetype") or "").startswith("image/"):
            return True
        if time.monotonic() > until:
            return False
        time.sleep(LOOKS_EVERY)
