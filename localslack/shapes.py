"""Small checks that build the shape of a JSON value and report where it differs, in Slack's words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localslack.values import Json


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong, and the JSON pointer to it."""

    message: str
    pointer: str
    constraint: str
    expected: Any = None

    def __str__(self) -> str:
        return f"{self.message} [json-pointer:{self.pointer}]"


@dataclass(kw_only=True)
class Report:
    """What the checks found so far, and what they need to know: the surface and the files."""

    surface: str
    files: Json
    problems: list[Problem] = field(default_factory=list)

    def add(self, pointer: str, message: str, constraint: str, expected: Any = None) -> None:  # noqa: ANN401
        self.problems.append(
            Problem(message=message, pointer=pointer, constraint=constraint, expected=expected)
        )


Check = Callable[[Any, str, Report], None]


def string(most: int | None = None, least: int = 0) -> Check:
    def check(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
        if not isinstance(value, str):
            report.add(pointer, "must provide a string", "type", "string")
        elif len(value) < least:
            report.add(pointer, f"must be more than {least - 1} characters", "min_length", least)
        elif most is not None and len(value) > most:
            report.add(pointer, f"must be less than {most + 1} characters", "max_length", most)

    return check


def number(least: float | None = None, most: float | None = None, *, whole: bool = False) -> Check:
    def check(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or value != value:
            report.add(pointer, "must provide a number", "type", "number")
        elif least is not None and value < least:
            report.add(pointer, f"must be at least {least}", "minimum", least)
        elif most is not None and value > most:
            report.add(pointer, f"must be at most {most}", "maximum", most)

    return check


def flag(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
    if not isinstance(value, bool):
        report.add(pointer, "must provide a boolean", "type", "boolean")


def anything(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
    """No constraint of its own."""


def one_of(*allowed: Any) -> Check:  # noqa: ANN401
    def check(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
        if value not in allowed:
            report.add(pointer, f"must be one of {', '.join(map(str, allowed))}", "enum", list(allowed))

    return check


def items(each: Check, most: int | None = None, least: int = 0) -> Check:
    def check(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
        if not isinstance(value, list):
            report.add(pointer, "must provide an array", "type", "array")
            return
        if most is not None and len(value) > most:
            report.add(pointer, f"no more than {most} items allowed", "max_items", most)
            return
        if len(value) < least:
            report.add(pointer, f"no fewer than {least} items allowed", "min_items", least)
        for index, item in enumerate(value):
            each(item, f"{pointer}/{index}", report)

    return check


def nothing_or(check: Check) -> Check:
    def checked(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
        if value is not None:
            check(value, pointer, report)

    return checked


def obj(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None, *rules: Check) -> Check:
    """An object with these fields and no others; `rules` look at the whole of a well-formed one."""
    optional = optional or {}

    def check(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
        if not isinstance(value, dict):
            report.add(pointer, "must provide an object", "type", "object")
            return
        before = len(report.problems)
        for name in required:
            if name not in value:
                report.add(pointer, f"missing required field: {name}", "required", name)
        for name, inner in value.items():
            known = required.get(name) or optional.get(name)
            if known is None:
                report.add(pointer, f"invalid additional property: {name}", "additional_property", name)
            else:
                known(inner, f"{pointer}/{name}", report)
        if len(report.problems) == before:
            for rule in rules:
                rule(value, pointer, report)

    return check


def typed(kinds: Mapping[str, Check]) -> Check:
    """An object whose `type` says which of these shapes it has."""

    def check(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
        if not isinstance(value, dict):
            report.add(pointer, "must provide an object", "type", "object")
        elif "type" not in value:
            report.add(pointer, "missing required field: type", "required", "type")
        elif value["type"] not in kinds:
            report.add(f"{pointer}/type", f"unsupported type: {value['type']}", "enum", sorted(kinds))
        else:
            kinds[value["type"]](value, pointer, report)

    return check


def any_field(*names: str) -> Check:
    """A rule: at least one of these fields is there."""

    def check(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
        if not any(value.get(name) for name in names):
            report.add(pointer, f"must provide at least one of {', '.join(names)}", "any_of", list(names))

    return check


def one_field(*names: str) -> Check:
    """A rule: exactly one of these fields is there."""

    def check(value: Any, pointer: str, report: Report) -> None:  # noqa: ANN401
        if sum(name in value for name in names) != 1:
            report.add(pointer, f"must provide exactly one of {', '.join(names)}", "one_of", list(names))

    return check
