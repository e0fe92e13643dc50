"""Makes notes findable: by their words and those of their author, project and runs, and by their meaning."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session, col, select

from bot import similar
from nlp.terms import terms
from nlp.values import Embedder
from storage import run_search, search
from storage.memory import Note, NoteRun
from storage.tables import (
    CodeVersion,
    DatasetVersion,
    MetricSummary,
    Param,
    Person,
    Project,
    Run,
    RunDataset,
    Tag,
)

OFF: tuple[Any, ...] = (None, False, 0, "", "none", "None", "null", "false", "False", "off", [], {})
"""Values of params that say that something was not used: whoever asks for dropout means no run with dropout 0."""
MOST_FILES = 50
_FILE = re.compile(r"^\+\+\+ b/(\S+)", re.MULTILINE)
MOST_RUNS = 5  # a note naming a whole sweep is found by a few of its runs


def index(session: Session, note_ids: Sequence[int]) -> None:
    """Make notes findable by text; their vectors follow with `embed_waiting`."""
    found = surroundings(session, note_ids)
    notes = session.exec(select(Note).where(col(Note.id).in_(note_ids), col(Note.deleted_at).is_(None)))
    search.index_notes(
        session,
        [
            search.Indexed(
                note_id=note.id or 0, terms=terms(note.text) + terms(" ".join(found[note.id or 0]))
            )
            for note in notes
        ],
    )


def index_runs(session: Session, run_ids: Sequence[int]) -> None:
    """Make runs findable by name, intent, group, tags, params, metrics, data, code and the commit's subject."""
    details = _details(session, run_ids)
    query = (
        select(Run, Project.name, Person.name, CodeVersion.subject)
        .join(Project, col(Run.project_id) == col(Project.id))
        .outerjoin(Person, col(Run.owner_id) == col(Person.id))
        .outerjoin(CodeVersion, col(Run.code_id) == col(CodeVersion.id))
        .where(col(Run.id).in_(run_ids))
    )
    found = {}
    for run, project, owner, subject in session.exec(query):
        own = (project, owner, run.name.replace("-", " "), run.intent, run.group, run.entry, subject)
        found[run.id or 0] = terms("\n".join(filter(None, (*own, *details.get(run.id or 0, ())))))
    run_search.index_runs(session, found)
    similar.remember(session, run_ids)


def embed_waiting(session: Session, embedder: Embedder, *, limit: int = 64) -> int:
    """Give vectors to notes that wait for one, and say to how many: a job that can stop and go on anywhere."""
    waiting = search.notes_without_vector(session, limit)
    if waiting:
        vectors = embedder.embed(documents(session, waiting))
        search.add_vectors(
            session, {note.id or 0: vector for note, vector in zip(waiting, vectors, strict=True)}
        )
    return len(waiting)


def documents(session: Session, notes: Sequence[Note]) -> list[str]:
    """What is embedded: who, where and which run before what was said."""
    about = surroundings(session, [note.id or 0 for note in notes], numbers=False)
    return [f"{' '.join(about[note.id or 0])}. {note.text}" for note in notes]


def surroundings(
    session: Session, note_ids: Sequence[int], *, numbers: bool = True
) -> Mapping[int, list[str]]:
    """Words around each note: project, author, runs; with `numbers` also their tags, params, metrics, data and code."""
    found: dict[int, list[str]] = defaultdict(list)
    named = (
        select(Note.id, Project.name, Person.name)
        .join(Project, col(Note.project_id) == col(Project.id))
        .outerjoin(Person, col(Note.author_id) == col(Person.id))
        .where(col(Note.id).in_(note_ids))
    )
    for note_id, project, author in session.exec(named):
        found[note_id or 0] += [project, author or ""]
    # A run of another project is left out: who sees the note may not see that.
    links = (
        select(NoteRun.note_id, Run)
        .join(Note, col(NoteRun.note_id) == col(Note.id))
        .join(Run, col(NoteRun.run_id) == col(Run.id))
    )
    links = links.where(col(Run.project_id) == col(Note.project_id))
    runs: dict[int, list[Run]] = defaultdict(list)
    for note_id, run in session.exec(links.where(col(NoteRun.note_id).in_(note_ids)).order_by(col(Run.id))):
        if len(runs[note_id]) < MOST_RUNS:
            runs[note_id].append(run)
    details = (
        _details(session, [run.id or 0 for several in runs.values() for run in several]) if numbers else {}
    )
    for note_id, several in runs.items():
        for run in several:
            found[note_id] += [run.name.replace("-", " "), *details.get(run.id or 0, ())]
    return found


def _details(session: Session, run_ids: Sequence[int]) -> Mapping[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for run_id, name, value in session.exec(
        select(Param.run_id, Param.name, Param.value).where(col(Param.run_id).in_(run_ids))
    ):
        if value not in OFF:
            found[run_id].append(f"{name} {_short(value)}")
    read = (
        select(RunDataset.run_id, DatasetVersion.name)
        .join(DatasetVersion, col(DatasetVersion.id) == col(RunDataset.dataset_id))
        .where(col(RunDataset.run_id).in_(run_ids))
    )
    code = (
        select(Run.id, CodeVersion.branch, CodeVersion.diff)
        .join(CodeVersion, col(CodeVersion.id) == col(Run.code_id))
        .where(col(Run.id).in_(run_ids))
    )
    for run_id, name in session.exec(read):
        found[run_id].append(name)
    for number, branch, diff in session.exec(code):
        files = _FILE.findall(diff or "")[:MOST_FILES]
        found[number or 0] += [branch or "", *files]
    for table in (MetricSummary, Tag):
        for run_id, name in session.exec(
            select(table.run_id, table.name).where(col(table.run_id).in_(run_ids))
        ):
            found[run_id].append(name)
    return found


def _short(value: Any) -> str:  # noqa: ANN401  a param is any JSON value
    text = str(value)
    return text if len(text) <= 40 else ""
