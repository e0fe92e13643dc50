"""What ingest finds or makes: one project per name, one run per id, numbers without gaps, versions stored once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlmodel import Session, select

from storage.database import Database
from storage.ingest_queries import (
    advance_stream,
    lock_stream,
    nearest_project,
    put_code,
    put_dataset,
    put_environment,
    put_params,
    put_tags,
    take_project,
    take_run,
)
from storage.tables import CodeVersion, DatasetVersion, Param, Run, RunDataset, Tag

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.fixture
def run(session: Session) -> Run:
    project, _ = take_project(session, "vision", now=NOW)
    return take_run(session, project, "first", name="brave-otter", now=NOW)[0]


def test_a_project_is_made_once(session: Session) -> None:
    project, new = take_project(session, "vision", now=NOW)
    again, new_again = take_project(session, "vision", now=NOW)
    assert (new, new_again) == (True, False)
    assert again.id == project.id


@pytest.mark.parametrize(("name", "nearest"), [("vison", "vision"), ("Vision", "vision"), ("speech", None)])
def test_the_nearest_spelling_of_a_new_project_is_found(
    session: Session, name: str, nearest: str | None
) -> None:
    known, _ = take_project(session, "vision", now=NOW)
    near = nearest_project(name, [known])
    assert (near.name if near else None) == nearest


def test_a_name_that_was_a_misspelling_leads_to_the_right_project(session: Session) -> None:
    right, _ = take_project(session, "vision", now=NOW)
    wrong, _ = take_project(session, "vison", now=NOW)
    wrong.settings = {"means": right.id}
    assert take_project(session, "vison", now=NOW) == (right, False)


def test_runs_are_numbered_per_project(session: Session) -> None:
    numbers = []
    for name, uid in (("vision", "a"), ("speech", "b"), ("vision", "c"), ("vision", "a")):
        project, _ = take_project(session, name, now=NOW)
        run, new = take_run(session, project, uid, name=uid, now=NOW)
        numbers.append((run.number, new))
    assert numbers == [(1, True), (1, True), (2, True), (1, False)]


def test_runs_that_start_at_once_get_different_numbers_without_gaps(database: Database) -> None:
    def start(uid: str) -> int:
        with database.session() as session:
            project, _ = take_project(session, "vision", now=NOW)
            return take_run(session, project, uid, name=uid, now=NOW)[0].number

    with ThreadPoolExecutor(6) as pool:
        numbers = list(pool.map(start, [f"run-{n // 2}" for n in range(24)]))  # every run is started twice
    assert sorted(numbers) == sorted(2 * list(range(1, 13)))
    assert numbers[::2] == numbers[1::2]


def test_a_stream_begins_at_nothing_and_moves_on(session: Session, run: Run) -> None:
    stream = lock_stream(session, "ab12", run.id or 0)
    assert (stream.next_seq, stream.run_id) == (0, run.id)
    advance_stream(session, stream, 102, clock_offset=-1.5)
    again = lock_stream(session, "ab12", run.id or 0)
    assert (again.next_seq, again.clock_offset) == (102, -1.5)


def test_a_batch_delivered_many_times_at_once_is_taken_once(database: Database) -> None:
    def deliver(_: int) -> bool:
        with database.session() as session:
            project, _new = take_project(session, "vision", now=NOW)
            run, _new = take_run(session, project, "first", name="first", now=NOW)
            stream = lock_stream(session, "ab12", run.id or 0)
            if stream.next_seq:
                return False
            advance_stream(session, stream, 10, clock_offset=0)
            return True

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(deliver, range(12))).count(True) == 1


def test_the_last_value_of_a_param_counts_and_numbers_can_be_compared(session: Session, run: Run) -> None:
    put_params(session, run.id or 0, {"lr": 3e-4, "model": "resnet50", "amp": True, "seed": 10**400})
    put_params(
        session, run.id or 0, {"lr": 1e-4, "clip": float("nan"), "layers": [1, float("inf")], "none": None}
    )
    put_params(session, run.id or 0, {})
    params = {param.name: (param.value, param.number) for param in session.exec(select(Param))}
    assert params == {
        "lr": (1e-4, 1e-4),
        "model": ("resnet50", None),
        "amp": (True, None),
        "seed": (10**400, None),
        "clip": ("nan", None),
        "layers": ([1, "inf"], None),
        "none": (None, None),
    }


def test_more_params_than_one_statement_takes_are_kept(session: Session, run: Run) -> None:
    put_params(session, run.id or 0, {f"param{number}": number for number in range(20_000)})
    assert len(session.exec(select(Param.name)).all()) == 20_000


def test_tags_are_added_once_and_removed(session: Session, run: Run) -> None:
    put_tags(session, run.id or 0, add=["baseline", "old", "baseline"])
    put_tags(session, run.id or 0, add=["baseline", "new"], remove=["old", "unknown"])
    assert sorted(tag.name for tag in session.exec(select(Tag))) == ["baseline", "new"]


def test_a_code_version_is_stored_once_however_many_runs_share_it(session: Session) -> None:
    first = put_code(session, commit="abc", dirty=True, diff="+x\x00")
    assert put_code(session, dirty=True, diff="+x\x00", commit="abc") == first
    assert put_code(session, commit="abc", dirty=True, diff="+y") != first
    assert session.get_one(CodeVersion, first).diff == "+x"


def test_an_environment_is_stored_once(session: Session) -> None:
    first = put_environment(session, python="3.11.7", libraries={"torch": "2.4", "numpy": "2.0"}, host="gpu1")
    assert (
        put_environment(session, python="3.11.7", libraries={"numpy": "2.0", "torch": "2.4"}, host="gpu1")
        == first
    )
    assert put_environment(session, python="3.11.7", libraries={"numpy": "2.1"}, host="gpu1") != first


def test_a_dataset_version_is_shared_by_the_runs_that_read_it(session: Session, run: Run) -> None:
    project, _ = take_project(session, "vision", now=NOW)
    other, _ = take_run(session, project, "second", name="second", now=NOW)
    for reader in (run, other, run):
        put_dataset(
            session, reader, name="cifar", fingerprint="f1", now=NOW, rows=50_000, column_types={"x": "f8"}
        )
    put_dataset(session, run, name="cifar", fingerprint="f2", now=NOW)
    assert [(each.fingerprint, each.rows) for each in session.exec(select(DatasetVersion))] == [
        ("f1", 50_000),
        ("f2", None),
    ]
    assert len(session.exec(select(RunDataset)).all()) == 3
