"""`runlore login`: a code that the person confirms in Slack, or a token given; stored for this user only."""

import json
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from runlore import settings
from runlore.api import login_name
from runlore.cli import Problem, checked, show
from runlore.client import Client


def login(url: str | None, *, token: str | None, say: Callable[[str], None], json_answer: bool) -> None:
    """Get a token for the server and keep it."""
    address = settings.address(url or settings.load().url or "")
    if not address:
        raise Problem("which server? runlore login https://runlore.example.com")
    if token:
        person = None
        token = sys.stdin.readline().strip() if token == "-" else token  # noqa: S105 - the sign for stdin
    else:
        token, person = _confirm_in_slack(Client(address, None), say=say)
    path = store(address, token=token, person=person)
    if json_answer:
        show({"server": address, "person": person, "stored": path})
    else:
        say(f"logged in to {address}{f' as {person}' if person else ''}; kept in {path}")


def _confirm_in_slack(client: Client, *, say: Callable[[str], None]) -> tuple[str, str]:
    started = checked(
        client.post("/api/v1/login/start", {"host": socket.gethostname(), "login": login_name()}),
        "the server does not begin a login",
    )
    say(f"Your code is {started['code']}. {started.get('confirm') or 'Confirm it in Slack.'}")
    pause, end = float(started.get("interval", 2)), time.monotonic() + float(started.get("expires_in", 600))
    while time.monotonic() < end:
        answer = client.post("/api/v1/login/poll", {"device": started["device"]})
        state = answer.body.get("state")
        if state == "ok":
            return str(answer.body["token"]), str(answer.body.get("person", ""))
        # A server that is away for a moment does not end the login; one that refuses does.
        if answer.status not in (0, 200, 429, 500, 502, 503, 504) or state not in (None, "waiting"):
            raise Problem(
                f"the login was not confirmed: {answer.body.get('error') or state or answer.reason}"
            )
        time.sleep(max(pause, answer.retry_after or 0))
    raise Problem("the code has expired: run `runlore login` again")


def store(url: str, *, token: str, person: str | None) -> str:
    """Keep a token, readable by this user alone; the last server logged in to is the default."""
    path = settings.credentials_path()
    kept: dict[str, Any] = settings.read_credentials()
    kept.setdefault("servers", {})[url] = {"token": token, "person": person}
    kept["default"] = url
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    fresh = f"{path}.{os.getpid()}"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump(kept, file, indent=2)
    os.replace(fresh, path)
    return path
