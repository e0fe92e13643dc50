"""Background work on procrastinate: three pools (posts, general, speech), and what a dead worker left is taken up again."""

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import procrastinate

from bot import digests, figures, inbox, memos, notes, reading, search_index, similar
from bot.logs import about, kind_of
from bot.wiring import Services
from storage.database import conninfo
from storage.jobs import retry_stalled as take_back
from storage.memory import Note

log = logging.getLogger(__name__)

POOLS: Mapping[str, int] = {"posts": 8, "general": 2, "speech": 1}  # queue -> jobs at a time
HEARTBEAT_SECONDS = 2.0
DEAD_AFTER_SECONDS = 10.0
GRACE_SECONDS = 8.0  # for the jobs in hand when the bot stops
CRASHES_ALLOWED = 2
PATIENCE = 10  # of `nice`

Task = Callable[..., None]


def tasks(services: Services) -> Mapping[str, Task]:
    """Every kind of job by name; arguments are JSON."""

    def hear_memo(note_id: int) -> None:
        memos.hear(
            services.database,
            services.messenger,
            services.models.transcriber,
            note_id,
            now=services.now(),
            home=services.settings.home,
            keep_all=services.settings.keep_audio,
        )

    def read_note(note_id: int) -> None:
        models = services.models
        extractor, embedder = models.extractor, models.embedder
        with services.database.session() as session:
            reading.read_note(session, note_id, extractor=extractor, embedder=embedder, now=services.now())

    def handle_event(event_id: str) -> None:
        inbox.handle(services, event_id)

    def handle_slow_event(event_id: str) -> None:
        inbox.handle(services, event_id, with_models=True)

    def share_report(digest_id: int) -> None:
        digests.share_report(services, digest_id)

    def share_canvas(digest_id: int) -> None:
        digests.share_canvas(services, digest_id)

    def find_similar(run_id: int) -> None:
        with services.database.session() as session:
            # Not at the start: the code and data that are told after it are found then, too.
            search_index.index_runs(session, [run_id])
            similar.find_similar(session, run_id, now=services.now())

    return {
        "hear_memo": hear_memo,
        "read_note": read_note,
        "handle_event": handle_event,
        "handle_slow_event": handle_slow_event,
        "share_report": share_report,
        "share_canvas": share_canvas,
        "find_similar": find_similar,
    }


def build_app(services: Services) -> procrastinate.App:
    """A procrastinate App for one thread's event loop."""
    app = procrastinate.App(
        connector=procrastinate.PsycopgConnector(conninfo=conninfo(services.database.url), max_size=12)
    )
    # Slack may be away for a while: tried for ten minutes, at first every few seconds.
    retry = procrastinate.RetryStrategy(max_attempts=20, linear_wait=3, wait=1)
    for name, task in tasks(services).items():
        app.task(name=name, retry=retry)(_logged(name, task))
    return app


def _logged(name: str, task: Task) -> Task:
    """The same, and what it logs says which job it was: arguments are ids only."""

    def logged(**args: object) -> None:
        with about(job=name, **args):
            task(**args)

    return logged


class Pool:
    """Works off one queue in a thread of its own until it is stopped."""

    def __init__(self, services: Services, queue: str) -> None:
        self._services = services
        self._queue = queue
        self._thread = threading.Thread(target=self._run, name=f"pool-{queue}", daemon=True)
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._worker: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether its thread works; once it was stopped: whether a job goes on that was handed back."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Finish the jobs in hand, for `GRACE_SECONDS`; what is not done by then is taken up by another worker."""
        self._stopping.set()
        loop, worker = self._loop, self._worker
        if loop is not None and worker is not None and loop.is_running():
            loop.call_soon_threadsafe(worker.cancel)
        self._thread.join(GRACE_SECONDS + 2)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                asyncio.run(self._work())
            except Exception as error:  # noqa: BLE001  the edge of a thread: the database may be away, work goes on
                log.warning("pool_lost_its_database", extra={"queue": self._queue, "reason": kind_of(error)})
                self._stopping.wait(1)

    async def _work(self) -> None:
        size = POOLS[self._queue]
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(
            ThreadPoolExecutor(
                size + 1,
                thread_name_prefix=self._queue,
                initializer=step_back if self._queue == "speech" else None,
            )
        )
        async with build_app(self._services).open_async() as app:
            self._worker = asyncio.ensure_future(
                app.run_worker_async(
                    queues=[self._queue],
                    concurrency=size,
                    install_signal_handlers=False,
                    delete_jobs="successful",
                    update_heartbeat_interval=HEARTBEAT_SECONDS,
                    stalled_worker_timeout=DEAD_AFTER_SECONDS,
                    fetch_job_polling_interval=1.0,
                    shutdown_graceful_timeout=GRACE_SECONDS,
                )
            )
            try:
                await self._worker
            except asyncio.CancelledError:
                return


def step_back() -> None:
    """Let this thread, and those that a model starts in it, yield to whoever waits for an answer: hearing takes minutes of every core."""
    if sys.platform == "linux":  # elsewhere a thread has no priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), PATIENCE)


def retry_stalled(services: Services) -> int:
    """Take up jobs whose worker is gone; a job that took two workers with it is given up and its author told."""
    with services.database.session() as session:
        stalled = take_back(
            session, silent_for=timedelta(seconds=DEAD_AFTER_SECONDS), most_crashes=CRASHES_ALLOWED
        )
        for job in stalled:
            figures.STALLED.labels(queue=job.queue).inc()
            log.warning("job_stalled", extra={"job": job.id, "task": job.task, "gave_up": job.gave_up})
            note = (
                session.get(Note, job.args.get("note_id")) if job.gave_up and "note_id" in job.args else None
            )
            if note is not None:
                notes.give_up(session, note, now=services.now())
    return len(stalled)
