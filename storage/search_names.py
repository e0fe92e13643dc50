"""Which params, metrics and tags exist under the names people say, in the projects they may see."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from sqlalchemy import text
from sqlmodel import Session, col, func, select

from storage.search_scope import of_version
from storage.tables import DatasetVersion, MetricSummary, Param, Run, Tag

Projects = Collection[int] | None
"""Ids of the projects that may be seen; None for all."""


def params(session: Session, said: Collection[str], projects: Projects) -> Mapping[str, list[str]]:
    """Lower-case name, or last part of a nested one -> the full names."""
    return _matching(session, Param, said, projects)


def metrics(session: Session, said: Collection[str], projects: Projects) -> Mapping[str, list[str]]:
    """Lower-case name, or last part of a nested one -> the full names."""
    return _matching(session, MetricSummary, said, projects)


def tags(session: Session, said: Collection[str], projects: Projects) -> Mapping[str, str]:
    """Lower-case tag -> the tag."""
    return {name: full[0] for name, full in _matching(session, Tag, said, projects).items()}


def datasets(session: Session, said: Collection[str], projects: Projects) -> Mapping[str, str]:
    """Lower-case name of data -> its name."""
    query = select(DatasetVersion.name).where(func.lower(DatasetVersion.name).in_(said)).distinct()
    if projects is not None:
        query = query.where(col(DatasetVersion.project_id).in_(projects))
    return {name.lower(): name for name in session.exec(query)}


def versions(session: Session, said: Collection[str], projects: Projects) -> list[str]:
    """Those of these beginnings that a commit or data of a run in sight has."""
    found = []
    for begins in sorted(said):
        query = select(Run.id).where(of_version(begins))
        if projects is not None:
            query = query.where(col(Run.project_id).in_(projects), Run.visibility == "project")
        if session.exec(query.limit(1)).first() is not None:
            found.append(begins)
    return found


Names = type[Param] | type[MetricSummary] | type[Tag]


def _matching(
    session: Session, table: Names, said: Collection[str], projects: Projects
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for full in _distinct(session, str(table.__tablename__)):
        lower = full.lower()
        short = lower.replace("/", ".").rsplit(".", 1)[-1]
        for name in {lower, short} & set(said):
            if _seen(session, table, full, projects):
                found[name].append(full)
    return found


def _seen(session: Session, table: Names, name: str, projects: Projects) -> bool:
    """Whether a run in sight has it."""
    if projects is None:
        return True
    query = select(table.run_id).join(Run, col(Run.id) == table.run_id)
    query = query.where(table.name == name, col(Run.project_id).in_(projects), Run.visibility == "project")
    return session.exec(query.limit(1)).first() is not None


def _distinct(session: Session, table: str) -> Iterator[str]:
    """The distinct names, hopping along the index from one to the next: never as many steps as rows."""
    rows = session.connection().execute(_HOP[table])
    return (row.name for row in rows if row.name is not None)


_HOP = {
    table: text(
        f"WITH RECURSIVE hop AS (SELECT min(name) AS name FROM {table} UNION ALL "  # noqa: S608  names of our own tables
        f"SELECT (SELECT min(name) FROM {table} WHERE name > hop.name) FROM hop WHERE hop.name IS NOT NULL) "
        "SELECT name FROM hop"
    )
    for table in ("param", "metric_summary", "tag")
}
