"""Runs a real Bolt app against the local workspace, over Socket Mode or behind signed HTTP."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fastapi.testclient import TestClient
from local_workspace import Json, LocalWorkspace, default_config
from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

SOCKET, HTTP = "socket", "http"


def bolt_app(workspace: LocalWorkspace) -> App:
    client = WebClient(token=workspace.bot_token, base_url=workspace.base_url)
    return App(client=client, signing_secret=workspace.signing_secret)


@contextlib.contextmanager
def over_socket(workspace: LocalWorkspace, app: App) -> Iterator[None]:
    """Connect by Socket Mode; the short ping lets a dead socket be noticed within seconds."""
    handler = SocketModeHandler(app, workspace.app_token, ping_interval=1)
    handler.connect()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        handler.close()  # type: ignore[no-untyped-call]


class Route:
    """What an `Endpoint` needs of an app, played by the bot's own web application."""

    def __init__(self, web: TestClient) -> None:
        self._web = web

    def dispatch(self, request: BoltRequest) -> BoltResponse:
        headers = {name: values[0] for name, values in request.headers.items() if name != "host"}
        answer = self._web.post("/slack/events", content=request.raw_body.encode(), headers=headers)
        kind = answer.headers.get("content-type", "text/plain")
        return BoltResponse(status=answer.status_code, body=answer.text, headers={"content-type": kind})


class Endpoint:
    """An HTTP server that hands every POST to the app it was given, and keeps the headers it saw."""

    def __init__(self) -> None:
        self.app: App | Route | None = None
        self.seen: list[dict[str, str]] = []
        self.answers: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                outer.seen.append({name.lower(): value for name, value in self.headers.items()})
                status, headers, answer = outer.handle(body, dict(self.headers.items()))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Tests read what was seen, not a log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/slack/events"

    def handle(self, body: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if self.answers:
            return self.answers.pop(0), {}, b""
        if self.app is None:
            return 503, {}, b""
        answer = self.app.dispatch(BoltRequest(body=body, headers=dict(headers)))
        return answer.status, answer.first_headers(), answer.body.encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def http_config(endpoint: Endpoint, **timings: object) -> Json:
    config = default_config(**timings)
    config["apps"][0]["request_url"] = endpoint.url
    return config


@contextlib.contextmanager
def workspace_for(mode: str, **timings: float) -> Iterator[tuple[LocalWorkspace, App]]:
    """A workspace and a Bolt app that is connected to it in the given mode once it is entered."""
    if mode == SOCKET:
        with LocalWorkspace(default_config(**timings)) as workspace:
            app = bolt_app(workspace)
            with over_socket(workspace, app):
                yield workspace, app
        return
    endpoint = Endpoint()
    try:
        with LocalWorkspace(http_config(endpoint, **timings)) as workspace:
            endpoint.app = bolt_app(workspace)
            yield workspace, endpoint.app
    finally:
        endpoint.close()
