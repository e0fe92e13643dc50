"""The values that speech and text exchange with the rest, and the ports behind which models stand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

Role = Literal["hypothesis", "change", "outcome", "problem", "decision", "next_step", "other"]
ROLES: tuple[Role, ...] = ("hypothesis", "change", "outcome", "problem", "decision", "next_step", "other")

Vectors = npt.NDArray[np.float32]
Progress = Callable[[float], None]
"""Called with the share that is done, 0 to 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """The run's and project's own words: they bias decoding and link facts.

    `params` and `metrics` map names to the logged value (None where none was logged yet).
    """

    params: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    runs: Sequence[str] = ()  # names such as "brave-otter" and references such as "vision/42"
    datasets: Sequence[str] = ()
    people: Sequence[str] = ()
    words: Sequence[str] = ()  # tags, model names, words from earlier corrected transcripts


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """One spoken word: seconds into the memo, probability 0 to 1."""

    text: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Transcript:
    """What was said. No speech gives an empty text and no words."""

    text: str
    language: str
    duration: float  # seconds of audio
    words: tuple[Word, ...]
    engine: str
    model: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Replacement:
    """A spoken span of the untouched transcript and what it became (character spans in both texts)."""

    heard: str
    written: str
    heard_start: int
    heard_end: int
    start: int
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NormalisedText:
    """A transcript with numbers and names as an engineer would type them."""

    text: str
    replacements: tuple[Replacement, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class StatedFact:
    """Something stated in a text: `lr` from 3e-4 to 1e-4, `val_acc` 0.942, a technique, a dataset, another run.

    `kind` is one of param, metric, comparison, technique, dataset, model, run, duration, cost.
    `from_value` and `to` are verbatim spans with sign and unit; a mention (technique, dataset, model, run) has neither. `name` is the run's own name when `linked`.
    """

    kind: str
    name: str
    from_value: str | None = None
    to: str | None = None
    unit: str | None = None
    linked: bool = False
    matches_log: bool | None = None  # None: nothing logged to check against
    direction: Literal["up", "down"] | None = None  # where the sentence says it moved
    relative: bool = False  # `to` is a factor or a difference ("halved", "10 %"), not the new value
    start: int = 0
    end: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class StatedItem:
    """A sentence or clause with its role: character span in the analysed text, confidence 0 to 1."""

    role: Role
    text: str
    start: int
    end: int
    confidence: float
    facts: tuple[StatedFact, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """The structured reading of a note. `items` covers every sentence, `other` included, in order."""

    title: str  # extractive, at most 80 characters
    summary: str  # one sentence of the text
    items: tuple[StatedItem, ...]
    role: Role = "other"  # of the first sentence as a whole, also where its clauses are items of their own
    confidence: float = 0.0  # of that role

    @property
    def facts(self) -> tuple[StatedFact, ...]:
        """All facts, in the order of the text."""
        return tuple(fact for item in self.items for fact in item.facts)


class Transcriber(Protocol):
    """Speech to text; raises `AudioError` with a message for the speaker when the audio cannot be used."""

    def transcribe(
        self,
        audio: Path,
        *,
        context: Context | None = None,
        language: str | None = None,
        progress: Progress | None = None,
    ) -> Transcript: ...


class RationaleExtractor(Protocol):
    """Text to roles and facts."""

    def read(self, text: str, *, context: Context | None = None) -> Reading: ...


class Embedder(Protocol):
    """Texts to unit vectors, shape (len(texts), 384), float32."""

    def embed(self, texts: Sequence[str]) -> Vectors: ...


class AudioError(ValueError):
    """This file cannot be heard; the message says why in words for the speaker."""


class ModelError(RuntimeError):
    """A model is missing or is not what it should be; the message says how to mend it."""
