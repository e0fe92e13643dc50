"""Takes in what training machines report: in order per stream, each record once, bad ones named and left out."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, select

from bot import figures, outbox, people, questions, reporters, runs, wire
from bot.asking import sees_run
from bot.errors import BadInput, Forbidden
from bot.redact import redact, redact_all
from bot.tokens import Bearer
from bot.wiring import Services
from storage import ingest_queries as rows
from storage.jobs import defer
from storage.logs import append_log
from storage.memory import Channel, Note, NoteRun
from storage.series import append_metrics
from storage.tables import Artifact, Link, Person, Project, Run, RunEvent

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Intake:
    """What the handlers of one batch share."""

    session: Session
    run: Run
    now: datetime
    offset: float  # server's clock minus the trainer's, seconds
    stream: str
    # What hangs on the run's message waits until the run was announced.
    later: list[Callable[[], None]] = field(default_factory=list)


def take(session: Session, batch: wire.Batch, who: Bearer, services: Services) -> dict[str, Any]:
    """Take in one batch; answers docs/wire.md's body, or only `next` when the batch is not the one expected."""
    now = services.now()
    project, is_new = _project(session, batch.project, who, now=now)
    try:
        run, is_first = rows.take_run(session, project, batch.run, name=batch.run, now=now)
    except rows.RunDeleted as gone:
        figures.BATCHES.labels(outcome="of a deleted run").inc()
        told = f"the run was deleted on {gone.at:%d %b %Y}: what is reported of it is no longer kept"
        return {"next": batch.first + batch.count, "errors": [{"seq": batch.first, "error": told}]}
    if not (reporters.owns(run, who) or sees_run(reporters.sight_of(session, who, now=now), run)):
        raise Forbidden("This run is another project's or somebody else's: each run has an id of its own.")
    stream = rows.lock_stream(session, batch.stream, run.id or 0)
    if stream.run_id != run.id:
        raise BadInput("This stream belongs to another run: each spool file has an id of its own.")
    if not is_first:  # ours alone until we commit
        # Held before anything else of it is touched, as a group does: nobody then waits for each other in a ring.
        session.refresh(run, with_for_update={"key_share": True})
    if batch.first + batch.count <= stream.next_seq:
        figures.BATCHES.labels(outcome="repeated").inc()
        return _answer(session, run, project, who, stream.next_seq, [], now=now)
    if batch.first != stream.next_seq:
        figures.BATCHES.labels(outcome="not the next").inc()
        return {"next": stream.next_seq}
    offset = now.timestamp() - batch.sent_at
    figures.LAG.observe(max(0.0, min(abs(offset), 3600.0)))
    figures.BATCHES.labels(outcome="taken").inc()
    intake = Intake(session=session, run=run, now=now, offset=offset, stream=batch.stream)
    errors = _events(intake, batch.events, who) + _series(intake, batch)
    rows.advance_stream(session, stream, batch.first + batch.count, clock_offset=offset)
    _tell(intake, services, batch)
    near = questions.ask_spelling(session, run, project, now=now) if is_new else None
    answer = _answer(session, run, project, who, stream.next_seq, errors, now=now)
    answer["run"] |= {"new_project": is_new, "nearest_project": near}
    return answer


def beat(session: Session, heartbeat: wire.Heartbeat, who: Bearer, services: Services) -> dict[str, str]:
    """A sign of life; a run never heard of is answered kindly, its records are on their way. So is one of others."""
    now = services.now()
    run = rows.find_run(session, heartbeat.run)
    # Looked up for what is missing too: neither takes longer.
    sight = reporters.sight_of(session, who, now=now)
    if run is None or not (reporters.owns(run, who) or sees_run(sight, run)):
        return {"state": "unknown"}
    readings = wire.storable(heartbeat.readings)
    runs.alive(session, run, now=now, next_in=heartbeat.next_in, readings=readings)
    return {"state": run.state}


def _tell(intake: Intake, services: Services, batch: wire.Batch) -> None:
    """Announce a new run, refresh a known one, then say what happened to it."""
    session, run, now = intake.session, intake.run, intake.now
    kinds = {str(event.get("t")) for event in batch.events}
    if not run.announced.get("start"):
        run.announced = run.announced | {"start": now.isoformat()}
        runs.announce(session, run, default_channel=services.default_channel, now=now)
    elif batch.series or kinds & {"config", "progress", "tags", "code", "dataset", "summary", "name"}:
        runs.refresh(session, run, now=now)
    for say in intake.later:
        say()
    ending = next((e for e in reversed(batch.events) if e.get("t") in ("exit", "finish")), None)
    if ending is not None:
        _end(intake, ending)
    elif "progress" not in kinds:
        # The start promises the next sign of life; after that heartbeats do.
        runs.alive(session, run, now=now, next_in=max([30.0, *map(wire.promise, batch.events)]))


def _end(intake: Intake, raw: Mapping[str, Any]) -> None:
    session, run, now = intake.session, intake.run, intake.now
    try:
        said = wire.parse_event(raw)
    except BadInput:
        return  # named among the batch's errors already
    at = wire.moment(said.at, _shift(intake)) if isinstance(said, wire.Exit | wire.Finish) else now
    if isinstance(said, wire.Exit):
        ending = redact_all(said.model_dump(exclude={"at", "state"}, exclude_none=True))
        runs.end(
            session,
            run,
            state=said.state,
            ending={k: v for k, v in ending.items() if k not in ("t", "seq")},
            now=now,
            at=at,
        )
    elif isinstance(said, wire.Finish) and not (said.failed or said.exit_code):
        runs.end(session, run, state="finished", ending={"exit_code": said.exit_code}, now=now, at=at)
    elif isinstance(said, wire.Finish) and run.state == "running":
        # How and why follows with the sidecar's `exit`; should that never come, the sweep tells what is known.
        run.ending = {"exit_code": said.exit_code}
        runs.alive(session, run, now=now, next_in=0)


def _events(intake: Intake, events: list[dict[str, Any]], who: Bearer) -> list[dict[str, Any]]:
    errors = []
    for raw in sorted(
        events, key=lambda event: event.get("seq", 0) if isinstance(event.get("seq"), int) else 0
    ):
        try:
            event = wire.parse_event(raw)
            if isinstance(event, wire.Start):
                _start(intake, event, who)
            else:
                HANDLERS[type(event)](intake, event, raw)
        except BadInput as problem:
            errors.append({"seq": raw.get("seq"), "error": str(problem)})
            if raw.get("t") == "start" and raw.get("visibility") == "me":
                intake.run.visibility = "me"  # whatever else is wrong with it, it was to be private
    return errors


def _series(intake: Intake, batch: wire.Batch) -> list[dict[str, Any]]:
    columns, wrong = wire.parse_columns(batch.series)
    series = on_our_clock(columns, intake.offset)
    figures.POINTS.inc(append_metrics(intake.session, intake.run.id or 0, series, at=intake.now))
    return [{"seq": None, "error": problem} for problem in wrong]


# Seconds; below it the trainer's clock is as good as ours and the network's delay is most of it.
CLOCK_SLACK = 5.0


def on_our_clock(columns: Mapping[str, wire.Columns], offset: float) -> Mapping[str, wire.Columns]:
    """Points with their times as our clock had them, where the trainer's is far off."""
    if abs(offset) <= CLOCK_SLACK:
        return columns
    return {name: (steps, [at + offset for at in times], values) for name, (steps, times, values) in columns.items()}  # fmt: skip


def _start(intake: Intake, event: wire.Start, who: Bearer) -> None:
    session, run = intake.session, intake.run
    if event.resumed and run.announced.get("start"):
        runs.resume(session, run, now=intake.now)
    else:
        run.started_at = wire.moment(event.at, _shift(intake))
    run.name = event.name or run.name
    run.entry, run.host, run.login = (
        event.entry or run.entry,
        event.host or run.host,
        event.login or run.login,
    )
    run.group, run.visibility = event.group or run.group, event.visibility
    run.intent = redact(event.notes) if event.notes else run.intent
    owner = (
        session.get(Person, who.person_id)
        if who.person_id
        else people.by_login(session, event.login, now=intake.now)
    )
    run.owner_id = owner.id if owner else run.owner_id
    session.add(run)
    session.flush()
    rows.put_params(session, run.id or 0, redact_all(wire.flatten(event.config)))
    rows.put_tags(session, run.id or 0, add=event.tags)
    if event.fork_of and (parent := rows.find_named(session, run, event.fork_of)):
        run.parent_id, run.parent_source = parent.id, "fork_of"
    if event.notes and run.intent and not event.resumed:
        _note(intake, run.intent, at=run.started_at)


def _note(intake: Intake, text: str, *, at: datetime) -> None:
    """What the code says about its run is a note of its owner."""
    session, run = intake.session, intake.run
    note = Note(project_id=run.project_id, author_id=run.owner_id, kind="sdk", text=text, said_at=at)
    session.add(note)
    session.flush()
    session.add(NoteRun(note_id=note.id or 0, run_id=run.id or 0))
    session.flush()
    defer(session, "read_note", queue="general", lock=f"note:{note.id}", note_id=note.id)


def _config(intake: Intake, event: wire.Config, _: Mapping[str, Any]) -> None:
    rows.put_params(intake.session, intake.run.id or 0, redact_all(wire.flatten(event.config)))


def _summary(intake: Intake, event: wire.Summary, _: Mapping[str, Any]) -> None:
    intake.run.summary = intake.run.summary | redact_all(event.summary)


def _tags(intake: Intake, event: wire.Tags, _: Mapping[str, Any]) -> None:
    rows.put_tags(intake.session, intake.run.id or 0, add=event.add, remove=event.remove)


def _renamed(intake: Intake, event: wire.Renamed, _: Mapping[str, Any]) -> None:
    intake.run.name = redact(event.name)


def _define(intake: Intake, event: wire.Define, _: Mapping[str, Any]) -> None:
    rows.define_metric(intake.session, intake.run.id or 0, event.metric, goal=event.goal)


def _alert(intake: Intake, event: wire.Alert, raw: Mapping[str, Any]) -> None:
    _keep(intake, event, raw)
    title, body, key = redact(event.title), redact(event.text), f"{intake.stream}:{raw.get('seq')}"

    told = {"title": title, "body": body, "level": event.level, "key": key}
    intake.later.append(lambda: runs.alert(intake.session, intake.run, **told, now=intake.now))


def _warning(intake: Intake, event: wire.Warning_, raw: Mapping[str, Any]) -> None:
    _keep(intake, event, raw)
    key = f"{intake.stream}:{raw.get('seq')}"
    intake.later.append(
        lambda: runs.warn(
            intake.session,
            intake.run,
            resource=event.resource,
            words=redact(event.text),
            key=key,
            now=intake.now,
        )
    )


def _said(intake: Intake, event: wire.NoteSaid, _: Mapping[str, Any]) -> None:
    _note(intake, redact(event.text), at=wire.moment(event.at, _shift(intake)))


def _progress(intake: Intake, event: wire.Progress, _: Mapping[str, Any]) -> None:
    run = intake.run
    run.progress_done, run.progress_total = event.done, event.total
    if event.expect_next_in:
        run.expected_by = intake.now + timedelta(seconds=event.expect_next_in)


def _dataset(intake: Intake, event: wire.Dataset, _: Mapping[str, Any]) -> None:
    rows.put_dataset(
        intake.session,
        intake.run,
        name=event.name,
        fingerprint=event.fingerprint,
        now=intake.now,
        source=redact(event.source) if event.source else None,
        format=event.format,
        rows=event.rows,
        columns=event.columns,
        column_types=event.types,
        size=event.size,
        filters=event.filters,
    )


def _artifact(intake: Intake, event: wire.ArtifactSaid, _: Mapping[str, Any]) -> None:
    known = select(Artifact).where(Artifact.run_id == intake.run.id, Artifact.name == event.name)
    for old in intake.session.exec(known):
        intake.session.delete(old)
    values = redact_all(event.model_dump(exclude={"at"}))  # an address may be signed
    intake.session.add(
        Artifact(run_id=intake.run.id or 0, at=wire.moment(event.at, _shift(intake)), **values)
    )


def _link(intake: Intake, event: wire.LinkSaid, _: Mapping[str, Any]) -> None:
    intake.session.add(
        Link(
            run_id=intake.run.id or 0,
            url=redact(event.url),
            title=event.title and redact(event.title),
            at=intake.now,
        )
    )


def _code(intake: Intake, event: wire.Code, _: Mapping[str, Any]) -> None:
    intake.run.code_id = rows.put_code(intake.session, **redact_all(event.model_dump()))


def _env(intake: Intake, event: wire.Env, _: Mapping[str, Any]) -> None:
    intake.run.environment_id = rows.put_environment(intake.session, **redact_all(event.model_dump()))


def _log_lines(intake: Intake, event: wire.LogLines, _: Mapping[str, Any]) -> None:
    lines = [redact(line) for line in event.lines]
    append_log(
        intake.session,
        intake.run.id or 0,
        source=event.source,
        first_line=event.first_line,
        lines=lines,
        at=intake.now,
    )


def _keep(intake: Intake, event: wire.Event, raw: Mapping[str, Any]) -> None:
    """Kept as it came: alerts, text values, kinds of newer SDKs."""
    del event
    raw = wire.storable(raw)
    at = raw.get("at")
    moment = wire.moment(at, _shift(intake)) if isinstance(at, int | float) else intake.now
    data = {name: value for name, value in redact_all(dict(raw)).items() if name not in ("t", "seq", "at")}
    intake.session.add(
        RunEvent(run_id=intake.run.id or 0, kind=str(raw.get("t"))[:100], at=moment, data=data)
    )


def _nothing(intake: Intake, event: wire.Event, raw: Mapping[str, Any]) -> None:
    """Endings are told after everything else of their batch was taken in."""


Handler = Callable[[Intake, Any, Mapping[str, Any]], None]
HANDLERS: Mapping[type[wire.Event], Handler] = {
    wire.Config: _config,
    wire.Summary: _summary,
    wire.Tags: _tags,
    wire.Define: _define,
    wire.Renamed: _renamed,
    wire.Alert: _alert,
    wire.Warning_: _warning,
    wire.NoteSaid: _said,
    wire.Progress: _progress,
    wire.Dataset: _dataset,
    wire.ArtifactSaid: _artifact,
    wire.LinkSaid: _link,
    wire.Code: _code,
    wire.Env: _env,
    wire.LogLines: _log_lines,
    wire.Finish: _nothing,
    wire.Exit: _nothing,
    wire.Unknown: _keep,
}


def _shift(intake: Intake) -> float:
    return intake.offset if abs(intake.offset) > CLOCK_SLACK else 0.0


def _project(session: Session, name: str, who: Bearer, *, now: datetime) -> tuple[Project, bool]:
    if who.project_id is not None:
        own = session.get(Project, who.project_id)
        if own is None or own.name != name:
            raise Forbidden(
                f"This token is for the project {own.name if own else '?'}, not for {name}. "
                "Set project= to it, or use another token."
            )
        return own, False
    return rows.take_project(session, name, now=now)


def _answer(
    session: Session, run: Run, project: Project, who: Bearer, next_seq: int, errors: list[dict[str, Any]], *, now: datetime
) -> dict[str, Any]:  # fmt: skip
    place = (outbox.sent(session, run.told_in) if run.told_in else None) or {}
    channel = session.get(Channel, place.get("channel") or project.channel_id or "")
    if not reporters.may_know_where(session, project, channel, who, now=now):
        place, channel = {}, None
    told = wire.answer(
        next_seq,
        project=project.name,
        number=run.number,
        name=run.name,
        state=run.state,
        channel=channel.name if channel else None,
        permalink=place.get("permalink"),
    )
    return told | {"errors": errors}
