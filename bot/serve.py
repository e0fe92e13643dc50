"""Runs the bot: web, Slack, workers and scheduler in one process by default, or each apart; models in a process of their own."""

import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from typing import Literal

import uvicorn

from bot import directory, figures, rendering
from bot.dispatcher import Dispatcher
from bot.errors import RunloreError
from bot.home import connect, open_database
from bot.http import build_http
from bot.jobs import POOLS, Pool
from bot.local import page_address, with_workspace
from bot.logs import configure_logging
from bot.schedule import build_scheduler
from bot.settings import Settings
from bot.slack_app import build_app, close_socket, open_socket, socket_handler
from bot.wiring import Services

log = logging.getLogger(__name__)

Role = Literal["all", "web", "worker", "scheduler"]
COLLECT_AFTER = (5_000, 20, 20)  # objects made, collections of the young, of the middle-aged
DEAF = (
    "Slack has no way to reach the bot: set SLACK_APP_TOKEN (xapp-…, Socket Mode) or SLACK_SIGNING_SECRET (signed HTTP at "
    "/slack/events); see docs/slack-setup.md."
)
MODEL_QUEUES = ("general", "speech")  # their jobs load models, which would slow acknowledgements down


def serve(
    settings: Settings,
    *,
    role: Role = "all",
    queues: tuple[str, ...] = (),
    follow_parent: bool = False,
    ready: Callable[[Settings], None] | None = None,
) -> None:
    """Run until SIGTERM or SIGINT; `ready` is called once everything answers.

    A job that is not finished by then is handed back, though its thread may still be at it when this returns.
    """
    configure_logging(settings.log_level)
    stopping = threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
    if follow_parent:
        _stop_with_parent(stopping)
    with ExitStack() as stack:
        database = stack.enter_context(open_database(settings))
        workspace = None
        if not settings.has_slack:
            settings, workspace = with_workspace(settings)
        if workspace is not None:
            stack.callback(_end, workspace)
        if role in ("all", "web") and not settings.hears_slack:
            raise RunloreError(DEAF)
        services, bot_id = connect(settings, database)
        alive: list[Callable[[], bool]] = []
        if role in ("all", "web"):
            _start_web(services, bot_id, stack)
        if role in ("all", "worker"):
            alive += _start_workers(services, role, queues, stack)
        if role in ("all", "scheduler"):
            alive += [_start_scheduler(services, stack)]
        if role in ("worker", "scheduler") and settings.metrics_port is not None:
            well = partial(all_well, alive)
            try:
                stack.enter_context(figures.shown(settings.host, settings.metrics_port, alive=well))
            except OSError as error:
                raise RunloreError(
                    f"Port {settings.metrics_port} cannot be used on {settings.host} ({error.strerror}): set RUNLORE_METRICS_PORT."
                ) from error
        settle()
        log.info("ready", extra={"role": role, "url": settings.url})
        if ready is not None:
            ready(settings)
        stopping.wait()
        log.info("stopping")


def _start_web(services: Services, bot_id: str, stack: ExitStack) -> None:
    settings = services.settings
    bolt = build_app(services, bot_id=bot_id)
    server = uvicorn.Server(
        uvicorn.Config(
            build_http(services, bolt),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
        )
    )
    thread = threading.Thread(target=server.run, name="web", daemon=True)
    thread.start()
    deadline = time.monotonic() + 15
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise SystemExit(f"Port {settings.port} cannot be used on {settings.host}: set RUNLORE_PORT.")
        time.sleep(0.02)

    def stop() -> None:
        server.should_exit = True
        thread.join(5)

    stack.callback(stop)
    if settings.slack_app_token is not None:
        handler, leaving = socket_handler(bolt, services), threading.Event()
        stack.callback(close_socket, handler)
        stack.callback(leaving.set)
        open_socket(handler, leaving)


def settle() -> None:
    """What is loaded by now stays: the collector of cycles looks no more at it, which took 150 ms, every two seconds of a busy web process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def all_well(parts: Iterable[Callable[[], bool]]) -> bool:
    """Whether every part of this process still works."""
    return all(part() for part in parts)


def _start_workers(
    services: Services, role: Role, queues: tuple[str, ...], stack: ExitStack
) -> list[Callable[[], bool]]:
    """The pools and the dispatcher; returns what tells whether each still works."""
    here = [
        queue
        for queue in POOLS
        if (queue in queues if queues else role == "worker" or queue not in MODEL_QUEUES)
    ]
    pools = [Pool(services, queue) for queue in here]
    stops: list[Callable[[], object]] = [pool.stop for pool in pools]
    stack.callback(_at_once, stops)
    if role == "all":
        stops.append(_keep_model_worker(services.settings))
    for pool in pools:
        pool.start()
    alive: list[Callable[[], bool]] = [partial(getattr, pool, "alive") for pool in pools]
    if role == "worker" and "general" in here:
        threading.Thread(target=services.models.warm, name="warm-up", daemon=True).start()
    if "posts" in here:
        dispatcher = Dispatcher(services.database, services.messenger, render=rendering.render)
        thread = threading.Thread(target=dispatcher.run, name="dispatcher", daemon=True)
        thread.start()

        def stop() -> None:
            dispatcher.stop()
            thread.join(5)

        stops.append(stop)
        alive.append(thread.is_alive)
    return alive


def _at_once(stops: Iterable[Callable[[], object]]) -> None:
    """So that the bound of the slowest is the bound of all."""
    leaving = [threading.Thread(target=stop, name="leaving") for stop in stops]
    for thread in leaving:
        thread.start()
    for thread in leaving:
        thread.join()


def _start_scheduler(services: Services, stack: ExitStack) -> Callable[[], bool]:
    directory.reconcile(services)
    scheduler = build_scheduler(services)
    scheduler.start()
    stack.callback(scheduler.shutdown, wait=False)
    return lambda: bool(scheduler.running)


def _keep_model_worker(settings: Settings) -> Callable[[], None]:
    """A child that hears memos and reads notes; when it dies, it is started again."""
    leaving = threading.Event()
    command = [sys.executable, "-m", "bot.cli", "serve", "--role", "worker", "--follow-parent"]
    for queue in MODEL_QUEUES:
        command += ["--queues", queue]
    environment = os.environ | {
        f"RUNLORE_{name.upper()}": str(value)
        for name, value in settings.model_dump(mode="json", exclude_none=True).items()
        if "token" not in name and "secret" not in name
    }
    if not settings.slack_base_url.startswith("http://127.0.0.1"):
        secrets = {"SLACK_BOT_TOKEN": settings.slack_bot_token, "SLACK_APP_TOKEN": settings.slack_app_token}
        environment |= {name: value.get_secret_value() for name, value in secrets.items() if value}
    child: list[subprocess.Popen[bytes]] = []

    def watch() -> None:
        while not leaving.is_set():
            child[:] = [subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)]  # noqa: S603
            while child[0].poll() is None and not leaving.wait(0.5):
                pass
            if not leaving.is_set():
                log.warning("model_worker_died", extra={"code": child[0].returncode})
                leaving.wait(1)

    thread = threading.Thread(target=watch, name="model-worker", daemon=True)
    thread.start()

    def stop() -> None:
        leaving.set()
        thread.join(2)
        for process in child:
            _end(process)

    return stop


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()


def _stop_with_parent(stopping: threading.Event) -> None:
    """A worker whose parent was killed must not go on beside the next one."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        stopping.set()
        time.sleep(5)
        os._exit(1)  # a transcription in hand would hold on for long; its job is taken up again

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def local_page(settings: Settings) -> str | None:
    """The page of the local workspace, when there is one."""
    return page_address(settings) if settings.slack_base_url.startswith("http://127.0.0.1") else None
