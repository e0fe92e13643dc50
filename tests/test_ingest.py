"""What training machines report over HTTP: each record once, in order, bad ones named, the good ones kept."""

import gzip
import json
import math
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_workspace import ANA
from running_bot import RunningBot
from sqlmodel import col, select

from storage.series import read_series
from storage.tables import MetricSummary, Param, Run

GOLDEN = Path(__file__).parent / "data" / "wire"


def send(bot: RunningBot, body: Any, token: str, **headers: str) -> tuple[int, dict[str, Any]]:  # noqa: ANN401  any JSON
    answer = bot.web.post(
        "/api/v1/ingest", content=json.dumps(body), headers={"Authorization": f"Bearer {token}", **headers}
    )
    return answer.status_code, answer.json()


def batch(
    project: str,
    run: str,
    first: int,
    *records: Mapping[str, Any],
    stream: str | None = None,
    **more: Any,  # noqa: ANN401  fields of the batch
) -> dict[str, Any]:
    stream = stream or run.encode().hex().rjust(32, "0")[:64]
    at = 1_764_000_000.0
    events = [{"at": at, **record, "seq": first + place} for place, record in enumerate(records)]
    body = {"v": 1, "project": project, "run": run, "stream": stream, "first": first, "count": len(records)}
    return body | {"sent_at": at, "events": events, "series": []} | more


def points(bot: RunningBot, uid: str, metric: str) -> list[float]:
    with bot.services.database.session() as session:
        run = session.exec(select(Run).where(Run.uid == uid)).one()
        return [float(value) for value in read_series(session, run.id or 0, metric).values]


def row(bot: RunningBot, uid: str) -> Run:
    with bot.services.database.session() as session:
        return session.exec(select(Run).where(Run.uid == uid)).one()


def test_a_batch_is_taken_once_and_only_in_its_turn(bot: RunningBot) -> None:
    token = bot.token()
    series = [{"k": "loss", "s": [0, 1], "ms": [1000, 1000], "v": [0.5, 0.25]}]
    start = batch("ingest-order", "ingest-order-1", 0, {"t": "start", "config": {"opt": {"lr": 0.1}}})
    more = batch("ingest-order", "ingest-order-1", 1, series=series, count=2)
    assert send(bot, start, token)[1]["next"] == 1
    assert send(bot, batch("ingest-order", "ingest-order-1", 3, {"t": "tags", "add": ["x"]}), token) == (
        409,
        {"next": 1},
    )
    for _ in range(3):
        status, answer = send(bot, more, token)
        assert (status, answer["next"]) == (200, 3)
    assert send(bot, start, token)[1]["next"] == 3
    assert points(bot, "ingest-order-1", "loss") == [0.5, 0.25]
    with bot.services.database.session() as session:
        params = session.exec(select(Param).where(Param.run_id == row(bot, "ingest-order-1").id)).all()
    assert {param.name: param.value for param in params} == {"opt.lr": 0.1}


def test_a_bad_record_is_named_and_the_good_ones_kept(bot: RunningBot) -> None:
    body = batch(
        "ingest-bad",
        "ingest-bad-1",
        0,
        {"t": "start"},
        {"t": "tags", "add": "not a list"},
        {"t": "note", "text": "kept"},
        {"t": "something new", "x": 1},
        series=[
            {"k": "short", "s": [0, 1], "ms": [1000], "v": [1.0]},
            {"k": "odd", "s": [0, 1, 1], "ms": [1000, 0, 0], "v": [1.0, "nan", "inf"]},
        ],
    )
    status, answer = send(bot, body, bot.token())
    assert status == 200
    assert [error["seq"] for error in answer["errors"]] == [1, None]
    assert "short" in answer["errors"][1]["error"]
    with bot.services.database.session() as session:
        summary = session.exec(
            select(MetricSummary).where(
                MetricSummary.run_id == row(bot, "ingest-bad-1").id, col(MetricSummary.name) == "odd"
            )
        ).one()
    assert (summary.count, summary.min, summary.max) == (3, 1.0, 1.0)
    assert points(bot, "ingest-bad-1", "odd")[2] == float("inf")


def test_the_golden_batch_of_the_hook_is_taken_whole(bot: RunningBot) -> None:
    body = json.loads((GOLDEN / "batch-v1.json").read_text(encoding="utf-8"))
    status, answer = send(bot, body, bot.token())
    assert (status, answer["errors"], answer["next"]) == (200, [], body["count"])
    assert points(bot, body["run"], "train/loss")[:2] == [2.3, 2.25]
    assert points(bot, body["run"], "größe 🚀") == [7, -math.inf]
    assert points(bot, body["run"], "val/acc") == [0.6931471824645996, 0.7310585975646973]
    beat = json.loads((GOLDEN / "heartbeat-v1.json").read_text(encoding="utf-8"))
    headers = {"Authorization": f"Bearer {bot.token()}"}
    assert bot.web.post("/api/v1/heartbeat", json=beat, headers=headers).status_code == 200


def test_a_projects_token_reports_to_its_project_only(bot: RunningBot) -> None:
    token = bot.token(project="ingest-mine")
    assert send(bot, batch("ingest-mine", "ingest-mine-1", 0, {"t": "start"}), token)[0] == 200
    status, answer = send(bot, batch("ingest-theirs", "ingest-theirs-1", 0, {"t": "start"}), token)
    assert status == 403
    assert "for the project ingest-mine, not for ingest-theirs" in answer["error"]


@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Basic abc", "Bearer "])
def test_without_a_valid_token_nothing_is_taken(bot: RunningBot, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    answer = bot.web.post("/api/v1/ingest", content="{}", headers=headers)
    assert answer.status_code == 401
    assert "runlore login" in answer.json()["error"]


def test_what_is_no_batch_says_what_is_wrong(bot: RunningBot) -> None:
    token = bot.token()
    assert send(bot, {"project": "x"}, token)[0] == 422
    assert send(bot, batch("ingest-x", "short", 0, {"t": "start"}), token)[1]["error"].startswith("run:")
    raw = bot.web.post("/api/v1/ingest", content=b"\x00{", headers={"Authorization": f"Bearer {token}"})
    assert raw.status_code == 422


def test_a_gzip_bomb_is_refused_before_it_fills_the_memory(bot: RunningBot) -> None:
    headers = {"Authorization": f"Bearer {bot.token()}", "Content-Encoding": "gzip"}
    bomb = gzip.compress(bytes(40 << 20))
    assert bot.web.post("/api/v1/ingest", content=bomb, headers=headers).status_code == 413
    assert bot.web.post("/api/v1/ingest", content=b"no gzip", headers=headers).status_code == 422
    small = gzip.compress(json.dumps(batch("ingest-gzip", "ingest-gzip-1", 0, {"t": "start"})).encode())
    assert bot.web.post("/api/v1/ingest", content=small, headers=headers).status_code == 200


def test_a_trainers_clock_that_is_hours_off_does_no_harm(bot: RunningBot) -> None:
    hour = 3600.0
    now = bot.clock().timestamp()
    body = batch("ingest-clock", "ingest-clock-1", 0, {"t": "start", "at": now - 5 * hour})
    body |= {"sent_at": now - 5 * hour + 2}
    assert send(bot, body, bot.token())[0] == 200
    assert abs((row(bot, "ingest-clock-1").started_at - bot.clock()).total_seconds()) < 60


def test_secrets_that_slipped_through_are_taken_out_again(bot: RunningBot) -> None:
    secret = "hf_" + "a" * 30
    record = {"t": "start", "config": {"cmd": f"--token {secret}"}, "notes": f"api_key={secret}"}
    send(bot, batch("ingest-secret", "ingest-secret-1", 0, record), bot.token())
    with bot.services.database.session() as session:
        params = session.exec(select(Param).where(Param.run_id == row(bot, "ingest-secret-1").id)).all()
    assert secret not in str([param.value for param in params])
    assert secret not in str(row(bot, "ingest-secret-1").intent)


def test_a_run_is_its_token_holders_whatever_the_login(bot: RunningBot) -> None:
    send(bot, batch("ingest-owner", "ingest-owner-1", 0, {"t": "start", "login": "root"}), bot.token(ANA))
    answer = bot.web.get("/api/v1/runs/ingest-owner/1", headers={"Authorization": f"Bearer {bot.token(ANA)}"})
    assert answer.json()["owner"] == "ana"


def test_a_run_may_be_renamed(bot: RunningBot) -> None:
    renamed = batch(
        "ingest-name", "ingest-name-1", 0, {"t": "start", "name": "old"}, {"t": "name", "name": "new"}
    )
    send(bot, renamed, bot.token())
    assert row(bot, "ingest-name-1").name == "new"


def test_missing_and_forbidden_look_the_same(bot: RunningBot) -> None:
    send(
        bot, batch("ingest-hidden", "ingest-hidden-1", 0, {"t": "start"}), bot.token(project="ingest-hidden")
    )
    stranger = {"Authorization": f"Bearer {bot.token(project='ingest-stranger')}"}
    hidden = bot.web.get("/api/v1/runs/ingest-hidden/1", headers=stranger)
    missing = bot.web.get("/api/v1/runs/ingest-hidden/999", headers=stranger)
    assert (
        (hidden.status_code, hidden.json()) == (missing.status_code, missing.json()) == (404, missing.json())
    )


RECORDS: list[dict[str, Any]] = [
    {"t": "start", "config": {"lr": 0.1}, "tags": ["a"]},
    {"t": "tags", "add": ["b"]},
    {"t": "config", "config": {"lr": 0.2}},
    {"t": "tags", "remove": ["a"]},
    {"t": "progress", "done": 5, "total": 10},
    {"t": "alert", "title": "hot", "text": "", "level": "WARN"},
    {"t": "finish", "exit_code": 0},
]
_counter = iter(range(10_000))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 6), max_size=4), order=st.randoms(use_true_random=False))
def test_shuffled_duplicated_and_cut_batches_end_the_same(
    bot: RunningBot, cuts: list[int], order: Random
) -> None:
    """The sender goes back to what the server expects, as the sidecar does; the end is always the same."""
    number = next(_counter)
    run, stream, token = f"ingest-any-{number:06d}", f"{number:032x}", bot.token()
    edges = [0, *sorted(set(cuts)), len(RECORDS)]
    pieces = [(a, RECORDS[a:b]) for a, b in pairwise(edges)]
    for first, records in order.sample(pieces * 2, len(pieces) * 2):
        send(bot, batch("ingest-any", run, first, *records, stream=stream), token)
    while True:
        _, answer = send(bot, batch("ingest-any", run, 999, {"t": "tags"}, stream=stream), token)
        if answer["next"] >= len(RECORDS):
            break
        send(bot, batch("ingest-any", run, answer["next"], *RECORDS[answer["next"] :], stream=stream), token)
    told = bot.web.get(
        f"/api/v1/runs/ingest-any/{row(bot, run).number}", headers={"Authorization": f"Bearer {token}"}
    ).json()
    assert (told["params"], told["tags"], told["state"]) == ({"lr": 0.2}, ["b"], "finished")
    assert row(bot, run).progress_done == 5


def test_an_unknown_record_with_what_no_column_can_hold_does_not_stop_its_stream(bot: RunningBot) -> None:
    """Found by a fuzzer: the batch was refused as a whole, and would have been sent again for ever."""
    odd = {"t": "newer\x00", "add": {"\x00": None, "deep": ["\x00", float("inf")]}, "text": "a\x00b"}
    body = batch("ingest-odd", "ingest-odd-1", 0, {"t": "start"}, odd, {"t": "tags", "add": ["after"]})
    status, answer = send(bot, body, bot.token())
    assert (status, answer["errors"], answer["next"]) == (200, [], 3)


def test_a_record_nested_without_end_is_named_and_its_stream_goes_on(bot: RunningBot) -> None:
    run = bot.start("deep")
    deep: Any = 1
    for _ in range(600):
        deep = {"a": deep}
    for record in ({"t": "config", "config": deep}, {"t": "newer", "what": deep}):
        told = bot.report("deep", run, record)
        assert "nested deeper" in told["errors"][0]["error"]
    beat = {"project": "deep", "run": run, "at": 0, "readings": {"deep": deep}}
    headers = {"Authorization": f"Bearer {bot.token()}"}
    assert bot.web.post("/api/v1/heartbeat", json=beat, headers=headers).status_code == 422
