"""Modals on modals, views that change while somebody types, and who is at work."""

from collections.abc import Iterator

import pytest
from local_workspace import ANA, GENERAL, RUNS, Json
from parrot import PARROT, Stage, stage
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def scene() -> Iterator[Stage]:
    with stage() as built:
        yield built


def button(action_id: str, text: str) -> Json:
    made: Json = {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": text}}
    return {"type": "actions", "block_id": action_id, "elements": [made]}


def view(title: str, *blocks: Json) -> Json:
    name: Json = {
        "type": "input",
        "block_id": "name",
        "label": {"type": "plain_text", "text": "Name"},
        "element": {"type": "plain_text_input", "action_id": "value"},
    }
    titles = {
        key: {"type": "plain_text", "text": text} for key, text in (("title", title), ("submit", "Save"))
    }
    return {"type": "modal", "callback_id": "stack", **titles, "blocks": [name, *blocks]}


def test_views_are_stacked_and_left_one_by_one_or_all_at_once(scene: Stage) -> None:
    def answer(body: Json) -> None:
        trigger, action = body["trigger_id"], body["actions"][0]["action_id"]
        if action == "open":
            scene.app.views_open(trigger_id=trigger, view=view("First", button("deeper", "Deeper")))
        elif action == "deeper":
            scene.app.views_push(trigger_id=trigger, view=view("Second"))

    scene.listen(answer)
    scene.app.chat_postMessage(channel=GENERAL, text="a door", blocks=[button("open", "Open")])
    with scene.window(ANA) as ana:
        first, second = (ana.page.get_by_role("dialog", name=name) for name in ("First", "Second"))
        ana.page.get_by_role("button", name="Open", exact=True).click()
        first.get_by_label("Name").fill("kept while away")
        first.get_by_role("button", name="Deeper").click()
        expect(second).to_be_visible()
        expect(first).to_have_count(0)
        second.get_by_label("Back").click()
        expect(first.get_by_label("Name")).to_have_value("kept while away")
        first.get_by_role("button", name="Deeper").click()
        second.get_by_label("Close", exact=True).click()
        expect(ana.page.locator(".modal")).to_have_count(0)
        scene.workspace.wait_for(lambda: not scene.workspace.views(ANA), what="no view left open")


def test_a_changed_view_keeps_what_was_typed(scene: Stage) -> None:
    def answer(body: Json) -> None:
        trigger, action = body["trigger_id"], body["actions"][0]["action_id"]
        if action == "ask":
            scene.app.views_open(trigger_id=trigger, view=view("Ask", button("more", "More")))
        elif action == "more":
            said: Json = {"type": "section", "text": {"type": "mrkdwn", "text": "There *is* more."}}
            scene.app.views_update(view_id=body["view"]["id"], view=view("Ask", said))

    scene.listen(answer)
    scene.app.chat_postMessage(channel=RUNS, text="a question", blocks=[button("ask", "Ask me")])
    with scene.window(ANA, f"/archives/{RUNS}") as ana:
        ana.page.get_by_role("button", name="Ask me").click()
        modal = ana.page.locator(".modal")
        modal.get_by_label("Name").fill("typed before")
        modal.get_by_role("button", name="More").click()
        expect(modal).to_contain_text("There is more.")
        expect(modal.get_by_label("Name")).to_have_value("typed before")
        modal.get_by_role("button", name="Cancel").click()


def test_a_changed_view_keeps_what_was_chosen_and_the_cursor(scene: Stage) -> None:
    def form(words: str) -> Json:
        options = [{"text": {"type": "plain_text", "text": each}, "value": each} for each in ("adam", "sgd")]
        label: Json = {"type": "plain_text", "text": "Optimizer"}
        choice: Json = {"type": "static_select", "action_id": "value", "options": options}
        typing: Json = {
            "type": "plain_text_input",
            "action_id": "typing",
            "dispatch_action_config": {"trigger_actions_on": ["on_character_entered"]},
        }
        return view(
            "Form",
            {"type": "input", "block_id": "optimizer", "label": label, "element": choice},
            {
                "type": "input",
                "block_id": "search",
                "dispatch_action": True,
                "label": {"type": "plain_text", "text": "Search"},
                "element": typing,
            },
            {"type": "section", "text": {"type": "plain_text", "text": words}},
        )

    def answer(body: Json) -> None:
        action = body["actions"][0]
        if action["action_id"] == "form":
            scene.app.views_open(trigger_id=body["trigger_id"], view=form("nothing yet"))
        else:
            scene.app.views_update(view_id=body["view"]["id"], view=form(f"found {action['value']}"))

    scene.listen(answer)
    scene.app.chat_postMessage(channel=RUNS, text="a form", blocks=[button("form", "Fill in")])
    with scene.window(ANA, f"/archives/{RUNS}") as ana:
        ana.page.get_by_role("button", name="Fill in").click()
        modal = ana.page.locator(".modal")
        modal.locator(".select").click()
        ana.choose("sgd")
        modal.get_by_label("Search").press_sequentially("w")
        expect(modal).to_contain_text("found w")
        expect(modal.get_by_label("Search")).to_be_focused()
        ana.page.keyboard.type("d")
        expect(modal).to_contain_text("found wd")
        expect(modal.locator(".select")).to_contain_text("sgd")
        modal.get_by_role("button", name="Cancel").click()


def test_a_thread_says_who_is_at_work_in_it(scene: Stage) -> None:
    ts = scene.workspace.post(ANA, GENERAL, "please look into it")
    with scene.window(ANA) as ana:
        ana.tool(ana.message("please look into it"), "Reply in thread")
        line = ana.page.locator(".thread-pane .status-line")
        scene.app.assistant_threads_setStatus(channel_id=GENERAL, thread_ts=ts, status="is listening…")
        expect(line).to_have_text("Parrot is listening…")
        scene.app.assistant_threads_setStatus(channel_id=GENERAL, thread_ts=ts, status="")
        expect(line).to_have_text("")


def test_a_person_is_added_to_a_channel_and_the_channel_is_renamed(scene: Stage) -> None:
    with scene.window(ANA) as ana:
        ana.page.get_by_role("button", name="Add channels").click()
        ana.choose("Create a channel")
        ana.page.locator(".dialog .field").fill("New Ideas")
        ana.page.locator(".dialog").get_by_role("button", name="Create").click()
        title = ana.page.locator(".channel-pane .channel-name")
        expect(title).to_contain_text("new-ideas")
        title.click()
        ana.choose("Add people and apps")
        ana.choose("Parrot")
        expect(ana.page.locator(".member-count")).to_have_text("2")
        title.click()
        ana.choose("Rename channel")
        ana.page.locator(".dialog .field").fill("better-ideas")
        ana.page.keyboard.press("Enter")
        expect(title).to_contain_text("better-ideas")
        expect(ana.page.locator(".side-item.current")).to_have_text("better-ideas")
    channels = {
        each["name"]: each for each in scene.workspace.ask("boot", user=ANA)["channels"] if "name" in each
    }
    assert PARROT in channels["better-ideas"]["members"]
