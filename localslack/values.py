"""The words every part of the workspace shares: JSON objects, refusals, apps and timings."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


class Refused(Exception):
    """Slack's refusal of a call: its error word and whatever Slack sends beside it."""

    def __init__(self, error: str, *messages: str, **extra: Any) -> None:  # noqa: ANN401
        super().__init__(error)
        self.error = error
        self.extra: Json = dict(extra)
        if messages:
            self.extra["response_metadata"] = {"messages": list(messages)}

    def answer(self) -> Json:
        return {"ok": False, "error": self.error, **self.extra}


@dataclass(frozen=True, kw_only=True)
class App:
    """An installed app: its credentials and what its manifest asks for."""

    key: str
    id: str
    name: str
    bot_user: str
    bot_id: str
    bot_token: str
    app_token: str
    signing_secret: str
    request_url: str | None
    scopes: frozenset[str]
    events: frozenset[str]
    commands: tuple[Json, ...]
    shortcuts: tuple[Json, ...]
    home_tab: bool
    messages_tab: bool
    agent_view: Json | None

    @property
    def verification_token(self) -> str:
        return f"verify-{self.id}"

    def has_any(self, *scopes: str) -> bool:
        return not self.scopes.isdisjoint(scopes)


@dataclass(frozen=True, kw_only=True)
class Timings:
    """How long Slack waits; tests make it shorter."""

    ack_timeout: float = 3.0
    # Slack redelivers an event nearly at once, after a minute and after five.
    retry_delays: tuple[float, ...] = (0.1, 60.0, 300.0)
    # How long one attempt waits for a Socket Mode connection while none is open.
    hold: float = 60.0
    trigger_life: float = 3.0
    response_url_life: float = 1800.0
    response_url_uses: int = 5
    # 1.0 is Slack's own speed, 10.0 ten times as generous, None no rate limits.
    rate_factor: float | None = 1.0
    post_burst: int = 5


@dataclass(frozen=True, kw_only=True)
class Config:
    """What `workspace.json` says."""

    team: Json
    users: tuple[Json, ...]
    channels: tuple[Json, ...]
    apps: tuple[App, ...]
    timings: Timings = field(default_factory=Timings)
