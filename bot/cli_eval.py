"""`runlore-bot eval`: how well notes are read, speech is heard and notes are found, on labelled data of yours."""

import csv
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bot import scores
from bot.api import answer_json
from bot.ask import ask
from bot.errors import RunloreError
from bot.home import open_database
from bot.import_notes import import_notes
from bot.scores import LARGE, ROLES, SMALL, Judged
from bot.search_index import embed_waiting
from bot.settings import Settings
from bot.sight import operator_sight
from bot.wiring import utc_now
from nlp import loader
from nlp.values import AudioError, Embedder, RationaleExtractor

app = typer.Typer(no_args_is_help=True, help="Score reading, hearing or finding on labelled data of yours.")
console = Console()
told = Console(stderr=True, highlight=False)

Data = Annotated[Path, typer.Option("--data", help="A directory, or the labelled file itself.")]


@app.command()
def rationale(data: Data) -> None:
    """Roles and facts: sentences of rationale*.jsonl, each with `id`, `text`, `role` and perhaps `facts`."""
    files = _files(data, "rationale*.jsonl")
    extractor = loader.load_extractor()
    for file in files:
        _score_rationale(file, extractor)


def _score_rationale(file: Path, extractor: RationaleExtractor) -> None:
    rows = list(_rows(file))
    judged: list[Judged] = []
    facts: Counter[str] = Counter()
    seconds = []
    for row in rows:
        started = time.perf_counter()
        reading = extractor.read(row["text"])
        seconds.append(time.perf_counter() - started)
        judged.append(Judged(true=row["role"], said=reading.role, confidence=reading.confidence))
        if "facts" in row:
            true = [(fact["name"], fact["to"]) for fact in row["facts"] if fact.get("to")]
            said = [(fact.name, fact.to or "") for fact in reading.facts if fact.to or fact.from_value]
            facts.update(true=len(true), said=len(said), hit=scores.fact_hits(true, said))
    baseline = loader.vectors_only([row["text"] for row in rows])
    plain = [Judged(true=row["role"], said=role) for row, role in zip(rows, baseline, strict=True)]
    table = Table("role", "sentences", "F1", "recall", "F1 of vectors alone", title=file.name)
    for role in ROLES:
        found = scores.recall(judged, role)
        if found is not None:
            count = sum(one.true == role for one in judged)
            table.add_row(
                role,
                str(count),
                _share(scores.f1(judged, role)),
                _share(found),
                _share(scores.f1(plain, role)),
            )
    console.print(table)
    summary = Table("measured", "value", "95 % interval", "vectors alone")
    for name, roles in (("macro F1, four large roles", LARGE), ("macro F1, all seven", ROLES)):
        if all(any(one.true == role for one in judged) for role in roles):
            low, high = scores.interval(judged, partial(scores.macro_f1, roles=roles))
            value, other = scores.macro_f1(judged, roles), scores.macro_f1(plain, roles)
            summary.add_row(name, _share(value), f"{low:.3f} to {high:.3f}", _share(other))
    small = [one for one in judged if one.true in SMALL]
    if small:
        right, other = (
            sum(one.true == one.said for one in part) / len(small)
            for part in (small, [one for one in plain if one.true in SMALL])
        )
        summary.add_row("recall of the three small roles", _share(right), "", _share(other))
    right, other = (sum(one.true == one.said for one in part) / len(part) for part in (judged, plain))
    summary.add_row("accuracy", _share(right), "", _share(other))
    summary.add_row("expected calibration error, ten bins", _share(scores.calibration_error(judged)), "", "")
    if facts["true"]:
        value = 2 * facts["hit"] / (facts["true"] + facts["said"])
        summary.add_row("facts F1", _share(value), "", "")
    summary.add_row("median time of a sentence", f"{sorted(seconds)[len(seconds) // 2] * 1e3:.0f} ms", "", "")
    console.print(summary)
    if facts:
        console.print(f"Facts: {facts['true']} labelled, {facts['said']} read, {facts['hit']} right.")


@app.command()
def speech(
    data: Data,
    model: Annotated[str, typer.Option(help="tiny.en, base, a hub name or a path")] = "base",
) -> None:
    """Word errors and speed of both engines on equal settings: manifest.tsv with `file` and `transcript`."""
    manifest = _files(data, "manifest.tsv")[0]
    with manifest.open(encoding="utf-8", newline="") as lines:
        clips = [
            (manifest.parent / row["file"], row["transcript"])
            for row in csv.DictReader(lines, delimiter="\t")
        ]
    words_of = loader.load_words()
    table = Table(
        "engine", "word errors", "words", "rate", "seconds of audio", "real-time factor", title=model
    )
    for engine in reversed(loader.ENGINES):
        transcriber = loader.load_transcriber(engine, model, models_dir=Settings().home / "models")
        wrong = words = 0
        audio = spent = 0.0
        for file, transcript in clips:
            started = time.perf_counter()
            try:
                heard = transcriber.transcribe(file, language="en")
            except AudioError as problem:
                told.print(f"{file.name}: {problem}")
                continue
            spent, audio = spent + time.perf_counter() - started, audio + heard.duration
            true = words_of(transcript)
            wrong, words = wrong + scores.word_errors(true, words_of(heard.text)), words + len(true)
        rate, factor = wrong / max(words, 1), spent / max(audio, 1e-9)
        table.add_row(engine, str(wrong), str(words), f"{rate:.1%}", f"{audio:.0f}", f"{factor:.3f}")
    console.print(table)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Question:
    """A question of the collection with its judgements."""

    text: str
    kind: str
    judged: dict[str, int]


@app.command()
def search(data: Data) -> None:
    """Who has tried X: corpus.jsonl, queries*.jsonl and qrels*.tsv; imported into a home of its own, then deleted."""
    corpus = _files(data, "corpus.jsonl")[0]
    questions = list(_questions(corpus.parent))
    embedder = loader.load_embedder()
    with tempfile.TemporaryDirectory(prefix="runlore-eval-") as home:
        answers = _answers(Settings(home=Path(home), database_url=None), corpus, questions, embedder)
    plain = _by_vectors(corpus, questions, embedder)
    table = Table("kind", "questions", "nDCG@10", "R@5", "MRR", "nDCG@10 of MiniLM alone", title=str(corpus))
    answerable = [place for place, question in enumerate(questions) if question.judged]
    for kind in ("all", *dict.fromkeys(questions[place].kind for place in answerable)):
        mine = [place for place in answerable if kind in ("all", questions[place].kind)]
        rows = [(answers[place][0], questions[place].judged) for place in mine]
        means = [
            sum(measure(ranked, judged) for ranked, judged in rows) / len(rows)
            for measure in (scores.ndcg, scores.found_early, scores.reciprocal_rank)
        ]
        other = sum(scores.ndcg(plain[place], questions[place].judged) for place in mine) / len(mine)
        table.add_row(kind, str(len(mine)), *map(_share, means), _share(other))
    console.print(table)
    wrong = sum(answers[place][1] for place in answerable)
    nobody = [place for place, question in enumerate(questions) if not question.judged]
    console.print(
        f"“Nobody has”: said to {sum(answers[place][1] for place in nobody)} of {len(nobody)} questions without "
        f"an answer, and wrongly to {wrong} of {len(answerable)} with one."
    )


def _answers(
    settings: Settings, corpus: Path, questions: Sequence[_Question], embedder: Embedder
) -> list[tuple[list[str], bool]]:
    with open_database(settings) as database:
        with corpus.open(encoding="utf-8") as lines:
            import_notes(database.session, lines, now=utc_now())
        with database.session() as session:
            while embed_waiting(session, embedder, limit=256):
                pass
        found = []
        with database.read_session() as session:
            for question in questions:
                answer = ask(session, embedder, question.text, asker=operator_sight(), now=utc_now())
                said = answer_json(session, answer)
                found.append((said["note_ids"][:20], bool(said["none"])))
    return found


def _by_vectors(corpus: Path, questions: Sequence[_Question], embedder: Embedder) -> list[list[str]]:
    """The baseline: notes by the cosine of their text to the question."""
    notes = list(_rows(corpus))
    likeness = (
        embedder.embed([question.text for question in questions])
        @ embedder.embed([note["text"] for note in notes]).T
    )
    return [[notes[place]["note_id"] for place in (-row).argsort()[:20]] for row in likeness]


def _questions(folder: Path) -> Iterator[_Question]:
    judged: dict[str, dict[str, int]] = {}
    for file in _files(folder, "qrels*.tsv"):
        with file.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t"):
                judged.setdefault(row["qid"], {})[row["note_id"]] = int(row["relevance"])
    for file in _files(folder, "queries*.jsonl"):
        for row in _rows(file):
            yield _Question(text=row["query"], kind=row["kind"], judged=judged.get(row["qid"], {}))


def _files(data: Path, pattern: str) -> list[Path]:
    """The labelled files here or one folder down."""
    if data.is_file():
        return [data]
    found = sorted(data.glob(pattern)) or sorted(data.glob(f"*/{pattern}"))
    if not found:
        raise RunloreError(f"There is no {pattern} in {data}. Name the directory that holds it with --data.")
    return found


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if re.search(r"\S", line):
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise RunloreError(f"{file}, line {number}: not JSON.") from error


def _share(value: float) -> str:
    return f"{value:.3f}"
