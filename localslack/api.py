"""/api/METHOD: reads a call, refuses it as Slack would, or answers it; keeps a record for tests."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from localslack import agents, chat, conversations, files, people, reactions, validate, views
from localslack.calls import Call, parse
from localslack.faults import Faults, drop
from localslack.methods import METHODS, Method
from localslack.ratelimits import RateLimits
from localslack.sockets import Sockets
from localslack.values import App, Json, Refused
from localslack.workspace import Workspace

Handler = Callable[[Call], Json]

_POSTING = ("chat.postMessage", "chat.startStream")
_FORM = ("application/x-www-form-urlencoded", "multipart/form-data")


class Api:
    """The Web API of one workspace."""

    def __init__(
        self, *, ws: Workspace, sockets: Sockets, triggers: views.Triggers, faults: Faults, limits: RateLimits
    ) -> None:
        self._ws = ws
        self._sockets = sockets
        self._triggers = triggers
        self._faults = faults
        self._limits = limits
        self.calls: deque[Json] = deque(maxlen=50_000)
        self._count = 0

    def _handler(self, method: str) -> Handler:
        return {
            "agents.sessions.setStatus": agents.set_session,
            "apps.connections.open": self._open_connection,
            "assistant.threads.setStatus": agents.set_status,
            "assistant.threads.setSuggestedPrompts": agents.set_prompts,
            "assistant.threads.setTitle": agents.set_title,
            "auth.test": people.auth_test,
            "blocks.validate": validate.validate,
            "bookmarks.add": conversations.bookmark,
            "bots.info": people.bot_info,
            "canvases.access.set": agents.share_canvas,
            "canvases.create": agents.create_canvas,
            "chat.appendStream": agents.append_stream,
            "chat.delete": chat.delete,
            "chat.getPermalink": chat.get_permalink,
            "chat.postEphemeral": chat.post_ephemeral,
            "chat.postMessage": chat.post_message,
            "chat.startStream": agents.start_stream,
            "chat.stopStream": agents.stop_stream,
            "chat.unfurl": chat.unfurl,
            "chat.update": chat.update,
            "conversations.history": conversations.history,
            "conversations.info": conversations.info,
            "conversations.join": conversations.join,
            "conversations.list": conversations.list_all,
            "conversations.members": conversations.members,
            "conversations.open": conversations.open_direct,
            "conversations.replies": conversations.replies,
            "emoji.list": people.emoji_list,
            "files.completeUploadExternal": files.complete_upload,
            "files.getUploadURLExternal": files.get_upload_url,
            "files.info": files.info,
            "files.list": files.list_all,
            "pins.add": conversations.pin,
            "reactions.add": reactions.add,
            "reactions.get": reactions.get,
            "reactions.remove": reactions.remove,
            "team.info": people.team_info,
            "users.conversations": conversations.of_user,
            "users.info": people.info,
            "users.list": people.list_all,
            "users.lookupByEmail": people.lookup_by_email,
            "views.open": lambda call: views.open_modal(call, self._triggers),
            "views.publish": views.publish,
            "views.push": lambda call: views.push(call, self._triggers),
            "views.update": views.update,
        }[method]

    def _open_connection(self, call: Call) -> Json:
        host = self._ws.state.base.removeprefix("http://")
        return {"url": f"ws://{host}/socket?ticket={self._sockets.ticket(call.app)}&app_id={call.app.id}"}

    async def endpoint(self, request: Request) -> Response:
        method = request.path_params["method"]
        started = time.time()
        fault = self._faults.take_call(method)
        if fault and fault["kind"] == "latency":
            await asyncio.sleep(fault.get("seconds", 1.0))
        raw, token, json_body = await _read(request)
        answer, status, headers = self._injected(fault) or self._answer(
            method, raw, token, json_body=json_body
        )
        self._record(method, raw, answer, status, started, fault)
        if fault and fault["kind"] in ("drop_connection", "timeout_after_accept"):
            if fault["kind"] == "timeout_after_accept":
                await asyncio.sleep(fault.get("seconds", 1.0))
            await drop(request.scope)
        if status >= 500:
            return PlainTextResponse("upstream connect error", status_code=status)
        return JSONResponse(answer, status_code=status, headers=headers)

    def _injected(self, fault: Json | None) -> tuple[Json, int, dict[str, str]] | None:
        """What a fault answers instead of the workspace; None lets the call through."""
        if fault is None or fault["kind"] in ("latency", "timeout_after_accept"):
            return None
        if fault["kind"] == "429":
            return (
                {"ok": False, "error": "ratelimited"},
                429,
                {"Retry-After": str(fault.get("retry_after", 1))},
            )
        if fault["kind"] == "refuse":
            return {"ok": False, "error": fault.get("error", "missing_scope")}, 200, {}
        return {"ok": False, "error": fault["kind"]}, int(fault["kind"]) if fault["kind"].isdigit() else 0, {}

    def _record(
        self, method: str, raw: Json, answer: Json, status: int, started: float, fault: Json | None
    ) -> None:
        self._count += 1
        entry = {
            "n": self._count,
            "method": method,
            "args": raw,
            "answer": answer,
            "status": status,
            "time": started,
            "seconds": time.time() - started,
        }
        self.calls.append(entry | {"fault": fault["kind"]} if fault else entry)

    def _answer(
        self, name: str, raw: Json, token: str, *, json_body: bool
    ) -> tuple[Json, int, dict[str, str]]:
        method = METHODS.get(name)
        try:
            if method is None:
                raise Refused("unknown_method", req_method=name)
            app = self._caller(name, token)
            wait = self._limits.method(app, name)
            if wait is None and name in _POSTING and "channel" in raw:
                wait = self._limits.posting(app, str(raw["channel"]))
            if wait is not None:
                return {"ok": False, "error": "ratelimited"}, 429, {"Retry-After": str(wait)}
            headers = {"x-oauth-scopes": ",".join(sorted(app.scopes))}
            if method.scopes:
                headers["x-accepted-oauth-scopes"] = ",".join(method.scopes)
            return {"ok": True, **self._handle(name, method, app, raw, json_body=json_body)}, 200, headers
        except Refused as refusal:
            return refusal.answer(), 200, {}

    def _handle(self, name: str, method: Method, app: App, raw: Json, *, json_body: bool) -> Json:
        call = Call(ws=self._ws, app=app, method=name, args={})
        if method.scopes:
            call.need_scope(*method.scopes)
        if json_body and not method.json:
            raise Refused("invalid_post_type")
        args = parse(method, raw)
        return self._handler(name)(Call(ws=self._ws, app=app, method=name, args=args))

    def _caller(self, name: str, token: str) -> App:
        if name == "blocks.validate":
            return self._ws.state.apps[0]
        if not token:
            raise Refused("not_authed")
        for app in self._ws.state.apps:
            if token in (app.bot_token, app.app_token):
                if app.id in self._ws.state.revoked:
                    raise Refused("account_inactive" if token == app.bot_token else "invalid_auth")
                if (name == "apps.connections.open") != (token == app.app_token):
                    raise Refused("not_allowed_token_type")
                return app
        raise Refused("invalid_auth")


async def _read(request: Request) -> tuple[Json, str, bool]:
    """A call's arguments, its token, and whether they came as JSON."""
    raw: Json = dict(request.query_params)
    kind = request.headers.get("content-type", "")
    # slack_sdk names JSON as the type of calls that have no body at all.
    sent = await request.body()
    json_body = kind.startswith("application/json") and bool(sent)
    if json_body:
        try:
            body: Any = json.loads(sent)
        except ValueError:
            body = {}
        raw |= body if isinstance(body, dict) else {}
    elif kind.startswith(_FORM):
        raw |= {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    return raw, str(raw.pop("token", "") or bearer), json_body
