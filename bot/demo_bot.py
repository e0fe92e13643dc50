"""The demo's bot: a process of its own, started, waited for and ended."""

import os
import socket
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

from bot.errors import RunloreError
from bot.settings import Settings

READY_SECONDS = 60.0


def start_bot(settings: Settings) -> "subprocess.Popen[bytes]":
    """The whole bot on a home, ports and workspace of its own."""
    environment = os.environ | {
        "RUNLORE_HOME": str(settings.home),
        "RUNLORE_PORT": str(settings.port),
        "RUNLORE_WORKSPACE_PORT": str(settings.workspace_port),
        "RUNLORE_LOG_LEVEL": "WARNING",
    }
    for name in (
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
        "SLACK_SIGNING_SECRET",
        "RUNLORE_DATABASE_URL",
        "RUNLORE_URL",
    ):
        environment.pop(name, None)
    with (settings.home / "bot.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "bot.cli", "serve"],
            env=environment,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )


def wait_ready(settings: Settings, bot: "subprocess.Popen[bytes]") -> None:
    """Until it answers and has reached its workspace. Raises RunloreError."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if bot.poll() is not None:
            raise RunloreError(
                f"The bot ended at once. It said: {(settings.home / 'bot.log').read_text()[-2000:]}"
            )
        try:
            with urlopen(f"{settings.url}/readyz", timeout=2):  # noqa: S310  our own bot
                break
        except (URLError, OSError):
            time.sleep(0.1)
    else:
        raise RunloreError(
            f"The bot was not ready after {READY_SECONDS:g} s; see {settings.home / 'bot.log'}"
        )
    while b"is ready" not in (settings.home / "bot.log").read_bytes():
        if time.monotonic() > deadline:
            raise RunloreError(f"The bot did not reach its workspace; see {settings.home / 'bot.log'}")
        time.sleep(0.1)


def stop(bot: "subprocess.Popen[bytes]") -> None:
    """Let it finish what it has in hand."""
    bot.terminate()
    try:
        bot.wait(20)
    except subprocess.TimeoutExpired:
        bot.kill()


def free_port(wanted: int) -> int:
    """The wanted port, or another when it is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RunloreError("No port is free on 127.0.0.1.")
