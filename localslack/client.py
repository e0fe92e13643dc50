"""/client/…: what a person at a keyboard does; the page and the tests' drivers speak it."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from localslack import files, membership, render, unread, views
from localslack.api import Api
from localslack.faults import Faults
from localslack.interactions import Interactions
from localslack.mentions import encode, rich_text
from localslack.values import Json, Refused
from localslack.workspace import Workspace

Handler = Callable[[Json], Awaitable[Json]]


class Client:
    """The routes of the client API; every handler takes the query or body and answers JSON."""

    def __init__(self, *, ws: Workspace, interactions: Interactions, api: Api, faults: Faults) -> None:
        self._ws = ws
        self._state = ws.state
        self._interactions = interactions
        self._api = api
        self._faults = faults

    def routes(self) -> list[Route]:
        reading: dict[str, Handler] = {
            "boot": self.boot,
            "history": self.history,
            "replies": self.replies,
            "home": self.home,
            "view": self.view,
            "permalink": self.permalink,
            "calls": self.calls,
            "deliveries": self.deliveries,
            "faults": self.faults_left,
        }
        doing: dict[str, Handler] = {
            "post": self.post,
            "command": self.command,
            "action": self.action,
            "state": self.keep_state,
            "suggest": self.suggest,
            "view_submit": self.view_submit,
            "view_close": self.view_close,
            "shortcut": self.shortcut,
            "react": self.react,
            "unreact": self.unreact,
            "edit": self.edit,
            "delete": self.delete,
            "delete_file": self.delete_file,
            "open_dm": self.open_dm,
            "channel": self.channel,
            "user": self.user,
            "app": self.app,
            "faults": self.faults,
        }
        return [
            *(Route(f"/client/{name}", _reader(handler)) for name, handler in reading.items()),
            *(Route(f"/client/{name}", _doer(handler), methods=["POST"]) for name, handler in doing.items()),
            Route("/client/upload", self.upload, methods=["POST"]),
            Route("/client/file/{file_id}", self.file),
            Route("/client/file/{file_id}/{name}", self.file),
        ]

    # --- seeing --------------------------------------------------------------------------------------

    def _seen(self, given: Json, *, writing: bool = False) -> tuple[str, Json]:
        """The acting person and the conversation, if the one sees the other."""
        user = self._state.user(given["user"])
        channel = self._state.channel(given["channel"])
        if user.get("deleted"):
            raise Refused("Your account has been deactivated.")
        if not self._state.visible(channel, user["id"]):
            raise Refused("channel_not_found")
        if writing and channel.get("is_archived"):
            raise Refused("This channel has been archived.")
        if writing and user["id"] not in channel["members"]:
            raise Refused("Join the channel to write in it.")
        return user["id"], channel

    async def boot(self, given: Json) -> Json:
        state = self._state
        # Without a login the page begins as the first person.
        first = next(each["id"] for each in state.users.values() if not each.get("is_bot"))
        me = state.user(given.get("user", first))["id"]
        commands = [
            {**{"usage_hint": ""}, **spec, "app": app.id}
            for app in state.active_apps()
            for spec in app.commands
        ]
        apps = [
            {
                "id": app.id,
                "key": app.key,
                "name": app.name,
                "bot_user": app.bot_user,
                "home_tab": app.home_tab,
                "messages_tab": app.messages_tab,
                "shortcuts": list(app.shortcuts),
                "prompts": (app.agent_view or {}).get("suggested_prompts", []),
            }
            for app in state.active_apps()
        ]
        return {
            "team": state.team,
            "me": render.user(state, state.user(me)),
            "users": [render.user(state, each) for each in state.users.values()],
            "channels": [self._listed(each, me) for each in state.conversations_of(me)],
            "commands": commands,
            "apps": apps,
        }

    def _listed(self, channel: Json, me: str) -> Json:
        shown = render.channel(self._state, channel, me) | unread.counts(self._ws, channel, me)
        return {**shown, "members": channel["members"], "prompts": channel.get("prompts", [])}

    def _shown(self, user: str, channel: Json, message: Json) -> Json | None:
        if message.get("ephemeral_to", user) != user:
            return None
        return self._ws.for_page(render.message(self._state, channel["id"], message, metadata=True))

    async def history(self, given: Json) -> Json:
        user, channel = self._seen(given)
        before = given.get("before", "9")
        found = [
            self._shown(user, channel, each)
            for each in self._ws.top_level(channel["id"])
            if each["ts"] < before
        ]
        messages = [each for each in found if each is not None]
        limit = int(given.get("limit", 200))
        if messages and "before" not in given:
            last_read = {**channel.get("last_read", {}), user: messages[-1]["ts"]}
            self._state.save_channel({**channel, "last_read": last_read})
        return {"messages": messages[-limit:], "has_more": len(messages) > limit}

    async def replies(self, given: Json) -> Json:
        user, channel = self._seen(given)
        everything = self._state.messages[channel["id"]].values()
        thread = [each for each in everything if given["ts"] in (each["ts"], each.get("thread_ts"))]
        shown = [self._shown(user, channel, each) for each in thread]
        return {"messages": [each for each in shown if each is not None]}

    async def home(self, given: Json) -> Json:
        user = self._state.user(given["user"])["id"]
        app = self._state.app(given["app"])
        return {"view": self._interactions.open_home(user, app, given.get("tab", "home"))}

    async def view(self, given: Json) -> Json:
        return {"views": [render.view(each) for each in views.stack(self._state, given["user"])]}

    async def permalink(self, given: Json) -> Json:
        _, channel = self._seen(given)
        return {"permalink": self._ws.permalink(channel["id"], given["ts"])}

    # --- saying --------------------------------------------------------------------------------------

    async def post(self, given: Json) -> Json:
        user, channel = self._seen(given, writing=True)
        text = encode(self._state, given.get("text") or "")
        ids = given.get("files") or []
        if not text.strip() and not ids:
            raise Refused("no_text")
        if any(each not in self._state.files for each in ids):
            raise Refused("file_not_found")
        said: Json = {"user": user, "text": text, "client_msg_id": self._state.new_id("c").lower()}
        if text:
            said["blocks"] = [rich_text(text, block_id=self._state.new_id("b")[-5:])]
        if ids:
            said |= {"files": ids, "upload": False, "subtype": "file_share", "display_as_bot": False}
        if given.get("thread_ts"):
            said["thread_ts"] = given["thread_ts"]
            if given.get("broadcast"):
                said["subtype"] = "thread_broadcast"
        return {"ts": self._ws.post(channel, said)["ts"]}

    async def upload(self, request: Request) -> Response:
        query = request.query_params
        try:
            user = self._state.user(query["user"])["id"]
            body = await request.body()
            duration = int(float(query["duration_ms"])) if "duration_ms" in query else None
            file = files.describe(self._state, name=query["name"], user=user, size=len(body))
            clip = query.get("subtype") == "slack_audio"
            files.store(self._state, file, body, clip=clip, duration_ms=duration)
            return JSONResponse({"ok": True, "file": render.file(self._state, file["id"])})
        except Refused as refusal:
            return JSONResponse(refusal.answer())

    async def file(self, request: Request) -> Response:
        file = self._state.files.get(request.path_params["file_id"])
        if file is None or file.get("deleted") or not file.get("_uploaded"):
            return JSONResponse({"ok": False, "error": "file_not_found"}, status_code=404)
        return FileResponse(self._state.blobs / file["id"], media_type=file["mimetype"])

    async def edit(self, given: Json) -> Json:
        user, channel = self._seen(given, writing=True)
        self._own(user, channel, given["ts"])
        text = encode(self._state, given["text"])
        if not text.strip():
            raise Refused("no_text")
        blocks = [rich_text(text, block_id=self._state.new_id("b")[-5:])]
        self._ws.change(channel, given["ts"], {"text": text, "blocks": blocks}, editor=user)
        return {}

    def _own(self, user: str, channel: Json, ts: str) -> None:
        if self._state.message(channel["id"], ts).get("user") != user:
            raise Refused("This is not your message.")

    async def delete(self, given: Json) -> Json:
        user, channel = self._seen(given)
        message = self._state.message(channel["id"], given["ts"])
        if message.get("ephemeral_to") != user:
            self._own(user, channel, given["ts"])
        self._ws.delete(channel, given["ts"])
        return {}

    async def delete_file(self, given: Json) -> Json:
        file = self._state.files.get(given["file"])
        if file is None or file["user"] != given["user"]:
            raise Refused("file_not_found")
        self._state.save_file({**file, "deleted": True})
        for channel in self._state.channels.values():
            if channel["id"] in str(file.get("shares", {})):
                event = {"type": "file_deleted", "file_id": file["id"]}
                self._ws.tell_apps(event, subscription="file_deleted", channel=channel, scope="files:read")
                self._ws.tell_pages(
                    channel, {"type": "file_changed", "file": render.file(self._state, file["id"])}
                )
        return {}

    async def react(self, given: Json) -> Json:
        user, channel = self._seen(given)
        self._ws.react(channel, given["ts"], given["name"].strip(":"), user)
        return {}

    async def unreact(self, given: Json) -> Json:
        user, channel = self._seen(given)
        self._ws.unreact(channel, given["ts"], given["name"].strip(":"), user)
        return {}

    # --- apps ----------------------------------------------------------------------------------------

    async def command(self, given: Json) -> Json:
        user, channel = self._seen(given)
        text, thread = given.get("text") or "", given.get("thread_ts")
        await self._interactions.command(user, channel, given["command"], text, thread)
        return {}

    async def action(self, given: Json) -> Json:
        done = {**given, **given.get("action", {})}
        if "channel" in given["container"]:
            self._seen({"user": given["user"], "channel": given["container"]["channel"]})
        values = (given.get("state") or {}).get("values", given.get("state"))
        await self._interactions.act(given["user"], given["container"], done, values)
        return {}

    async def keep_state(self, given: Json) -> Json:
        self._interactions.keep(given["user"], given["container"], {**given, **given.get("action", {})})
        return {}

    async def suggest(self, given: Json) -> Json:
        typed = given.get("value") or ""
        where = given["user"], given["container"], given.get("block_id"), given["action_id"]
        answer = await self._interactions.suggest(*where, typed)
        return {name: answer[name] for name in ("options", "option_groups") if name in answer}

    async def view_submit(self, given: Json) -> Json:
        errors = await self._interactions.submit(given["user"], given["view_id"], given.get("state") or {})
        return {"ok": False, "errors": errors} if errors else {}

    async def view_close(self, given: Json) -> Json:
        await self._interactions.close(given["user"], given["view_id"], all_of_them=bool(given.get("all")))
        return {}

    async def shortcut(self, given: Json) -> Json:
        channel = self._seen(given)[1] if given.get("channel") else None
        await self._interactions.shortcut(given["user"], given["callback_id"], channel, given.get("ts"))
        return {}

    # --- places and people ---------------------------------------------------------------------------

    async def open_dm(self, given: Json) -> Json:
        wanted = given["with"] if isinstance(given["with"], list) else [given["with"]]
        people = [self._state.user(each)["id"] for each in (given["user"], *wanted)]
        channel = self._state.direct(people)
        return {"channel": self._listed(channel, given["user"])}

    async def channel(self, given: Json) -> Json:
        action, user = given["action"], given["user"]
        if action == "create":
            channel = membership.create(
                self._ws, user, given["name"], is_private=bool(given.get("is_private"))
            )
            return {"channel": self._listed(channel, user)}
        _, channel = self._seen(given)
        people = given.get("users") or [user]
        ws = self._ws
        if action == "join":
            if render.kind(channel) != "channel":
                raise Refused("channel_not_found")
            channel = membership.join(ws, channel, user)
        elif action == "leave":
            channel = membership.leave(ws, channel, user)
        elif action == "invite":
            for each in people:
                channel = membership.join(ws, channel, self._state.user(each)["id"], inviter=user)
        elif action == "kick":
            for each in people:
                channel = membership.leave(ws, channel, each)
        elif action in ("archive", "unarchive"):
            channel = membership.archive(ws, channel, user, archived=action == "archive")
        elif action == "rename":
            channel = membership.rename(ws, channel, user, given["name"])
        elif action == "topic":
            channel = membership.set_topic(ws, channel, user, given["value"])
        elif action == "convert":
            channel = membership.convert(ws, channel, user)
        elif action == "share":
            channel = membership.share(ws, channel)
        else:
            raise Refused(f"There is no action {action!r} on channels.")
        return {"channel": self._listed(channel, user)}

    async def user(self, given: Json) -> Json:
        if given["action"] not in ("deactivate", "reactivate"):
            raise Refused(f"There is no action {given['action']!r} on people.")
        membership.deactivate(self._ws, given["user"], deleted=given["action"] == "deactivate")
        return {}

    async def app(self, given: Json) -> Json:
        if given["action"] not in ("install", "uninstall"):
            raise Refused(f"There is no action {given['action']!r} on apps.")
        membership.install(self._ws, self._state.app(given["app"]), installed=given["action"] == "install")
        return {}

    # --- for tests -----------------------------------------------------------------------------------

    async def faults(self, given: Json) -> Json:
        now = [rule for rule in given["rules"] if rule["kind"] == "disconnect_socket" and "event" not in rule]
        self._faults.replace([rule for rule in given["rules"] if rule not in now])
        cut = 0
        for rule in now:
            for app in self._state.apps:
                cut += await self._ws.delivery.disconnect_all(app, rule.get("reason", "refresh_requested"))
        return {"disconnected": cut}

    async def faults_left(self, _: Json) -> Json:
        return {"rules": self._faults.left()}

    async def calls(self, given: Json) -> Json:
        after, method = int(given.get("after", 0)), given.get("method")
        return {
            "calls": [
                each for each in self._api.calls if each["n"] > after and method in (None, each["method"])
            ]
        }

    async def deliveries(self, _: Json) -> Json:
        return {"deliveries": self._ws.delivery.log}


def _reader(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await _answer(handler, dict(request.query_params))

    return endpoint


def _doer(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            given = await request.json()
        except ValueError:
            return JSONResponse({"ok": False, "error": "The body must be JSON."})
        return await _answer(handler, given)

    return endpoint


async def _answer(handler: Handler, given: Json) -> Response:
    try:
        return JSONResponse({"ok": True, **await handler(given)})
    except Refused as refusal:
        return JSONResponse(refusal.answer())
    except KeyError as missing:
        return JSONResponse({"ok": False, "error": f"The call lacks {missing}."}, status_code=400)
