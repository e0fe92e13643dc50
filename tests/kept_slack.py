"""Slack behind its port, kept in memory: may be away, may lose its answers, may lack canvases."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.errors import SlackBusy, SlackDoubtful, SlackRefused


class Died(Exception):
    """The process that was sending is gone."""


class KeptSlack:
    """The port to Slack, kept in memory: may be away, may lose its answers, may lack canvases."""

    def __init__(self) -> None:
        self.away = self.loses_answers = False
        self.dies: str | None = None  # whoever sends the next message: "before" Slack has it, or "after"
        self.canvases = True
        self.messages: list[dict[str, Any]] = []
        self.files: list[tuple[str, str, str | None]] = []

    def call(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if self.away:
            raise SlackBusy(1.0)
        match method:
            case "chat.postMessage":
                dies, self.dies = self.dies, None
                if dies == "before":
                    raise Died
                ts = f"{len(self.messages) + 1}.0"
                self.messages.append({**body, "ts": ts})
                if dies == "after":
                    raise Died
                if self.loses_answers:
                    raise SlackDoubtful("the answer was lost")
                return {"channel": body["channel"], "ts": ts}
            case "conversations.history" | "conversations.replies":
                return {"messages": self.messages}
            case "canvases.create":
                if not self.canvases:
                    raise SlackRefused("free_teams_cannot_create_standalone_canvases")
                self.canvas = str(body["document_content"]["markdown"])
                return {"canvas_id": "F0CANVAS"}
            case "canvases.access.set":
                assert body["channel_ids"] == ["C0VISION"]
                return {}
            case "files.info":
                return {"file": {"permalink": "https://acme.slack.com/docs/T0/F0CANVAS"}}
        raise SlackRefused(f"{method} is not known here")

    def permalink(self, channel: str, ts: str) -> str | None:
        return None

    def respond(self, url: str, body: Mapping[str, Any]) -> None:
        raise AssertionError

    def download(self, url: str, target: Path, *, limit: int) -> None:
        raise AssertionError

    def upload(
        self, name: str, data: bytes, *, channel: str | None, thread_ts: str | None, comment: str | None
    ) -> dict[str, Any]:
        self.files.append((name, data.decode(), thread_ts))
        return {}

    def texts(self) -> list[str]:
        return [str(message["text"]) for message in self.messages]
