"""The spool: what was written is read back, whatever happened to the file's tail or middle."""

from __future__ import annotations

import math
import os
import struct
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from runlore import batches, records
from runlore.batches import Source
from runlore.recorder import Run
from runlore.spool import Spool, open_reserve


def spool(folder: Path, rotate_bytes: int = 1 << 26, reserve_fd: int = -1, reserve_stream: str = "") -> Spool:
    return Spool(
        str(folder), run="r" * 12, project="vision", warn=lambda text: None, rotate_bytes=rotate_bytes,
        reserve_fd=reserve_fd, reserve_stream=reserve_stream,
    )  # fmt: skip


def everything(folder: Path, stream: str) -> list[records.Record]:
    source = Source(str(folder), stream, {})
    found: list[records.Record] = []
    while part := source.take(final=True):
        found += part
        source.ack(part[-1].seq + 1)
    return found


def written(folder: Path) -> Path:
    (path,) = folder.glob("*.spool")
    return path


def test_points_and_events_come_back_as_they_were_written(tmp_path: Path) -> None:
    writer = spool(tmp_path)
    writer.points(0, 100.0, [("loss", 2.5), ("acc", math.inf)])
    writer.point(1, 101.0, "loss", -0.125)
    writer.event("note", {"text": "warmup 🚀\x00"})
    found = everything(tmp_path, writer.stream)
    assert [record.seq for record in found] == list(range(5))
    assert found[2].value == (0, 100.0, [("loss", 2.5), ("acc", math.inf)])
    assert found[3].value == (1, 101.0, [("loss", -0.125)])
    assert found[4].value["text"] == "warmup 🚀\x00"


def test_one_scalar_takes_at_most_forty_bytes_and_a_bit(tmp_path: Path) -> None:
    writer = spool(tmp_path)
    writer.points(0, 0.0, [("loss", 0.0)])
    before = written(tmp_path).stat().st_size
    for step in range(1000):
        writer.point(step, 100.0, "loss", 1 / (step + 1))
    assert (written(tmp_path).stat().st_size - before) / 1000 <= 40


def test_every_segment_stands_on_its_own_and_sequence_numbers_go_on(tmp_path: Path) -> None:
    writer = spool(tmp_path, rotate_bytes=4000)
    for step in range(1000):
        try:
            writer.point(step, 1.0, "loss", float(step))
        except KeyError:
            writer.points(step, 1.0, [("loss", float(step))])
        writer.look()
    assert len(list(tmp_path.glob("*.spool"))) > 5
    found = everything(tmp_path, writer.stream)
    assert [record.seq for record in found] == list(range(len(found)))
    steps = [record.value[0] for record in found if record.kind == records.POINTS]
    assert steps == list(range(1000))


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 400), values=st.lists(st.floats(allow_nan=False), min_size=1, max_size=10))
def test_a_cut_tail_loses_only_the_record_that_was_cut(
    tmp_path_factory: object, cut: int, values: list[float]
) -> None:
    folder = Path(tmp_path_factory.mktemp("spool"))  # type: ignore[attr-defined]
    writer = spool(folder)
    for step, value in enumerate(values):
        writer.points(step, 1.0, [("loss", value)])
    whole = [
        record.value[2][0][1] for record in everything(folder, writer.stream) if record.kind == records.POINTS
    ]
    path = written(folder)
    os.truncate(path, max(0, path.stat().st_size - cut))
    left = [
        record.value[2][0][1] for record in everything(folder, writer.stream) if record.kind == records.POINTS
    ]
    assert left == whole[: len(left)]
    assert len(left) >= len(whole) - cut // 37 - 1


@settings(max_examples=40, deadline=None)
@given(at=st.integers(0, 2000), byte=st.integers(0, 255))
def test_a_damaged_byte_costs_at_most_the_records_it_lies_in(
    tmp_path_factory: object, at: int, byte: int
) -> None:
    folder = Path(tmp_path_factory.mktemp("spool"))  # type: ignore[attr-defined]
    writer = spool(folder)
    for step in range(50):
        writer.points(step, 1.0, [("loss", float(step))])
    path = written(folder)
    data = bytearray(path.read_bytes())
    data[at % len(data)] = byte
    path.write_bytes(bytes(data))
    steps = [record.value[0] for record in everything(folder, writer.stream) if record.kind == records.POINTS]
    assert len(steps) >= 49
    assert steps == sorted(set(steps))


def test_records_behind_a_torn_one_are_found(tmp_path: Path) -> None:
    writer = spool(tmp_path)
    writer.points(0, 1.0, [("loss", 0.0)])
    os.write(writer.segment.fd, records.frame(records.EVENT, b"x" * 300)[:100])
    writer.points(1, 1.0, [("loss", 1.0)])
    steps = [
        record.value[0] for record in everything(tmp_path, writer.stream) if record.kind == records.POINTS
    ]
    assert steps == [0, 1]


def test_a_torn_record_that_claims_more_bytes_than_follow_does_not_hold_up_the_live_reader(
    tmp_path: Path,
) -> None:
    writer = spool(tmp_path)
    writer.points(0, 1.0, [("loss", 0.0)])
    os.write(writer.segment.fd, struct.pack("<BI", records.EVENT, 1_000_000) + b"cut")
    source = Source(str(tmp_path), writer.stream, {})
    seen: list[int] = []
    for step in range(1, 5):
        writer.points(step, 1.0, [("loss", 0.0)])
        for record in source.take():
            seen += [record.value[0]] if record.kind == records.POINTS else []
            source.ack(record.seq + 1)
    assert seen[-1] == 4
    assert seen == [0, 1, 2, 3, 4]


def test_a_whole_record_of_another_making_keeps_its_number_and_costs_no_other(tmp_path: Path) -> None:
    writer = spool(tmp_path)
    writer.event("note", {"text": "before"})
    strange = [(records.EVENT, b"{"), (records.EVENT, b"[1]"), (records.EVENT, b"[" * 100_000), (records.KEY, b"x"), (records.POINTS, b"short"), (records.POINTS, b"x" * 20)]  # fmt: skip
    with written(tmp_path).open("ab") as file:
        file.writelines(records.frame(kind, payload) for kind, payload in strange)
    writer.event("note", {"text": "behind"})
    found = everything(tmp_path, writer.stream)
    assert [one.seq for one in found] == list(range(8))
    assert [one.value and one.value["text"] for one in found] == ["before", *[None] * 6, "behind"]
    body, end = batches.batch({"project": "vision", "run": "r" * 12}, writer.stream, found)
    assert (body["count"], end, len(body["events"])) == (8, 8, 2)


def test_a_time_beyond_all_numbers_is_sent_as_none(tmp_path: Path) -> None:
    writer = spool(tmp_path)
    writer.points(0, 1e308, [("loss", 1.0)])
    body, _ = batches.batch(
        {"project": "v", "run": "r" * 12}, writer.stream, everything(tmp_path, writer.stream)
    )
    assert body["series"] == [{"k": "loss", "s": [0], "ms": [0], "v": [1]}]


def test_logged_text_that_looks_like_records_is_not_taken_for_records(tmp_path: Path) -> None:
    writer = spool(tmp_path)
    frame = records.frame(records.EVENT, b'{"t":"note"}').decode("latin-1")
    writer.event("note", {"text": frame})
    size = written(tmp_path).stat().st_size
    os.truncate(written(tmp_path), size - 5)
    writer.event("note", {"text": "after"})
    texts = [record.value["text"] for record in everything(tmp_path, writer.stream)]
    assert texts == ["after"]


def test_reading_goes_on_where_the_server_had_acknowledged(tmp_path: Path) -> None:
    writer = spool(tmp_path)
    for step in range(20):
        writer.points(step, 1.0, [("loss", float(step))])
    source = Source(str(tmp_path), writer.stream, {})
    source.take()
    source.ack(11)
    again = Source(str(tmp_path), writer.stream, source.state)
    first = again.take()[0]
    assert first.seq == 11
    # The names of earlier records are known again.
    assert first.value[2][0][0] == "loss"


def test_a_full_disk_moves_records_to_memory_and_back(tmp_path: Path) -> None:
    reserve, stream = open_reserve("r" * 12, "vision")
    warnings: list[str] = []
    writer = Spool(
        str(tmp_path),
        run="r" * 12,
        project="vision",
        warn=warnings.append,
        reserve_fd=reserve,
        reserve_stream=stream,
    )
    writer.points(0, 1.0, [("loss", 0.0)])
    full = os.open("/dev/full", os.O_WRONLY)
    good = os.dup(writer.segment.fd)
    os.dup2(full, writer.segment.fd)
    for step in range(1, 10):
        writer.points(step, 1.0, [("loss", float(step))])
    assert len(warnings) == 1
    assert "training goes on" in warnings[0]
    memory = Source(str(tmp_path), stream, {}, memory=f"/proc/self/fd/{reserve}")
    kept = [record.value[0] for record in memory.take() if record.kind == records.POINTS]
    assert kept == list(range(1, 10))
    os.dup2(good, writer._disk.fd)
    writer._retry_at = 0.0
    writer.points(10, 1.0, [("loss", 10.0)])
    disk = [
        record.value[0] for record in everything(tmp_path, writer.stream) if record.kind == records.POINTS
    ]
    assert disk == [0, 10]
    assert writer.dropped == 0


def test_when_memory_is_full_too_the_dropped_are_counted_and_told(tmp_path: Path) -> None:
    writer = spool(tmp_path)
    good = os.dup(writer.segment.fd)
    os.dup2(os.open("/dev/full", os.O_WRONLY), writer.segment.fd)
    for step in range(7):
        writer.points(step, 1.0, [("loss", 0.0)])
    assert writer.dropped == 7
    os.dup2(good, writer._disk.fd)
    writer._retry_at = 0.0
    writer.points(8, 1.0, [("loss", 0.0)])
    (told,) = [r.value for r in everything(tmp_path, writer.stream) if r.kind == records.EVENT]
    assert (told["t"], told["count"]) == ("dropped", 7)


def test_the_reserve_in_memory_is_bounded_for_single_scalars_too(tmp_path: Path) -> None:
    reserve, stream = open_reserve("r" * 12, "vision")
    writer = spool(tmp_path, reserve_fd=reserve, reserve_stream=stream)
    writer._reserve.left = 4000
    run = Run(run_id="r" * 12, project="vision", name="n", mode="offline", spool=writer, silent=True)
    run.log({"loss": 0.0}, step=0)
    good = os.dup(writer.segment.fd)
    os.dup2(os.open("/dev/full", os.O_WRONLY), writer.segment.fd)
    for step in range(1, 1000):
        run.log({"loss": 0.0}, step=step)
    assert os.fstat(reserve).st_size < 5000
    os.dup2(good, writer._disk.fd)
    writer._retry_at = 0.0
    for step in range(1000, 1003):
        run.log({"loss": 0.0}, step=step)
    memory = Source(str(tmp_path), stream, {}, memory=f"/proc/self/fd/{reserve}")
    in_memory = [record.value[0] for record in memory.take() if record.kind == records.POINTS]
    on_disk = everything(tmp_path, writer.stream)
    assert [r.value[0] for r in on_disk if r.kind == records.POINTS] == [0, 1000, 1001, 1002]
    (told,) = [r.value for r in on_disk if r.kind == records.EVENT]
    assert (in_memory, told["count"]) == (list(range(1, len(in_memory) + 1)), 999 - len(in_memory))


def test_the_count_of_what_was_dropped_waits_for_a_disk_that_takes_it(tmp_path: Path) -> None:
    writer = spool(tmp_path)
    good = os.dup(writer.segment.fd)
    os.dup2(os.open("/dev/full", os.O_WRONLY), writer.segment.fd)
    for step in range(3):
        writer.points(step, 1.0, [("loss", 0.0)])
    writer.report_dropped()
    os.dup2(good, writer._disk.fd)
    writer._retry_at = 0.0
    writer.report_dropped()
    (told,) = [r.value for r in everything(tmp_path, writer.stream) if r.kind == records.EVENT]
    assert (told["t"], told["count"]) == ("dropped", 3)


def test_numbers_that_json_lacks_are_sent_as_words(tmp_path: Path) -> None:
    writer = spool(tmp_path)
    for value in (math.nan, math.inf, -math.inf, 3.0, 0.1):
        writer.points(0, 1.0, [("loss", value)])
    body, end = batches.batch(
        {"run": "r", "project": "p"}, writer.stream, everything(tmp_path, writer.stream)
    )
    assert body["series"][0]["v"] == ["nan", "inf", "-inf", 3, 0.1]
    assert (body["first"], body["count"], end) == (0, 6, 6)
