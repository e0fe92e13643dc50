"""The open pages: who is looking, and what is pushed to them."""

import asyncio
from collections.abc import Iterable

from starlette.websockets import WebSocket, WebSocketDisconnect

from localslack.values import Json


class Stream:
    """One queue per open page; a page that stops reading loses only its own pushes."""

    def __init__(self) -> None:
        self._pages: dict[asyncio.Queue[Json], str] = {}

    def push(self, users: Iterable[str], happening: Json) -> None:
        audience = set(users)
        for queue, user in self._pages.items():
            if user in audience:
                queue.put_nowait(happening)

    async def serve(self, socket: WebSocket) -> None:
        queue: asyncio.Queue[Json] = asyncio.Queue()
        await socket.accept()
        self._pages[queue] = socket.query_params.get("user", "")
        reader = asyncio.create_task(_until_closed(socket))
        try:
            while not reader.done():
                getter = asyncio.create_task(queue.get())
                await asyncio.wait({getter, reader}, return_when=asyncio.FIRST_COMPLETED)
                if getter.done():
                    await socket.send_json(getter.result())
                else:
                    getter.cancel()
        except (WebSocketDisconnect, RuntimeError):
            return
        finally:
            reader.cancel()
            del self._pages[queue]


async def _until_closed(socket: WebSocket) -> None:
    try:
        while True:
            await socket.receive_text()
    except (WebSocketDisconnect, RuntimeError):
        return
