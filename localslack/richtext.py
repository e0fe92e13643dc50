"""The rich_text block: sections, lists, quotes and preformatted text, and what they hold."""

from localslack.shapes import Check, anything, flag, items, number, obj, one_of, string, typed

_STYLE = obj({}, dict.fromkeys(("bold", "italic", "strike", "code", "underline", "highlight"), flag))
_LOOK: dict[str, Check] = {"style": _STYLE}


def _inline(kind: str, required: dict[str, Check], optional: dict[str, Check] | None = None) -> Check:
    return obj({"type": one_of(kind), **required}, {**_LOOK, **(optional or {})})


INLINE: dict[str, Check] = {
    "text": _inline("text", {"text": string(least=1)}),
    "link": _inline("link", {"url": string(least=1)}, {"text": string(), "unsafe": flag}),
    "emoji": _inline("emoji", {"name": string(least=1)}, {"unicode": string(), "skin_tone": number(2, 6)}),
    "user": _inline("user", {"user_id": string(least=1)}),
    "channel": _inline("channel", {"channel_id": string(least=1)}),
    "usergroup": _inline("usergroup", {"usergroup_id": string(least=1)}),
    "broadcast": _inline("broadcast", {"range": one_of("here", "channel", "everyone")}),
    "color": _inline("color", {"value": string(least=1)}),
    "date": _inline(
        "date",
        {"timestamp": number(0, whole=True), "format": string(least=1)},
        {"url": string(), "fallback": string()},
    ),
}
_ELEMENTS = items(typed(INLINE))
_BORDER: dict[str, Check] = {"border": number(0, 1, whole=True)}
_SECTION = obj({"type": one_of("rich_text_section"), "elements": _ELEMENTS})
_INDENT = number(0, 8, whole=True)

RICH_TEXT = obj(
    {
        "type": one_of("rich_text"),
        "elements": items(
            typed(
                {
                    "rich_text_section": _SECTION,
                    "rich_text_preformatted": obj(
                        {"type": anything, "elements": _ELEMENTS}, {**_BORDER, "language": string()}
                    ),
                    "rich_text_quote": obj({"type": anything, "elements": _ELEMENTS}, _BORDER),
                    "rich_text_list": obj(
                        {"type": anything, "style": one_of("bullet", "ordered"), "elements": items(_SECTION)},
                        {**_BORDER, "indent": _INDENT, "offset": number(0, whole=True)},
                    ),
                }
            )
        ),
    },
    {"block_id": string(255)},
)
