"""What an edited message shows is made at the moment it is sent, so that many changes are one edit."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select

from bot import notes, outbox, threads, together
from bot.better import judge
from bot.note_messages import memo_card, memo_progress, note_card, noted
from bot.run_messages import project_board, run_ended, run_recovered
from bot.values import Message
from bot.views import note_view, run_view, run_views
from storage.memory import Note, NoteRun, Thread
from storage.tables import Project, Run

BOARD_RUNS = 10
RUN_KINDS = ("run", "swept", "ended", "recovered")


def render(session: Session, spec: Mapping[str, Any], now: datetime) -> Message | None:
    """What an edited message shows at the moment it is sent."""
    if "board" in spec:
        return _board(session, spec, now)
    if kinds := [kind for kind in RUN_KINDS if kind in spec]:
        run = session.get(Run, spec[kinds[0]])
        return _about_run(session, run, spec, now) if run else None
    if "noted" in spec:
        note = session.get(Note, spec["noted"])
        about = notes.runs_of(session, note.id or 0) if note and note.deleted_at is None else []
        return noted(run_view(session, about[0].id or 0), note.text) if note and about else None
    if "note" in spec:
        note = session.get(Note, spec["note"])
        if note is None or note.deleted_at is not None:
            return None
        if "progress" in (note.memo or {}):
            return memo_progress(float((note.memo or {})["progress"]))
        about = notes.runs_of(session, note.id or 0)
        card = memo_card if note.kind == "memo" else note_card
        return card(
            note_view(notes.bundle_of(session, note)), run_view(session, about[0].id or 0) if about else None
        )
    return None


def _about_run(session: Session, run: Run, spec: Mapping[str, Any], now: datetime) -> Message | None:
    if spec.get("in", run.told_in) != run.told_in:
        return None  # told elsewhere by now, perhaps where others read
    if "swept" in spec:
        return together.ended_message(session, run)
    if "recovered" in spec:
        return run_recovered(run_view(session, run.id or 0), away=spec.get("away"))
    if "ended" in spec:
        view = run_view(session, run.id or 0, parents=True)
        return run_ended(view, judge(view), now=now)
    return together.message(session, run, now=now, note_count=_note_count(session, run))


def _board(session: Session, spec: Mapping[str, Any], now: datetime) -> Message | None:
    """A project thread's parent: what runs now, or, once it is closed, what ran in its time and where it goes on."""
    project, board = session.get(Project, spec["board"]), session.get(Thread, spec.get("thread"))
    if project is None or board is None:
        return None
    newest = select(Run.id).where(Run.project_id == project.id, Run.visibility == "project")
    if board.closed_at is not None:
        newest = newest.where(col(Run.started_at) <= board.closed_at)
    newest = newest.order_by(col(Run.started_at).desc()).limit(BOARD_RUNS)
    views = run_views(session, [run_id for run_id in session.exec(newest) if run_id], curves=True)
    earlier, later = threads.neighbours(session, board)
    return project_board(
        project.name, views, now=now, earlier=_address(session, earlier), later=_address(session, later)
    )


def _address(session: Session, board: Thread | None) -> str | None:
    """Where a neighbouring thread is; raises NotYet while it is on its way to Slack."""
    if board is None:
        return None
    place = outbox.sent(session, board.outbox_key)
    if place is None and outbox.waits(session, board.outbox_key):
        raise outbox.NotYet
    return str((place or {}).get("permalink") or "") or None


def _note_count(session: Session, run: Run) -> int:
    return session.exec(select(func.count()).select_from(NoteRun).where(NoteRun.run_id == run.id)).one()
