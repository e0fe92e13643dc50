"""What taking in a batch needs of the database: projects, runs, streams, params, tags and versions, found or made."""

import difflib
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, SQLModel, col, delete, select

from storage.tables import (
    CodeVersion,
    DatasetVersion,
    DeletedRun,
    Environment,
    MetricSummary,
    Param,
    Project,
    Run,
    RunDataset,
    Stream,
    Tag,
)


class RunDeleted(LookupError):
    """A run of this id was deleted."""

    def __init__(self, at: datetime) -> None:
        super().__init__(f"deleted at {at:%Y-%m-%d}")
        self.at = at


NEAR = 0.75  # of difflib's ratio: "vison" is near "vision", "speech" is not
ROWS_AT_ONCE = 10_000


def take_project(session: Session, name: str, *, now: datetime) -> tuple[Project, bool]:
    """The project of this name (or that it was a misspelling of), and whether it is new."""
    known = session.exec(select(Project).where(col(Project.name) == name)).first()
    if known:
        right = session.get(Project, known.settings["means"]) if known.settings.get("means") else None
        return right or known, False
    project = Project(name=name, created_at=now)
    values = project.model_dump(exclude={"id"})
    new = session.exec(
        insert(Project).values(values).on_conflict_do_nothing().returning(col(Project.id))
    ).first()
    return session.exec(select(Project).where(col(Project.name) == name)).one(), new is not None


def nearest_project(name: str, others: Iterable[Project]) -> Project | None:
    """The project that `name` may be a misspelling of."""
    spelled = {other.name.casefold(): other for other in others}
    near = difflib.get_close_matches(name.casefold(), spelled, n=1, cutoff=NEAR)
    return spelled[near[0]] if near else None


def find_run(session: Session, uid: str) -> Run | None:
    """The run that the SDK chose this id for."""
    return session.exec(select(Run).where(col(Run.uid) == uid)).first()


def find_named(session: Session, run: Run, name: str) -> Run | None:
    """The run of the same project that a name means: an id, `#41`, `vision/41` or a name."""
    found = find_run(session, name)
    if found is not None:
        return found if found.project_id == run.project_id else None
    digits = name.rpartition("/")[2].lstrip("#")
    scope = select(Run).where(Run.project_id == run.project_id)
    if digits.isdigit():
        return session.exec(scope.where(Run.number == int(digits))).first()
    return session.exec(scope.where(Run.name == name).order_by(col(Run.id).desc())).first()


def take_run(session: Session, project: Project, uid: str, *, name: str, now: datetime) -> tuple[Run, bool]:
    """The run of this id, else a new one with the project's next number; and whether it is new. Raises RunDeleted."""
    if known := find_run(session, uid):
        return known, False
    # Numbers are given out one after the other; runs of the project can still be referred to meanwhile.
    locked = select(Project).where(col(Project.id) == project.id).with_for_update(key_share=True)
    session.exec(locked.execution_options(populate_existing=True)).one()
    if known := find_run(session, uid):  # made by another process while we waited
        return known, False
    if gone := session.get(DeletedRun, _digest(uid)):
        raise RunDeleted(gone.at)
    run = Run(
        uid=uid,
        project_id=project.id or 0,
        number=project.next_number,
        name=name,
        started_at=now,
        last_seen_at=now,
    )
    project.next_number += 1
    session.add_all([project, run])
    session.flush()
    return run, True


def lock_stream(session: Session, stream_id: str, run_id: int) -> Stream:
    """The stream's place, ours alone until the transaction ends; a new stream begins at 0."""
    locked = select(Stream).where(col(Stream.id) == stream_id).with_for_update()
    locked = locked.execution_options(populate_existing=True)
    if known := session.exec(locked).first():
        return known
    session.exec(
        insert(Stream)
        .values(id=stream_id, run_id=run_id, next_seq=0, clock_offset=0.0)
        .on_conflict_do_nothing()
    )
    return session.exec(locked).one()


def bury(session: Session, uid: str, *, now: datetime) -> None:
    """Remember that a run was deleted."""
    session.exec(insert(DeletedRun).values(digest=_digest(uid), at=now).on_conflict_do_nothing())


def _digest(uid: str) -> str:
    return hashlib.sha256(uid.encode()).hexdigest()


def advance_stream(session: Session, stream: Stream, next_seq: int, *, clock_offset: float) -> None:
    """Acknowledge everything before `next_seq`."""
    stream.next_seq, stream.clock_offset = next_seq, clock_offset
    session.add(stream)


def put_params(session: Session, run_id: int, params: Mapping[str, Any]) -> None:
    """Set params; the last value said counts."""
    rows = [
        {"run_id": run_id, "name": name, "value": _json_safe(value), "number": _number(value)}
        for name, value in sorted(params.items())
    ]
    # PostgreSQL takes 65,535 values a statement, and each row is four.
    for start in range(0, len(rows), ROWS_AT_ONCE):
        statement = insert(Param).values(rows[start : start + ROWS_AT_ONCE])
        session.exec(
            statement.on_conflict_do_update(
                index_elements=["run_id", "name"],
                set_={"value": statement.excluded.value, "number": statement.excluded.number},
            )
        )


def put_tags(session: Session, run_id: int, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
    """Add and remove tags; adding twice is one tag."""
    if names := sorted(set(remove)):
        session.exec(delete(Tag).where(col(Tag.run_id) == run_id, col(Tag.name).in_(names)))
    if names := sorted(set(add)):
        rows = [{"run_id": run_id, "name": name} for name in names]
        session.exec(insert(Tag).values(rows).on_conflict_do_nothing())


def define_metric(session: Session, run_id: int, name: str, *, goal: str | None) -> None:
    """Declare which way a metric of this run is better, before or after its first point."""
    session.exec(
        insert(MetricSummary)
        .values(run_id=run_id, name=name, count=0, goal=goal)
        .on_conflict_do_update(index_elements=["run_id", "name"], set_={"goal": goal})
    )


def put_code(session: Session, **fields: Any) -> int:  # noqa: ANN401  columns of CodeVersion
    """The id of this code version, stored once however many runs share it."""
    return _put_version(session, CodeVersion, fields)


def put_environment(session: Session, **fields: Any) -> int:  # noqa: ANN401  columns of Environment
    """The id of this environment, stored once however many runs share it."""
    return _put_version(session, Environment, fields)


def put_dataset(
    session: Session,
    run: Run,
    *,
    name: str,
    fingerprint: str,
    now: datetime,
    **fields: Any,  # noqa: ANN401  columns of DatasetVersion
) -> DatasetVersion:
    """The dataset version that the run read, made when it is the first to read it."""
    key: dict[str, Any] = {"project_id": run.project_id, "name": name, "fingerprint": fingerprint}
    version = DatasetVersion(**key, first_seen_at=now, **fields)
    session.exec(insert(DatasetVersion).values(version.model_dump(exclude={"id"})).on_conflict_do_nothing())
    known = session.exec(select(DatasetVersion).filter_by(**key)).one()
    session.exec(insert(RunDataset).values(run_id=run.id, dataset_id=known.id).on_conflict_do_nothing())
    return known


def _put_version(
    session: Session, table: type[CodeVersion] | type[Environment], fields: Mapping[str, Any]
) -> int:
    said = {name: _json_safe(value) for name, value in fields.items()}
    fingerprint = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    by_fingerprint = select(table.id).where(col(table.fingerprint) == fingerprint)
    known = session.exec(by_fingerprint).first()
    if known is None:
        row: SQLModel = table(fingerprint=fingerprint, **said)
        session.exec(insert(table).values(row.model_dump(exclude={"id"})).on_conflict_do_nothing())
        known = session.exec(by_fingerprint).one()
    return known or 0


def _number(value: Any) -> float | None:  # noqa: ANN401  any JSON
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _json_safe(value: Any) -> Any:  # noqa: ANN401  any JSON
    """JSON that PostgreSQL takes: it knows neither NaN nor infinities, nor the character zero."""
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case str():
            return value.replace("\x00", "")
        case dict():
            return {_json_safe(str(name)): _json_safe(each) for name, each in value.items()}
        case list() | tuple():
            return [_json_safe(each) for each in value]
    return value
