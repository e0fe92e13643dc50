"""The embedded default: without Slack credentials the bot starts a local workspace and speaks to it as to Slack."""

import json
import logging
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import URLError

from pydantic import SecretStr
from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError

from bot.errors import RunloreError
from bot.settings import Settings
from storage.embedded_place import create_home

log = logging.getLogger(__name__)

MANIFEST = Path(__file__).parents[1] / "deploy" / "slack-manifest.yaml"
PEOPLE = ("ana:Ana Silva:Europe/Lisbon", "ben:Ben Okafor:Europe/London", "mei:Mei Tanaka:Asia/Tokyo")
START_SECONDS = 60.0


def with_workspace(settings: Settings) -> tuple[Settings, subprocess.Popen[bytes] | None]:
    """Settings that point at a running local workspace, and its process when it was started here.

    The workspace is its own process, as Slack would be: it outlives a bot that is killed, and is found again.
    """
    create_home(settings.home)
    folder = settings.home / "workspace"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config_file = folder / "workspace.json"
    if not config_file.exists():
        config_file.write_text(json.dumps(_fresh(settings), indent=1))
        config_file.chmod(0o600)
    config = json.loads(config_file.read_text())
    app = config["apps"][0]
    base = f"http://127.0.0.1:{settings.workspace_port}"
    local = settings.model_copy(
        update={
            "slack_bot_token": SecretStr(app["bot_token"]),
            "slack_app_token": SecretStr(app["app_token"]),
            "slack_signing_secret": SecretStr(app["signing_secret"]),
            "slack_base_url": f"{base}/api/",
        }
    )
    if _answers(local):
        return local, None
    command = [sys.executable, "-m", "localslack", "--port", str(settings.workspace_port)]
    command += ["--data", str(folder), "--config", str(config_file)]
    logs = settings.home / "log"
    logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (logs / "workspace.log").open("ab") as log_file:
        process = subprocess.Popen(  # noqa: S603  our own module
            command, stdout=log_file, stderr=log_file, stdin=subprocess.DEVNULL, start_new_session=True
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if _answers(local):
            return local, process
        if process.poll() is not None:
            raise RunloreError(
                f"The local workspace could not start on port {settings.workspace_port}. "
                f"Is the port taken? Set RUNLORE_WORKSPACE_PORT. Its log: {logs / 'workspace.log'}"
            )
        time.sleep(0.1)
    process.terminate()
    raise RunloreError(
        f"The local workspace did not come up in {START_SECONDS:g} s; see {logs / 'workspace.log'}"
    )


def page_address(settings: Settings) -> str:
    """Where a person opens the local workspace."""
    return f"http://127.0.0.1:{settings.workspace_port}/"


def _answers(settings: Settings) -> bool:
    """Whether our workspace answers there: it knows our token."""
    token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else ""
    try:
        return bool(WebClient(token=token, base_url=settings.slack_base_url, timeout=2).auth_test().get("ok"))
    except (SlackClientError, URLError, OSError, ValueError):
        return False


def _fresh(settings: Settings) -> dict[str, Any]:
    """A small team with one shared channel and one project channel."""
    users = []
    for person in PEOPLE:
        name, real_name, zone = person.split(":")
        users.append(
            {
                "id": f"U0{name.upper()}",
                "name": name,
                "real_name": real_name,
                "tz": zone,
                "is_restricted": False,
            }
        )
    everybody = [user["id"] for user in users] + ["B:runlore"]
    return {
        "team": {"id": f"T{secrets.token_hex(4).upper()}", "name": "Acme ML", "domain": "acme-ml"},
        "users": users,
        "channels": [
            {"id": "C0GENERAL", "name": "general", "is_private": False, "members": everybody},
            {
                "id": "C0RUNS",
                "name": settings.default_channel.lstrip("#"),
                "is_private": False,
                "members": everybody,
            },
            {"id": "C0DIGITS", "name": "digits-runs", "is_private": False, "members": everybody},
        ],
        "apps": [
            {
                "key": "runlore",
                "id": "A0RUNLORE",
                "manifest": str(MANIFEST),
                "bot_user": "U0RUNLORE",
                "bot_id": "B0RUNLORE",
                "bot_token": f"xoxb-{secrets.token_hex(16)}",
                "app_token": f"xapp-{secrets.token_hex(16)}",
                "signing_secret": secrets.token_hex(16),
                "request_url": None,
            }
        ],
    }
