"""What happens while the page waits for an answer is newer than the answer, and stays."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from browser import Window
from local_workspace import ANA, BEN, GENERAL, RUNS, Json
from parrot import Stage, stage
from playwright.sync_api import Route, expect

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def scene() -> Iterator[Stage]:
    with stage() as built:
        yield built


@contextmanager
def answered_late(window: Window, call: str, ask: Callable[[], object]) -> Iterator[None]:
    """The workspace answers what `ask` makes the page ask; the page gets the answer after the block."""
    held: list[Route] = []
    address = f"**/client/{call}?*"
    # A plain function: Playwright marks what it is given.
    window.page.route(address, lambda route: held.append(route), times=1)
    with window.page.expect_request(address):
        ask()
    while not held:
        window.page.wait_for_timeout(20)
    answer = held[0].fetch()
    yield
    held[0].fulfill(response=answer)


def modal(title: str) -> Json:
    words: Json = {"type": "section", "text": {"type": "mrkdwn", "text": f"This is the {title} one."}}
    return {"type": "modal", "title": {"type": "plain_text", "text": title}, "blocks": [words]}


def test_a_channel_keeps_what_was_said_edited_and_deleted_while_it_was_loading(scene: Stage) -> None:
    workspace = scene.workspace
    workspace.post(BEN, RUNS, "long known")
    draft, slip = workspace.post(BEN, RUNS, "a draft"), workspace.post(BEN, RUNS, "a slip")
    with scene.window(ANA) as ana:
        entry = ana.page.locator(".side-item", has_text="runs").first
        with answered_late(ana, "history", entry.click):
            workspace.edit(BEN, RUNS, draft, "a final word")
            workspace.delete(BEN, RUNS, slip)
            workspace.post(BEN, RUNS, "the latest")
            expect(ana.message("the latest")).to_be_visible()
        expect(ana.message("long known")).to_be_visible()
        expect(ana.message("the latest")).to_be_visible()
        expect(ana.message("a final word")).to_be_visible()
        expect(ana.message("a draft")).to_have_count(0)
        expect(ana.message("a slip")).to_have_count(0)


def test_a_thread_keeps_a_reply_that_came_while_it_was_loading(scene: Stage) -> None:
    parent = scene.workspace.post(BEN, GENERAL, "which seed?")
    scene.workspace.reply(BEN, GENERAL, parent, "the usual one")
    with scene.window(ANA) as ana:
        row = ana.message("which seed?").locator(".thread-row")
        with answered_late(ana, "replies", row.click):
            scene.workspace.reply(BEN, GENERAL, parent, "no, 7")
            expect(ana.message("no, 7", thread=True)).to_be_visible()
        expect(ana.message("the usual one", thread=True)).to_be_visible()
        expect(ana.message("no, 7", thread=True)).to_be_visible()


def test_older_pages_keep_what_changed_while_they_were_loading(scene: Stage) -> None:
    workspace = scene.workspace
    room = workspace.do("channel", user=ANA, action="create", name="long-history")["channel"]["id"]
    first = workspace.post(ANA, room, "the first of many")
    for number in range(205):
        workspace.post(ANA, room, f"line {number}")
    with scene.window(ANA, f"/archives/{room}") as ana:
        top = ana.page.locator(".pane:not(.thread-pane) .list")
        with answered_late(ana, "history", lambda: top.evaluate("(list) => { list.scrollTop = 0 }")):
            workspace.edit(ANA, room, first, "the first of very many")
            workspace.post(ANA, room, "the end")
            expect(ana.message("the end")).to_be_attached()
        expect(ana.message("the first of very many")).to_be_attached()


def test_a_modal_that_changed_while_the_page_began_is_shown_as_it_is_now(scene: Stage) -> None:
    def answer(body: Json) -> None:
        scene.app.views_open(trigger_id=body["trigger_id"], view=modal("Before"))

    scene.listen(answer)
    button: Json = {"type": "button", "action_id": "door", "text": {"type": "plain_text", "text": "Door"}}
    said = scene.app.chat_postMessage(
        channel=GENERAL, text="a door", blocks=[{"type": "actions", "block_id": "d", "elements": [button]}]
    )
    scene.workspace.click(ANA, GENERAL, str(said["ts"]), "door")
    view = scene.workspace.wait_for(lambda: scene.workspace.views(ANA), what="the modal")[0]
    with scene.window(ANA) as ana:
        unread = ana.page.locator(".side-item.unread", has_text="runs")
        with answered_late(ana, "view", ana.page.reload):
            scene.app.views_update(view_id=view["id"], view=modal("After"))
            scene.workspace.post(BEN, RUNS, "a sign that the page has heard of it")
            expect(unread).to_be_visible()
        expect(ana.page.get_by_role("dialog", name="After")).to_be_visible()
        scene.workspace.close_view(ANA, view["id"])
        expect(ana.page.get_by_role("dialog")).to_have_count(0)


def test_a_page_that_lost_the_workspace_learns_what_is_unread_elsewhere(scene: Stage) -> None:
    with scene.window(ANA, f"/archives/{RUNS}") as ana:
        expect(ana.page.locator(".side-item.unread", has_text="general")).to_have_count(0)
        scene.workspace.kill()
        expect(ana.page.locator(".frame.offline")).to_be_visible()
        scene.workspace.start()
        scene.workspace.post(BEN, GENERAL, "@ana are you there?")
        entry = ana.page.locator(".side-item.unread", has_text="general")
        expect(entry.locator(".side-count")).to_have_text("1", timeout=20_000)
