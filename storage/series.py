"""Metric series in chunks: appended in bulk, summarised as they come, merged, and read for drawing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from sqlmodel import Session

from storage.float_arrays import cursor_with_arrays

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
Columns = tuple[Sequence[float] | Floats, Sequence[float] | Floats, Sequence[float] | Floats]

CHUNK_POINTS = 20_000  # points of a merged chunk
LIVE_POINTS = 1_000  # so many points that came in small chunks are merged while the run is still alive
LATEST_TIME = 253_402_300_799.0  # the end of the year 9999: a trainer's clock may say anything

_COPY = "COPY metric_chunk (at, run_id, name, steps, times, values) FROM STDIN (FORMAT BINARY)"
_COPY_TYPES = ["timestamptz", "int8", "varchar", "float8[]", "float8[]", "float8[]"]

# What has no finite value comes as infinite extremes at step NaN.
_SUMMARISE = """
INSERT INTO metric_summary AS old
    (run_id, name, count, last, last_step, last_at, min, min_step, max, max_step)
SELECT run_id, name, count, last, last_step, to_timestamp(last_at),
    nullif(min, 'infinity'), nullif(min_step, 'nan'), nullif(max, '-infinity'), nullif(max_step, 'nan')
FROM unnest(
    %s::bigint[], %s::text[], %s::bigint[], %s, %s, %s, %s, %s, %s, %s
) AS new (run_id, name, count, last, last_step, last_at, min, min_step, max, max_step)
ON CONFLICT (run_id, name) DO UPDATE SET
    count = old.count + excluded.count,
    last = CASE WHEN old.last_at > excluded.last_at THEN old.last ELSE excluded.last END,
    last_step = CASE WHEN old.last_at > excluded.last_at THEN old.last_step ELSE excluded.last_step END,
    last_at = greatest(old.last_at, excluded.last_at),
    min = least(old.min, excluded.min),
    min_step = CASE WHEN excluded.min >= old.min OR excluded.min IS NULL THEN old.min_step ELSE excluded.min_step END,
    max = greatest(old.max, excluded.max),
    max_step = CASE WHEN excluded.max <= old.max OR excluded.max IS NULL THEN old.max_step ELSE excluded.max_step END
RETURNING run_id, name, count
"""

_READ = """
SELECT steps, times, values FROM metric_chunk WHERE run_id = %s AND name = %s ORDER BY at, id
"""
_SCATTERED = """
SELECT chunk.name FROM metric_chunk chunk JOIN metric_summary USING (run_id, name)
WHERE run_id = %s GROUP BY chunk.name, metric_summary.count
HAVING count(*) > 1 + 2 * metric_summary.count / %s ORDER BY chunk.name
"""
# The stored size is looked at without reading the points.
_TAKE_OUT = """
WITH taken AS (
    DELETE FROM metric_chunk WHERE run_id = %s AND name = %s AND pg_column_size(steps) < %s
    RETURNING id, at, steps, times, values
)
SELECT at, steps, times, values FROM taken ORDER BY at, id
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """A metric over a run, ordered by step; of a step logged again the last value counts."""

    steps: list[float]
    times: list[float]  # unix seconds
    values: list[float]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Chunk:
    run_id: int
    name: str
    steps: Floats
    times: Floats
    values: Floats


def append_metrics(session: Session, run_id: int, series: Mapping[str, Columns], *, at: datetime) -> int:
    """Store a batch of one run, `{name: (steps, times, values)}`; return the number of points."""
    return append_metrics_of_runs(session, {run_id: series}, at=at)


def append_metrics_of_runs(
    session: Session, runs: Mapping[int, Mapping[str, Columns]], *, at: datetime
) -> int:
    """Store batches of many runs in one go; NaN and infinities are kept, but are nobody's best."""
    # Sorted, so that two streams of one run lock rows in the same order and never wait for each other in a ring.
    chunks = [
        _Chunk(run_id=run_id, name=name, steps=_floats(steps), times=_floats(times), values=_floats(values))
        for run_id, series in sorted(runs.items())
        for name, (steps, times, values) in sorted(series.items())
        if len(steps)
    ]
    if not chunks:
        return 0
    cursor = cursor_of(session)
    _copy(cursor, chunks, at=at)
    counts = _summarise(cursor, chunks)
    for chunk in chunks:
        before, points = counts[chunk.run_id, chunk.name] - len(chunk.steps), len(chunk.steps)
        if points < LIVE_POINTS and (before + points) // LIVE_POINTS > before // LIVE_POINTS:
            _merge(cursor, chunk.run_id, chunk.name, smaller_than=LIVE_POINTS)
    return sum(len(chunk.steps) for chunk in chunks)


def merge_chunks(session: Session, run_id: int) -> None:
    """Rewrite a run's series as few large chunks; nothing is lost, so it may be done at any time and again."""
    cursor = cursor_of(session)
    for (name,) in cursor.execute(_SCATTERED, [run_id, CHUNK_POINTS]).fetchall():
        _merge(cursor, run_id, name, smaller_than=CHUNK_POINTS)


def read_series(session: Session, run_id: int, name: str, max_points: int | None = None) -> Series:
    """A run's metric; thinned to `max_points` so that every peak and dip still shows."""
    rows = cursor_of(session).execute(_READ, [run_id, name]).fetchall()
    if not rows:
        return Series(steps=[], times=[], values=[])
    steps, times, values = (np.concatenate(column) for column in zip(*rows, strict=True))
    kept = _by_step(steps)
    if max_points is not None and len(kept) > max_points:
        kept = kept[_extremes(values[kept], max_points)]
    return Series(steps=steps[kept].tolist(), times=times[kept].tolist(), values=values[kept].tolist())


def _by_step(steps: Floats) -> Places:
    """Indices in the order of steps, the last of equal ones: what a resumed run repeats replaces what it had."""
    if len(steps) < 2 or bool(np.all(np.diff(steps) > 0)):
        return np.arange(len(steps))
    order = np.argsort(steps, kind="stable")
    last_of_step = np.append(np.diff(steps[order]) > 0, True)
    return np.asarray(order[last_of_step])


def _extremes(values: Floats, max_points: int) -> Places:
    """Indices of the least and the greatest of each of `max_points / 2` stretches, and of both ends."""
    edges = np.linspace(1, len(values) - 1, max(1, (max_points - 2) // 2) + 1).astype(int)
    chosen = {0, len(values) - 1}
    for start, end in pairwise(edges.tolist()):
        stretch = values[start:end]
        shown = np.flatnonzero(np.isfinite(stretch))
        if len(shown):
            chosen |= {
                int(start + shown[stretch[shown].argmin()]),
                int(start + shown[stretch[shown].argmax()]),
            }
    return np.array(sorted(chosen)[:max_points])


def _merge(cursor: psycopg.Cursor[Any], run_id: int, name: str, *, smaller_than: int) -> None:
    rows = cursor.execute(_TAKE_OUT, [run_id, name, smaller_than * 8]).fetchall()
    if not rows:
        return
    at, *columns = zip(*rows, strict=True)
    steps, times, values = (np.concatenate(column) for column in columns)
    pieces = [slice(start, start + CHUNK_POINTS) for start in range(0, len(steps), CHUNK_POINTS)]
    merged = [
        _Chunk(run_id=run_id, name=name, steps=steps[piece], times=times[piece], values=values[piece])
        for piece in pieces
    ]
    _copy(cursor, merged, at=at[0])


def _copy(cursor: psycopg.Cursor[Any], chunks: Iterable[_Chunk], *, at: datetime) -> None:
    with cursor.copy(_COPY) as copy:
        copy.set_types(_COPY_TYPES)
        for chunk in chunks:
            copy.write_row((at, chunk.run_id, chunk.name, chunk.steps, chunk.times, chunk.values))


def _summarise(cursor: psycopg.Cursor[Any], chunks: Sequence[_Chunk]) -> dict[tuple[int, str], int]:
    lengths = np.array([len(chunk.steps) for chunk in chunks])
    steps = np.concatenate([chunk.steps for chunk in chunks])
    values = np.concatenate([chunk.values for chunk in chunks])
    last = lengths.cumsum() - 1
    last_times = np.array([chunk.times[-1] for chunk in chunks]).clip(0, LATEST_TIME)
    numbers = (values[last], steps[last], last_times, *_least(values, steps, lengths))
    highest, highest_steps = _least(-values, steps, lengths)
    keys = [chunk.run_id for chunk in chunks], [chunk.name for chunk in chunks], lengths.tolist()
    rows = cursor.execute(_SUMMARISE, [*keys, *numbers, -highest, highest_steps]).fetchall()
    return {(run_id, name): count for run_id, name, count in rows}


def _least(values: Floats, steps: Floats, lengths: Places) -> tuple[Floats, Floats]:
    """The least finite value of each stretch and its first step; infinite and NaN where there is none."""
    starts = lengths.cumsum() - lengths
    finite = np.where(np.isfinite(values), values, np.inf)
    least = np.minimum.reduceat(finite, starts)
    is_least = np.isfinite(finite) & (finite == np.repeat(least, lengths))
    first = np.minimum.reduceat(np.where(is_least, np.arange(len(values)), len(values)), starts)
    return least, np.append(steps, np.nan)[first]


def _floats(numbers: Sequence[float] | Floats) -> Floats:
    return np.asarray(numbers, dtype=np.float64)


def cursor_of(session: Session) -> psycopg.Cursor[Any]:
    """A cursor inside the session's transaction, past what SQLAlchemy would make of millions of numbers."""
    connection = session.connection().connection.driver_connection
    if not isinstance(connection, psycopg.Connection):
        raise TypeError(f"Series need psycopg, not {type(connection).__name__}: check the database URL.")
    return cursor_with_arrays(connection)
