"""The bot's own questions and what their answers do: a metric's goal, a project's misspelt name."""

import json
from datetime import datetime

from sqlmodel import Session, col, func, select

from bot import directory, outbox, threads
from bot.asking import sees_run
from bot.better import goal_of
from bot.errors import NotFound
from bot.question_messages import goal_known, goal_question, spelling_question
from bot.sight import Sight, audience_sight, person_sight
from bot.values import Message, RunView
from storage import ingest_queries
from storage.memory import Note, NoteRun
from storage.tables import Person, Project, Run


def ask_goal(session: Session, run: Run, view: RunView, *, now: datetime) -> None:
    """A finished run whose numbers nobody can win: ask once which way its metric is better."""
    metric = view.metrics.get(view.key_metric or "")
    place = threads.place_of(session, run)
    if run.state != "finished" or run.visibility != "project" or metric is None or place is None:
        return
    if goal_of(metric) is None:
        question = goal_question(run.project_id, view.project, metric.name)
        threads.reply(session, place, _goal_key(run.project_id, metric.name), question, now=now)


def set_goal(session: Session, value: str, goal: str, person: Person, sight: Sight) -> Message:
    """Somebody said which way: it holds for the project from now on."""
    told = json.loads(value)
    project = session.get(Project, int(told["project"]))
    if project is None or not sight.sees(project.id or 0):
        raise NotFound("That project is gone, or not yours to see.")
    project.goals = project.goals | {str(told["metric"]): goal}
    return goal_known(project.name, str(told["metric"]), goal, person.name)


def ask_spelling(session: Session, run: Run, project: Project, *, now: datetime) -> str | None:
    """A project never seen before is announced as new; returns the existing name it may be a misspelling of."""
    owner = session.get(Person, run.owner_id) if run.owner_id else None
    place = threads.place_of(session, run)
    near = nearest(session, project, person_sight(session, owner, now=now))
    if near is None or place is None:
        return near.name if near else None
    question = spelling_question(project.name, near.name, run.id or 0, near.id or 0)
    key = f"project:{project.id}:spelling"
    channel = directory.channel_by_name(session, place.channel)
    audience = audience_sight(session, channel.id if channel else place.channel, now=now)
    if run.visibility == "me" or audience.sees(near.id or 0):
        threads.reply(session, place, key, question, now=now)
    elif owner and owner.slack_id:  # not everybody there may know of the other project
        outbox.post(session, key, owner.slack_id, question, now=now)
    return near.name


def nearest(session: Session, project: Project, sight: Sight) -> Project | None:
    """The project in sight that a new one's name may be a misspelling of."""
    seen = select(Project).where(Project.id != project.id, col(Project.archived_at).is_(None))
    if sight.project_ids is not None:
        seen = seen.where(col(Project.id).in_(sight.project_ids))
    return ingest_queries.nearest_project(project.name, session.exec(seen).all())


def move(session: Session, value: str, person: Person, sight: Sight, *, now: datetime) -> tuple[Run, Project]:
    """The run's project was misspelt: run, notes and what comes under that name go to the right one."""
    told = json.loads(value)
    run, project = session.get(Run, int(told["run"])), session.get(Project, int(told["project"]))
    seen = run is not None and sees_run(sight, run)
    if run is None or project is None or not seen or not sight.sees(project.id or 0):
        raise NotFound("That run or project is gone, or not yours to see.")
    if run.owner_id is not None and run.owner_id != person.id:
        raise NotFound("Only who started the run can move it.")
    wrong = session.get_one(Project, run.project_id, with_for_update={"key_share": True})
    if wrong.id == project.id:
        return run, project
    place = threads.place_of(session, run)
    if place is not None and run.told_in is not None:
        outbox.remove(session, run.told_in, place.channel, now=now)
    session.refresh(project, with_for_update={"key_share": True})
    run.project_id, run.number, run.told_in = project.id or 0, project.next_number, None
    project.next_number += 1
    session.flush()
    noted = select(Note).join(NoteRun, col(NoteRun.note_id) == col(Note.id)).where(NoteRun.run_id == run.id)
    for note in session.exec(noted):
        note.project_id = project.id or 0
    left = session.exec(select(func.count()).select_from(Run).where(Run.project_id == wrong.id)).one()
    if left == 0:  # a mere misspelling: later runs under that name are meant for the right project too
        wrong.archived_at, wrong.settings = now, wrong.settings | {"means": project.id}
        board = threads.current_board(session, wrong.id or 0)
        if board is not None:
            board.closed_at = now
            outbox.remove(session, board.outbox_key, board.channel_id, now=now)
    return run, project


def _goal_key(project_id: int, metric: str) -> str:
    return f"project:{project_id}:goal:{metric}"
