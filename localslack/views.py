"""views.*: modals and App Home, with trigger ids that expire and hashes that conflict."""

import json
import time
from dataclasses import dataclass

from localslack import render
from localslack.calls import Call
from localslack.state import State
from localslack.values import App, Json, Refused, Timings
from localslack.viewcheck import check_view
from localslack.workspace import Workspace

MAX_VIEW = 250_000
MAX_STACK = 3


@dataclass(kw_only=True)
class Trigger:
    """A right to open one modal, given with a command or a click."""

    app: str
    user: str
    born: float
    used: bool = False


class Triggers:
    """Trigger ids live three seconds and work once."""

    def __init__(self, timings: Timings) -> None:
        self._life = timings.trigger_life
        self._triggers: dict[str, Trigger] = {}

    def give(self, state: State, app: App, user: str) -> str:
        trigger_id = f"{state.next_ts()}.{state.team['id']}.{state.new_id('X').lower()}"
        self._triggers[trigger_id] = Trigger(app=app.id, user=user, born=time.monotonic())
        return trigger_id

    def use(self, app: App, trigger_id: str) -> str:
        """The person whose trigger it is."""
        trigger = self._triggers.get(trigger_id)
        if trigger is None or trigger.app != app.id:
            raise Refused("invalid_trigger_id")
        if trigger.used:
            raise Refused("exchanged_trigger_id")
        if time.monotonic() - trigger.born > self._life:
            raise Refused("expired_trigger_id")
        trigger.used = True
        return trigger.user


def stack(state: State, user: str) -> list[Json]:
    """A person's open modals, the top one last."""
    return [each for each in state.views.values() if each["type"] == "modal" and each["_user"] == user]


def _checked(ws: Workspace, raw: object, surface: str) -> Json:
    if not isinstance(raw, dict):
        raise Refused("invalid_arguments", "[ERROR] must provide an object [json-pointer:/view]")
    if len(json.dumps(raw)) > MAX_VIEW:
        raise Refused("view_too_large")
    return check_view(raw, surface, ws.state.files)


def _record(ws: Workspace, app: App, user: str, view: Json, *, view_id: str | None = None) -> Json:
    state = ws.state
    external = view.get("external_id", "")
    if external and any(
        each.get("external_id") == external and each["app_id"] == app.id and each["id"] != view_id
        for each in state.views.values()
    ):
        raise Refused("duplicate_external_id")
    stamp = state.next_ts()
    return {
        "id": view_id or state.new_id("V"),
        "team_id": state.team["id"],
        "private_metadata": "",
        "callback_id": "",
        "title": None,
        "close": None,
        "submit": None,
        "clear_on_close": False,
        "notify_on_close": False,
        "submit_disabled": False,
        "previous_view_id": None,
        **view,
        "state": {"values": {}},
        "hash": f"{int(float(stamp))}.{state.new_id('h')[2:]}",
        "external_id": external,
        "app_id": app.id,
        "app_installed_team_id": state.team["id"],
        "bot_id": app.bot_id,
        "_user": user,
    }


def put(ws: Workspace, app: App, user: str, raw: object, *, on: Json | None) -> Json:
    """Open a modal, alone or on top of another one."""
    view = _record(ws, app, user, _checked(ws, raw, "modal"))
    if on is not None:
        if len(stack(ws.state, user)) >= MAX_STACK:
            raise Refused("push_limit_reached")
        view |= {"previous_view_id": on["id"], "root_view_id": on["root_view_id"]}
    else:
        for old in stack(ws.state, user):
            ws.state.remove_view(old["id"])
        view["root_view_id"] = view["id"]
    ws.state.save_view(view)
    ws.stream.push([user], {"type": "view_opened", "view": render.view(view)})
    return view


def replace(ws: Workspace, app: App, old: Json, raw: object) -> Json:
    """Put another content into an open view; its id stays."""
    view = _record(ws, app, old["_user"], _checked(ws, raw, old["type"]), view_id=old["id"])
    kept = {name: old[name] for name in ("previous_view_id", "root_view_id")}
    ws.state.save_view({**view, **kept})
    ws.stream.push([old["_user"]], {"type": "view_updated", "view": render.view({**view, **kept})})
    return {**view, **kept}


def open_modal(call: Call, triggers: Triggers) -> Json:
    user = triggers.use(call.app, _trigger(call))
    return {"view": render.view(put(call.ws, call.app, user, call.args["view"], on=None))}


def _trigger(call: Call) -> str:
    trigger = call.text("trigger_id") or call.text("interactivity_pointer")
    if not trigger:
        raise Refused("invalid_arguments", "[ERROR] missing required field: trigger_id")
    return trigger


def push(call: Call, triggers: Triggers) -> Json:
    user = triggers.use(call.app, _trigger(call))
    below = stack(call.ws.state, user)
    if not below:
        raise Refused("not_found")
    return {"view": render.view(put(call.ws, call.app, user, call.args["view"], on=below[-1]))}


def _known(call: Call) -> Json:
    if not call.text("view_id") and not call.text("external_id"):
        raise Refused("invalid_arguments", "[ERROR] missing required field: view_id or external_id")
    for view in call.ws.state.views.values():
        named = view["id"] == call.text("view_id") or (
            bool(call.text("external_id")) and view["external_id"] == call.text("external_id")
        )
        if named and view["app_id"] == call.app.id:
            return view
    raise Refused("not_found")


def update(call: Call) -> Json:
    old = _known(call)
    if call.text("hash") and call.text("hash") != old["hash"]:
        raise Refused("hash_conflict")
    return {"view": render.view(replace(call.ws, call.app, old, call.args["view"]))}


def home_of(state: State, app: App, user: str) -> Json | None:
    for view in state.views.values():
        if view["type"] == "home" and view["_user"] == user and view["app_id"] == app.id:
            return view
    return None


def publish(call: Call) -> Json:
    ws, user = call.ws, call.text("user_id")
    if user not in ws.state.users:
        raise Refused("invalid_arguments", "invalid `user_id`")
    if not call.app.home_tab:
        raise Refused("not_enabled")
    old = home_of(ws.state, call.app, user)
    if call.text("hash") and (old is None or call.text("hash") != old["hash"]):
        raise Refused("hash_conflict")
    view = _record(
        ws, call.app, user, _checked(ws, call.args["view"], "home"), view_id=old["id"] if old else None
    )
    view["root_view_id"] = view["id"]
    ws.state.save_view(view)
    ws.stream.push([user], {"type": "home", "app": call.app.id, "view": render.view(view)})
    return {"view": render.view(view)}
