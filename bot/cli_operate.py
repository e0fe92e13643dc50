"""The operator's commands: migrate, status, backup, restore, export, forget."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot import backup, export, status
from bot import forget as forgetting
from bot.errors import RunloreError
from bot.home import open_database
from bot.settings import Settings
from bot.wiring import utc_now

console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def migrate() -> None:
    """Bring the schema up to date, and end: for the one job that runs before a release's processes."""
    with open_database(Settings()):
        console.print("The schema is up to date.")


def show_status(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Queues, outbox, live runs and workers, from the database; ends with 1 when something waits too long."""
    settings = Settings()
    with open_database(settings) as database, database.read_session() as session:
        found = status.look(session, settings)
        if as_json:
            typer.echo(json.dumps(found))
        else:
            console.print(f"database: {found['database']}, schema {found['schema']}")
            Console().print(status.table(session))
    raise typer.Exit(0 if found["well"] else 1)


def make_backup(target: Annotated[Path, typer.Argument(help="A new directory.")]) -> None:
    """Copy database and files while the bot goes on; checked against its checksums when it is restored."""
    started = time.monotonic()
    about = backup.back_up(Settings(), target, now=utc_now())
    took = time.monotonic() - started
    console.print(f"{target}: {about['bytes'] / 1e6:,.0f} MB in {took:.1f} s, schema {about['schema']}.")
    console.print("It holds what people said: keep it as you keep the database.")


def restore_backup(source: Annotated[Path, typer.Argument(help="A directory that `backup` made.")]) -> None:
    """Bring a backup into an empty home (or an empty database)."""
    settings, started = Settings(), time.monotonic()
    ready = f"Ready after {{:.1f}} s: start the bot with RUNLORE_HOME={settings.home}."
    backup.restore(settings, source, ready=lambda: console.print(ready.format(time.monotonic() - started)))
    rows = {table: content.rows for table, content in backup.content_of(settings).items()}
    console.print(", ".join(f"{table} {count:,}" for table, count in rows.items() if count))


def export_all(
    target: Annotated[Path, typer.Argument(help="A new directory.")],
    as_parquet: Annotated[
        bool, typer.Option("--parquet", help="Parquet files beside the JSON lines.")
    ] = False,
) -> None:
    """Everything in open formats, tokens left out; `runlore-bot import DIR` brings it into an empty home."""
    writer: export.WriteTable | None = None
    if as_parquet:
        try:
            from bot import parquet as columns  # noqa: PLC0415  an extra that few need

            writer = columns.write
        except ImportError as error:
            raise RunloreError("Parquet needs pyarrow: pip install 'runlore-bot[parquet]'.") from error
    settings = Settings()
    with open_database(settings) as database:
        export.export(database, settings, target, now=utc_now(), parquet=writer, progress=_told)
    console.print(f"{target}: one file a table, {export.ABOUT} says what the columns are.")


def bring_in(source: Path) -> None:
    """An export into this home."""
    settings = Settings()
    with open_database(settings) as database:
        export.bring_in(database, settings, source, progress=_told)
    console.print("Everything is in. Notes that were not read yet are read when the bot runs.")


def forget(
    who: Annotated[str, typer.Argument(help="@name or Slack id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
) -> None:
    """Delete a person's notes, voice, verdicts, tokens and name from every table; their runs stay, nobody's."""
    settings = Settings()
    with open_database(settings) as database, database.session() as session:
        person = forgetting.find(session, who)
        if not yes:
            typer.confirm(
                f"Forget {person.name} ({person.slack_id or 'not in Slack'})? It cannot be undone", abort=True
            )
        gone = forgetting.forget(session, person, home=settings.home, now=utc_now())
    console.print(
        f"{gone.notes} notes are gone, {gone.runs} runs are nobody's, {gone.messages} messages are blank here."
    )
    console.print(
        "Older backups and exports still hold them: delete those too. A run's own output was not searched."
    )


def _told(table: str, count: int) -> None:
    if count:
        console.print(f"{table}: {count:,}")
