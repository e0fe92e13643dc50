"""What moved in one project in a period, from stored facts alone; what a digest tells of it is decided elsewhere."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlmodel import Session

from bot import dependencies, releases
from bot.better import infer_goal
from bot.data_words import changed_since
from bot.draft import Change, differences
from bot.project_settings import cost_of, settings_of
from bot.values import RunView
from bot.verdicts import error_name
from bot.views import run_views
from storage import digest_queries as facts
from storage.digest_queries import Said, Status
from storage.next_steps import FADES, SURE
from storage.tables import Project

MOST_SAID = 40
COURSE_DAYS = 60
FEWEST_DAYS = 3  # fewer make no course: then it goes from run to run
COURSE_RUNS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectDigest:
    """What moved in one project in a period."""

    project: str
    project_id: int
    ended: Mapping[str, int] = field(default_factory=dict)  # state -> runs that ended
    started: int = 0
    running: Sequence[RunView] = ()
    metric: str | None = None
    goal: str | None = None
    best: RunView | None = None  # the best that ended in the period
    best_value: float | None = None
    before: float | None = None  # the best before the period
    is_record: bool = False
    moved_by: Sequence[Change] = ()  # what the best changed against its parent
    course: Sequence[tuple[date, float]] = ()  # the best of each day
    by_run: Sequence[
        tuple[int, float]
    ] = ()  # number and value of the latest runs, where there are too few days
    causes: Sequence[tuple[str, int]] = ()  # why runs ended badly, the most frequent first
    gpu_hours: float = 0.0
    cost: str | None = None  # in the currency of the project's price
    worth: Sequence[tuple[RunView, str]] = ()  # what people said models are worth
    statuses: Sequence[Status] = ()
    decisions: Sequence[Said] = ()
    outcomes: Sequence[Said] = ()
    problems: Sequence[Said] = ()
    hypotheses: Sequence[Said] = ()
    changes: Sequence[Said] = ()
    next_steps: Sequence[Said] = ()
    verdicts: Sequence[tuple[RunView, str, str]] = ()
    changed_data: Sequence[str] = ()  # a line a dataset
    libraries: Sequence[Change] = ()  # the best against what it is measured against
    measured_against: RunView | None = None
    releases: Sequence[str] = ()  # newer ones of the main libraries

    @property
    def is_quiet(self) -> bool:
        """Nothing began or ended, nobody decided or said anything that matters, no data changed."""
        said = (self.statuses, self.decisions, self.problems, self.outcomes, self.verdicts, self.changed_data)
        return not (self.ended or self.started or any(said))

    @property
    def runs(self) -> int:
        """How many ended."""
        return sum(self.ended.values())

    @property
    def success(self) -> float | None:
        """The share of ended runs that finished."""
        return self.ended.get("finished", 0) / self.runs if self.runs else None


def collect(session: Session, project: Project, *, since: datetime, until: datetime) -> ProjectDigest:
    """Everything a digest tells about one project in [since, until)."""
    project_id = project.id or 0
    settings = settings_of(project)
    metric = project.key_metric or facts.key_metric(session, project_id)
    metric = settings.name(metric) if metric else None
    goal = (project.goals.get(metric) or infer_goal(metric)) if metric else None
    names = settings.names(metric) if metric else ()
    best = before = None
    if metric and goal:
        best = facts.best_ended(session, project_id, names, goal, since=since, until=until)
        before = facts.best_ended(session, project_id, names, goal, since=None, until=since)
    tapped = facts.verdicts(session, project_id, since, until)
    alive = facts.running(session, project_id)[:MOST_SAID]
    worth = facts.valued(session, project_id, since, until)[:MOST_SAID]
    rival = project.baseline_run_id or (before[0] if before else None)
    wanted = [*alive, *([best[0]] if best else []), *(run_id for run_id, _, _ in tapped)]
    wanted += [*(run_id for run_id, _ in worth), *([rival] if rival else [])]
    views = {view.id: view for view in run_views(session, wanted, parents=True, notes=bool(best))}
    winner = views[best[0]] if best else None
    against = views.get(rival or 0) if winner and rival != winner.id else None
    if against is not None and against.visibility != "project":
        against = None
    hours = sum(
        _gpus(hardware) * seconds / 3600
        for hardware, seconds in facts.machine_seconds(session, project_id, since, until)
    )
    course: list[tuple[date, float]] = []
    by_run: list[tuple[int, float]] = []
    if metric and goal:
        course = facts.course(session, project_id, names, goal, until=until, days=COURSE_DAYS)
        if len(course) < FEWEST_DAYS:
            by_run = facts.course_by_run(session, project_id, names, goal, until=until, most=COURSE_RUNS)
    better = best is not None and (
        before is None or (best[1] < before[1] if goal == "min" else best[1] > before[1])
    )

    def said(role: str, *, since: datetime = since, only_open: bool = False) -> list[Said]:
        return facts.said(
            session,
            project_id,
            (role,),
            since=since,
            until=until,
            least=SURE,
            only_open=only_open,
            most=MOST_SAID,
        )

    return ProjectDigest(
        project=project.name,
        project_id=project_id,
        ended=facts.states(session, project_id, since, until),
        started=facts.started(session, project_id, since, until),
        running=[views[run_id] for run_id in alive],
        metric=metric,
        goal=goal,
        best=winner,
        best_value=best[1] if best else None,
        before=before[1] if before else None,
        is_record=better and before is not None,
        moved_by=differences(winner.parent, winner) if winner and winner.parent else (),
        course=course,
        by_run=by_run,
        causes=_causes(session, project_id, since, until),
        gpu_hours=hours,
        cost=cost_of(hours, settings.gpu_price) if hours else None,
        worth=[(views[run_id], words) for run_id, words in worth],
        statuses=facts.statuses(session, project_id, since, until),
        decisions=said("decision"),
        outcomes=said("outcome"),
        problems=said("problem"),
        hypotheses=said("hypothesis"),
        changes=said("change"),
        next_steps=said("next_step", since=until - FADES, only_open=True),
        verdicts=[(views[run_id], name, choice) for run_id, name, choice in tapped],
        changed_data=[
            f"data {one.name} changed: {changed_since(one.looks, changed=True)}"
            for one in {
                each.name: each for each in facts.changed_data(session, project_id, since, until)
            }.values()
        ],
        libraries=dependencies.changes(against, winner) if winner and against else (),
        measured_against=against,
        releases=releases.newer_words(session, winner, since=since, until=until) if winner else (),
    )


def _causes(session: Session, project_id: int, since: datetime, until: datetime) -> list[tuple[str, int]]:
    """Short words for why runs ended badly, counted."""
    counted: Counter[str] = Counter()
    groups = facts.bad_endings(session, project_id, since, until)
    views = {view.id: view for view in run_views(session, [run_id for _, _, run_id in groups[:MOST_SAID]])}
    for state, amount, run_id in groups:
        words = error_name(views[run_id]) if run_id in views else None
        counted[words or ("no sign of life" if state == "lost" else state)] += amount
    return counted.most_common()


def _gpus(hardware: Mapping[str, Any]) -> int:
    gpus = hardware.get("gpus")
    return gpus if isinstance(gpus, int) else len(gpus) if isinstance(gpus, list) else 0
