"""Injected faults: what goes wrong next, for tests of the apps."""

import asyncio
from fnmatch import fnmatch
from typing import Any

from localslack.values import Json, Refused

CALL_FAULTS = ("429", "500", "503", "refuse", "timeout_after_accept", "drop_connection", "latency")
EVENT_FAULTS = ("duplicate_event", "reorder_events", "drop_ack", "disconnect_socket", "latency")


class Faults:
    """Rules that fire `count` times on a method or an event (shell patterns), after `skip` matches."""

    def __init__(self) -> None:
        self._rules: list[Json] = []

    def replace(self, rules: list[Json]) -> None:
        for rule in rules:
            allowed = CALL_FAULTS if "method" in rule else EVENT_FAULTS if "event" in rule else ()
            if str(rule.get("kind")) not in allowed:
                words = f"give 'method' with one of {CALL_FAULTS} or 'event' with one of {EVENT_FAULTS}"
                raise Refused(f"unknown fault {rule!r}: {words}")
        self._rules = [{"count": 1, "skip": 0, **rule, "kind": str(rule["kind"])} for rule in rules]

    def take_call(self, method: str) -> Json | None:
        return self._take("method", method)

    def take_event(self, event: str) -> Json | None:
        return self._take("event", event)

    def left(self) -> list[Json]:
        return [rule for rule in self._rules if rule["count"] > 0]

    def _take(self, field: str, name: str) -> Json | None:
        for rule in self._rules:
            if rule["count"] > 0 and field in rule and fnmatch(name, rule[field]):
                if rule["skip"] > 0:
                    rule["skip"] -= 1
                    continue
                rule["count"] -= 1
                return rule
        return None


class DroppableConnections:
    """An outermost ASGI layer that lets a handler cut its client's connection without an answer."""

    def __init__(self, app: Any) -> None:  # noqa: ANN401
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        if scope["type"] == "http":
            # uvicorn's `send` is a method of the running request, which knows its transport.
            scope["localslack.transport"] = getattr(getattr(send, "__self__", None), "transport", None)
        await self._app(scope, receive, send)


async def drop(scope: Any) -> None:  # noqa: ANN401
    """Abort the connection a request came on; nothing more reaches the client."""
    transport = scope.get("localslack.transport")
    if transport is not None:
        transport.abort()
    await asyncio.sleep(0)
