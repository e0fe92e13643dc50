"""What a person has not read yet in a conversation, and how often it calls upon them."""

import re

from localslack.values import Json
from localslack.workspace import Workspace


def counts(ws: Workspace, channel: Json, me: str) -> Json:
    """The sidebar's numbers: bold from one unread message on, a badge for those that call upon me."""
    read = channel.get("last_read", {}).get(me, "0")
    unread = [
        each
        for each in ws.top_level(channel["id"])
        if each["ts"] > read and each.get("user") != me and "ephemeral_to" not in each
    ]
    calls = re.compile(rf"<@{re.escape(me)}>|<!(?:channel|here|everyone)>")
    mentions = sum(bool(calls.search(each.get("text", ""))) for each in unread)
    return {"unread_count": len(unread), "mention_count": mentions}
