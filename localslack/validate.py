"""blocks.validate: what is wrong with blocks, a message or a view, without sending it."""

from typing import Any

from localslack.blocks import check
from localslack.calls import Call
from localslack.shapes import Report
from localslack.values import Json, Refused
from localslack.viewcheck import problems

_LONGEST = 100_000


def validate(call: Call) -> Json:
    given = [name for name in ("blocks", "message", "view") if name in call.args]
    if len(given) != 1:
        raise Refused("invalid_arguments", "must provide exactly one of `blocks`, `view`, or `message`")
    what, value = given[0], call.args[given[0]]
    if len(str(value)) > _LONGEST:
        raise Refused("invalid_arguments", f"must be less than {_LONGEST + 1} characters")
    report = _report(what, value)
    if report.problems:
        raise Refused(
            f"invalid_{what}",
            errors=[
                {
                    "code": "failed_constraint",
                    "message": each.message,
                    "pointer": each.pointer,
                    "constraint": {"type": each.constraint, "expected": each.expected},
                }
                for each in report.problems
            ],
        )
    return {}


def _report(what: str, value: Any) -> Report:  # noqa: ANN401
    if what == "blocks":
        return check(value, "message", "", {})
    if not isinstance(value, dict):
        report = Report(surface="message", files={})
        report.add("", "must provide an object", "type", "object")
        return report
    if what == "message":
        return check(value.get("blocks", []), "message", "/blocks", {})
    return problems(value, "home" if value.get("type") == "home" else "modal", {}, "")
