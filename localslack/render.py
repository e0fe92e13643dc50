"""Slack's objects as the API, the events and the page show them."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from localslack.state import State
from localslack.values import App, Json

_PRIVATE = ("ephemeral_to", "broadcast")


def user(state: State, raw: Json) -> Json:
    zone = raw.get("tz", "Europe/Berlin")
    offset = datetime.now(ZoneInfo(zone)).utcoffset()
    real = raw.get("real_name", raw["name"])
    return {
        "id": raw["id"],
        "team_id": raw.get("team_id", state.team["id"]),
        "name": raw["name"],
        "deleted": raw.get("deleted", False),
        "real_name": real,
        "tz": zone,
        "tz_label": zone,
        "tz_offset": int(offset.total_seconds()) if offset else 0,
        "profile": {
            "real_name": real,
            "display_name": raw["name"],
            "real_name_normalized": real,
            "display_name_normalized": raw["name"],
            "team": state.team["id"],
            **({"api_app_id": raw["app_id"], "bot_id": raw["bot_id"]} if raw.get("is_bot") else {}),
        },
        "is_admin": raw.get("is_admin", False),
        "is_owner": False,
        "is_restricted": raw.get("is_restricted", False),
        "is_ultra_restricted": raw.get("is_ultra_restricted", False),
        "is_bot": raw.get("is_bot", False),
        "is_stranger": state.is_stranger(raw),
        "is_app_user": False,
        "updated": raw.get("updated", 0),
    }


def channel(state: State, raw: Json, viewer: str, *, members: bool = False) -> Json:
    """A conversation as `viewer` sees it."""
    base: Json = {"id": raw["id"], "created": raw.get("created", 0), "is_org_shared": False}
    if raw.get("is_im"):
        other = next((each for each in raw["members"] if each != viewer), viewer)
        return base | {"is_im": True, "user": other, "is_user_deleted": False, "is_open": True, "priority": 0}
    private = bool(raw.get("is_private"))
    is_mpim = bool(raw.get("is_mpim"))
    empty = {"value": "", "creator": "", "last_set": 0}
    shown = base | {
        "name": raw["name"],
        "is_channel": not private,
        "is_group": private,
        "is_im": False,
        "is_mpim": is_mpim,
        "is_private": private,
        "is_archived": raw.get("is_archived", False),
        "is_general": raw["name"] == "general",
        "unlinked": 0,
        "name_normalized": raw["name"],
        "is_shared": raw.get("is_ext_shared", False),
        "is_ext_shared": raw.get("is_ext_shared", False),
        "is_pending_ext_shared": False,
        "pending_shared": [],
        "context_team_id": state.team["id"],
        "updated": raw.get("updated", raw.get("created", 0) * 1000),
        "creator": raw.get("creator", ""),
        "is_member": viewer in raw["members"],
        "topic": empty | {"value": raw.get("topic", "")},
        "purpose": empty | {"value": raw.get("purpose", "")},
        "previous_names": raw.get("previous_names", []),
    }
    return shown | {"num_members": len(raw["members"])} if members else shown


def kind(raw: Json) -> str:
    """The `channel_type` of message events."""
    if raw.get("is_im"):
        return "im"
    if raw.get("is_mpim"):
        return "mpim"
    return "group" if raw.get("is_private") else "channel"


def bot_profile(state: State, app: App) -> Json:
    icon = f"{state.base}/icon.svg"
    return {
        "id": app.bot_id,
        "deleted": False,
        "name": app.name,
        "updated": 0,
        "app_id": app.id,
        "icons": {"image_36": icon, "image_48": icon, "image_72": icon},
        "team_id": state.team["id"],
    }


def file(state: State, file_id: str) -> Json:
    raw = state.files.get(file_id)
    if raw is None or raw.get("deleted"):
        return {"id": file_id, "mode": "tombstone"}
    return {name: value for name, value in raw.items() if not name.startswith("_")}


def message(state: State, channel_id: str, raw: Json, *, metadata: bool = False) -> Json:
    """A message as Slack returns it; a parent carries the counts of its thread."""
    shown = {name: value for name, value in raw.items() if name not in _PRIVATE and name[0] != "_"}
    if not metadata:
        shown.pop("metadata", None)
    if "files" in raw:
        # Where else a file was shared is told by files.info only.
        places = ("shares", "channels", "groups", "ims")
        told = [file(state, each) for each in raw["files"]]
        shown["files"] = [{k: v for k, v in each.items() if k not in places} for each in told]
    if "ephemeral_to" in raw:
        shown["is_ephemeral"] = True
    replies = state.replies.get((channel_id, raw["ts"]), [])
    if replies:
        authors: list[Any] = [state.messages[channel_id][each].get("user") for each in replies]
        people = list(dict.fromkeys(authors))
        shown |= {
            "thread_ts": raw["ts"],
            "reply_count": len(replies),
            "reply_users_count": len(people),
            "latest_reply": replies[-1],
            "reply_users": people[:5],
            "is_locked": False,
            "subscribed": False,
        }
    return shown


def view(raw: Json) -> Json:
    return {name: value for name, value in raw.items() if not name.startswith("_")}
