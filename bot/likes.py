"""Likes: a ⭐ on a run or any part of it; liked parts flow into the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from bot import note_files
from bot.errors import NotFound
from bot.threads import thread_at
from bot.views import run_view
from storage.memory import Note, NoteRun, Outbox
from storage.tables import Artifact, Like, Run


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
    """What a ⭐ on a message likes: the note it is, else the run, metric, note or comparison that it shows."""
    noted = session.exec(select(Note.id).where(Note.channel_id == channel, Note.ts == ts)).first()
    if noted is not None:
        return of_note(session, noted, person_id=person_id)
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
    match posted[0].split(":"):
        case ["note", note_id, "card"]:
            return of_note(session, int(note_id), person_id=person_id)
        case ["run", run_id, "best"] if key := run_view(session, int(run_id)).key_metric:
            return Liked(person_id=person_id, run_id=int(run_id), kind="metric", target=key)
        case ["run", run_id, *_] if run_id.isdigit():
            return Liked(person_id=person_id, run_id=int(run_id), kind="run")
    return _answered(posted[1].get("blocks") or [], person_id)


def of_note(session: Session, note_id: int, *, person_id: int) -> Liked | None:
    """A note, or the picture that is all there is to it; None for a note of the whole project."""
    note, run_id = session.get(Note, note_id), session.exec(_run_of(note_id)).first()
    if note is None or run_id is None:
        return None
    if not note.text and (images := note_files.images_of(session, note_id)):
        return Liked(person_id=person_id, run_id=images[0].run_id, kind="artifact", target=str(images[0].id))
    return Liked(person_id=person_id, run_id=run_id, kind="note", target=str(note_id))


def part_of(session: Session, run: Run, name: str) -> tuple[str, str, str]:
    """(kind, target, its name) of a metric, param or file of a run. Raises NotFound."""
    view = run_view(session, run.id or 0)
    for kind, known in (("metric", view.metrics), ("param", view.params)):
        found = next((one for one in known if one.lower() == name.lower()), None)
        if found:
            return kind, found, found
    for artifact in session.exec(select(Artifact).where(Artifact.run_id == run.id)):
        if artifact.name.lower() == name.lower():
            return "artifact", str(artifact.id), artifact.name
    raise NotFound(f"{view.ref} has nothing called “{name}”.")


def _run_of(note_id: int) -> SelectOfScalar[int]:
    return select(NoteRun.run_id).where(NoteRun.note_id == note_id).order_by(col(NoteRun.run_id))


def _answered(blocks: Sequence[Mapping[str, Any]], person_id: int) -> Liked | None:
    """What an answer is about: its own ⭐ or *Share* button carries it."""
    for element in (element for block in blocks for element in block.get("elements") or ()):
        ids = [int(one) for one in str(element.get("value")).split(",") if one.isdigit()]
        match element.get("action_id"):
            case "compare_share" if ids:
                target = ",".join(map(str, ids))
                return Liked(person_id=person_id, run_id=ids[0], kind="chart", target=target)
            case "run_like" if ids:
                return Liked(person_id=person_id, run_id=ids[0], kind="run")
    return None


def _find(session: Session, liked: Liked) -> Like | None:
    return session.exec(
        select(Like).where(
            Like.person_id == liked.person_id,
            Like.run_id == liked.run_id,
            Like.kind == liked.kind,
            Like.target == liked.target,
        )
    ).first()
