"""Settings from the environment (`RUNLORE_…`, `SLACK_…`), read once at start and passed on."""

import re
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from nlp.loader import Engine

Port = Annotated[int, Field(ge=1, le=65535)]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


def _postgres(url: str) -> str:
    if not re.match(r"postgres(ql)?(\+\w+)?://", url):
        raise ValueError("it begins with postgresql://")
    return url


DatabaseUrl = Annotated[str, AfterValidator(_postgres)]


class Settings(BaseSettings):
    """Everything that can be set; without any of it the bot runs whole on this machine."""

    model_config = SettingsConfigDict(env_prefix="RUNLORE_", env_file=".env", extra="ignore")

    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("runlore")),
        description="Where the embedded database, model cache and secrets of this installation lie.",
    )
    database_url: DatabaseUrl | None = Field(
        default=None, description="postgresql://… of a team's own server; unset: embedded."
    )
    database_read_url: DatabaseUrl | None = Field(
        default=None,
        description="A read replica for what only reads: the API, exports, and commands like list, show and who.",
    )

    host: str = Field(default="127.0.0.1", description="Address the HTTP API listens on.")
    port: Port = Field(default=8700, description="Port of the HTTP API.")
    metrics_port: Port | None = Field(
        default=None,
        description="Port where worker and scheduler processes show /healthz and /metrics; unset: nowhere. Web has both on its own.",
    )
    public_url: str | None = Field(
        default=None, description="How training machines reach the API, when not host:port."
    )

    requests_per_second: int = Field(
        default=1000, ge=1, description="Requests a second that one token may make of one web process."
    )

    slack_bot_token: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("SLACK_BOT_TOKEN", "RUNLORE_SLACK_BOT_TOKEN"),
        description="xoxb-… of the installed app; unset: a local workspace is started.",
    )
    slack_app_token: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("SLACK_APP_TOKEN", "RUNLORE_SLACK_APP_TOKEN"),
        description="xapp-… for Socket Mode; unset: signed HTTP at /slack/events.",
    )
    slack_signing_secret: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("SLACK_SIGNING_SECRET", "RUNLORE_SLACK_SIGNING_SECRET"),
        description="Signing secret, for signed HTTP.",
    )
    slack_base_url: str = Field(
        default="https://slack.com/api/", description="The Web API; another one in tests."
    )
    default_channel: str = Field(
        default="runs", description="Channel (name or id) of projects without a channel of their own."
    )
    workspace_port: Port = Field(default=8765, description="Port of the local workspace.")

    speech_engine: Engine = Field(default="faster-whisper", description="faster-whisper or openai-whisper.")
    speech_model: str = Field(default="base", description="tiny.en, base, a hub name or a path.")
    keep_audio: bool = Field(default=False, description="Keep our copy of memos after transcription.")
    keep_logs_months: int | None = Field(
        default=None, ge=1, description="Whole months that runs' output is kept; unset: for ever."
    )
    keep_series_months: int | None = Field(
        default=None,
        ge=1,
        description="Whole months that every point is kept (summaries stay); unset: for ever.",
    )
    keep_events_days: int = Field(
        default=30, ge=1, description="Days that Slack's deliveries are kept once they were handled."
    )
    data_hours: float = Field(
        default=6.0, description="Hours between two looks at whether a dataset's source changed; 0: never."
    )
    data_roots: str = Field(
        default="/", description="Folders whose datasets are looked at, comma between; empty: none."
    )
    data_private_hosts: bool = Field(
        default=False, description="Look at datasets on hosts of the inner network too."
    )
    check_releases: bool = Field(
        default=True,
        description="Look once a day in pip's package index for newer releases of the main libraries.",
    )
    log_level: Annotated[Level, BeforeValidator(str.upper)] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR."
    )

    @property
    def url(self) -> str:
        """The API's address as training machines use it."""
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def has_slack(self) -> bool:
        """Real Slack credentials are set."""
        return self.slack_bot_token is not None

    @property
    def hears_slack(self) -> bool:
        """Slack can reach the bot: through a socket that the bot opens, or by requests that Slack signs."""
        return self.slack_app_token is not None or self.slack_signing_secret is not None
