"""A server that is away, busy, broken or slow costs the training process nothing, and in the end it has everything."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import sdk_children as children
from fake_server import FakeServer
from patience import stretched

LOGGING = """
run = runlore.init()
for step in range(200):
    run.log({"loss": float(step)}, step=step)
"""


def steps(server: FakeServer) -> list[int]:
    return [step for step, _, _ in server.points("loss")]


@pytest.mark.parametrize("fault", ["down", "429", "500", "garbage", "hanging", "slow", "401", "403"])
def test_the_exit_is_bounded_nothing_is_raised_and_nothing_is_lost(tmp_path: Path, fault: str) -> None:
    with FakeServer() as server:
        env = children.environment(tmp_path / "spool", server.url)
        server.fault = fault
        started = time.monotonic()
        status, _, err = children.run(
            LOGGING + "began = time.monotonic()\nrun.finish()\nprint(time.monotonic() - began)", env
        )
        assert time.monotonic() - started < stretched(12)
        assert status == 0
        assert "Traceback" not in err
        server.fault = None
        assert _all_there(server, env, tmp_path)


def _all_there(server: FakeServer, env: dict[str, str], tmp_path: Path) -> bool:
    """The sidecar goes on by itself; where it waits for long, `runlore sync` takes over once it is gone."""
    if children.until(lambda: len(steps(server)) == 200 and server.events("exit"), 6.0):
        return steps(server) == list(range(200))
    for pid in children.sidecars_of(tmp_path / "spool"):
        os.kill(pid, signal.SIGKILL)
    assert children.until(lambda: children.command("sync", env=env).returncode == 0, 10.0)
    return steps(server) == list(range(200)) and bool(server.events("exit"))


@pytest.mark.parametrize("fault", ["down", "hanging", "500"])
def test_waiting_at_the_end_takes_at_most_five_seconds(tmp_path: Path, fault: str) -> None:
    with FakeServer() as server:
        server.fault = fault
        code = LOGGING + "began = time.monotonic()\nrun.finish()\nprint(time.monotonic() - began)"
        _, out, _ = children.run(code, children.environment(tmp_path / "spool", server.url))
        assert float(out) < stretched(5.5)


def test_a_server_nobody_listens_at_is_said_plainly_and_not_waited_for(tmp_path: Path) -> None:
    env = children.environment(tmp_path / "spool", "http://127.0.0.1:9")
    code = LOGGING + "time.sleep(1)\nbegan = time.monotonic()\nrun.finish()\nprint(time.monotonic() - began)"
    status, out, err = children.run(code, env)
    assert status == 0
    assert float(out) < stretched(2)
    assert "cannot reach http://127.0.0.1:9" in err


def test_a_server_that_dies_mid_run_and_comes_back_has_every_point_in_order(tmp_path: Path) -> None:
    code = """
    run = runlore.init()
    for step in range(300):
        run.log({"loss": float(step)}, step=step)
        time.sleep(0.01)
    run.finish()
    """
    with FakeServer() as server:
        child = children.start(code, children.environment(tmp_path / "spool", server.url))
        server.wait_for("start")
        server.fault = "500"
        time.sleep(1.2)
        server.fault = None
        children.finish(child)
        assert children.until(lambda: len(steps(server)) == 300, 8.0)
        assert steps(server) == list(range(300))


def test_answers_lost_after_the_server_had_taken_a_batch_duplicate_nothing(tmp_path: Path) -> None:
    with FakeServer() as server:
        server.answer_lost = 2
        children.run(LOGGING + "run.finish()", children.environment(tmp_path / "spool", server.url))
        assert children.until(lambda: server.events("exit"), 8.0)
        assert steps(server) == list(range(200))
        assert len(server.events("start")) == 1


def test_a_server_that_forgot_the_stream_is_sent_it_from_the_start(tmp_path: Path) -> None:
    with FakeServer() as server:
        child = children.start(
            LOGGING + "time.sleep(2.5)\nrun.log({'loss': 200.0}, step=200)\nrun.finish()",
            children.environment(tmp_path / "spool", server.url),
        )
        assert children.until(lambda: len(steps(server)) == 200)
        server.streams.clear()
        children.finish(child)
        assert children.until(lambda: len(steps(server)) == 201, 8.0)
        assert steps(server) == list(range(201))


def test_the_line_says_where_the_run_is_once_the_server_has_confirmed_it(tmp_path: Path) -> None:
    with FakeServer() as server:
        _, _, err = children.run(
            "runlore.init().finish()", children.environment(tmp_path / "spool", server.url)
        )
        assert "runlore: vision/42 → #vision-runs https://example.slack.com/p1" in err


def test_an_unknown_token_is_said_plainly_and_never_printed(tmp_path: Path) -> None:
    with FakeServer() as server:
        env = children.environment(tmp_path / "spool", server.url) | {
            "RUNLORE_TOKEN": "rl_wrong_0123456789abcdef"
        }
        _, out, err = children.run(LOGGING + "time.sleep(0.6)\nrun.finish()", env)
        assert "not logged in" in err
        assert "runlore login" in err
        assert "rl_wrong" not in out + err


def test_one_record_that_the_server_refuses_for_ever_does_not_hold_up_the_rest(tmp_path: Path) -> None:
    class Picky(FakeServer):
        def _ingest(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            if any(event.get("text") == "poison" for event in body["events"]):
                return 413, {"error": "too large"}
            return super()._ingest(body)

    with Picky() as server:
        code = "run = runlore.init()\nrun.note('before')\nrun.note('poison')\nrun.note('after')\nrun.finish()"
        children.run(code, children.environment(tmp_path / "spool", server.url))
        server.wait_for("exit")
        assert [event["text"] for event in server.events("note")] == ["before", "after"]
        assert server.events("dropped")[0]["count"] == 1


def test_a_heartbeat_comes_with_readings(tmp_path: Path) -> None:
    with FakeServer() as server:
        code = "run = runlore.init()\ntime.sleep(1.5)\nrun.finish()"
        children.run(code, children.environment(tmp_path / "spool", server.url))
        assert children.until(lambda: server.heartbeats)
        beat = server.heartbeats[0]
        assert beat["next_in"] == 30
        assert beat["readings"]["memory_bytes"] > 0
        assert beat["readings"]["memory_limit_bytes"] > 0
