"""What message builders, compare and digests work on: plain values read from storage, nothing that can query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Blocks = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What goes to Slack: `text` is what a phone and a screen reader show, `blocks` the same for the eye."""

    text: str
    blocks: Blocks = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonView:
    """Somebody: shown as a mention when Slack knows them, else by name."""

    id: int | None
    name: str
    slack_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricView:
    """One metric of one run in numbers; `goal` is "min", "max" or None (nobody wins)."""

    name: str
    goal: Literal["min", "max"] | None
    count: int
    last: float | None
    last_step: float | None
    min: float | None
    min_step: float | None
    max: float | None
    max_step: float | None

    @property
    def best(self) -> float | None:
        """The best value by the goal; the last one when there is no goal."""
        return self.min if self.goal == "min" else self.max if self.goal == "max" else self.last

    @property
    def best_step(self) -> float | None:
        """The step of `best`."""
        return (
            self.min_step if self.goal == "min" else self.max_step if self.goal == "max" else self.last_step
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemView:
    """A rationale item as shown: role, quoted text, seconds into the memo for speech."""

    id: int | None
    role: str
    text: str
    confidence: float
    start_time: float | None = None
    source: str = "model"  # or "person"
    facts: Sequence["FactView"] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FactView:
    """A stated fact as shown."""

    kind: str
    name: str
    from_value: str | None
    to_value: str | None
    unit: str | None = None
    linked: bool = False
    confirmed: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteView:
    """A note as shown. `kind`: text, memo, sdk, import, status."""

    id: int
    kind: str
    author: PersonView | None
    text: str
    title: str | None
    said_at: datetime
    permalink: str | None = None
    items: Sequence[ItemView] = ()
    duration: float | None = None  # seconds of a memo
    unsure: Sequence[tuple[int, int]] = ()  # stretches of its text that were hard to hear


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeView:
    """The code a run was made of."""

    commit: str | None = None
    branch: str | None = None
    dirty: bool = False
    subject: str | None = None
    diff: str | None = None
    command: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetView:
    """A dataset version a run read."""

    name: str
    fingerprint: str
    rows: int | None = None
    columns: int | None = None
    size: int | None = None
    filters: str | None = None
    changed: str | None = None  # what its source holds now, where that is something else


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtifactView:
    """A file of a run as shown."""

    name: str
    kind: str
    location: str
    size: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkView:
    """An address that belongs to a run."""

    url: str
    title: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunView:
    """All of a run that messages, lists and comparisons show; large parts are empty where not asked for."""

    id: int
    project: str
    number: int
    name: str
    state: str
    owner: PersonView | None
    started_at: datetime
    ended_at: datetime | None = None
    tags: Sequence[str] = ()
    group: str | None = None
    intent: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, MetricView] = field(default_factory=dict)
    key_metric: str | None = None
    progress_done: float | None = None
    progress_total: float | None = None
    ending: Mapping[str, Any] | None = None  # the exit event: cause, signal, error, last_lines, checkpoint …
    readings: Mapping[str, Any] | None = None
    host: str | None = None
    code: CodeView | None = None
    python: str | None = None
    libraries: Mapping[str, str] = field(default_factory=dict)
    datasets: Sequence[DatasetView] = ()
    parent: "RunView | None" = None
    parent_source: str | None = None
    notes: Sequence[NoteView] = ()
    verdicts: Mapping[str, str] = field(default_factory=dict)  # person's name -> keep | drop | unsure
    series: Mapping[str, Sequence[tuple[float, float]]] = field(
        default_factory=dict
    )  # metric -> (step, value)
    permalink: str | None = None
    visibility: str = "project"
    entry: str | None = None  # entry point, for inferring parents and sweeps
    gpus: int | None = None  # for GPU hours
    artifacts: Sequence[ArtifactView] = ()
    links: Sequence[LinkView] = ()
    likes: int = 0

    @property
    def ref(self) -> str:
        """How people name it: `vision/42`."""
        return f"{self.project}/{self.number}"
