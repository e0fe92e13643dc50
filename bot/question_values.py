"""A question taken apart, and the names that can be conditions in it."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from nlp.terms import terms
from storage.search_scope import Bound

Outcome = Literal["good", "bad"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """Names that exist, in lower case: only these can be conditions."""

    people: Mapping[str, int] = field(default_factory=dict)
    projects: Mapping[str, int] = field(default_factory=dict)
    params: Mapping[str, Sequence[str]] = field(
        default_factory=dict
    )  # also by the last part of a nested name
    metrics: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    datasets: Mapping[str, str] = field(default_factory=dict)
    versions: Sequence[str] = ()  # beginnings of commits and fingerprints
    key_metrics: Mapping[str, str] = field(default_factory=dict)  # "min" or "max": what is better
    called: Mapping[int, str] = field(default_factory=dict)  # of people who were mentioned: their names
    asker_id: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A question taken apart; `said` are the conditions in words, to repeat them in the answer."""

    text: str
    topic: str
    people: tuple[int, ...] = ()
    project_ids: tuple[int, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    states: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    verdict: Literal["keep", "drop"] | None = None
    outcome: Outcome | None = None
    params: tuple[Bound, ...] = ()
    metrics: tuple[Bound, ...] = ()
    role: str | None = None  # of rationale: whose decisions, problems or next steps are asked for
    without: tuple[str, ...] = ()  # what a note or run must not speak of
    said: tuple[str, ...] = ()

    @property
    def narrowed(self) -> bool:
        """Whether any condition leaves something out."""
        return bool(
            self.people or self.project_ids or self.since or self.until or self.states or self.tags or self.groups
            or self.domains or self.datasets or self.versions or self.verdict or self.params or self.metrics
        )  # fmt: skip

    @property
    def says_which(self) -> bool:
        """Whether there is anything to go by beside what it is about."""
        return self.narrowed or self.outcome is not None or self.role is not None

    @property
    def terms_without(self) -> list[str]:
        """All terms that tell whether something speaks of what is to be left out."""
        return sorted(set().union(*map(_plain, self.without)))

    def admits(self, held: AbstractSet[str]) -> bool:
        """Whether what holds these of `terms_without` may answer."""
        return not any(_plain(words) <= held for words in self.without)


def _plain(words: str) -> AbstractSet[str]:
    """The terms of the words themselves: who leaves EMA out still asks for other ways to average."""
    return {term for term in terms(words) if not term.startswith("=")}
