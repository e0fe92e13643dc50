"""Finds runs that may try the same: by what their recipes share, and the author's own of late."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, cast, text
from sqlmodel import Session, col, func, select

from storage.tables import Run

SAMPLE = 600
CANDIDATES = 200
# Of a token that half of all runs share, the index gives about so many, not all.
MOST_SCANNED = text("SET LOCAL gin_fuzzy_search_limit = 3000")
NO_LIMIT = text("SET LOCAL gin_fuzzy_search_limit = 0")

Found = Mapping[str, Any]  # the columns of COLUMNS
COLUMNS = ("id", "project_id", "owner_id", "started_at", "state", "group", "recipe")


def store_recipe(session: Session, run: Run, tokens: Sequence[str]) -> None:
    """Keep what a run tries."""
    if list(run.recipe) != list(tokens):
        run.recipe = list(tokens)
        session.flush()


@dataclass(frozen=True, kw_only=True, slots=True)
class Usual:
    """What the latest runs of a project hold: (token, runs that hold it, runs of one person that do)."""

    tokens: Sequence[tuple[str, int, int]]
    runs: int
    own: int  # of that person


def usual(session: Session, run: Run, *, entry: str | None) -> Usual:
    """Of the latest runs before this one, of its script where it has one; the person is its owner."""
    query = select(Run.recipe, Run.owner_id).where(
        Run.project_id == run.project_id, Run.visibility == "project", *_before(run)
    )
    # Taken by the index on time first: nearly every run has the script's token, whose index would give them all.
    latest = (
        query.order_by(col(Run.started_at).desc()).limit(SAMPLE).cte("latest").prefix_with("MATERIALIZED")
    )
    # The empty token, which every run holds, counts the runs.
    token = func.unnest(func.array_append(latest.c.recipe, "")).label("token")
    held = select(token, (latest.c.owner_id == run.owner_id).label("mine")).select_from(latest)
    if entry is not None:
        held = held.where(latest.c.recipe.bool_op("@>")(cast([entry], ARRAY(Text))))
    tokens = held.subquery()
    counted = select(tokens.c.token, func.count(), func.count().filter(tokens.c.mine)).group_by(
        tokens.c.token
    )
    rows = {name: (amount, own) for name, amount, own in session.connection().execute(counted)}
    runs, own = rows.pop("", (0, 0))
    return Usual(
        tokens=[(name, amount, by_author) for name, (amount, by_author) in rows.items()], runs=runs, own=own
    )


def sharing(
    session: Session, run: Run, tokens: Sequence[str], *, project_ids: Collection[int] | None
) -> list[Found]:
    """Runs of these projects (None: of all) that share at least one of the tokens, the newest first."""
    if not tokens:
        return []
    session.connection().execute(MOST_SCANNED)
    query = _recipes().where(_recipe("&&", tokens), *_before(run))
    if project_ids is not None:
        query = query.where(col(Run.project_id).in_(project_ids))
    found = _all(session, query.order_by(col(Run.id).desc()).limit(CANDIDATES))
    session.connection().execute(NO_LIMIT)
    return found


def holding(session: Session, run: Run, tokens: Sequence[str]) -> list[Found]:
    """Runs of the project that have all of the tokens: duplicates are among them."""
    query = _recipes().where(Run.project_id == run.project_id, _recipe("@>", tokens), *_before(run))
    return _all(session, query.order_by(col(Run.id).desc()).limit(20))


def own_lately(session: Session, run: Run, *, since: datetime, most: int = 100) -> list[Found]:
    """The author's own runs of the project since, the newest first."""
    query = _recipes().where(
        Run.project_id == run.project_id, col(Run.started_at) >= since, _same_owner(run), *_before(run)
    )
    return _all(session, query.order_by(col(Run.started_at).desc()).limit(most))


def of_runs(session: Session, run_ids: Collection[int]) -> list[Found]:
    """These runs."""
    return _all(session, _recipes().where(col(Run.id).in_(run_ids)))


def named_before(session: Session, run: Run, *, most: int) -> list[list[int]]:
    """For each of the author's latest runs before this one, which runs were named to them at its start."""
    query = select(Run.announced).where(_same_owner(run), Run.id != run.id)
    rows = session.exec(query.order_by(col(Run.started_at).desc()).limit(most))
    return [list(announced.get("similar") or ()) for announced in rows]


def _recipes() -> Any:  # noqa: ANN401  a statement of seven columns has no type of SQLModel's
    return select(*(getattr(Run, name) for name in COLUMNS)).where(Run.visibility == "project")


def _recipe(operator: str, tokens: Sequence[str]) -> ColumnElement[bool]:
    """&&: shares one of the tokens; @>: has them all."""
    return col(Run.recipe).bool_op(operator)(cast(list(tokens), ARRAY(Text)))


def _before(run: Run) -> tuple[ColumnElement[bool], ...]:
    return (col(Run.started_at) <= run.started_at, col(Run.id) != run.id)


def _same_owner(run: Run) -> ColumnElement[bool]:
    # IS NOT DISTINCT FROM would say both, without the index.
    return col(Run.owner_id).is_(None) if run.owner_id is None else col(Run.owner_id) == run.owner_id


def _all(session: Session, query: Any) -> list[Found]:  # noqa: ANN401
    return [dict(zip(COLUMNS, row, strict=True)) for row in session.connection().execute(query)]
