"""Reading runs: found by the names people use, and loaded with all that messages show in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, or_, select

from storage.memory import Fact, Note, NoteRun, Outbox, RationaleItem
from storage.tables import (
    Artifact,
    CodeVersion,
    DatasetVersion,
    Environment,
    Like,
    Link,
    MetricSummary,
    Param,
    Person,
    Project,
    Run,
    RunDataset,
    Tag,
    Verdict,
)

T = TypeVar("T", CodeVersion, Environment)


@dataclass(kw_only=True)
class RunBundle:
    """A run's rows, as asked for."""

    run: Run
    project: Project
    owner: Person | None = None
    params: dict[str, Any] = field(default_factory=dict)
    metrics: list[MetricSummary] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    code: CodeVersion | None = None
    environment: Environment | None = None
    datasets: list[DatasetVersion] = field(default_factory=list)
    verdicts: dict[str, str] = field(default_factory=dict)
    permalink: str | None = None
    likes: int = 0


@dataclass(frozen=True, kw_only=True)
class NoteBundle:
    """A note's rows."""

    note: Note
    author: Person | None
    items: Sequence[RationaleItem]
    facts: Sequence[Fact]


def load_runs(
    session: Session, run_ids: Sequence[int], *, system_metrics: bool = False, bare: bool = False
) -> list[RunBundle]:
    """The runs in the order given, each with its params, summaries, tags, code, environment and data; unknown ids left out.

    `bare` leaves out all but owner and params.
    """
    if not run_ids:
        return []
    wanted = list(dict.fromkeys(run_ids))
    bundles: dict[int, RunBundle] = {}
    rows = session.exec(
        select(Run, Project, Person)
        .join(Project, col(Run.project_id) == col(Project.id))
        .outerjoin(Person, col(Run.owner_id) == col(Person.id))
        .where(col(Run.id).in_(wanted))
    )
    for run, project, owner in rows:
        bundles[_id(run)] = RunBundle(run=run, project=project, owner=owner)
    params = select(Param.run_id, Param.name, Param.value).where(col(Param.run_id).in_(wanted))
    for run_id, name, value in session.exec(params.order_by(col(Param.name))):
        bundles[run_id].params[name] = value
    if not bare:
        _load_more(session, bundles, system_metrics=system_metrics)
    return [bundles[run_id] for run_id in wanted if run_id in bundles]


def _load_more(session: Session, bundles: Mapping[int, RunBundle], *, system_metrics: bool) -> None:
    wanted = list(bundles)
    metrics = (
        select(MetricSummary).where(col(MetricSummary.run_id).in_(wanted)).order_by(col(MetricSummary.name))
    )
    if not system_metrics:
        metrics = metrics.where(~col(MetricSummary.name).startswith("system/"))
    for metric in session.exec(metrics):
        bundles[metric.run_id].metrics.append(metric)
    for tag in session.exec(select(Tag).where(col(Tag.run_id).in_(wanted)).order_by(col(Tag.name))):
        bundles[tag.run_id].tags.append(tag.name)
    _load_made_of(session, bundles)
    verdicts = (
        select(Verdict, Person)
        .join(Person, col(Verdict.person_id) == col(Person.id))
        .where(col(Verdict.run_id).in_(wanted))
        .order_by(col(Verdict.at))
    )
    for verdict, person in session.exec(verdicts):
        bundles[verdict.run_id].verdicts[person.name] = verdict.choice
    liked = select(Like.run_id, func.count()).where(col(Like.run_id).in_(wanted)).group_by(col(Like.run_id))
    for run_id, likes in session.exec(liked):
        bundles[run_id].likes = likes
    told_in = {bundle.run.told_in for bundle in bundles.values() if bundle.run.told_in}
    posts = session.exec(select(Outbox).where(col(Outbox.key).in_(told_in))) if told_in else ()
    links = {post.key: (post.result or {}).get("permalink") for post in posts}
    for bundle in bundles.values():
        bundle.permalink = links.get(bundle.run.told_in or "")


def message_key(run_id: int) -> str:
    """The business key of a run's own message; `Run.told_in` names the one that shows it."""
    return f"run:{run_id}:parent"


def parents_of(session: Session, run_ids: Sequence[int]) -> list[int]:
    """The runs that these were made from."""
    made_from = select(Run.parent_id).where(col(Run.id).in_(run_ids), col(Run.parent_id).is_not(None))
    return [one for one in session.exec(made_from.distinct()) if one]


def _load_made_of(session: Session, bundles: Mapping[int, RunBundle]) -> None:
    codes = {b.run.code_id for b in bundles.values() if b.run.code_id}
    environments = {b.run.environment_id for b in bundles.values() if b.run.environment_id}
    code_rows = _by_id(session, CodeVersion, codes)
    environment_rows = _by_id(session, Environment, environments)
    for bundle in bundles.values():
        bundle.code = code_rows.get(bundle.run.code_id)
        bundle.environment = environment_rows.get(bundle.run.environment_id)
    datasets = (
        select(RunDataset, DatasetVersion)
        .join(DatasetVersion, col(RunDataset.dataset_id) == col(DatasetVersion.id))
        .where(col(RunDataset.run_id).in_(list(bundles)))
        .order_by(col(DatasetVersion.name))
    )
    for link, version in session.exec(datasets):
        bundles[link.run_id].datasets.append(version)


def _by_id(session: Session, table: type[T], ids: Collection[int]) -> dict[int | None, T]:
    return {one.id: one for one in session.exec(select(table).where(col(table.id).in_(ids)))} if ids else {}


def load_files(
    session: Session, run_ids: Sequence[int]
) -> tuple[dict[int, list[Artifact]], dict[int, list[Link]]]:
    """Every run's artifacts and links, oldest first."""
    artifacts: dict[int, list[Artifact]] = defaultdict(list)
    links: dict[int, list[Link]] = defaultdict(list)
    for artifact in session.exec(
        select(Artifact).where(col(Artifact.run_id).in_(run_ids)).order_by(col(Artifact.id))
    ):
        artifacts[artifact.run_id].append(artifact)
    for link in session.exec(select(Link).where(col(Link.run_id).in_(run_ids)).order_by(col(Link.id))):
        links[link.run_id].append(link)
    return artifacts, links


def load_notes(session: Session, run_ids: Sequence[int]) -> dict[int, list[NoteBundle]]:
    """Every run's notes, oldest first."""
    rows = session.exec(
        select(NoteRun, Note, Person)
        .join(Note, col(NoteRun.note_id) == col(Note.id))
        .outerjoin(Person, col(Note.author_id) == col(Person.id))
        .where(col(NoteRun.run_id).in_(run_ids), col(Note.deleted_at).is_(None))
        .order_by(col(Note.said_at), col(Note.id))
    ).all()
    readings = load_readings(session, {note.id for _, note, _ in rows if note.id is not None})
    notes: dict[int, list[NoteBundle]] = defaultdict(list)
    for link, note, author in rows:
        items, facts = readings.get(note.id or 0, ([], []))
        notes[link.run_id].append(NoteBundle(note=note, author=author, items=items, facts=facts))
    return notes


def load_readings(
    session: Session, note_ids: Iterable[int]
) -> dict[int, tuple[list[RationaleItem], list[Fact]]]:
    """Items and facts of notes, in the order of the text."""
    wanted = list(note_ids)
    found: dict[int, tuple[list[RationaleItem], list[Fact]]] = {note_id: ([], []) for note_id in wanted}
    items = select(RationaleItem).where(col(RationaleItem.note_id).in_(wanted))
    for item in session.exec(items.order_by(col(RationaleItem.start), col(RationaleItem.id))):
        found[item.note_id][0].append(item)
    facts = select(Fact).where(col(Fact.note_id).in_(wanted))
    for fact in session.exec(facts.order_by(col(Fact.start), col(Fact.id))):
        found[fact.note_id][1].append(fact)
    return found


def by_number(session: Session, project_id: int, number: int) -> Run | None:
    """`vision/42`."""
    return session.exec(select(Run).where(Run.project_id == project_id, Run.number == number)).first()


def by_name(
    session: Session, project_ids: Sequence[int] | None, name: str, *, where: ColumnElement[bool]
) -> list[Run]:
    """Runs whose name is `name`, else whose name or uid begins with it; newest first, at most 6. None: all projects."""
    scope = [where] if project_ids is None else [where, col(Run.project_id).in_(project_ids)]
    exact = select(Run).where(*scope, func.lower(Run.name) == name.lower())
    found = list(session.exec(exact.order_by(col(Run.id).desc()).limit(6)))
    if found:
        return found
    begins = or_(
        col(Run.name).istartswith(name, autoescape=True), col(Run.uid).startswith(name, autoescape=True)
    )
    return list(session.exec(select(Run).where(*scope, begins).order_by(col(Run.id).desc()).limit(6)))


def latest(
    session: Session,
    project_ids: Sequence[int] | None,
    *,
    where: ColumnElement[bool],
    owner_id: int | None = None,
) -> Run | None:
    """The run that started last, of those that may be seen (`where`)."""
    query = select(Run).where(where)
    if project_ids is not None:
        query = query.where(col(Run.project_id).in_(project_ids))
    if owner_id is not None:
        query = query.where(Run.owner_id == owner_id)
    return session.exec(query.order_by(col(Run.started_at).desc(), col(Run.id).desc()).limit(1)).first()


def best(
    session: Session, project_id: int, metrics: Sequence[str], goal: str, *, except_run: int | None = None,
    ended_before: datetime | None = None,
) -> Run | None:  # fmt: skip
    """The run of a project with the best value of a metric by any of its names; `goal` is "min" or "max"."""
    value = col(MetricSummary.min) if goal == "min" else col(MetricSummary.max)
    query = (
        select(Run)
        .join(MetricSummary, col(MetricSummary.run_id) == col(Run.id))
        .where(Run.project_id == project_id, _named(metrics), value.is_not(None))
        .where(Run.visibility == "project")
    )
    if except_run is not None:
        query = query.where(Run.id != except_run)
    if ended_before is not None:
        query = query.where(col(Run.ended_at).is_not(None), col(Run.ended_at) <= ended_before)
    return session.exec(
        query.order_by(value.asc() if goal == "min" else value.desc(), col(Run.id)).limit(1)
    ).first()


def _named(metrics: Sequence[str]) -> ColumnElement[bool]:
    """By one name as it is, by several in any case (aliases are kept in lower case)."""
    if len(metrics) == 1:
        return col(MetricSummary.name) == metrics[0]
    return or_(col(MetricSummary.name) == metrics[0], func.lower(col(MetricSummary.name)).in_(metrics[1:]))


def metric_names(session: Session, run_ids: Sequence[int]) -> list[str]:
    """Names of metrics that any of the runs logged, most frequent first, system readings left out."""
    rows = session.exec(
        select(MetricSummary.name, func.count())
        .where(col(MetricSummary.run_id).in_(run_ids), ~col(MetricSummary.name).startswith("system/"))
        .group_by(col(MetricSummary.name))
        .order_by(func.count().desc(), col(MetricSummary.name))
    )
    return [name for name, _ in rows]


def _id(run: Run) -> int:
    assert run.id is not None  # noqa: S101  a loaded row has its key
    return run.id
