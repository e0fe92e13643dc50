"""The rationale extractor: a note's sentences and clauses with their roles, confidence and facts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from nlp.classifier import RoleClassifier, load_weights, softmax
from nlp.embedding import MiniLm
from nlp.facts import read_facts
from nlp.segments import Shape, clauses
from nlp.sentences import Sentence, SentenceReader, Token
from nlp.summary import best, title
from nlp.values import ROLES, Context, Reading, Role, StatedFact, StatedItem, Vectors

CLASSIFIER = Path(__file__).parent / "data" / "role_classifier.npz"
LONG = 14  # words from which a sentence may hold several roles
SURE = 0.6  # both clauses must be this sure of different roles before a sentence is cut
POSSIBLE = 0.2  # and this sure without MiniLM; one of 200 cuts in 700 real notes is lost by it


@dataclass(frozen=True, kw_only=True, slots=True)
class _Piece:
    """A sentence or clause to classify: its span in the text and its words."""

    text: str
    start: int
    tokens: tuple[Token, ...]


class Extractor:
    """The `RationaleExtractor` of the package: MiniLM, spaCy, the role classifier and the fact rules."""

    def __init__(self, encoder: MiniLm, reader: SentenceReader, *, weights: Path = CLASSIFIER) -> None:
        self._reader = reader
        self._roles = RoleClassifier(load_weights(weights), encoder)

    def read(self, text: str, *, context: Context | None = None) -> Reading:
        """The reading of a note; an empty text gives an empty one."""
        sentences = self._reader.read(text)
        if not sentences:
            return Reading(title="", summary="", items=())
        wholes = [_Piece(text=s.text, start=s.start, tokens=s.tokens) for s in sentences]
        cuts = [_clauses(sentence) for sentence in sentences]
        pieces = [*wholes, *(piece for cut in cuts for piece in cut)]
        glances = self._roles.glance([p.text for p in pieces], [p.tokens for p in pieces])
        cuts, kept = _worth_cutting(cuts, glances, first=len(wholes))
        chances = self._roles.probabilities([pieces[row].text for row in kept], glances[kept])
        chances[: len(wholes)] = _known(sentences, chances[: len(wholes)])
        items: list[StatedItem] = []
        reached = len(wholes)
        for number, (whole, cut) in enumerate(zip(wholes, cuts, strict=True)):
            facts = () if sentences[number].shape == "code" else _facts(whole, context)
            rows = chances[reached : reached + len(cut)]
            reached += len(cut)
            shown = _merged(cut, rows) if _differ(rows) else [(whole, chances[number])]
            items.extend(_item(text, piece, row, facts, last=piece is shown[-1][0]) for piece, row in shown)
        return _reading(items, chances[0])


def _worth_cutting(
    cuts: Sequence[list[_Piece]], glances: Vectors, *, first: int
) -> tuple[list[list[_Piece]], list[int]]:
    """Clauses that may differ by a glance at them, as only these are worth their vectors, and which rows remain.

    The rows of `glances` are those of whole sentences up to `first`, then those of the clauses in order.
    """
    worth: list[list[_Piece]] = []
    kept = list(range(first))
    for cut in cuts:
        rows = range(first, first + len(cut))
        first = rows.stop
        differ = _may_differ(softmax(glances[rows]))
        worth.append(cut if differ else [])
        kept.extend(rows if differ else ())
    return worth, kept


def _may_differ(rows: Vectors) -> bool:
    """Whether clauses look different, and two of them are possibly of different roles."""
    if len(set(rows.argmax(axis=1))) < 2:
        return False
    possible = [set(np.flatnonzero(row >= POSSIBLE)) - {_OTHER} for row in rows]
    return any(one and other and len(one | other) > 1 for one, other in combinations(possible, 2))


def _clauses(sentence: Sentence) -> list[_Piece]:
    """The clauses of a long sentence; none where it stays whole."""
    if sentence.shape not in ("prose", "bullet") or len(sentence.text.split()) < LONG:
        return []
    spans = clauses(sentence.text)
    if len(spans) < 2:
        return []
    return [
        _Piece(
            text=sentence.text[start:end],
            start=sentence.start + start,
            tokens=tuple(
                replace(token, start=token.start - start, end=token.end - start)
                for token in sentence.tokens
                if start <= token.start < end
            ),
        )
        for start, end in spans
    ]


def _known(sentences: Sequence[Sentence], chances: Vectors) -> Vectors:
    """Headings and code carry no role and an open box is still to do, whatever words they hold."""
    for row, sentence in zip(chances, sentences, strict=True):
        if role := _TOLD_BY_SHAPE.get(sentence.shape):
            row[:] = 0.02
            row[ROLES.index(role)] = 1 - 0.02 * (len(ROLES) - 1)
    return chances


_TOLD_BY_SHAPE: dict[Shape, Role] = {"heading": "other", "code": "other", "todo": "next_step"}


def _differ(rows: Vectors) -> bool:
    """Whether clauses are sure of different roles."""
    return len({int(row.argmax()) for row in rows if row.max() >= SURE and row.argmax() != _OTHER}) > 1


_OTHER = ROLES.index("other")


def _merged(cut: Sequence[_Piece], rows: Vectors) -> list[tuple[_Piece, Vectors]]:
    """Neighbouring clauses of one role become one; an unsure clause joins the one before it."""
    groups: list[tuple[_Piece, Vectors]] = []
    for piece, row in zip(cut, rows, strict=True):
        if groups:
            previous, chances = groups[-1]
            same = row.argmax() == chances.argmax()
            if same or row.max() < SURE or row.argmax() == _OTHER:
                end = piece.start + len(piece.text)
                joined = replace(previous, text=previous.text.ljust(end - previous.start))
                groups[-1] = (joined, np.where(row.max() > chances.max(), row, chances) if same else chances)
                continue
        groups.append((piece, row))
    return groups


def _item(text: str, piece: _Piece, row: Vectors, facts: Sequence[StatedFact], *, last: bool) -> StatedItem:
    role: Role = ROLES[int(row.argmax())]
    end = piece.start + len(piece.text)
    mine = tuple(fact for fact in facts if piece.start <= fact.start < end or (last and fact.start >= end))
    return StatedItem(
        role=role,
        text=text[piece.start : end],
        start=piece.start,
        end=end,
        confidence=float(row.max()),
        facts=mine,
    )


def _facts(piece: _Piece, context: Context | None) -> tuple[StatedFact, ...]:
    """The facts of a sentence with spans that count from the start of the text."""
    return tuple(
        replace(fact, start=fact.start + piece.start, end=fact.end + piece.start)
        for fact in read_facts(piece.text, piece.tokens, context=context)
    )


def _reading(items: Sequence[StatedItem], first: Vectors) -> Reading:
    telling = best(items)
    summary = telling.text if telling else ""
    return Reading(
        title=title(summary),
        summary=summary,
        items=tuple(items),
        role=ROLES[int(first.argmax())],
        confidence=float(first.max()),
    )
