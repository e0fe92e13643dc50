"""The object graph, built in one place with explicit arguments; models are loaded once, by whoever needs them first."""

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.messenger import Messenger
from bot.settings import Settings
from nlp import loader
from nlp.thesaurus import thesaurus
from nlp.values import Embedder, RationaleExtractor, Transcriber
from storage.database import Database

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time of day, aware."""
    return datetime.now(UTC)


class Models:
    """The models behind their ports, each loaded on first use and kept."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()

    @functools.cached_property
    def transcriber(self) -> Transcriber:
        """Whisper, as the settings say."""
        with self._lock:
            settings = self._settings
            return loader.load_transcriber(
                settings.speech_engine, settings.speech_model, models_dir=settings.home / "models"
            )

    @functools.cached_property
    def extractor(self) -> RationaleExtractor:
        """spaCy, rules and the role classifier."""
        with self._lock:
            return loader.load_extractor()

    @functools.cached_property
    def embedder(self) -> Embedder:
        """MiniLM."""
        with self._lock:
            return loader.load_embedder()

    def warm(self) -> None:
        """Load what reads and finds text before somebody waits for it."""
        thesaurus(self.embedder)
        self.extractor.read("Warm.")


@dataclass(frozen=True, kw_only=True)
class Services:
    """What edges hand to use cases."""

    settings: Settings
    database: Database
    messenger: Messenger
    models: Models
    bot_user: str  # Slack id of the bot's own user
    team: str | None = None  # Slack id of the workspace: people of others are guests
    now: Clock = utc_now

    @property
    def default_channel(self) -> str:
        """Where projects without a channel of their own are talked about; a name is written with #."""
        channel = self.settings.default_channel
        return channel if channel[:1] in "CG#" and not channel.islower() else f"#{channel.lstrip('#')}"
