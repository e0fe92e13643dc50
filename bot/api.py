"""What programs ask of the HTTP API, inside the sight of their token: missing and forbidden look the same."""

import hashlib
import re
from typing import Any

from sqlmodel import Session, col, select

from bot import notes, runs
from bot.answer_messages import answer_message
from bot.ask import Answer
from bot.ask import ask as ask_question
from bot.asking import Asking, RunAmbiguous, RunNotFound, sees_run
from bot.errors import BadInput, NotFound
from bot.grammar_names import read_run
from bot.plain_text import plain_text
from bot.redact import redact
from bot.reporters import sight_of
from bot.tokens import Bearer
from bot.values import CodeView, RunView
from bot.views import run_view
from bot.wiring import Services
from storage import ingest_queries
from storage.logs import read_log
from storage.memory import Note, NoteRun
from storage.tables import Artifact, Person, Run

SAFE_NAME = re.compile(r"[\w][\w.@+ -]{0,199}")


def run(session: Session, services: Services, who: Bearer, project: str, ref: str) -> dict[str, Any]:
    """A run with params, metric summaries, code, ending and notes."""
    view = run_view(session, _run(session, services, who, f"{project}/{ref}").id or 0, notes=True)
    return _run_json(view)


def logs(
    session: Session, services: Services, who: Bearer, project: str, ref: str, *, source: str | None, first: int, limit: int
) -> dict[str, Any]:  # fmt: skip
    """Lines of one source."""
    found = _run(session, services, who, f"{project}/{ref}")
    name = source or "stdout"
    lines = read_log(session, found.id or 0, source=name, start=first, limit=limit)
    return {"source": name, "lines": [{"number": line.number, "text": line.text} for line in lines]}


def add_note(session: Session, services: Services, who: Bearer, ref: str, text: str) -> dict[str, Any]:
    """A note on a run."""
    about = _run(session, services, who, ref)
    note = Note(
        project_id=about.project_id,
        author_id=who.person_id or about.owner_id,
        kind="sdk",
        text=redact(text),
        said_at=services.now(),
    )
    session.add(note)
    session.flush()
    session.add(NoteRun(note_id=note.id or 0, run_id=about.id or 0))
    session.flush()
    notes.read_again(session, note)
    runs.refresh(session, about, now=services.now())
    return {"id": note.id, "run": run_view(session, about.id or 0).ref}


def ask(session: Session, services: Services, who: Bearer, question: str) -> dict[str, Any]:
    """Who has tried it: words, the notes they rest on, and whether nobody has."""
    found = ask_question(
        session,
        services.models.embedder,
        question,
        asker=sight_of(session, who, now=services.now()),
        now=services.now(),
    )
    return answer_json(session, found)


def search(session: Session, services: Services, who: Bearer, words: str, *, limit: int) -> dict[str, Any]:
    """Notes close to words and meaning."""
    found = ask_question(
        session,
        services.models.embedder,
        words,
        asker=sight_of(session, who, now=services.now()),
        now=services.now(),
    )
    return {"notes": answer_json(session, found)["note_ids"][:limit]}


def answer_json(session: Session, found: Answer) -> dict[str, Any]:
    """An answer for programs: notes best first by the id they were imported with, else by ours."""
    ids = list(found.ranked)
    named = dict(session.exec(select(Note.id, Note.external_id).where(col(Note.id).in_(ids))).all())
    message = answer_message(found)
    return {
        "answer": plain_text(message.text, message.blocks, buttons=False),
        "note_ids": [named.get(one) or str(one) for one in dict.fromkeys(ids)],
        "none": found.nobody,
    }


def keep_artifact(
    session: Session, services: Services, who: Bearer, uid: str, name: str, data: bytes
) -> dict[str, str]:
    """A file's bytes under their hash; the name is only a label and never a path."""
    if not SAFE_NAME.fullmatch(name) or ".." in name:
        raise BadInput("An artifact's name is letters, digits and . _ - @ +, at most 200 of them.")
    # Looked up for what is missing too: neither takes longer.
    sight = sight_of(session, who, now=services.now())
    found = ingest_queries.find_run(session, uid)
    if found is None or not sees_run(sight, found):
        raise NotFound("No such run.")
    digest = hashlib.sha256(data).hexdigest()
    folder = services.settings.home / "artifacts" / digest[:2]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    place = folder / digest
    if not place.exists():
        part = place.with_suffix(".part")
        part.write_bytes(data)
        part.replace(place)
    location = f"home:{digest}"
    session.add(
        Artifact(
            run_id=found.id or 0,
            name=name,
            location=location,
            size=len(data),
            sha256=digest,
            at=services.now(),
        )
    )
    return {"location": location, "sha256": digest}


def _run(session: Session, services: Services, who: Bearer, ref: str) -> Run:
    name = read_run(ref)
    if name is None:
        raise NotFound("No such run.")
    person = session.get(Person, who.person_id) if who.person_id else None
    asking = Asking(
        session=session,
        services=services,
        person=person,
        channel=None,
        sight=sight_of(session, who, now=services.now()),
        now=services.now(),
    )
    try:
        return asking.run(name)
    except (RunNotFound, RunAmbiguous) as error:
        raise NotFound("No such run.") from error


def _run_json(view: RunView) -> dict[str, Any]:
    return {
        "ref": view.ref,
        "name": view.name,
        "state": view.state,
        "owner": view.owner.name if view.owner else None,
        "started_at": view.started_at.isoformat(),
        "ended_at": view.ended_at.isoformat() if view.ended_at else None,
        "params": dict(view.params),
        "metrics": {
            name: {
                "last": m.last,
                "best": m.best,
                "best_step": m.best_step,
                "min": m.min,
                "max": m.max,
                "count": m.count,
            }
            for name, m in view.metrics.items()
        },
        "tags": list(view.tags),
        "code": _code_json(view.code) if view.code else None,
        "environment": {"python": view.python, "libraries": dict(view.libraries)},
        "ending": dict(view.ending) if view.ending else None,
        "notes": [
            {"author": n.author.name if n.author else None, "text": n.text, "said_at": n.said_at.isoformat()}
            for n in view.notes
        ],
        "permalink": view.permalink,
    }


def _code_json(code: CodeView) -> dict[str, Any]:
    return {
        "commit": code.commit,
        "branch": code.branch,
        "dirty": code.dirty,
        "diff": code.diff,
        "command": code.command,
    }
