"""`runlore import wandb wandb:ENTITY/PROJECT` through wandb's own package, against a server that answers its questions."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import sdk_children as children
from fake_server import FakeServer
from test_sdk_frameworks import needs

VIEWER = {
    "id": "u", "username": "ana", "email": "ana@example.com", "entity": "ana", "flags": "{}", "teams": {"edges": []},
}  # fmt: skip
RUN = {
    "id": "UnVuOnYx", "projectId": "1", "tags": ["baseline"], "name": "a1b2c3d4", "displayName": "brave-otter", "sweepName": None,
    "state": "finished", "group": "sweep-1", "jobType": None, "commit": "c0ffee", "readOnly": False,
    "createdAt": "2025-03-01T12:00:00Z", "heartbeatAt": "2025-03-01T12:10:00Z", "description": None,
    "notes": "warmup was too short", "historyLineCount": 3, "user": {"name": "Ana", "username": "ana"},
    "config": json.dumps({"lr": {"value": 0.1}, "model": {"value": {"depth": 3}}, "_wandb": {"value": {}}}),
    "summaryMetrics": json.dumps({"loss": 0.25, "_step": 2}), "systemMetrics": "{}",
    "historyKeys": {"step": 2, "keys": {"loss": {}, "_step": {}}, "lastStep": 2},
    "history": [json.dumps({"loss": 1 / 2**n, "_step": n, "_timestamp": 1740830400.0 + n}) for n in range(3)],
}  # fmt: skip


class Answers(BaseHTTPRequestHandler):
    """The few questions that an export asks, as wandb 0.31 words them."""

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            query = json.loads(
                gzip.decompress(raw) if self.headers.get("Content-Encoding") == "gzip" else raw
            )["query"]
        except (ValueError, KeyError, TypeError):
            query = ""
        found: dict[str, Any] = {"viewer": VIEWER, "serverInfo": {"features": []}}
        if "runs(" in query:
            page = {
                "edges": [{"node": RUN, "cursor": "c"}],
                "pageInfo": {"endCursor": "c", "hasNextPage": False},
            }
            found = {"project": {"internalId": "1", "runCount": 1, "readOnly": False, "runs": page}}
        elif "run(" in query:
            found = {"project": {"internalId": "1", "run": RUN}}
        body = json.dumps({"data": found}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def wandb_at() -> Iterator[str]:
    http = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{http.server_address[1]}"
    http.shutdown()
    http.server_close()


@needs("wandb")
def test_wandb_s_runs_online_are_taken_in_with_history_and_notes_and_twice_changes_nothing(
    tmp_path: Path, wandb_at: str
) -> None:
    with FakeServer() as server:
        env = children.environment(
            tmp_path / "spool",
            server.url,
            WANDB_BASE_URL=wandb_at,
            WANDB_API_KEY="a" * 40,
            WANDB_DIR=str(tmp_path),
        )
        words = ("import", "wandb", "wandb:ana/vision", "--json")
        done = children.command(*words, env=env, cwd=tmp_path)
        assert done.returncode == 0, done.stderr + done.stdout
        (start,) = server.events("start")
        assert (start["name"], start["config"], start["tags"], start["group"], start["login"]) == (
            "brave-otter", {"lr": 0.1, "model": {"depth": 3}}, ["baseline"], "sweep-1", "ana",
        )  # fmt: skip
        assert server.points("loss") == [(n, 1740830400.0 + n, 1 / 2**n) for n in range(3)]
        assert [note["text"] for note in server.events("note")] == ["warmup was too short"]
        assert (server.events("code")[0]["commit"], server.events("exit")[0]["state"]) == (
            "c0ffee",
            "finished",
        )
        before = sum(len(stream.events) for stream in server.streams.values())
        again = json.loads(children.command(*words, env=env, cwd=tmp_path).stdout)
        assert (again["taken"], again["known"]) == (0, 1)
        assert sum(len(stream.events) for stream in server.streams.values()) == before


@pytest.mark.parametrize(
    ("package", "said"),
    [
        ("raise ModuleNotFoundError('none', name='wandb')", "wandb is not installed here: its own package reads its data"),
        ("class Failed(Exception): pass\ndef Api(): raise Failed('wrong key')", "cannot read wandb:ana/vision: Failed: wrong key"),
    ],
)  # fmt: skip
def test_what_wandb_s_package_does_not_do_is_said_in_one_line(
    tmp_path: Path, package: str, said: str
) -> None:
    (tmp_path / "wandb.py").write_text(package + "\n")
    env = children.environment(tmp_path / "spool")
    env["PYTHONPATH"] = f"{tmp_path}:{env['PYTHONPATH']}"
    done = children.command("import", "wandb", "wandb:ana/vision", env=env, cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert said in done.stderr
