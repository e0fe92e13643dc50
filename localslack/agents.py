"""assistant.*, agents.* and message streams: what an app shows while it works."""

from localslack.blockids import with_ids
from localslack.blocks import check_message_blocks
from localslack.calls import Call
from localslack.chat import MAX_MARKDOWN
from localslack.files import describe, store
from localslack.values import Json, Refused

_STATES = ("active", "processing", "suspended", "closed")


def set_status(call: Call) -> Json:
    loading = call.args.get("loading_messages", [])
    if not isinstance(loading, list) or len(loading) > 10 or any(len(each) > 50 for each in loading):
        raise Refused(
            "invalid_arguments", "[ERROR] 1 to 10 messages of 50 characters [json-pointer:/loading_messages]"
        )
    channel = call.channel("channel_id")
    if call.text("thread_ts") not in call.ws.state.messages[channel["id"]]:
        raise Refused("invalid_thread_ts")
    _show(call, channel, call.text("status"))
    return {}


def set_session(call: Call) -> Json:
    channel = call.channel("channel_id")
    if call.app.bot_user not in channel["members"]:
        raise Refused("not_authorized")
    if call.text("status") not in _STATES:
        raise Refused("invalid_status")
    if not call.text("thread_ts"):
        raise Refused("thread_ts_required")
    _show(call, channel, "is working…" if call.text("status") == "processing" else "")
    title = call.text("title")
    return {"status": call.text("status"), "agent_status": call.text("status"), "title": title}


def _show(call: Call, channel: Json, status: str) -> None:
    happening = {"type": "typing_status", "thread_ts": call.text("thread_ts"), "status": status}
    call.ws.tell_pages(channel, {**happening, "user": call.app.bot_user})


def set_prompts(call: Call) -> Json:
    if call.app.agent_view is None:
        raise Refused("not_agent_app")
    channel = call.channel("channel_id")
    prompts = call.args["prompts"]
    if not isinstance(prompts, list) or not 0 < len(prompts) <= 4:
        raise Refused("invalid_arguments", "[ERROR] 1 to 4 prompts [json-pointer:/prompts]")
    call.ws.state.save_channel({**channel, "prompts": prompts})
    call.ws.tell_pages(channel, {"type": "prompts", "prompts": prompts})
    return {}


def set_title(call: Call) -> Json:
    channel = call.channel("channel_id")
    if call.text("thread_ts") not in call.ws.state.messages[channel["id"]]:
        raise Refused("invalid_thread_ts")
    titles = {**channel.get("titles", {}), call.text("thread_ts"): call.text("title")}
    call.ws.state.save_channel({**channel, "titles": titles})
    return {}


def start_stream(call: Call) -> Json:
    channel = call.writable()
    if not channel.get("is_im"):
        for name in ("recipient_user_id", "recipient_team_id"):
            if not call.text(name):
                raise Refused(f"missing_{name}")
    said: Json = {"text": _text(call), "_streaming": True, **call.ws.bot_words(call.app)}
    if call.text("thread_ts"):
        said["thread_ts"] = call.text("thread_ts")
    message = call.ws.post(channel, said)
    return {"channel": channel["id"], "ts": message["ts"]}


def _text(call: Call) -> str:
    chunks = call.args.get("chunks", [])
    if not isinstance(chunks, list):
        raise Refused("invalid_chunks")
    said = "".join(each.get("text", "") for each in chunks if each.get("type") == "markdown_text")
    text = call.text("markdown_text") + said
    if len(text) > MAX_MARKDOWN:
        raise Refused("msg_too_long")
    return text


def _streamed(call: Call) -> tuple[Json, Json]:
    channel = call.writable()
    message = call.ws.state.message(channel["id"], call.text("ts"))
    if message.get("bot_id") != call.app.bot_id:
        raise Refused("message_not_owned_by_app")
    if not message.get("_streaming"):
        raise Refused("message_not_in_streaming_state")
    return channel, message


def append_stream(call: Call) -> Json:
    channel, message = _streamed(call)
    call.ws.change(channel, message["ts"], {"text": message["text"] + _text(call)}, editor=None)
    return {"channel": channel["id"], "ts": message["ts"]}


def stop_stream(call: Call) -> Json:
    channel, message = _streamed(call)
    changes: Json = {"text": message["text"] + _text(call), "_streaming": None}
    if call.args.get("blocks"):
        check_message_blocks(call.args["blocks"], call.ws.state.files)
        changes["blocks"] = with_ids(call.args["blocks"])
    if "metadata" in call.args:
        changes["metadata"] = call.args["metadata"]
    done = call.ws.change(channel, message["ts"], changes, editor=None)
    shown = {name: value for name, value in done.items() if name[0] != "_"}
    return {"channel": channel["id"], "ts": message["ts"], "message": shown}


def create_canvas(call: Call) -> Json:
    """A canvas is a file of its own kind; a workspace on the free plan has none."""
    if call.ws.state.team.get("plan") != "paid":
        raise Refused("free_teams_cannot_create_standalone_canvases")
    content = call.args.get("document_content") or {}
    if content.get("type") != "markdown" or not isinstance(content.get("markdown"), str):
        raise Refused("canvas_creation_failed")
    body = content["markdown"].encode()
    name = f"{call.text('title') or 'Untitled'}.md"
    file = describe(call.ws.state, name=name, user=call.app.bot_user, size=len(body))
    file = store(call.ws.state, {**file, "filetype": "quip", "title": call.text("title")}, body)
    return {"canvas_id": file["id"]}


def share_canvas(call: Call) -> Json:
    """Let people or the members of channels read or write an app's canvas."""
    file = call.ws.state.files.get(call.text("canvas_id"))
    if file is None or file.get("filetype") != "quip" or file["user"] != call.app.bot_user:
        raise Refused("canvas_not_found")
    if call.text("access_level") not in ("read", "write", "owner"):
        raise Refused("invalid_arguments", "[ERROR] no such level [json-pointer:/access_level]")
    if bool(call.args.get("channel_ids")) == bool(call.args.get("user_ids")):
        raise Refused("invalid_parameters")
    return {}
