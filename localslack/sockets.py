"""Socket Mode: connections, envelopes, acknowledgements and disconnects."""

import asyncio
import itertools
import secrets
import uuid
from dataclasses import dataclass, field

from starlette.websockets import WebSocket, WebSocketDisconnect

from localslack.values import App, Json

MAX_CONNECTIONS = 10


@dataclass(kw_only=True, eq=False)
class Connection:
    """One open socket of an app and the envelopes that wait for its acknowledgement."""

    socket: WebSocket
    app: App
    waiting: dict[str, asyncio.Future[Json | None]] = field(default_factory=dict)
    draining: bool = False

    async def disconnect(self, reason: str) -> None:
        """Ask the client to reconnect, as Slack does; a draining connection gets no more envelopes."""
        self.draining = reason != "warning"
        await self.socket.send_json(
            {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-local"}}
        )

    async def cut(self) -> None:
        self.draining = True
        await self.socket.close(code=1011)


class NotAcknowledged(Exception):
    """No acknowledgement came: the reason is Slack's word for it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Sockets:
    """Gives tickets, holds the connections, and sends each envelope to any one of them."""

    def __init__(self, apps: tuple[App, ...]) -> None:
        self._apps = {app.id: app for app in apps}
        self._tickets: dict[str, str] = {}
        self._connections: dict[str, list[Connection]] = {app.id: [] for app in apps}
        self._turns = itertools.count()
        self._changed = asyncio.Condition()

    def ticket(self, app: App) -> str:
        ticket = secrets.token_urlsafe(24)
        self._tickets[ticket] = app.id
        return ticket

    def connections(self, app: App) -> list[Connection]:
        return [each for each in self._connections[app.id] if not each.draining]

    async def serve(self, socket: WebSocket) -> None:
        app_id = self._tickets.pop(socket.query_params.get("ticket", ""), None)
        if app_id is None:
            await socket.close(code=4001, reason="the ticket is unknown or used")
            return
        await socket.accept()
        connection = Connection(socket=socket, app=self._apps[app_id])
        if len(self.connections(connection.app)) >= MAX_CONNECTIONS:
            await connection.disconnect("too_many_websockets")
            await socket.close()
            return
        open_now = self._connections[app_id]
        open_now.append(connection)
        await socket.send_json(
            {
                "type": "hello",
                "num_connections": len(open_now),
                "debug_info": {
                    "host": "applink-local",
                    "build_number": 1,
                    "approximate_connection_time": 18060,
                },
                "connection_info": {"app_id": app_id},
            }
        )
        async with self._changed:
            self._changed.notify_all()
        try:
            while True:
                self._acknowledge(connection, await socket.receive_json())
        except (WebSocketDisconnect, RuntimeError, ValueError):
            return
        finally:
            open_now.remove(connection)
            for waiting in connection.waiting.values():
                if not waiting.done():
                    waiting.set_exception(NotAcknowledged("connection_closed"))

    def _acknowledge(self, connection: Connection, answer: Json) -> None:
        waiting = connection.waiting.get(answer.get("envelope_id", ""))
        if waiting is not None and not waiting.done():
            waiting.set_result(answer.get("payload"))

    async def connection(self, app: App, *, hold: float) -> Connection:
        """Any one open connection; waits `hold` seconds for one."""
        try:
            async with self._changed:
                await asyncio.wait_for(self._changed.wait_for(lambda: self.connections(app)), timeout=hold)
        except TimeoutError:
            raise NotAcknowledged("no_connection") from None
        candidates = self.connections(app)
        return candidates[next(self._turns) % len(candidates)]

    async def send(
        self, connection: Connection, kind: str, payload: Json, *, timeout: float, retry: Json | None = None
    ) -> Json | None:
        """Send one envelope and wait for its acknowledgement's payload."""
        envelope_id = str(uuid.uuid4())
        waiting: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()
        connection.waiting[envelope_id] = waiting
        try:
            await connection.socket.send_json(
                {
                    "envelope_id": envelope_id,
                    "payload": payload,
                    "type": kind,
                    "accepts_response_payload": kind != "events_api",
                    **(retry or {}),
                }
            )
            return await asyncio.wait_for(waiting, timeout=timeout)
        except TimeoutError:
            raise NotAcknowledged("timeout") from None
        except (WebSocketDisconnect, RuntimeError):
            raise NotAcknowledged("connection_closed") from None
        finally:
            connection.waiting.pop(envelope_id, None)
