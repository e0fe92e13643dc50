"""Where a run is talked about: its own thread in its project's channel, or its project's thread in the shared one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, update
from sqlmodel import Session, col, select

from bot import outbox
from bot.values import Message
from storage.memory import Outbox, Thread
from storage.run_queries import message_key
from storage.tables import Project, Run

ROLL_OVER_AFTER = timedelta(days=7)
ROLL_OVER_REPLIES = 200
BOARD = "board:"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A channel and the post of ours that replies hang on."""

    channel: str
    parent_key: str


def open_run(
    session: Session, project: Project, run: Run, message: Message, *, channel: str, now: datetime
) -> None:
    """Post a run's message: a thread of its own, or a reply in its project's thread."""
    key = run.told_in = _own_key(session, run)
    if project.threading == "run":
        open_own(session, run, message, channel=channel, now=now)
        return
    board = _board(session, project, channel=channel, now=now)
    place = Place(channel=board.channel_id, parent_key=board.outbox_key)
    reply(session, place, key, message, now=now)


def _own_key(session: Session, run: Run) -> str:
    """A run that moved to another project or channel is told anew there."""
    key, moves = message_key(run.id or 0), 1
    while outbox.known(session, key):
        key, moves = f"run:{run.id}:moved:{moves}:parent", moves + 1
    return key


def open_own(session: Session, run: Run, message: Message, *, channel: str, now: datetime) -> None:
    """A thread of its own in a channel, or in somebody's direct messages."""
    key = run.told_in = run.told_in or _own_key(session, run)
    session.add(
        Thread(project_id=run.project_id, run_id=run.id, channel_id=channel, outbox_key=key, opened_at=now)
    )
    outbox.post(session, key, channel, message, now=now)


def reply(
    session: Session, place: Place, key: str, message: Message, *, now: datetime, broadcast: bool = False
) -> None:
    """Say something in a thread; a project's thread counts what is said in it."""
    if outbox.known(session, key):
        return
    outbox.post(
        session, key, place.channel, message, now=now, parent_key=place.parent_key, broadcast=broadcast
    )
    counted = update(Thread).where(col(Thread.outbox_key) == place.parent_key)
    session.execute(counted.values(replies=Thread.replies + 1))


def place_of(session: Session, run: Run) -> Place | None:
    """Where replies about a run go: the thread its message is in, or begins; None when it was never announced."""
    shown = session.exec(select(Outbox).where(Outbox.key == run.told_in)).first() if run.told_in else None
    if shown is None:
        return None
    channel = str((shown.result or {}).get("channel") or shown.body.get("channel"))
    return Place(channel=channel, parent_key=shown.parent_key or shown.key)


def moved_away(project_channel: str | None, channel: str) -> bool:
    """Whether a project, of which something was told in `channel`, talks in another one now."""
    return channel[:1] in "CG" and project_channel is not None and channel != project_channel


def follow(session: Session, project: Project, run: Run, message: Message, *, now: datetime) -> None:
    """The run, and those told in the same message, are told in their project's new channel from now on."""
    before = run.told_in
    open_run(session, project, run, message, channel=project.channel_id or "", now=now)
    session.flush()
    session.execute(update(Run).where(col(Run.told_in) == before).values(told_in=run.told_in))


def refresh_board(session: Session, project: Project, *, now: datetime) -> None:
    """Bring the project thread's parent up to date, where there is one."""
    board = current_board(session, project.id or 0)
    if board is not None:
        _edit(session, board, now=now)


def thread_at(session: Session, channel: str, ts: str) -> Thread | None:
    """The thread of ours with this parent."""
    return session.exec(
        select(Thread).where(Thread.channel_id == channel, Thread.ts == ts).order_by(col(Thread.id).desc())
    ).first()


def close_at(session: Session, channel: str, ts: str, *, now: datetime) -> None:
    """Somebody deleted the parent of a project's thread: its next run opens another."""
    thread = thread_at(session, channel, ts)
    if thread is not None and thread.outbox_key.startswith(BOARD):
        thread.closed_at = thread.closed_at or now


def current_board(session: Session, project_id: int) -> Thread | None:
    """The project's open thread."""
    open_one = _boards(project_id, col(Thread.closed_at).is_(None))
    return session.exec(select(Thread).where(open_one).order_by(col(Thread.id).desc())).first()


def neighbours(session: Session, board: Thread) -> tuple[Thread | None, Thread | None]:
    """The project's threads before and after this one."""
    earlier = _boards(board.project_id, col(Thread.id) < board.id)
    later = _boards(board.project_id, col(Thread.id) > board.id)
    return (
        session.exec(select(Thread).where(earlier).order_by(col(Thread.id).desc())).first(),
        session.exec(select(Thread).where(later).order_by(col(Thread.id))).first(),
    )


def _boards(project_id: int, which: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(
        col(Thread.project_id) == project_id,
        col(Thread.outbox_key).startswith(f"{BOARD}{project_id}:"),
        which,
    )


def _edit(session: Session, board: Thread, *, now: datetime) -> None:
    spec = {"board": board.project_id, "thread": board.id}
    outbox.edit(session, board.outbox_key, board.channel_id, spec, now=now)


def _board(session: Session, project: Project, *, channel: str, now: datetime) -> Thread:
    """The project's open thread; a new one when the old is full, a week old, or in another channel."""
    board = current_board(session, project.id or 0)
    if board is not None:
        full = board.replies >= ROLL_OVER_REPLIES or now - board.opened_at > ROLL_OVER_AFTER
        if not (full or moved_away(project.channel_id, board.channel_id)):
            return board
        board.closed_at = now
        _edit(session, board, now=now)
    fresh = Thread(
        project_id=project.id or 0,
        channel_id=channel,
        outbox_key=f"{BOARD}{project.id}:{now.timestamp():.3f}:parent",
        opened_at=now,
    )
    session.add(fresh)
    session.flush()
    outbox.post(session, fresh.outbox_key, channel, Message(text=f"{project.name}: runs"), now=now)
    _edit(session, fresh, now=now)
    return fresh
