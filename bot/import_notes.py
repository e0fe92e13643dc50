"""Takes in notes written elsewhere, one JSON object a line: projects, runs, people and notes, searchable at once, read by and by."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from datetime import date as calendar_day
from itertools import islice
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from sqlmodel import Session, col, func, select

from bot import notes, search_index
from storage.memory import Note, NoteRun
from storage.search_scope import UNDATED
from storage.tables import MetricSummary, Param, Person, Project, Run

BATCH = 200
LONGEST_TEXT = 100_000
NOBODY = frozenset({"", "unknown", "anonymous", "none", "n/a", "?"})

Progress = Callable[[int], None]
"""Called with the number of lines done."""


def _day(value: object) -> object:
    return value[:10] if isinstance(value, str) else value


class Line(BaseModel):
    """One note as it comes; what else a line holds is ignored."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    note_id: str = Field(min_length=1, max_length=200)
    project: str = Field(min_length=1, max_length=200)
    run: str | None = Field(default=None, max_length=300)
    author: str | None = Field(default=None, max_length=200)
    date: Annotated[calendar_day | None, BeforeValidator(_day)] = None
    metrics: dict[str, float | None] = {}
    params: dict[str, Any] = {}
    text: str = Field(min_length=1, max_length=LONGEST_TEXT)

    @property
    def at(self) -> datetime:
        """The day it was written; `UNDATED` where the line does not tell."""
        return datetime.combine(self.date, time(), tzinfo=UTC) if self.date else UNDATED

    @property
    def by(self) -> str | None:
        """The author, if it is somebody."""
        name = (self.author or "").strip()
        return None if name.lower() in NOBODY else name


@dataclass(frozen=True, kw_only=True, slots=True)
class BadLine:
    """A line that was skipped, and why."""

    number: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What an import did."""

    added: int
    changed: int
    unchanged: int
    bad: Sequence[BadLine]


def import_notes(
    transaction: Callable[[], Any],  # a context manager giving a Session: `Database.session`
    lines: Iterable[str],
    *,
    now: datetime,
    progress: Progress = lambda done: None,
) -> Imported:
    """Take in all good lines, a batch a transaction; taking the same lines in again changes nothing."""
    added = changed = unchanged = done = 0
    bad: list[BadLine] = []
    numbered = enumerate(lines, start=1)
    while batch := list(islice(numbered, BATCH)):
        good = {line.note_id: line for line in _parse(batch, bad)}
        with transaction() as session:
            new, other = _import(session, list(good.values()), now=now)
        added, changed, unchanged = added + new, changed + other, unchanged + len(good) - new - other
        done += len(batch)
        progress(done)
    return Imported(added=added, changed=changed, unchanged=unchanged, bad=bad)


def _parse(batch: Sequence[tuple[int, str]], bad: list[BadLine]) -> Iterator[Line]:
    for number, text in batch:
        if not text.strip():
            continue
        try:
            text.encode()
            yield Line.model_validate(json.loads(text.replace("\\u0000", "")))
        except UnicodeEncodeError as error:
            bad.append(BadLine(number=number, reason=f"no UTF-8 at character {error.start + 1}"))
        except json.JSONDecodeError as error:
            bad.append(BadLine(number=number, reason=f"no JSON: {error.msg} at character {error.pos + 1}"))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "line"
            bad.append(BadLine(number=number, reason=f"{place}: {first['msg']}"))


def _import(session: Session, lines: Sequence[Line], *, now: datetime) -> tuple[int, int]:
    """One batch: how many notes are new, how many have changed."""
    known = {
        note.external_id: note
        for note in session.exec(
            select(Note).where(col(Note.external_id).in_([line.note_id for line in lines]))
        )
    }
    projects = _projects(session, {line.project for line in lines}, now=now)
    people = _people(session, {line.by for line in lines if line.by}, now=now)
    runs = _runs(session, lines, projects, people, now=now)
    touched: list[Note] = []
    new = 0
    for line in lines:
        author = people[line.by.lower()].id if line.by else None
        note = known.get(line.note_id)
        if note is None:
            note = Note(
                external_id=line.note_id, project_id=projects[line.project].id or 0, author_id=author, kind="import",
                text=line.text, said_at=line.at,
            )  # fmt: skip
            session.add(note)
            new += 1
        elif note.deleted_at is not None or (note.text, note.author_id, note.said_at) == (
            line.text,
            author,
            line.at,
        ):
            continue
        else:
            note.text, note.author_id, note.said_at, note.vector = line.text, author, line.at, None
        touched.append(note)
    session.flush()
    by_id = {line.note_id: line for line in lines}
    for note in touched:
        line = by_id[note.external_id or ""]
        if note.external_id not in known and line.run:
            session.add(NoteRun(note_id=note.id or 0, run_id=runs[_uid(line)].id or 0))
    session.flush()
    search_index.index(session, [note.id or 0 for note in touched])
    for note in touched:
        notes.read_again(session, note, priority=notes.LATER)
    return new, len(touched) - new


def _projects(session: Session, names: set[str], *, now: datetime) -> dict[str, Project]:
    found = {
        p.name: p for p in session.exec(select(Project).where(col(Project.name).in_(names)).with_for_update())
    }
    for name in sorted(names - found.keys()):
        found[name] = Project(name=name, created_at=now)
        session.add(found[name])
    session.flush()
    return found


def _people(session: Session, names: set[str], *, now: datetime) -> dict[str, Person]:
    lower = {name.lower(): name for name in sorted(names)}
    rows = session.exec(
        select(Person)
        .where(func.lower(Person.name).in_(lower))
        .order_by(col(Person.slack_id).is_(None).desc())
    )
    found = {person.name.lower(): person for person in rows}
    for key in sorted(lower.keys() - found.keys()):
        found[key] = Person(name=lower[key], created_at=now)
        session.add(found[key])
    session.flush()
    return found


def _runs(
    session: Session,
    lines: Sequence[Line],
    projects: Mapping[str, Project],
    people: Mapping[str, Person],
    *,
    now: datetime,
) -> dict[str, Run]:
    """The runs that the lines name, each made once with the params and metrics that its first line tells."""
    wanted = {_uid(line): line for line in reversed(lines) if line.run}
    found = {run.uid: run for run in session.exec(select(Run).where(col(Run.uid).in_(wanted)))}
    fresh = [(uid, line) for uid, line in reversed(wanted.items()) if uid not in found]
    for uid, line in fresh:
        project = projects[line.project]
        at = line.at
        found[uid] = Run(
            uid=uid, project_id=project.id or 0, number=project.next_number, name=line.run or "", state="finished",
            owner_id=people[line.by.lower()].id if line.by else None, started_at=at, ended_at=at, last_seen_at=at,
        )  # fmt: skip
        project.next_number += 1
        session.add(found[uid])
    session.flush()
    for uid, line in fresh:
        run_id = found[uid].id or 0
        for name, value in line.params.items():
            session.add(Param(run_id=run_id, name=name, value=value, number=_number(value)))
        for name, measured in line.metrics.items():
            if measured is not None:
                session.add(
                    MetricSummary(
                        run_id=run_id,
                        name=name,
                        count=1,
                        last=measured,
                        min=measured,
                        max=measured,
                        last_at=line.at,
                    )
                )
    session.flush()
    search_index.index_runs(session, [found[uid].id or 0 for uid, _ in fresh])
    return found


def _uid(line: Line) -> str:
    return f"import:{line.project}:{line.run}"


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
