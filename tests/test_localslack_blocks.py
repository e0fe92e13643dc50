"""What the local workspace refuses of Block Kit, and with which pointer."""

from collections.abc import Callable
from typing import Any

import pytest

from localslack.blockids import with_ids
from localslack.blocks import SURFACES, check
from localslack.values import Json
from localslack.viewcheck import problems


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def section(text: str = "hello", **more: Any) -> Json:  # noqa: ANN401
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(**more: Any) -> Json:  # noqa: ANN401
    return {"type": "button", "text": plain("Go"), "action_id": "go", **more}


def cell(text: str) -> Json:
    return {"type": "raw_text", "text": text}


def data_table(rows: int = 3, columns: int = 2, text: str = "x") -> Json:
    return {"type": "data_table", "caption": "Runs", "rows": [[cell(text)] * columns] * rows}


def line_chart(points: int = 3, series: int = 1) -> Json:
    categories = [f"s{number}" for number in range(points)]
    curves = [
        {"name": f"run {number}", "data": [{"label": label, "value": -1.5} for label in categories]}
        for number in range(series)
    ]
    axes = {"categories": categories, "x_label": "step", "y_label": "loss"}
    return {
        "type": "data_visualization",
        "title": "loss",
        "chart": {"type": "line", "series": curves, "axis_config": axes},
    }


def select(count: int) -> Json:
    options = [{"text": plain(f"run {number}"), "value": str(number)} for number in range(count)]
    return {"type": "static_select", "action_id": "pick", "options": options}


def pointers(blocks: Any, surface: str = "message") -> list[str]:  # noqa: ANN401
    return [each.pointer for each in check(blocks, surface, "/blocks", {}).problems]


GOOD: dict[str, Json] = {
    "section with fields": {"type": "section", "fields": [plain("a"), plain("b")]},
    "section with a menu": section(accessory=select(100)),
    "header": {"type": "header", "text": plain("Run 42"), "level": 2},
    "context": {"type": "context", "elements": [plain("12 min"), {"type": "mrkdwn", "text": "*x*"}]},
    "actions": {"type": "actions", "elements": [button(value="1", style="primary"), select(1)]},
    "divider": {"type": "divider"},
    "markdown": {"type": "markdown", "text": "x" * 12_000},
    "data table": data_table(rows=201, columns=20),
    "table": {
        "type": "table",
        "rows": [[cell("a")], [cell("b")]],
        "column_settings": [None, {"align": "right"}],
    },
    "line chart": line_chart(points=20, series=12),
    "pie": {
        "type": "data_visualization",
        "title": "states",
        "chart": {"type": "pie", "segments": [{"label": "finished", "value": 3}]},
    },
    "card": {"type": "card", "title": plain("vision/42"), "actions": [button()]},
    "container": {
        "type": "container",
        "title": plain("Rationale"),
        "is_collapsible": True,
        "default_collapsed": True,
        "child_blocks": [section(), {"type": "actions", "elements": [button()]}],
    },
    "feedback": {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": "f",
                "positive_button": {"text": plain("Good"), "value": "+"},
                "negative_button": {"text": plain("Bad"), "value": "-"},
            }
        ],
    },
    "rich text": {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [{"type": "text", "text": "a", "style": {"bold": True}}],
            },
            {
                "type": "rich_text_list",
                "style": "bullet",
                "indent": 1,
                "elements": [{"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U1"}]}],
            },
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "x = 1"}]},
        ],
    },
}


@pytest.mark.parametrize("name", GOOD)
def test_what_slack_takes_is_taken(name: str) -> None:
    assert pointers([GOOD[name]]) == []


BAD: dict[str, tuple[Json, str]] = {
    "unknown type": ({"type": "sectoin"}, "/blocks/0/type"),
    "no type": ({"text": plain("x")}, "/blocks/0"),
    "empty section": ({"type": "section"}, "/blocks/0"),
    "text too long": (section("x" * 3001), "/blocks/0/text/text"),
    "text empty": (section(""), "/blocks/0/text/text"),
    "unknown field": (section(colour="red"), "/blocks/0"),
    "mrkdwn header": ({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, "/blocks/0/text/type"),
    "header too long": ({"type": "header", "text": plain("x" * 151)}, "/blocks/0/text/text"),
    "11 context elements": ({"type": "context", "elements": [plain("x")] * 11}, "/blocks/0/elements"),
    "11 fields": ({"type": "section", "fields": [plain("x")] * 11}, "/blocks/0/fields"),
    "26 buttons": (
        {"type": "actions", "elements": [button(action_id=str(n)) for n in range(26)]},
        "/blocks/0/elements",
    ),
    "101 options": (section(accessory=select(101)), "/blocks/0/accessory/options"),
    "button text": (
        {"type": "actions", "elements": [button(text=plain("x" * 76))]},
        "/blocks/0/elements/0/text/text",
    ),
    "button value": (
        {"type": "actions", "elements": [button(value="x" * 2001)]},
        "/blocks/0/elements/0/value",
    ),
    "button style": (
        {"type": "actions", "elements": [button(style="default")]},
        "/blocks/0/elements/0/style",
    ),
    "image without alt text": ({"type": "image", "image_url": "https://x.org/a.png"}, "/blocks/0"),
    "image of an unknown file": (
        {"type": "image", "alt_text": "x", "slack_file": {"id": "F0NONE"}},
        "/blocks/0/slack_file",
    ),
    "table row too wide": (data_table(columns=21), "/blocks/0/rows/0"),
    "table too long": (data_table(rows=202), "/blocks/0/rows"),
    "table without rows": (data_table(rows=1), "/blocks/0/rows"),
    "table too many characters": (data_table(rows=21, columns=10, text="x" * 100), "/blocks/0/rows"),
    "uneven table": (
        {"type": "data_table", "caption": "c", "rows": [[cell("a")], [cell("b"), cell("c")]]},
        "/blocks/0/rows",
    ),
    "empty cell": (data_table(text=""), "/blocks/0/rows/0/0/text"),
    "number as text": (
        {
            "type": "data_table",
            "caption": "c",
            "rows": [[cell("a")], [{"type": "raw_number", "value": "1", "text": "1"}]],
        },
        "/blocks/0/rows/1/0/value",
    ),
    "21 points": (line_chart(points=21), "/blocks/0/chart/series/0/data"),
    "13 series": (line_chart(series=13), "/blocks/0/chart/series"),
    "card title as a string": ({"type": "card", "title": "x"}, "/blocks/0/title"),
    "pending task": (
        {"type": "task_card", "task_id": "1", "title": "x", "status": "pending"},
        "/blocks/0/status",
    ),
    "table in a container": (
        {"type": "container", "title": plain("x"), "child_blocks": [data_table()]},
        "/blocks/0/child_blocks/0/type",
    ),
    "input in a message": (
        {"type": "input", "label": plain("x"), "element": {"type": "plain_text_input", "action_id": "a"}},
        "/blocks/0/type",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_slack_refuses_is_refused_with_its_pointer(name: str) -> None:
    block, pointer = BAD[name]
    assert pointer in pointers([block])


def test_nan_is_no_number() -> None:
    chart = line_chart()
    chart["chart"]["series"][0]["data"][1]["value"] = float("nan")
    assert pointers([chart]) == ["/blocks/0/chart/series/0/data/1/value"]


def test_a_series_must_have_one_point_per_category() -> None:
    chart = line_chart()
    del chart["chart"]["series"][0]["data"][2]
    assert pointers([chart]) == ["/blocks/0/chart/series/0/data"]


@pytest.mark.parametrize(
    ("count", "block"),
    [
        (51, section),
        (3, line_chart),
        (2, lambda: {"type": "table", "rows": [[cell("a")]]}),
        (2, lambda: {"type": "markdown", "text": "x" * 6001}),
        (2, lambda: data_table(rows=11, columns=10, text="x" * 100)),
        (2, lambda: section(block_id="same")),
    ],
)
def test_limits_of_a_whole_message_hold(count: int, block: Callable[[], Json]) -> None:
    assert pointers([block() for _ in range(count - 1)]) == []
    assert pointers([block() for _ in range(count)]) != []


@pytest.mark.parametrize(
    ("kind", "surface"),
    [
        ("markdown", "modal"),
        ("markdown", "home"),
        ("data_table", "modal"),
        ("alert", "message"),
        ("plan", "home"),
    ],
)
def test_a_block_is_refused_on_a_surface_it_does_not_belong_to(kind: str, surface: str) -> None:
    assert kind not in SURFACES[surface]
    assert pointers([{"type": kind}], surface) == ["/blocks/0/type"]


def test_an_action_id_names_one_element_of_its_block() -> None:
    button = {"type": "button", "action_id": "go", "text": plain("Go")}
    row = {"type": "actions", "elements": [button, button]}
    assert pointers([row]) == ["/blocks/0/elements/1/action_id"]
    one = {"type": "actions", "elements": [button]}
    assert pointers([one, one]) == []
    inside = {"type": "container", "title": plain("More"), "child_blocks": [one, row]}
    assert pointers([inside]) == ["/blocks/0/child_blocks/1/elements/1/action_id"]


def modal(*blocks: Json, **more: Any) -> Json:  # noqa: ANN401
    return {"type": "modal", "title": plain("Edit"), "blocks": list(blocks), **more}


TEXT_INPUT = {
    "type": "input",
    "label": plain("Why?"),
    "element": {"type": "plain_text_input", "action_id": "a"},
}


def test_a_modal_with_an_input_needs_a_submit_button() -> None:
    assert [each.message for each in problems(modal(TEXT_INPUT), "modal", {}).problems] == [
        "missing required field: submit"
    ]
    assert problems(modal(TEXT_INPUT, submit=plain("Save")), "modal", {}).problems == []


def test_a_modals_title_has_24_characters_and_101_blocks_are_too_many() -> None:
    found = problems({**modal(*[section()] * 101), "title": plain("x" * 25)}, "modal", {}).problems
    assert {each.pointer for each in found} == {"/view/title/text", "/view/blocks"}


def test_blocks_and_elements_get_ids_where_they_have_none() -> None:
    made = with_ids(
        [{"type": "actions", "elements": [{"type": "button", "text": plain("a")}]}, section(block_id="b")]
    )
    assert made[0]["block_id"]
    assert made[0]["elements"][0]["action_id"]
    assert made[1]["block_id"] == "b"
    assert with_ids([section()]) == with_ids([section()])
