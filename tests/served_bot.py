"""The bot as its operator runs it: processes of its own over a home of its own, killed and started again by tests."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from local_workspace import ROOT, LocalWorkspace, _free_port
from patience import stretched
from running_bot import shown
from web_api_contract import broken

Json = dict[str, Any]
T = TypeVar("T")


class ServedBot:
    """`runlore-bot serve` on free ports; `workspace` drives the people in its local workspace."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.workspace = LocalWorkspace(data=home.parent / "driver")
        self.port = _free_port()
        self.workspace.port = _free_port()  # the bot starts it; here it is only spoken to
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("RUNLORE_", "SLACK_"))
        }
        self.environment = kept | {
            "RUNLORE_HOME": str(home),
            "RUNLORE_PORT": str(self.port),
            "RUNLORE_WORKSPACE_PORT": str(self.workspace.port),
            "RUNLORE_SPEECH_MODEL": "tiny.en",
            "OMP_NUM_THREADS": "2",
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start it, and wait until it answers."""
        with (self.home.parent / "bot.log").open("ab") as log:
            command = [sys.executable, "-m", "bot.cli", "serve"]
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self.wait(lambda: self.get("/readyz").get("database") == "ok", "the bot to be ready", seconds=60)
        return self

    def kill(self) -> None:
        """`kill -9` of the bot and of its worker for the models, which dies with it."""
        assert self._process is not None
        workers = [pid for pid, words in _processes() if "--follow-parent" in words and self._is_ours(pid)]
        self._process.kill()
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def kill_database(self) -> int:
        """`kill -9` of PostgreSQL's first process; returns its id."""
        pid = self.database_pid()
        os.kill(pid, signal.SIGKILL)
        return pid

    def database_pid(self) -> int:
        place = next(self.home.rglob("postmaster.pid"))
        return int(place.read_text().split("\n")[0])

    def close(self) -> None:
        """End it, and what a killed bot left behind."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)
        for pid, words in _processes():
            if str(self.home) in words and pid != os.getpid():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGTERM)

    def token(self, project: str) -> str:
        command = [sys.executable, "-m", "bot.cli", "token", "create", "--project", project]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout.strip()

    def get(self, path: str, token: str | None = None) -> Json:
        request = urllib.request.Request(f"{self.url}{path}")  # noqa: S310  our own
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                found: Json = json.load(answer)
        except (urllib.error.URLError, OSError, ValueError):
            return {}
        return found

    def thread(self, channel: str, words: str) -> tuple[str, list[str]]:
        """The ts of the channel's thread that shows these words, and what its replies show."""
        parents = [one for one in self.workspace.messages(channel) if words in shown(one)]
        if not parents:
            return "", []
        ts = str(parents[0]["ts"])
        return ts, [shown(one) for one in self.workspace.thread(channel, ts)[1:]]

    def wait(self, condition: Callable[[], T | None], what: str, *, seconds: float) -> T:
        deadline = time.monotonic() + stretched(seconds)
        while time.monotonic() < deadline:
            found = condition()
            if found:
                return found
            time.sleep(0.1)
        log = (self.home.parent / "bot.log").read_text(errors="replace")[-3000:]
        raise AssertionError(f"not within {seconds} s: {what}\n{log}")

    def _is_ours(self, pid: int) -> bool:
        try:
            return f"RUNLORE_HOME={self.home}".encode() in Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False


@contextmanager
def served_bot(home: Path) -> Iterator[ServedBot]:
    bot = ServedBot(home)
    calls: list[Json] = []
    try:
        yield bot.start()
        with contextlib.suppress(OSError):  # a test may have ended it
            calls = bot.workspace.calls()
    finally:
        bot.close()
    if wrong := broken(calls):
        raise AssertionError(f"not as Slack describes its Web API: {wrong}")


def _processes() -> list[tuple[int, str]]:
    """Every process here: its id and command line."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            with contextlib.suppress(OSError):
                words = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.append((int(place.name), words))
    return found
