"""What a person's click or choice becomes: Slack's action and state values."""

from collections.abc import Iterator
from typing import Any

from localslack.values import Json, Refused

# Which field of an action carries what was chosen, by element type.
_CHOSEN = {
    "static_select": "selected_option",
    "external_select": "selected_option",
    "radio_buttons": "selected_option",
    "overflow": "selected_option",
    "checkboxes": "selected_options",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "users_select": "selected_user",
    "multi_users_select": "selected_users",
    "channels_select": "selected_channel",
    "multi_channels_select": "selected_channels",
    "conversations_select": "selected_conversation",
    "multi_conversations_select": "selected_conversations",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "plain_text_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "number_input": "value",
    "rich_text_input": "rich_text_value",
    "file_input": "files",
}
_INITIAL = {
    "selected_option": "initial_option",
    "selected_options": "initial_options",
    "selected_user": "initial_user",
    "selected_users": "initial_users",
    "selected_channel": "initial_channel",
    "selected_channels": "initial_channels",
    "selected_conversation": "initial_conversation",
    "selected_conversations": "initial_conversations",
    "selected_date": "initial_date",
    "selected_time": "initial_time",
    "selected_date_time": "initial_date_time",
    "value": "initial_value",
    "rich_text_value": "initial_value",
}
_STATELESS = ("button", "overflow", "workflow_button", "icon_button", "feedback_buttons")


def elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Every interactive element with the block that holds it, also inside containers and cards."""
    for block in blocks:
        if block["type"] == "container":
            yield from elements(block.get("child_blocks", []))
        if block["type"] == "carousel":
            yield from elements(block.get("elements", []))
        for each in (*block.get("elements", ()), *block.get("actions", ())):
            if isinstance(each, dict) and "action_id" in each:
                yield block, each
        for field in ("accessory", "element"):
            held = block.get(field)
            if isinstance(held, dict) and "action_id" in held:
                yield block, held


def find(blocks: list[Json], block_id: str | None, action_id: str) -> tuple[Json, Json]:
    for block, element in elements(blocks):
        if element["action_id"] == action_id and block_id in (None, "", block["block_id"]):
            return block, element
    raise Refused(f"This message has no {action_id!r} to click on any more.")


def action(block: Json, element: Json, given: Json) -> Json:
    """The entry of a `block_actions` payload for what a person did with an element."""
    kind = element["type"]
    made: Json = {"type": kind, "action_id": element["action_id"], "block_id": block["block_id"]}
    if kind in ("button", "icon_button", "workflow_button"):
        made |= {name: element[name] for name in ("text", "value", "style", "url") if name in element}
    elif kind == "feedback_buttons":
        made["value"] = _feedback(element, given.get("value"))
    else:
        made |= chosen(element, given)
    return made


def _feedback(element: Json, value: Any) -> str:  # noqa: ANN401
    for side in ("positive_button", "negative_button"):
        if value in (side, element[side].get("value")):
            return str(element[side].get("value"))
    raise Refused("Choose one of the two feedback buttons.")


def chosen(element: Json, given: Json) -> Json:
    """The field that carries the choice, from Slack's own field or from a plain `value`."""
    field = _CHOSEN.get(element["type"])
    if field is None:
        raise Refused(f"A {element['type']} cannot be acted on.")
    if field in given:
        return {field: given[field]}
    value = given.get("value")
    if field == "selected_option":
        return {field: _option(element, value) if value is not None else None}
    if field == "selected_options":
        return {field: [_option(element, each) for each in (value or [])]}
    if field == "value" and value is not None:
        return {field: str(value)}
    return {field: value}


def _option(element: Json, value: Any) -> Json:  # noqa: ANN401
    if isinstance(value, dict):
        return value
    groups = element.get("option_groups", [])
    options = [*element.get("options", []), *(option for group in groups for option in group["options"])]
    for option in options:
        if value in (option["value"], option["text"]["text"]):
            found: Json = option
            return found
    if element["type"].endswith("external_select"):
        return {"text": {"type": "plain_text", "text": str(value)}, "value": str(value)}
    raise Refused(f"There is no option {value!r}.")


def initial_state(blocks: list[Json]) -> Json:
    """`state.values` before anybody touched anything."""
    values: Json = {}
    for block, element in elements(blocks):
        field = _CHOSEN.get(element["type"])
        if field is None or element["type"] in _STATELESS:
            continue
        empty: Any = [] if field.endswith("s") and field != "selected_options" else None
        value = element.get(_INITIAL.get(field, ""), [] if field == "selected_options" else empty)
        values.setdefault(block["block_id"], {})[element["action_id"]] = {
            "type": element["type"],
            field: value,
        }
    return values


def merged(values: Json, more: Json) -> Json:
    """State values with newer ones laid over them."""
    result = {block: dict(actions) for block, actions in values.items()}
    for block, actions in more.items():
        if block in result:
            for action_id, value in actions.items():
                if action_id in result[block]:
                    result[block][action_id] = {**result[block][action_id], **value}
    return result


def complaints(blocks: list[Json], values: Json) -> dict[str, str]:
    """What Slack's own client refuses to submit, by block id."""
    found: dict[str, str] = {}
    for block, element in elements(blocks):
        if block["type"] != "input":
            continue
        given = values.get(block["block_id"], {}).get(element["action_id"], {})
        value = given.get(_CHOSEN.get(element["type"], ""))
        if value in (None, "", []):
            if not block.get("optional"):
                found[block["block_id"]] = "Please complete this required field."
            continue
        problem = _length_problem(element, str(value)) if element["type"].endswith("text_input") else None
        problem = problem or (
            _number_problem(element, str(value)) if element["type"] == "number_input" else None
        )
        if problem:
            found[block["block_id"]] = problem
    return found


def _length_problem(element: Json, value: str) -> str | None:
    if len(value) < element.get("min_length", 0):
        return f"Must be at least {element['min_length']} characters."
    if len(value) > element.get("max_length", 3000):
        return f"Must be at most {element.get('max_length', 3000)} characters."
    return None


def _number_problem(element: Json, value: str) -> str | None:
    try:
        number = float(value)
    except ValueError:
        return "Please enter a number."
    if not element.get("is_decimal_allowed") and not number.is_integer():
        return "Please enter a whole number."
    if number < float(element.get("min_value", "-inf")) or number > float(element.get("max_value", "inf")):
        return "Please enter a number inside the allowed range."
    return None
