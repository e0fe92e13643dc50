"""chat.*: posting, editing, deleting and whispering."""

from localslack import render
from localslack.blockids import with_ids
from localslack.blocks import check_message_blocks
from localslack.calls import Call
from localslack.values import Json, Refused

MAX_TEXT = 40_000
MAX_UPDATE = 4_000
MAX_MARKDOWN = 12_000
MAX_METADATA = 16_000


def content(call: Call, *, most: int | None = None) -> tuple[Json, list[str]]:
    """What a message says: its text, blocks, attachments and metadata, checked; and Slack's warnings."""
    args = call.args
    said: Json = {}
    warnings: list[str] = []
    if any(name in args for name in ("icon_emoji", "icon_url", "username")):
        call.need_scope("chat:write.customize")
    text = args.get("text", "")
    if "markdown_text" in args:
        if text or args.get("blocks"):
            raise Refused("markdown_text_conflict")
        text = args["markdown_text"]
        if len(text) > MAX_MARKDOWN:
            raise Refused("msg_too_long")
    if most is not None and len(text) > most:
        raise Refused("msg_too_long")
    if len(text) > MAX_TEXT:
        text, warnings = text[:MAX_TEXT], ["message_truncated"]
    blocks = args.get("blocks")
    if blocks is not None:
        check_message_blocks(blocks, call.ws.state.files)
        if blocks:
            said["blocks"] = with_ids(blocks)
    attachments = args.get("attachments")
    if attachments is not None:
        said["attachments"] = _attachments(attachments)
    if not text.strip() and not said.get("blocks") and not said.get("attachments"):
        raise Refused("no_text")
    if "metadata" in args:
        said["metadata"] = _metadata(args["metadata"])
    return {"text": text, **said}, warnings


def _attachments(raw: object) -> list[Json]:
    if not isinstance(raw, list):
        raise Refused("invalid_attachments")
    if len(raw) > 100:
        raise Refused("too_many_attachments")
    for number, each in enumerate(raw):
        if not isinstance(each, dict):
            raise Refused("invalid_attachments")
        if "blocks" in each:
            check_message_blocks(each["blocks"], {}, pointer=f"/attachments/{number}/blocks")
    return [{"id": number + 1, **each} for number, each in enumerate(raw)]


def _metadata(raw: object) -> Json:
    if not isinstance(raw, dict):
        raise Refused("invalid_metadata_format")
    if not isinstance(raw.get("event_type"), str) or not isinstance(raw.get("event_payload"), dict):
        raise Refused("invalid_metadata_schema")
    if len(str(raw)) > MAX_METADATA:
        raise Refused("metadata_too_large")
    return raw


def _warned(answer: Json, warnings: list[str]) -> Json:
    if warnings:
        answer |= {"warning": ",".join(warnings), "response_metadata": {"warnings": warnings}}
    return answer


def post_message(call: Call) -> Json:
    channel = call.writable()
    said, warnings = content(call)
    said |= call.ws.bot_words(call.app)
    if call.text("thread_ts"):
        said["thread_ts"] = call.args["thread_ts"]
        if call.args.get("reply_broadcast"):
            said["subtype"] = "thread_broadcast"
    message = call.ws.post(channel, said)
    shown = render.message(call.ws.state, channel["id"], message, metadata=True)
    return _warned({"channel": channel["id"], "ts": message["ts"], "message": shown}, warnings)


def _own(call: Call, channel: Json, error: str) -> Json:
    message = call.ws.state.message(channel["id"], call.text("ts"))
    if "ephemeral_to" in message:
        raise Refused("message_not_found")
    if message.get("bot_id") != call.app.bot_id or message.get("subtype") == "tombstone":
        raise Refused(error)
    return message


def update(call: Call) -> Json:
    channel = call.channel()
    before = _own(call, channel, "cant_update_message")
    said, warnings = content(call, most=MAX_UPDATE)
    if before.get("_streaming"):
        raise Refused("streaming_state_conflict")
    # Blocks that are not sent again go away when the text is replaced, as in Slack.
    changes = {"blocks": None, "attachments": None, **said}
    message = call.ws.change(channel, before["ts"], changes, editor=call.app.bot_user)
    shown = render.message(call.ws.state, channel["id"], message, metadata=True)
    answer = {"channel": channel["id"], "ts": message["ts"], "text": message["text"], "message": shown}
    return _warned(answer, warnings)


def delete(call: Call) -> Json:
    channel = call.channel()
    message = _own(call, channel, "cant_delete_message")
    call.ws.delete(channel, message["ts"])
    return {"channel": channel["id"], "ts": message["ts"]}


def post_ephemeral(call: Call) -> Json:
    channel = call.writable()
    if call.text("user") not in channel["members"]:
        raise Refused("user_not_in_channel")
    said, _ = content(call, most=MAX_TEXT)
    said |= call.ws.bot_words(call.app)
    if call.text("thread_ts"):
        said["thread_ts"] = call.args["thread_ts"]
    message = call.ws.whisper(channel, call.text("user"), said)
    return {"message_ts": message["ts"]}


def get_permalink(call: Call) -> Json:
    channel = call.channel()
    link = call.ws.permalink(channel["id"], call.text("message_ts"))
    return {"channel": channel["id"], "permalink": link}


def unfurl(call: Call) -> Json:
    if not call.args.get("unfurls"):
        raise Refused("missing_unfurls")
    channel = call.channel()
    if call.text("ts") not in call.ws.state.messages[channel["id"]]:
        raise Refused("cannot_find_message")
    cards = [
        {"id": number, "from_url": url, **card}
        for number, (url, card) in enumerate(call.args["unfurls"].items(), 1)
    ]
    call.ws.change(channel, call.text("ts"), {"attachments": cards}, editor=None)
    return {}
