"""What people add to a digest: a sentence that leads the next one, and the word that a next step is done."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from bot import notes
from bot.blocks import Block, answers, context, flat, input_block, modal, option, text_input
from bot.blocks import select as menu
from bot.errors import NotFound
from bot.sight import Sight
from storage.memory import Note, RationaleItem
from storage.tables import Person, Project


def status_form(session: Session, value: str, sight: Sight) -> Block:
    """The form behind *Add status*; `value` names the digest's projects. Raises NotFound."""
    ids = [int(one) for one in value.split(",") if one.isdigit()]
    seen = [one for one in ids if sight.sees(one)]
    projects = session.exec(
        select(Project).where(col(Project.id).in_(seen)).order_by(col(Project.name))
    ).all()
    if not projects:
        raise NotFound("Those projects are gone, or not yours to see.")
    return status_modal(projects)


def status_modal(projects: Sequence[Project]) -> Block:
    """One sentence, and of which project where there are several."""
    field = text_input("text", hint="What should everybody know first?")
    blocks = [
        context("It stands on top of the next digest and is kept as a note of the project."),
        input_block("text", "Status", field, optional=False),
    ]
    if len(projects) > 1:
        options = [option(flat(one.name, 70), str(one.id)) for one in projects[:100]]
        which = menu("project", options, chosen=options[0]["value"])
        blocks.append(input_block("project", "Project", which, optional=False))
    return modal("digest_status", "Add status", blocks, about=str(projects[0].id))


def read_status(view: Mapping[str, Any]) -> tuple[int, str]:
    """(project, sentence)."""
    said = answers(view)
    return int(said.get("project") or view["private_metadata"]), said["text"].strip()


def add_status(session: Session, project_id: int, text: str, person: Person, *, now: datetime) -> None:
    """Keep the sentence as a note of the project; the next digest begins with it."""
    note = Note(project_id=project_id, author_id=person.id, kind="status", text=text, said_at=now)
    session.add(note)
    session.flush()
    notes.read_again(session, note)


def close_step(session: Session, item_id: int, sight: Sight, *, now: datetime) -> str:
    """A next step is done, says a person who may see it; returns its words. Raises NotFound."""
    found = session.exec(
        select(RationaleItem, Note)
        .join(Note, col(Note.id) == col(RationaleItem.note_id))
        .where(RationaleItem.id == item_id, RationaleItem.role == "next_step")
    ).first()
    if found is None or not sight.sees(found[1].project_id) or found[1].deleted_at is not None:
        raise NotFound("That next step is gone.")
    found[0].closed_at = found[0].closed_at or now
    return found[0].text
