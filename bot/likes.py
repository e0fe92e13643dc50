"""Likes: a ⭐ on a run, a note or a picture; liked parts flow into the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from bot import note_files
from bot.threads import thread_at
from storage.memory import Note, NoteRun, Outbox
from storage.tables import Like


@dataclass(frozen=True, kw_only=True, slots=True)
class Liked:
    """What somebody likes."""

    person_id: int
    run_id: int
    kind: str  # run | note | metric | param | artifact | chart
    target: str = ""


def add(session: Session, liked: Liked, *, now: datetime) -> None:
    """Like it; twice is once."""
    if _find(session, liked) is None:
        session.add(
            Like(person_id=liked.person_id, run_id=liked.run_id, kind=liked.kind, target=liked.target, at=now)
        )
        session.flush()


def toggle(session: Session, liked: Liked, *, now: datetime) -> bool:
    """Like it, or take the like back; True when it is liked now."""
    known = _find(session, liked)
    if known is None:
        add(session, liked, now=now)
        return True
    session.delete(known)
    session.flush()
    return False


def at_message(session: Session, *, channel: str, ts: str, person_id: int) -> Liked | None:
    """What a ⭐ on a message likes: the note it is, or the run it is about."""
    noted = session.exec(
        select(NoteRun.run_id, Note.id)
        .join(Note, Note.id == NoteRun.note_id)  # type: ignore[arg-type]
        .where(Note.channel_id == channel, Note.ts == ts)
    ).first()
    if noted is not None:
        note = session.get(Note, noted[1])
        if note is not None and not note.text and (images := note_files.images_of(session, note.id or 0)):
            return Liked(
                person_id=person_id, run_id=images[0].run_id, kind="artifact", target=str(images[0].id)
            )
        return Liked(person_id=person_id, run_id=noted[0], kind="note", target=str(noted[1]))
    thread = thread_at(session, channel, ts)
    if thread is not None and thread.run_id is not None:
        return Liked(person_id=person_id, run_id=thread.run_id, kind="run")
    posted = session.exec(
        select(Outbox.key, Outbox.body).where(
            Outbox.method == "chat.postMessage",
            Outbox.result["ts"].astext == ts,  # type: ignore[index]
            Outbox.result["channel"].astext == channel,  # type: ignore[index]
        )
    ).first()
    if posted is None:
        return None
    if compared := _compared(posted[1].get("blocks") or []):
        return Liked(
            person_id=person_id, run_id=compared[0], kind="chart", target=",".join(map(str, compared))
        )
    parts = posted[0].split(":")
    if parts[0] == "run" and len(parts) > 1 and parts[1].isdigit():
        return Liked(person_id=person_id, run_id=int(parts[1]), kind="run")
    return None


def _compared(blocks: Sequence[Mapping[str, Any]]) -> list[int]:
    """The runs of a comparison that was posted."""
    for block in blocks:
        for element in block.get("elements") or ():
            if element.get("action_id") == "compare_share":
                return [int(one) for one in str(element.get("value")).split(",") if one.isdigit()]
    return []


def _find(session: Session, liked: Liked) -> Like | None:
    return session.exec(
        select(Like).where(
            Like.person_id == liked.person_id,
            Like.run_id == liked.run_id,
            Like.kind == liked.kind,
            Like.target == liked.target,
        )
    ).first()
