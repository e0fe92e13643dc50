"""`runlore-bot`: the operator's command line."""

import json
import logging
import os
import sys
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import OperationalError

from bot import cli_eval, cli_operate, cli_text, doctor, tokens
from bot.demo import play
from bot.errors import RunloreError
from bot.home import open_database
from bot.jobs import POOLS
from bot.serve import Role, local_page
from bot.serve import serve as run_serve
from bot.settings import Settings
from bot.wire import ProjectName
from bot.wiring import utc_now
from nlp.values import AudioError, ModelError
from storage.embedded import EmbeddedPostgresError
from storage.ingest_queries import take_project

app = typer.Typer(
    no_args_is_help=True, help="Runlore: the shared memory of a machine-learning team.", add_completion=False
)
token_app = typer.Typer(
    no_args_is_help=True, help="Tokens of projects, for demos and continuous integration."
)
app.add_typer(token_app, name="token")
app.add_typer(cli_eval.app, name="eval")
console = Console(stderr=True, highlight=False)

app.command("analyze")(cli_text.analyze)
app.command("transcribe")(cli_text.transcribe)
app.command("import")(cli_text.import_file)
app.command("ask")(cli_text.ask)
app.command("digest")(cli_text.digest)
app.command("export-feedback")(cli_text.export_feedback)
app.command("migrate")(cli_operate.migrate)
app.command("status")(cli_operate.show_status)
app.command("backup")(cli_operate.make_backup)
app.command("restore")(cli_operate.restore_backup)
app.command("export")(cli_operate.export_all)
app.command("forget")(cli_operate.forget)


def main() -> None:
    """Run the command line; what can go wrong is said in a line, not in a traceback."""
    try:
        app(prog_name="runlore-bot")
    except (RunloreError, EmbeddedPostgresError, ModelError, AudioError) as error:
        _end_with(str(error))
    except ValidationError as error:
        if error.title != Settings.__name__:
            raise
        told = ((_setting(each["loc"]), each["msg"].removeprefix("Value error, ")) for each in error.errors())
        _end_with("; ".join(f"{name}: {words}" for name, words in told))
    except OperationalError as error:
        said = str(error.orig).splitlines()[0]
        _end_with(f"the database does not answer: {said}. `runlore-bot doctor` tells more.")
    except OSError as error:
        _end_with(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _end_with(words: str) -> None:
    console.print(f"[red]runlore-bot:[/] {escape(words)}", soft_wrap=True)
    raise SystemExit(1) from None


def _setting(place: tuple[int | str, ...]) -> str:
    """A field as it stands in the environment."""
    name = str(place[0]).upper()
    return name if name.startswith(("SLACK_", "RUNLORE_")) else f"RUNLORE_{name}"


@app.command()
def serve(
    role: Annotated[Role, typer.Option(help="Which part this process is.")] = "all",
    queues: Annotated[
        list[str] | None, typer.Option(help="Only these queues: posts, general, speech")
    ] = None,
    follow_parent: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run the bot. Without Slack credentials it brings its own workspace."""
    if unknown := set(queues or ()) - POOLS.keys():
        raise typer.BadParameter(f"unknown queue {', '.join(sorted(unknown))}", param_hint="--queues")

    def ready(settings: Settings) -> None:
        if role == "all":
            page = local_page(settings)
            where = f"workspace: {page}" if page else "connected to Slack"
            console.print(f"Runlore is ready. API: {settings.url}, {where}")

    run_serve(
        Settings(),
        role=role,
        queues=tuple(queues or ()),
        follow_parent=follow_parent,
        ready=ready,
    )
    logging.shutdown()
    sys.stdout.flush()
    os._exit(
        0
    )  # the interpreter would wait for jobs that were handed back, and take seconds to take models apart


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Play the story, print the channels, end.")] = False,
) -> None:
    """Play a real story with real training in a workspace of its own, then stay up to be tried."""
    raise SystemExit(play(Settings(), once=once))


@app.command("doctor")
def check_health(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    slack: Annotated[
        bool, typer.Option("--slack", help="Only Slack: token, scopes and what each is for.")
    ] = False,
) -> None:
    """Check database, Slack, models, audio and clock, and say how to mend what fails."""
    raise SystemExit(doctor.report(Settings(), console, as_json=as_json, only_slack=slack))


@token_app.command("create")
def create_token(
    project: Annotated[str, typer.Option(help="The project it reports to.")],
    label: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="write, read (default: both)")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Expires after so many days.")] = None,
) -> None:
    """A new token; it is shown this once."""
    scopes = tuple(scope or ("write", "read"))
    if unknown := set(scopes) - {"write", "read"}:
        raise typer.BadParameter(f"unknown scope {', '.join(unknown)}", param_hint="--scope")
    try:
        name = TypeAdapter(ProjectName).validate_python(project)
    except ValidationError:
        rule = "a project's name has 1 to 100 characters, none of / # @ < >"
        raise typer.BadParameter(rule, param_hint="--project") from None
    with open_database(Settings()) as database, database.session() as session:
        found, _ = take_project(session, name, now=utc_now())
        lasts = timedelta(days=days) if days else None
        token = tokens.create(session, now=utc_now(), project=found, scopes=scopes, label=label, lasts=lasts)
    typer.echo(token)


@token_app.command("list")
def list_tokens(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Tokens that are valid, by their first characters."""
    with open_database(Settings()) as database, database.session() as session:
        rows = tokens.listed(session)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], default=str))
        return
    table = Table("number", "begins with", "whose", "label", "scopes", "created", "expires", "last used")
    for row in rows:
        days = [f"{at:%Y-%m-%d}" if at else "–" for at in (row.created, row.expires, row.last_used)]
        words = (row.hint, row.project or row.person or "", row.label or "", " ".join(row.scopes))
        table.add_row(str(row.number), *map(escape, words), *days)
    Console().print(table)


@token_app.command("revoke")
def revoke_token(which: Annotated[str, typer.Argument(help="Its number or first characters.")]) -> None:
    """Make a token worthless at once."""
    with open_database(Settings()) as database, database.session() as session:
        count = tokens.revoke(session, which, now=utc_now())
    console.print(f"Revoked {count}.")


if __name__ == "__main__":
    main()
