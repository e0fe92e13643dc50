"""Around every HTTP request: an id that its log lines and answer carry, its time counted, and a bound on how often one asks."""

import hashlib
import json
import logging
import math
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from bot import figures
from bot.logs import about
from bot.rates import Allowance, Rates

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

READING = Allowance(per_second=20, burst=100)  # questions take models and searches
LOGGING_IN = Allowance(per_second=5, burst=50)  # by address, which a proxy may share among many
GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Requests:
    """ASGI middleware in plain ASGI: it costs microseconds and keeps the context of the endpoint's thread."""

    def __init__(self, application: Application, *, per_second: int) -> None:
        self._application = application
        self._writing = Allowance(per_second=per_second, burst=2 * per_second)
        self._rates = Rates()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        given = headers.get(b"x-request-id", "")
        request = given if GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
        started, status = time.monotonic(), 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request.encode())]
            await send(message)

        with about(request=request):
            try:
                wait = self._wait(scope, headers.get(b"authorization", ""))
                if wait > 0:
                    await _put_off(answer, wait)
                else:
                    await self._application(scope, receive, answer)
            finally:
                took = time.monotonic() - started
                route = getattr(scope.get("route"), "path", "other")
                figures.REQUESTS.labels(route=route, status=str(status)).observe(took)
                level = logging.WARNING if status >= 500 else logging.DEBUG
                log.log(level, "request", extra={"route": route, "status": status, "took_s": round(took, 4)})

    def _wait(self, scope: Scope, authorization: str) -> float:
        path, method = str(scope["path"]), scope["method"]
        if not path.startswith("/api/"):
            return 0.0  # Slack signs its requests, health is asked by machines of ours
        address = str((scope.get("client") or ("",))[0])
        whose = hashlib.sha256(authorization.encode()).hexdigest()[:16] if authorization else address
        if path.startswith("/api/v1/login/"):
            kind, allowance = "login", LOGGING_IN
        elif method in ("GET", "HEAD"):
            kind, allowance = "read", READING
        else:
            kind, allowance = "write", self._writing
        return self._rates.take(f"{kind}:{whose}", allowance, now=time.monotonic())


async def _put_off(send: Send, wait: float) -> None:
    seconds = max(1, math.ceil(wait))
    body = json.dumps({"error": f"Too many requests at once: come back in {seconds} s."}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", str(seconds).encode()),
    ]
    await send({"type": "http.response.start", "status": 429, "headers": headers})
    await send({"type": "http.response.body", "body": body})
