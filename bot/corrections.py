"""What people correct in a reading wins over the model, is kept as theirs, and is remembered as feedback."""

from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from bot import notes
from bot.note_forms import NoteEdit, Piece
from bot.values import FactView
from storage.memory import Correction, Fact, Note, RationaleItem
from storage.tables import Person


def apply(session: Session, edit: NoteEdit, person: Person, *, now: datetime) -> Note | None:
    """Write a corrected note: text, roles and facts as the person left them, by sentence."""
    note = session.get(Note, edit.note_id)
    if note is None or note.deleted_at is not None:
        return None
    before = {
        item.id: item for item in session.exec(select(RationaleItem).where(RationaleItem.note_id == note.id))
    }
    old_text, text, position = note.text, edit.text, 0
    for piece in edit.pieces:
        if not piece.text:
            continue
        position = text.find(piece.text, position)
        known = before.pop(piece.item_id, None) if piece.item_id else None
        _write(session, note, known, piece, position, person, now=now)
        position += len(piece.text)
    for gone in before.values():
        _remember(session, note, person, gone.text, {"role": gone.role}, {}, now=now)
        session.execute(delete(Fact).where(col(Fact.item_id) == gone.id))
        session.delete(gone)
    note.text, note.edited_at, note.edited_by_id = text, now, person.id
    session.flush()
    notes.refresh_card(session, note, now=now)
    if text != old_text:
        notes.read_again(session, note)
    return note


def confirm_facts(session: Session, note: Note, person: Person, *, now: datetime) -> None:
    """A person says that what was heard is so: it counts as fact from now on."""
    for fact in session.exec(select(Fact).where(Fact.note_id == note.id, ~col(Fact.confirmed))):
        fact.confirmed = True
        _remember(session, note, person, fact.name, {"confirmed": False}, {"confirmed": True}, now=now)
    session.flush()
    notes.refresh_card(session, note, now=now)


def may_edit(session: Session, note: Note, person: Person) -> bool:
    """The note's author and the owners of its runs."""
    owners = {run.owner_id for run in notes.runs_of(session, note.id or 0)}
    return person.id == note.author_id or person.id in owners


def _write(
    session: Session,
    note: Note,
    known: RationaleItem | None,
    piece: Piece,
    position: int,
    person: Person,
    *,
    now: datetime,
) -> None:
    if known is None:
        if piece.role == "other":
            return
        known = RationaleItem(
            note_id=note.id or 0,
            role=piece.role,
            text=piece.text,
            start=0,
            end=0,
            confidence=1.0,
            source="person",
        )
        _remember(session, note, person, piece.text, {}, {"role": piece.role}, now=now)
        _put(session, known, piece, position, person)
        return
    facts = session.exec(select(Fact).where(Fact.item_id == known.id)).all()
    same_facts = [_told(fact) for fact in facts] == [_shown(fact) for fact in piece.facts]
    if known.role == piece.role and known.text == piece.text and same_facts:
        known.start, known.end = position, position + len(piece.text)
        return
    was: dict[str, object] = {
        "role": known.role,
        "text": known.text,
        "facts": [_told(fact) for fact in facts],
    }
    now_is: dict[str, object] = {
        "role": piece.role,
        "text": piece.text,
        "facts": [_shown(fact) for fact in piece.facts],
    }
    _remember(session, note, person, known.text, was, now_is, now=now)
    if not same_facts:
        session.execute(delete(Fact).where(col(Fact.item_id) == known.id))
    _put(session, known, piece, position, person)
    if not same_facts:
        for fact in piece.facts:
            session.add(
                Fact(
                    note_id=note.id or 0,
                    item_id=known.id,
                    kind=fact.kind,
                    name=fact.name,
                    from_value=fact.from_value,
                    to_value=fact.to_value,
                    unit=fact.unit,
                    confirmed=fact.confirmed,
                    start=position,
                    end=position + len(piece.text),
                )
            )


def _put(session: Session, item: RationaleItem, piece: Piece, position: int, person: Person) -> None:
    item.role, item.text, item.confidence, item.source = piece.role, piece.text, 1.0, "person"
    item.start, item.end, item.edited_by_id = position, position + len(piece.text), person.id
    session.add(item)
    session.flush()


def _told(fact: Fact) -> list[object]:
    return [fact.kind, fact.name, fact.from_value, fact.to_value, fact.unit, fact.confirmed]


def _shown(fact: FactView) -> list[object]:
    return [fact.kind, fact.name, fact.from_value, fact.to_value, fact.unit, fact.confirmed]


def _remember(
    session: Session,
    note: Note,
    person: Person,
    sentence: str,
    was: dict[str, object],
    now_is: dict[str, object],
    *,
    now: datetime,
) -> None:
    session.add(
        Correction(note_id=note.id or 0, person_id=person.id, sentence=sentence, was=was, now=now_is, at=now)
    )
