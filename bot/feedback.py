"""What people corrected in readings, for whoever improves the models: only of projects that agreed, and of nobody by name."""

from collections.abc import Iterator
from typing import Any

from sqlmodel import Session, col, select

from bot.project_settings import settings_of
from storage.memory import Correction, Note
from storage.tables import Project


def corrections(session: Session) -> Iterator[dict[str, Any]]:
    """One correction after the other: the sentence, what was read in it, what it became."""
    agreed = [one.id for one in session.exec(select(Project)) if settings_of(one).share_feedback]
    query = (
        select(Correction, Note.kind)
        .join(Note, col(Note.id) == col(Correction.note_id))
        .where(col(Note.project_id).in_(agreed), col(Note.deleted_at).is_(None))
        .order_by(col(Correction.id))
    )
    for correction, kind in session.exec(query):
        yield {
            "sentence": correction.sentence,
            "was": correction.was,
            "now": correction.now,
            "spoken": kind == "memo",
            "day": correction.at.date().isoformat(),
        }
