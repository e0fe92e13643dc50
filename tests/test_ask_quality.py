"""On real notes nobody here wrote, ask orders well and knows when nobody has."""

import json
import math
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import select

from bot.ask import ask
from bot.import_notes import import_notes
from bot.search_index import embed_waiting
from bot.sight import operator_sight
from nlp.loader import load_embedder
from storage.database import Database
from storage.memory import Note

SHARED = Path(os.environ.get("RUNLORE_SHARED", Path(__file__).parents[2] / "shared"))
COLLECTION = SHARED / "eval" / "search"
UNANSWERABLE = Path(__file__).parents[1] / "benchmarks" / "data" / "unanswerable.txt"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
GAIN = {2: 3.0, 1: 1.0}


def lines(name: str) -> list[str]:
    return (COLLECTION / name).read_text(encoding="utf-8").splitlines()


def gain(ranked: list[str], judged: dict[str, int]) -> float:
    """nDCG@10."""
    ideal = sorted((GAIN[grade] for grade in judged.values()), reverse=True)[:10]
    got = [GAIN.get(judged.get(note, 0), 0.0) for note in ranked[:10]]
    return _discounted(got) / _discounted(ideal)


def _discounted(gains: list[float]) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


@pytest.mark.models
@pytest.mark.skipif(not COLLECTION.exists(), reason="the shared collection of notes is not on this machine")
def test_real_questions_are_answered_in_good_order_and_nobody_is_said_rightly(database: Database) -> None:
    embedder = load_embedder()
    import_notes(database.session, lines("corpus.jsonl"), now=NOW)
    with database.session() as session:
        while embed_waiting(session, embedder, limit=700):
            pass
    judged: dict[str, dict[str, int]] = {}
    for line in lines("qrels_dev.tsv")[1:]:
        question, note, grade = line.split("\t")
        judged.setdefault(question, {})[note] = int(grade)
    gains: list[tuple[str, float]] = []
    false_nobody = 0
    unanswerable = UNANSWERABLE.read_text(encoding="utf-8").splitlines()
    with database.session() as session:
        names = dict(session.exec(select(Note.id, Note.external_id)).all())
        for line in lines("queries_dev.jsonl"):
            query = json.loads(line)
            if query["kind"] == "none":
                unanswerable.append(query["query"])
                continue
            answer = ask(session, embedder, query["query"], asker=operator_sight(), now=NOW)
            false_nobody += answer.nobody
            gains.append(
                (query["kind"], gain([names[note] or "" for note in answer.ranked], judged[query["qid"]]))
            )
        nobody = sum(
            ask(session, embedder, text, asker=operator_sight(), now=NOW).nobody for text in unanswerable
        )
    paraphrases = [value for kind, value in gains if kind == "paraphrase"]
    assert sum(value for _, value in gains) / len(gains) >= 0.78
    assert sum(paraphrases) / len(paraphrases) >= 0.70
    assert nobody >= 0.8 * len(unanswerable)
    assert false_nobody <= 0.05 * len(gains)
