"""Pages of runs by the conditions people ask with, answered from summaries only, whatever the number of runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ARRAY, ColumnElement, Text, cast, true
from sqlmodel import Session, col, func, or_, select

from storage.tables import MetricSummary, Param, Project, Run, Tag

Op = Literal["=", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberIs:
    """A param or metric compared with a number or, for params, a word."""

    name: str
    op: Op
    value: float | str
    others: Sequence[str] = ()  # other names of the same


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFilter:
    """Which runs: inside the sight (`project_ids`, None for all; private ones only of `seen_by`), then the conditions."""

    project_ids: Sequence[int] | None = None
    seen_by: int | None = None
    everything: bool = False  # the operator sees private runs too
    states: Sequence[str] = ()
    owner_id: int | None = None
    group: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    tags: Sequence[str] = ()
    domains: Sequence[
        str
    ] = ()  # kinds of application: a tag, a param `domain` or `task`, a word of the project
    numbers: Sequence[NumberIs] = ()
    words: str = ""


def page_of_runs(session: Session, which: RunFilter, *, limit: int, offset: int = 0) -> tuple[list[int], int]:
    """(ids newest first, how many there are in all)."""
    conditions = _conditions(which)
    found = session.exec(
        select(Run.id)
        .where(*conditions)
        .order_by(col(Run.started_at).desc(), col(Run.id).desc())
        .limit(limit)
        .offset(offset)
    )
    ids = [one for one in found if one is not None]
    if len(ids) < limit and (ids or not offset):
        return ids, offset + len(ids)  # the last page: the conditions need not be looked at again
    return ids, session.exec(select(func.count()).select_from(Run).where(*conditions)).one()


def not_private(person_id: int | None, *, everything: bool = False) -> ColumnElement[bool]:
    """Runs that are their project's, and the person's own private ones; a private run of nobody is nobody's."""
    if everything:
        return true()
    shared = col(Run.visibility) == "project"
    return shared if person_id is None else or_(shared, col(Run.owner_id) == person_id)


def _conditions(which: RunFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if which.project_ids is not None:
        found.append(col(Run.project_id).in_(which.project_ids))
    found.append(not_private(which.seen_by, everything=which.everything))
    if which.states:
        found.append(col(Run.state).in_(which.states))
    if which.owner_id is not None:
        found.append(col(Run.owner_id) == which.owner_id)
    if which.group is not None:
        found.append(col(Run.group) == which.group)
    if which.since is not None:
        found.append(col(Run.started_at) >= which.since)
    if which.until is not None:
        found.append(col(Run.started_at) < which.until)
    for tag in which.tags:
        found.append(
            select(Tag.run_id).where(Tag.run_id == Run.id, func.lower(Tag.name) == tag.lower()).exists()
        )
    found += [domain_is(domain) for domain in which.domains]
    for number in which.numbers:
        found.append(_number(number))
    if which.words:
        found.append(
            or_(
                col(Run.name).icontains(which.words, autoescape=True),
                col(Run.intent).icontains(which.words, autoescape=True),
                select(Tag.run_id)
                .where(Tag.run_id == Run.id, col(Tag.name).icontains(which.words, autoescape=True))
                .exists(),
            )
        )
    return found


def _words() -> Any:  # noqa: ANN401  an expression
    """A param's value as one would type it."""
    return func.lower(col(Param.value).op("#>>")(cast([], ARRAY(Text))))


def domain_is(domain: str) -> ColumnElement[bool]:
    """The kind of application a run is for: a tag, a param that says so, or a word of its project."""
    tag = select(Tag.run_id).where(Tag.run_id == Run.id, func.lower(Tag.name) == domain.lower())
    param = select(Param.run_id).where(
        Param.run_id == Run.id,
        func.lower(col(Param.name)).in_(("domain", "task", "application")),
        _words() == domain.lower(),
    )
    project = select(Project.id).where(
        Project.id == Run.project_id, col(Project.name).icontains(domain, autoescape=True)
    )
    return or_(tag.exists(), param.exists(), project.exists())


def _number(number: NumberIs) -> Any:  # noqa: ANN401  a condition
    """A param of that name (or last part of a nested name), else a metric's best or last value."""
    if isinstance(number.value, str):
        value = _words()
        holds = value == number.value.lower()
        found = _param(number).where(holds).exists()
        return ~found if number.op == "!=" else found
    param = _param(number).where(_compare(col(Param.number), number.op, number.value)).exists()
    column = col(MetricSummary.min) if number.op in ("<", "<=") else col(MetricSummary.max)
    column = col(MetricSummary.last) if number.op in ("=", "!=") else column
    metric = (
        select(MetricSummary.run_id)
        .where(MetricSummary.run_id == Run.id, _named(col(MetricSummary.name), number))
        .where(_compare(column, number.op, number.value))
        .exists()
    )
    return or_(param, metric)


def _param(number: NumberIs) -> Any:  # noqa: ANN401  a select
    return select(Param.run_id).where(Param.run_id == Run.id, _named(col(Param.name), number))


def _named(column: Any, number: NumberIs) -> ColumnElement[bool]:  # noqa: ANN401  a text column
    lower = number.name.lower()
    names = [lower, *(one.lower() for one in number.others)]
    return or_(func.lower(column).in_(names), func.lower(column).endswith(f".{lower}", autoescape=True))


def _compare(column: Any, op: Op, value: float) -> Any:  # noqa: ANN401  a condition on a column
    match op:
        case "=":
            return func.abs(column - value) <= 1e-9 * max(1.0, abs(value))
        case "!=":
            return func.abs(column - value) > 1e-9 * max(1.0, abs(value))
        case "<":
            return column < value
        case "<=":
            return column <= value
        case ">":
            return column > value
        case ">=":
            return column >= value
