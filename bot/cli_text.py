"""The command line's speech and text: analyse, transcribe, import, ask and digest on one home, offline, without Slack."""

import io
import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from bot import digest_commands, feedback
from bot.api import answer_json
from bot.ask import ask as ask_question
from bot.cli_operate import bring_in
from bot.errors import RunloreError
from bot.export import is_export
from bot.home import open_database
from bot.import_notes import import_notes
from bot.search_index import embed_waiting
from bot.settings import Settings
from bot.sight import operator_sight
from bot.wiring import Models, utc_now
from nlp import loader
from nlp.normalise import normalise
from nlp.values import AudioError, Context, Embedder, Reading
from storage.database import Database

console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def analyze(
    text: Annotated[str | None, typer.Argument(help="The note; without it, standard input.")] = None,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help='One {"id","text"} a line in, one reading a line out.')
    ] = False,
) -> None:
    """Read the rationale out of a note: roles, quotes, facts."""
    extractor = loader.load_extractor()
    if not jsonl:
        reading = extractor.read(text if text is not None else sys.stdin.read())
        for item in reading.items:
            typer.echo(f"{item.role:11} {item.confidence:.2f}  {item.text}")
            for fact in item.facts:
                typer.echo(f"{'':17} {fact.kind} {fact.name}: {fact.from_value or ''} → {fact.to or ''}")
        return
    for number, row in _rows(sys.stdin):
        if not isinstance(row.get("text"), str):
            console.print(f"line {number}: no text, skipped")
            continue
        _out({"id": row.get("id"), **reading_json(extractor.read(row["text"]))})


def reading_json(reading: Reading) -> dict[str, Any]:
    """A reading as programs take it; `role` is the first sentence's, facts have a value, mentions only a name."""
    valued = [fact for fact in reading.facts if fact.to is not None or fact.from_value is not None]
    named = [fact for fact in reading.facts if fact.to is None and fact.from_value is None]
    return {
        "role": reading.role,
        "confidence": round(reading.confidence, 4),
        "items": [
            {
                "role": i.role,
                "text": i.text,
                "start": i.start,
                "end": i.end,
                "confidence": round(i.confidence, 4),
            }
            for i in reading.items
        ],
        "facts": [{"name": f.name, "kind": f.kind, "from": f.from_value, "to": f.to} for f in valued],
        "mentions": [{"name": f.name, "kind": f.kind} for f in named],
    }


def transcribe(
    files: Annotated[list[Path], typer.Argument(help="Audio or video files.")],
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a file.")] = False,
    engine: Annotated[str | None, typer.Option(help="faster-whisper or openai-whisper")] = None,
    model: Annotated[str | None, typer.Option(help="tiny.en, base, a hub name or a path")] = None,
    language: Annotated[str | None, typer.Option(help="en, de, …; without it, detected")] = None,
) -> None:
    """Write down what is said; a file that cannot be heard is named and the rest go on."""
    settings = Settings()
    transcriber = loader.load_transcriber(
        engine or settings.speech_engine, model or settings.speech_model, models_dir=settings.home / "models"
    )
    failed = 0
    for file in files:
        started = time.monotonic()
        try:
            with _bar() as bar:
                task = bar.add_task(file.name, total=1.0)
                heard = transcriber.transcribe(file, language=language, progress=partial(_advance, bar, task))
        except (AudioError, OSError) as problem:
            failed += 1
            words = f"Cannot be read: {problem.strerror}." if isinstance(problem, OSError) else str(problem)
            if jsonl:
                _out({"file": str(file), "error": words})
            else:
                console.print(f"{file}: {words}")
            continue
        text = normalise(heard.text, Context()).text
        if jsonl:
            _out(
                {
                    "file": str(file),
                    "text": heard.text,
                    "normalised": text,
                    "language": heard.language,
                    "duration": round(heard.duration, 3),
                    "seconds": round(time.monotonic() - started, 3),
                    "words": [asdict(word) for word in heard.words],
                }
            )
        else:
            typer.echo(text)
    if failed == len(files):
        raise typer.Exit(1)


def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            help="JSON lines: note_id, project, run, author, date, metrics, params, text; or a directory that `export` wrote"
        ),
    ],
) -> None:
    """Bring notes from elsewhere: they become runs and notes, searchable when this returns; twice changes nothing."""
    if is_export(file):
        bring_in(file)
        return
    if file.is_dir():
        raise RunloreError(f"{file} is no export. What `backup` made is brought back by `restore`.")
    settings = Settings()
    with file.open("rb") as raw:
        total = sum(1 for _ in raw)
    # What is no UTF-8 comes in as surrogates: its line is named, the others are taken.
    text = partial(file.open, encoding="utf-8", errors="surrogateescape")
    with open_database(settings) as database, _bar() as bar, text() as lines:
        task = bar.add_task("notes", total=total)
        result = import_notes(database.session, lines, now=utc_now(), progress=partial(_advance, bar, task))
        embedder = Models(settings).embedder
        task, done = bar.add_task("vectors", total=result.added + result.changed), 0
        while count := _embed(database, embedder):
            done += count
            _advance(bar, task, done)
    for problem in result.bad:
        console.print(f"line {problem.number}: {problem.reason}")
    console.print(
        f"{result.added} new, {result.changed} changed, {result.unchanged} known already, {len(result.bad)} skipped."
    )
    if result.added or result.changed:
        console.print("What they tell (changes, outcomes, decisions) is read while the bot runs.")


def _embed(database: Database, embedder: Embedder) -> int:
    """Vectors for the next notes; stopped here, the next import goes on."""
    with database.session() as session:
        return embed_waiting(session, embedder, limit=256)  # sorted by length, so that little is padded


def ask(
    question: Annotated[str | None, typer.Argument(help="Who has tried …?")] = None,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help='One {"qid","query"} a line in, one answer a line out.')
    ] = False,
) -> None:
    """Who has tried it? As the operator of this home: everything is seen."""
    settings = Settings()
    embedder = Models(settings).embedder
    with open_database(settings) as database:
        asked = _rows(sys.stdin) if jsonl else [(1, {"query": question or sys.stdin.read()})]
        for number, row in asked:
            if not isinstance(row.get("query"), str):
                console.print(f"line {number}: no query, skipped")
                continue
            with database.read_session() as session:
                found = ask_question(session, embedder, row["query"], asker=operator_sight(), now=utc_now())
                said = answer_json(session, found)
            if jsonl:
                _out({"qid": row.get("qid"), **said, "note_ids": said["note_ids"][:20]})
            else:
                typer.echo(said["answer"])


def digest(
    project: Annotated[str | None, typer.Argument(help="A project; without it, all.")] = None,
    days: Annotated[int, typer.Option(min=1, help="How far back.")] = 1,
    depth: Annotated[Literal["brief", "full", "manager"], typer.Option(help="How much of it.")] = "brief",
) -> None:
    """What moved: runs, bests, decisions, problems and open next steps."""
    with open_database(Settings()) as database, database.read_session() as session:
        typer.echo(digest_commands.as_text(session, project=project, days=days, depth=depth, now=utc_now()))


def export_feedback(
    target: Annotated[Path | None, typer.Argument(help="A file; without it, standard output.")] = None,
) -> None:
    """What people corrected in readings, one JSON object a line; only of projects whose settings allow it."""
    with open_database(Settings()) as database, database.read_session() as session:
        rows = [json.dumps(row, ensure_ascii=False) for row in feedback.corrections(session)]
    if target is None:
        for row in rows:
            typer.echo(row)
    else:
        target.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    console.print(f"{len(rows)} corrections of projects that allow it.")


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """JSON objects with their line number; what is none is named and skipped."""
    if isinstance(lines, io.TextIOWrapper):
        lines.reconfigure(encoding="utf-8", errors="surrogateescape")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            json.dumps(row, ensure_ascii=False).encode()  # half characters: nothing could read or print them
        except ValueError:
            console.print(f"line {number}: not JSON in UTF-8, skipped")
            continue
        if isinstance(row, dict):
            yield number, row
        else:
            console.print(f"line {number}: not a JSON object, skipped")


def _advance(bar: Progress, task: TaskID, done: float) -> None:
    bar.update(task, completed=done)


def _out(row: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _bar() -> Progress:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
