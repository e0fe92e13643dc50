"""What a question asks for by name, who speaks of it, and which runs had it: only then an answer says "tried"."""

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from sqlmodel import Session

from bot.findings import Finding
from bot.retrieval import Ranked, Ranking
from bot.values import ItemView, RunView
from nlp.concepts import spelled
from nlp.terms import Asked, bare, terms
from storage import run_search, search

MOSTLY = 0.6
"""Share of the question, by rarity, that its names must be: else it asks for more than they say."""
DONE = frozenset({"change", "outcome", "decision"})
UNDONE = re.compile(
    r"\b(?:not|never|no|without|instead|unlike|would|could|should|might|may|maybe|next|plan\w*|will|if|wants?|whether)\b|n't\b|\?",
    re.IGNORECASE,
)
NOT_THAT = re.compile(
    r"(?:remov|revert|dropp?|disabl|replac|abandon|compar)(?:e|es|ed|ing|s)?|without|no|than|like|unlike|same|vs|versus",
    re.IGNORECASE,
)
JUST_AFTER = 5  # words in which it is said what was taken out, or compared with
TRYING = re.compile(
    r"\b(?:tr(?:y|ied|ies|ying)|us(?:e|ed|es|ing)|ran|run|tests?|tested|combined?|added|add|trained|experiment\w*|compared?)\b",
    re.IGNORECASE,
)
NOT_WHO = re.compile(r"\b(?:not|never|without|nobody|no one|should|could|would)\b|n't\b", re.IGNORECASE)
"""Who asks who did not use a thing, or what to use, is not told who did."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Name:
    """One thing asked for: its term in the search, and the words of each way to call it."""

    term: str
    calls: tuple[frozenset[str], ...]

    def held(self, words: AbstractSet[str]) -> bool:
        """Whether these terms speak of it."""
        return self.term in words and any(call <= words for call in self.calls)


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What is asked for by name, and its words as the question has them."""

    names: tuple[Name, ...]
    words: str
    any_of: bool  # "A or B"
    trying: bool  # the question asks who tried it

    @property
    def terms(self) -> list[str]:
        """All terms that tell whether something speaks of it."""
        return sorted({word for name in self.names for word in {name.term}.union(*name.calls)})

    def held(self, words: AbstractSet[str]) -> bool:
        """Whether these terms speak of it."""
        return (any if self.any_of else all)(name.held(words) for name in self.names)

    def left_out(self, text: str) -> bool:
        """Whether a text says that it was removed, or only compares with it."""
        words = re.sub(r"[-_/]+", " ", text).split()
        called = set().union(*(call for name in self.names for call in name.calls))
        return any(
            NOT_THAT.fullmatch(word)
            and called.isdisjoint(terms(word))  # who asks for "drop path" means no dropping
            and not called.isdisjoint(terms(" ".join(words[at + 1 : at + 1 + JUST_AFTER])))
            for at, word in enumerate(words)
        )


def subject_of(topic: str, ranking: Ranking, *, text: str) -> Subject | None:
    """The names that a question is about; None where it describes, or asks for more."""
    worth = {one: ranking.known.rarity(one.term) for one in ranking.asked}
    named = [one for one in ranking.asked if one.named] or list(ranking.asked)
    share = sum(worth[one] for one in named) / (sum(worth.values()) or 1.0)
    if not named or share < MOSTLY or (not named[0].named and len(named) > 1):
        return None
    either = re.search(r"\bor\b", topic, re.IGNORECASE) is not None
    told = [_name(topic, one) for one in named]
    return Subject(
        names=tuple(name for name, _ in told),
        words=(" or " if either else " and ").join(dict.fromkeys(words for _, words in told)),
        any_of=either,
        trying=TRYING.search(text) is not None and not NOT_WHO.search(topic),
    )


def _name(topic: str, one: Asked) -> tuple[Name, str]:
    if not one.named:
        return Name(term=one.term, calls=(frozenset({one.term}),)), bare(topic)
    called = spelled(topic, one.term)
    calls = [frozenset(word for word in terms(same) if not word.startswith("=")) for same in called.same]
    return Name(term=one.term, calls=tuple(call for call in calls if call)), called.words


def by_name(session: Session, notes: Sequence[Ranked], subject: Subject) -> frozenset[int]:
    """Which of these notes hold its name, in their own words or those of their runs."""
    held = search.held_by(session, [note.note_id for note in notes], subject.terms)
    return frozenset(note_id for note_id, words in held.items() if subject.held(words))


def with_subject(session: Session, found: Sequence[Finding], subject: Subject) -> list[Finding]:
    """The findings with who speaks of the subject in so many words, and which of their runs had it."""
    runs = [run for finding in found for run in finding.runs]
    had = having(runs, run_search.held_by(session, sorted({run.id for run in runs}), subject.terms), subject)
    marked = []
    for finding in found:
        tried = {run.id for run in finding.runs} & had
        if len(finding.runs) == 1 and was_done(finding.note.items, subject):
            tried.add(finding.runs[0].id)
        speaks = subject.held(set(terms(finding.note.text)))
        marked.append(replace(finding, speaks=speaks, tried=frozenset(tried if subject.trying else ())))
    return marked


def having(runs: Iterable[RunView], held: Mapping[int, frozenset[str]], subject: Subject) -> set[int]:
    """Which runs had it by their own words, and do not say that they left it out."""
    return {
        run.id
        for run in runs
        if subject.held(held.get(run.id, frozenset()))
        and not subject.left_out(f"{run.name} {run.intent or ''}")
    }


def was_done(items: Sequence[ItemView], subject: Subject) -> bool:
    """Whether a change, an outcome or a decision tells of it as of something done."""
    return any(
        item.role in DONE
        and subject.held(set(terms(item.text)))
        and not UNDONE.search(item.text)
        and not subject.left_out(item.text)
        for item in items
    )
