"""Checks an installation from end to end and says how to mend what fails."""

import json
import shutil
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.request import urlopen

import yaml
from rich.console import Console
from rich.markup import escape
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from sqlalchemy import text

from bot.delivery_check import delivery
from bot.errors import RunloreError
from bot.home import open_database
from bot.local import MANIFEST, with_workspace
from bot.settings import Settings
from bot.wiring import Models, utc_now
from nlp.values import AudioError, ModelError
from storage.embedded import EmbeddedPostgresError

LEAST_ROOM = 1e9  # bytes: the database writes ahead in files of 16 MB, the models take 0.3 GB
CLOCK_TOLERANCE = 60.0  # Slack refuses signatures older than five minutes

# What each permission is for, so that a missing one is told by what will not work.
SCOPES = {
    "app_mentions:read": "commands by mention",
    "channels:history": "notes from replies in public channels",
    "channels:read": "who may see what (public channels)",
    "chat:write": "every message",
    "commands": "/runs",
    "files:read": "voice memos",
    "files:write": "logs, charts and reports as files",
    "groups:history": "notes from replies in private channels",
    "groups:read": "who may see what (private channels)",
    "im:history": "questions in direct messages",
    "im:write": "private runs and digests for one person",
    "reactions:read": "📝, 🚫 and ⭐ by reaction",
    "reactions:write": "👂 and 📝 on notes",
    "users:read": "people's names and time zones",
    "assistant:write": "prompts in the Messages tab that fit the person",
    "canvases:write": "reports as a canvas",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One check: `ok`, what was seen, and what to do when it is not."""

    name: str
    ok: bool
    seen: str
    mend: str = ""


def report(settings: Settings, console: Console, *, as_json: bool, only_slack: bool = False) -> int:
    """Print every finding; the exit status is 0 when all is well."""
    findings = []
    for finding in examine(settings, only_slack=only_slack):
        findings.append(finding)
        if not as_json:
            sign = "[green]✓[/]" if finding.ok else "[red]✗[/]"
            console.print(f"{sign} {escape(f'{finding.name}: {finding.seen}')}", soft_wrap=True)
            if not finding.ok and finding.mend:
                console.print(f"  → {escape(finding.mend)}", soft_wrap=True)
    if as_json:
        Console().print_json(json.dumps([asdict(finding) for finding in findings]))
    return 0 if all(finding.ok for finding in findings) else 1


def examine(settings: Settings, *, only_slack: bool = False) -> Iterator[Finding]:
    """All checks, one after the other; none stops those after it."""
    with _temporary_workspace(settings) as (ready, trouble):
        if not only_slack:
            yield _room(settings)
            yield from _database(settings)
        yield from _slack(ready) if trouble is None else [trouble]
        if not only_slack:
            models = Models(settings)
            yield _model(
                "words (spaCy, roles)", lambda: models.extractor.read("Lowered lr from 3e-4 to 1e-4.")
            )
            yield _model("meaning (MiniLM)", lambda: models.embedder.embed(["warmup"]))
            yield _audio(models)
            yield _clock(ready)


@contextmanager
def _temporary_workspace(settings: Settings) -> Iterator[tuple[Settings, Finding | None]]:
    if settings.has_slack:
        yield settings, None
        return
    try:
        ready, process = with_workspace(settings)
    except RunloreError as error:
        yield settings, Finding(name="workspace", ok=False, seen=str(error))
        return
    except OSError as error:
        mend = "Set RUNLORE_HOME to a directory that you can write to, with room on its disk."
        seen = f"{error.filename or settings.home}: {error.strerror}"
        yield settings, Finding(name="home", ok=False, seen=seen, mend=mend)
        return
    try:
        yield ready, None
    finally:
        if process is not None:
            process.terminate()
            process.wait(10)


def _room(settings: Settings) -> Finding:
    """A full disk stops the embedded database, and with it all that is reported."""
    home = settings.home.absolute()
    free = shutil.disk_usage(next(one for one in (home, *home.parents) if one.exists())).free
    mend = "Make room, or move the home. Trainers keep what is not taken and send it again."
    return Finding(
        name="room", ok=free >= LEAST_ROOM, seen=f"{free / 1e9:,.1f} GB free in {settings.home}", mend=mend
    )


def _database(settings: Settings) -> Iterator[Finding]:
    kind = "external" if settings.database_url else f"embedded in {settings.home}"
    try:
        started = time.monotonic()
        with open_database(settings) as database, database.session() as session:
            version = session.execute(text("SHOW server_version")).scalar()
            revision = session.execute(text("SELECT version_num FROM alembic_version")).scalar()
            took = time.monotonic() - started
            seen = f"PostgreSQL {version}, {kind}, schema {revision}, {took:.1f} s"
            yield Finding(name="database", ok=True, seen=seen)
            for one in delivery(session, now=utc_now()):
                yield Finding(name="delivery", ok=one.ok, seen=one.seen, mend=one.mend)
    except (OSError, EmbeddedPostgresError, ConnectionError) as error:
        yield Finding(
            name="database", ok=False, seen=str(error), mend="See the log in the home's log folder."
        )
    except Exception as error:  # noqa: BLE001  whatever a database answers is a finding
        mend = "Check RUNLORE_DATABASE_URL and that the server has the pgvector extension."
        yield Finding(name="database", ok=False, seen=str(error).splitlines()[0], mend=mend)


def _slack(settings: Settings) -> Iterator[Finding]:
    token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else ""
    client = WebClient(token=token, base_url=settings.slack_base_url)
    try:
        answer = client.auth_test()
    except SlackApiError as error:
        reason = str(error.response.get("error"))
        mend = (
            "Copy the bot token (xoxb-…) from the app's page into SLACK_BOT_TOKEN; see docs/slack-setup.md."
        )
        yield Finding(name="Slack", ok=False, seen=f"the bot token is refused: {reason}", mend=mend)
        return
    except OSError as error:
        yield Finding(
            name="Slack", ok=False, seen=f"cannot be reached: {error}", mend="Check the network or proxy."
        )
        return
    yield Finding(name="Slack", ok=True, seen=f"{answer.get('user')} in {answer.get('team')}")
    yield _way_in(settings, client)
    granted = {scope for scope in str(answer.headers.get("x-oauth-scopes", "")).split(",") if scope}
    scopes = yaml.safe_load(MANIFEST.read_text())["oauth_config"]["scopes"]
    wanted = set(scopes["bot"])
    for scope in sorted(wanted - granted):
        mend = "Add the scope on the app's page and reinstall the app."
        yield Finding(
            name=f"scope {scope}", ok=False, seen=f"missing: {SCOPES.get(scope, 'needed')}", mend=mend
        )
    for scope in sorted(set(scopes["bot_optional"]) - granted):
        yield Finding(name=f"scope {scope}", ok=True, seen=f"not granted, so no {SCOPES[scope]}")
    if not wanted - granted:
        yield Finding(name="Slack scopes", ok=True, seen=f"all {len(wanted)} granted")


def _way_in(settings: Settings, client: WebClient) -> Finding:
    """How events and commands come: through a socket, whose token is tried, or by requests that Slack signs."""
    name, socket = "Slack's way to the bot", settings.slack_app_token
    if not settings.hears_slack:
        mend = "Set SLACK_APP_TOKEN (xapp-…), or SLACK_SIGNING_SECRET; see docs/slack-setup.md."
        return Finding(
            name=name, ok=False, seen="there is none: neither a socket nor signed requests", mend=mend
        )
    if socket is None:
        return Finding(name=name, ok=True, seen=f"signed requests to {settings.url}/slack/events")
    try:
        client.apps_connections_open(app_token=socket.get_secret_value())
    except SlackApiError as error:
        mend = "Copy an app-level token (xapp-…) with connections:write from the app's page into SLACK_APP_TOKEN."
        return Finding(
            name=name, ok=False, seen=f"the app token is refused: {error.response.get('error')}", mend=mend
        )
    except OSError as error:
        return Finding(
            name=name, ok=False, seen=f"cannot be reached: {error}", mend="Check the network or proxy."
        )
    return Finding(name=name, ok=True, seen="Socket Mode")


def _model(name: str, use: Callable[[], object]) -> Finding:
    started = time.monotonic()
    try:
        use()
    except (ModelError, ImportError, OSError) as error:
        return Finding(name=name, ok=False, seen=str(error), mend="Reinstall with `make setup`.")
    return Finding(name=name, ok=True, seen=f"works, {time.monotonic() - started:.1f} s with loading")


def _audio(models: Models) -> Finding:
    """A second of silence decoded and heard: no word may come out."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "silence.wav"
        with wave.open(str(file), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(16_000)
            sound.writeframes(bytes(32_000))
        try:
            heard = models.transcriber.transcribe(file)
        except (AudioError, ModelError, ImportError, OSError) as error:
            return Finding(
                name="hearing (Whisper)", ok=False, seen=str(error), mend="Reinstall with `make setup`."
            )
    seen = f"works, {time.monotonic() - started:.1f} s with loading"
    return Finding(
        name="hearing (Whisper)", ok=not heard.text, seen=seen if not heard.text else "hears words in silence"
    )


def _clock(settings: Settings) -> Finding:
    """Against Slack's clock, by the date of its answer."""
    try:
        with urlopen(f"{settings.slack_base_url}api.test", timeout=5) as answer:  # noqa: S310  the configured Slack
            there = answer.headers.get("date")
    except OSError:
        there = None
    if not there:
        return Finding(name="clock", ok=True, seen="no other clock to compare with")
    off = abs((utc_now() - parsedate_to_datetime(there)).total_seconds())
    mend = "Set the machine's clock (NTP): Slack refuses requests that are minutes off."
    return Finding(name="clock", ok=off < CLOCK_TOLERANCE, seen=f"{off:.0f} s from Slack's", mend=mend)
