"""Keeps other web pages out: a workspace without a login must not answer pages of other origins."""

from typing import Any

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse


class OwnPagesOnly:
    """Refuses foreign hosts (DNS rebinding) and foreign origins (a page that posts to 127.0.0.1)."""

    def __init__(self, app: Any, *, port: int) -> None:  # noqa: ANN401
        self._app = app
        self._hosts = {name for host in ("127.0.0.1", "localhost") for name in (host, f"{host}:{port}")}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        if scope["type"] in ("http", "websocket") and not self._ours(Headers(scope=scope)):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 4003, "reason": "foreign origin"})
                return
            await PlainTextResponse("This workspace answers only its own page.", 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _ours(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        own = origin is None or origin.removeprefix("http://") in self._hosts
        return own and headers.get("host", "") in self._hosts
