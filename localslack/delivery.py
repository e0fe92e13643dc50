"""Delivers events, commands and interactions to apps, over Socket Mode or signed HTTP."""

import asyncio
import secrets
import time
from collections.abc import Coroutine
from typing import Any

from localslack.faults import Faults
from localslack.signed import SignedHttp
from localslack.sockets import Connection, NotAcknowledged, Sockets
from localslack.values import App, Json, Timings


class Delivery:
    """Events are retried as Slack does; commands and interactions are tried once and answered."""

    def __init__(self, *, sockets: Sockets, timings: Timings, faults: Faults, team: Json) -> None:
        self._sockets = sockets
        self._http = SignedHttp()
        self._timings = timings
        self._faults = faults
        self._team = team
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[tuple[App, Json]] = []
        self.log: list[Json] = []

    def event(self, app: App, event: Json, *, shared: bool = False) -> None:
        """Wrap an event and start its delivery; injected faults may double, delay or disturb it."""
        wrapper = {
            "token": app.verification_token,
            "team_id": self._team["id"],
            "context_team_id": self._team["id"],
            "context_enterprise_id": None,
            "api_app_id": app.id,
            "event": event,
            "type": "event_callback",
            "event_id": "Ev0" + secrets.token_hex(5).upper(),
            "event_time": int(time.time()),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": self._team["id"],
                    "user_id": app.bot_user,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": shared,
            "event_context": "4-" + secrets.token_urlsafe(24),
        }
        fault = self._faults.take_event(event["type"])
        if fault and fault["kind"] == "reorder_events":
            self._held.append((app, wrapper))
            self._start(self._release_later(fault.get("seconds", 1.0)))
            return
        copies = 2 if fault and fault["kind"] == "duplicate_event" else 1
        for _ in range(copies):
            self._start(self._deliver(app, wrapper, fault))
        self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        for app, wrapper in held:
            self._start(self._deliver(app, wrapper, None))

    async def _release_later(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._release()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, app: App, wrapper: Json, fault: Json | None) -> None:
        if fault and fault["kind"] == "latency":
            await asyncio.sleep(fault.get("seconds", 1.0))
        entry = {
            "event_id": wrapper["event_id"],
            "type": wrapper["event"]["type"],
            "attempts": [],
            "acked": False,
        }
        self.log.append(entry)
        reason = ""
        for attempt, delay in enumerate((0.0, *self._timings.retry_delays)):
            await asyncio.sleep(delay)
            disturbed = fault if attempt == 0 else None
            try:
                await self._attempt(app, wrapper, attempt, reason, disturbed)
            except NotAcknowledged as failure:
                reason = failure.reason
                entry["attempts"].append(reason)
                if reason == "no_retry":
                    return
            else:
                entry["attempts"].append("ok")
                entry["acked"] = True
                return

    async def _attempt(self, app: App, wrapper: Json, attempt: int, reason: str, fault: Json | None) -> None:
        timeout = self._timings.ack_timeout
        if app.request_url:
            headers = {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": reason} if attempt else {}
            answer = await self._http.event(app, wrapper, timeout=timeout, headers=headers)
            if fault and fault["kind"] == "drop_ack":
                raise NotAcknowledged("http_timeout")
            if not 200 <= answer.status < 300:
                never = answer.headers.get("x-slack-no-retry") == "1"
                raise NotAcknowledged("no_retry" if never else "http_error")
            return
        connection = await self._sockets.connection(app, hold=self._timings.hold)
        retry = {"retry_attempt": attempt, "retry_reason": "timeout" if attempt else ""}
        if fault and fault["kind"] == "disconnect_socket":
            self._start(_cut_soon(connection, fault.get("reason", "abrupt"), fault.get("seconds", 0.05)))
        await self._sockets.send(connection, "events_api", wrapper, timeout=timeout, retry=retry)
        if fault and fault["kind"] == "drop_ack":
            raise NotAcknowledged("timeout")

    async def request(self, app: App, kind: str, payload: Json) -> Json | None:
        """A command or an interaction: one try, its answer within Slack's three seconds."""
        if app.request_url:
            return await self._http.interaction(app, kind, payload, timeout=self._timings.ack_timeout)
        connection = await self._sockets.connection(app, hold=min(1.0, self._timings.hold))
        return await self._sockets.send(connection, kind, payload, timeout=self._timings.ack_timeout)

    async def disconnect_all(self, app: App, reason: str) -> int:
        """End every connection of an app: with Slack's word, or cut without one."""
        open_now = self._sockets.connections(app)
        for connection in open_now:
            await _cut_soon(connection, reason, 0.0)
        return len(open_now)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        self._http.close()


async def _cut_soon(connection: Connection, reason: str, seconds: float) -> None:
    await asyncio.sleep(seconds)
    try:
        if reason == "abrupt":
            await connection.cut()
        else:
            await connection.disconnect(reason)
    except RuntimeError:
        # The client was quicker and has closed the connection itself.
        return
