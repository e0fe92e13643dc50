"""An app of the tests' own, written with the real slack_bolt: it repeats, asks in modals and shows its blocks."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from browser import DESK, Window, chromium, window
from local_workspace import ANA, GENERAL, Json, LocalWorkspace, default_config
from playwright.sync_api import Browser, ViewportSize
from slack_bolt import Ack, App, BoltResponse, Respond
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

PARROT = "U0PARROT"
APP = "A0PARROT"
_SCOPES = [
    "app_mentions:read",
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
]
_MORE_SCOPES = [
    "groups:history",
    "groups:read",
    "im:history",
    "im:write",
    "reactions:read",
    "reactions:write",
    "users:read",
]
MANIFEST: Json = {
    "display_information": {"name": "Parrot"},
    "features": {
        "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True},
        "bot_user": {"display_name": "Parrot"},
        "agent_view": {
            "agent_description": "Repeats",
            "suggested_prompts": [{"title": "Say hello", "message": "hello :wave:"}],
        },
        "slash_commands": [
            {
                "command": "/echo",
                "description": "Repeat after me",
                "usage_hint": "words to repeat",
                "should_escape": True,
            },
            {"command": "/form", "description": "Open a form"},
        ],
        "shortcuts": [
            {"name": "Repeat this", "type": "message", "callback_id": "repeat", "description": "Say it again"}
        ],
    },
    "oauth_config": {"scopes": {"bot": [*_SCOPES, *_MORE_SCOPES]}},
    "settings": {
        "event_subscriptions": {
            "bot_events": ["app_home_opened", "app_mention", "message.channels", "message.im"]
        }
    },
}
FORM: Json = {
    "type": "modal",
    "callback_id": "form",
    "title": {"type": "plain_text", "text": "New experiment"},
    "submit": {"type": "plain_text", "text": "Save"},
    "close": {"type": "plain_text", "text": "Cancel"},
    "blocks": [
        {
            "type": "section",
            "block_id": "intro",
            "text": {"type": "mrkdwn", "text": "What do you want to *try*?"},
        },
        {
            "type": "input",
            "block_id": "name",
            "label": {"type": "plain_text", "text": "Name"},
            "hint": {"type": "plain_text", "text": "Short, without spaces"},
            "element": {"type": "plain_text_input", "action_id": "value"},
        },
        {
            "type": "input",
            "block_id": "owner",
            "optional": True,
            "label": {"type": "plain_text", "text": "Owner"},
            "element": {
                "type": "users_select",
                "action_id": "value",
                "placeholder": {"type": "plain_text", "text": "Somebody"},
            },
        },
        {
            "type": "input",
            "block_id": "kind",
            "label": {"type": "plain_text", "text": "Kind"},
            "element": {
                "type": "static_select",
                "action_id": "value",
                "placeholder": {"type": "plain_text", "text": "Choose a kind"},
                "options": [
                    {"text": {"type": "plain_text", "text": each}, "value": each}
                    for each in ("vision", "speech")
                ],
            },
        },
        {
            "type": "input",
            "block_id": "seeds",
            "label": {"type": "plain_text", "text": "Seeds"},
            "element": {
                "type": "number_input",
                "action_id": "value",
                "is_decimal_allowed": False,
                "initial_value": "3",
            },
        },
    ],
}
HOME: Json = {
    "type": "home",
    "blocks": [
        {"type": "header", "text": {"type": "plain_text", "text": "Your parrot"}},
        {
            "type": "actions",
            "elements": [
                {"type": "button", "action_id": "home", "text": {"type": "plain_text", "text": "Squawk"}}
            ],
        },
    ],
}


def workspace_config() -> Json:
    """Acme ML with Parrot in place of the bot."""
    config = default_config()
    app = {
        **config["apps"][0],
        "key": "parrot",
        "id": APP,
        "manifest": MANIFEST,
        "bot_user": PARROT,
        "bot_id": "B0PARROT",
    }
    channels = [
        {**each, "members": [name.replace("B:runlore", "B:parrot") for name in each["members"]]}
        for each in config["channels"]
    ]
    return {**config, "apps": [app], "channels": channels}


def _buttons(words: str) -> list[Json]:
    sure = {"title": "Really?", "text": "It cannot be unsaid.", "confirm": "Yes", "deny": "No"}
    confirm = {key: {"type": "plain_text", "text": text} for key, text in sure.items()}
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": words}},
        {
            "type": "actions",
            "elements": [
                {
                    "type": "button",
                    "action_id": "keep",
                    "style": "primary",
                    "value": "1",
                    "text": {"type": "plain_text", "text": "Keep"},
                },
                {
                    "type": "button",
                    "action_id": "drop",
                    "style": "danger",
                    "value": "2",
                    "confirm": confirm,
                    "text": {"type": "plain_text", "text": "Drop"},
                },
            ],
        },
    ]


def build(workspace: LocalWorkspace, heard: list[Callable[[Json], None]]) -> App:
    """The app with all its listeners; actions that it has no use for go to `heard`."""
    client = WebClient(token=workspace.bot_token, base_url=workspace.base_url)
    app = App(client=client, token_verification_enabled=False, raise_error_for_unhandled_request=True)

    @app.error
    def unhandled() -> BoltResponse:
        return BoltResponse(status=200)

    @app.command("/echo")
    def echo(ack: Ack, command: Json, respond: Respond) -> None:
        ack()
        respond(text=f"You said: {command['text']}")

    @app.command("/form")
    def form(ack: Ack, command: Json) -> None:
        ack()
        client.views_open(
            trigger_id=command["trigger_id"], view={**FORM, "private_metadata": command["channel_id"]}
        )

    @app.view("form")
    def submitted(ack: Ack, view: Json, body: Json) -> None:
        values = {block: next(iter(actions.values())) for block, actions in view["state"]["values"].items()}
        name = values["name"]["value"]
        if " " in name:
            ack(response_action="errors", errors={"name": "A name has no spaces."})
            return
        ack()
        kind, seeds = values["kind"]["selected_option"]["value"], values["seeds"]["value"]
        client.chat_postMessage(
            channel=view["private_metadata"],
            text=f"<@{body['user']['id']}> saved *{name}*: {kind}, {seeds} seeds",
        )

    @app.event("app_mention")
    def mentioned(event: Json) -> None:
        words = event["text"].split(">", 1)[1].strip()
        client.chat_postMessage(
            channel=event["channel"],
            thread_ts=event.get("thread_ts", event["ts"]),
            text=f"Squawk: {words}",
            blocks=_buttons(f"Squawk: {words}"),
        )

    def pressed(word: str) -> Callable[..., None]:
        def listener(ack: Ack, body: Json) -> None:
            ack()
            text = f"{word} by <@{body['user']['id']}>"
            client.chat_update(
                channel=body["channel"]["id"], ts=body["message"]["ts"], text=text, blocks=_buttons(text)
            )

        listener.__name__ = word
        return listener

    app.action("keep")(pressed("kept"))
    app.action("drop")(pressed("dropped"))

    @app.action("home")
    def squawk(ack: Ack, body: Json) -> None:
        ack()
        said = {"type": "section", "text": {"type": "mrkdwn", "text": f"Squawk, <@{body['user']['id']}>!"}}
        client.views_publish(user_id=body["user"]["id"], view={**HOME, "blocks": [*HOME["blocks"], said]})

    def other(ack: Ack, body: Json) -> None:
        ack()
        for listener in heard:
            listener(body)

    app.action(re.compile(".*"))(other)

    @app.event("app_home_opened")
    def home(event: Json) -> None:
        if event["tab"] == "home":
            client.views_publish(user_id=event["user"], view=HOME)

    @app.shortcut("repeat")
    def repeat(ack: Ack, body: Json) -> None:
        ack()
        client.chat_postEphemeral(
            channel=body["channel"]["id"], user=body["user"]["id"], text=f"Again: {body['message']['text']}"
        )

    return app


@contextmanager
def parrot(workspace: LocalWorkspace, heard: list[Callable[[Json], None]]) -> Iterator[WebClient]:
    """Runs the app over Socket Mode; gives the client it speaks with."""
    app = build(workspace, heard)
    handler = SocketModeHandler(app, workspace.app_token, web_client=app.client)
    handler.connect()  # type: ignore[no-untyped-call]  # slack_bolt's own
    yield app.client
    handler.close()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A workspace with Parrot in it, and a browser to look at it."""

    workspace: LocalWorkspace
    app: WebClient
    browser: Browser
    heard: list[Callable[[Json], None]]

    def listen(self, listener: Callable[[Json], None]) -> None:
        """Hear the payloads of all actions that Parrot itself has no use for, from now on."""
        self.heard[:] = [listener]

    @contextmanager
    def window(
        self, user: str = ANA, path: str = f"/archives/{GENERAL}", viewport: ViewportSize = DESK, **query: str
    ) -> Iterator[Window]:
        """A person's window, open at an address of the page."""
        with window(self.browser, self.workspace.url, viewport) as opened:
            opened.go(path, user=user, **query)
            yield opened


@contextmanager
def stage() -> Iterator[Stage]:
    """Everything that a test of the page needs."""
    heard: list[Callable[[Json], None]] = []
    with (
        LocalWorkspace(workspace_config()) as workspace,
        parrot(workspace, heard) as app,
        chromium() as browser,
    ):
        yield Stage(workspace=workspace, app=app, browser=browser, heard=heard)
