"""The command `runlore`: log in, run a command unchanged, send what lies here, write notes, look at runs."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from runlore import settings
from runlore.client import Answer, Client
from runlore.version import VERSION


class Problem(Exception):
    """What went wrong and what to do; shown without a traceback."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, do, and turn a known problem into one line and a status of 1."""
    options = parser().parse_args(arguments)
    try:
        result = options.act(options)
    except Problem as problem:
        if getattr(options, "json", False):
            show({"error": str(problem)})
        else:
            sys.stderr.write(f"runlore: {problem}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return result if isinstance(result, int) else 0  # what a command returns is its status


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    whole = argparse.ArgumentParser(
        prog="runlore", description="The shared memory of a machine-learning team."
    )
    whole.add_argument("--version", action="version", version=f"runlore {VERSION}")
    whole.set_defaults(act=lambda _: whole.print_help())
    commands = whole.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, act: Callable[[argparse.Namespace], Any], about: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=about, description=about)
        one.set_defaults(act=act)
        one.add_argument("--json", action="store_true", help="answer in JSON")
        return one

    login = command("login", _login, "Log in: shows a code that you confirm in Slack, or stores a token.")
    login.add_argument("url", nargs="?", help="the server (default: RUNLORE_URL or the last one)")
    login.add_argument(
        "--token", help="store this token (of a project, for CI) instead; '-' reads it from stdin"
    )
    run = command(
        "run", _run, "Run a command as a run, without changing it: runlore run --project vision -- CMD …"
    )
    run.add_argument("--project")
    run.add_argument("--name")
    run.add_argument("--group")
    run.add_argument("--notes")
    run.add_argument("--tag", action="append", default=[])
    run.add_argument(
        "--metric", action="append", default=[], metavar="NAME=REGEX",
        help="keep a number from the output: the first group of the expression is the value, a group named step the step",
    )  # fmt: skip
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- CMD")
    sync = command("sync", _sync, "Send what was kept on this machine.")
    sync.add_argument("directory", nargs="?", help="one run's directory or a folder of them (default: all)")
    sync.add_argument("--url", help="send it to this server")
    sync.add_argument("--all", action="store_true", help="also what the server has already acknowledged")
    status = command("status", _status, "Show the login and the runs kept on this machine.")
    status.add_argument("directory", nargs="?")
    note = command("note", _note, "Write a note to a run: runlore note vision/42 'warmup was too short'")
    note.add_argument("run")
    note.add_argument("text", nargs="+")
    checkout = command(
        "checkout", _checkout, "Recreate a run's code, environment file and command in a worktree."
    )
    checkout.add_argument("run", help="vision/42, or a run's id on this machine")
    checkout.add_argument("--into", help="the new worktree (default: ../<repository>-<run>)")
    command("env", _env, "Show the settings that hold here, and where each comes from.")
    imported = command(
        "import",
        _import,
        "Bring runs from another tracker: mlflow URI, wandb DIR, tensorboard DIR, csv FILE.",
    )
    imported.add_argument("kind", choices=("mlflow", "wandb", "tensorboard", "csv"))
    imported.add_argument("source")
    imported.add_argument("--project", help="put them all into this project (default: their own)")
    imported.add_argument(
        "--no-sync", action="store_true", help="only write the spool; `runlore sync` sends it"
    )
    return whole


def show(value: Any) -> None:
    """Print JSON."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def say(text: str) -> None:
    """Print a line for people."""
    sys.stdout.write(text + "\n")


def server() -> Client:
    """The server to ask, with its token."""
    found = settings.load()
    if not found.url:
        raise Problem("no server: run `runlore login URL`, or set RUNLORE_URL")
    if not found.token:
        raise Problem(f"not logged in to {found.url}: run `runlore login`")
    return Client(found.url, found.token)


def checked(answer: Answer, what: str) -> dict[str, Any]:
    """The body of a good answer; the rest is a problem in words."""
    if answer.ok:
        return answer.body
    cure = {401: " — run `runlore login`", 0: " — is the server's address right?"}.get(answer.status, "")
    raise Problem(f"{what}: {answer.reason}{cure}")


def _login(options: argparse.Namespace) -> None:
    from runlore import signin

    signin.login(options.url, token=options.token, say=say, json_answer=options.json)


def _run(options: argparse.Namespace) -> int:
    from runlore import command

    argv = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    if not argv:
        raise Problem("nothing to run: runlore run --project vision -- python train.py")
    return int(command.run(argv, options))


def _sync(options: argparse.Namespace) -> int:
    from runlore import sync

    if options.directory and not os.path.isdir(options.directory):
        raise Problem(f"{options.directory} is no directory")
    outcomes = []
    for outcome in sync.sync(options.directory, url=options.url, say=say, again=options.all):
        outcomes.append(outcome)
        if not options.json and outcome.state != "complete":
            say(
                f"{outcome.project}/{outcome.run} {outcome.state}{': ' if outcome.detail else ''}{outcome.detail}"
            )
    if options.json:
        show([outcome._asdict() for outcome in outcomes])
    elif not any(outcome.state != "complete" for outcome in outcomes):
        say("nothing to send")
    return int(any(outcome.state == "kept" for outcome in outcomes))


def _status(options: argparse.Namespace) -> None:
    from runlore import status

    status.status(options.directory, json_answer=options.json)


def _note(options: argparse.Namespace) -> None:
    answer = server().post("/api/v1/notes", {"run": options.run, "text": " ".join(options.text)})
    body = checked(answer, f"the note on {options.run} was not taken")
    show(body) if options.json else say(f"noted on {options.run}")


def _checkout(options: argparse.Namespace) -> None:
    from runlore import checkout

    checkout.checkout(options.run, into=options.into, json_answer=options.json)


def _env(options: argparse.Namespace) -> None:
    from runlore import status

    status.env(json_answer=options.json)


def _import(options: argparse.Namespace) -> int:
    from runlore import importers

    return importers.run(options)
