"""An installation's home: its database opened (embedded or external), migrated, and closed again."""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from slack_sdk.errors import SlackApiError

from bot.errors import RunloreError
from bot.messenger import SlackMessenger
from bot.settings import Settings
from bot.slack_app import REFUSED, identity
from bot.wiring import Models, Services
from storage.database import Database, migrate
from storage.embedded import EmbeddedPostgres

log = logging.getLogger(__name__)

SLACK_PATIENCE = 60.0


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """The database of these settings, migrated; the embedded one is started where it does not run yet."""
    if settings.database_url:
        database = Database(settings.database_url, settings.database_read_url)
        migrate(settings.database_url)
        try:
            yield database
        finally:
            database.close()
        return
    with EmbeddedPostgres(settings.home) as postgres:
        migrate(postgres.url())
        database = Database(postgres.url())
        try:
            yield database
        finally:
            database.close()


def connect(settings: Settings, database: Database) -> tuple[Services, str]:
    """Services that speak to the configured Slack, and the bot's id there."""
    if settings.slack_bot_token is None:
        raise RunloreError(
            "No Slack token is set: SLACK_BOT_TOKEN. `runlore-bot doctor` tells what is missing."
        )
    token = settings.slack_bot_token.get_secret_value()
    who = _identity(settings, token)
    messenger = SlackMessenger(token=token, base_url=settings.slack_base_url)
    services = Services(
        settings=settings,
        database=database,
        messenger=messenger,
        models=Models(settings),
        bot_user=str(who["user_id"]),
        team=who.get("team_id"),
    )
    return services, str(who.get("bot_id") or "")


def _identity(settings: Settings, token: str) -> dict[str, Any]:
    """Who the bot is; remembered, so that a start while Slack is down still works."""
    memory = settings.home / "slack-identity.json"
    deadline = time.monotonic() + (0 if memory.exists() else SLACK_PATIENCE)
    while True:
        try:
            who = identity(token, settings.slack_base_url)
        except (SlackApiError, OSError) as error:
            reason = str(error.response.get("error")) if isinstance(error, SlackApiError) else ""
            if reason in REFUSED:
                raise RunloreError(
                    f"Slack does not accept the bot's token ({reason}). See docs/slack-setup.md."
                ) from error
            if memory.exists():
                log.warning("slack_not_reached_at_start")
                return dict(json.loads(memory.read_text()))
            if time.monotonic() > deadline:
                why = f" ({reason})" if reason else ""
                raise RunloreError(f"Slack cannot be reached at {settings.slack_base_url}{why}.") from error
            time.sleep(2)
            continue
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        memory.write_text(
            json.dumps({name: who.get(name) for name in ("user_id", "bot_id", "team_id", "team")})
        )
        return who
