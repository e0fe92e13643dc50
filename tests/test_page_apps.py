"""The page as people use apps on it: commands, buttons, modals, shortcuts, Home and every block."""

from collections.abc import Iterator

import pytest
from local_workspace import ANA, BEN, GENERAL, RUNS, Json
from parrot import APP, Stage, stage
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def scene() -> Iterator[Stage]:
    with stage() as built:
        yield built


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def raw(*cells: str) -> list[Json]:
    return [{"type": "raw_text", "text": each} for each in cells]


def test_a_slash_shows_the_commands_and_the_answer_is_private(scene: Stage) -> None:
    with scene.window(ANA) as ana, scene.window(BEN) as ben:
        field = ana.page.locator(".composer-field")
        field.press_sequentially("/ec")
        expect(ana.page.locator(".suggestions [role=option]")).to_have_count(1)
        field.press("Enter")
        expect(field).to_have_value("/echo ")
        expect(ana.page.locator(".usage-hint")).to_have_text("/echo words to repeat")
        field.press_sequentially("is it on?")
        field.press("Enter")
        answer = ana.message("You said: is it on?")
        expect(answer.locator(".ephemeral-flag")).to_have_text("Only visible to you")
        expect(answer.locator(".badge")).to_have_text("APP")
        expect(ben.page.locator(".message", has_text="is it on?")).to_have_count(0)
        ana.tool(answer, "More actions")
        ana.choose("Dismiss message")
        expect(ana.page.locator(".message", has_text="You said: is it on?")).to_have_count(0)


def test_an_unknown_command_and_one_in_a_thread_are_refused_in_slacks_words(scene: Stage) -> None:
    with scene.window(ANA) as ana:
        ana.say("/nope")
        expect(ana.message("/nope is not a valid command.")).to_contain_text("Only visible to you")
        ana.say("a thread to try in")
        ana.tool(ana.message("a thread to try in"), "Reply in thread")
        ana.say("/echo hello", thread=True)
        refusal = ana.message("/echo is not supported in threads. Sorry!", thread=True)
        expect(refusal.locator(".author")).to_have_text("Slackbot")
        expect(refusal).to_contain_text("Only visible to you")


def test_buttons_reach_the_app_and_a_dangerous_one_asks_first(scene: Stage) -> None:
    with scene.window(ANA) as ana:
        ana.say("@parrot polly")
        ana.message("polly").locator(".thread-row").click()
        squawk = ana.page.locator(".thread-pane .message").nth(1)
        expect(squawk).to_contain_text("Squawk: polly")
        squawk.get_by_role("button", name="Drop").click()
        dialog = ana.page.locator(".dialog")
        expect(dialog).to_contain_text("It cannot be unsaid.")
        dialog.get_by_role("button", name="No").click()
        squawk.get_by_role("button", name="Keep").click()
        expect(squawk).to_contain_text("kept by @Ana Silva")
        squawk.get_by_role("button", name="Drop").click()
        dialog.get_by_role("button", name="Yes").click()
        expect(squawk).to_contain_text("dropped by @Ana Silva")


def test_a_modal_shows_its_errors_and_then_submits(scene: Stage) -> None:
    with scene.window(ANA) as ana:
        ana.say("/form")
        modal = ana.page.get_by_role("dialog", name="New experiment")
        modal.get_by_role("button", name="Save").click()
        errors = modal.locator(".input-error:not(:empty)")
        expect(errors).to_have_count(2)
        expect(errors.first).to_have_text("Please complete this required field.")
        modal.get_by_label("Name").fill("two words")
        modal.locator("[data-block=kind] .select").click()
        ana.choose("speech")
        modal.locator("[data-block=seeds] input").fill("5")
        modal.get_by_role("button", name="Save").click()
        expect(errors).to_have_text(["A name has no spaces."])
        expect(modal.locator("[data-block=kind] .select")).to_contain_text("speech")
        modal.get_by_label("Name").fill("whisper-base")
        modal.get_by_label("Name").press("Enter")
        expect(ana.message("saved whisper-base: speech, 5 seeds")).to_be_visible()
        expect(ana.page.locator(".modal")).to_have_count(0)


def test_escape_closes_a_modal_and_a_reload_keeps_an_open_one(scene: Stage) -> None:
    with scene.window(ANA) as ana:
        ana.say("/form")
        expect(ana.page.locator(".modal")).to_be_visible()
        ana.page.reload()
        ana.page.wait_for_selector("body[data-ready]")
        expect(ana.page.locator(".modal .field").first).to_be_focused()
        ana.page.keyboard.press("Escape")
        expect(ana.page.locator(".modal")).to_have_count(0)
        assert scene.workspace.views(ANA) == []


def test_a_message_shortcut_stands_in_the_menu(scene: Stage) -> None:
    with scene.window(ANA) as ana:
        ana.say("worth repeating")
        ana.tool(ana.message("worth repeating"), "More actions")
        ana.choose("Repeat this")
        expect(ana.message("Again: worth repeating")).to_contain_text("Only visible to you")


def test_an_app_has_its_home_and_its_messages(scene: Stage) -> None:
    with scene.window(BEN) as ben:
        ben.page.locator(".side-item", has_text="Parrot").click()
        expect(ben.page.locator(".home .header")).to_have_text("Your parrot")
        ben.page.get_by_role("button", name="Squawk").click()
        expect(ben.page.locator(".home")).to_contain_text("Squawk, @Ben Okafor!")
        ben.page.get_by_role("tab", name="Messages").click()
        ben.page.get_by_role("button", name="Say hello").click()
        expect(ben.message("hello 👋")).to_be_visible()
        ben.say("hello bird")
        expect(ben.message("hello bird")).to_be_visible()
        ben.page.go_back()
        expect(ben.page.get_by_role("tab", name="Home")).to_have_attribute("aria-selected", "true")
        ben.go("/", user=BEN, app=APP, tab="messages")
        expect(ben.message("hello bird")).to_be_visible()


def test_a_data_table_is_paged_and_sorted_by_number(scene: Stage) -> None:
    values = [0.91, 0.9, 0.1234, 10.0, 2.0, 0.95, 3.5]
    rows: list[list[Json]] = [
        [*raw(f"#{n}"), {"type": "raw_number", "value": each, "text": str(each)}]
        for n, each in enumerate(values)
    ]
    table: Json = {"type": "data_table", "caption": "Runs", "rows": [raw("Run", "val_acc"), *rows]}
    scene.app.chat_postMessage(channel=RUNS, text="table", blocks=[table])
    with scene.window(ANA, f"/archives/{RUNS}") as ana:
        figure = ana.page.locator(".data-table")
        numbers = figure.locator("tbody td")
        expect(figure.locator(".pager-position")).to_have_text("1–5 of 7")
        figure.get_by_label("Next page").click()
        expect(numbers).to_have_text(["0.95", "3.5"])
        figure.get_by_role("button", name="val_acc").click()
        expect(numbers).to_have_text(["0.1234", "0.9", "0.91", "0.95", "2.0"])
        figure.get_by_role("button", name="val_acc").click()
        expect(numbers.first).to_have_text("10.0")
        expect(figure.locator("th[aria-sort=descending]")).to_contain_text("val_acc")


def test_charts_are_drawn_with_their_values_in_words(scene: Stage) -> None:
    points = [{"label": str(each), "value": 1 / each} for each in range(1, 6)]
    axes = {"categories": [each["label"] for each in points], "x_label": "step", "y_label": "loss"}
    line = {
        "type": "line",
        "series": [{"name": "#41", "data": points}, {"name": "#42", "data": points[::-1]}],
    }
    pie = {"type": "pie", "segments": [{"label": "finished", "value": 3}, {"label": "failed", "value": 1}]}
    blocks: list[Json] = [
        {"type": "data_visualization", "title": "Loss", "chart": {**line, "axis_config": axes}},
        {"type": "data_visualization", "title": "States", "chart": pie},
    ]
    scene.app.chat_postMessage(channel=RUNS, text="charts", blocks=blocks)
    with scene.window(ANA, f"/archives/{RUNS}") as ana:
        chart = ana.page.locator(".chart", has_text="Loss")
        expect(chart.locator(".curve")).to_have_count(2)
        expect(chart.locator(".point")).to_have_count(10)
        expect(chart.locator(".axis-label")).to_have_text(["step", "loss"])
        expect(chart.locator(".legend li")).to_have_text(["#41", "#42"])
        expect(chart.locator("svg")).to_have_attribute(
            "aria-label",
            "Loss. #41: 1 1, 2 0.5, 3 0.3333333333333333, 4 0.25, 5 0.2; #42: 5 0.2, 4 0.25, 3 0.3333333333333333, 2 0.5, 1 1",
        )
        slices = ana.page.locator(".chart", has_text="States")
        expect(slices.locator(".legend li")).to_have_text(["finished 75.0%", "failed 25.0%"])


def test_choices_in_a_message_go_to_the_app_with_its_state(scene: Stage) -> None:
    options = [{"text": plain(f"#{each}"), "value": str(each)} for each in (41, 42, 43)]
    heard: list[Json] = []
    blocks: list[Json] = [
        {
            "type": "actions",
            "block_id": "rows",
            "elements": [{"type": "checkboxes", "action_id": "rows", "options": options}],
        },
        {
            "type": "actions",
            "block_id": "go",
            "elements": [
                {
                    "type": "static_select",
                    "action_id": "tag",
                    "placeholder": plain("Tag"),
                    "options": options,
                },
                {"type": "overflow", "action_id": "more", "options": options[:2]},
                {"type": "datepicker", "action_id": "day", "initial_date": "2026-11-23"},
                {"type": "users_select", "action_id": "who", "placeholder": plain("Who")},
            ],
        },
    ]
    scene.listen(heard.append)
    scene.app.chat_postMessage(channel=RUNS, text="choices", blocks=blocks)
    with scene.window(ANA, f"/archives/{RUNS}") as ana:
        message = ana.page.locator(".message", has=ana.page.locator(".choices")).last
        message.get_by_label("#41").check()
        message.get_by_label("#43").check()
        message.locator("[data-action=tag]").click()
        ana.choose("#42")
        expect(message.locator("[data-action=tag]")).to_contain_text("#42")
        message.locator("[data-action=more]").click()
        ana.choose("#41")
        message.locator("[data-action=who]").click()
        ana.choose("Ben Okafor")
        scene.workspace.wait_for(lambda: len(heard) == 5, what="five actions")
    done = [each["actions"][0] for each in heard]
    assert [each["action_id"] for each in done] == ["rows", "rows", "tag", "more", "who"]
    assert [each["value"] for each in done[1]["selected_options"]] == ["41", "43"]
    assert done[2]["selected_option"]["value"] == "42"
    assert done[3]["selected_option"]["value"] == "41"
    assert done[4]["selected_user"] == BEN
    values = heard[4]["state"]["values"]
    assert [each["value"] for each in values["rows"]["rows"]["selected_options"]] == ["41", "43"]
    assert values["go"]["day"]["selected_date"] == "2026-11-23"


def test_every_other_block_has_its_look(scene: Stage) -> None:
    words = {
        "type": "rich_text_section",
        "elements": [{"type": "text", "text": "bold", "style": {"bold": True}}],
    }
    quote = {"type": "rich_text_quote", "elements": [{"type": "user", "user_id": BEN}]}
    bullets = {"type": "rich_text_list", "style": "bullet", "elements": [words, words]}
    card: Json = {
        "type": "card",
        "title": plain("vision/42"),
        "body": plain("0.942"),
        "actions": [{"type": "button", "action_id": "open", "text": plain("Open")}],
    }
    up, down = {"text": plain("Good"), "value": "up"}, {"text": plain("Bad"), "value": "down"}
    blocks: list[Json] = [
        {"type": "header", "text": plain("All of them")},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "*State*\nfinished"}]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "<!date^0^{date_num}|then>"}]},
        {"type": "divider"},
        {"type": "rich_text", "elements": [words, quote, bullets]},
        {
            "type": "markdown",
            "text": "# Title\n- [x] done\n\n| a | b |\n|---|--:|\n| 1 | **2** |\n\n```python\nx = 1\n```",
        },
        {"type": "table", "rows": [raw("param", "value"), raw("lr", "1e-4")]},
        {
            "type": "carousel",
            "elements": [card, {**card, "actions": [{**card["actions"][0], "action_id": "other"}]}],
        },
        {
            "type": "container",
            "title": plain("Environment"),
            "is_collapsible": True,
            "default_collapsed": True,
            "child_blocks": [{"type": "section", "text": plain("torch 2.5")}],
        },
        {
            "type": "context_actions",
            "elements": [
                {
                    "type": "feedback_buttons",
                    "action_id": "vote",
                    "positive_button": up,
                    "negative_button": down,
                }
            ],
        },
    ]
    scene.app.chat_postMessage(channel=GENERAL, text="all", blocks=blocks)
    with scene.window(ANA) as ana:
        message = ana.message("All of them")
        expect(message.locator(".unknown")).to_have_count(0)
        expect(message.locator(".context .date")).to_have_text("1970-01-01")
        expect(message.locator(".rich-text li b")).to_have_text(["bold", "bold"])
        expect(message.locator(".rich-text blockquote")).to_have_text("@Ben Okafor")
        expect(message.locator(".markdown .md-h1")).to_have_text("Title")
        expect(message.locator(".markdown input:checked")).to_have_count(1)
        expect(message.locator(".markdown td b")).to_have_text("2")
        expect(message.locator(".markdown pre")).to_have_text("x = 1")
        expect(message.locator(".block-table td")).to_have_text(["lr", "1e-4"])
        expect(message.locator(".card")).to_have_count(2)
        expect(message.get_by_text("torch 2.5")).to_be_hidden()
        message.get_by_text("Environment").click()
        expect(message.get_by_text("torch 2.5")).to_be_visible()
        message.get_by_label("Good").click()
        expect(message.get_by_label("Good")).to_have_attribute("aria-pressed", "true")
