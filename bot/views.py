"""Rows of the database as the plain values that messages, compare and digests work on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sqlmodel import Session

from bot.alignment import unsure_spans
from bot.better import Goal, infer_goal, key_metric
from bot.data_words import changed_since
from bot.project_settings import ProjectSettings, settings_of
from bot.values import (
    ArtifactView,
    CodeView,
    DatasetView,
    FactView,
    ItemView,
    LinkView,
    MetricView,
    NoteView,
    PersonView,
    RunView,
)
from storage.memory import Fact, RationaleItem
from storage.run_queries import NoteBundle, RunBundle, load_files, load_notes, load_runs, parents_of
from storage.series import read_series
from storage.tables import Artifact, Environment, MetricSummary, Person, Project, Run

CURVE_POINTS = 60
T = TypeVar("T")


def run_views(
    session: Session,
    run_ids: Sequence[int],
    *,
    notes: bool = False,
    curves: bool = False,
    parents: bool = False,
    bare: bool = False,
) -> list[RunView]:
    """The runs in the order given; `notes` adds notes, files and links, `curves` the key metric's series, `parents` one generation of parents.

    `bare` ones hold their own row, owner and params alone: many can be looked through for what they set.
    """
    before = parents_of(session, run_ids) if parents else []
    bundles = {b.run.id: b for b in load_runs(session, [*run_ids, *before], bare=bare)}
    parent_views = {one: _bundle_view(bundles[one]) for one in before}
    wanted = [one for one in dict.fromkeys(run_ids) if one in bundles]
    said = load_notes(session, wanted) if notes else {}
    artifacts, links = load_files(session, wanted) if notes else ({}, {})
    views = []
    for run_id in wanted:
        view = _bundle_view(bundles[run_id])
        view = replace(view, parent=parent_views.get(bundles[run_id].run.parent_id or 0))
        if notes:
            view = replace(
                view,
                notes=tuple(note_view(note) for note in said.get(run_id, [])),
                artifacts=[artifact_view(one) for one in artifacts.get(run_id, [])],
                links=[LinkView(url=one.url, title=one.title) for one in links.get(run_id, [])],
            )
        if curves and view.key_metric:
            logged = _called(
                {m.name: m.name for m in bundles[run_id].metrics}, settings_of(bundles[run_id].project)
            )
            points = read_series(session, run_id, logged[view.key_metric], max_points=CURVE_POINTS)
            series = {view.key_metric: list(zip(points.steps, points.values, strict=True))}
            view = replace(view, series=series)
        views.append(view)
    return views


def run_view(
    session: Session, run_id: int, *, notes: bool = False, curves: bool = False, parents: bool = False
) -> RunView:
    """One run."""
    return run_views(session, [run_id], notes=notes, curves=curves, parents=parents)[0]


def metric_view(metric: MetricSummary, project: Project, *, name: str | None = None) -> MetricView:
    """A metric with its goal: declared for the project, for the run, else read from its name."""
    name = name or metric.name
    return MetricView(
        name=name,
        goal=_goal(project.goals.get(name) or metric.goal) or infer_goal(name),
        count=metric.count,
        last=metric.last,
        last_step=metric.last_step,
        min=metric.min,
        min_step=metric.min_step,
        max=metric.max,
        max_step=metric.max_step,
    )


def _called(logged: Mapping[str, T], chosen: ProjectSettings) -> dict[str, T]:
    """What was logged, under the names the project uses; a name that is really there keeps what it has."""
    return {chosen.name(name) if chosen.name(name) not in logged else name: it for name, it in logged.items()}


def _ending(run: Run, chosen: ProjectSettings) -> dict[str, Any] | None:
    """How it ended; its last lines only where the project lets them into the thread."""
    if run.ending is None or chosen.log_tail == "thread" or run.visibility != "project":
        return run.ending
    return {name: value for name, value in run.ending.items() if name != "last_lines"}


def _goal(declared: str | None) -> Goal | None:
    return declared if declared in ("min", "max") else None  # type: ignore[return-value]


def _gpus(environment: Environment | None) -> int | None:
    count = (environment.hardware if environment else {}).get("gpus")
    return count if isinstance(count, int) else len(count) if isinstance(count, list) else None


def person_view(person: Person | None) -> PersonView | None:
    """Somebody, if known."""
    return PersonView(id=person.id, name=person.name, slack_id=person.slack_id) if person else None


def note_view(bundle: NoteBundle) -> NoteView:
    """A note with its reading; `other` sentences are left out."""
    note = bundle.note
    return NoteView(
        id=note.id or 0,
        kind=note.kind,
        author=person_view(bundle.author),
        text=note.text,
        title=note.title,
        said_at=note.said_at,
        permalink=note.permalink,
        items=tuple(item_view(item, bundle.facts) for item in bundle.items if item.role != "other"),
        duration=(note.memo or {}).get("duration"),
        unsure=unsure_spans(note.memo) if note.edited_at is None else (),
    )


def artifact_view(artifact: Artifact) -> ArtifactView:
    """A file of a run."""
    return ArtifactView(
        name=artifact.name, kind=artifact.kind, location=artifact.location, size=artifact.size
    )


def item_view(item: RationaleItem, facts: Sequence[Fact]) -> ItemView:
    """A rationale item with the facts stated in it."""
    return ItemView(
        id=item.id,
        role=item.role,
        text=item.text,
        confidence=item.confidence,
        start_time=item.start_time,
        source=item.source,
        facts=tuple(
            FactView(
                kind=fact.kind,
                name=fact.name,
                from_value=fact.from_value,
                to_value=fact.to_value,
                unit=fact.unit,
                linked=fact.linked,
                confirmed=fact.confirmed,
            )
            for fact in facts
            if fact.item_id == item.id
        ),
    )


def _bundle_view(bundle: RunBundle) -> RunView:
    """A run by itself, in the words its project uses."""
    run, code, environment = bundle.run, bundle.code, bundle.environment
    chosen = settings_of(bundle.project)
    logged = _called({m.name: m for m in bundle.metrics}, chosen)
    metrics = {name: metric_view(m, bundle.project, name=name) for name, m in logged.items()}
    return RunView(
        id=run.id or 0,
        project=bundle.project.name,
        number=run.number,
        name=run.name,
        state=run.state,
        owner=person_view(bundle.owner),
        started_at=run.started_at,
        ended_at=run.ended_at,
        tags=tuple(bundle.tags),
        group=run.group,
        intent=run.intent,
        params=_called(bundle.params, chosen),
        metrics=metrics,
        key_metric=key_metric(metrics, bundle.project.key_metric),
        progress_done=run.progress_done,
        progress_total=run.progress_total,
        ending=_ending(run, chosen),
        readings=run.readings,
        host=run.host,
        code=CodeView(
            commit=code.commit,
            branch=code.branch,
            dirty=code.dirty,
            subject=code.subject,
            diff=code.diff,
            command=code.command,
        )
        if code
        else None,
        python=environment.python if environment else None,
        libraries=environment.libraries if environment else {},
        datasets=tuple(
            DatasetView(
                name=d.name,
                fingerprint=d.fingerprint,
                rows=d.rows,
                columns=d.columns,
                size=d.size,
                filters=d.filters,
                changed=changed_since(d.looks, changed=d.changed_at is not None),
            )
            for d in bundle.datasets
        ),
        parent_source=run.parent_source,
        verdicts=bundle.verdicts,
        permalink=bundle.permalink,
        visibility=run.visibility,
        entry=run.entry,
        gpus=_gpus(environment),
        likes=bundle.likes,
    )
