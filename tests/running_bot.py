"""The bot in this process, with real PostgreSQL, the real Slack libraries and a Slack-compatible workspace; only models are fakes."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from fakes import FakeModels
from fastapi.testclient import TestClient
from local_workspace import ANA, LocalWorkspace
from patience import stretched
from pydantic import SecretStr
from web_api_contract import broken

from bot import directory, ingest, rendering, tokens, wire
from bot.dispatcher import Dispatcher
from bot.http import build_http
from bot.jobs import POOLS, Pool
from bot.messenger import SlackMessenger
from bot.people import by_slack_id
from bot.plain_text import plain_text
from bot.settings import Settings
from bot.slack_app import build_app, close_socket, socket_handler
from bot.tokens import Bearer
from bot.wiring import Services
from storage.database import Database
from storage.ingest_queries import take_project

Json = dict[str, Any]
T = TypeVar("T")
BOT, BOT_ID = "U0RUNLORE", "B0RUNLORE"

UNDONE = {
    "outbox": "SELECT count(*) FROM outbox WHERE state IN ('waiting', 'sending')",
    "events": "SELECT count(*) FROM slack_event WHERE handled_at IS NULL",
    "jobs": "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'"
    " OR (status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now()))",
}

_numbers = count(1)


class Clock:
    """The time of day, moved on by hand."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def advance(self, **amount: float) -> None:
        self.ahead += timedelta(**amount)


@dataclass
class RunningBot:
    """What a test does with the bot: report runs, look at channels, wait until all is told."""

    services: Services
    workspace: LocalWorkspace
    models: FakeModels
    clock: Clock
    dispatcher: Dispatcher
    web: TestClient
    sequences: dict[str, int] = field(default_factory=dict)

    def report(
        self, project: str, run: str, *events: Json, series: list[Json] | None = None, who: str = ANA
    ) -> Json:
        """Records of a run as its sidecar would send them, taken in at once."""
        stream = f"{abs(hash((project, run))):x}".rjust(16, "0")[:32]
        first = self.sequences.get(stream, 0)
        at = self.clock().timestamp()
        points = sum(len(one["v"]) for one in series or [])
        told = [{"at": at, **event, "seq": first + place} for place, event in enumerate(events)]
        batch = {"v": 1, "project": project, "run": run, "stream": stream, "first": first}
        batch |= {"count": len(told) + points, "sent_at": at, "events": told, "series": series or []}
        with self.services.database.session() as session:
            person = by_slack_id(session, who, now=self.clock())
            bearer = Bearer(token_id=0, person_id=person.id, project_id=None, scopes=frozenset({"write"}))
            answer = ingest.take(
                session, wire.parse_batch(json.loads(json.dumps(batch))), bearer, self.services
            )
        self.sequences[stream] = answer["next"]
        return answer

    def start(self, project: str, *, who: str = ANA, **start: Any) -> str:  # noqa: ANN401  fields of the start event
        """A new run of somebody; returns its id."""
        run = f"run-{next(_numbers):06d}"
        self.report(project, run, {"t": "start", "name": run, "entry": "train.py", **start}, who=who)
        return run

    def log(self, project: str, run: str, metric: str, *values: float, who: str = ANA) -> None:
        """One value a step."""
        now, later = round(self.clock().timestamp() * 1000), len(values) - 1
        columns = {"k": metric, "s": [0] + [1] * later, "ms": [now] + [0] * later, "v": list(values)}
        self.report(project, run, series=[columns], who=who)

    def finish(
        self,
        project: str,
        run: str,
        state: str = "finished",
        *,
        who: str = ANA,
        **exit_: Any,  # noqa: ANN401  fields of the exit event
    ) -> None:
        """The run's end, as the sidecar tells it."""
        self.report(project, run, {"t": "exit", "state": state, **exit_}, who=who)

    def own_channel(self, project: str, channel: str) -> None:
        """Bind a project to a channel: one thread per run."""
        with self.services.database.session() as session:
            found = take_project(session, project, now=self.clock())[0]
            found.channel_id, found.threading = channel, "run"

    def wait(self, condition: Callable[[], T | None], what: str = "", *, seconds: float = 45) -> T:
        """Wait until something holds, and return it."""
        return self.workspace.wait_for(condition, timeout=seconds, what=what)

    def message(self, channel: str, words: str, *, user: str = ANA) -> Json:
        """The channel's message that shows these words, waited for."""
        return self.wait(lambda: _holding(self.workspace.messages(channel, user), words), words)

    def reply(self, channel: str, ts: str, words: str, *, user: str = ANA) -> Json:
        """The same for a thread."""
        return self.wait(lambda: _holding(self.workspace.thread(channel, ts, user)[1:], words), words)

    def whisper(self, user: str, channel: str, words: str, *, thread: str | None = None) -> Json:
        """The same for what only one person sees."""
        return self.wait(lambda: _holding(self.workspace.ephemerals(user, channel, thread), words), words)

    def settle(self, *, seconds: float = 45) -> None:
        """Wait until nothing waits to be handled or told."""
        quiet = 0
        deadline = time.monotonic() + stretched(seconds)
        while quiet < 3:
            assert time.monotonic() < deadline, f"still waiting: {self.waiting()}"
            quiet = quiet + 1 if not any(self.waiting().values()) else 0
            time.sleep(0.05)

    def waiting(self) -> dict[str, int]:
        """What is not done yet."""
        with self.services.database.engine.connect() as connection:
            return {
                name: int(connection.exec_driver_sql(query).scalar() or 0) for name, query in UNDONE.items()
            }

    def token(self, who: str = ANA, project: str | None = None) -> str:
        """A bearer token of a person or a project."""
        with self.services.database.session() as session:
            if project is not None:
                found = take_project(session, project, now=self.clock())[0]
                return tokens.create(session, now=self.clock(), project=found)
            return tokens.create(
                session, now=self.clock(), person=by_slack_id(session, who, now=self.clock())
            )


def shown(message: Json) -> str:
    """All that a message shows."""
    return plain_text(str(message.get("text") or ""), message.get("blocks") or [])


def _holding(messages: list[Json], words: str) -> Json | None:
    return next((one for one in messages if words in shown(one) or words in str(one.get("text"))), None)


@contextmanager
def running_bot(
    database: Database,
    workspace: LocalWorkspace,
    home: Path,
    *,
    workers: bool = True,
    socket: bool = True,
    dispatch: bool = True,
) -> Iterator[RunningBot]:
    """Everything the bot's process does, in threads of this one; without `workers` nothing is handled or sent.

    Without `dispatch` what is to be sent waits until `dispatcher.send_due` is called.
    """
    settings = Settings(
        home=home,
        slack_bot_token=SecretStr(workspace.bot_token),
        slack_app_token=SecretStr(workspace.app_token),
        slack_signing_secret=SecretStr(workspace.signing_secret),
        slack_base_url=workspace.base_url,
        default_channel="runs",
    )
    clock, models = Clock(), FakeModels(settings)
    messenger = SlackMessenger(token=workspace.bot_token, base_url=workspace.base_url, timeout=5)
    services = Services(
        settings=settings,
        database=database,
        messenger=messenger,
        models=models,
        bot_user=BOT,
        team="T0LOCAL",
        now=clock,
    )
    directory.reconcile(services)
    dispatcher = Dispatcher(database, messenger, render=rendering.render)
    with ExitStack() as stack:
        bolt = build_app(services, bot_id=BOT_ID)
        if socket:
            handler = socket_handler(bolt, services)
            handler.connect()  # type: ignore[no-untyped-call]
            stack.callback(close_socket, handler)
        if workers:
            for queue in POOLS:
                pool = Pool(services, queue)
                pool.start()
                stack.callback(pool.stop)
        if workers and dispatch:
            thread = threading.Thread(target=dispatcher.run, daemon=True)
            thread.start()
            stack.callback(thread.join, 5)
            stack.callback(dispatcher.stop)
        web = stack.enter_context(TestClient(build_http(services, bolt), raise_server_exceptions=False))
        yield RunningBot(
            services=replace(services),
            workspace=workspace,
            models=models,
            clock=clock,
            dispatcher=dispatcher,
            web=web,
        )
        if wrong := broken(workspace.calls()):
            raise AssertionError(f"not as Slack describes its Web API: {wrong}")
