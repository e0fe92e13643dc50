"""The table, data_table and data_visualization blocks: rows, numbers and charts."""

from typing import Any

from localslack import limits as at_most
from localslack.richtext import RICH_TEXT
from localslack.shapes import (
    Check,
    Report,
    anything,
    flag,
    items,
    nothing_or,
    number,
    obj,
    one_of,
    string,
    typed,
)
from localslack.values import Json

_RAW_TEXT = obj({"type": anything, "text": string(least=1)})
_RAW_NUMBER = obj({"type": anything, "value": number(), "text": string(least=1)})
_CELL = typed({"raw_text": _RAW_TEXT, "raw_number": _RAW_NUMBER, "rich_text": RICH_TEXT})
_HEADER_CELL = typed({"raw_text": _RAW_TEXT, "raw_number": _RAW_NUMBER})
_SETTING = obj({}, {"align": one_of("left", "center", "right"), "is_wrapped": flag})
_BLOCK_ID: dict[str, Check] = {"block_id": string(at_most.ID)}


def characters(table: Json) -> int:
    """What counts against a table's limit: the text of all its cells."""
    return sum(_length(cell) for row in table.get("rows", []) for cell in row)


def _length(cell: Any) -> int:  # noqa: ANN401
    if isinstance(cell, dict):
        own = len(cell["text"]) if isinstance(cell.get("text"), str) else 0
        return own + sum(_length(each) for each in cell.get("elements", []))
    return 0


def _even_rows(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
    lengths = {len(row) for row in value["rows"]}
    if len(lengths) > 1:
        report.add(f"{pointer}/rows", "all rows must have the same number of cells", "equal_length")


def _few_characters(most: int) -> Check:
    def check(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
        if characters(value) > most:
            report.add(f"{pointer}/rows", f"must be less than {most + 1} characters", "max_length", most)

    return check


def _plain_header(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
    for index, cell in enumerate(value["rows"][0]):
        _HEADER_CELL(cell, f"{pointer}/rows/0/{index}", report)


TABLE = obj(
    {
        "type": anything,
        "rows": items(items(_CELL, at_most.TABLE_COLUMNS, 1), at_most.TABLE_ROWS, 1),
    },
    {**_BLOCK_ID, "column_settings": items(nothing_or(_SETTING), at_most.TABLE_COLUMNS)},
    _few_characters(at_most.TABLE_CHARACTERS),
)

DATA_TABLE = obj(
    {
        "type": anything,
        "caption": string(least=1),
        "rows": items(items(_CELL, at_most.DATA_TABLE_COLUMNS, 1), at_most.DATA_TABLE_ROWS, 2),
    },
    {
        **_BLOCK_ID,
        "page_size": number(1, at_most.DATA_TABLE_PAGE, whole=True),
        "row_header_column_index": number(0, at_most.DATA_TABLE_COLUMNS - 1, whole=True),
    },
    _even_rows,
    _plain_header,
    _few_characters(at_most.DATA_TABLE_CHARACTERS),
)

_LABEL = string(at_most.CHART_LABEL, 1)
_POINT = obj({"label": _LABEL, "value": number()})
_SERIES = obj({"name": _LABEL, "data": items(_POINT, at_most.CHART_POINTS, 1)})
_AXES = obj(
    {"categories": items(_LABEL, at_most.CHART_POINTS, 1)},
    {"x_label": string(at_most.AXIS_LABEL), "y_label": string(at_most.AXIS_LABEL)},
)


def _positive(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
    if value["value"] <= 0:
        report.add(f"{pointer}/value", "must be greater than 0", "exclusive_minimum", 0)


def _series_fit(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
    """Each series has exactly one point per category, and a name of its own."""
    names = [series["name"] for series in value["series"]]
    if len(set(names)) != len(names):
        report.add(f"{pointer}/series", "series names must be unique", "unique")
    categories = value["axis_config"]["categories"]
    if len(set(categories)) != len(categories):
        report.add(f"{pointer}/axis_config/categories", "categories must be unique", "unique")
    for index, series in enumerate(value["series"]):
        if sorted(point["label"] for point in series["data"]) != sorted(categories):
            place = f"{pointer}/series/{index}/data"
            report.add(place, "must have exactly one point per category", "categories", categories)


_SEGMENT = obj({"label": _LABEL, "value": number()}, {}, _positive)
_PIE = obj({"type": anything, "segments": items(_SEGMENT, at_most.CHART_SERIES, 1)})
_CURVES = obj(
    {"type": anything, "series": items(_SERIES, at_most.CHART_SERIES, 1), "axis_config": _AXES},
    {},
    _series_fit,
)
DATA_VISUALIZATION = obj(
    {
        "type": anything,
        "title": string(at_most.CHART_TITLE, 1),
        "chart": typed({"pie": _PIE, "bar": _CURVES, "line": _CURVES, "area": _CURVES}),
    },
    _BLOCK_ID,
)


def too_much_in_one_message(blocks: list[Json], pointer: str, report: Report) -> None:
    """Limits over all tables and charts of one message."""
    for kind, most in (("table", at_most.TABLE_CHARACTERS), ("data_table", at_most.DATA_TABLE_CHARACTERS)):
        total = sum(characters(each) for each in blocks if each["type"] == kind)
        if total > most:
            report.add(
                pointer, f"all {kind} blocks must be less than {most + 1} characters", "max_length", most
            )
    for kind, allowed in (("table", at_most.TABLES), ("data_visualization", at_most.CHARTS)):
        if sum(each["type"] == kind for each in blocks) > allowed:
            message = f"no more than {allowed} {kind} blocks allowed"
            report.add(pointer, message, "max_items", allowed)
