"""A team at work while things break: processes killed or paused, PostgreSQL killed, Slack failing; then everything is counted.

Two web processes, three workers, two schedulers on one PostgreSQL. Every so many seconds one of them (or PostgreSQL) is
killed with SIGKILL or stopped for a while; a keeper starts it again, as systemd or Kubernetes would. Runs report through
either web process as sidecars do, people answer in threads and speak, digests fall due. Then the faults end, and
every run, point, note, memo, message and digest must be there exactly once and in order.

python -m benchmarks.chaos [--minutes 10] [--every 20] [--seed 1]
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1])]

from local_workspace import ANA, BEN, GENERAL, ROOT, RUNS, VISION, LocalWorkspace, _free_port, default_config

from benchmarks.chaos_count import Told, compare
from benchmarks.chaos_load import People, Trainer
from bot import tokens
from bot.people import by_slack_id
from storage.database import Database, migrate
from storage.embedded import EmbeddedPostgres
from storage.ingest_queries import take_project
from storage.memory import Subscription

ROLES = {
    "web-1": ["--role", "web"],
    "web-2": ["--role", "web"],
    "worker-1": ["--role", "worker"],
    "worker-2": ["--role", "worker", "--queues", "posts", "--queues", "general"],
    "worker-3": ["--role", "worker", "--queues", "posts", "--queues", "general"],
    "scheduler-1": ["--role", "scheduler"],
    "scheduler-2": ["--role", "scheduler"],
}
SLACK_FAULTS: list[dict[str, str | int | float]] = [
    {"method": "chat.*", "kind": "429", "retry_after": 2},
    {"method": "chat.postMessage", "kind": "500"},
    {"method": "chat.postMessage", "kind": "timeout_after_accept", "seconds": 0.3},
    {"method": "chat.postMessage", "kind": "drop_connection"},
    {"method": "reactions.*", "kind": "503"},
    {"method": "files.info", "kind": "500"},
    {"event": "message", "kind": "duplicate_event"},
    {"event": "message", "kind": "drop_ack"},
    {"event": "message", "kind": "reorder_events"},
]
SETTLE_SECONDS = 180.0


class Keeper:
    """Keeps every process running, as a service manager would; breaks them on demand."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._environment, self._log = environment, log
        self.ports = {"web-1": _free_port(), "web-2": _free_port()}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self.started_again = 0

    def start(self) -> None:
        """Start them all."""
        for name in ROLES:
            self._start(name)
        self._thread.start()

    def stop(self) -> dict[str, float]:
        """End them all kindly; returns the seconds each took."""
        self._leaving.set()
        self._thread.join()
        begun = time.monotonic()
        for process in self.running.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        ended: dict[str, float] = {}
        while len(ended) < len(self.running) and time.monotonic() - begun < 60:
            for name, process in self.running.items():
                if name not in ended and process.poll() is not None:
                    ended[name] = time.monotonic() - begun
            time.sleep(0.05)
        for name in self.running.keys() - ended.keys():
            self.running[name].kill()
        return {name: ended.get(name, 60.0) for name in self.running}

    def break_one(self, chance: random.Random) -> str:
        """Kill or pause one process; returns what was done."""
        name = chance.choice(list(ROLES))
        process = self.running[name]
        if chance.random() < 0.6:
            process.kill()
            return f"kill -9 {name}"
        seconds = chance.uniform(3, 15)
        process.send_signal(signal.SIGSTOP)
        timer = threading.Timer(seconds, process.send_signal, [signal.SIGCONT])
        timer.daemon = True
        timer.start()
        return f"paused {name} for {seconds:.0f} s"

    def _start(self, name: str) -> None:
        port = self.ports.get(name)
        environment = self._environment | ({"RUNLORE_PORT": str(port)} if port else {})
        with self._log.open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "bot.cli", "serve", *ROLES[name]],
                cwd=ROOT, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def _keep(self) -> None:
        while not self._leaving.wait(1):
            for name, process in list(self.running.items()):
                if process.poll() is not None:
                    self.started_again += 1
                    self._start(name)


def main() -> None:
    """Break things for a while, let them settle, count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--every", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="runlore-chaos-")))
        folder.chmod(0o711)  # root's database runs as another user
        workspace = stack.enter_context(LocalWorkspace(default_config(retry_delays=[1.0, 3.0, 5.0])))
        postgres = stack.enter_context(EmbeddedPostgres(folder / "database"))
        migrate(postgres.url())
        database = Database(postgres.url())
        stack.callback(database.close)
        token = _prepare(database)
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("RUNLORE_", "SLACK_"))
        }
        environment = kept | {
            "RUNLORE_HOME": str(folder / "home"),
            "RUNLORE_DATABASE_URL": postgres.url(),
            "RUNLORE_SLACK_BASE_URL": workspace.base_url,
            "RUNLORE_SPEECH_MODEL": "tiny.en",
            "RUNLORE_LOG_LEVEL": "WARNING",
            "SLACK_BOT_TOKEN": workspace.bot_token,
            "SLACK_APP_TOKEN": workspace.app_token,
            "OMP_NUM_THREADS": "1",
        }
        keeper = Keeper(environment, Path(tempfile.gettempdir()) / "runlore-chaos.log")
        keeper.start()
        stack.callback(keeper.stop)
        told = Told()
        trainers = [Trainer(list(keeper.ports.values()), token, told, number) for number in range(6)]
        people = People(workspace, told, random.Random(options.seed + 1))
        begun = time.monotonic()
        for worker in (*trainers, people):
            worker.start()
        _wreak(
            keeper,
            postgres,
            workspace,
            chance,
            seconds=60 * options.minutes,
            every=options.every,
            begun=begun,
        )
        workspace.faults()
        say(begun, "the faults end")
        for trainer in trainers:
            trainer.finish()
        people.finish()
        say(begun, f"said: {told.summary()}")
        settled = _settle(database, begun)
        well = compare(database, workspace, told)
        print(
            f"processes started again {keeper.started_again} times; settled {settled:.0f} s after the faults (budget {SETTLE_SECONDS:.0f} s)"
        )
        print("ended kindly after", ", ".join(f"{name} {took:.1f} s" for name, took in keeper.stop().items()))
    raise SystemExit(0 if well and settled <= SETTLE_SECONDS else 1)


def _wreak(
    keeper: Keeper, postgres: EmbeddedPostgres, workspace: LocalWorkspace, chance: random.Random, *,
    seconds: float, every: float, begun: float,
) -> None:  # fmt: skip
    turn = 0
    while time.monotonic() - begun < seconds:
        time.sleep(every)
        turn += 1
        faults = chance.sample(SLACK_FAULTS, 4)
        workspace.faults(*(fault | {"count": chance.randint(1, 4)} for fault in faults))
        if turn % 5 == 3 and postgres.pid:
            os.kill(postgres.pid, signal.SIGKILL)
            say(begun, "kill -9 PostgreSQL")
        else:
            say(begun, keeper.break_one(chance))
        if turn % 4 == 2:
            workspace.disconnect("abrupt")


def _settle(database: Database, begun: float) -> float:
    """Wait until nothing is left to do; returns how long that took."""
    started = time.monotonic()
    while time.monotonic() - started < 2 * SETTLE_SECONDS:
        left = Told.left(database)
        if not any(left.values()):
            break
        time.sleep(2)
    say(begun, f"left to do: {left}")
    return time.monotonic() - started


def _prepare(database: Database) -> str:
    """A token of ana's, the projects, and digests that fall due while things break."""
    now = datetime.now(UTC)
    with database.session() as session:
        for name in ("chaos", "vision"):
            take_project(session, name, now=now)
        ana = by_slack_id(session, ANA, now=now)
        by_slack_id(session, BEN, now=now)
        for place, channel in enumerate((RUNS, GENERAL, VISION)):
            due = now + timedelta(seconds=60 + 30 * place)
            session.add(
                Subscription(
                    channel_id=channel, weekdays=["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
                    local_time=time_of_day(due.hour, due.minute), next_due_at=due, last_covered_until=now - timedelta(days=1),
                )
            )  # fmt: skip
        return tokens.create(session, now=now, person=ana)


def say(begun: float, what: str) -> None:
    """A line of the run's log."""
    print(f"{time.monotonic() - begun:7.1f} s  {what}", flush=True)


if __name__ == "__main__":
    main()
