"""Dataset versions whose sources are looked at again, and the runs that are told when one changed."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlmodel import Session, col, or_, select

from storage.tables import DatasetVersion, Like, Project, Run, RunDataset

TOLD = 10  # threads a change is told in


def claim_sources(session: Session, *, now: datetime, every: timedelta, most: int) -> list[DatasetVersion]:
    """Versions to look at now, claimed for this process: those never looked at, and known ones whose time has come.

    What did not hold the registered content at the first look lies elsewhere than it did for the run: never again.
    """
    due = or_(
        col(DatasetVersion.checked_at).is_(None),
        col(DatasetVersion.looks).is_not(None) & (col(DatasetVersion.checked_at) <= now - every),
    )
    source = col(DatasetVersion.source)
    found = session.exec(
        select(DatasetVersion)
        .join(Project, col(Project.id) == col(DatasetVersion.project_id))
        .where(due, or_(source.startswith("/"), source.contains("://")), col(Project.archived_at).is_(None))
        .order_by(col(DatasetVersion.checked_at).nulls_first(), col(DatasetVersion.id))
        .limit(most)
        .with_for_update(of=DatasetVersion, skip_locked=True)
    ).all()
    for version in found:
        version.checked_at = now
    session.flush()
    return list(found)


def readers_to_tell(session: Session, version: DatasetVersion, *, named: Collection[int]) -> list[Run]:
    """The runs that read it and matter: the named ones (baseline, best), the liked, those others were forked from."""
    read = select(RunDataset.run_id).where(RunDataset.dataset_id == version.id)
    liked = select(Like.run_id)
    forked = select(Run.parent_id).where(
        Run.project_id == version.project_id, col(Run.parent_source).in_(("fork_of", "person"))
    )
    matters = or_(col(Run.id).in_(named), col(Run.id).in_(liked), col(Run.id).in_(forked))
    query = select(Run).where(col(Run.id).in_(read), matters, Run.visibility == "project")
    return list(session.exec(query.order_by(col(Run.id).desc()).limit(TOLD)))
