"""`runlore-bot`: the operator's command line."""

from datetime import timedelta
from typing import Annotated, cast

import typer
from rich.console import Console
from rich.table import Table

from bot import cli_eval, cli_operate, cli_text, doctor, tokens
from bot.demo import play
from bot.errors import RunloreError
from bot.home import open_database
from bot.serve import Role, local_page
from bot.serve import serve as run_serve
from bot.settings import Settings
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
app.command("migrate")(cli_operate.migrate)
app.command("status")(cli_operate.show_status)
app.command("backup")(cli_operate.make_backup)
app.command("restore")(cli_operate.restore_backup)
app.command("export")(cli_operate.export_all)
app.command("forget")(cli_operate.forget)


def main() -> None:
    """Run the command line; what can go wrong is said in a line, not in a traceback."""
    try:
        app()
    except (RunloreError, EmbeddedPostgresError, ModelError, AudioError) as error:
        console.print(f"[red]runlore-bot:[/] {error}", markup=True)
        raise SystemExit(1) from None


@app.command()
def serve(
    role: Annotated[str, typer.Option(help="all, web, worker or scheduler")] = "all",
    queues: Annotated[
        list[str] | None, typer.Option(help="Only these queues: posts, general, speech")
    ] = None,
    follow_parent: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run the bot. Without Slack credentials it brings its own workspace."""
    if role not in ("all", "web", "worker", "scheduler"):
        raise typer.BadParameter("choose all, web, worker or scheduler", param_hint="--role")

    def ready(settings: Settings) -> None:
        if role == "all":
            page = local_page(settings)
            where = f"workspace: {page}" if page else "connected to Slack"
            console.print(f"Runlore is ready. API: {settings.url}, {where}")

    run_serve(
        Settings(),
        role=cast(Role, role),
        queues=tuple(queues or ()),
        follow_parent=follow_parent,
        ready=ready,
    )


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
    days: Annotated[int | None, typer.Option(help="Expires after so many days.")] = None,
) -> None:
    """A new token; it is shown this once."""
    scopes = tuple(scope or ("write", "read"))
    if unknown := set(scopes) - {"write", "read"}:
        raise typer.BadParameter(f"unknown scope {', '.join(unknown)}", param_hint="--scope")
    with open_database(Settings()) as database, database.session() as session:
        found, _ = take_project(session, project, now=utc_now())
        lasts = timedelta(days=days) if days else None
        token = tokens.create(session, now=utc_now(), project=found, scopes=scopes, label=label, lasts=lasts)
    typer.echo(token)


@token_app.command("list")
def list_tokens() -> None:
    """Tokens that are valid, by their first characters."""
    table = Table("number", "begins with", "label", "scopes", "created", "expires", "last used")
    with open_database(Settings()) as database, database.session() as session:
        for row in tokens.listed(session):
            dates = [
                f"{at:%Y-%m-%d %H:%M}" if at else "–"
                for at in (row.created_at, row.expires_at, row.last_used_at)
            ]
            table.add_row(str(row.id), row.hint, row.label or "", " ".join(row.scopes), *dates)
    Console().print(table)


@token_app.command("revoke")
def revoke_token(which: Annotated[str, typer.Argument(help="Its number or first characters.")]) -> None:
    """Make a token worthless at once."""
    with open_database(Settings()) as database, database.session() as session:
        count = tokens.revoke(session, which, now=utc_now())
    console.print(f"Revoked {count}.")


if __name__ == "__main__":
    main()
