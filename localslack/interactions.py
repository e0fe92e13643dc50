"""What people do with apps: commands, buttons, modals, shortcuts and App Home."""

from typing import Any

from localslack import inputs, render, responses, views
from localslack.mentions import encode, escape
from localslack.sockets import NotAcknowledged
from localslack.values import App, Json, Refused
from localslack.workspace import Workspace

_TROUBLE = "We had some trouble connecting. Try again?"


class Interactions:
    """Builds Slack's payloads, sends them, and does what the app answers."""

    def __init__(self, ws: Workspace, triggers: views.Triggers) -> None:
        self._ws = ws
        self._triggers = triggers
        # What each person has chosen in the inputs of a message or view, until it is replaced.
        self._choices: dict[tuple[str, str], Json] = {}

    # --- commands ------------------------------------------------------------------------------------

    async def command(self, user: str, channel: Json, command: str, text: str, thread_ts: str | None) -> None:
        app, spec = self._command(command)
        if thread_ts:
            raise Refused(f"{command} is not supported in threads. Sorry!")
        state = self._ws.state
        payload = {
            "token": app.verification_token,
            "team_id": state.team["id"],
            "team_domain": state.team["domain"],
            "channel_id": channel["id"],
            "channel_name": _channel_name(channel),
            "user_id": user,
            "user_name": state.user(user)["name"],
            "command": command,
            "text": encode(state, text) if spec.get("should_escape") else escape(text),
            "api_app_id": app.id,
            "is_enterprise_install": "false",
            "response_url": responses.url(self._ws, app, user, channel["id"]),
            "trigger_id": self._triggers.give(state, app, user),
        }
        try:
            answer = await self._ws.delivery.request(app, "slash_commands", payload)
        except NotAcknowledged as failure:
            word = "operation_timeout" if "timeout" in failure.reason else "dispatch_failed"
            raise Refused(f'{command} failed with the error "{word}"') from None
        if answer:
            self._say(app, payload["response_url"], answer)

    def _command(self, command: str) -> tuple[App, Json]:
        for app in self._ws.state.active_apps():
            for spec in app.commands:
                if spec["command"] == command and app.has_any("commands"):
                    return app, spec
        raise Refused(
            f"{command} is not a valid command. In Slack, all messages that start with the “/” character are "
            "interpreted as commands. If you are trying to send a message and not run a command, try preceding "
            "the “/” with an empty space."
        )

    def _say(self, app: App, url: str, answer: Json) -> None:
        """Post what an app put into its acknowledgement, unless Slack would refuse it."""
        response = self._ws.state.responses[url.rsplit("/", 1)[1]]
        responses.say(self._ws, app, response, answer)

    # --- clicks --------------------------------------------------------------------------------------

    def keep(self, user: str, container: Json, given: Json) -> None:
        """Remember a choice without telling the app."""
        _, blocks, key = self._container(user, container)
        block, element = inputs.find(blocks, given.get("block_id"), given["action_id"])
        self._keep(user, key, block, element, given)

    def _keep(self, user: str, key: str, block: Json, element: Json, given: Json) -> None:
        if element["action_id"] not in inputs.initial_state([block]).get(block["block_id"], {}):
            return
        values = self._choices.setdefault((user, key), {})
        kept = {"type": element["type"], **inputs.chosen(element, given)}
        values.setdefault(block["block_id"], {})[element["action_id"]] = kept

    def _container(self, user: str, container: Json) -> tuple[Json, list[Json], str]:
        """What is clicked on, its blocks, and the key under which its choices are kept."""
        state = self._ws.state
        if "view_id" in container:
            view = state.views.get(container["view_id"])
            if view is None or view["_user"] != user:
                raise Refused("This view is no longer open.")
            return view, view["blocks"], view["id"] + view["hash"]
        message = state.message(container["channel"], container["ts"])
        if message.get("ephemeral_to", user) != user:
            raise Refused("message_not_found")
        blocks = [*message.get("blocks", [])]
        for attachment in message.get("attachments", []):
            blocks += attachment.get("blocks", [])
        return message, blocks, message["ts"]

    async def act(self, user: str, container: Json, given: Json, state_values: Json | None) -> None:
        thing, blocks, key = self._container(user, container)
        block, element = inputs.find(blocks, given.get("block_id"), given["action_id"])
        self._keep(user, key, block, element, given)
        done = {**inputs.action(block, element, given), "action_ts": self._ws.state.next_ts()}
        values = inputs.merged(inputs.initial_state(blocks), self._choices.get((user, key), {}))
        values = inputs.merged(values, state_values or {})
        app = self._owner(thing)
        payload = self._payload(app, user, "block_actions") | self._place(app, user, container, thing, values)
        try:
            await self._ws.delivery.request(app, "interactive", {**payload, "actions": [done]})
        except NotAcknowledged as failure:
            word = "operation_timeout" if "timeout" in failure.reason else "dispatch_failed"
            raise Refused(word) from None

    def _owner(self, thing: Json) -> App:
        app = self._ws.state.app(thing["app_id"])
        if app.id in self._ws.state.revoked:
            raise Refused("This app has been uninstalled.")
        return app

    def _payload(self, app: App, user: str, kind: str) -> Json:
        state = self._ws.state
        name = state.user(user)["name"]
        return {
            "type": kind,
            "user": {"id": user, "username": name, "name": name, "team_id": state.team["id"]},
            "api_app_id": app.id,
            "token": app.verification_token,
            "trigger_id": self._triggers.give(state, app, user),
            "team": {"id": state.team["id"], "domain": state.team["domain"]},
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _place(self, app: App, user: str, container: Json, thing: Json, values: Json) -> Json:
        if "view_id" in container:
            view = {**render.view(thing), "state": {"values": values}}
            return {"container": {"type": "view", "view_id": thing["id"]}, "view": view}
        channel = self._ws.state.channel(container["channel"])
        place = {
            "type": "message",
            "message_ts": thing["ts"],
            "channel_id": channel["id"],
            "is_ephemeral": "ephemeral_to" in thing,
        }
        if "thread_ts" in thing:
            place["thread_ts"] = thing["thread_ts"]
        shown = render.message(self._ws.state, channel["id"], thing, metadata=True)
        if "ephemeral_to" in thing:
            # Slack does not send an ephemeral message's content back.
            shown = {
                name: shown[name] for name in ("type", "ts", "bot_id", "app_id", "user") if name in shown
            }
        return {
            "container": place,
            "channel": {"id": channel["id"], "name": _channel_name(channel)},
            "message": shown,
            "state": {"values": values},
            "response_url": responses.url(self._ws, app, user, channel["id"], message=thing),
        }

    # --- modals --------------------------------------------------------------------------------------

    async def submit(self, user: str, view_id: str, given: Json) -> dict[str, str]:
        """Submit a modal; returns the errors to show, none when it went through."""
        view, blocks, key = self._container(user, {"view_id": view_id})
        values = inputs.merged(inputs.initial_state(blocks), self._choices.get((user, key), {}))
        values = inputs.merged(values, given.get("values", given))
        errors = inputs.complaints(blocks, values)
        if errors:
            return errors
        app = self._owner(view)
        payload = self._payload(app, user, "view_submission")
        payload |= {"view": {**render.view(view), "state": {"values": values}}, "response_urls": []}
        try:
            answer = await self._ws.delivery.request(app, "interactive", payload) or {}
        except NotAcknowledged:
            raise Refused(_TROUBLE) from None
        return self._respond(app, user, view, answer)

    def _respond(self, app: App, user: str, view: Json, answer: Json) -> dict[str, str]:
        action = answer.get("response_action")
        if action == "errors":
            errors: dict[str, str] = answer.get("errors", {})
            known = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
            if not errors or not errors.keys() <= known:
                raise Refused(_TROUBLE)
            return errors
        try:
            if action == "update":
                views.replace(self._ws, app, view, answer["view"])
            elif action == "push":
                views.put(self._ws, app, user, answer["view"], on=view)
            elif action == "clear":
                self._close(user, views.stack(self._ws.state, user), all_of_them=True)
            elif action is None:
                self._close(user, [view], all_of_them=False)
            else:
                raise Refused(_TROUBLE)
        except Refused:
            raise Refused(_TROUBLE) from None
        return {}

    def _close(self, user: str, closing: list[Json], *, all_of_them: bool) -> None:
        for view in closing:
            # The app may have replaced or closed it meanwhile.
            if self._ws.state.views.get(view["id"]) is None:
                continue
            self._ws.state.remove_view(view["id"])
            self._ws.stream.push([user], {"type": "view_closed", "view_id": view["id"], "all": all_of_them})

    async def close(self, user: str, view_id: str, *, all_of_them: bool = False) -> None:
        """A person closes a modal: the app hears of it if it asked to."""
        view, _, _ = self._container(user, {"view_id": view_id})
        cleared = all_of_them or view["clear_on_close"]
        closing = views.stack(self._ws.state, user)[::-1] if cleared else [view]
        self._close(user, closing, all_of_them=cleared)
        for each in closing:
            if each["notify_on_close"]:
                app = self._owner(each)
                payload = self._payload(app, user, "view_closed")
                del payload["trigger_id"]
                await self._tell(app, {**payload, "view": render.view(each), "is_cleared": cleared})

    async def _tell(self, app: App, payload: Json) -> None:
        try:
            await self._ws.delivery.request(app, "interactive", payload)
        except NotAcknowledged:
            # Slack says nothing to the person either.
            return

    # --- shortcuts, options, home --------------------------------------------------------------------

    async def shortcut(self, user: str, callback_id: str, channel: Json | None, ts: str | None) -> None:
        kind = "message" if ts else "global"
        for app in self._ws.state.active_apps():
            for spec in app.shortcuts:
                if spec["callback_id"] == callback_id and spec["type"] == kind and app.has_any("commands"):
                    await self._shortcut(app, user, callback_id, channel, ts)
                    return
        raise Refused(f"There is no {kind} shortcut {callback_id!r}.")

    async def _shortcut(
        self, app: App, user: str, callback_id: str, channel: Json | None, ts: str | None
    ) -> None:
        payload = self._payload(app, user, "shortcut") | {"action_ts": self._ws.state.next_ts()}
        payload["callback_id"] = callback_id
        if channel is not None and ts is not None:
            message = self._ws.state.message(channel["id"], ts)
            payload |= {
                "type": "message_action",
                "channel": {"id": channel["id"], "name": _channel_name(channel)},
                "message_ts": ts,
                "message": render.message(self._ws.state, channel["id"], message, metadata=True),
                "response_url": responses.url(self._ws, app, user, channel["id"], message=message),
            }
        try:
            await self._ws.delivery.request(app, "interactive", payload)
        except NotAcknowledged:
            raise Refused(_TROUBLE) from None

    async def suggest(
        self, user: str, container: Json, block_id: str | None, action_id: str, value: str
    ) -> Any:  # noqa: ANN401
        """Options of an external select for what was typed so far."""
        thing, blocks, _ = self._container(user, container)
        block, element = inputs.find(blocks, block_id, action_id)
        app = self._owner(thing)
        payload = self._payload(app, user, "block_suggestion") | self._place(app, user, container, thing, {})
        for name in ("trigger_id", "response_url", "state"):
            payload.pop(name, None)
        asked = {"block_id": block["block_id"], "action_id": element["action_id"], "value": value}
        try:
            return await self._ws.delivery.request(app, "interactive", {**payload, **asked}) or {}
        except NotAcknowledged:
            raise Refused("No results: the app did not answer.") from None

    def open_home(self, user: str, app: App, tab: str) -> Json | None:
        view = views.home_of(self._ws.state, app, user)
        if "app_home_opened" in app.events:
            direct = self._ws.state.direct([user, app.bot_user])
            event: Json = {"type": "app_home_opened", "user": user, "channel": direct["id"], "tab": tab}
            event["event_ts"] = self._ws.state.next_ts()
            if view is not None and tab == "home":
                event["view"] = render.view(view)
            self._ws.delivery.event(app, event)
        return render.view(view) if view is not None else None


def _channel_name(channel: Json) -> str:
    """What Slack tells an app of a conversation's name: of a private one only that it is private."""
    names = {"im": "directmessage", "group": "privategroup"}
    return names.get(render.kind(channel)) or str(channel["name"])
