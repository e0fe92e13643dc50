"""The demo's people at their keyboards: what a person types, drops and taps in the workspace's page, over its client API."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from bot.errors import RunloreError
from bot.plain_text import plain_text, readable

Json = dict[str, Any]


class Keyboard:
    """One page of the workspace; every call names the person who acts."""

    def __init__(self, page: str) -> None:
        self._page = page.rstrip("/")

    def post(
        self, user: str, channel: str, text: str, *, thread_ts: str | None = None, files: Sequence[str] = ()
    ) -> str:
        """Say something; returns the message's ts."""
        said = {"user": user, "channel": channel, "text": text, "thread_ts": thread_ts, "files": list(files)}
        return str(self._do("post", said)["ts"])

    def drop_memo(self, user: str, channel: str, audio: Path, *, thread_ts: str) -> str:
        """Record a clip into a thread."""
        query = urlencode({"user": user, "name": audio.name, "subtype": "slack_audio"})
        file = self._send(f"upload?{query}", audio.read_bytes(), "application/octet-stream")["file"]
        return self.post(user, channel, "", thread_ts=thread_ts, files=[str(file["id"])])

    def command(self, user: str, channel: str, text: str) -> None:
        """Type `/runs …`."""
        self._do("command", {"user": user, "channel": channel, "command": "/runs", "text": text})

    def channels(self, user: str) -> list[Json]:
        """What the sidebar shows."""
        return list(self._get("boot", user=user)["channels"])

    def messages(self, user: str, channel: str) -> list[Json]:
        """A channel, oldest first; ephemerals of this person included."""
        return list(self._get("history", user=user, channel=channel)["messages"])

    def thread(self, user: str, channel: str, ts: str) -> list[Json]:
        """A thread, its parent first."""
        return list(self._get("replies", user=user, channel=channel, ts=ts)["messages"])

    def find(self, user: str, channel: str, words: Callable[[str], bool], *, seconds: float) -> Json | None:
        """The first message of a channel whose text fits, waited for."""
        deadline = time.monotonic() + seconds
        while True:
            for message in self.messages(user, channel):
                if words(shown(message)):
                    return message
            if time.monotonic() > deadline:
                return None
            time.sleep(0.2)

    def find_reply(
        self, user: str, channel: str, ts: str, words: Callable[[str], bool], *, seconds: float
    ) -> Json | None:
        """The same in a thread."""
        deadline = time.monotonic() + seconds
        while True:
            for message in self.thread(user, channel, ts)[1:]:
                if words(shown(message)):
                    return message
            if time.monotonic() > deadline:
                return None
            time.sleep(0.2)

    def as_text(self, user: str, channel: Mapping[str, Any], names: Mapping[str, str]) -> str:
        """A channel as text: threads indented, cards readable."""
        lines = [f"━━ #{channel['name']} " + "━" * 50]
        for message in self.messages(user, str(channel["id"])):
            lines += _lines(message, names, indent="")
            if message.get("reply_count"):
                for reply in self.thread(user, str(channel["id"]), str(message["ts"]))[1:]:
                    lines += _lines(reply, names, indent="   │ ")
        return "\n".join(lines)

    def _get(self, call: str, **query: str) -> Json:
        return self._answer(Request(f"{self._page}/client/{call}?{urlencode(query, quote_via=quote)}"))  # noqa: S310

    def _do(self, call: str, body: Json) -> Json:
        return self._send(call, json.dumps(body).encode(), "application/json")

    def _send(self, call: str, data: bytes, kind: str) -> Json:
        return self._answer(
            Request(f"{self._page}/client/{call}", data=data, headers={"Content-Type": kind}, method="POST")  # noqa: S310
        )

    def _answer(self, request: Request) -> Json:
        try:
            with urlopen(request, timeout=15) as answer:  # noqa: S310  the demo's own workspace
                told: Json = json.load(answer)
        except HTTPError as error:
            raise RunloreError(f"The workspace answered {error.code} to {request.full_url}") from error
        if not told.get("ok"):
            raise RunloreError(f"The workspace says: {told.get('error')}")
        return told


def shown(message: Mapping[str, Any]) -> str:
    """All a message shows, and its reactions."""
    reactions = " ".join(f":{one['name']}:" for one in message.get("reactions") or [])
    return f"{plain_text(str(message.get('text') or ''), message.get('blocks') or [])} {reactions}".strip()


def _lines(message: Mapping[str, Any], names: Mapping[str, str], *, indent: str) -> list[str]:
    who = names.get(str(message.get("user")), str(message.get("user")))
    clock = time.strftime("%H:%M:%S", time.localtime(float(message["ts"])))
    private = "  (only visible to one person)" if message.get("is_ephemeral") else ""
    files = [f"🎧 {file['name']}" for file in message.get("files") or []]
    # A person's own blocks only repeat the text.
    text = plain_text(
        str(message.get("text") or ""), (message.get("blocks") or []) if message.get("bot_id") else []
    )
    for slack_id, name in names.items():
        text = text.replace(f"<@{slack_id}>", f"@{name}")
    reactions = " ".join(f":{one['name']}:" for one in message.get("reactions") or [])
    body = [*readable(text).splitlines(), *files, *([reactions] if reactions else [])]
    return [f"{indent}{who} {clock}{private}", *(f"{indent}  {line}" for line in body), indent.rstrip()]
