"""The story of a project: question, what was tried, what came out, what was decided, what is next; from likes, else notes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session, col, select

from bot.better import infer_goal, key_of
from bot.better import words as words_of
from bot.project_settings import settings_of
from bot.values import ArtifactView, ItemView, NoteView, RunView
from bot.views import artifact_view, run_views
from storage import digest_queries, run_queries
from storage.memory import Note, NoteRun
from storage.next_steps import NextStep, open_next_steps
from storage.series import read_series
from storage.tables import Artifact, Like, Project, Run, Verdict

MOST_RUNS = 14
MOST_LINES = 6
CURVE_POINTS = 200
PICTURED = re.compile(
    r"\b(?:figure|fig\.|picture|image|screenshot|confusion matrix|heat ?map|histogram|attached)\b",
    re.IGNORECASE,
)
CURVED = re.compile(r"\b(?:plot|chart|graph|curve)s?\b", re.IGNORECASE)
RESULTS = ("outcome", "problem")


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A sentence somebody said, with the run it is about."""

    text: str
    note: NoteView
    run: RunView


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What came out, in somebody's words, with what shows it: a curve, pictures, or a gap where one should be."""

    line: Line
    metric: str | None = None  # named by the sentence and logged over steps
    curves: tuple[RunView, ...] = ()  # the run and what it came from, each with that metric's series
    images: tuple[ArtifactView, ...] = ()
    lacks_picture: bool = False  # its note speaks of a picture, and none came with it


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """Everything a report tells, in the order it tells it."""

    project: str
    project_id: int
    since: datetime | None
    until: datetime
    likes: int  # 0: nobody liked anything, so it is drawn from the notes
    questions: Sequence[Line] = ()
    intents: Sequence[RunView] = ()
    tried: Sequence[RunView] = ()
    changes: Sequence[Line] = ()
    results: Sequence[Result] = ()
    best: RunView | None = None
    liked_values: Sequence[tuple[RunView, str]] = ()  # run and liked metric or param
    liked_images: Sequence[tuple[RunView, ArtifactView]] = ()
    decisions: Sequence[Line] = ()
    verdicts: Sequence[tuple[RunView, str, str]] = ()  # run, who, keep | drop
    steps: Sequence[NextStep] = ()


def tell(session: Session, project: Project, *, since: datetime | None, now: datetime) -> Story:
    """The story of a project's runs that are not private."""
    likes = _likes(session, project, since)
    runs_ids, notes_ids = _chosen(session, project, likes, since)
    runs = sorted(
        run_views(session, runs_ids, notes=True, parents=True), key=lambda run: (run.started_at, run.id)
    )
    lines = _lines(runs, notes_ids)
    by_id = {run.id: run for run in runs}
    results = [_result(session, line) for role in RESULTS for line in lines.get(role, ())]
    results.sort(key=lambda one: one.line.note.said_at)
    results = _with_gaps(results)
    return Story(
        project=project.name,
        project_id=project.id or 0,
        since=since,
        until=now,
        likes=len(likes),
        questions=lines.get("hypothesis", ())[:MOST_LINES],
        intents=[run for run in runs if run.intent][:MOST_LINES],
        tried=runs,
        changes=lines.get("change", ())[:MOST_LINES],
        results=results[: 2 * MOST_LINES],
        best=_best(runs),
        liked_values=[
            (by_id[like.run_id], like.target)
            for like in likes
            if like.kind in ("metric", "param") and like.run_id in by_id
        ],
        liked_images=_images(session, likes, by_id),
        decisions=lines.get("decision", ())[:MOST_LINES],
        verdicts=[
            (run, who, choice)
            for run in runs
            for who, choice in run.verdicts.items()
            if choice in ("keep", "drop")
        ],
        steps=open_next_steps(session, now=now, project_ids=[project.id or 0], most=MOST_LINES),
    )


def _likes(session: Session, project: Project, since: datetime | None) -> list[Like]:
    query = (
        select(Like)
        .join(Run, col(Run.id) == col(Like.run_id))
        .where(Run.project_id == project.id, Run.visibility == "project")
        .order_by(col(Like.at))
    )
    return list(session.exec(query.where(col(Like.at) >= since) if since else query))


def _chosen(
    session: Session, project: Project, likes: Sequence[Like], since: datetime | None
) -> tuple[list[int], frozenset[int] | None]:
    """The runs of the story, and the notes where only some of a run's count (None: all)."""
    if likes:
        whole = {like.run_id for like in likes if like.kind != "note"}
        whole |= {
            int(one)
            for like in likes
            if like.kind == "chart"
            for one in like.target.split(",")
            if one.isdigit()
        }
        notes = {int(like.target) for like in likes if like.kind == "note" and like.target.isdigit()}
        ids = whole | {like.run_id for like in likes}
        rows = session.exec(select(NoteRun.note_id).where(col(NoteRun.run_id).in_(whole)))
        shown = select(Run.id).where(
            col(Run.id).in_(ids), Run.project_id == project.id, Run.visibility == "project"
        )
        newest = shown.order_by(col(Run.started_at).desc()).limit(MOST_RUNS)
        return [one for one in session.exec(newest) if one], frozenset(notes | set(rows))
    noted = (
        select(NoteRun.run_id)
        .join(Note, col(Note.id) == col(NoteRun.note_id))
        .where(Note.project_id == project.id, col(Note.deleted_at).is_(None))
    )
    judged = select(Verdict.run_id).where(Verdict.choice != "unsure")
    every = select(Run.id).where(Run.project_id == project.id, Run.visibility == "project")
    if since is not None:
        every = every.where(col(Run.started_at) >= since)
    every = every.order_by(col(Run.started_at).desc()).limit(MOST_RUNS)
    told = every.where(col(Run.id).in_(noted) | col(Run.id).in_(judged))
    # Where nobody has said anything, the runs speak for themselves.
    found = [one for one in session.exec(told) if one] or [one for one in session.exec(every) if one]
    if since is None:
        known = [project.baseline_run_id, _best_of_all(session, project)]
        found += [one for one in known if one and one not in found]
    return found, None


def _best_of_all(session: Session, project: Project) -> int | None:
    """The project's best, which is part of its story whether or not somebody spoke of it."""
    metric = project.key_metric or digest_queries.key_metric(session, project.id or 0)
    goal = (project.goals.get(metric) or infer_goal(metric)) if metric else None
    if metric is None or goal is None:
        return None
    best = run_queries.best(session, project.id or 0, settings_of(project).names(metric), goal)
    return best.id if best else None


def _lines(runs: Sequence[RunView], notes: frozenset[int] | None) -> dict[str, list[Line]]:
    """What was said, by role, each sentence once, oldest first."""
    found: dict[str, list[Line]] = {}
    seen: set[tuple[int, str]] = set()
    said: Iterable[tuple[RunView, NoteView, ItemView]] = (
        (run, note, item) for run in runs for note in run.notes for item in note.items
    )
    for run, note, item in sorted(said, key=lambda one: one[1].said_at):
        if (notes is not None and note.id not in notes) or (note.id, item.text) in seen:
            continue
        seen.add((note.id, item.text))
        if note.kind == "sdk" and item.text in (run.intent or ""):
            continue  # the guess of `notes=`, told with its run
        found.setdefault(item.role, []).append(Line(text=item.text, note=note, run=run))
    return found


def _result(session: Session, line: Line) -> Result:
    """A sentence with the curve of the metric it names, and the pictures that came with it."""
    images = tuple(
        artifact_view(one)
        for one in session.exec(
            select(Artifact).where(Artifact.note_id == line.note.id, Artifact.kind == "image")
        )
    )
    metric = _named_metric(line)
    if metric is None:
        return Result(line=line, images=images)
    sides = [line.run.parent, line.run] if line.run.parent else [line.run]
    drawn = []
    for run in sides:
        if run is not None and metric in run.metrics:
            points = read_series(session, run.id, metric, max_points=CURVE_POINTS)
            curve = list(zip(points.steps, points.values, strict=True))
            if len(curve) > 1:
                drawn.append(replace(run, series={metric: curve}))
    return Result(line=line, metric=metric if drawn else None, curves=tuple(drawn), images=images)


def _with_gaps(results: Sequence[Result]) -> list[Result]:
    """Where a note speaks of a picture that is nowhere, its last sentence is marked."""
    last = {one.line.note.id: place for place, one in enumerate(results)}
    drawn = {one.line.note.id for one in results if one.curves}
    marked = list(results)
    for note_id, place in last.items():
        one = results[place]
        wanted = PICTURED.search(one.line.note.text) or (
            CURVED.search(one.line.note.text) and note_id not in drawn
        )
        if wanted and not one.images:
            marked[place] = replace(one, lacks_picture=True)
    return marked


def _named_metric(line: Line) -> str | None:
    """The metric a sentence states or names; the key metric where it only speaks of it."""
    items = [item for item in line.note.items if item.text == line.text]
    stated = [fact.name for item in items for fact in item.facts if fact.kind == "metric"]
    for name in stated:
        if name in line.run.metrics:
            return name
    text = set(words_of(line.text))
    named = [
        name
        for name in line.run.metrics
        if (parts := [part for part in words_of(name) if part not in ("train", "val", "valid", "eval")])
        and set(parts) <= text
    ]
    key = key_of(line.run)
    return key if key in named else (named[0] if named else None)


def _best(runs: Sequence[RunView]) -> RunView | None:
    """The best of the story by the metric that most of it shares."""
    names = [name for run in runs if (name := key_of(run)) and run.metrics[name].goal]
    if not names:
        return None
    name = max(set(names), key=names.count)
    scored = [
        (run.metrics[name].best, run)
        for run in runs
        if name in run.metrics and run.metrics[name].best is not None
    ]
    largest = next(run.metrics[name].goal for run in runs if key_of(run) == name) == "max"
    ranked = sorted(scored, key=lambda one: one[0] or 0.0, reverse=largest)
    return ranked[0][1] if ranked else None


def _images(
    session: Session, likes: Sequence[Like], runs: dict[int, RunView]
) -> list[tuple[RunView, ArtifactView]]:
    wanted = [int(like.target) for like in likes if like.kind == "artifact" and like.target.isdigit()]
    found = session.exec(select(Artifact).where(col(Artifact.id).in_(wanted)).order_by(col(Artifact.id)))
    return [(runs[one.run_id], artifact_view(one)) for one in found if one.run_id in runs]
