"""Finds runs by their own words: name, intent, tags, params, metrics, code; also those that nobody wrote about."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import cast, literal, text
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlmodel import Session, col, select

from storage.search import Frequencies, any_of, as_tsvector
from storage.search_scope import Scope, visible_runs
from storage.tables import Run

MOST_CANDIDATES = 500


def index_runs(session: Session, terms: Mapping[int, Sequence[str]]) -> None:
    """Make runs findable by these terms."""
    if not terms:
        return
    ids = sorted(terms)
    values = {"ids": ids, "lexemes": [as_tsvector(dict.fromkeys(terms[run_id], 1)) for run_id in ids]}
    session.connection().execute(_SET_TERMS, values)


def matching_runs(
    session: Session, scope: Scope, terms: Iterable[str], known: Frequencies
) -> dict[int, frozenset[str]]:
    """Runs holding the rarer of the terms -> the terms each of them holds; newest first."""
    asked = sorted(set(terms), key=known.rarity, reverse=True)
    if not asked:
        return {}
    query = any_of(asked[: max(1, (len(asked) + 1) // 2)])
    found = (
        select(Run.id)
        .where(col(Run.terms).op("@@")(cast(literal(query), TSQUERY)), *visible_runs(scope))
        .order_by(col(Run.started_at).desc())
        .limit(MOST_CANDIDATES)
    )
    return held_by(session, [run_id or 0 for run_id in session.exec(found)], asked)


def held_by(session: Session, run_ids: Sequence[int], terms: Sequence[str]) -> dict[int, frozenset[str]]:
    """Which of the terms each run holds in its own words."""
    if not terms:
        return dict.fromkeys(run_ids, frozenset())
    rows = session.connection().execute(_HELD, {"ids": list(run_ids), "terms": list(terms)})
    held = {row.id: frozenset(row.held) for row in rows}
    return {run_id: held.get(run_id, frozenset()) for run_id in run_ids}


def runs_where(session: Session, scope: Scope, *, limit: int) -> list[int]:
    """The newest runs that meet the conditions, whatever they are about."""
    query = (
        select(Run.id).where(*visible_runs(scope)).order_by(col(Run.started_at).desc(), col(Run.id).desc())
    )
    return [run_id or 0 for run_id in session.exec(query.limit(limit))]


_SET_TERMS = text(
    "UPDATE run SET terms = CAST(new.lexemes AS tsvector) FROM unnest(CAST(:ids AS bigint[]), "
    "CAST(:lexemes AS text[])) AS new(id, lexemes) WHERE run.id = new.id"
)
_HELD = text(
    "SELECT r.id, array_agg(u.lexeme) AS held FROM run r, unnest(r.terms) u "
    "WHERE r.id = ANY(:ids) AND u.lexeme = ANY(:terms) GROUP BY r.id"
)
