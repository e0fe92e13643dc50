"""What an edited message shows is made at the moment it is sent, so that many changes are one edit."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select

from bot import notes
from bot.note_messages import memo_card, note_card
from bot.run_messages import project_board, run_parent
from bot.values import Message
from bot.views import note_view, run_view, run_views
from storage.memory import Note, NoteRun
from storage.tables import Project, Run

BOARD_RUNS = 10


def render(session: Session, spec: Mapping[str, Any], now: datetime) -> Message | None:
    """What an edited message shows at the moment it is sent."""
    if "run" in spec:
        run = session.get(Run, spec["run"])
        if run is None:
            return None
        view = run_view(session, run.id or 0, curves=True, parents=True)
        return run_parent(view, now=now, note_count=_note_count(session, run))
    if "board" in spec:
        project = session.get(Project, spec["board"])
        if project is None:
            return None
        newest = session.exec(
            select(Run.id)
            .where(Run.project_id == project.id, Run.visibility == "project")
            .order_by(col(Run.started_at).desc())
            .limit(BOARD_RUNS)
        )
        views = run_views(session, [run_id for run_id in newest if run_id], curves=True)
        return project_board(project.name, views, now=now)
    if "note" in spec:
        note = session.get(Note, spec["note"])
        if note is None or note.deleted_at is not None:
            return None
        about = notes.runs_of(session, note.id or 0)
        card = memo_card if note.kind == "memo" else note_card
        return card(
            note_view(notes.bundle_of(session, note)), run_view(session, about[0].id or 0) if about else None
        )
    return None


def _note_count(session: Session, run: Run) -> int:
    return session.exec(select(func.count()).select_from(NoteRun).where(NoteRun.run_id == run.id)).one()
