"""Block Kit's composition objects and elements: texts, options, buttons, selects, inputs."""

from typing import Any

from localslack import limits as at_most
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

_ACTION_ID = string(at_most.ID, 1)


def plain_text(most: int) -> Check:
    return obj({"type": one_of("plain_text"), "text": string(most, 1)}, {"emoji": flag})


def mrkdwn(most: int) -> Check:
    return obj({"type": one_of("mrkdwn"), "text": string(most, 1)}, {"verbatim": flag})


def any_text(most: int) -> Check:
    return typed({"plain_text": plain_text(most), "mrkdwn": mrkdwn(most)})


_CONFIRM = obj(
    {
        "title": plain_text(at_most.CONFIRM_TITLE),
        "text": any_text(at_most.CONFIRM_TEXT),
        "confirm": plain_text(at_most.CONFIRM_CHOICE),
        "deny": plain_text(at_most.CONFIRM_CHOICE),
    },
    {"style": one_of("primary", "danger")},
)


def _option(text: Check, **more: Check) -> Check:
    described = {"description": any_text(at_most.OPTION_TEXT), **more}
    return obj({"text": text, "value": string(at_most.OPTION_VALUE, 1)}, described)


_PLAIN_OPTION = _option(plain_text(at_most.OPTION_TEXT))
_RICH_OPTION = _option(any_text(at_most.OPTION_TEXT))
_LINK_OPTION = _option(plain_text(at_most.OPTION_TEXT), url=string(at_most.URL))
_GROUP = obj({"label": plain_text(at_most.OPTION_TEXT), "options": items(_PLAIN_OPTION, at_most.OPTIONS, 1)})


def _element(kind: str, required: dict[str, Check], optional: dict[str, Check], *rules: Check) -> Check:
    common = {"action_id": _ACTION_ID, "confirm": _CONFIRM, "focus_on_load": flag}
    return obj({"type": one_of(kind), **required}, {**common, **optional}, *rules)


def _unique_values(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
    seen = [option["value"] for option in value.get("options", [])]
    if len(seen) != len(set(seen)):
        report.add(f"{pointer}/options", "option values must be unique", "unique")


def _initial_among_options(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
    groups = [option for group in value.get("option_groups", []) for option in group["options"]]
    known = [option["value"] for option in [*value.get("options", []), *groups]]
    chosen = [value["initial_option"]] if "initial_option" in value else value.get("initial_options", [])
    if any(option["value"] not in known for option in chosen):
        report.add(pointer, "initial options must be among the options", "enum", known)


_PLACEHOLDER: dict[str, Check] = {"placeholder": plain_text(at_most.PLACEHOLDER)}
_OPTIONS: dict[str, Check] = {
    "options": items(_PLAIN_OPTION, at_most.OPTIONS, 1),
    "option_groups": items(_GROUP, at_most.OPTIONS, 1),
}
_FILTER = obj(
    {},
    {
        "include": items(one_of("im", "mpim", "private", "public"), least=1),
        "exclude_external_shared_channels": flag,
        "exclude_bot_users": flag,
    },
)


def _select(kind: str, initial: str, initial_check: Check, **more: Check) -> dict[str, Check]:
    """A select and its multi variant, which holds a list of initial values."""
    one = {**_PLACEHOLDER, f"initial_{initial}": initial_check, **more}
    many = {
        **_PLACEHOLDER,
        f"initial_{initial}s": items(initial_check, least=1),
        "max_selected_items": number(1, whole=True),
        **{name: check for name, check in more.items() if name != "response_url_enabled"},
    }
    rules = [one_field("options", "option_groups"), _unique_values, _initial_among_options]
    chosen = rules if kind == "static_select" else []
    return {
        kind: _element(kind, {}, one, *chosen),
        f"multi_{kind}": _element(f"multi_{kind}", {}, many, *chosen),
    }


SELECTS: dict[str, Check] = {
    **_select("static_select", "option", _PLAIN_OPTION, **_OPTIONS),
    **_select("external_select", "option", _PLAIN_OPTION, min_query_length=number(0, whole=True)),
    **_select("users_select", "user", string()),
    **_select("channels_select", "channel", string(), response_url_enabled=flag),
    **_select(
        "conversations_select",
        "conversation",
        string(),
        default_to_current_conversation=flag,
        response_url_enabled=flag,
        filter=_FILTER,
    ),
}


def _date(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
    parts = str(value).split("-")
    if [len(part) for part in parts] != [4, 2, 2] or not all(part.isdigit() for part in parts):
        report.add(pointer, "must be a date as YYYY-MM-DD", "format", "date")


def _time(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
    parts = str(value).split(":")
    if [len(part) for part in parts] != [2, 2] or not all(part.isdigit() for part in parts):
        report.add(pointer, "must be a time as HH:mm", "format", "time")


PICKERS: dict[str, Check] = {
    "datepicker": _element("datepicker", {}, {**_PLACEHOLDER, "initial_date": _date}),
    "timepicker": _element("timepicker", {}, {**_PLACEHOLDER, "initial_time": _time, "timezone": string()}),
    "datetimepicker": _element(
        "datetimepicker", {}, {"initial_date_time": number(0, 9_999_999_999, whole=True)}
    ),
}


def _choices(kind: str, initial: str, check: Check) -> Check:
    options = {"options": items(_RICH_OPTION, at_most.CHECKBOX_OPTIONS, 1)}
    return _element(kind, options, {initial: check}, _unique_values, _initial_among_options)


CHOICES: dict[str, Check] = {
    "checkboxes": _choices("checkboxes", "initial_options", items(_RICH_OPTION, least=1)),
    "radio_buttons": _choices("radio_buttons", "initial_option", _RICH_OPTION),
}

_BUTTON_FIELDS: dict[str, Check] = {
    "url": string(at_most.URL),
    "value": string(at_most.BUTTON_VALUE),
    "style": one_of("primary", "danger"),
    "accessibility_label": string(at_most.BUTTON_TEXT),
}
BUTTON = _element("button", {"text": plain_text(at_most.BUTTON_TEXT)}, _BUTTON_FIELDS)
OVERFLOW = _element(
    "overflow", {"options": items(_LINK_OPTION, at_most.OVERFLOW_OPTIONS, 1)}, {}, _unique_values
)

_FEEDBACK = obj(
    {"text": plain_text(at_most.BUTTON_TEXT), "value": string(at_most.BUTTON_VALUE)},
    {"accessibility_label": string(at_most.BUTTON_TEXT)},
)
CONTEXT_ACTIONS: dict[str, Check] = {
    "feedback_buttons": obj(
        {"type": anything, "positive_button": _FEEDBACK, "negative_button": _FEEDBACK},
        {"action_id": _ACTION_ID},
    ),
    "icon_button": _element(
        "icon_button",
        {"icon": one_of("trash"), "text": plain_text(at_most.BUTTON_TEXT)},
        {
            "value": string(at_most.BUTTON_VALUE),
            "accessibility_label": string(at_most.BUTTON_TEXT),
            "visible_to_user_ids": items(string(), 10),
        },
    ),
}


def _known_file(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
    """`slack_file` must name an uploaded picture."""
    wanted = (value.get("id"), value.get("url"))
    for file in report.files.values():
        if wanted[0] == file["id"] or (wanted[1] and wanted[1] in (file["url_private"], file["permalink"])):
            if file.get("_uploaded") and file["mimetype"] in ("image/png", "image/jpeg", "image/gif"):
                return
            break
    report.add(pointer, "invalid slack file", "slack_file")


SLACK_FILE = obj({}, {"id": string(), "url": string()}, one_field("id", "url"), _known_file)
_IMAGE_SOURCE: dict[str, Check] = {"image_url": string(at_most.URL, 1), "slack_file": SLACK_FILE}
IMAGE = obj(
    {"type": one_of("image"), "alt_text": string(at_most.ALT_TEXT)},
    _IMAGE_SOURCE,
    one_field("image_url", "slack_file"),
)

_DISPATCH = obj({}, {"trigger_actions_on": items(one_of("on_enter_pressed", "on_character_entered"), 2, 1)})


def _input(kind: str, required: dict[str, Check] | None = None, **more: Check) -> Check:
    fields = {**_PLACEHOLDER, "dispatch_action_config": _DISPATCH, "initial_value": string(), **more}
    return _element(kind, required or {}, fields)


INPUTS: dict[str, Check] = {
    "plain_text_input": _input(
        "plain_text_input",
        multiline=flag,
        min_length=number(0, at_most.INPUT_LENGTH, whole=True),
        max_length=number(1, at_most.INPUT_LENGTH, whole=True),
    ),
    "email_text_input": _input("email_text_input"),
    "url_text_input": _input("url_text_input"),
    "number_input": _input(
        "number_input", {"is_decimal_allowed": flag}, min_value=string(), max_value=string()
    ),
    "rich_text_input": _input("rich_text_input", initial_value=anything),
    "file_input": _element(
        "file_input",
        {},
        {"filetypes": items(string()), "max_files": number(1, at_most.FILES_IN_INPUT, whole=True)},
    ),
}

ACCESSORIES = {**SELECTS, **PICKERS, **CHOICES, "button": BUTTON, "overflow": OVERFLOW, "image": IMAGE}
IN_ACTIONS = {**SELECTS, **PICKERS, **CHOICES, "button": BUTTON, "overflow": OVERFLOW}
IN_INPUT = {**SELECTS, **PICKERS, **CHOICES, **INPUTS}
IN_CONTEXT = {"image": IMAGE, "plain_text": plain_text(at_most.TEXT), "mrkdwn": mrkdwn(at_most.TEXT)}
IMAGE_FIELDS = _IMAGE_SOURCE
CARD_CONTENT = any_field("hero_image", "title", "actions", "body")
