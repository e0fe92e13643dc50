"""Finds what a question means by the way it describes it: "each token goes to a few sub-networks" is `moe`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import log
from weakref import WeakKeyDictionary

import numpy as np

from nlp.concepts import concepts
from nlp.terms import query_terms, terms
from nlp.values import Embedder, Vectors

FAR, NEAR = 0.5, 0.7
"""Closeness below which a description says nothing, and from which it counts in full."""
SHARED_WORDS = 0.25
"""How much the words a question shares with a description add to their cosine."""
MOST = 1
"""Concepts taken for one question: a second one is wrong more often than it helps."""
WEIGHT = 1.5
"""A concept's weight beside 1 for each of the question's own words."""


class Thesaurus:
    """The descriptions of all concepts, embedded once."""

    def __init__(self, embedder: Embedder) -> None:
        known = concepts()
        self._terms = [concept.term for concept in known]
        described = [
            (row, text)
            for row, concept in enumerate(known)
            for text in (*concept.descriptions, f"{concept.name}: {concept.descriptions[0]}")
        ]
        self._rows = np.array([row for row, _ in described])
        self._vectors = embedder.embed([text for _, text in described])
        self._words: dict[str, set[int]] = defaultdict(set)
        for row, concept in enumerate(known):
            for word in _plain(terms(" ".join(concept.descriptions))):
                self._words[word].add(row)

    def expand(self, question: str, vector: Vectors) -> Mapping[str, float]:
        """The question's own terms with weight 1, and terms of the concepts it describes."""
        own = query_terms(question)
        weights = dict.fromkeys(own, 1.0)
        close = self._closeness(_plain(own), vector)
        for row in np.argsort(-close)[:MOST]:
            share = min(1.0, (float(close[row]) - FAR) / (NEAR - FAR))
            if share > 0:
                weights[self._terms[row]] = max(weights.get(self._terms[row], 0.0), WEIGHT * share)
        return weights

    def _closeness(self, words: Sequence[str], vector: Vectors) -> Vectors:
        close = np.full(len(self._terms), -1.0, dtype=np.float32)
        np.maximum.at(close, self._rows, self._vectors @ vector)
        shared = np.zeros_like(close)
        for word in set(words):
            rows = self._words.get(word, set())
            for row in rows:
                shared[row] += log(1 + len(self._terms) / len(rows))
        most = float(shared.max())
        return close + SHARED_WORDS * shared / most if most > 0 else close


_made: WeakKeyDictionary[Embedder, Thesaurus] = WeakKeyDictionary()


def thesaurus(embedder: Embedder) -> Thesaurus:
    """The thesaurus in an embedder's space; takes seconds the first time, so warm it up before people wait."""
    if embedder not in _made:
        _made[embedder] = Thesaurus(embedder)
    return _made[embedder]


def _plain(found: Sequence[str]) -> list[str]:
    return [term for term in found if not term.startswith("=")]
