"""`runlore sync`: what is sent, what is said, and what is cleaned up."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
import sdk_children as children
from fake_server import FakeServer

from runlore import capture, sync

OFFLINE = (
    "run = runlore.init(mode='offline')\nfor i in range(100): run.log({'x': float(i)}, step=i)\nrun.finish()"
)


def test_an_offline_run_is_sent_later_and_says_nothing_is_left(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    _, _, err = children.run(OFFLINE, children.environment(spool))
    assert "`runlore sync` sends it" in err
    with FakeServer() as server:
        env = children.environment(spool, server.url)
        assert json.loads(children.command("sync", "--json", env=env).stdout)[0]["state"] == "sent"
        assert [step for step, _, _ in server.points("x")] == list(range(100))
        assert server.events("exit")[0]["state"] == "finished"
        assert children.command("sync", env=env).stdout.strip() == "nothing to send"
        assert "sent  vision/" in children.command("status", env=env).stdout


def test_a_damaged_and_cut_spool_is_sent_as_far_as_it_goes_and_the_loss_is_said(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    children.run(OFFLINE, children.environment(spool))
    path = max(spool.glob("*/*.spool"), key=lambda one: one.stat().st_size)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data[:-3]))
    with FakeServer() as server:
        done = children.command("sync", env=children.environment(spool, server.url))
        assert done.returncode == 0
        assert "bytes of the spool were damaged" in done.stdout
        steps = [step for step, _, _ in server.points("x")]
        assert len(steps) == 99
        assert steps == sorted(steps)


def test_a_server_away_keeps_the_run_and_says_why(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    children.run(OFFLINE, children.environment(spool))
    done = children.command("sync", env=children.environment(spool, "http://127.0.0.1:9"))
    assert done.returncode == 1
    assert "kept: " in done.stdout


def test_a_run_that_is_still_going_is_left_to_its_sidecar(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    with FakeServer() as server:
        env = children.environment(spool, server.url)
        child = children.start("run = runlore.init()\nprint('ready', flush=True)\ntime.sleep(20)", env)
        server.wait_for("start")
        done = children.command("sync", env=env)
        assert "busy: its sidecar is sending it" in done.stdout
        child.kill()
        children.finish(child)
        assert server.wait_for("exit")["signal"] == 9


def test_runs_that_were_sent_a_week_ago_are_removed(tmp_path: Path) -> None:
    for name, complete, age in (("old", True, 8), ("fresh", True, 1), ("unsent", False, 90)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "run.json").write_text("{}")
        (folder / "state.json").write_text(json.dumps({"complete": complete}))
        then = time.time() - age * 86400
        os.utime(folder / "state.json", (then, then))
    sync.prune(str(tmp_path), now=time.time())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fresh", "unsent"]


def test_a_notebook_s_code_is_kept_without_its_outputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [
        {"cell_type": "code", "source": ["lr = 3e-4\n", "train(lr)"], "outputs": [{"text": "private"}]},
        {"cell_type": "markdown", "source": "# Notes"},
    ]
    (tmp_path / "train.ipynb").write_text(json.dumps({"cells": cells}))
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "train.ipynb"))
    found = capture.code({"cwd": str(tmp_path), "argv": ["ipykernel"], "entry": "notebook"})
    assert found is not None
    assert str(found["diff"]).endswith("+++ b/train.ipynb.py\n@@ -0,0 +1,2 @@\n+lr = 3e-4\n+train(lr)\n")
    assert "private" not in str(found)
