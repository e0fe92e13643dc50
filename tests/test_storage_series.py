"""Series keep every point, their summaries know the best and the last, and drawings keep every peak."""

import math
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlmodel import Session, select

from storage.database import Database
from storage.ingest_queries import define_metric, take_project, take_run
from storage.series import LIVE_POINTS, append_metrics, append_metrics_of_runs, merge_chunks, read_series
from storage.tables import MetricSummary

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.fixture
def run_id(session: Session) -> int:
    return new_run(session, "first")


def new_run(session: Session, uid: str) -> int:
    project, _ = take_project(session, "vision", now=NOW)
    run, _ = take_run(session, project, uid, name=uid, now=NOW)
    assert run.id is not None
    return run.id


def append(
    session: Session, run_id: int, values: list[float], *, first: float = 0, name: str = "loss"
) -> None:
    steps = [first + place for place in range(len(values))]
    times = [NOW.timestamp() + step for step in steps]
    append_metrics(session, run_id, {name: (steps, times, values)}, at=NOW)


def summary(session: Session, run_id: int, name: str = "loss") -> MetricSummary:
    session.expire_all()
    return session.exec(
        select(MetricSummary).where(MetricSummary.run_id == run_id, MetricSummary.name == name)
    ).one()


def chunks(session: Session) -> int:
    return int(session.connection().execute(text("SELECT count(*) FROM metric_chunk")).scalar_one())


def test_a_batch_is_read_as_it_was_written(session: Session, run_id: int) -> None:
    series = {"loss": ([1, 2], [1.5, 2.5], [0.25, 0.125]), "acc": ([1], [1.5], [0.9]), "none": ([], [], [])}
    assert append_metrics(session, run_id, series, at=NOW) == 3
    read = read_series(session, run_id, "loss")
    assert (read.steps, read.times, read.values) == ([1.0, 2.0], [1.5, 2.5], [0.25, 0.125])
    assert read_series(session, run_id, "acc").values == [0.9]
    assert read_series(session, run_id, "none").values == []


def test_the_summary_knows_count_last_and_both_extremes_with_their_steps(
    session: Session, run_id: int
) -> None:
    append(session, run_id, [3.0, 1.0, 2.0])
    append(session, run_id, [4.0, 0.5, 0.75], first=3)
    found = summary(session, run_id)
    assert (found.count, found.last, found.last_step) == (6, 0.75, 5)
    assert found.last_at == NOW + timedelta(seconds=5)
    assert (found.min, found.min_step, found.max, found.max_step) == (0.5, 4, 4.0, 3)


def test_the_first_of_equal_extremes_is_the_best_step(session: Session, run_id: int) -> None:
    append(session, run_id, [1.0, 1.0])
    append(session, run_id, [1.0], first=2)
    found = summary(session, run_id)
    assert (found.min_step, found.max_step) == (0, 0)


def test_an_older_batch_of_a_second_stream_does_not_become_the_last_value(
    session: Session, run_id: int
) -> None:
    append(session, run_id, [1.0], first=9)
    append(session, run_id, [2.0], first=5)
    found = summary(session, run_id)
    assert (found.last, found.last_step, found.count) == (1.0, 9, 2)


def test_nan_and_infinity_are_kept_but_never_best(session: Session, run_id: int) -> None:
    append(session, run_id, [math.nan, math.inf])
    assert (summary(session, run_id).min, summary(session, run_id).max) == (None, None)
    append(session, run_id, [2.0, -math.inf, 1.0, math.nan], first=2)
    found = summary(session, run_id)
    assert (found.min, found.min_step, found.max, found.max_step, found.count) == (1.0, 4, 2.0, 2, 6)
    assert found.last is not None
    assert math.isnan(found.last)
    assert [str(value) for value in read_series(session, run_id, "loss").values] == [
        "nan",
        "inf",
        "2.0",
        "-inf",
        "1.0",
        "nan",
    ]


def test_a_goal_may_be_declared_before_or_after_the_points(session: Session, run_id: int) -> None:
    define_metric(session, run_id, "loss", goal="min")
    append(session, run_id, [2.0])
    assert (summary(session, run_id).goal, summary(session, run_id).min) == ("min", 2.0)
    define_metric(session, run_id, "loss", goal="max")
    assert (summary(session, run_id).goal, summary(session, run_id).count) == ("max", 1)


def test_a_clock_gone_mad_spoils_nothing(session: Session, run_id: int) -> None:
    append_metrics(session, run_id, {"loss": ([1, 2], [1e300, -1e300], [0.5, 0.5])}, at=NOW)
    assert summary(session, run_id).last_at == datetime(1970, 1, 1, tzinfo=UTC)


def test_many_runs_are_stored_in_one_go(session: Session) -> None:
    runs = {new_run(session, f"run-{n}"): {"loss": ([1], [1.0], [float(n)])} for n in range(3)}
    assert append_metrics_of_runs(session, runs, at=NOW) == 3
    assert [read_series(session, run_id, "loss").values for run_id in runs] == [[0.0], [1.0], [2.0]]


def test_merging_leaves_few_chunks_and_every_point(session: Session, run_id: int) -> None:
    for batch in range(30):
        append(session, run_id, [float(batch), math.nan], first=2 * batch)
        append(session, run_id, [1.0], first=batch, name="acc")
    before = read_series(session, run_id, "loss")
    for _ in range(2):
        merge_chunks(session, run_id)
        assert chunks(session) == 2
    after = read_series(session, run_id, "loss")
    assert (after.steps, after.times) == (before.steps, before.times)
    assert str(after.values) == str(before.values)
    append(session, run_id, [7.0], first=60)  # the run came back
    assert read_series(session, run_id, "loss").values[-1] == 7.0


def test_a_large_series_is_cut_into_several_chunks(session: Session, run_id: int) -> None:
    for batch in range(5):
        append(session, run_id, [0.5] * 15_000, first=15_000 * batch)
    append(session, run_id, [0.5] * 10, first=75_000)
    for _ in range(20):
        append(session, run_id, [0.5], first=80_000)
    merge_chunks(session, run_id)
    assert chunks(session) == 4
    assert len(read_series(session, run_id, "loss").steps) == 75_011


def test_a_live_run_that_logs_point_by_point_does_not_pile_up_chunks(session: Session, run_id: int) -> None:
    for step in range(2 * LIVE_POINTS + 10):
        append(session, run_id, [float(step)], first=step)
    assert chunks(session) < LIVE_POINTS / 10
    assert read_series(session, run_id, "loss").values == [
        float(step) for step in range(2 * LIVE_POINTS + 10)
    ]


def test_steps_logged_again_by_a_resumed_run_replace_the_old_ones(session: Session, run_id: int) -> None:
    append(session, run_id, [1.0, 2.0, 3.0, 4.0])
    append(session, run_id, [30.0, 40.0, 50.0], first=2)
    read = read_series(session, run_id, "loss")
    assert (read.steps, read.values) == ([0, 1, 2, 3, 4], [1.0, 2.0, 30.0, 40.0, 50.0])
    assert summary(session, run_id).count == 7


def test_a_thinned_series_keeps_its_ends_its_peak_and_its_dip(session: Session, run_id: int) -> None:
    values = [math.sin(step / 50) for step in range(5_000)]
    values[1234], values[4321] = 9.0, -9.0
    append(session, run_id, values)
    read = read_series(session, run_id, "loss", max_points=60)
    assert len(read.steps) <= 60
    assert read.steps == sorted(read.steps)
    assert (read.steps[0], read.steps[-1]) == (0, 4999)
    assert (max(read.values), min(read.values)) == (9.0, -9.0)
    assert read_series(session, run_id, "loss", max_points=5_000).values == values


def test_two_streams_of_one_run_and_its_merging_do_not_lose_points(database: Database) -> None:
    with database.session() as session:
        run_id = new_run(session, "shared")
    names = [f"metric/{n}" for n in range(8)]

    def send(stream: int) -> None:
        for batch in range(20):
            step = 2 * batch + stream
            order = names if stream else reversed(names)
            with database.session() as session:
                append_metrics(session, run_id, {name: ([step], [step], [step]) for name in order}, at=NOW)
                if batch % 5 == 4:
                    merge_chunks(session, run_id)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(send, range(2)))
    with database.session() as session:
        merge_chunks(session, run_id)
        for name in names:
            assert read_series(session, run_id, name).values == [float(step) for step in range(40)]
            assert summary(session, run_id, name).count == 40


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.lists(st.floats(width=32), max_size=8), min_size=1, max_size=6),
    max_points=st.integers(min_value=2, max_value=20),
)
def test_any_batches_add_up_to_their_summary(
    session: Session, batches: list[list[float]], max_points: int
) -> None:
    run_id = new_run(session, uuid4().hex)
    first = 0
    for batch in batches:
        append(session, run_id, batch, first=first)
        first += len(batch)
    values = [value for batch in batches for value in batch]
    read = read_series(session, run_id, "loss")
    assert str(read.values) == str(values)
    thinned = read_series(session, run_id, "loss", max_points)
    assert len(thinned.steps) <= max_points
    assert set(thinned.steps) <= set(read.steps)
    if values:
        finite = [value for value in values if math.isfinite(value)]
        found = summary(session, run_id)
        assert found.count == len(values)
        assert (found.min, found.max) == (min(finite, default=None), max(finite, default=None))
