"""Takes in what live runs send every second, many runs in one transaction: points, lines, progress and signs of life.

Whatever is more than that (a first batch, an end, a bad record, a token or run that is not as it should be) is left to
`ingest`, which takes in one batch a transaction and knows every case.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlmodel import Session

from bot import figures, ingest, outbox, reporters, threads, tokens, wire
from bot.errors import BadInput
from bot.redact import redact
from bot.tokens import Bearer
from bot.wiring import Services
from storage import ingest_together as rows
from storage.ingest_together import KnownStream, SignOfLife
from storage.logs import append_log
from storage.series import append_metrics_of_runs

Json = dict[str, Any]
PROMISE = 30.0  # seconds: a batch promises the next sign of life as a start does


@dataclass(frozen=True, kw_only=True, slots=True)
class Plain:
    """A batch without events but lines and progress, all of it good."""

    header: str | None  # Authorization
    batch: wire.Batch
    columns: dict[str, wire.Columns]
    lines: list[wire.LogLines]
    progress: list[wire.Progress]

    @property
    def run(self) -> str:
        """The id that the SDK chose."""
        return self.batch.run

    @property
    def points(self) -> int:
        """How many points it brings."""
        return sum(len(steps) for steps, _, _ in self.columns.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Beat:
    """A heartbeat whose readings are numbers."""

    header: str | None
    heartbeat: wire.Heartbeat

    @property
    def run(self) -> str:
        """The id that the SDK chose."""
        return self.heartbeat.run

    @property
    def points(self) -> int:
        """None."""
        return 0


def read_batch(body: bytes, header: str | None) -> Plain | None:
    """The batch in a request's body; None when it is not plain."""
    try:
        batch = wire.parse_batch(json.loads(body))
        events = sorted(batch.events, key=lambda event: event["seq"])
        parsed = [wire.parse_event(event) for event in events if event["t"] in ("log", "progress")]
    except (ValueError, RecursionError, BadInput, KeyError, TypeError):
        return None
    columns, wrong = wire.parse_columns(batch.series)
    if wrong or len(parsed) < len(events) or batch.first + batch.count >= 2**63:
        return None
    lines = [one for one in parsed if isinstance(one, wire.LogLines)]
    progress = [one for one in parsed if isinstance(one, wire.Progress)]
    return Plain(header=header, batch=batch, columns=columns, lines=lines, progress=progress)


def read_beat(body: bytes, header: str | None) -> Beat | None:
    """The heartbeat in a request's body; None when it is not plain."""
    try:
        heartbeat = wire.Heartbeat.model_validate_json(body)
    except ValidationError:
        return None
    readings = heartbeat.readings.items()
    plain = all(type(value) in (int, float) and math.isfinite(value) and "\x00" not in name for name, value in readings)  # fmt: skip
    return Beat(header=header, heartbeat=heartbeat) if plain else None


def take_together(session: Session, asked: Sequence[Plain | Beat], services: Services) -> list[Json | None]:
    """Take in what several runs said, each run once; answers in the same order, None for what `ingest` must take in."""
    now = services.now()
    rows.be_brief(session)
    who = tokens.check_together(session, {one.header for one in asked}, scope="write", now=now)
    batches = [one for one in asked if isinstance(one, Plain) and one.header in who]
    beats = [one for one in asked if isinstance(one, Beat) and one.header in who]
    answers = _beats(session, beats, who, now=now) if beats else {}
    if batches:
        answers |= _batches(session, batches, who, now=now)
    return [answers.get(one.run) for one in asked]


def _beats(session: Session, beats: Sequence[Beat], who: dict[str | None, Bearer], *, now: datetime) -> dict[str, Json]:  # fmt: skip
    known = rows.lock_runs(session, [beat.run for beat in beats])
    signs, answers = [], {}
    for beat in beats:
        run = known.get(beat.run)
        if run is None or not reporters.owns(run, who[beat.header]):
            continue
        readings = beat.heartbeat.readings
        signs.append(
            SignOfLife(
                run_id=run.id,
                seen_at=now,
                expected_by=now + timedelta(seconds=beat.heartbeat.next_in),
                readings=readings | {"at": now.timestamp()} if readings else None,
            )
        )
        answers[beat.run] = {"state": "running"}
    if signs:
        rows.live_on(session, signs)
    return answers


def _batches(session: Session, batches: Sequence[Plain], who: dict[str | None, Bearer], *, now: datetime) -> dict[str, Json]:  # fmt: skip
    known = rows.lock_streams(session, [one.batch.stream for one in batches])
    answers: dict[str, Json] = {}
    taken: list[tuple[Plain, KnownStream]] = []
    for one in batches:
        stream, batch = known.get(one.batch.stream), one.batch
        if stream is None or not _is_its_own(one, stream, who[one.header]):
            continue
        after = batch.first + batch.count
        if after <= stream.next_seq:
            figures.BATCHES.labels(outcome="repeated").inc()
            answers[one.run] = _answer(stream, stream.next_seq, who[one.header])
        elif batch.first != stream.next_seq:
            figures.BATCHES.labels(outcome="not the next").inc()
            answers[one.run] = {"next": stream.next_seq}
        else:
            taken.append((one, stream))
            answers[one.run] = _answer(stream, after, who[one.header])
    if taken:
        _write(session, taken, now=now)
    return answers


def _is_its_own(one: Plain, stream: KnownStream, who: Bearer) -> bool:
    """Whether run, project and token belong together, and the run is still told where its project talks."""
    mine = stream.uid == one.run and stream.project == one.batch.project
    mine = mine and reporters.owns(stream, who)  # of the runs of others `ingest` asks who sees them
    # Where a run is told is no secret of an open project; of others `ingest` asks who may know, when it is asked for that alone.
    mine = mine and (_is_open(stream, who) or one.batch.count > 0)
    moved = not stream.is_private and threads.moved_away(stream.project_channel, stream.told_where or "#")
    return mine and not moved


def _is_open(stream: KnownStream, who: Bearer) -> bool:
    return who.person_id is None or (stream.is_open and not who.is_guest)


def _write(session: Session, taken: Sequence[tuple[Plain, KnownStream]], *, now: datetime) -> None:
    offsets = {stream.id: now.timestamp() - one.batch.sent_at for one, stream in taken}
    series = {
        stream.run_id: ingest.on_our_clock(one.columns, offsets[stream.id])
        for one, stream in taken
        if one.columns
    }
    figures.POINTS.inc(append_metrics_of_runs(session, series, at=now))
    for one, stream in taken:
        figures.LAG.observe(max(0.0, min(abs(offsets[stream.id]), 3600.0)))
        figures.BATCHES.labels(outcome="taken").inc()
        for said in one.lines:
            lines = [redact(line) for line in said.lines]
            append_log(session, stream.run_id, source=said.source, first_line=said.first_line, lines=lines, at=now)  # fmt: skip
    rows.advance_streams(
        session,
        {stream.id: (one.batch.first + one.batch.count, offsets[stream.id]) for one, stream in taken},
    )
    rows.live_on(session, [_sign_of_life(one, stream, now=now) for one, stream in taken])
    edits = {
        stream.told_in: (stream.told_where, {"run": stream.run_id, "in": stream.told_in})
        for one, stream in taken
        if stream.told_in and stream.told_where and (one.batch.series or one.progress)
    }
    if edits:
        outbox.edit_together(session, edits, now=now)


def _sign_of_life(one: Plain, stream: KnownStream, *, now: datetime) -> SignOfLife:
    if not one.progress:
        return SignOfLife(run_id=stream.run_id, seen_at=now, expected_by=now + timedelta(seconds=PROMISE))
    promises = [said.expect_next_in for said in one.progress if said.expect_next_in]
    last = one.progress[-1]
    return SignOfLife(
        run_id=stream.run_id,
        expected_by=now + timedelta(seconds=promises[-1]) if promises else None,
        progress=(last.done, last.total),
    )


def _answer(stream: KnownStream, next_seq: int, who: Bearer) -> Json:
    is_open = _is_open(stream, who)
    return wire.answer(
        next_seq,
        project=stream.project,
        number=stream.number,
        name=stream.name,
        state="running",
        channel=stream.channel if is_open else None,
        permalink=stream.permalink if is_open else None,
    )
