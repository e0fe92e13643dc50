"""Images, tables and addresses in a note become artifacts and links of its runs, and go where the note goes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from bot.slack_text import artifact_kind, files_of, links, permalinks
from storage.memory import Note
from storage.tables import Artifact, Like, Link, Run


def keep(
    session: Session, note: Note, runs: Sequence[Run], event: Mapping[str, Any], *, now: datetime
) -> None:
    """What came with a message, for every run it is about."""
    for run in runs:
        for file in files_of(event):
            if kind := artifact_kind(file):
                size = file.get("size")
                session.add(
                    Artifact(
                        run_id=run.id or 0,
                        note_id=note.id,
                        name=str(file.get("name") or kind),
                        kind=kind,
                        location=str(file.get("permalink") or file.get("id")),
                        size=size if isinstance(size, int) else None,
                        at=now,
                    )
                )
    relink(session, note, runs, str(event.get("text") or ""), now=now)


def relink(session: Session, note: Note, runs: Sequence[Run], text: str, *, now: datetime) -> None:
    """The addresses in a note's words as they are now."""
    session.execute(delete(Link).where(col(Link.note_id) == note.id))
    for run in runs:
        for url, label in links(text):
            if not permalinks(url):
                session.add(Link(run_id=run.id or 0, note_id=note.id, url=url, title=label, at=now))
    session.flush()


def move(session: Session, note: Note, run: Run) -> None:
    """The note is about another run: so is what came with it."""
    for table in (Artifact, Link):
        session.execute(update(table).where(col(table.note_id) == note.id).values(run_id=run.id))


def forget(session: Session, note: Note) -> None:
    """The note is taken back: so are its files, its links and what people liked of them."""
    files = session.exec(select(Artifact.id).where(Artifact.note_id == note.id)).all()
    liked = col(Like.target).in_([str(one) for one in files])
    session.execute(delete(Like).where(col(Like.kind) == "artifact", liked))
    session.execute(delete(Like).where(col(Like.kind) == "note", col(Like.target) == str(note.id)))
    for table in (Artifact, Link):
        session.execute(delete(table).where(col(table.note_id) == note.id))


def images_of(session: Session, note_id: int) -> list[Artifact]:
    """The pictures that came with a note."""
    query = select(Artifact).where(Artifact.note_id == note_id, Artifact.kind == "image")
    return list(session.exec(query.order_by(col(Artifact.id))))
