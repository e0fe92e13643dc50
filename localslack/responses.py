"""response_url: what an app may still say to a command or a click for half an hour."""

import secrets
import time
from typing import Any

from localslack.blockids import with_ids
from localslack.blocks import check_message_blocks
from localslack.values import App, Json, Refused
from localslack.workspace import Workspace

_FIELDS = frozenset(
    [
        "text",
        "blocks",
        "attachments",
        "response_type",
        "replace_original",
        "delete_original",
        "thread_ts",
        "metadata",
        "mrkdwn",
        "unfurl_links",
        "unfurl_media",
        "parse",
        "link_names",
    ]
)


def url(ws: Workspace, app: App, user: str, channel: str, *, message: Json | None = None) -> str:
    """A new response URL; `message` is what was clicked on."""
    response_id = secrets.token_urlsafe(18)
    ws.state.save_response(
        {
            "id": response_id,
            "app": app.id,
            "user": user,
            "channel": channel,
            "ts": message["ts"] if message else None,
            "thread_ts": (message or {}).get("thread_ts"),
            "born": time.time(),
            "uses": 0,
        }
    )
    return f"{ws.state.base}/response/{response_id}"


def use(ws: Workspace, response_id: str, body: Any) -> None:  # noqa: ANN401
    response = ws.state.responses.get(response_id)
    timings = ws.state.timings
    if response is None or time.time() - response["born"] > timings.response_url_life:
        raise Refused("expired_url")
    if response["uses"] >= timings.response_url_uses:
        raise Refused("used_url")
    if not isinstance(body, dict):
        raise Refused("invalid_payload")
    unknown = body.keys() - _FIELDS
    if unknown:
        raise Refused("invalid_arguments", *(f"[ERROR] unknown argument: {name}" for name in sorted(unknown)))
    ws.state.save_response({**response, "uses": response["uses"] + 1})
    say(ws, ws.state.app(response["app"]), response, body)


def say(ws: Workspace, app: App, response: Json, body: Json) -> None:
    """Do what a response body says: replace, delete, or post to one person or to all."""
    channel = ws.state.channel(response["channel"])
    original = ws.state.messages[channel["id"]].get(response["ts"] or "")
    if body.get("delete_original"):
        if original is not None:
            ws.delete(channel, original["ts"])
        return
    said: Json = {"text": body.get("text", "")}
    if body.get("blocks"):
        check_message_blocks(body["blocks"], ws.state.files)
        said["blocks"] = with_ids(body["blocks"])
    if body.get("attachments"):
        said["attachments"] = body["attachments"]
    if not said["text"].strip() and len(said) == 1:
        raise Refused("no_text")
    if body.get("replace_original") and original is not None:
        ws.change(channel, original["ts"], {"blocks": None, **said}, editor=app.bot_user)
        return
    said |= ws.bot_words(app)
    thread = body.get("thread_ts") or response["thread_ts"]
    if thread:
        said["thread_ts"] = thread
    if body.get("response_type") == "in_channel":
        if "metadata" in body:
            said["metadata"] = body["metadata"]
        ws.post(channel, said)
    else:
        ws.whisper(channel, response["user"], said)
