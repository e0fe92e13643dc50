"""Block Kit: what the blocks of a message or view must be, refused with Slack's pointers."""

from typing import Any

from localslack import limits as at_most
from localslack.elements import (
    ACCESSORIES,
    BUTTON,
    CARD_CONTENT,
    CONTEXT_ACTIONS,
    IMAGE,
    IMAGE_FIELDS,
    IN_ACTIONS,
    IN_CONTEXT,
    IN_INPUT,
    any_text,
    plain_text,
)
from localslack.richtext import RICH_TEXT
from localslack.shapes import (
    Check,
    Report,
    any_field,
    anything,
    flag,
    items,
    number,
    obj,
    one_field,
    one_of,
    string,
    typed,
)
from localslack.tables import DATA_TABLE, DATA_VISUALIZATION, TABLE, too_much_in_one_message
from localslack.values import Json, Refused


def _block(required: dict[str, Check], optional: dict[str, Check] | None = None, *rules: Check) -> Check:
    return obj({"type": anything, **required}, {"block_id": string(at_most.ID), **(optional or {})}, *rules)


def _icon_or_slack_icon(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
    if "icon" in value and "slack_icon" in value:
        report.add(pointer, "must provide only one of icon, slack_icon", "one_of", ["icon", "slack_icon"])


def _collapses(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
    if value.get("default_collapsed") and not value.get("is_collapsible"):
        report.add(f"{pointer}/default_collapsed", "requires is_collapsible to be true", "dependency")


def _not_pending(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
    if value["status"] == "pending":
        report.add(f"{pointer}/status", "pending is allowed only inside a plan", "enum")


_SECTION = _block(
    {},
    {
        "text": any_text(at_most.TEXT),
        "fields": items(any_text(at_most.SECTION_FIELD), at_most.SECTION_FIELDS, 1),
        "accessory": typed(ACCESSORIES),
        "expand": flag,
    },
    any_field("text", "fields"),
)
_CARD = _block(
    {},
    {
        "hero_image": IMAGE,
        "icon": IMAGE,
        "slack_icon": anything,
        "title": any_text(at_most.CARD_TITLE),
        "subtitle": any_text(at_most.CARD_TITLE),
        "body": any_text(at_most.CARD_BODY),
        "subtext": any_text(at_most.CARD_BODY),
        "actions": items(typed({"button": BUTTON}), at_most.CARD_ACTIONS, 1),
    },
    CARD_CONTENT,
    _icon_or_slack_icon,
)
_TASK_FIELDS: dict[str, Check] = {
    "task_id": string(least=1),
    "title": string(least=1),
    "status": one_of("pending", "in_progress", "complete", "error"),
}
_TASK_EXTRAS: dict[str, Check] = {"details": anything, "output": anything, "sources": items(anything)}
_HEADER = _block({"text": plain_text(at_most.HEADER)}, {"level": number(1, 4, whole=True)})
_IMAGE = _block(
    {"alt_text": string(at_most.ALT_TEXT)},
    {**IMAGE_FIELDS, "title": plain_text(at_most.IMAGE_TITLE)},
    one_field("image_url", "slack_file"),
)
_VIDEO = _block(
    {
        "alt_text": string(200, 1),
        "title": plain_text(at_most.VIDEO_TITLE),
        "thumbnail_url": string(at_most.URL),
        "video_url": string(at_most.URL),
    },
    {
        "author_name": string(at_most.VIDEO_AUTHOR),
        "description": plain_text(at_most.VIDEO_TITLE),
        "provider_icon_url": string(at_most.URL),
        "provider_name": string(at_most.VIDEO_AUTHOR),
        "title_url": string(at_most.URL),
    },
)
_INPUT = _block(
    {"label": plain_text(at_most.LABEL), "element": typed(IN_INPUT)},
    {"hint": plain_text(at_most.LABEL), "optional": flag, "dispatch_action": flag},
)
_IN_CONTAINER: dict[str, Check] = {
    "actions": _block({"elements": items(typed(IN_ACTIONS), at_most.ACTIONS, 1)}),
    "context": _block({"elements": items(typed(IN_CONTEXT), at_most.CONTEXT_ELEMENTS, 1)}),
    "divider": _block({}),
    "file": _block({"external_id": string(), "source": one_of("remote")}),
    "header": _HEADER,
    "image": _IMAGE,
    "input": _INPUT,
    "rich_text": RICH_TEXT,
    "section": _SECTION,
    "table": TABLE,
    "video": _VIDEO,
}
_CONTAINER = _block(
    {"child_blocks": items(typed(_IN_CONTAINER), at_most.CONTAINER_BLOCKS, 1)},
    {
        "title": plain_text(at_most.CONTAINER_TITLE),
        "rich_text_title": RICH_TEXT,
        "subtitle": any_text(at_most.CONTAINER_TITLE),
        "width": one_of("narrow", "standard", "wide", "full"),
        "icon": IMAGE,
        "is_collapsible": flag,
        "default_collapsed": flag,
        "has_header_divider": flag,
    },
    any_field("title", "rich_text_title"),
    _collapses,
)

BLOCKS: dict[str, Check] = {
    **_IN_CONTAINER,
    "alert": _block(
        {"text": any_text(at_most.ALERT)}, {"level": one_of("default", "info", "warning", "error", "success")}
    ),
    "card": _CARD,
    "carousel": _block({"elements": items(typed({"card": _CARD}), at_most.CAROUSEL_CARDS, 1)}),
    "container": _CONTAINER,
    "context_actions": _block({"elements": items(typed(CONTEXT_ACTIONS), at_most.CONTEXT_ACTIONS, 1)}),
    "data_table": DATA_TABLE,
    "data_visualization": DATA_VISUALIZATION,
    "markdown": _block({"text": string(at_most.MARKDOWN, 1)}),
    "plan": _block(
        {"title": string(least=1)},
        {"tasks": items(obj({**_TASK_FIELDS}, {"type": anything, **_TASK_EXTRAS}), 50)},
    ),
    "task_card": _block(_TASK_FIELDS, _TASK_EXTRAS, _not_pending),
}

_EVERYWHERE = {"actions", "card", "context", "divider", "header", "image", "rich_text", "section", "video"}
_ON_PAGES = {"carousel", "container", "data_table", "data_visualization", "table"}
SURFACES: dict[str, set[str]] = {
    # An input block in a message was always refused, whatever the documentation says.
    "message": _EVERYWHERE | _ON_PAGES | {"context_actions", "file", "markdown", "plan", "task_card"},
    "modal": _EVERYWHERE | {"alert", "input"},
    "home": _EVERYWHERE | _ON_PAGES | {"input"},
}


def check(blocks: Any, surface: str, pointer: str, files: Json) -> Report:  # noqa: ANN401
    """All that is wrong with a list of blocks on a surface."""
    report = Report(surface=surface, files=files)
    most = at_most.MESSAGE_BLOCKS if surface == "message" else at_most.VIEW_BLOCKS
    items(typed({kind: BLOCKS[kind] for kind in SURFACES[surface]}), most)(blocks, pointer, report)
    if not report.problems:
        _over_all_blocks(blocks, pointer, report)
    return report


def _over_all_blocks(blocks: list[Json], pointer: str, report: Report) -> None:
    too_much_in_one_message(blocks, pointer, report)
    if sum(len(each["text"]) for each in blocks if each["type"] == "markdown") > at_most.MARKDOWN:
        message = f"all markdown blocks must be less than {at_most.MARKDOWN + 1} characters"
        report.add(pointer, message, "max_length", at_most.MARKDOWN)
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        name = block.get("block_id")
        if name and name in seen:
            report.add(f"{pointer}/{index}/block_id", f"`block_id` already exists: {name}", "unique")
        seen.add(name or "")
        _unlike_actions(block, f"{pointer}/{index}", report)


def _unlike_actions(block: Json, pointer: str, report: Report) -> None:
    """Within one block every action_id names one element."""
    for field in ("elements", "actions"):
        seen: set[str] = set()
        for index, element in enumerate(block.get(field) or ()):
            name = element.get("action_id")
            if name and name in seen:
                place = f"{pointer}/{field}/{index}/action_id"
                report.add(place, f"`action_id` already exists for another element: {name}", "unique")
            seen.add(name or "")
    for index, child in enumerate(block.get("child_blocks") or ()):
        _unlike_actions(child, f"{pointer}/child_blocks/{index}", report)
    if block["type"] == "carousel":
        for index, card in enumerate(block["elements"]):
            _unlike_actions(card, f"{pointer}/elements/{index}", report)


def check_message_blocks(blocks: Any, files: Json, *, pointer: str = "/blocks") -> None:  # noqa: ANN401
    """Refuse a message's blocks as chat.postMessage does."""
    if not isinstance(blocks, list):
        raise Refused("invalid_blocks_format")
    problems = list(map(str, check(blocks, "message", pointer, files).problems))
    if problems:
        raise Refused("invalid_blocks", *(f"[ERROR] {each}" for each in problems), errors=problems)
