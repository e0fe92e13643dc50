"""Puts the workspace together and serves it: Web API, sockets, files, response URLs, client and page."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from localslack import files, responses, views
from localslack.api import Api
from localslack.client import Client
from localslack.delivery import Delivery
from localslack.faults import DroppableConnections, Faults
from localslack.guard import OwnPagesOnly
from localslack.interactions import Interactions
from localslack.ratelimits import RateLimits
from localslack.sockets import Sockets
from localslack.state import State
from localslack.stream import Stream
from localslack.values import Config, Refused
from localslack.workspace import Workspace

_STATIC = Path(__file__).parent / "static"
_LOGIN = "<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body>Sign in to your workspace</body></html>"


def build(config: Config, *, data: Path, port: int) -> DroppableConnections:
    """The whole workspace as one ASGI application."""
    state = State(config=config, data=data, base=f"http://127.0.0.1:{port}")
    faults = Faults()
    sockets = Sockets(state.apps)
    stream = Stream()
    delivery = Delivery(sockets=sockets, timings=state.timings, faults=faults, team=state.team)
    ws = Workspace(state=state, stream=stream, delivery=delivery)
    triggers = views.Triggers(state.timings)
    api = Api(ws=ws, sockets=sockets, triggers=triggers, faults=faults, limits=RateLimits(state.timings))
    client = Client(ws=ws, interactions=Interactions(ws, triggers), api=api, faults=faults)
    transfers = Transfers(ws)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await delivery.close()
        state.close()

    routes = [
        Route("/api/{method}", api.endpoint, methods=["GET", "POST"]),
        WebSocketRoute("/socket", sockets.serve),
        WebSocketRoute("/client/stream", stream.serve),
        *client.routes(),
        Route("/upload/v1/{file_id}/{secret}", transfers.upload, methods=["POST", "PUT"]),
        Route("/files/{place}/{name}", transfers.download),
        Route("/files/{place}/download/{name}", transfers.download),
        Route("/response/{response_id}", transfers.respond, methods=["POST"]),
        Route("/archives/{channel}/{message}", _page),
        Route("/archives/{channel}", _page),
        Mount("/", StaticFiles(directory=_STATIC, html=True)),
    ]
    return DroppableConnections(OwnPagesOnly(Starlette(routes=routes, lifespan=lifespan), port=port))


async def _page(_: Request) -> Response:
    return FileResponse(_STATIC / "index.html")


class Transfers:
    """Bytes and answers on addresses that were handed out before."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws

    async def upload(self, request: Request) -> Response:
        state = self._ws.state
        file = state.files.get(request.path_params["file_id"])
        if file is None or file["_secret"] != request.path_params["secret"]:
            return PlainTextResponse("not found", status_code=404)
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            form = await request.form()
            parts = [each for each in form.values() if not isinstance(each, str)]
            body = await parts[0].read() if parts else b""
        else:
            body = await request.body()
        if len(body) != file["size"]:
            return PlainTextResponse(f"expected {file['size']} bytes, got {len(body)}", status_code=400)
        files.store(state, file, body)
        return PlainTextResponse(f"OK - {len(body)}")

    async def download(self, request: Request) -> Response:
        state = self._ws.state
        _, file_id, secret = (request.path_params["place"] + "--").split("-")[:3]
        file = state.files.get(file_id)
        if file is None or file["_secret"] != secret or file.get("deleted"):
            return PlainTextResponse("File not found", status_code=404)
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        app = next((each for each in state.active_apps() if each.bot_token == bearer), None)
        if app is None or "files:read" not in app.scopes or not files.may_read(state, app, file):
            # Slack answers a download without the right to it with its login page, as 200.
            return HTMLResponse(_LOGIN, headers={"x-slack-meta": "?;acl_fail"})
        kind = "video/mp4" if file.get("subtype") == "slack_audio" else file["mimetype"]
        return FileResponse(state.blobs / file_id, media_type=kind)

    async def respond(self, request: Request) -> Response:
        try:
            body = json.loads(await request.body() or b"{}")
        except ValueError:
            return PlainTextResponse("invalid_payload", status_code=400)
        try:
            responses.use(self._ws, request.path_params["response_id"], body)
        except Refused as refusal:
            gone = refusal.error in ("expired_url", "used_url")
            return JSONResponse(refusal.answer(), status_code=404 if gone else 400)
        return PlainTextResponse("ok")
