"""Requests that arrive while a transaction commits go into the next one together: a commit costs the same for all of them."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot.ingest_together import Beat, Json, Plain, take_together
from bot.wiring import Services

log = logging.getLogger(__name__)

MOST_RUNS = 256  # of a group
MOST_POINTS = 50_000  # of a group, so that nobody waits long for what others send
COMMITTERS = 2  # while one waits for the database, the other prepares


@dataclass(frozen=True, slots=True)
class _Waiting:
    asked: Plain | Beat
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[Json | None]"

    def settle(self, answer: Json | None, error: Exception | None) -> None:
        if self.answer.done():  # whoever asked has gone
            return
        if error is not None:
            self.answer.set_exception(error)
        else:
            self.answer.set_result(answer)


class GroupCommit:
    """Takes in what is asked in groups, one transaction each; threads work while there is something to take in."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._queue: deque[_Waiting] = deque()
        self._at_work = 0
        self._threads = ThreadPoolExecutor(COMMITTERS, thread_name_prefix="group-commit")

    async def take(self, asked: Plain | Beat) -> Json | None:
        """The answer once it is committed; None when it has to be taken in alone. Raises what the database raised when it was away."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(asked, loop, loop.create_future())
        with self._lock:
            self._queue.append(waiting)
            if self._at_work < COMMITTERS:
                self._at_work += 1
                self._threads.submit(self._work)
        return await waiting.answer

    def _work(self) -> None:
        while group := self._next_group():
            error: Exception | None = None
            answers: Sequence[Json | None] = [None] * len(group)
            try:
                with self._services.database.session() as session:
                    answers = take_together(session, [one.asked for one in group], self._services)
            except (DBAPIError, psycopg.Error, PoolTimeout) as problem:
                # One of them may be at fault: each is taken in alone then. Without a database none is.
                answers = [None] * len(group)
                if isinstance(problem, PoolTimeout) or getattr(problem, "connection_invalidated", False):
                    error = problem
                log.warning("group_not_taken", extra={"size": len(group), "reason": type(problem).__name__})
            except Exception as problem:  # noqa: BLE001  the edge of a thread: whoever asked gets the error
                error = problem
            self._answer(group, answers, error)

    def _next_group(self) -> list[_Waiting]:
        """What waits, in order, each run once; this thread's work ends when there is nothing."""
        group: list[_Waiting] = []
        with self._lock:
            left: list[_Waiting] = []
            seen: set[str] = set()
            points = 0
            while self._queue and len(group) < MOST_RUNS and points < MOST_POINTS:
                one = self._queue.popleft()
                if one.asked.run in seen:
                    left.append(one)
                    continue
                seen.add(one.asked.run)
                points += one.asked.points
                group.append(one)
            self._queue.extendleft(reversed(left))
            if not group:
                self._at_work -= 1
        return group

    @staticmethod
    def _answer(group: Sequence[_Waiting], answers: Sequence[Json | None], error: Exception | None) -> None:
        """Hand all answers over at once: every call into a loop wakes it."""

        def settle(mine: list[tuple[_Waiting, Json | None]]) -> None:
            for waiting, answer in mine:
                waiting.settle(answer, error)

        loops: dict[asyncio.AbstractEventLoop, list[tuple[_Waiting, Json | None]]] = {}
        for waiting, answer in zip(group, answers, strict=True):
            loops.setdefault(waiting.loop, []).append((waiting, answer))
        for loop, mine in loops.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, mine)
