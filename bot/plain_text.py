"""A message as plain text, for terminals: what its blocks say, without Slack's marks."""

import re
from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from typing import Any

_LINK = re.compile(r"<(?:https?://[^|>]+)\|([^>]+)>")
_ADDRESS = re.compile(r"<(https?://[^|>]+)>")
_STRONG = re.compile(r"(?<![\w*])\*(?!\s)([^*\n]+)(?<!\s)\*(?![\w*])")
_DATE = re.compile(r"<!date\^[^|>]+\|([^>]+)>")


def plain_text(text: str, blocks: Sequence[Mapping[str, Any]], *, buttons: bool = True) -> str:
    """The blocks in reading order, with or without what can be pressed; the text alone where there are none."""
    shown = (block for block in blocks if buttons or block.get("type") != "actions")
    lines = [line for block in shown for line in _block(block)]
    return "\n".join(lines) if lines else readable(text)


def readable(mrkdwn: str) -> str:
    """mrkdwn as a person reads it: links by their label, no asterisks, entities resolved."""
    text = _DATE.sub(r"\1", _LINK.sub(r"\1", mrkdwn))
    text = _ADDRESS.sub(r"\1", text)
    return unescape(_STRONG.sub(r"\1", text))


def _block(block: Mapping[str, Any]) -> Iterator[str]:
    match block.get("type"):
        case "section" | "header":
            if block.get("text"):
                yield from readable(block["text"]["text"]).splitlines()
            for field in block.get("fields") or []:
                yield readable(field["text"]).replace("\n", ": ", 1)
        case "context":
            yield " · ".join(readable(e["text"]) for e in block.get("elements", []) if "text" in e)
        case "actions":
            labels = [e["text"]["text"] for e in block.get("elements", []) if e.get("type") == "button"]
            if labels:
                yield " ".join(f"[{label}]" for label in labels)
        case "data_table" | "table":
            yield from _table(block.get("rows") or [])
        case "data_visualization":
            chart = block.get("chart") or {}
            yield f"(chart: {block.get('title') or chart.get('title') or 'curve'})"
        case "divider":
            yield "―" * 20
        case "image":
            yield f"(picture: {block.get('alt_text', '')})"
        case "markdown":
            yield from str(block.get("text", "")).splitlines()


def _table(rows: Sequence[Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    cells = [[_cell(cell) for cell in row] for row in rows]
    widths = [
        max(len(row[place]) for row in cells if place < len(row))
        for place in range(max(map(len, cells), default=0))
    ]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()


def _cell(cell: Mapping[str, Any] | None) -> str:
    if not cell:
        return ""
    if cell.get("type") == "rich_text":
        return "".join(
            str(leaf.get("text", ""))
            for part in cell.get("elements", [])
            for leaf in part.get("elements", [])
        )
    return str(cell.get("text", cell.get("value", "")))
