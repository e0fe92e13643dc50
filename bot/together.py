"""Runs that are told in one message: quick attempts in a row, and the runs of a sweep."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from bot import outbox, threads
from bot.better import goal_of, is_seed, judge
from bot.draft import QUICK, differences
from bot.importance import importances
from bot.project_settings import settings_of
from bot.run_messages import attempts, run_parent
from bot.sweep_messages import ranked, sweep, sweep_ended, sweep_metric, varied_params
from bot.values import Message
from bot.views import run_view, run_views
from storage import run_queries
from storage.memory import NoteRun, Thread
from storage.tables import Project, Run

BAD = ("failed", "killed")
SWEEP_STARTS = 5
SWEEP_WITHIN = timedelta(minutes=10)
SWEEP_REST = timedelta(days=1)  # a group's name used again later is another sweep
SETTLED = timedelta(minutes=2)  # nothing of a sweep ran for so long: it is over
RETRY_WITHIN = timedelta(minutes=30)
MOST = 500  # runs of one message that are read


def join(session: Session, run: Run, *, now: datetime) -> bool:
    """Whether a new run is told in a message that is there: of its sweep, or of the attempts just before it."""
    if run.owner_id is None and run.group is None:
        return False
    host = _sweep_of(session, run, now=now) if run.group else _inferred_sweep(session, run, now=now)
    if host is None and run.group is None:
        before = _before(session, run)
        if before and ended_at_once(before) and run.started_at - (before.ended_at or now) < RETRY_WITHIN:
            host = before
    if host is None or host.told_in is None:
        return False
    _tell_in(session, run, host.told_in)
    return True


def fold(session: Session, run: Run, *, now: datetime) -> None:
    """A run that ended badly at once goes into its owner's message before it, where that is such an attempt too."""
    before = _before(session, run)
    alone = (run.told_in or "").startswith(f"run:{run.id}:")
    if not (alone and run.group is None and before and before.told_in and ended_at_once(before)):
        return
    if (before.ended_at or now) < run.started_at - RETRY_WITHIN or not _silent(session, run):
        return
    _take_back(session, run, now=now)
    _tell_in(session, run, before.told_in)


def ended_at_once(run: Run) -> bool:
    """Ended badly before it had begun: shown where it stands, told to nobody."""
    return run.state in BAD and run.ended_at is not None and run.ended_at - run.started_at < QUICK


def in_sweep(session: Session, run: Run) -> bool:
    """Whether its message shows a sweep of several."""
    return run.group is not None and len(_told_in(session, run.told_in, most=2)) > 1


def begins_sweep(run: Run, *, now: datetime) -> bool:
    """Whether its message says enough: of a group that has more to come, and short or reported long after it."""
    took = (run.ended_at or now) - run.started_at
    return run.group is not None and (took < SETTLED or _past(run, now=now))


def _past(run: Run, *, now: datetime) -> bool:
    """Reported long after it began: brought from another tracker, or sent when a machine was back."""
    return run.started_at < now - SWEEP_REST


def loud_already(session: Session, run: Run) -> bool:
    """Whether a failure of its sweep called its owner before: once is enough."""
    return any(one.id != run.id and one.announced.get("loud") for one in _told_in(session, run.told_in))


def message(session: Session, run: Run, *, now: datetime, note_count: int = 0) -> Message:
    """What the message of a run shows: the run, its sweep, or the attempts it is the last of."""
    told = _told_in(session, run.told_in)
    if len(told) < 2:
        view = run_view(session, run.id or 0, curves=True, parents=True)
        return run_parent(view, now=now, note_count=note_count)
    if run.group is not None:
        return _sweep_message(session, told)
    last = told[-1]
    before = run_views(session, [one.id or 0 for one in told[:-1]])
    view = run_view(session, last.id or 0, curves=True, parents=True)
    if ended_at_once(last):
        return attempts([*before, view])
    return run_parent(view, now=now, note_count=note_count, attempts=before)


def tell_ended_sweeps(session: Session, *, now: datetime) -> int:
    """Say once what came out of a sweep nothing of which runs any more; more runs later edit it."""
    over = session.exec(
        select(Run.told_in, func.count(), func.max(Run.id))
        .where(col(Run.group).is_not(None), col(Run.told_in).is_not(None))
        .where(col(Run.started_at) > now - timedelta(days=14))
        .group_by(col(Run.told_in))
        .having(func.count() > 1)
        .having(func.count(col(Run.ended_at)) == func.count())
        .having(func.max(col(Run.ended_at)) < now - SETTLED)
    ).all()
    said = 0
    for key, runs, newest in over:
        last = session.get_one(Run, newest, with_for_update=True)
        if last.announced.get("sweep") == runs:
            continue
        last.announced = last.announced | {"sweep": runs}
        said += _tell_ended(session, last, str(key), now=now)
    return said


def ended_message(session: Session, run: Run) -> Message:
    """How the sweep of this run came out."""
    told = _told_in(session, run.told_in)
    views = run_views(session, [one.id or 0 for one in told])
    metric = sweep_metric(views)
    leaders = ranked(views, metric) if metric else []
    judgement = None
    if leaders and metric and (goal := goal_of(leaders[0].metrics[metric])):
        first = min(one.started_at for one in told)
        project = session.get_one(Project, run.project_id)
        names = settings_of(project).names(metric)
        rival = run_queries.best(session, run.project_id, names, goal, ended_before=first)
        base = project.baseline_run_id
        judgement = judge(
            leaders[0],
            best=run_view(session, rival.id or 0) if rival else None,
            baseline=run_view(session, base) if base else None,
        )
    return sweep_ended(views[0].project, run.group or "", views, judgement)


def _tell_ended(session: Session, run: Run, key: str, *, now: datetime) -> int:
    place = threads.place_of(session, run)
    if place is None:
        return 0
    told = f"{key}:swept"
    if outbox.known(session, told):
        outbox.edit(session, told, place.channel, {"swept": run.id}, now=now, urgent=True)
    else:
        threads.reply(session, place, told, ended_message(session, run), now=now)
    return 1


def _sweep_message(session: Session, told: Sequence[Run]) -> Message:
    views = run_views(session, [one.id or 0 for one in told])
    metric = sweep_metric(views)
    found = importances(views, metric) if metric else []
    return sweep(views[0].project, told[-1].group or "", views, found)


def _told_in(session: Session, key: str | None, *, most: int = MOST) -> list[Run]:
    """The runs one message shows, oldest first."""
    if key is None:
        return []
    newest = select(Run).where(Run.told_in == key).order_by(col(Run.id).desc()).limit(most)
    return list(session.exec(newest))[::-1]


def _sweep_of(session: Session, run: Run, *, now: datetime) -> Run | None:
    """The newest run of the same group, whose message is or becomes the sweep's."""
    alike = (
        select(Run)
        .where(Run.project_id == run.project_id, Run.group == run.group, Run.id != run.id)
        .where(Run.visibility == "project", col(Run.told_in).is_not(None))
    )
    if not _past(run, now=now):
        alike = alike.where(col(Run.started_at) > now - SWEEP_REST)
    return session.exec(alike.order_by(col(Run.id).desc()).limit(1)).first()


def _inferred_sweep(session: Session, run: Run, *, now: datetime) -> Run | None:
    """Five starts by one person from one entry point within ten minutes are a sweep without saying so."""
    if run.entry is None or run.owner_id is None:
        return None
    alike = (
        select(Run)
        .where(Run.project_id == run.project_id, Run.owner_id == run.owner_id, Run.entry == run.entry)
        .where(Run.visibility == "project", Run.id != run.id, col(Run.told_in).is_not(None))
    )
    swept = session.exec(
        alike.where(col(Run.group).is_not(None), Run.state == "running").order_by(col(Run.id).desc())
    ).first()
    # Other runs are changed before any message is: the order that keeps two batches from waiting for each other.
    within = alike.where(col(Run.started_at) > run.started_at - SWEEP_WITHIN)
    recent = list(session.exec(within.order_by(col(Run.id)).limit(MOST).with_for_update()))
    recent = [one for one in recent if not ended_at_once(one)]  # trying again is no search
    swept = swept or next((one for one in reversed(recent) if one.group), None)
    if swept is not None:
        told = _told_in(session, swept.told_in)
        if swept.group != _name_of_sweep(told) or not _fits(session, run, told):
            return None
        run.group = swept.group
        return swept
    if len(recent) + 1 < SWEEP_STARTS:
        return None
    host = recent[0]
    run.group = host.group = _name_of_sweep([host])
    for one in recent[1:]:
        if one.told_in != host.told_in and _silent(session, one):
            _take_back(session, one, now=now)
        one.group = host.group
        _tell_in(session, one, host.told_in or "")
    return host


def _name_of_sweep(told: Sequence[Run]) -> str:
    """train-41: the entry point and the number of the sweep's first run."""
    first = next((one for one in told if one.group), told[0])
    stem = re.sub(r"\.\w+$", "", (first.entry or "").rsplit("/", 1)[-1]) or "runs"
    return f"{stem}-{first.number}"


def _fits(session: Session, run: Run, told: Sequence[Run]) -> bool:
    """Whether a new run varies what its sweep varies, and nothing else."""
    views = run_views(session, [one.id or 0 for one in told])
    changes = differences(views[-1], run_view(session, run.id or 0))
    tried = {change.name for change in changes if change.kind == "param" and not is_seed(change.name)}
    return tried <= set(varied_params(views))


def _before(session: Session, run: Run) -> Run | None:
    """The owner's run before this one, from the same entry point."""
    if run.owner_id is None:
        return None
    return session.exec(
        select(Run)
        .where(Run.project_id == run.project_id, Run.owner_id == run.owner_id, Run.id != run.id)
        .where(Run.visibility == "project", Run.entry == run.entry, col(Run.group).is_(None))
        .where(col(Run.started_at) <= run.started_at)
        .order_by(col(Run.started_at).desc(), col(Run.id).desc())
        .limit(1)
    ).first()


def _silent(session: Session, run: Run) -> bool:
    """Nobody said anything about it, so its message may go."""
    return session.exec(select(NoteRun.note_id).where(NoteRun.run_id == run.id).limit(1)).first() is None


def _take_back(session: Session, run: Run, *, now: datetime) -> None:
    """Its own message goes; another one tells of it."""
    place = threads.place_of(session, run)
    if place is None or run.told_in is None:
        return
    outbox.remove(session, run.told_in, place.channel, now=now)
    own = session.exec(select(Thread).where(Thread.run_id == run.id)).first()
    if own is not None:
        session.delete(own)


def _tell_in(session: Session, run: Run, key: str) -> None:
    """The run is shown by this message; what is said in its thread is about the newest attempt, or about the sweep."""
    run.told_in = key
    session.flush()
    thread = session.exec(select(Thread).where(Thread.outbox_key == key)).first()
    if thread is not None:
        thread.run_id = None if run.group else run.id
