"""App Home: what its person runs, has open and follows, gathered and published; projects put first, muted or archived."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlmodel import Session, col, func, select

from bot import people
from bot.asking import sight_of
from bot.better import goal_of, infer_goal
from bot.errors import NotFound
from bot.home_view import ProjectCard, home_view
from bot.project_settings import settings_of
from bot.sight import Sight
from bot.views import run_view, run_views
from bot.wiring import Services
from storage import digest_queries, home_queries, run_queries
from storage.next_steps import open_next_steps
from storage.run_list import RunFilter, page_of_runs
from storage.tables import Person, Project

CARDS = 10
STEPS = 8
DECISIONS = 6
OWN_RUNS = 5
COUNTED = 500
RECENT = timedelta(days=60)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranked:
    """A project as its person ordered it."""

    project: Project
    life: home_queries.Life | None
    first: bool
    muted: bool


def publish(session: Session, services: Services, slack_id: str) -> None:
    """Bring somebody's Home up to date."""
    now = services.now()
    # One at a time, so that what is published last is what is true.
    lock = text("SELECT pg_advisory_xact_lock(hashtext(:name))")
    session.execute(lock, {"name": f"home {slack_id}"})
    person = people.by_slack_id(session, slack_id, now=now)
    sight = sight_of(session, person, slack_id, public=False, now=now)
    which = RunFilter(
        project_ids=sorted(sight.project_ids or ()),
        seen_by=person.id,
        owner_id=person.id,
        states=("running",),
    )
    own_ids, own = page_of_runs(session, which, limit=OWN_RUNS)
    ranked = _ranked(session, person, sight)
    shown = [one for one in ranked if not one.muted]
    ids = [one.project.id or 0 for one in shown]
    view = home_view(
        run_views(session, own_ids, curves=True, parents=True),
        now=now,
        running=own,
        steps=open_next_steps(session, now=now, project_ids=ids, owner_id=person.id or 0, most=STEPS),
        decisions=home_queries.decisions(session, ids, since=now - RECENT, most=DECISIONS),
        cards=_cards(session, shown[:CARDS], now=now),
        more=len(shown) - CARDS,
        muted=[(one.project.id or 0, one.project.name) for one in ranked if one.muted],
        archived=_archived(session, sight),
    )
    services.messenger.call("views.publish", {"user_id": slack_id, "view": view})


def archive(project: Project, *, now: datetime) -> bool:
    """Put a project away, or bring it back; True when it is away now."""
    project.archived_at = None if project.archived_at else now
    return project.archived_at is not None


def change(session: Session, person: Person, sight: Sight, value: str, *, now: datetime) -> None:
    """What was chosen in a card's menu: first:12, mute:12, archive:12."""
    what, _, number = value.partition(":")
    project = session.get(Project, int(number)) if number.isdigit() else None
    if project is None or not sight.sees(project.id or 0):
        raise NotFound("That project is gone, or not yours to see.")
    match what:
        case "first":
            people.put_first(person, project)
        case "mute":
            people.mute(person, project)
        case "archive":
            archive(project, now=now)
    session.flush()


def _ranked(session: Session, person: Person, sight: Sight) -> list[Ranked]:
    """The projects somebody sees: those put first, then by their last sign of life."""
    projects = session.exec(
        select(Project).where(
            col(Project.id).in_(sorted(sight.project_ids or ())), col(Project.archived_at).is_(None)
        )
    ).all()
    lives = home_queries.lives(session, [one.id or 0 for one in projects])
    first, muted = person.settings.get("first", ()), person.settings.get("muted", ())
    found = [
        Ranked(project=one, life=lives.get(one.id or 0), first=one.id in first, muted=one.id in muted)
        for one in projects
    ]
    return sorted(
        found,
        key=lambda one: (one.first, one.life.last_at if one.life else one.project.created_at),
        reverse=True,
    )


def _archived(session: Session, sight: Sight) -> int:
    away = (col(Project.id).in_(sorted(sight.project_ids or ())), col(Project.archived_at).is_not(None))
    return session.exec(select(func.count()).select_from(Project).where(*away)).one()


def _cards(session: Session, ranked: Sequence[Ranked], *, now: datetime) -> list[ProjectCard]:
    ids = [one.project.id or 0 for one in ranked]
    steps = Counter(
        step.project_id for step in open_next_steps(session, now=now, project_ids=ids, most=COUNTED)
    )
    return [
        ProjectCard(
            id=one.project.id or 0,
            name=one.project.name,
            channel=one.project.channel_id,
            first=one.first,
            runs=one.life.runs if one.life else 0,
            running=one.life.running if one.life else 0,
            last_at=one.life.last_at if one.life else None,
            best=_best(session, one.project),
            steps=steps[one.project.id or 0],
        )
        for one in ranked
    ]


def _best(session: Session, project: Project) -> tuple[str, float, str, str | None] | None:
    """(metric, value, run's number and name, where it is)."""
    metric = project.key_metric or digest_queries.key_metric(session, project.id or 0)
    goal = (project.goals.get(metric) or infer_goal(metric)) if metric else None
    names = settings_of(project).names(metric) if metric else ()
    run = run_queries.best(session, project.id or 0, names, goal) if goal else None
    if run is None or metric is None:
        return None
    view = run_view(session, run.id or 0)
    told = view.metrics.get(metric)
    if told is None or goal_of(told) is None or told.best is None:
        return None
    return metric, told.best, f"#{view.number} {view.name}", view.permalink
