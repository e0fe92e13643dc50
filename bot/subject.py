"""What a question asks for by name, who speaks of it, and which runs had it: only then an answer says "tried"."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlmodel import Session

from bot.retrieval import Ranking
from bot.values import ItemView
from nlp.concepts import spelled
from nlp.terms import bare, terms
from storage import run_search

if TYPE_CHECKING:
    from bot.ask import Finding

MOSTLY = 0.6
"""Share of the question, by rarity, that its names must be: else it asks for more than they say."""
DONE = frozenset({"change", "outcome", "decision"})
UNDONE = re.compile(
    r"\b(?:not|never|no|without|instead|unlike|would|could|should|might|may|maybe|next|plan\w*|will|if|wants?|whether)\b|n't\b|\?",
    re.IGNORECASE,
)
TRYING = re.compile(
    r"\b(?:tr(?:y|ied|ies|ying)|us(?:e|ed|es|ing)|ran|run|tests?|tested|combined?|added|add|trained|experiment\w*|compared?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What is asked for: its terms in the search, and its words as the question has them."""

    terms: frozenset[str]
    words: str
    any_of: bool  # "A or B"
    trying: bool  # the question asks who tried it

    def held(self, words: frozenset[str] | set[str]) -> bool:
        """Whether these terms speak of it."""
        return not self.terms.isdisjoint(words) if self.any_of else self.terms <= words


def subject_of(topic: str, ranking: Ranking, *, text: str) -> Subject | None:
    """The names that a question is about; None where it describes, or asks for more."""
    worth = {one: ranking.known.rarity(one.term) for one in ranking.asked}
    named = [one for one in ranking.asked if one.named] or list(ranking.asked)
    share = sum(worth[one] for one in named) / (sum(worth.values()) or 1.0)
    if not named or share < MOSTLY or (not named[0].named and len(named) > 1):
        return None
    either = re.search(r"\bor\b", topic, re.IGNORECASE) is not None
    words = [spelled(topic, one.term) if one.named else bare(topic) for one in named]
    return Subject(
        terms=frozenset(one.term for one in named),
        words=(" or " if either else " and ").join(dict.fromkeys(words)),
        any_of=either,
        trying=TRYING.search(text) is not None,
    )


def with_subject(
    session: Session, found: Sequence["Finding"], ranking: Ranking, subject: Subject | None
) -> list["Finding"]:
    """The findings with who speaks of the subject, and which of their runs had it."""
    if subject is None:
        return list(found)
    matched = {note.note_id: note.matched for note in ranking.notes}
    runs = sorted({run.id for finding in found for run in finding.runs})
    own = run_search.held_by(session, runs, sorted(subject.terms)) if subject.trying else {}
    marked = []
    for finding in found:
        speaks = subject.held(matched[finding.note.id])
        had = {run.id for run in finding.runs if subject.held(own.get(run.id, frozenset()))}
        if subject.trying and len(finding.runs) == 1 and was_done(finding.note.items, subject):
            had.add(finding.runs[0].id)
        marked.append(replace(finding, speaks=speaks, tried=frozenset(had)))
    return marked


def was_done(items: Sequence[ItemView], subject: Subject) -> bool:
    """Whether a change, an outcome or a decision tells of it as of something done."""
    return any(
        item.role in DONE and subject.held(set(terms(item.text))) and not UNDONE.search(item.text)
        for item in items
    )
