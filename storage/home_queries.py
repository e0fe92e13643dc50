"""What App Home shows of many projects at once: life on each, and what was decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from storage.memory import Note, NoteRun, RationaleItem
from storage.next_steps import SURE
from storage.tables import Person, Project, Run


@dataclass(frozen=True, kw_only=True, slots=True)
class Life:
    """How a project lives."""

    runs: int
    running: int
    last_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """A decision with who said it, where, when, and about which project."""

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


def decisions(session: Session, project_ids: Sequence[int], *, since: datetime, most: int) -> list[Decided]:
    """The newest decisions of these projects; what was said about a private run stays out."""
    private = (
        select(NoteRun.note_id)
        .join(Run, col(Run.id) == col(NoteRun.run_id))
        .where(col(Run.visibility) == "me", col(NoteRun.note_id) == col(Note.id))
    )
    query = (
        select(RationaleItem, Note, Person.name, func.min(col(NoteRun.run_id)))
        .join(Note, col(RationaleItem.note_id) == col(Note.id))
        .outerjoin(Person, col(Note.author_id) == col(Person.id))
        .outerjoin(NoteRun, col(NoteRun.note_id) == col(Note.id))
        .where(col(Note.project_id).in_(project_ids), col(Note.deleted_at).is_(None), ~private.exists())
        .where(RationaleItem.role == "decision", RationaleItem.confidence >= SURE)
        .where(col(Note.said_at) >= since)
        .group_by(col(RationaleItem.id), col(Note.id), col(Person.name))
        .order_by(col(Note.said_at).desc(), col(RationaleItem.start))
        .limit(most)
    )
    names = dict(session.exec(select(Project.id, Project.name).where(col(Project.id).in_(project_ids))).all())
    return [
        Decided(
            text=item.text,
            author=author,
            project=names[note.project_id],
            run_id=run_id,
            permalink=note.permalink,
            said_at=note.said_at,
        )
        for item, note, author, run_id in session.exec(query)
    ]
