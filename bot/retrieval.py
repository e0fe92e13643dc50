"""Finds the notes closest to a question: BM25 and meaning, fused, inside what the asker may see."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlmodel import Session

from bot.question_values import Question
from bot.sight import Sight
from nlp.terms import Asked, asked, bare, query_terms
from nlp.thesaurus import SUREST, thesaurus
from nlp.values import Embedder
from storage import nearest, search
from storage.search_scope import Scope

MEANING = 0.5
"""Weight of the cosine beside BM25, which is scaled to 1 for the best note: words decide more than meaning."""

A_PART = 0.15
"""What closeness takes off the cosine of a single rationale item: some sentence is near to any question."""

HELD, DESCRIBED = 0.2, 0.25
"""What closeness gains beside the cosine, which tells best how far a note is from a question: for all of its words, for
holding the concept that it describes."""
NOT_HELD = 0.5
"""What it loses where a note holds none of the concepts that the question names: smoothing is not label smoothing."""
UNKNOWN = 0.3
"""Cosine taken for a note whose vector is still to come: what notes near a question usually have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranked:
    """A note with its fused score and what it was made of; `cosine` is that of the whole note, or of its nearest rationale item less `A_PART`."""

    note_id: int
    score: float
    bm25: float
    cosine: float
    matched: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """Notes, best first, with what the question asked for: weighted terms and how rare each is."""

    notes: Sequence[Ranked]
    weights: Mapping[str, float]
    known: search.Frequencies
    vector: search.Vector  # of the question
    asked: Sequence[Asked]  # of the question, name by name
    described: Mapping[str, float]  # concepts it describes without naming them: how surely, 0 to 1

    def closeness(self, note: "Ranked") -> float:
        """How near a note's meaning is, and how much it holds of the question's words and concepts, by rarity."""
        worth = {one: self.known.rarity(one.term) for one in self.asked}
        whole = sum(worth.values()) or 1.0
        held = sum(worth[one] for one in self.asked if one.term in note.matched)
        lacking = sum(worth[one] for one in self.asked if one.named and one.term not in note.matched)
        described = max((sure for term, sure in self.described.items() if term in note.matched), default=0.0)
        gained = max(HELD * held / whole, DESCRIBED * described)
        return note.cosine + gained - NOT_HELD * lacking / whole

    def share(self, held: Iterable[str]) -> float:
        """How much of what was asked these terms are, by rarity: 0 to 1."""
        worth = {term: weight * self.known.rarity(term) for term, weight in self.weights.items()}
        return sum(worth.get(term, 0.0) for term in held) / (sum(worth.values()) or 1.0)


def scope_of(question: Question, sight: Sight) -> Scope:
    """Sight and conditions as the database needs them."""
    projects = sight.project_ids
    if question.project_ids:
        asked = frozenset(question.project_ids)
        projects = asked if projects is None else projects & asked
    return Scope(
        project_ids=None if projects is None else sorted(projects),
        person_id=sight.person_id,
        private_runs=sight.operator,
        people=question.people,
        since=question.since,
        until=question.until,
        states=question.states,
        tags=question.tags,
        groups=question.groups,
        domains=question.domains,
        datasets=question.datasets,
        versions=question.versions,
        verdict=question.verdict,
        params=question.params,
        metrics=question.metrics,
    )


def retrieve(
    session: Session, embedder: Embedder, question: Question, scope: Scope, *, limit: int = 200
) -> Ranking:
    """The closest notes, best first."""
    vector = embedder.embed([bare(question.topic)])[0]
    weights = thesaurus(embedder).expand(question.topic, vector)
    known = search.frequencies(session, weights)
    ids = search.lexical_candidates(session, scope, weights, known)
    ids += nearest.notes(session, scope, vector, limit=limit)
    ids += nearest.by_items(session, scope, vector, limit=limit)
    hits = search.measure(session, ids, weights, known, vector)
    most = max((hit.bm25 for hit in hits), default=0.0) or 1.0
    ranked = [
        Ranked(
            note_id=hit.note_id,
            score=hit.bm25 / most + MEANING * _meaning(hit),
            bm25=hit.bm25,
            cosine=_meaning(hit, less=A_PART),
            matched=hit.matched,
        )
        for hit in hits
    ]
    ranked.sort(key=lambda note: (-note.score, note.note_id))
    own = query_terms(question.topic)
    return Ranking(
        notes=ranked[:limit],
        weights=weights,
        known=known,
        vector=vector,
        asked=asked(question.topic) or [Asked(term, named=False) for term in own],
        described={term: weight / SUREST for term, weight in weights.items() if term not in own},
    )


def unranked(session: Session, embedder: Embedder, question: Question, note_ids: Sequence[int]) -> Ranking:
    """Notes in an order of their own, for a question that asks for no matter: only which sentence is quoted is chosen by it."""
    return Ranking(
        notes=[Ranked(note_id=one, score=0.0, bm25=0.0, cosine=0.0, matched=frozenset()) for one in note_ids],
        weights={},
        known=search.frequencies(session, ()),
        vector=embedder.embed([question.text])[0],
        asked=(),
        described={},
    )


def _meaning(hit: search.Hit, *, less: float = 0.0) -> float:
    """The cosine of the whole note or of its nearest rationale item, whichever is nearer; of the item so much less."""
    known = [hit.cosine, None if hit.said is None else hit.said - less]
    return max((one for one in known if one is not None), default=UNKNOWN)


def without_conditions(question: Question) -> Question:
    """The same question with its conditions dropped, to look for neighbours."""
    return replace(
        question,
        people=(),
        project_ids=(),
        since=None,
        until=None,
        states=(),
        tags=(),
        groups=(),
        domains=(),
        datasets=(),
        versions=(),
        verdict=None,
        params=(),
        metrics=(),
    )
