"""The notes nearest in meaning inside what may be seen: by the whole of each, and by its rationale items."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Float, cast, func, text
from sqlmodel import Session, col, select

from storage.memory import Note, RationaleItem
from storage.search import Vector
from storage.search_scope import Scope, narrowed, visible

EXACT_UP_TO = 20_000
"""Visible notes up to which a full scan is fast enough; an index walk under a narrow filter finds next to nothing."""

EXACT_NARROWED = 100_000
"""The same under a question's conditions: few notes meet them, and only those are compared."""

ITEMS_A_NOTE = 4
"""So many times fewer notes are scanned by their items."""

LONGEST_WALK, NOTES_A_STEP = 2_500, 200
"""How many neighbours the index yields of which the nearest are kept: one for so many notes in sight. The more notes lie
equally near, the more of the nearest a short walk misses (benchmarks/ask.md)."""

WALK = {
    "iterative_scan": "relaxed_order",
    "ef_search": 1_000,
    "max_scan_tuples": 40_000,  # half as many end the walk before a sight of one note in twenty has its share
    "scan_mem_multiplier": 4,
}
ITEM_WALK = WALK | {
    "ef_search": 200,
    "max_scan_tuples": 5_000,
}  # they only add to what words and whole notes find


def notes(session: Session, scope: Scope, vector: Vector, *, limit: int = 200) -> list[int]:
    """The notes closest in meaning: exactly for small sight, by the index walking on for large sight."""
    vectors: Any = Note.vector  # pgvector's comparisons are not in SQLModel's types
    distance = vectors.cosine_distance(vector)
    seen = select(Note.id, distance.label("distance")).where(col(Note.vector).is_not(None), *visible(scope))
    if _few(session, scope):
        # An expression keeps the planner off the index.
        walked = seen.order_by(cast(distance, Float) + 0.0).limit(limit).subquery()
    else:
        _walk(session, WALK)
        steps = min(LONGEST_WALK, _about(session, scope.project_ids) // NOTES_A_STEP)
        walked = seen.order_by(distance).limit(max(limit, steps)).subquery()
    # Walked in relaxed order: an expression has PostgreSQL sort what it takes for sorted.
    statement = select(walked.c.id).order_by(walked.c.distance + 0.0).limit(limit)
    return [int(note_id) for note_id in session.exec(statement)]


def by_items(session: Session, scope: Scope, vector: Vector, *, limit: int = 200) -> list[int]:
    """The notes of the rationale items closest in meaning: one sentence of a long memo says it, and the whole says much else."""
    vectors: Any = RationaleItem.vector
    distance = vectors.cosine_distance(vector)
    said = (
        select(RationaleItem.note_id)
        .join(Note, col(Note.id) == col(RationaleItem.note_id))
        .where(col(RationaleItem.vector).is_not(None), *visible(scope))
        .limit(limit)
    )
    if _few(session, scope, share=ITEMS_A_NOTE):
        said = said.order_by(cast(distance, Float) + 0.0)
    else:
        _walk(session, ITEM_WALK)
        said = said.order_by(distance)
    return list(dict.fromkeys(session.exec(said)))


def items_of(session: Session, note_ids: Sequence[int], vector: Vector) -> dict[int, float]:
    """How close each rationale item of these notes is, by its id: the cosine."""
    vectors: Any = RationaleItem.vector
    cosine = 1 - vectors.cosine_distance(vector)
    of_notes = (col(RationaleItem.note_id).in_(note_ids), col(RationaleItem.vector).is_not(None))
    return {
        item_id or 0: close
        for item_id, close in session.exec(select(RationaleItem.id, cosine).where(*of_notes))
    }


def _walk(session: Session, settings: Mapping[str, object]) -> None:
    for setting, value in settings.items():
        session.connection().execute(text(f"SET LOCAL hnsw.{setting} = {value}"))


def _few(session: Session, scope: Scope, *, share: int = 1) -> bool:
    """Whether so few notes can be meant that all are compared."""
    limit = EXACT_NARROWED if narrowed(scope) else EXACT_UP_TO
    return _at_most(session, limit // share, scope.project_ids)


def _at_most(session: Session, limit: int, project_ids: Sequence[int] | None = None) -> bool:
    """Whether no more than `limit` notes lie in these projects; counts no further than that."""
    rows = select(Note.id)
    if project_ids is not None:
        rows = rows.where(col(Note.project_id).in_(project_ids))
    counted = session.exec(select(func.count()).select_from(rows.limit(limit + 1).subquery())).one()
    return counted <= limit


def _about(session: Session, project_ids: Sequence[int] | None = None) -> int:
    """How many notes lie in these projects, as the planner estimates it: counting a million takes too long."""
    rows = "EXPLAIN (FORMAT JSON) SELECT FROM note"
    if project_ids is not None:
        rows += " WHERE project_id = ANY(CAST(:projects AS bigint[]))"
    values = {} if project_ids is None else {"projects": list(project_ids)}
    (plan,) = session.connection().execute(text(rows), values).scalar_one()
    return int(plan["Plan"]["Plan Rows"])
