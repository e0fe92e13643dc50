"""Open next steps found in notes: whose they are, of which run, closed by a person's tap, faded after three weeks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from storage.memory import Note, NoteRun, RationaleItem
from storage.tables import Person, Project, Run

FADES = timedelta(days=21)
SURE = 0.5  # an item read with less confidence is nobody's plan, decision or problem


@dataclass(frozen=True, kw_only=True, slots=True)
class NextStep:
    """What somebody means to do next; its owner is who said it."""

    item_id: int
    project_id: int
    project: str
    text: str
    owner_id: int | None
    owner: str | None
    run_id: int | None
    run_number: int | None
    permalink: str | None
    said_at: datetime


def open_next_steps(
    session: Session,
    *,
    now: datetime,
    project_ids: Sequence[int] | None = None,
    owner_id: int | None = None,
    most: int = 50,
) -> list[NextStep]:
    """Steps not done and not faded, newest first: of these projects (None: of all), of one owner where named.

    What was said about somebody's private run stays out, except for its own owner asking for theirs.
    """
    private = (
        select(NoteRun.note_id)
        .join(Run, col(Run.id) == col(NoteRun.run_id))
        .where(col(NoteRun.note_id) == col(Note.id), col(Run.visibility) == "me")
    )
    if owner_id is not None:
        private = private.where(col(Run.owner_id).is_distinct_from(owner_id))
    first_run = (
        select(col(NoteRun.run_id))
        .where(col(NoteRun.note_id) == col(Note.id))
        .order_by(col(NoteRun.run_id))
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(RationaleItem, Note, Project.name, Run)
        .join(Note, col(RationaleItem.note_id) == col(Note.id))
        .join(Project, col(Note.project_id) == col(Project.id))
        .outerjoin(Run, col(Run.id) == first_run)
        .where(RationaleItem.role == "next_step", RationaleItem.confidence >= SURE)
        .where(col(RationaleItem.closed_at).is_(None), col(Note.deleted_at).is_(None))
        .where(col(Note.said_at) > now - FADES, col(Note.said_at) <= now, Note.kind != "status")
        .where(col(Project.archived_at).is_(None), ~private.exists())
        .order_by(col(Note.said_at).desc(), col(RationaleItem.start))
        .limit(most)
    )
    if project_ids is not None:
        query = query.where(col(Note.project_id).in_(project_ids))
    if owner_id is not None:
        query = query.where(Note.author_id == owner_id)
    rows = session.exec(query).all()
    authors = {note.author_id for _, note, _, _ in rows}
    names = dict(session.exec(select(Person.id, Person.name).where(col(Person.id).in_(authors))).all())
    return [
        NextStep(
            item_id=item.id or 0,
            project_id=note.project_id,
            project=project,
            text=item.text,
            owner_id=note.author_id,
            owner=names.get(note.author_id),
            run_id=run.id if run else None,
            run_number=run.number if run else None,
            permalink=note.permalink,
            said_at=note.said_at,
        )
        for item, note, project, run in rows
    ]
