"""The wire and the spool's format stay as released: golden segments become golden batches, byte for byte."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from fake_server import FakeServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runlore import batches, records
from runlore.batches import Source
from runlore.client import Client
from runlore.ship import Shipper
from runlore.spool import Spool

GOLDEN = Path(__file__).parent / "data" / "wire"
STREAM = "9f2c4e6a8b0d1f3e"


def golden_frames() -> bytes:
    """A segment with one record of every kind, written by the format's own functions."""
    events: list[dict[str, Any]] = json.loads((GOLDEN / "events.json").read_text(encoding="utf-8"))
    frames = [
        records.header_frame(run="k3v9x2m1qa7d", project="vision", stream=STREAM, segment=0, at=1764000000.0)
    ]
    frames += [
        records.frame(records.EVENT, json.dumps(event, separators=(",", ":")).encode()) for event in events
    ]
    names = ["train/loss", "größe 🚀", "val/acc"]
    frames += [records.key_frame(number, name) for number, name in enumerate(names)]
    points = [
        (0, 1764000001.0, [(0, 2.3)]),
        (1, 1764000001.1, [(0, 2.25), (1, 7.0)]),
        (2, 1764000001.2, [(0, float("nan")), (1, float("-inf"))]),
        # Many digits: the values of this one are packed.
        (2, 1764000001.25, [(2, 0.6931471824645996)]),
        (4, 1764000001.5, [(2, 0.7310585975646973)]),
    ]
    for step, at, pairs in points:
        payload = records._POINT.pack(step, at) + b"".join(records._PAIR.pack(*pair) for pair in pairs)
        frames.append(records.frame(records.POINTS, payload))
    return b"".join(frames)


def golden_batch(folder: Path) -> dict[str, Any]:
    source = Source(str(folder), STREAM, {})
    body, _ = batches.batch({"run": "k3v9x2m1qa7d", "project": "vision"}, STREAM, source.take(final=True))
    return {**body, "sent_at": 1764000003.2}


def test_the_format_s_writer_still_writes_the_golden_segment() -> None:
    assert golden_frames() == (GOLDEN / f"{STREAM}-000000.spool").read_bytes()


def test_the_golden_segment_becomes_the_golden_batch() -> None:
    expected = json.loads((GOLDEN / "batch-v1.json").read_text(encoding="utf-8"))
    assert golden_batch(GOLDEN) == expected


def test_every_event_kind_of_the_contract_is_in_the_golden_batch() -> None:
    contract = (Path(__file__).parents[1] / "docs" / "wire.md").read_text(encoding="utf-8")
    table = contract.split("## Event kinds")[1].split("## Heartbeat")[0]
    kinds = {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")} - {"t"}
    batch = json.loads((GOLDEN / "batch-v1.json").read_text(encoding="utf-8"))
    assert kinds <= {event["t"] for event in batch["events"]}


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_batches_shuffled_duplicated_and_cut_end_in_the_same_place(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """The server's rule alone orders what arrives: the in-order model and the chaos end alike."""
    chooser = random.Random(seed)
    folder = tmp_path_factory.mktemp("chaos")
    writer = Spool(str(folder), run="r" * 12, project="vision", warn=lambda text: None)
    for step in range(40):
        writer.points(step, float(step), [("loss", float(step))])
        if step % 7 == 0:
            writer.event("note", {"text": str(step)}, at=float(step))
    source = Source(str(folder), writer.stream, {})
    found = source.take(final=True)
    cuts = sorted(chooser.sample(range(1, len(found)), 5))
    parts = [found[a:b] for a, b in zip([0, *cuts], [*cuts, len(found)], strict=True)]
    description = {"run": "r" * 12, "project": "vision"}
    sent = [batches.batch(description, writer.stream, part)[0] for part in parts]
    server = FakeServer()
    pending = [chooser.choice(sent) for _ in range(30)]
    for body in pending:
        server._ingest(body)
    for body in sent:
        server._ingest(body)
    server._http.server_close()
    assert [step for step, _, _ in server.points("loss")] == list(range(40))
    assert [event["text"] for event in server.events("note")] == [str(n) for n in range(0, 40, 7)]


def test_shipping_the_same_directory_again_changes_nothing(tmp_path: Path) -> None:
    writer = Spool(str(tmp_path), run="r" * 12, project="vision", warn=lambda text: None)
    for step in range(100):
        writer.points(step, float(step), [("loss", float(step))])
    description = {"run": "r" * 12, "project": "vision", "stream": writer.stream}
    with FakeServer() as server:
        for _ in range(2):
            (tmp_path / batches.STATE).unlink(missing_ok=True)
            client = Client(server.url, "rl_test_token_0123456789")
            assert Shipper(str(tmp_path), description, client, report=lambda kind, body: None).ship(
                final=True
            )
        assert [step for step, _, _ in server.points("loss")] == list(range(100))
