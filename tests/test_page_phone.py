"""The page on a phone, and by keyboard alone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import PHONE, Window
from local_workspace import ANA, BEN, GENERAL, RUNS, VISION, Json
from parrot import Stage, stage
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

GOLDEN = Path(__file__).parent / "data" / "blocks"


@pytest.fixture(scope="module")
def scene() -> Iterator[Stage]:
    with stage() as built:
        yield built


def fits(shown: Window) -> bool:
    """Whether nothing sticks out of the window's width."""
    return bool(shown.page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_a_phone_shows_one_column_at_a_time(scene: Stage) -> None:
    ts = scene.workspace.post(BEN, VISION, "vision/42 finished: val_acc 0.942, new best")
    scene.workspace.reply(BEN, VISION, ts, "five seeds next")
    with scene.window(ANA, viewport=PHONE) as ana:
        expect(ana.page.locator(".sidebar")).to_be_hidden()
        ana.page.get_by_label("Open the sidebar").click()
        ana.page.locator(".side-item", has_text="vision-runs").click()
        expect(ana.page.locator(".sidebar")).to_be_hidden()
        ana.message("vision/42 finished").locator(".thread-row").click()
        expect(ana.message("five seeds next", thread=True)).to_be_visible()
        expect(ana.page.locator(".channel-pane")).to_be_hidden()
        box = ana.page.locator(".thread-pane").bounding_box()
        assert box is not None
        assert box["width"] == PHONE["width"]
        assert fits(ana)
        ana.page.get_by_label("Back to the channel").click()
        expect(ana.message("vision/42 finished")).to_be_visible()


def test_wide_things_scroll_inside_their_message(scene: Stage) -> None:
    wide = [{"type": "raw_text", "text": f"column number {number}"} for number in range(12)]
    points = [{"label": f"step {number * 1000}", "value": number} for number in range(1, 21)]
    axes = {"categories": [each["label"] for each in points], "y_label": "loss"}
    blocks: list[Json] = [
        {"type": "data_table", "caption": "Wide", "rows": [wide, wide]},
        {
            "type": "data_visualization",
            "title": "Long",
            "chart": {"type": "line", "series": [{"name": "a", "data": points}], "axis_config": axes},
        },
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": f"```{'x' * 400}``` {'y' * 400} `{'z' * 300}`"},
        },
    ]
    scene.app.chat_postMessage(channel=RUNS, text="wide", blocks=blocks)
    with scene.window(ANA, f"/archives/{RUNS}", viewport=PHONE) as ana:
        expect(ana.page.locator(".chart svg")).to_be_visible()
        assert fits(ana)
        table = ana.page.locator(".data-table .table-scroll")
        assert table.evaluate("(node) => node.scrollWidth > node.clientWidth")
        width = ana.page.locator(".chart svg").evaluate("(node) => node.getBoundingClientRect().width")
        assert width < PHONE["width"]


def test_the_bots_messages_are_shown_whole_on_a_phone(scene: Stage) -> None:
    golden = [path for path in sorted(GOLDEN.glob("*.json")) if not path.stem.startswith("modal")]
    for path in golden:
        message: Json = json.loads(path.read_text(encoding="utf-8"))
        scene.app.chat_postMessage(channel=GENERAL, text=message["text"], blocks=message["blocks"])
    with scene.window(ANA, viewport=PHONE) as ana:
        expect(ana.page.locator(".message")).to_have_count(len(golden))
        expect(ana.page.locator(".unknown, .image-missing")).to_have_count(0)
        assert fits(ana)
        sticking = "(list) => [...list.querySelectorAll('.block')].filter((block) => block.getBoundingClientRect().right > innerWidth).length"
        assert ana.page.locator(".list").evaluate(sticking) == 0


def test_a_modal_and_a_menu_fit_on_a_phone(scene: Stage) -> None:
    with scene.window(ANA, viewport=PHONE) as ana:
        ana.say("/form")
        modal = ana.page.locator(".modal")
        expect(modal).to_be_visible()
        modal.locator("[data-block=kind] .select").click()
        expect(ana.page.locator(".popover .menu-item")).to_have_text(["vision", "speech"])
        ana.page.keyboard.press("Escape")
        expect(ana.page.locator(".popover")).to_have_count(0)
        expect(modal).to_be_visible()
        assert fits(ana)
        modal.get_by_role("button", name="Cancel").click()
        expect(modal).to_have_count(0)


def test_everything_in_a_message_is_reached_and_done_by_keyboard(scene: Stage) -> None:
    with scene.window(ANA) as ana:
        ana.say("look, no mouse")
        message = ana.message("look, no mouse")
        message.focus()
        ana.page.keyboard.press("Tab")
        expect(message.locator(".tools")).to_be_visible()
        message.get_by_label("React with :memo:").focus()
        ana.page.keyboard.press("Enter")
        expect(message.locator(".reaction[data-name=memo]")).to_be_visible()
        message.get_by_label("More actions").focus()
        ana.page.keyboard.press("Enter")
        expect(ana.page.locator(".menu-item").first).to_be_focused()
        ana.page.keyboard.press("ArrowDown")
        ana.page.keyboard.press("Enter")
        expect(ana.page.get_by_label("Edit message")).to_be_focused()
        ana.page.keyboard.press("Escape")
        expect(ana.page.get_by_label("Edit message")).to_have_count(0)
        ana.page.keyboard.press("Control+k")
        ana.page.keyboard.type("visi")
        ana.page.keyboard.press("Enter")
        expect(ana.page.locator(".channel-pane h1")).to_contain_text("vision-runs")


def test_tab_stays_inside_a_modal(scene: Stage) -> None:
    with scene.window(ANA) as ana:
        ana.say("/form")
        expect(ana.page.locator(".modal .field").first).to_be_focused()
        for _ in range(12):
            ana.page.keyboard.press("Tab")
            assert ana.page.evaluate("Boolean(document.activeElement.closest('.modal'))")
