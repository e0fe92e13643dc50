"""What App Home shows of many projects at once: life on each, open next steps, decisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from storage.memory import Note, NoteRun, RationaleItem
from storage.tables import Person, Project, Run

SURE = 0.5  # an item read with less confidence is nobody's decision


@dataclass(frozen=True, kw_only=True, slots=True)
class Life:
    """How a project lives."""

    runs: int
    running: int
    last_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A rationale item with who said it, where, when, and about which project."""

    item_id: int
    text: str
    author: str | None
    project: str
    run_id: int | None
    permalink: str | None
    said_at: datetime


def lives(session: Session, project_ids: Sequence[int]) -> dict[int, Life]:
    """Runs, those alive, and the last start or end of each project that has any."""
    last = func.max(func.greatest(col(Run.started_at), col(Run.ended_at)))
    rows = session.exec(
        select(Run.project_id, func.count(), func.count().filter(col(Run.state) == "running"), last)
        .where(col(Run.project_id).in_(project_ids), Run.visibility == "project")
        .group_by(col(Run.project_id))
    )
    return {
        project_id: Life(runs=runs, running=running, last_at=at) for project_id, runs, running, at in rows
    }


def open_steps(session: Session, project_ids: Sequence[int], *, since: datetime) -> dict[int, int]:
    """How many next steps nobody has called done, by project."""
    rows = session.exec(
        select(Note.project_id, func.count())
        .select_from(RationaleItem)
        .join(Note, col(RationaleItem.note_id) == col(Note.id))
        .where(*_shown(project_ids, "next_step", since), col(RationaleItem.closed_at).is_(None))
        .group_by(col(Note.project_id))
    )
    return dict(rows.all())


def told(
    session: Session,
    project_ids: Sequence[int],
    role: str,
    *,
    since: datetime,
    most: int,
    author_id: int | None = None,
) -> list[Told]:
    """The newest items of a role, open ones where they can be closed; of one author where named."""
    query = (
        select(RationaleItem, Note, Person.name, func.min(col(NoteRun.run_id)))
        .join(Note, col(RationaleItem.note_id) == col(Note.id))
        .outerjoin(Person, col(Note.author_id) == col(Person.id))
        .outerjoin(NoteRun, col(NoteRun.note_id) == col(Note.id))
        .where(*_shown(project_ids, role, since), col(RationaleItem.closed_at).is_(None))
        .group_by(col(RationaleItem.id), col(Note.id), col(Person.name))
        .order_by(col(Note.said_at).desc(), col(RationaleItem.start))
        .limit(most)
    )
    if author_id is not None:
        query = query.where(Note.author_id == author_id)
    names = dict(session.exec(select(Project.id, Project.name).where(col(Project.id).in_(project_ids))).all())
    return [
        Told(
            item_id=item.id or 0,
            text=item.text,
            author=author,
            project=names[note.project_id],
            run_id=run_id,
            permalink=note.permalink,
            said_at=note.said_at,
        )
        for item, note, author, run_id in session.exec(query)
    ]


def _shown(project_ids: Sequence[int], role: str, since: datetime) -> tuple[ColumnElement[bool], ...]:
    """Words of these projects, but not about runs that are only their owner's."""
    private = (
        select(NoteRun.note_id)
        .join(Run, col(Run.id) == col(NoteRun.run_id))
        .where(col(Run.visibility) == "me", col(NoteRun.note_id) == col(Note.id))
    )
    return (
        col(Note.project_id).in_(project_ids),
        col(Note.deleted_at).is_(None),
        col(Note.said_at) >= since,
        col(RationaleItem.role) == role,
        col(RationaleItem.confidence) >= SURE,
        ~private.exists(),
    )
