"""Searching what was said: candidates by GIN inside what may be seen, measured by BM25 and cosine.

The text is cut into terms by the caller. PostgreSQL's own ranking orders far worse than BM25, so `term_count`
keeps in how many notes each term occurs; rows named "#…" keep totals of the collection.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log

import numpy as np
import numpy.typing as npt
from pgvector import HalfVector
from sqlalchemy import cast, exists, func, literal, text
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlmodel import Session, col, select, update

from storage.memory import Note, RationaleItem, TermCount
from storage.next_steps import SURE
from storage.search_scope import Scope, visible

Vector = npt.NDArray[np.float32]

K1, B = 1.2, 0.75
LONGEST_TERM = 64
MOST_REPEATS = 15  # BM25 saturates far below; short vectors are read faster
MOST_CANDIDATES = 800
NOTES, LENGTH = "#notes", "#length"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A note and how close it is: BM25 of the weighted terms, cosine of the whole and of its nearest rationale item (None
    where there is no vector)."""

    note_id: int
    bm25: float
    cosine: float | None
    said: float | None
    matched: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, kw_only=True, slots=True)
class Indexed:
    """What makes a note findable; the vector may follow later."""

    note_id: int
    terms: Sequence[str]
    vector: Vector | None = None


# -- writing


def index_note(session: Session, note_id: int, terms: Sequence[str], vector: Vector | None = None) -> None:
    """Make a note findable, or findable anew after an edit."""
    index_notes(session, [Indexed(note_id=note_id, terms=terms, vector=vector)])


def index_notes(session: Session, notes: Sequence[Indexed]) -> None:
    """Make notes findable; the document frequencies move by what changed."""
    before = _indexed_terms(session, [note.note_id for note in notes])
    change: Counter[str] = Counter()
    rows = []
    for note in notes:
        counts = Counter(term[:LONGEST_TERM] for term in note.terms if "\0" not in term)
        old = before.get(note.note_id)
        change.update(counts.keys())
        change.update({NOTES: 1, LENGTH: len(counts)})
        if old is not None:
            change.subtract(old)
            change.subtract({NOTES: 1, LENGTH: len(old)})
        rows.append((note.note_id, as_tsvector(counts), len(counts)))
    if rows:
        ids, lexemes, sizes = zip(*rows, strict=True)
        session.connection().execute(
            _SET_TERMS, {"ids": list(ids), "lexemes": list(lexemes), "sizes": list(sizes)}
        )
    _count(session, change)
    add_vectors(session, {note.note_id: note.vector for note in notes if note.vector is not None})


def unindex_note(session: Session, note_id: int) -> None:
    """Take a note out of the search, with its vector and its share of the frequencies."""
    for old in _indexed_terms(session, [note_id]).values():
        _count(session, Counter({**dict.fromkeys(old, -1), NOTES: -1, LENGTH: -len(old)}))
    session.exec(update(Note).where(col(Note.id) == note_id).values(terms=None, vector=None, length=0))


def add_vectors(session: Session, vectors: Mapping[int, Vector]) -> None:
    """Add note vectors, as the embedding job makes them."""
    if not vectors:
        return
    values = {
        "ids": sorted(vectors),
        "vectors": [HalfVector(vectors[key]).to_text() for key in sorted(vectors)],
    }
    session.connection().execute(_SET_VECTORS, values)


_SET_TERMS = text(
    "UPDATE note SET terms = CAST(new.lexemes AS tsvector), length = new.size FROM unnest(CAST(:ids AS bigint[]), "
    "CAST(:lexemes AS text[]), CAST(:sizes AS int[])) AS new(id, lexemes, size) WHERE note.id = new.id"
)
_SET_VECTORS = text(
    "UPDATE note SET vector = CAST(new.vector AS halfvec) FROM unnest(CAST(:ids AS bigint[]), "
    "CAST(:vectors AS text[])) AS new(id, vector) WHERE note.id = new.id"
)


def notes_without_vector(session: Session, limit: int) -> Sequence[Note]:
    """Searchable notes that wait for their vector, oldest first."""
    waiting = col(Note.vector).is_(None) & col(Note.terms).is_not(None) & col(Note.deleted_at).is_(None)
    return session.exec(select(Note).where(waiting).order_by(col(Note.id)).limit(limit)).all()


def _indexed_terms(session: Session, note_ids: Sequence[int]) -> dict[int, list[str]]:
    indexed = select(Note.id, func.tsvector_to_array(Note.terms)).where(
        col(Note.id).in_(note_ids), col(Note.terms).is_not(None)
    )
    return {int(note_id or 0): list(found) for note_id, found in session.exec(indexed)}


def as_tsvector(counts: Mapping[str, int]) -> str:
    """PostgreSQL's text form of a tsvector; as many positions as the term occurs."""
    return " ".join(
        "'"
        + term.replace("\\", "\\\\").replace("'", "''")
        + "':"
        + ",".join(map(str, range(1, min(n, MOST_REPEATS) + 1)))
        for term, n in counts.items()
    )


def _count(session: Session, change: Mapping[str, int]) -> None:
    """Move the kept frequencies; in the order of terms, so that two writers never wait for each other in a ring."""
    moved = sorted((term, n) for term, n in change.items() if n)
    if not moved:
        return
    statement = text(
        "INSERT INTO term_count (term, notes) SELECT * FROM unnest(CAST(:terms AS text[]), CAST(:counts AS bigint[])) "
        "ON CONFLICT (term) DO UPDATE SET notes = term_count.notes + excluded.notes"
    )
    values = {"terms": [term for term, _ in moved], "counts": [n for _, n in moved]}
    session.connection().execute(statement, values)


# -- reading


@dataclass(frozen=True, kw_only=True, slots=True)
class Frequencies:
    """How common the asked terms are in the whole collection."""

    notes: int
    mean_length: float
    found: Mapping[str, int]

    def rarity(self, term: str) -> float:
        """BM25's inverse document frequency."""
        n = self.found.get(term, 0)
        return log(1 + (self.notes - n + 0.5) / (n + 0.5))


def frequencies(session: Session, terms: Iterable[str]) -> Frequencies:
    """The kept frequencies of these terms."""
    wanted = [*terms, NOTES, LENGTH]
    rows = session.exec(select(TermCount.term, TermCount.notes).where(col(TermCount.term).in_(wanted)))
    found = {term: count for term, count in rows if count > 0}
    notes, length = found.pop(NOTES, 0), found.pop(LENGTH, 0)
    return Frequencies(notes=notes, mean_length=max(1.0, length / max(1, notes)), found=found)


def lexical_candidates(
    session: Session, scope: Scope, terms: Iterable[str], known: Frequencies, *, limit: int = MOST_CANDIDATES
) -> list[int]:
    """Notes holding the rarest of the terms; common ones join only while the list stays short."""
    rarest = sorted((term for term in set(terms) if term in known.found), key=lambda term: known.found[term])
    taken: list[str] = []
    expected = 0
    for term in rarest:
        if taken and expected + known.found[term] > limit:
            break
        taken.append(term)
        expected += known.found[term]
    if not taken:
        return []
    query = any_of(taken)
    rest = rarest[len(taken) : len(taken) + 6]
    if expected > limit and rest:  # even the rarest is common: it must stand beside another one
        query = f"({query}) & ({any_of(rest)})"
    statement = (
        select(Note.id)
        .where(col(Note.terms).op("@@")(cast(literal(query), TSQUERY)), *visible(scope))
        .limit(limit)
    )
    return [note_id or 0 for note_id in session.exec(statement)]


def newest(session: Session, scope: Scope, *, limit: int, role: str | None = None) -> list[int]:
    """The notes that were said last; of a role those that hold what is still open of it."""
    query = select(Note.id).where(*visible(scope)).order_by(col(Note.said_at).desc(), col(Note.id).desc())
    if role is not None:
        item = (col(RationaleItem.note_id) == col(Note.id), col(RationaleItem.role) == role)
        sure = col(RationaleItem.confidence) >= SURE
        query = query.where(exists().where(*item, sure, col(RationaleItem.closed_at).is_(None)))
    return [note_id or 0 for note_id in session.exec(query.limit(limit))]


def measure(
    session: Session,
    note_ids: Iterable[int],
    weights: Mapping[str, float],
    known: Frequencies,
    vector: Vector | None,
) -> list[Hit]:
    """BM25 of weighted terms and cosines of each note, best BM25 first."""
    ids = sorted(set(note_ids))
    asked = {term: weight * known.rarity(term) for term, weight in weights.items() if term in known.found}
    values = {
        "ids": ids, "terms": list(asked), "weights": list(asked.values()), "k1": K1, "b": B,
        "mean": known.mean_length, "vector": None if vector is None else HalfVector(vector).to_text(),
    }  # fmt: skip
    rows = session.connection().execute(_MEASURE, values)
    return [
        Hit(
            note_id=row.id,
            bm25=row.bm25 or 0.0,
            cosine=row.cosine,
            said=row.said,
            matched=frozenset(row.matched or ()),
        )
        for row in rows
    ]


_MEASURE = text("""
SELECT n.id, 1 - (n.vector <=> CAST(:vector AS halfvec)) AS cosine, m.bm25, m.matched,
    (SELECT 1 - min(i.vector <=> CAST(:vector AS halfvec)) FROM rationale_item i WHERE i.note_id = n.id) AS said
FROM note n LEFT JOIN LATERAL (
    SELECT sum(q.weight * cardinality(u.positions) * (CAST(:k1 AS float8) + 1)
               / (cardinality(u.positions) + CAST(:k1 AS float8)
                  * (1 - CAST(:b AS float8) + CAST(:b AS float8) * n.length / CAST(:mean AS float8)))) AS bm25,
           array_agg(q.term) AS matched
    FROM unnest(n.terms) u
    JOIN unnest(CAST(:terms AS text[]), CAST(:weights AS float8[])) AS q(term, weight) ON q.term = u.lexeme
) m ON true
WHERE n.id = ANY(:ids)
ORDER BY m.bm25 DESC NULLS LAST, n.id
""")


def held_by(session: Session, note_ids: Sequence[int], terms: Sequence[str]) -> dict[int, frozenset[str]]:
    """Which of the terms each note holds."""
    if not terms:
        return dict.fromkeys(note_ids, frozenset())
    rows = session.connection().execute(_HELD, {"ids": list(note_ids), "terms": list(terms)})
    held = {row.id: frozenset(row.held) for row in rows}
    return {note_id: held.get(note_id, frozenset()) for note_id in note_ids}


_HELD = text(
    "SELECT n.id, array_agg(u.lexeme) AS held FROM note n, unnest(n.terms) u "
    "WHERE n.id = ANY(:ids) AND u.lexeme = ANY(:terms) GROUP BY n.id"
)


def any_of(terms: Sequence[str]) -> str:
    return " | ".join("'" + term.replace("\\", "\\\\").replace("'", "''") + "'" for term in terms)
