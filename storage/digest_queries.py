"""What moved in a period, computed from stored facts: runs, decisions, problems, open next steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import isfinite
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, func, or_, select

from storage.memory import Note, NoteRun, RationaleItem
from storage.tables import DatasetVersion, Environment, MetricSummary, Person, Project, Run, Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A rationale item with who said it, where and about which run."""

    item_id: int
    role: str
    text: str
    confidence: float
    author: str | None
    run_id: int | None
    permalink: str | None
    said_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """A sentence that leads a digest."""

    text: str
    author: str | None


def states(session: Session, project_id: int, since: datetime, until: datetime) -> dict[str, int]:
    """How many runs ended in the period, by state."""
    rows = session.exec(
        select(Run.state, func.count())
        .where(*_shown(project_id), *_ended(since, until))
        .group_by(col(Run.state))
    )
    return dict(rows.all())


def started(session: Session, project_id: int, since: datetime, until: datetime) -> int:
    """How many runs began in the period."""
    return session.exec(
        select(func.count()).where(
            *_shown(project_id), col(Run.started_at) >= since, col(Run.started_at) < until
        )
    ).one()


def bad_endings(
    session: Session, project_id: int, since: datetime, until: datetime
) -> list[tuple[str, int, int]]:
    """(state, how many, the latest of them) of runs that did not finish, by how they ended."""
    ending = col(Run.ending)
    alike = (
        col(Run.state),
        ending["cause"].astext,
        ending["error"]["type"].astext,
        ending["oom"].astext,
        ending["signal"].astext,
        ending["exit_code"].astext,
    )
    latest = func.max(col(Run.id))
    groups = session.exec(
        select(Run.state, func.count(), latest)
        .where(*_shown(project_id), *_ended(since, until))
        .where(col(Run.state).notin_(("finished", "running")))
        .group_by(*alike)
        .order_by(func.count().desc(), latest)
    ).all()
    return [(state, amount, run_id) for state, amount, run_id in groups if run_id is not None]


def machine_seconds(
    session: Session, project_id: int, since: datetime, until: datetime
) -> list[tuple[dict[str, Any], float]]:
    """(hardware, seconds) of the runs that ended in the period, summed by environment."""
    seconds = func.extract("epoch", func.sum(col(Run.ended_at) - col(Run.started_at)))
    used = (
        select(col(Run.environment_id).label("environment"), seconds.label("seconds"))
        .where(*_shown(project_id), *_ended(since, until), col(Run.environment_id).is_not(None))
        .group_by(col(Run.environment_id))
        .subquery()
    )
    rows = session.exec(
        select(Environment.hardware, used.c.seconds).join(used, col(Environment.id) == used.c.environment)
    )
    return [(dict(hardware), float(total or 0)) for hardware, total in rows]


def course(
    session: Session, project_id: int, metrics: Sequence[str], goal: str, *, until: datetime, days: int
) -> list[tuple[date, float]]:
    """The best value of every day (UTC) on which runs with the metric ended, oldest first."""
    value = func.min(col(MetricSummary.min)) if goal == "min" else func.max(col(MetricSummary.max))
    day = func.date(func.timezone("UTC", col(Run.ended_at)))
    rows = session.exec(
        select(day, value)
        .join(MetricSummary, col(MetricSummary.run_id) == col(Run.id))
        .where(*_shown(project_id), col(MetricSummary.name).in_(metrics))
        .where(*_ended(until - timedelta(days=days), until))
        .group_by(day)
        .order_by(day)
    )
    return [(at, best) for at, best in rows if best is not None and isfinite(best)]


def course_by_run(
    session: Session, project_id: int, metrics: Sequence[str], goal: str, *, until: datetime, most: int
) -> list[tuple[int, float]]:
    """(number, best value) of the latest runs that ended with the metric by any of its names, in the order they ended."""
    value = func.min(col(MetricSummary.min)) if goal == "min" else func.max(col(MetricSummary.max))
    rows = session.exec(
        select(Run.number, value)
        .join(MetricSummary, col(MetricSummary.run_id) == col(Run.id))
        .where(*_shown(project_id), col(MetricSummary.name).in_(metrics), col(Run.ended_at) < until)
        .group_by(col(Run.id))
        .order_by(col(Run.ended_at).desc(), col(Run.id).desc())
        .limit(most)
    ).all()
    return [(number, best) for number, best in reversed(rows) if best is not None and isfinite(best)]


def valued(session: Session, project_id: int, since: datetime, until: datetime) -> list[tuple[int, str]]:
    """(run, worth) of the runs that ended in the period or whose worth was told in it."""
    told, worth = col(Run.announced)["valued"].astext, col(Run.summary)["value"].astext
    rows = session.exec(
        select(Run.id, worth)
        .where(*_shown(project_id), worth.is_not(None))
        .where(or_(and_(*_ended(since, until)), and_(told >= _text(since), told < _text(until))))
        .order_by(col(Run.id).desc())
    )
    return [(run_id, worth) for run_id, worth in rows if run_id is not None and worth]


def changed_data(session: Session, project_id: int, since: datetime, until: datetime) -> list[DatasetVersion]:
    """Dataset versions whose source was seen to hold something else since."""
    query = select(DatasetVersion).where(
        DatasetVersion.project_id == project_id,
        col(DatasetVersion.changed_at) >= since,
        col(DatasetVersion.changed_at) < until,
    )
    return list(session.exec(query.order_by(col(DatasetVersion.name), col(DatasetVersion.id))))


def statuses(session: Session, project_id: int, since: datetime, until: datetime) -> list[Status]:
    """What people wrote to lead the digest, in the order they wrote it."""
    rows = session.exec(
        select(Note, Person.name)
        .outerjoin(Person, col(Note.author_id) == col(Person.id))
        .where(Note.project_id == project_id, Note.kind == "status", col(Note.deleted_at).is_(None))
        .where(col(Note.said_at) >= since, col(Note.said_at) < until)
        .order_by(col(Note.said_at))
    )
    return [Status(text=note.text, author=name) for note, name in rows]


def running(session: Session, project_id: int) -> list[int]:
    """Runs that are alive now, the longest first."""
    query = select(Run.id).where(*_shown(project_id), Run.state == "running")
    return [one for one in session.exec(query.order_by(col(Run.started_at))) if one]


def best_ended(
    session: Session,
    project_id: int,
    metrics: Sequence[str],
    goal: str,
    *,
    since: datetime | None,
    until: datetime,
) -> tuple[int, float] | None:
    """(run, value) of the best run that ended in the period; None since: ever before."""
    value = col(MetricSummary.min) if goal == "min" else col(MetricSummary.max)
    query = (
        select(Run.id, value)
        .join(MetricSummary, col(MetricSummary.run_id) == col(Run.id))
        .where(*_shown(project_id), col(MetricSummary.name).in_(metrics), value.is_not(None))
        .where(col(Run.ended_at) < until)
    )
    if since is not None:
        query = query.where(col(Run.ended_at) >= since)
    row = session.exec(
        query.order_by(value.asc() if goal == "min" else value.desc(), col(Run.id)).limit(1)
    ).first()
    return (row[0], row[1]) if row and row[0] is not None and row[1] is not None else None


def key_metric(session: Session, project_id: int) -> str | None:
    """The metric most recent runs share, held-out ones first; for projects that chose none."""
    recent = select(Run.id).where(*_shown(project_id)).order_by(col(Run.started_at).desc()).limit(50)
    rows = session.exec(
        select(MetricSummary.name, func.count())
        .where(col(MetricSummary.run_id).in_(recent), ~col(MetricSummary.name).startswith("system/"))
        .group_by(col(MetricSummary.name))
    ).all()
    held_out = [row for row in rows if any(word in row[0].lower() for word in ("val", "test", "eval", "dev"))]
    ranked = sorted(
        held_out or rows, key=lambda row: (-row[1], "loss" in row[0].lower(), len(row[0]), row[0])
    )
    return ranked[0][0] if ranked else None


def said(
    session: Session,
    project_id: int,
    roles: Sequence[str],
    *,
    since: datetime,
    until: datetime,
    least: float = 0.0,
    only_open: bool = False,
    most: int | None = None,
) -> list[Said]:
    """Rationale items said in the period, newest first, one row an item."""
    query = (
        select(RationaleItem, Note, Person.name, func.min(col(NoteRun.run_id)))
        .join(Note, col(RationaleItem.note_id) == col(Note.id))
        .outerjoin(Person, col(Note.author_id) == col(Person.id))
        .outerjoin(NoteRun, col(NoteRun.note_id) == col(Note.id))
        .where(Note.project_id == project_id, col(Note.deleted_at).is_(None), Note.kind != "status")
        .where(col(RationaleItem.role).in_(roles), RationaleItem.confidence >= least)
        .where(col(Note.said_at) >= since, col(Note.said_at) < until, *_sharable(col(Note.id)))
        .group_by(col(RationaleItem.id), col(Note.id), col(Person.name))
        .order_by(col(Note.said_at).desc(), col(RationaleItem.start))
    )
    if only_open:
        query = query.where(col(RationaleItem.closed_at).is_(None))
    if most is not None:
        query = query.limit(most)
    return [
        Said(
            item_id=item.id or 0,
            role=item.role,
            text=item.text,
            confidence=item.confidence,
            author=name,
            run_id=run_id,
            permalink=note.permalink,
            said_at=note.said_at,
        )
        for item, note, name, run_id in session.exec(query)
    ]


def verdicts(
    session: Session, project_id: int, since: datetime, until: datetime
) -> list[tuple[int, str, str]]:
    """(run, person's name, choice) tapped in the period."""
    rows = session.exec(
        select(Verdict.run_id, Person.name, Verdict.choice)
        .join(Run, col(Run.id) == col(Verdict.run_id))
        .join(Person, col(Person.id) == col(Verdict.person_id))
        .where(*_shown(project_id), col(Verdict.at) >= since, col(Verdict.at) < until)
        .where(Verdict.choice != "unsure")
        .order_by(col(Verdict.at))
    )
    return [(run_id, name, choice) for run_id, name, choice in rows]


def projects_of_channel(session: Session, channel_id: str, only: Sequence[int] = ()) -> list[Project]:
    """The projects that talk in a channel, archived ones left out."""
    query = select(Project).where(Project.channel_id == channel_id, col(Project.archived_at).is_(None))
    if only:
        query = query.where(col(Project.id).in_(only))
    return list(session.exec(query.order_by(col(Project.name))))


def projects_of_person(
    session: Session, person_id: int, *, since: datetime, only: Sequence[int] = ()
) -> list[Project]:
    """The projects that a person ran or wrote in, archived ones left out."""
    ran = select(Run.project_id).where(Run.owner_id == person_id, col(Run.started_at) >= since)
    wrote = select(Note.project_id).where(Note.author_id == person_id, col(Note.said_at) >= since)
    query = select(Project).where(
        or_(col(Project.id).in_(ran), col(Project.id).in_(wrote)), col(Project.archived_at).is_(None)
    )
    if only:
        query = query.where(col(Project.id).in_(only))
    return list(session.exec(query.order_by(col(Project.name))))


def _shown(project_id: int) -> tuple[ColumnElement[bool], ...]:
    return (col(Run.project_id) == project_id, col(Run.visibility) == "project")


def _text(moment: datetime) -> str:
    """As kept in `announced`, where times are compared as texts."""
    return moment.astimezone(UTC).isoformat()


def _ended(since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    return (col(Run.ended_at) >= since, col(Run.ended_at) < until)


def _sharable(note_id: Any) -> tuple[ColumnElement[bool], ...]:  # noqa: ANN401  a column
    """Words about a run that is only its owner's stay theirs."""
    private = (
        select(NoteRun.note_id)
        .join(Run, col(Run.id) == col(NoteRun.run_id))
        .where(col(Run.visibility) == "me", col(NoteRun.note_id) == note_id)
    )
    return (~private.exists(),)
