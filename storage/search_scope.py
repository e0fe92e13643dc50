"""Where a search looks: inside what the asker may see, narrowed by the conditions of the question."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import BigInteger, ColumnElement, Text, and_, cast, exists, func, or_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col, select

from storage.memory import Note, NoteRun
from storage.run_list import domain_is
from storage.tables import CodeVersion, DatasetVersion, MetricSummary, Param, Run, RunDataset, Tag, Verdict

UNDATED = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of imported notes that tell none: no period asked for ever holds it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """A param or metric, by all its full names, between two numbers; or a param that equals a value, or is set to another."""

    names: Sequence[str]
    least: float | None = None
    most: float | None = None
    equals: str | None = None
    differs: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """Where to look: what the asker may see, narrowed by the question's conditions."""

    project_ids: Sequence[int] | None = None  # None: every project (the operator)
    person_id: int | None = None  # whose own private runs are seen too
    private_runs: bool = False  # all private runs (the operator)
    people: Sequence[int] = ()  # wrote the note or own its run
    since: datetime | None = None
    until: datetime | None = None
    states: Sequence[str] = ()
    tags: Sequence[str] = ()
    groups: Sequence[str] = ()  # sweeps
    domains: Sequence[str] = ()
    datasets: Sequence[str] = ()  # names of data that the run read
    versions: Sequence[str] = ()  # how a commit or a fingerprint of data begins, in lower case
    verdict: Literal["keep", "drop"] | None = None
    params: Sequence[Bound] = ()
    metrics: Sequence[Bound] = ()


def narrowed(scope: Scope) -> bool:
    """Whether the question puts a condition."""
    return bool(
        scope.people or scope.since or scope.until or scope.states or scope.tags or scope.groups or scope.domains or scope.datasets
        or scope.versions or scope.verdict or scope.params or scope.metrics
    )  # fmt: skip


def visible(scope: Scope) -> list[ColumnElement[bool]]:
    """Conditions on `note`: inside the sight, then inside the question's conditions."""
    found: list[ColumnElement[bool]] = [col(Note.deleted_at).is_(None)]
    if scope.project_ids is not None:
        found.append(col(Note.project_id) == func.any(cast(list(scope.project_ids), ARRAY(BigInteger))))
    if not scope.private_runs:
        hidden = (
            select(NoteRun.note_id)
            .join(Run, col(NoteRun.run_id) == col(Run.id))
            .where(col(Run.visibility) == "me", col(Run.owner_id).is_distinct_from(scope.person_id))
        )
        found.append(col(Note.id).not_in(hidden))
    if scope.since is not None:
        found.append(col(Note.said_at) >= scope.since)
    if scope.until is not None:
        found.append(and_(col(Note.said_at) < scope.until, col(Note.said_at) > UNDATED))
    if scope.people:
        found.append(
            or_(col(Note.author_id).in_(scope.people), _of_run(scope, col(Run.owner_id).in_(scope.people)))
        )
    if conditions := run_conditions(scope):
        found.append(_of_run(scope, and_(*conditions)))
    return found


def visible_runs(scope: Scope) -> list[ColumnElement[bool]]:
    """Conditions on `run`: inside the sight, then inside the question's conditions."""
    found: list[ColumnElement[bool]] = []
    if scope.project_ids is not None:
        found.append(col(Run.project_id) == func.any(cast(list(scope.project_ids), ARRAY(BigInteger))))
    if not scope.private_runs:
        found.append(or_(col(Run.visibility) != "me", col(Run.owner_id) == scope.person_id))
    if scope.since is not None:
        found.append(col(Run.started_at) >= scope.since)
    if scope.until is not None:
        found.append(and_(col(Run.started_at) < scope.until, col(Run.started_at) > UNDATED))
    if scope.people:
        found.append(col(Run.owner_id).in_(scope.people))
    return found + run_conditions(scope)


def run_conditions(scope: Scope) -> list[ColumnElement[bool]]:
    """The question's conditions that are about a run."""
    found: list[ColumnElement[bool]] = []
    if scope.states:
        found.append(col(Run.state).in_(scope.states))
    for name in scope.tags:
        found.append(_has(Tag, col(Tag.name) == name))
    if scope.groups:
        found.append(col(Run.group).in_(scope.groups))
    found += [domain_is(domain) for domain in scope.domains]
    for name in scope.datasets:
        found.append(read_data(func.lower(col(DatasetVersion.name)) == name.lower()))
    found += [of_version(begins) for begins in scope.versions]
    if scope.verdict:
        found.append(_has(Verdict, col(Verdict.choice) == scope.verdict))
    for bound in scope.params:
        found.append(_has(Param, col(Param.name).in_(bound.names), *_param_bound(bound)))
    for bound in scope.metrics:
        found.append(_has(MetricSummary, col(MetricSummary.name).in_(bound.names), *_metric_bound(bound)))
    return found


def read_data(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The run read data for which this holds."""
    joined = col(RunDataset.dataset_id) == col(DatasetVersion.id)
    return exists().where(col(RunDataset.run_id) == col(Run.id), joined, condition)


def of_version(begins: str) -> ColumnElement[bool]:
    """The run's commit, or the fingerprint of data that it read, begins so."""
    code = exists().where(
        col(CodeVersion.id) == col(Run.code_id), col(CodeVersion.commit).startswith(begins, autoescape=True)
    )
    digits = func.split_part(DatasetVersion.fingerprint, ":", -1)  # "sha256:3fa9…"
    return or_(code, read_data(digits.startswith(begins, autoescape=True)))


def _of_run(scope: Scope, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The note is about a run in sight for which the condition holds."""
    runs = select(NoteRun.note_id).join(Run, col(NoteRun.run_id) == col(Run.id)).where(condition)
    if scope.project_ids is not None:
        runs = runs.where(col(Run.project_id).in_(scope.project_ids))
    return col(Note.id).in_(runs)


def _has(table: Any, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:  # noqa: ANN401  any table with run_id
    return exists().where(table.run_id == Run.id, *conditions)


def _param_bound(bound: Bound) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if bound.least is not None:
        found.append(col(Param.number) >= bound.least)
    if bound.most is not None:
        found.append(col(Param.number) <= bound.most)
    words = func.lower(col(Param.value).op("#>>")(cast([], ARRAY(Text))))
    if bound.equals is not None:
        found.append(words == bound.equals.lower())
    if bound.differs is not None:
        number = _number(bound.differs)
        same = words == bound.differs.lower() if number is None else col(Param.number) == number
        found.append(same.is_not(True))
    return found


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _metric_bound(bound: Bound) -> list[ColumnElement[bool]]:
    """Whether the run reached the bound at its best or last value."""
    found: list[ColumnElement[bool]] = []
    if bound.least is not None:
        found.append(or_(col(MetricSummary.max) >= bound.least, col(MetricSummary.last) >= bound.least))
    if bound.most is not None:
        found.append(or_(col(MetricSummary.min) <= bound.most, col(MetricSummary.last) <= bound.most))
    return [and_(*found)] if found else []
