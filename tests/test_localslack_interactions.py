"""Commands, clicks, modals, shortcuts and response URLs, through a real Bolt app in both modes."""

import queue
import time
from collections.abc import Iterator
from typing import Any

import pytest
from bolt_apps import HTTP, SOCKET, workspace_for
from local_workspace import ANA, BEN, RUNS, SECRET, Json, LocalWorkspace, SlackSaid
from slack_bolt import Ack, App, Respond
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def option(value: str) -> Json:
    return {"text": plain(f"run {value}"), "value": value}


MENU: list[Json] = [
    {"type": "section", "block_id": "s", "text": {"type": "mrkdwn", "text": "*runs*"}},
    {
        "type": "actions",
        "block_id": "menu",
        "elements": [
            {"type": "checkboxes", "action_id": "chosen", "options": [option("41"), option("42")]},
            {"type": "button", "text": plain("Compare"), "action_id": "compare", "value": "go"},
            {"type": "external_select", "action_id": "other", "placeholder": plain("Other run")},
        ],
    },
]


def modal(callback_id: str, **more: Any) -> Json:  # noqa: ANN401
    element = {"type": "plain_text_input", "action_id": "text", "max_length": 20}
    return {
        "type": "modal",
        "callback_id": callback_id,
        "title": plain("Edit note"),
        "submit": plain("Save"),
        "blocks": [{"type": "input", "block_id": "note", "label": plain("Note"), "element": element}],
        **more,
    }


def text_value(text: str) -> Json:
    return {"note": {"text": {"type": "plain_text_input", "value": text}}}


class Seen:
    """What the app's listeners got, in order."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Json] = queue.Queue()

    def put(self, body: Json) -> None:
        self._queue.put(body)

    def forget(self) -> None:
        while not self._queue.empty():
            self._queue.get()

    def next(self) -> Json:
        return self._queue.get(timeout=5)


def listen(app: App, seen: Seen) -> None:
    @app.command("/runs")
    def command(ack: Ack, body: Json, respond: Respond) -> None:
        if body["text"] == "in ack":
            ack(text="from the ack", blocks=MENU)
            return
        if body["text"] == "silent":
            return
        ack()
        seen.put(body)
        if body["text"] == "menu":
            respond(text="choose", blocks=MENU)
        if body["text"] == "share":
            respond(text="for all", response_type="in_channel")

    @app.action("compare")
    def compare(ack: Ack, body: Json, client: WebClient) -> None:
        ack()
        seen.put(body)
        view = modal("note", notify_on_close=True, private_metadata="run 42")
        seen.put({"view": client.views_open(trigger_id=body["trigger_id"], view=view)["view"]})

    @app.action("chosen")
    def chosen(ack: Ack, body: Json) -> None:
        ack()
        seen.put(body)

    @app.options("other")
    def options(ack: Ack, body: Json) -> None:
        ack(options=[option(body["value"])])

    @app.view("note")
    def note(ack: Ack, body: Json) -> None:
        text = body["view"]["state"]["values"]["note"]["text"]["value"]
        if text == "wrong":
            ack(response_action="errors", errors={"note": "Say more."})
        elif text == "next":
            ack(response_action="push", view=modal("second"))
        elif text == "other":
            ack(response_action="update", view=modal("note", title=plain("Again")))
        elif text == "done":
            ack(response_action="clear")
        else:
            ack()
        seen.put(body)

    @app.view("second")
    def second(ack: Ack) -> None:
        ack(response_action="clear")

    @app.view_closed("note")
    def closed(ack: Ack, body: Json) -> None:
        seen.put(body)
        ack()

    @app.shortcut("save_note")
    def save_note(ack: Ack, body: Json) -> None:
        ack()
        seen.put(body)

    for kind in ("message", "app_home_opened"):
        app.event(kind)(lambda: None)


@pytest.fixture(scope="module", params=[SOCKET, HTTP])
def connected(request: pytest.FixtureRequest) -> Iterator[tuple[LocalWorkspace, Seen]]:
    seen = Seen()
    with workspace_for(request.param, ack_timeout=1.0, trigger_life=1.0) as (workspace, app):
        listen(app, seen)
        yield workspace, seen


@pytest.fixture
def workspace(connected: tuple[LocalWorkspace, Seen]) -> Iterator[LocalWorkspace]:
    """The workspace with no modal left open."""
    yield connected[0]
    for view in connected[0].views(ANA)[::-1]:
        connected[0].close_view(ANA, view["id"])


@pytest.fixture
def seen(connected: tuple[LocalWorkspace, Seen]) -> Seen:
    connected[1].forget()
    return connected[1]


def new_menu(workspace: LocalWorkspace, seen: Seen) -> str:
    """A fresh ephemeral menu for Ana; its ts."""
    before = len(workspace.ephemerals(ANA, RUNS))
    workspace.command(ANA, RUNS, "/runs", "menu")
    seen.next()
    return str(workspace.wait_for(lambda: workspace.ephemerals(ANA, RUNS)[before:])[0]["ts"])


def open_modal(workspace: LocalWorkspace, seen: Seen) -> str:
    workspace.click(ANA, RUNS, new_menu(workspace, seen), "Compare")
    seen.next()
    return str(seen.next()["view"]["id"])


def test_a_command_carries_who_where_and_what(workspace: LocalWorkspace, seen: Seen) -> None:
    workspace.command(ANA, RUNS, "/runs", "who @ben <3")
    body = seen.next()
    assert (body["user_id"], body["user_name"], body["channel_name"]) == (ANA, "ana", "runs")
    assert body["text"] == f"who <@{BEN}> &lt;3"
    assert "thread_ts" not in body


def test_a_private_channels_name_is_not_told(workspace: LocalWorkspace, seen: Seen) -> None:
    workspace.command(ANA, SECRET, "/runs", "list")
    body = seen.next()
    assert (body["channel_id"], body["channel_name"]) == (SECRET, "privategroup")


def test_a_command_in_a_thread_is_refused_in_slacks_words(workspace: LocalWorkspace) -> None:
    parent = workspace.post(ANA, RUNS, "run 42")
    with pytest.raises(SlackSaid, match=r"^/runs is not supported in threads\. Sorry!$"):
        workspace.command(ANA, RUNS, "/runs", "list", thread_ts=parent)
    with pytest.raises(SlackSaid, match="/run is not a valid command"):
        workspace.command(ANA, RUNS, "/run")


def test_an_unanswered_command_fails_with_slacks_error(workspace: LocalWorkspace) -> None:
    with pytest.raises(SlackSaid, match=r'/runs failed with the error "(operation_timeout|dispatch_failed)"'):
        workspace.command(ANA, RUNS, "/runs", "silent")


def test_an_answer_in_the_acknowledgement_is_seen_by_one_person(workspace: LocalWorkspace) -> None:
    workspace.command(ANA, RUNS, "/runs", "in ack")
    assert workspace.ephemerals(ANA, RUNS)[-1]["text"] == "from the ack"
    assert all(each["text"] != "from the ack" for each in workspace.ephemerals(BEN, RUNS))
    slack = WebClient(token=workspace.bot_token, base_url=workspace.base_url)
    assert "from the ack" not in str(slack.conversations_history(channel=RUNS).data)


def test_a_response_can_be_for_the_whole_channel(workspace: LocalWorkspace, seen: Seen) -> None:
    workspace.command(ANA, RUNS, "/runs", "share")
    seen.next()
    workspace.wait_for(lambda: workspace.messages(RUNS, BEN)[-1]["text"] == "for all")


def test_a_response_url_works_five_times(workspace: LocalWorkspace, seen: Seen) -> None:
    workspace.command(ANA, RUNS, "/runs", "list")
    url = seen.next()["response_url"]
    answers = [WebhookClient(url).send(text=f"answer {number}") for number in range(6)]
    assert [each.status_code for each in answers] == [200] * 5 + [404]
    assert "used_url" in answers[-1].body


def test_a_response_replaces_and_deletes_what_was_clicked(workspace: LocalWorkspace, seen: Seen) -> None:
    slack = WebClient(token=workspace.bot_token, base_url=workspace.base_url)
    ts = slack.chat_postMessage(channel=RUNS, text="choose", blocks=MENU)["ts"]
    workspace.click(ANA, RUNS, ts, "chosen", ["41"])
    answer = WebhookClient(seen.next()["response_url"])
    answer.send(text="chosen", replace_original=True)
    message = workspace.message(RUNS, ts)
    assert message["text"] == "chosen"
    assert "blocks" not in message
    answer.send(delete_original=True)
    assert ts not in {each["ts"] for each in workspace.messages(RUNS)}


def test_a_click_carries_the_message_and_the_state_of_its_inputs(
    workspace: LocalWorkspace, seen: Seen
) -> None:
    slack = WebClient(token=workspace.bot_token, base_url=workspace.base_url)
    parent = workspace.post(ANA, RUNS, "thread")
    ts = slack.chat_postMessage(channel=RUNS, text="choose", blocks=MENU, thread_ts=parent)["ts"]
    workspace.click(ANA, RUNS, ts, "chosen", ["41", "42"])
    assert [each["value"] for each in seen.next()["actions"][0]["selected_options"]] == ["41", "42"]
    workspace.click(ANA, RUNS, ts, "Compare")
    body = seen.next()
    seen.next()
    assert body["actions"][0] | {"action_ts": ""} == {
        "type": "button",
        "action_id": "compare",
        "block_id": "menu",
        "text": plain("Compare"),
        "value": "go",
        "action_ts": "",
    }
    assert body["container"]["thread_ts"] == parent
    assert body["message"]["ts"] == ts
    kept = body["state"]["values"]["menu"]["chosen"]["selected_options"]
    assert [each["value"] for each in kept] == ["41", "42"]


def test_a_click_on_an_ephemeral_does_not_send_its_content(workspace: LocalWorkspace, seen: Seen) -> None:
    workspace.click(ANA, RUNS, new_menu(workspace, seen), "Compare")
    body = seen.next()
    seen.next()
    assert body["container"]["is_ephemeral"] is True
    assert "text" not in body["message"]


def test_an_external_select_asks_the_app_for_options(workspace: LocalWorkspace, seen: Seen) -> None:
    ts = new_menu(workspace, seen)
    container = {"channel": RUNS, "ts": ts}
    asked = workspace.do(
        "suggest", user=ANA, container=container, block_id="menu", action_id="other", value="7"
    )
    assert asked["options"] == [option("7")]


def test_a_modal_is_submitted_with_its_state(workspace: LocalWorkspace, seen: Seen) -> None:
    view_id = open_modal(workspace, seen)
    with pytest.raises(SlackSaid) as empty:
        workspace.submit_view(ANA, view_id)
    assert empty.value.answer["errors"] == {"note": "Please complete this required field."}
    with pytest.raises(SlackSaid) as long:
        workspace.submit_view(ANA, view_id, text_value("x" * 21))
    assert long.value.answer["errors"] == {"note": "Must be at most 20 characters."}
    workspace.submit_view(ANA, view_id, text_value("fine"))
    body = seen.next()
    assert body["view"]["state"]["values"]["note"]["text"]["value"] == "fine"
    assert body["view"]["private_metadata"] == "run 42"
    assert workspace.views(ANA) == []


def test_an_app_may_answer_a_submission_with_errors_and_other_views(
    workspace: LocalWorkspace, seen: Seen
) -> None:
    view_id = open_modal(workspace, seen)
    with pytest.raises(SlackSaid) as refused:
        workspace.submit_view(ANA, view_id, text_value("wrong"))
    assert refused.value.answer["errors"] == {"note": "Say more."}
    workspace.submit_view(ANA, view_id, text_value("other"))
    assert [each["title"]["text"] for each in workspace.views(ANA)] == ["Again"]
    workspace.submit_view(ANA, view_id, text_value("next"))
    assert [each["callback_id"] for each in workspace.views(ANA)] == ["note", "second"]
    workspace.submit_view(ANA, workspace.views(ANA)[1]["id"], text_value("x"))
    assert workspace.views(ANA) == []
    for _ in range(3):
        seen.next()


def test_closing_a_modal_is_told_when_the_app_asked_for_it(workspace: LocalWorkspace, seen: Seen) -> None:
    view_id = open_modal(workspace, seen)
    workspace.close_view(ANA, view_id)
    body = seen.next()
    assert (body["type"], body["view"]["id"], body["is_cleared"]) == ("view_closed", view_id, False)


def test_trigger_ids_expire_and_work_once(workspace: LocalWorkspace, seen: Seen) -> None:
    slack = WebClient(token=workspace.bot_token, base_url=workspace.base_url)
    workspace.command(ANA, RUNS, "/runs", "list")
    trigger = seen.next()["trigger_id"]
    slack.views_open(trigger_id=trigger, view=modal("second"))
    workspace.command(ANA, RUNS, "/runs", "list")
    late = seen.next()["trigger_id"]
    time.sleep(1.1)
    for used, error in (
        (trigger, "exchanged_trigger_id"),
        (late, "expired_trigger_id"),
        ("1.2.3", "invalid_trigger_id"),
    ):
        with pytest.raises(SlackApiError) as refused:
            slack.views_open(trigger_id=used, view=modal("second"))
        assert refused.value.response["error"] == error


def test_views_know_conflicts_and_limits(workspace: LocalWorkspace, seen: Seen) -> None:
    slack = WebClient(token=workspace.bot_token, base_url=workspace.base_url)
    view_id = open_modal(workspace, seen)
    first = slack.views_update(view_id=view_id, view=modal("second"))["view"]
    slack.views_update(view_id=view_id, view=modal("second"), hash=first["hash"])
    cases: list[tuple[Json, str]] = [
        ({"view_id": view_id, "view": modal("second"), "hash": first["hash"]}, "hash_conflict"),
        ({"view_id": "V0NONE", "view": modal("second")}, "not_found"),
        ({"view_id": view_id, "view": modal("second", private_metadata="x" * 250_001)}, "view_too_large"),
        ({"view_id": view_id, "view": modal("second", title=plain("x" * 25))}, "invalid_arguments"),
    ]
    for args, error in cases:
        with pytest.raises(SlackApiError) as refused:
            slack.views_update(**args)
        assert refused.value.response["error"] == error
    assert refused.value.response["response_metadata"]["messages"] == [
        "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"
    ]


def test_app_home_is_published_per_person(workspace: LocalWorkspace) -> None:
    slack = WebClient(token=workspace.bot_token, base_url=workspace.base_url)
    home = {"type": "home", "blocks": [{"type": "header", "text": plain("Projects")}]}
    slack.views_publish(user_id=BEN, view=home)
    shown = workspace.home(BEN)
    assert shown is not None
    assert shown["blocks"][0]["text"]["text"] == "Projects"
    assert workspace.home(ANA) is None


def test_a_message_shortcut_carries_the_message(workspace: LocalWorkspace, seen: Seen) -> None:
    ts = workspace.post(BEN, RUNS, "warmup helped")
    workspace.shortcut(ANA, "save_note", RUNS, ts)
    body = seen.next()
    assert (body["type"], body["callback_id"], body["message_ts"]) == ("message_action", "save_note", ts)
    assert (body["message"]["text"], body["message"]["user"]) == ("warmup helped", BEN)
