"""*Ask them*: the question goes on to those whose notes came close, in the threads of the runs they wrote about."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from bot import outbox, threads
from bot.asking import sees_run
from bot.blocks import (
    Block,
    answers,
    checkboxes,
    clip,
    context,
    escape,
    flat,
    input_block,
    modal,
    option,
    quote,
    text_input,
)
from bot.errors import NotFound
from bot.sight import Sight
from bot.values import Message
from storage.memory import Note, NoteRun
from storage.tables import Person, Run

MOST = 5
QUOTE = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Somebody to ask, and the note that made us think so."""

    person: Person
    note: Note


def to_ask(session: Session, note_ids: Sequence[int], sight: Sight) -> list[Asked]:
    """Who wrote these notes, each with the first of theirs; only of notes in sight, never the asker."""
    rows = session.exec(
        select(Note, Person)
        .join(Person, col(Person.id) == col(Note.author_id))
        .where(col(Note.id).in_(note_ids), col(Note.deleted_at).is_(None), col(Person.slack_id).is_not(None))
    ).all()
    found: dict[int, Asked] = {}
    for note, person in sorted(rows, key=lambda row: note_ids.index(row[0].id or 0)):
        seen = sight.sees(note.project_id) and not person.is_bot and person.id != sight.person_id
        if seen and not _hidden(session, note, sight):
            found.setdefault(person.id or 0, Asked(person=person, note=note))
    return list(found.values())[:MOST]


def form(session: Session, value: str, sight: Sight) -> Block:
    """The form behind the button: whom, and in which words. Raises NotFound."""
    told = json.loads(value)
    people = to_ask(session, [int(one) for one in told["notes"]], sight)
    if not people:
        raise NotFound("Nobody of them can be asked here: they wrote elsewhere, or it was you.")
    options = [option(flat(f"{one.person.name}: “{one.note.text}”", 70), str(one.note.id)) for one in people]
    blocks = [
        context("Asked in the thread of the run each of them wrote about; a reply there is kept as a note."),
        input_block(
            "whom", "Whom", checkboxes("whom", options, ticked=[o["value"] for o in options]), optional=False
        ),
        input_block("text", "Question", text_input("text", str(told["q"])), optional=False),
    ]
    return modal("answer_ask", "Ask them", blocks, about="", submit="Ask")


def read(view: Mapping[str, Any]) -> tuple[list[int], str]:
    """(the notes whose authors are asked, the question)."""
    said = answers(view)
    return [int(one) for one in said["whom"].split(",") if one.isdigit()], said["text"].strip()


def send(
    session: Session,
    key: str,
    person: Person,
    note_ids: Sequence[int],
    text: str,
    *,
    sight: Sight,
    now: datetime,
) -> int:
    """Ask each author once; says how many were asked."""
    people = to_ask(session, note_ids, sight)
    for asked in people:
        message = question_message(asked, person, text)
        place = _place(session, asked.note, sight)
        own = f"{key}:{asked.person.id}"
        if place is not None:
            threads.reply(session, place, own, message, now=now)
        else:
            outbox.post(session, own, asked.person.slack_id or "", message, now=now)
    return len(people)


def question_message(asked: Asked, person: Person, text: str) -> Message:
    """<@ana>: <@ben> asks, after what was said here."""
    who = f"<@{person.slack_id}>" if person.slack_id else escape(person.name)
    head = f"<@{asked.person.slack_id}> {who} asks: {escape(clip(text, 1000))}"
    about = quote(clip(asked.note.text, QUOTE), 2 * QUOTE)
    blocks: list[Block] = [{"type": "section", "text": {"type": "mrkdwn", "text": f"{head}\n{about}"}}]
    return Message(text=head, blocks=blocks)


def _hidden(session: Session, note: Note, sight: Sight) -> bool:
    runs = _runs(session, note)
    return bool(runs) and not any(sees_run(sight, run) for run in runs)


def _place(session: Session, note: Note, sight: Sight) -> threads.Place | None:
    """The thread of the first run in sight that the note is about."""
    for run in _runs(session, note):
        if run.visibility == "project" and sees_run(sight, run) and (place := threads.place_of(session, run)):
            return place
    return None


def _runs(session: Session, note: Note) -> Sequence[Run]:
    about = select(Run).join(NoteRun, col(NoteRun.run_id) == col(Run.id)).where(NoteRun.note_id == note.id)
    return session.exec(about.order_by(col(Run.id).desc())).all()
