"""Block Kit's pieces and limits: what goes into a message is escaped, clipped and fitted here."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.values import Message, PersonView

Block = dict[str, Any]

# Slack's limits (docs.slack.dev/reference/block-kit); where copies of its pages differ, the smaller one.
MESSAGE_TEXT = 3900
MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
SECTION_TEXT = 3000
SECTION_FIELDS = 10
FIELD_TEXT = 2000
HEADER_TEXT = 150
CONTEXT_ELEMENTS = 10
CONTEXT_TEXT = 2000
ACTION_ELEMENTS = 25
BUTTON_TEXT = 75
BUTTON_VALUE = 2000
OPTION_TEXT = 75
OPTION_VALUE = 150
SELECT_OPTIONS = 100
BOXES = 10
INPUT_TEXT = 3000
INPUT_LABEL = 150
VIEW_TITLE = 24
TABLE_ROWS = 101
TABLE_COLUMNS = 20
TABLE_TEXT = 10_000
CHARTS = 2
CHART_TITLE = 50
CHART_SERIES = 6
CHART_POINTS = 20
CHART_LABEL = 20

VERDICT = 80
"""Characters of a message's text that a phone is sure to show."""

# Control characters, and marks that turn the direction of the text after them.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
REFERENCE = re.compile(r"<(?:([@#])[A-Z0-9]+|https?:[^|>]*)\|([^>]*)>")
# A sign formats only where a word begins or ends: val_acc and 2*3 stay as they are.
OPENING = re.compile(r"(?<!\w)[*_~`]+(?=\S)")
CLOSING = re.compile(r"(?<=\S)[*_~`]+(?!\w)")
LOOKALIKES = str.maketrans({"*": "∗", "_": "ˍ", "~": "∼", "`": "ˋ"})
CODE_SPAN = re.compile(r"(`[^`\n]+`)")
ENTITY = re.compile(r"&(?:a(?:m(?:p)?)?|l(?:t)?|g(?:t)?)?$")
SLACK_ID = re.compile(r"[UW][A-Z0-9]{1,30}")


def clean(text: str) -> str:
    """Without characters that are not seen or turn the reading direction."""
    return UNSEEN.sub("", text.replace("\r\n", "\n"))


def length(text: str) -> int:
    """Characters as Slack counts them (UTF-16 units)."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def clip(text: str, limit: int) -> str:
    """At most `limit` characters, … for the rest, no entity cut in two."""
    if length(text) <= limit:
        return text
    kept = text.encode("utf-16-le", "surrogatepass")[: 2 * (limit - 1)].decode("utf-16-le", "ignore")
    return ENTITY.sub("", kept) + "…"


def split_text(text: str, limit: int) -> list[str]:
    """The text in pieces of at most `limit` characters, cut between words where there are any."""
    pieces = []
    while length(text) > limit:
        kept = clip(text, limit + 1)[:-1]
        cut = kept.rfind(" ") + 1
        pieces.append(text[: cut or len(kept)])
        text = text[cut or len(kept) :]
    return [*pieces, text] if text else pieces


def escape(text: str) -> str:
    """Anybody's words as mrkdwn that says exactly them: no mention, no link, no formatting."""
    text = REFERENCE.sub(r"\1\2", clean(text))
    for sign in (OPENING, CLOSING):
        text = sign.sub(lambda found: found.group().translate(LOOKALIKES), text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def flat(text: str, limit: int = 200) -> str:
    """Anybody's words on one line and clipped, not yet escaped."""
    return clip(" ".join(clean(text).split()), limit)


def line(text: str, limit: int = 200) -> str:
    """Anybody's words on one line, escaped and clipped."""
    return clip(escape(" ".join(text.split())), limit)


def bold(text: str) -> str:
    """Bold mrkdwn around escaped text; nothing around nothing."""
    return f"*{text}*" if text.strip() else text


def code(text: str, limit: int = 200) -> str:
    """A name or value exactly as it is, in a code span."""
    text = " ".join(clean(text).replace("`", "ˋ").split()) or " "
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"`{clip(text, limit)}`"


def own_words(text: str) -> str:
    """A sentence of ours with names in it: the commands it shows in code spans stay so, all else is escaped."""
    parts = CODE_SPAN.split(text)
    return "".join(code(part[1:-1]) if place % 2 else escape(part) for place, part in enumerate(parts))


def code_block(lines: Iterable[str], limit: int = 1500) -> str:
    """The last lines that fit, as they were printed."""
    kept: list[str] = []
    room = limit
    for text in reversed(list(lines)):
        text = clean(text).replace("```", "ˋˋˋ").rstrip()
        text = clip(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"), 300)
        room -= length(text) + 1
        if room < 0:
            break
        kept.append(text)
    body = "\n".join(reversed(kept))
    return f"```\n{body}\n```" if body.strip() else ""


def quote(text: str, limit: int = 600) -> str:
    """Anybody's words as a quotation."""
    lines = clip(escape(text.strip()), limit).splitlines() or [""]
    return clip("\n".join(f"> {each}" for each in lines), SECTION_TEXT)


def link(address: str | None, label: str) -> str:
    """An escaped label that leads somewhere, where there is a web address."""
    if not address or not re.fullmatch(r"https?://[^\s|<>]{1,2000}", address):
        return label
    return f"<{address.replace('&', '&amp;')}|{label}>"


def mention(person: PersonView | None) -> str:
    """Calls the person: Slack notifies them. Their name where Slack does not know them."""
    if person and person.slack_id and SLACK_ID.fullmatch(person.slack_id):
        return f"<@{person.slack_id}>"
    return name_of(person)


def name_of(person: PersonView | None) -> str:
    """The person's name, which calls nobody."""
    return line(person.name, 40) if person and person.name.strip() else "somebody"


def moment(at: datetime, fallback: str) -> str:
    """A time in the reader's own time zone."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{fallback}>"


def plain(text: str, limit: int) -> Block:
    """A plain text object; Slack refuses empty ones."""
    return {"type": "plain_text", "text": clip(clean(text).strip() or "–", limit), "emoji": True}


def mrkdwn(text: str, limit: int = SECTION_TEXT) -> Block:
    """A mrkdwn text object from text that is already escaped."""
    return {"type": "mrkdwn", "text": clip(text, limit) if text.strip() else "–"}


def section(text: str, *, accessory: Block | None = None) -> Block:
    """A paragraph of escaped mrkdwn."""
    block: Block = {"type": "section", "text": mrkdwn(text)}
    return block | {"accessory": accessory} if accessory else block


def fields(texts: Sequence[str]) -> Block:
    """Short texts in two columns."""
    return {"type": "section", "fields": [mrkdwn(text, FIELD_TEXT) for text in texts[:SECTION_FIELDS]]}


def context(*texts: str) -> Block:
    """Small grey text."""
    shown = [text for text in texts if text.strip()][:CONTEXT_ELEMENTS]
    return {"type": "context", "elements": [mrkdwn(text, CONTEXT_TEXT) for text in shown or ["–"]]}


def header(text: str) -> Block:
    """A large line; plain text, so nothing needs escaping."""
    return {"type": "header", "text": plain(text, HEADER_TEXT)}


def divider() -> Block:
    """A thin line."""
    return {"type": "divider"}


def button(label: str, action_id: str, value: str, *, style: str | None = None) -> Block:
    """A button that sends `value`."""
    block: Block = {"type": "button", "text": plain(label, BUTTON_TEXT), "action_id": action_id}
    block["value"] = clip(value, BUTTON_VALUE)
    return block | {"style": style} if style else block


def actions(*elements: Block, block_id: str | None = None) -> Block:
    """A row of buttons."""
    block: Block = {"type": "actions", "elements": list(elements[:ACTION_ELEMENTS])}
    return block | {"block_id": block_id} if block_id else block


def option(label: str, value: str) -> Block:
    """One choice of a select."""
    return {"text": plain(label, OPTION_TEXT), "value": clip(value, OPTION_VALUE)}


def select(action_id: str, options: Sequence[Block], *, chosen: str | None = None, hint: str = "") -> Block:
    """A menu; `chosen` is the value of the option shown first."""
    block: Block = {
        "type": "static_select",
        "action_id": action_id,
        "options": list(options[:SELECT_OPTIONS]),
    }
    first = next((each for each in block["options"] if each["value"] == chosen), None)
    if first:
        block["initial_option"] = first
    return block | {"placeholder": plain(hint, 150)} if hint else block


def checkboxes(action_id: str, options: Sequence[Block], *, ticked: Iterable[str] = ()) -> Block:
    """Boxes to tick, ten at most; `ticked` are the values of those that are."""
    block: Block = {"type": "checkboxes", "action_id": action_id, "options": list(options[:BOXES])}
    wanted = set(ticked)
    first = [each for each in block["options"] if each["value"] in wanted]
    return block | {"initial_options": first} if first else block


def text_input(action_id: str, value: str = "", *, multiline: bool = True, hint: str = "") -> Block:
    """A text field, filled with `value`."""
    block: Block = {"type": "plain_text_input", "action_id": action_id, "multiline": multiline}
    if value:
        block["initial_value"] = clip(clean(value), INPUT_TEXT)
    return block | {"placeholder": plain(hint, 150)} if hint else block


def input_block(block_id: str, label: str, element: Block, *, optional: bool = True, hint: str = "") -> Block:
    """A labelled field of a modal."""
    block: Block = {"type": "input", "block_id": block_id, "label": plain(label, INPUT_LABEL)}
    block |= {"element": element, "optional": optional}
    return block | {"hint": plain(hint, INPUT_LABEL)} if hint else block


def modal(
    callback_id: str, title: str, blocks: Sequence[Block], *, about: str, submit: str | None = "Save"
) -> Block:
    """A view; `about` comes back in `private_metadata`."""
    view: Block = {
        "type": "modal",
        "callback_id": callback_id,
        "private_metadata": about,
        "title": plain(title, VIEW_TITLE),
        "close": plain("Cancel", VIEW_TITLE),
        "blocks": list(blocks[:VIEW_BLOCKS]),
    }
    return view | {"submit": plain(submit, VIEW_TITLE)} if submit else view


def answers(view: Mapping[str, Any]) -> dict[str, str]:
    """What a person left in a modal's fields: block_id to text or chosen value, empty ones too."""
    found: dict[str, str] = {}
    for block_id, entries in view["state"]["values"].items():
        for entry in entries.values():
            choice, several = entry.get("selected_option"), entry.get("selected_options")
            picked = entry.get("selected_conversation") or entry.get("selected_time") or entry.get("value")
            if several is not None:
                picked = ",".join(each["value"] for each in several)
            found[block_id] = (choice["value"] if choice else picked) or ""
    return found


def fit(message: Message) -> Message:
    """The message inside Slack's limits, whatever it was made of."""
    text = clip(clean(message.text).strip() or "Runlore", MESSAGE_TEXT)
    blocks = [fitted for block in message.blocks if (fitted := fit_block(block))]
    blocks = fit_total(blocks, "data_table", 1)
    blocks = fit_total(blocks, "data_visualization", CHARTS)
    if len(blocks) > MESSAGE_BLOCKS:
        # Buttons stand last; what is left out is said, never silently lost.
        kept = MESSAGE_BLOCKS - 2
        left_out = len(blocks) - kept - 1
        blocks = [*blocks[:kept], context(f"… {left_out} more parts left out"), blocks[-1]]
    return Message(text=text, blocks=blocks)


def fit_total(blocks: list[Block], kind: str, most: int) -> list[Block]:
    """At most so many blocks of one kind."""
    seen = 0
    kept = []
    for block in blocks:
        seen += block["type"] == kind
        if block["type"] != kind or seen <= most:
            kept.append(block)
    return kept


def fit_block(block: Block) -> Block | None:
    """One block inside its limits; None when nothing of it would be left."""
    kind = block["type"]
    if kind == "section":
        return fit_section(block)
    if kind == "context":
        elements = [fit_text(each, CONTEXT_TEXT) for each in block["elements"][:CONTEXT_ELEMENTS]]
        return block | {"elements": elements} if elements else None
    if kind == "header":
        return block | {"text": fit_text(block["text"], HEADER_TEXT)}
    if kind == "actions":
        elements = block["elements"][:ACTION_ELEMENTS]
        return block | {"elements": elements} if elements else None
    if kind == "data_table":
        return fit_table(block)
    return block


def fit_section(block: Block) -> Block | None:
    """A paragraph with its text or its fields."""
    if "text" in block:
        block = block | {"text": fit_text(block["text"], SECTION_TEXT)}
    if "fields" in block:
        fields = [fit_text(each, FIELD_TEXT) for each in block["fields"][:SECTION_FIELDS]]
        block = {key: value for key, value in block.items() if key != "fields"}
        block |= {"fields": fields} if fields else {}
    return block if "text" in block or "fields" in block else None


def fit_text(text: Block, limit: int) -> Block:
    """A text object, cut and never empty."""
    if "text" not in text:
        return text
    return text | {"text": clip(clean(text["text"]), limit).strip() or "–"}


def fit_table(block: Block) -> Block | None:
    """A table with rows of one length, cut to rows, columns and characters that Slack takes."""
    width = min(TABLE_COLUMNS, max((len(row) for row in block["rows"]), default=0))
    rows: list[list[dict[str, Any]]] = []
    room = TABLE_TEXT - length(block["caption"])
    for row in block["rows"][:TABLE_ROWS]:
        cells = [fit_cell(cell) for cell in row[:width]]
        cells += [{"type": "raw_text", "text": "–"}] * (width - len(cells))
        room -= sum(length(cell["text"]) for cell in cells)
        if room < 0:
            break
        rows.append(cells)
    return block | {"rows": rows} if len(rows) > 1 and width else None


def fit_cell(cell: dict[str, Any]) -> dict[str, Any]:
    """A cell that says something in few characters."""
    return cell | {"text": clip(clean(cell["text"]), 200).strip() or "–"}
