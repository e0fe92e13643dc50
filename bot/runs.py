"""A run's life as its team sees it: announced once, edited as it moves, its end told with a verdict, its loss noticed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from bot import directory, figures, outbox, people, questions, search_index, similar, threads, together
from bot.better import Judgement, judge, recipe
from bot.draft import draft, infer_parent
from bot.project_settings import settings_of
from bot.run_messages import (
    end_question,
    new_best,
    run_alert,
    run_ended,
    run_parent,
    run_warning,
)
from bot.values import Message, RunView
from bot.views import run_view, run_views
from storage import run_queries
from storage.series import merge_chunks
from storage.tables import Person, Project, Run

LOST_AFTER = timedelta(seconds=60)  # past the promised sign of life
LOUD_AFTER = timedelta(minutes=5)  # failures of longer runs go to the channel and name the owner
OLD_AFTER = timedelta(hours=12)  # a failure heard of so late calls nobody
LOST_CALLS_AFTER = timedelta(minutes=10)
BEST_AFTER = timedelta(minutes=30)
MATTERS_AFTER = timedelta(hours=1)
SIBLINGS = 50
ENDED = ("finished", "failed", "killed", "preempted", "lost")


def announce(session: Session, run: Run, *, default_channel: str, now: datetime) -> None:
    """Tell that a run started: its message is posted once, however often it is resumed."""
    project = _project(session, run)
    if project.channel_id is None and (shared := directory.channel_by_name(session, default_channel)):
        project.channel_id = shared.id  # who may see it follows from where it is talked about
    if run.parent_id is None and run.parent_source is None:
        _infer_parent(session, run)
    similar.expect(session, run, now=now)
    view = run_view(session, run.id or 0, parents=True)
    message = run_parent(view, now=now)
    if run.visibility == "me":
        owner = session.get(Person, run.owner_id) if run.owner_id else None
        if owner is not None and owner.slack_id is not None:  # a private run never goes to a channel
            threads.open_own(session, run, message, channel=owner.slack_id, now=now)
        return
    if together.join(session, run, now=now):
        refresh(session, run, now=now, urgent=True)
        return
    threads.open_run(session, project, run, message, channel=project.channel_id or default_channel, now=now)
    threads.refresh_board(session, project, now=now)


def refresh(session: Session, run: Run, *, now: datetime, urgent: bool = False) -> None:
    """Bring the run's message and its project's board up to date, soon."""
    place = _place(session, run, now=now)
    if place is None or run.told_in is None:
        return
    spec = {"run": run.id, "in": run.told_in}
    outbox.edit(session, run.told_in, place.channel, spec, now=now, urgent=urgent)
    if urgent:
        threads.refresh_board(session, _project(session, run), now=now)


def retell(session: Session, channel: str, name: str, *, now: datetime) -> int:
    """The bot may write in a channel again: what began there in the last day and is not told yet is told now."""
    again = outbox.retry_refused(session, [channel, f"#{name}"], since=now - timedelta(days=1))
    for run in session.exec(select(Run).where(col(Run.told_in).in_(again)).order_by(col(Run.id))):
        refresh(session, run, now=now, urgent=True)
    return len(again)


def end(
    session: Session,
    run: Run,
    *,
    state: str,
    ending: Mapping[str, Any] | None,
    now: datetime,
    at: datetime | None = None,
) -> None:
    """A run ended (or ended otherwise than thought): keep how, tell its thread once per state and life.

    `at` is when it ended, where that is known: a run reported after the fact took as long as it took.
    """
    if run.state == state and run.ended_at is not None:
        run.ending = dict(ending) if ending else run.ending
        return
    # Its message may have become that of a sweep meanwhile.
    session.refresh(run, ["told_in", "group", "announced"], with_for_update={"key_share": True})
    was_lost = run.state == "lost"
    run.state, run.ended_at = state, max(run.started_at, min(at or run.ended_at or now, now))
    run.expected_by = None
    if ending:
        run.ending = dict(ending)
    session.flush()
    search_index.index_runs(session, [run.id or 0])
    merge_chunks(session, run.id or 0)
    if state != "lost":  # a run that fell silent says so where it stands; `tell_lost` calls its owner
        _tell_end(session, run, now=now, told_lost=was_lost and _lost_told(run))
    refresh(session, run, now=now, urgent=True)


def _tell_end(session: Session, run: Run, *, now: datetime, told_lost: bool) -> None:
    """The reply with the verdict, where its thread is to hear of it."""
    bad = run.state in ("failed", "killed")
    ended = run.ended_at or now
    loud = bad and ended - run.started_at > LOUD_AFTER and now - ended < OLD_AFTER
    if bad and told_lost:
        # Its owner was called already: what is known better now takes the place of what was said.
        _edit(session, run, f"lost:{_lives(run)}", {"ended": run.id}, now=now)
        return
    if told_lost:
        _edit(session, run, f"lost:{_lives(run)}", {"recovered": run.id}, now=now)
    if together.ended_at_once(run):
        together.fold(session, run, now=now)
        return
    swept = together.in_sweep(session, run) or together.begins_sweep(run, now=now)
    if swept and (not loud or together.loud_already(session, run)):
        return
    view = run_view(session, run.id or 0, parents=True)
    judgement = _judge(session, run, view, now=now)
    told = settings_of(_project(session, run)).told
    message = run_ended(view, judgement, now=now, mention=loud and _calls(session, run))
    broadcast = loud and "failure" in told
    _reply(session, run, _once_a_life(run, f"ended:{run.state}"), message, now=now, broadcast=broadcast)
    if loud:
        run.announced = run.announced | {"loud": now.isoformat()}
    if judgement.is_new_best and run.state == "finished":
        run.announced = run.announced | {"best": now.isoformat()}
    if "question" in told:
        _ask_why(session, run, view, judgement, now=now)
    questions.ask_goal(session, run, view, now=now)


def alive(
    session: Session, run: Run, *, now: datetime, next_in: float, readings: Mapping[str, Any] | None = None
) -> None:
    """A sign of life: promises the next one; a run thought lost is back."""
    run.last_seen_at = now
    if readings:
        run.readings = dict(readings) | {"at": now.timestamp()}
    if run.state == "lost":
        if _lost_told(run):
            away = (now - (run.ended_at or now)).total_seconds()
            _edit(session, run, f"lost:{_lives(run)}", {"recovered": run.id, "away": away}, now=now)
        _live_on(run)
        session.flush()
        refresh(session, run, now=now, urgent=True)
    if run.state == "running":
        run.expected_by = now + timedelta(seconds=next_in)


def resume(session: Session, run: Run, *, now: datetime) -> None:
    """The same run goes on in a new process."""
    if run.state in ENDED:
        _live_on(run)
        refresh(session, run, now=now, urgent=True)


def _live_on(run: Run) -> None:
    """It runs again: the next end is another one, to be told again."""
    run.state, run.ended_at, run.ending = "running", None, None
    run.announced = run.announced | {"lives": _lives(run) + 1}


def _lives(run: Run) -> int:
    return int(run.announced.get("lives", 1))


def _once_a_life(run: Run, what: str) -> str:
    return what if _lives(run) == 1 else f"{what}:{_lives(run)}"


def sweep_lost(session: Session, *, now: datetime) -> int:
    """Declare runs lost whose sign of life is a minute overdue; returns how many."""
    overdue = session.exec(
        select(Run)
        .where(
            Run.state == "running", col(Run.expected_by).is_not(None), col(Run.expected_by) < now - LOST_AFTER
        )
        .with_for_update(skip_locked=True)
    ).all()
    for run in overdue:
        if run.ending and run.ending.get("exit_code"):
            end(session, run, state="failed", ending=run.ending, now=now)  # it said so itself
            continue
        figures.LOST.inc()
        end(
            session,
            run,
            state="lost",
            ending={"cause": _likely_cause(run), "evidence": "heartbeat stopped"},
            now=now,
        )
    return len(overdue)


def tell_lost(session: Session, *, now: datetime) -> int:
    """Call the owners of runs that have been silent for ten minutes; most come back before that."""
    silent = session.exec(
        select(Run)
        .where(Run.state == "lost", col(Run.ended_at) <= now - LOST_CALLS_AFTER)
        .where(col(Run.ended_at) > now - timedelta(days=1))
        .with_for_update(skip_locked=True)
    ).all()
    told = 0
    for run in silent:
        long = run.ended_at is not None and run.ended_at - run.started_at > LOUD_AFTER
        swept = together.in_sweep(session, run) and together.loud_already(session, run)
        if _lost_told(run) or not long or swept:
            continue
        run.announced = run.announced | {"lost": _lives(run), "loud": now.isoformat()}
        view = run_view(session, run.id or 0)
        message = run_ended(view, judge(view), now=now, mention=_calls(session, run))
        _reply(session, run, f"lost:{_lives(run)}", message, now=now)
        told += 1
    return told


def tell_best(session: Session, *, now: datetime) -> int:
    """A run that has run for half an hour and beats all before it is told before its end, once."""
    going = session.exec(
        select(Run)
        .where(Run.state == "running", col(Run.started_at) <= now - BEST_AFTER, Run.visibility == "project")
        .where(col(Run.announced)["best"].is_(None), col(Run.told_in).is_not(None))
        .with_for_update(skip_locked=True)
    ).all()
    told = 0
    for run in going:
        if together.in_sweep(session, run) or "best" not in settings_of(_project(session, run)).told:
            continue
        view = run_view(session, run.id or 0, parents=True)
        judgement = _judge(session, run, view, now=now)
        if judgement.is_new_best:
            run.announced = run.announced | {"best": now.isoformat()}
            _reply(session, run, "best", new_best(view, judgement), now=now)
            told += 1
    return told


def _calls(session: Session, run: Run) -> bool:
    """Whether a bad end calls the run's owner."""
    owner = session.get(Person, run.owner_id) if run.owner_id else None
    told = settings_of(_project(session, run)).told
    return "mention" in told and not people.has_muted(owner, run.project_id)


def _lost_told(run: Run) -> bool:
    return run.announced.get("lost") == _lives(run)


def alert(session: Session, run: Run, *, title: str, body: str, level: str, key: str, now: datetime) -> None:
    """Something the training code wants told."""
    view = run_view(session, run.id or 0)
    _reply(session, run, f"alert:{key}", run_alert(view, title, body, level), now=now)


def warn(session: Session, run: Run, *, resource: str, words: str, key: str, now: datetime) -> None:
    """A limit is near."""
    view = run_view(session, run.id or 0)
    _reply(session, run, f"warning:{key}", run_warning(view, resource, words), now=now)


def _reply(
    session: Session, run: Run, what: str, message: Message, *, now: datetime, broadcast: bool = False
) -> None:
    """Say something about a run once, in its thread."""
    place = _place(session, run, now=now)
    if place is not None:
        threads.reply(session, place, f"run:{run.id}:{what}", message, now=now, broadcast=broadcast)


def _place(session: Session, run: Run, *, now: datetime) -> threads.Place | None:
    """Where the run is talked about; in another channel once its project moved there, for others may read the old one."""
    place, project = threads.place_of(session, run), _project(session, run)
    if place is None or run.visibility == "me" or not threads.moved_away(project.channel_id, place.channel):
        return place
    view = run_view(session, run.id or 0, parents=True)
    threads.follow(session, project, run, run_parent(view, now=now), now=now)
    return threads.place_of(session, run)


def _edit(session: Session, run: Run, what: str, spec: Mapping[str, Any], *, now: datetime) -> None:
    """Something said about a run before turned out otherwise."""
    place = threads.place_of(session, run)
    if place is not None:
        outbox.edit(session, f"run:{run.id}:{what}", place.channel, dict(spec), now=now, urgent=True)


def _judge(session: Session, run: Run, view: RunView, *, now: datetime) -> Judgement:
    project = _project(session, run)
    best_view = baseline_view = None
    metric = view.metrics.get(view.key_metric or "")
    if metric is not None and metric.goal:
        rival = run_queries.best(
            session,
            run.project_id,
            settings_of(project).names(metric.name),
            metric.goal,
            except_run=run.id,
            ended_before=run.ended_at or now,
        )
        best_view = run_view(session, rival.id or 0) if rival else None
    if project.baseline_run_id and project.baseline_run_id != run.id:
        baseline_view = run_view(session, project.baseline_run_id)
    siblings = session.exec(
        select(Run.id)
        .where(
            Run.project_id == run.project_id,
            Run.entry == run.entry,
            Run.id != run.id,
            Run.state == "finished",
        )
        .order_by(col(Run.id).desc())
        .limit(SIBLINGS)
    )
    weighed = [recipe(one) for one in (view, baseline_view, best_view, view.parent) if one is not None]
    alike = [
        one.id
        for one in run_views(session, [one for one in siblings if one], bare=True)
        if recipe(one) in weighed
    ]
    return judge(view, baseline=baseline_view, best=best_view, siblings=run_views(session, alike))


def _ask_why(session: Session, run: Run, view: RunView, judgement: Judgement, *, now: datetime) -> None:
    """Ask one concrete question about a run that matters; at most once per person and day, never of a sweep."""
    long = run.ended_at is not None and run.ended_at - run.started_at >= MATTERS_AFTER
    if run.state != "finished" or run.group or view.parent is None or not (judgement.is_new_best or long):
        return
    asked = session.exec(
        select(Run.id).where(
            Run.owner_id == run.owner_id,
            col(Run.announced)["asked"].astext.startswith(now.date().isoformat()),
        )
    ).first()
    made = draft(view, view.parent, judgement=judgement)
    if asked is None and made.change:
        run.announced = run.announced | {"asked": now.isoformat()}
        _reply(session, run, "why", end_question(view, made), now=now)


def _infer_parent(session: Session, run: Run) -> None:
    """The same person's nearest earlier run of the same entry point, else none."""
    if run.entry is None:
        return
    earlier = session.exec(
        select(Run.id)
        .where(Run.project_id == run.project_id, Run.entry == run.entry, Run.id != run.id)
        .where(Run.owner_id == run.owner_id, col(Run.started_at) <= run.started_at)
        .order_by(col(Run.started_at).desc())
        .limit(SIBLINGS)
    )
    me, *others = run_views(session, [run.id or 0, *(one for one in earlier if one)], bare=True)
    parent = infer_parent(me, others)
    if parent is not None:
        run.parent_id, run.parent_source = parent.id, "inferred"
        session.flush()


def _likely_cause(run: Run) -> str:
    """The last readings as evidence."""
    readings = run.readings or {}
    used, limit = readings.get("memory_bytes"), readings.get("memory_limit_bytes")
    if isinstance(used, int | float) and isinstance(limit, int | float) and limit > 0 and used / limit >= 0.9:
        return f"memory was at {used / limit:.0%} of its limit: probably out of memory"
    return "no sign of life; the machine or its connection may be gone"


def _project(session: Session, run: Run) -> Project:
    project = session.get(Project, run.project_id)
    assert project is not None  # noqa: S101  a foreign key holds it
    return project
