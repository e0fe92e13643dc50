"""Where a run is talked about: its own thread in its project's channel, or its project's thread in the shared one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from bot import outbox
from bot.values import Message
from storage.memory import Thread
from storage.run_queries import message_key
from storage.tables import Project, Run

ROLL_OVER_AFTER = timedelta(days=7)
ROLL_OVER_REPLIES = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A channel and the post of ours that replies hang on."""

    channel: str
    parent_key: str


def open_run(
    session: Session, project: Project, run: Run, message: Message, *, channel: str, now: datetime
) -> None:
    """Post a run's message: a thread of its own, or a reply in its project's thread."""
    key = message_key(run.id or 0)
    if project.threading == "run":
        session.add(
            Thread(
                project_id=project.id or 0, run_id=run.id, channel_id=channel, outbox_key=key, opened_at=now
            )
        )
        outbox.post(session, key, channel, message, now=now)
        return
    board = _board(session, project, channel=channel, now=now)
    board.replies += 1
    outbox.post(session, key, board.channel_id, message, now=now, parent_key=board.outbox_key)


def place_of(session: Session, project: Project, run: Run) -> Place | None:
    """Where replies about a run go; None when it was never announced."""
    own = session.exec(select(Thread).where(Thread.run_id == run.id)).first()
    if own is not None:
        return Place(channel=own.channel_id, parent_key=own.outbox_key)
    board = _current_board(session, project)
    return Place(channel=board.channel_id, parent_key=board.outbox_key) if board else None


def refresh_board(session: Session, project: Project, *, now: datetime) -> None:
    """Bring the project thread's parent up to date, where there is one."""
    board = _current_board(session, project)
    if board is not None:
        outbox.edit(
            session, board.outbox_key, board.channel_id, {"board": project.id, "thread": board.id}, now=now
        )


def thread_at(session: Session, channel: str, ts: str) -> Thread | None:
    """The thread of ours with this parent."""
    return session.exec(
        select(Thread).where(Thread.channel_id == channel, Thread.ts == ts).order_by(col(Thread.id).desc())
    ).first()


def _current_board(session: Session, project: Project) -> Thread | None:
    return session.exec(
        select(Thread)
        .where(Thread.project_id == project.id, col(Thread.run_id).is_(None), col(Thread.closed_at).is_(None))
        .order_by(col(Thread.id).desc())
    ).first()


def _board(session: Session, project: Project, *, channel: str, now: datetime) -> Thread:
    """The project's open thread; a new one when the old is full, a week old, or in another channel."""
    board = _current_board(session, project)
    if board is not None:
        full = board.replies >= ROLL_OVER_REPLIES or now - board.opened_at > ROLL_OVER_AFTER
        if not full:
            return board
        board.closed_at = now
        outbox.edit(
            session, board.outbox_key, board.channel_id, {"board": project.id, "thread": board.id}, now=now
        )
    fresh = Thread(
        project_id=project.id or 0,
        channel_id=channel,
        outbox_key=f"board:{project.id}:{now.timestamp():.0f}:parent",
        opened_at=now,
    )
    session.add(fresh)
    session.flush()
    before = outbox.sent(session, board.outbox_key) if board else None
    link = f" · <{before['permalink']}|earlier>" if before and before.get("permalink") else ""
    outbox.post(session, fresh.outbox_key, channel, Message(text=f"{project.name}: runs{link}"), now=now)
    outbox.edit(session, fresh.outbox_key, channel, {"board": project.id, "thread": fresh.id}, now=now)
    return fresh
