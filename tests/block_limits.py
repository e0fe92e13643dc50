"""Two judges of Block Kit that share nothing with the builders: the local workspace, and a table of limits."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from localslack.blocks import check

Json = dict[str, Any]


def limits() -> Json | None:
    """Slack's limits as others wrote them down, where that table is at hand."""
    root = Path(os.environ.get("RUNLORE_SHARED", Path(__file__).parents[2] / "shared"))
    table = root / "data" / "slack" / "blockkit_limits.json"
    return json.loads(table.read_text()) if table.exists() else None


def units(text: str) -> int:
    """Length as JavaScript counts it."""
    return len(text.encode("utf-16-le")) // 2


def faults(blocks: list[Json], surface: str = "message") -> list[str]:
    """Everything that Slack would refuse, by the local workspace's rules and by the table."""
    json.dumps(blocks, allow_nan=False)
    found = [str(problem) for problem in check(blocks, surface, "/blocks", {}).problems]
    known = limits()
    return found + (list(_faults(blocks, known)) if known else [])


def _faults(blocks: list[Json], known: Json) -> Iterator[str]:
    charts = sum(block["type"] == "data_visualization" for block in blocks)
    tables = sum(block["type"] == "data_table" for block in blocks)
    if charts > 2 or tables > 1:
        yield f"{charts} charts, {tables} tables"
    for place, block in enumerate(blocks):
        kind = block["type"]
        for fault in _BLOCKS[kind](block, known):
            yield f"{place} {kind}: {fault}"


def _text(text: Json, limit: int) -> Iterator[str]:
    if not text["text"].strip():
        yield "empty text"
    if units(text["text"]) > limit:
        yield f"{units(text['text'])} characters, {limit} allowed"


def _section(block: Json, known: Json) -> Iterator[str]:
    if "text" not in block and not block.get("fields"):
        yield "neither text nor fields"
    if "text" in block:
        yield from _text(block["text"], known["section"]["text"]["max_length"])
    if len(block.get("fields", [])) > known["section"]["fields"]["max_items"]:
        yield "too many fields"
    for field in block.get("fields", []):
        yield from _text(field, known["section"]["fields"]["item_max_length"])
    if "accessory" in block:
        yield from _element(block["accessory"], known)


def _context(block: Json, known: Json) -> Iterator[str]:
    if not 1 <= len(block["elements"]) <= known["context"]["elements"]["max_items"]:
        yield f"{len(block['elements'])} elements"
    for element in block["elements"]:
        yield from _text(element, known["text"]["max_length"])


def _actions(block: Json, known: Json) -> Iterator[str]:
    if not 1 <= len(block["elements"]) <= known["actions"]["elements"]["max_items"]:
        yield f"{len(block['elements'])} elements"
    ids = [element["action_id"] for element in block["elements"]]
    if len(set(ids)) < len(ids):
        yield "action ids twice"
    for element in block["elements"]:
        yield from _element(element, known)


def _element(element: Json, known: Json) -> Iterator[str]:
    if units(element["action_id"]) > known["action_id"]["max_length"]:
        yield "long action id"
    if element["type"] == "button":
        yield from _text(element["text"], known["button"]["text"]["max_length"])
        if units(element["value"]) > known["button"]["value"]["max_length"] or not element["value"]:
            yield "button value"
    if "options" in element:
        most = known["checkboxes"]["options"]["max_items"] if element["type"] == "checkboxes" else 100
        if not 1 <= len(element["options"]) <= most:
            yield f"{len(element['options'])} options"
        for option in element["options"]:
            yield from _text(option["text"], known["option"]["text"]["max_length"])
            if units(option["value"]) > known["option"]["value"]["max_length"]:
                yield "long option value"
        if "initial_option" in element and element["initial_option"] not in element["options"]:
            yield "initial option is none of the options"
    if units(element.get("initial_value", "")) > known["plain_text_input"]["max_length"]["max"]:
        yield "initial value too long"


def _header(block: Json, known: Json) -> Iterator[str]:
    yield from _text(block["text"], known["header"]["text"]["max_length"])


def _input(block: Json, known: Json) -> Iterator[str]:
    yield from _text(block["label"], known["input"]["label"]["max_length"])
    if units(block["block_id"]) > known["block_id"]["max_length"]:
        yield "long block id"
    yield from _element(block["element"], known)


def _table(block: Json, known: Json) -> Iterator[str]:
    rule = known["data_table"]
    rows = block["rows"]
    if not rule["rows"]["min_items"] <= len(rows) <= rule["rows"]["max_items"]:
        yield f"{len(rows)} rows"
    if len({len(row) for row in rows}) != 1 or not 1 <= len(rows[0]) <= rule["columns"]["max_items"]:
        yield "columns"
    if not 1 <= block["page_size"] <= rule["page_size"]["max"]:
        yield "page size"
    cells = [cell for row in rows for cell in row]
    if any(not cell["text"] for cell in cells) or not block["caption"]:
        yield "empty cell or caption"
    if sum(units(cell["text"]) for cell in cells) > rule["content"]["max_length"]:
        yield "too much text"
    if any(cell["type"] != "raw_text" for cell in rows[0]):
        yield "header cells are not text"


def _chart(block: Json, known: Json) -> Iterator[str]:
    rule = known["data_visualization"]
    chart, axis = block["chart"], block["chart"]["axis_config"]
    if not 1 <= units(block["title"]) <= rule["title"]["max_length"]:
        yield "title"
    if not 1 <= len(chart["series"]) <= rule["series"]["max_items"]:
        yield "series"
    names = [series["name"] for series in chart["series"]]
    if len(set(names)) < len(names) or any(
        not 1 <= units(name) <= rule["series_name"]["max_length"] for name in names
    ):
        yield f"series names {names}"
    categories = axis["categories"]
    if not 1 <= len(categories) <= rule["categories"]["max_items"] or len(set(categories)) < len(categories):
        yield "categories"
    if any(not 1 <= units(each) <= rule["category_label"]["max_length"] for each in categories):
        yield "category labels"
    if any([point["label"] for point in series["data"]] != categories for series in chart["series"]):
        yield "a series does not have one point per category"
    if any(units(axis[label]) > rule["axis_label"]["max_length"] for label in ("x_label", "y_label")):
        yield "axis labels"


def _nothing(block: Json, known: Json) -> Iterator[str]:
    return iter(())


_BLOCKS = {
    "section": _section,
    "context": _context,
    "actions": _actions,
    "header": _header,
    "input": _input,
    "divider": _nothing,
    "data_table": _table,
    "data_visualization": _chart,
}
