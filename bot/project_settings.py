"""What a project's members chose: what is told aloud, what stays private, how its metrics are called."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from storage.tables import Project

TOLD = {
    "best": "A new best, in the run's thread",
    "failure": "Failures of runs over 5 minutes, in the channel too",
    "mention": "Their owner is called",
    "question": "One question after a run that matters: why?",
}
LOG_TAILS = {
    "thread": "In the thread, for everybody there",
    "owner": "Only to the run's owner, on request",
    "nowhere": "Nowhere in Slack",
}
LANGUAGES = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "pt": "Portuguese",
    "nl": "Dutch",
    "pl": "Polish",
    "uk": "Ukrainian",
    "tr": "Turkish",
    "hi": "Hindi",
    "ar": "Arabic",
    "zh": "Chinese",
    "ja": "Japanese",
    "ko": "Korean",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectSettings:
    """A project's choices; whatever it did not choose is as the product comes."""

    told: frozenset[str] = frozenset(TOLD)
    log_tail: str = "thread"
    keep_audio: bool = False
    share_feedback: bool = False  # corrections may be exported by the operator
    language: str | None = None  # of memos; None: heard from the recording
    aliases: Mapping[str, str] = field(default_factory=dict)  # another name in lower case -> the name
    gpu_price: str | None = None  # of an hour of one GPU: "2.50 €"

    def name(self, name: str) -> str:
        """What a param or metric is called here."""
        return self.aliases.get(name.lower(), name)

    def names(self, name: str) -> tuple[str, ...]:
        """The name and all its aliases."""
        return (name, *(alias for alias, meant in self.aliases.items() if meant == name))


def settings_of(project: Project) -> ProjectSettings:
    """The project's choices as kept with it."""
    kept = project.settings
    told, tail = kept.get("told"), kept.get("log_tail")
    language = kept.get("language")
    return ProjectSettings(
        told=frozenset(told) & TOLD.keys() if isinstance(told, list) else frozenset(TOLD),
        log_tail=tail if tail in LOG_TAILS else "thread",
        keep_audio=bool(kept.get("keep_audio")),
        share_feedback=bool(kept.get("share_feedback")),
        language=language if language in LANGUAGES else None,
        gpu_price=price if isinstance(price := kept.get("gpu_price"), str) and price else None,
        aliases={
            str(alias): str(name)
            for alias, name in (kept.get("aliases") or {}).items()
            if isinstance(alias, str) and isinstance(name, str)
        },
    )


PRICE = re.compile(r"(?P<sign>[^\d\s.,]{0,4})\s*(?P<amount>\d+(?:[.,]\d+)?)\s*(?P<unit>[^\d\s.,]{0,4})")


def cost_of(gpu_hours: float, price: str | None) -> str | None:
    """What so many GPU-hours cost in the currency of the price; None where none is set."""
    told = PRICE.fullmatch(price.strip()) if price else None
    if told is None:
        return None
    spent = gpu_hours * float(told["amount"].replace(",", "."))
    words = f"{spent:,.0f}" if spent >= 10 else f"{spent:.2f}"
    return f"{told['sign']}{words} {told['unit']}".strip()
