"""What a view handed to views.* must be: its fields, and its blocks on its surface."""

from localslack import limits as at_most
from localslack.blockids import with_ids
from localslack.blocks import check
from localslack.elements import plain_text
from localslack.shapes import Check, Report, anything, flag, nothing_or, obj, one_of, string
from localslack.values import Json, Refused

_COMMON: dict[str, Check] = {
    "private_metadata": string(at_most.PRIVATE_METADATA),
    "callback_id": string(at_most.ID),
    "external_id": string(at_most.ID),
}
_TITLE = plain_text(at_most.VIEW_TITLE)
_VIEWS: dict[str, Check] = {
    "modal": obj(
        {"type": one_of("modal"), "title": _TITLE, "blocks": anything},
        {
            **_COMMON,
            "close": nothing_or(_TITLE),
            "submit": nothing_or(_TITLE),
            "clear_on_close": flag,
            "notify_on_close": flag,
            "submit_disabled": flag,
        },
    ),
    "home": obj({"type": one_of("home"), "blocks": anything}, _COMMON),
}


def problems(view: Json, surface: str, files: Json, pointer: str = "/view") -> Report:
    report = Report(surface=surface, files=files)
    _VIEWS[surface](view, pointer, report)
    if "blocks" in view:
        report.problems += check(view["blocks"], surface, f"{pointer}/blocks", files).problems
    inputs = [
        each for each in view.get("blocks", []) if isinstance(each, dict) and each.get("type") == "input"
    ]
    if surface == "modal" and inputs and not view.get("submit"):
        report.add(pointer, "missing required field: submit", "required", "submit")
    return report


def check_view(view: Json, surface: str, files: Json) -> Json:
    """Refuse a view as views.* does, else give its blocks their ids."""
    found = problems(view, surface, files).problems
    if found:
        raise Refused("invalid_arguments", *(f"[ERROR] {each}" for each in found))
    return {**view, "blocks": with_ids(view["blocks"])}
