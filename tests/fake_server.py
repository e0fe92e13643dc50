"""A small server that keeps to docs/wire.md, remembers what it was sent, and misbehaves on request."""

from __future__ import annotations

import base64
import gzip
import json
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import accumulate
from types import TracebackType
from typing import Any

from patience import stretched

TOKEN = "rl_test_token_0123456789"


def points_of(series: dict[str, Any]) -> list[tuple[int, float, Any]]:
    """(step, seconds, value) of each point, read by docs/wire.md alone."""
    values = series["v"]
    if isinstance(values, str):
        planes = base64.b64decode(values, validate=True)
        count = len(planes) // 8
        doubles = (bytes(planes[place * count + n] for place in range(8)) for n in range(count))
        values = [struct.unpack("<d", double)[0] for double in doubles]
    seconds = [moment / 1000 for moment in accumulate(series["ms"])]
    return list(zip(accumulate(series["s"]), seconds, values, strict=True))


class Stream:
    """What arrived of one stream."""

    def __init__(self) -> None:
        self.next = 0
        self.events: list[dict[str, Any]] = []
        self.series: dict[str, list[tuple[int, float, Any]]] = {}


class FakeServer:
    """Start it with `with`; set `fault` to one of down, 429, 500, garbage, hanging, slow, 401, 422 or None."""

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.fault: str | None = None
        self.answer_lost = 0
        self.streams: dict[tuple[str, str], Stream] = {}
        self.heartbeats: list[dict[str, Any]] = []
        self.requests: list[tuple[str, int]] = []
        self.login_polls = 0
        self.sent_bytes = 0
        self.notes: list[dict[str, Any]] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                server.handle(self)

            def do_GET(self) -> None:
                server.handle(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> FakeServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()

    # -- what tests look at -------------------------------------------------------------------------------

    def events(self, kind: str | None = None, run: str | None = None) -> list[dict[str, Any]]:
        with self._lock:
            return [
                event
                for (owner, _), stream in self.streams.items()
                if run in (None, owner)
                for event in stream.events
                if kind in (None, event["t"])
            ]

    def points(self, name: str, run: str | None = None) -> list[tuple[int, float, Any]]:
        with self._lock:
            found = []
            for (owner, _), stream in self.streams.items():
                if run in (None, owner):
                    found += stream.series.get(name, [])
            return found

    def wait_for(self, kind: str, seconds: float = 10.0, run: str | None = None) -> dict[str, Any]:
        end = time.monotonic() + stretched(seconds)
        while time.monotonic() < end:
            found = self.events(kind, run)
            if found:
                return found[-1]
            time.sleep(0.02)
        raise AssertionError(
            f"no {kind} within {seconds} s; there are {sorted({e['t'] for e in self.events()})}"
        )

    # -- the wire -----------------------------------------------------------------------------------------

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        raw = request.rfile.read(length)
        fault = self.fault
        if fault == "hanging":
            time.sleep(15)
            return
        if fault == "slow":
            time.sleep(1.5)
        if fault == "down":
            request.close_connection = True
            request.connection.close()
            return
        if fault == "garbage":
            self._write(request, 200, b"<html>welcome to the hotel wifi</html>", {})
            return
        if fault in ("429", "503"):
            self._answer(request, int(fault), {"error": "slow down"}, {"Retry-After": "1"})
            return
        if fault is not None and fault.isdigit():
            self._answer(request, int(fault), {"error": f"told to answer {fault}"})
            return
        try:
            body = json.loads(
                gzip.decompress(raw) if request.headers.get("Content-Encoding") == "gzip" else raw or b"{}"
            )
        except (ValueError, OSError):
            self._answer(request, 422, {"error": "not JSON"})
            return
        path = request.path.partition("?")[0]
        if path.startswith("/api/v1/login/"):
            self._login(request, path)
            return
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            self._answer(request, 401, {"error": "unknown or revoked token"})
            return
        with self._lock:
            status, answer = self._route(path, body)
            self.sent_bytes += len(raw)
        self.requests.append((path, status))
        if self.answer_lost and path == "/api/v1/ingest":
            self.answer_lost -= 1
            request.close_connection = True
            request.connection.close()
            return
        self._answer(request, status, answer)

    def _route(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path == "/api/v1/ingest":
            return self._ingest(body)
        if path == "/api/v1/heartbeat":
            self.heartbeats.append(body)
            return 200, {"state": "running"}
        if path == "/api/v1/notes":
            self.notes.append(body)
            return 200, {"id": len(self.notes)}
        if path.startswith("/api/v1/runs/"):
            run = self.runs.get(path.removeprefix("/api/v1/runs/"))
            return (200, run) if run else (404, {"error": "there is no such run"})
        return 404, {"error": "no such page"}

    def _ingest(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if body.get("v") != 1 or not isinstance(body.get("events"), list):
            return 422, {"error": "not a batch"}
        stream = self.streams.setdefault((body["run"], body["stream"]), Stream())
        first, end = body["first"], body["first"] + body["count"]
        if end > stream.next:
            if first != stream.next:
                return 409, {"next": stream.next}
            for event in body["events"]:
                if not first <= event["seq"] < end:
                    return 422, {"error": f"sequence {event['seq']} is outside of the batch"}
            stream.events += body["events"]
            for series in body["series"]:
                stream.series.setdefault(series["k"], []).extend(points_of(series))
            stream.next = end
        project = body["project"]
        return 200, {
            "next": stream.next,
            "errors": [],
            "run": {
                "ref": f"{project}/42", "number": 42, "name": "brave-otter", "state": "running",
                "channel": f"#{project}-runs", "permalink": "https://example.slack.com/p1",
                "message": f"{project}/42 → #{project}-runs", "new_project": False, "nearest_project": None,
            },
        }  # fmt: skip

    def _login(self, request: BaseHTTPRequestHandler, path: str) -> None:
        if path.endswith("start"):
            self._answer(
                request, 200, {"code": "KX4-9PD", "device": "d1", "interval": 0.05, "expires_in": 600}
            )
            return
        self.login_polls += 1
        waiting = self.login_polls < 3
        self._answer(
            request,
            200,
            {"state": "waiting"} if waiting else {"state": "ok", "token": self.token, "person": "ana"},
        )

    def _answer(
        self,
        request: BaseHTTPRequestHandler,
        status: int,
        body: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> None:
        self._write(request, status, json.dumps(body).encode(), headers or {})

    @staticmethod
    def _write(request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
        try:
            request.send_response(status)
            for name, value in headers.items():
                request.send_header(name, value)
            request.send_header("Content-Type", "application/json")
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)
        except OSError:
            # The client did not wait.
            pass
