"""Everything that people told and trained, in open formats (JSON lines, Parquet on request), and back into an empty home."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from bot import notes
from bot.errors import RunloreError
from bot.settings import Settings
from storage import open_format
from storage.database import Database
from storage.memory import Note

ABOUT = "export.json"
FILES = ("artifacts", "audio")  # of a home
NOT_AN_EXPORT = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)  # what lines of another shape raise

Progress = Callable[[str, int], None]
WriteTable = Callable[[Iterable[Mapping[str, Any]], Mapping[str, str], Path], None]


def export(
    database: Database,
    settings: Settings,
    target: Path,
    *,
    now: datetime,
    parquet: WriteTable | None = None,
    progress: Progress,
) -> dict[str, int]:
    """Write every table into `target`, a new directory, as of one moment; returns how many rows each has.

    Tokens are left out. Uploaded artifacts come along, and audio of projects that keep it; else it is in Slack under the
    note's permalink.
    """
    if target.exists():
        raise RunloreError(f"{target} exists already: name a new directory for the export.")
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    columns, counts = open_format.schema(), {}
    with (
        database.snapshot() as session
    ):  # one moment for all tables, so that nothing refers to what is missing
        for table in open_format.exported():
            place = part / f"{table.name}.jsonl"
            with place.open("w", encoding="utf-8") as file:
                count = 0
                for row in open_format.rows(session, table):
                    file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
                    count += 1
            counts[table.name] = count
            progress(table.name, count)
            if parquet is not None:
                parquet(_read(place), columns[table.name], place.with_suffix(".parquet"))
    copy_files(settings.home, part)
    about = {
        "made_at": now.isoformat(),
        "version": version("runlore-bot"),
        "left_out": sorted(open_format.LEFT_OUT),
        "rows": counts,
        "columns": columns,
    }
    (part / ABOUT).write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")
    part.rename(target)
    return counts


def is_export(place: Path) -> bool:
    """Whether this directory was written by `export`."""
    return (place / ABOUT).is_file()


def bring_in(database: Database, settings: Settings, source: Path, *, progress: Progress) -> dict[str, int]:
    """Bring an export into an empty installation, all or nothing; returns how many rows each table got."""
    counts = {}
    with database.session() as session:
        if not open_format.is_empty(session):
            raise RunloreError("There is data here already: an export is only brought into an empty home.")
        for table in open_format.exported():
            place = source / f"{table.name}.jsonl"
            try:
                counts[table.name] = (
                    open_format.take_in(session, table, _read(place)) if place.exists() else 0
                )
            except (*NOT_AN_EXPORT, SQLAlchemyError) as error:
                raise RunloreError(
                    f"{place} is damaged or was changed: nothing was brought in. Make the export anew."
                ) from error
            progress(table.name, counts[table.name])
        _read_waiting(session)
    copy_files(source, settings.home)
    return counts


def copy_files(source: Path, target: Path) -> None:
    """Artifacts and kept audio, as the files they are: a link in them would lead out of the export, or into another's files."""
    for name in FILES:
        for file in sorted((source / name).rglob("*")):
            if file.is_file() and not file.is_symlink() and file.resolve().is_relative_to(source.resolve()):
                place = target / file.relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                shutil.copyfile(file, place)


def _read_waiting(session: Session) -> None:
    """Notes that were not read yet when they were exported are read here."""
    waiting = select(Note).where(col(Note.read_at).is_(None), col(Note.deleted_at).is_(None), Note.text != "")
    for note in session.exec(waiting):
        notes.read_again(session, note, priority=notes.LATER)


def _read(place: Path) -> Iterator[dict[str, Any]]:
    with place.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
