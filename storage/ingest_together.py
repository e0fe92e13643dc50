"""What taking in batches of many runs in one transaction needs: rows locked, written and acknowledged by one statement each.

Rows that somebody else holds are passed over, so that a group waits for nobody it could wait for in a ring; its caller
takes those batches in one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb
from sqlmodel import Session

from storage.series import cursor_of

# What a group may still have to wait for (a row of `metric_summary`, an edit that is being rendered), milliseconds.
LOCK_TIMEOUT = 2000

_PATIENCE = "SELECT set_config('lock_timeout', %s, true)"
# Of runs that live and were announced: whatever else a batch may bring about is then told already.
_LOCK_STREAMS = """
SELECT stream.id, stream.next_seq, run.id, run.uid, run.project_id, project.name, run.number, run.name,
    run.told_in, run.visibility = 'me', project.channel_id,
    told.result->>'channel', coalesce(told.result->>'channel', told.body->>'channel'), told.result->>'permalink',
    channel.name, run.owner_id, project.openness = 'open' AND NOT coalesce(channel.is_private, false)
FROM stream JOIN run ON run.id = stream.run_id JOIN project ON project.id = run.project_id
LEFT JOIN outbox told ON told.key = run.told_in
LEFT JOIN channel ON channel.id = coalesce(told.result->>'channel', project.channel_id)
WHERE stream.id = ANY(%s) AND run.state = 'running' AND run.announced ? 'start'
ORDER BY run.id, stream.id FOR NO KEY UPDATE OF stream, run SKIP LOCKED
"""
_LOCK_RUNS = """
SELECT uid, id, project_id, owner_id FROM run WHERE uid = ANY(%s) AND state = 'running'
ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
"""
_ADVANCE = """
UPDATE stream SET next_seq = new.next_seq, clock_offset = new.clock_offset
FROM unnest(%s::text[], %s::bigint[], %s::float8[]) AS new (id, next_seq, clock_offset) WHERE stream.id = new.id
"""
_LIVE_ON = """
UPDATE run SET last_seen_at = coalesce(new.seen_at, run.last_seen_at),
    expected_by = coalesce(new.expected_by, run.expected_by),
    readings = coalesce(new.readings, run.readings),
    progress_done = CASE WHEN new.progressed THEN new.done ELSE run.progress_done END,
    progress_total = CASE WHEN new.progressed THEN new.total ELSE run.progress_total END
FROM unnest(
    %s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::jsonb[], %s::bool[], %s::float8[], %s::float8[]
) AS new (id, seen_at, expected_by, readings, progressed, done, total) WHERE run.id = new.id
"""
# Whoever takes such an edit in hand waits until our points are there to be shown.
_LOCK_WAITING_EDITS = (
    "SELECT key FROM outbox WHERE key = ANY(%s) AND state = 'waiting' ORDER BY key FOR KEY SHARE"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownStream:
    """A stream of a live run, locked, with what an answer says about its run."""

    id: str
    next_seq: int
    run_id: int
    uid: str
    project_id: int
    project: str
    number: int
    name: str
    told_in: str | None
    is_private: bool
    project_channel: str | None
    sent_to: str | None  # the channel where its message is
    told_where: str | None  # the same, or where it is about to be
    permalink: str | None
    channel: str | None  # its name
    owner_id: int | None
    is_open: bool  # to everybody but guests


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownRun:
    """A live run, locked."""

    uid: str
    id: int
    project_id: int
    owner_id: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SignOfLife:
    """What changes in a live run's row; None leaves a column as it is."""

    run_id: int
    seen_at: datetime | None = None
    expected_by: datetime | None = None
    readings: Mapping[str, Any] | None = None
    progress: tuple[float, float | None] | None = None  # done, total


def be_brief(session: Session) -> None:
    """What this transaction has to wait for too long is an error (`LOCK_TIMEOUT`)."""
    cursor_of(session).execute(_PATIENCE, [str(LOCK_TIMEOUT)])


def lock_streams(session: Session, ids: Sequence[str]) -> dict[str, KnownStream]:
    """These streams and their runs, ours alone until the transaction ends; what others hold is left out."""
    rows = cursor_of(session).execute(_LOCK_STREAMS, [list(ids)]).fetchall()
    names = KnownStream.__slots__
    return {row[0]: KnownStream(**dict(zip(names, row, strict=True))) for row in rows}


def lock_runs(session: Session, uids: Sequence[str]) -> dict[str, KnownRun]:
    """The live ones of these runs, ours alone until the transaction ends; what others hold is left out."""
    rows = cursor_of(session).execute(_LOCK_RUNS, [list(uids)]).fetchall()
    return {row[0]: KnownRun(**dict(zip(KnownRun.__slots__, row, strict=True))) for row in rows}


def advance_streams(session: Session, places: Mapping[str, tuple[int, float]]) -> None:
    """Acknowledge everything before `next_seq`, and keep the clocks' offset: {stream: (next_seq, seconds)}."""
    nexts, offsets = zip(*places.values(), strict=True)
    cursor_of(session).execute(_ADVANCE, [list(places), list(nexts), list(offsets)])


def live_on(session: Session, signs: Sequence[SignOfLife]) -> None:
    """Write signs of life of runs that are locked."""
    columns: list[list[Any]] = [
        [sign.run_id for sign in signs],
        [sign.seen_at for sign in signs],
        [sign.expected_by for sign in signs],
        [Jsonb(sign.readings) if sign.readings else None for sign in signs],
        [sign.progress is not None for sign in signs],
        [sign.progress[0] if sign.progress else None for sign in signs],
        [sign.progress[1] if sign.progress else None for sign in signs],
    ]
    cursor_of(session).execute(_LIVE_ON, columns)


def edits_that_wait(session: Session, keys: Sequence[str]) -> set[str]:
    """Which of these edits wait to be sent; they are not sent before the transaction ends."""
    return {key for (key,) in cursor_of(session).execute(_LOCK_WAITING_EDITS, [sorted(keys)]).fetchall()}
