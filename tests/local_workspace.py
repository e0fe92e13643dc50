"""Drives the local workspace in tests: starts it, kills it, and does what people do at a keyboard."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

from patience import stretched

Json = dict[str, Any]
T = TypeVar("T")

ROOT = Path(__file__).parents[1]
MANIFEST = ROOT / "deploy" / "slack-manifest.yaml"

ANA, BEN, CHLOE, DEV = "U0ANA", "U0BEN", "U0CHLOE", "U0DEV"
GENERAL, RUNS, VISION, SECRET = "C0GENERAL", "C0RUNS", "C0VISION", "C0SECRET"

# Slack's waits made short, so that a redelivery takes a moment and not a minute.
QUICK = {"retry_delays": [0.1, 0.5, 1.0], "hold": 60.0, "rate_factor": None, "trigger_life": 60.0}


class SlackSaid(AssertionError):
    """The workspace refused what a person tried."""

    def __init__(self, answer: Json) -> None:
        super().__init__(answer.get("error") or answer)
        self.answer = answer


def default_config(**timings: Any) -> Json:  # noqa: ANN401
    """Acme ML: four people (Chloe is a guest), four channels, one app."""
    people = [
        (ANA, "ana", "Ana Silva", "Europe/Lisbon", False),
        (BEN, "ben", "Ben Okafor", "Europe/Berlin", False),
        (CHLOE, "chloe", "Chloe Martin", "Europe/Paris", True),
        (DEV, "dev", "Dev Patel", "Asia/Kolkata", False),
    ]
    bot = "B:runlore"
    channels = [
        (GENERAL, "general", False, [ANA, BEN, DEV, bot]),
        (RUNS, "runs", False, [ANA, BEN, CHLOE, DEV, bot]),
        (VISION, "vision-runs", False, [ANA, BEN, bot]),
        (SECRET, "secret", True, [ANA, DEV, bot]),
    ]
    return {
        "team": {"id": "T0LOCAL", "name": "Acme ML", "domain": "acme"},
        "users": [
            {"id": each, "name": name, "real_name": real, "tz": zone, "is_restricted": guest}
            for each, name, real, zone, guest in people
        ],
        "channels": [
            {"id": each, "name": name, "is_private": private, "members": members}
            for each, name, private, members in channels
        ],
        "apps": [
            {
                "key": "runlore",
                "id": "A0RUNLORE",
                "manifest": str(MANIFEST),
                "bot_user": "U0RUNLORE",
                "bot_id": "B0RUNLORE",
                "bot_token": "xoxb-local-runlore",
                "app_token": "xapp-local-runlore",
                "signing_secret": "local-signing-secret",
                "request_url": None,
            }
        ],
        "timings": {**QUICK, **timings},
    }


class LocalWorkspace:
    """A workspace process on a free port; a context manager that stops it at the end."""

    def __init__(self, config: Json | None = None, *, data: Path | None = None) -> None:
        self.config = config or default_config()
        self._folder = None if data else tempfile.TemporaryDirectory(prefix="localslack-")
        self.data = data or Path(self._folder.name if self._folder else "")
        self.data.mkdir(parents=True, exist_ok=True)
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    # --- the process ---------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """The Web API's address, for `WebClient(base_url=…)`."""
        return f"{self.url}/api/"

    @property
    def app(self) -> Json:
        first: Json = self.config["apps"][0]
        return first

    @property
    def bot_token(self) -> str:
        return str(self.app["bot_token"])

    @property
    def app_token(self) -> str:
        return str(self.app["app_token"])

    @property
    def signing_secret(self) -> str:
        return str(self.app["signing_secret"])

    @property
    def log(self) -> str:
        """What the workspace wrote to its error output."""
        return (self.data / "log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> Self:
        config = self.data / "workspace.json"
        config.write_text(json.dumps(self.config), encoding="utf-8")
        command = [sys.executable, "-m", "localslack", "--port", str(self.port)]
        command += ["--data", str(self.data), "--config", str(config)]
        with (self.data / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env={**os.environ})
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                self._send("GET", "/client/calls", None)
            except (urllib.error.URLError, ConnectionError):
                if self._process.poll() is not None:
                    break
                time.sleep(0.05)
            else:
                return self
        raise RuntimeError(f"localslack did not start:\n{self.log}")

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def restart(self) -> Self:
        """Kill it and start it again on the same port with the same data."""
        self.kill()
        return self.start()

    def _end(self, sign: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(sign)
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    # --- speaking to it ------------------------------------------------------------------------------

    def _send(self, verb: str, path: str, body: bytes | None) -> Json:
        request = urllib.request.Request(f"{self.url}{path}", data=body, method=verb)  # noqa: S310
        if body is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                parsed: Json = json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                raise SlackSaid(
                    {"error": f"{refused.code} {refused.read().decode(errors='replace')}"}
                ) from None
        return parsed

    def ask(self, call: str, /, **query: Any) -> Json:  # noqa: ANN401
        """A reading call of the client API."""
        given = {key: value for key, value in query.items() if value is not None}
        return _checked(self._send("GET", f"/client/{call}?{urlencode(given)}", None))

    def do(self, call: str, /, **body: Any) -> Json:  # noqa: ANN401
        """An acting call of the client API."""
        return _checked(self._send("POST", f"/client/{call}", json.dumps(body).encode()))

    # --- saying --------------------------------------------------------------------------------------

    def post(self, user: str, channel: str, text: str, *, thread_ts: str | None = None, **more: Any) -> str:  # noqa: ANN401
        """Post as a person; returns the message's ts."""
        body = {"user": user, "channel": channel, "text": text, "thread_ts": thread_ts, **more}
        return str(self.do("post", **body)["ts"])

    def reply(self, user: str, channel: str, thread_ts: str, text: str, *, broadcast: bool = False) -> str:
        return self.post(user, channel, text, thread_ts=thread_ts, broadcast=broadcast)

    def upload(self, user: str, path: Path | str, *, content: bytes | None = None, clip: bool = False) -> str:
        """Upload a file (from disk, or `content` under a name); returns its id."""
        name = Path(path).name
        body = Path(path).read_bytes() if content is None else content
        query = urlencode({"user": user, "name": name, **({"subtype": "slack_audio"} if clip else {})})
        return str(_checked(self._send("POST", f"/client/upload?{query}", body))["file"]["id"])

    def upload_memo(
        self,
        user: str,
        channel: str,
        path: Path | str,
        *,
        content: bytes | None = None,
        thread_ts: str | None = None,
        text: str = "",
        clip: bool = True,
    ) -> str:
        """Post a voice memo (`clip=False`: a plain audio file); returns the message's ts."""
        file = self.upload(user, path, content=content, clip=clip)
        return self.post(user, channel, text, thread_ts=thread_ts, files=[file])

    def edit(self, user: str, channel: str, ts: str, text: str) -> None:
        self.do("edit", user=user, channel=channel, ts=ts, text=text)

    def delete(self, user: str, channel: str, ts: str) -> None:
        self.do("delete", user=user, channel=channel, ts=ts)

    def react(self, user: str, channel: str, ts: str, name: str) -> None:
        self.do("react", user=user, channel=channel, ts=ts, name=name)

    def unreact(self, user: str, channel: str, ts: str, name: str) -> None:
        self.do("unreact", user=user, channel=channel, ts=ts, name=name)

    def open_dm(self, user: str, other: str = "U0RUNLORE") -> str:
        """The direct conversation with somebody (the bot); returns its id."""
        return str(self.do("open_dm", user=user, **{"with": [other]})["channel"]["id"])

    # --- apps ----------------------------------------------------------------------------------------

    def command(
        self, user: str, channel: str, command: str, text: str = "", *, thread_ts: str | None = None
    ) -> None:
        self.do("command", user=user, channel=channel, command=command, text=text, thread_ts=thread_ts)

    def click(self, user: str, channel: str, ts: str, what: str, value: Any = None) -> None:  # noqa: ANN401
        """Click a button, or choose `value` in a select: found by its action_id, text or placeholder."""
        message = self.message(channel, ts, user)
        block_id, action_id = _element(message.get("blocks", []), what)
        container = {"channel": channel, "ts": ts}
        given = {"block_id": block_id, "action_id": action_id, "value": value}
        self.do("action", user=user, container=container, **given)

    def click_in_view(self, user: str, view: Json, what: str, value: Any = None) -> None:  # noqa: ANN401
        block_id, action_id = _element(view["blocks"], what)
        given = {"block_id": block_id, "action_id": action_id, "value": value}
        self.do("action", user=user, container={"view_id": view["id"]}, **given)

    def submit_view(self, user: str, view_id: str, values: Json | None = None) -> None:
        """Submit a modal; `values` maps block_id to {action_id: {…}}; refusals raise `SlackSaid`."""
        self.do("view_submit", user=user, view_id=view_id, state={"values": values or {}})

    def close_view(self, user: str, view_id: str) -> None:
        self.do("view_close", user=user, view_id=view_id)

    def shortcut(self, user: str, callback_id: str, channel: str, ts: str) -> None:
        self.do("shortcut", user=user, callback_id=callback_id, channel=channel, ts=ts)

    # --- seeing --------------------------------------------------------------------------------------

    def messages(self, channel: str, user: str = ANA) -> list[Json]:
        """The channel's main column as a person sees it, oldest first, without ephemerals."""
        shown = self.ask("history", user=user, channel=channel, limit=10_000)["messages"]
        return [each for each in shown if not each.get("is_ephemeral")]

    def thread(self, channel: str, ts: str, user: str = ANA) -> list[Json]:
        """Parent and replies, without ephemerals."""
        shown = self.ask("replies", user=user, channel=channel, ts=ts)["messages"]
        return [each for each in shown if not each.get("is_ephemeral")]

    def ephemerals(self, user: str, channel: str, thread_ts: str | None = None) -> list[Json]:
        """What only this person sees, oldest first."""
        if thread_ts:
            shown = self.ask("replies", user=user, channel=channel, ts=thread_ts)["messages"]
        else:
            shown = self.ask("history", user=user, channel=channel, limit=10_000)["messages"]
        return [each for each in shown if each.get("is_ephemeral")]

    def message(self, channel: str, ts: str, user: str = ANA) -> Json:
        """One message, also a reply or an ephemeral of this person."""
        for each in self.ask("replies", user=user, channel=channel, ts=ts)["messages"]:
            if each["ts"] == ts:
                found: Json = each
                return found
        raise AssertionError(f"no message {ts} in {channel} for {user}")

    def reactions(self, channel: str, ts: str, user: str = ANA) -> set[str]:
        return {each["name"] for each in self.message(channel, ts, user).get("reactions", [])}

    def views(self, user: str) -> list[Json]:
        """The person's open modals, the top one last."""
        found: list[Json] = self.ask("view", user=user)["views"]
        return found

    def home(self, user: str) -> Json | None:
        """Open the app's Home and see what it shows now."""
        found: Json | None = self.ask("home", user=user, app=self.app["id"])["view"]
        return found

    def permalink(self, channel: str, ts: str, user: str = ANA) -> str:
        return str(self.ask("permalink", user=user, channel=channel, ts=ts)["permalink"])

    def wait_for(self, predicate: Callable[[], T | None], timeout: float = 10.0, what: str = "") -> T:
        """Poll until the predicate is true and return what it returned."""
        deadline = time.monotonic() + stretched(timeout)
        while time.monotonic() < deadline:
            found = predicate()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"not within {timeout} s: {what or predicate}")

    # --- faults and records --------------------------------------------------------------------------

    def faults(self, *rules: Json) -> None:
        """Replace the fault rules; none means a healthy workspace."""
        self.do("faults", rules=list(rules))

    def disconnect(self, reason: str = "refresh_requested") -> int:
        """End the app's sockets now (`abrupt` cuts them); returns how many there were."""
        return int(self.do("faults", rules=[{"kind": "disconnect_socket", "reason": reason}])["disconnected"])

    def calls(self, method: str | None = None, *, after: int = 0) -> list[Json]:
        """Every Web API call so far: method, args, answer, status, time."""
        found: list[Json] = self.ask("calls", method=method, after=after)["calls"]
        return found

    def deliveries(self) -> list[Json]:
        """Every event sent to an app: type, event_id, attempts, acked."""
        found: list[Json] = self.ask("deliveries")["deliveries"]
        return found


def _checked(answer: Json) -> Json:
    if not answer.get("ok"):
        raise SlackSaid(answer)
    return answer


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _element(blocks: list[Json], what: str) -> tuple[str, str]:
    """The block_id and action_id of the element that says or is called `what`."""
    labels = []
    for block in blocks:
        held = [
            *block.get("elements", []),
            *block.get("actions", []),
            block.get("accessory"),
            block.get("element"),
        ]
        for element in held:
            if not isinstance(element, dict) or "action_id" not in element:
                continue
            texts = [element.get(name, {}) for name in ("text", "placeholder")]
            names = {element["action_id"], *(each.get("text") for each in texts if isinstance(each, dict))}
            if what in names:
                return block["block_id"], element["action_id"]
            labels.append(element["action_id"])
        for inner in ("child_blocks", "elements"):
            nested = [each for each in block.get(inner, []) if isinstance(each, dict) and "block_id" in each]
            if nested:
                try:
                    return _element(nested, what)
                except AssertionError:
                    continue
    raise AssertionError(f"nothing to click called {what!r}; there are {labels}")
