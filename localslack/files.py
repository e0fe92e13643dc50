"""files.*: uploads in three steps, downloads with a token, voice clips as Slack describes them."""

import mimetypes
import secrets
from pathlib import Path

from localslack import audio, render
from localslack.calls import Call
from localslack.state import State
from localslack.values import App, Json, Refused

MAX_SIZE = 1_000_000_000
MAX_SNIPPET = 1_000_000
_PRETTY = {
    "png": "PNG",
    "csv": "CSV",
    "webm": "WebM",
    "mp4": "MPEG 4 Video",
    "wav": "Wave",
    "txt": "Plain Text",
}


def describe(state: State, *, name: str, user: str, size: int, title: str | None = None) -> Json:
    """A new file's record; what begins with `_` stays inside."""
    file_id = state.new_id("F")
    secret = secrets.token_hex(8)
    extension = Path(name).suffix.lower().lstrip(".")
    place = f"{state.base}/files/{state.team['id']}-{file_id}-{secret}"
    created = int(float(state.next_ts()))
    return {
        "id": file_id,
        "created": created,
        "timestamp": created,
        "name": name,
        "title": title or name,
        "mimetype": mimetypes.guess_type(name)[0] or "application/octet-stream",
        "filetype": extension or "binary",
        "pretty_type": _PRETTY.get(extension, extension.upper() or "Binary"),
        "user": user,
        "user_team": state.team["id"],
        "editable": False,
        "size": size,
        "mode": "hosted",
        "is_external": False,
        "external_type": "",
        "is_public": False,
        "public_url_shared": False,
        "display_as_bot": False,
        "username": "",
        "url_private": f"{place}/{name}",
        "url_private_download": f"{place}/download/{name}",
        "media_display_type": "unknown",
        "permalink": f"{state.base}/files/{user}/{file_id}/{name}",
        "permalink_public": f"{state.base}/{state.team['id']}-{file_id}-{secret}",
        "is_starred": False,
        "has_rich_preview": False,
        "file_access": "visible",
        "_secret": secret,
    }


def store(
    state: State, file: Json, body: bytes, *, clip: bool = False, duration_ms: int | None = None
) -> Json:
    """Keep a file's bytes; a clip gets the fields of Slack's voice messages."""
    (state.blobs / file["id"]).write_bytes(body)
    file = {**file, "size": len(body), "_uploaded": True}
    if clip:
        heard = f"{Path(file['name']).stem}_audio.mp4"
        # Slack transcodes clips and serves them as MP4 whatever name and mimetype say; here the bytes
        # stay what the browser recorded, so that readers must look at the bytes in both places.
        place = file["url_private"].rsplit("/", 1)[0]
        file |= {
            "subtype": "slack_audio",
            "transcription": {"status": "processing"},
            "url_private": f"{place}/{heard}",
            "url_private_download": f"{place}/download/{heard}",
            "aac": f"{place}/{heard}",
            "duration_ms": duration_ms or audio.duration_ms(body),
            "audio_wave_samples": audio.wave_samples(body),
            "media_display_type": "audio",
        }
        if file["mimetype"] == "video/webm":
            file["mimetype"] = "audio/webm"
    elif file["mimetype"].startswith("audio/"):
        file |= {"media_display_type": "audio", "duration_ms": duration_ms or audio.duration_ms(body)}
    state.save_file(file)
    return file


def may_read(state: State, app: App, file: Json) -> bool:
    """Whether an app's bot shares a conversation with the file, or made it."""
    if file["user"] == app.bot_user:
        return True
    shares = file.get("shares", {})
    places = [*shares.get("public", {}), *shares.get("private", {})]
    return any(app.bot_user in state.channels[each]["members"] for each in places)


def get_upload_url(call: Call) -> Json:
    if call.args["length"] <= 0:
        raise Refused("missing_argument")
    if call.args["length"] > MAX_SIZE:
        raise Refused("file_upload_size_restricted")
    if call.text("snippet_type") and call.args["length"] > MAX_SNIPPET:
        raise Refused("snippet_too_large")
    if len(call.text("alt_txt")) > 1000:
        raise Refused("alt_txt_too_large")
    name, size = call.text("filename"), call.args["length"]
    file = describe(call.ws.state, name=name, user=call.app.bot_user, size=size)
    if call.text("alt_txt"):
        file["alt_txt"] = call.text("alt_txt")
    if call.text("snippet_type"):
        file |= {"mode": "snippet", "filetype": call.text("snippet_type"), "editable": True}
    call.ws.state.save_file(file)
    return {
        "upload_url": f"{call.ws.state.base}/upload/v1/{file['id']}/{file['_secret']}",
        "file_id": file["id"],
    }


def complete_upload(call: Call) -> Json:
    wanted = call.args["files"]
    if not isinstance(wanted, list) or not all(isinstance(each, dict) and "id" in each for each in wanted):
        raise Refused("invalid_arguments", "[ERROR] must be a list of files with an id [json-pointer:/files]")
    state, files = call.ws.state, []
    for each in wanted:
        file = state.files.get(each["id"])
        if file is None or file["user"] != call.app.bot_user or not file.get("_uploaded"):
            raise Refused("file_not_found")
        files.append({**file, "title": each.get("title") or file["name"]})
    ids = [each for each in (call.text("channel_id") or call.text("channels")).split(",") if each]
    if len(ids) > 100:
        raise Refused("channels_limit_exceeded")
    places = [call.naming(channel_id=each).writable("channel_id") for each in ids]
    for file in files:
        state.save_file(file)
    for place in places:
        said = {"text": call.text("initial_comment"), "files": [each["id"] for each in files], "upload": True}
        if call.text("thread_ts"):
            said["thread_ts"] = call.text("thread_ts")
        # A bot's upload is a file_share without bot_profile, as Slack sends it.
        author = {"user": call.app.bot_user, "bot_id": call.app.bot_id, "app_id": call.app.id}
        call.ws.post(place, {**author, **said, "subtype": "file_share"})
    return {"files": [render.file(state, each["id"]) for each in files]}


def info(call: Call) -> Json:
    file = call.ws.state.files.get(call.text("file"))
    if file is None:
        raise Refused("file_not_found")
    if file.get("deleted"):
        raise Refused("file_deleted")
    if not may_read(call.ws.state, call.app, file):
        raise Refused("file_not_found")
    return {
        "file": render.file(call.ws.state, file["id"]),
        "comments": [],
        "response_metadata": {"next_cursor": ""},
    }


def list_all(call: Call) -> Json:
    state, count, number = call.ws.state, int(call.args.get("count", 100)), int(call.args.get("page", 1))
    found = [
        file
        for file in state.files.values()
        if not file.get("deleted")
        and file.get("_uploaded")
        and may_read(state, call.app, file)
        and call.text("user") in ("", file["user"])
        and (not call.text("channel") or call.text("channel") in str(file.get("shares", {})))
    ]
    first = (number - 1) * count
    paging = {"count": count, "total": len(found), "page": number, "pages": -(-len(found) // count)}
    return {
        "files": [render.file(state, each["id"]) for each in found[first : first + count]],
        "paging": paging,
    }
