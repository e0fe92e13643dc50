"""Backups of an installation: its database and the home's files in one directory, and back into an empty home."""

import json
import logging
import shutil
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from bot.errors import RunloreError
from bot.home import open_database
from bot.settings import Settings
from storage.backup import Content, contents, dump, load
from storage.database import Database
from storage.embedded import EmbeddedPostgres

log = logging.getLogger(__name__)

ABOUT = "backup.json"
DATABASE = "database"
FILES = "home"
# What of a home is worth keeping beside its database; models come with the packages.
KEPT = ("artifacts", "audio", "workspace", "slack-identity.json")


def back_up(settings: Settings, target: Path, *, now: datetime) -> dict[str, Any]:
    """Copy everything into `target`, a new directory, while the bot goes on; returns what `backup.json` says."""
    if target.exists():
        raise RunloreError(f"{target} exists already: name a new directory for the backup.")
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    if settings.database_url:
        with open_database(settings) as database:
            schema = _schema(database)
        dump(settings.database_url, part / DATABASE)
    else:
        with EmbeddedPostgres(settings.home) as postgres:
            schema = _schema(Database(postgres.url(), pool_size=1))
            postgres.back_up(part / DATABASE)
    _copy_files(settings.home, part / FILES)
    about = {
        "made_at": now.isoformat(),
        "version": version("runlore-bot"),
        "schema": schema,
        "database": "dump" if settings.database_url else "files",
        "bytes": sum(file.stat().st_size for file in part.rglob("*") if file.is_file()),
    }
    (part / ABOUT).write_text(json.dumps(about, indent=1))
    part.rename(target)  # a backup that was interrupted never looks like one
    return about


def restore(settings: Settings, source: Path, *, ready: Callable[[], None]) -> None:
    """Bring a backup into an empty home or database; `ready` is called once the bot could start."""
    try:
        about = json.loads((source / ABOUT).read_text())
    except (OSError, ValueError) as error:
        raise RunloreError(f"{source} is no backup: its {ABOUT} cannot be read.") from error
    kind = "dump" if settings.database_url else "files"
    if about.get("database") != kind:
        wanted = (
            "set RUNLORE_DATABASE_URL to an empty database"
            if kind == "files"
            else "unset RUNLORE_DATABASE_URL"
        )
        raise RunloreError(f"This backup holds a {about.get('database')!s} copy: {wanted}.")
    if settings.database_url:
        _refuse_used(settings.database_url)
        _copy_files(source / FILES, settings.home)
        load(settings.database_url, source / DATABASE, ready=ready)
        return
    EmbeddedPostgres(settings.home).adopt(source / DATABASE)
    _copy_files(source / FILES, settings.home)
    ready()


def content_of(settings: Settings) -> dict[str, Content]:
    """What every table of an installation holds, for comparing."""
    with open_database(settings) as database, database.read_session() as session:
        return contents(session)


def _copy_files(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in KEPT:
        there = source / name
        if there.is_dir():
            shutil.copytree(there, target / name, symlinks=True, dirs_exist_ok=True)
        elif there.exists():
            shutil.copy2(there, target / name)


def _schema(database: Database) -> str | None:
    try:
        with database.session() as session:
            return _revision(session)
    finally:
        database.close()


def _revision(session: Session) -> str | None:
    known = session.execute(text("SELECT to_regclass('alembic_version')")).scalar()
    return session.execute(text("SELECT version_num FROM alembic_version")).scalar() if known else None


def _refuse_used(url: str) -> None:
    database = Database(url, pool_size=1)
    if _schema(database) is not None:
        raise RunloreError("This database is in use already: a backup is only brought into an empty one.")
