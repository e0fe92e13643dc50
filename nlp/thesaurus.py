"""Finds what a question means by the way it describes it: "each token goes to a few sub-networks" is `moe`."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import log
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np

from nlp.concepts import concepts
from nlp.loader import load_embedder
from nlp.terms import query_terms, terms
from nlp.values import Embedder, Vectors

FAR, NEAR = 0.4, 0.6
"""Closeness below which a concept's descriptions say nothing, and from which they count in full."""
SHARED_WORDS = 0.3
"""How much it adds to their cosine when they hold all the words of a question, by rarity."""
SUREST = 2.0
WEIGHTS = (SUREST, 1.2)
"""Of the concepts taken for one question, the closest first, beside 1 for each of its own words: where the closest
is wrong, the second is often right."""

VECTORS = Path(__file__).parent / "data" / "ask_concepts.npz"
SAME = 0.98
"""Cosine from which a stored vector counts as this embedder's: eight bits lose less."""


class Thesaurus:
    """The descriptions of all concepts, embedded once."""

    def __init__(self, embedder: Embedder) -> None:
        known = concepts()
        self._terms = [concept.term for concept in known]
        self._rows = np.array([row for row, _ in described()])
        self.vectors = _embedded([text for _, text in described()], embedder)
        self._words: dict[str, set[int]] = defaultdict(set)
        for row, concept in enumerate(known):
            for word in _plain(terms(" ".join(concept.descriptions))):
                self._words[word].add(row)

    def expand(self, question: str, vector: Vectors) -> Mapping[str, float]:
        """The question's own terms with weight 1, and terms of the concepts it describes."""
        own = query_terms(question)
        weights = dict.fromkeys(own, 1.0)
        close = self._closeness(_plain(own), vector)
        for row, most in zip(np.argsort(-close), WEIGHTS, strict=False):
            share = min(1.0, (float(close[row]) - FAR) / (NEAR - FAR))
            if share > 0:
                weights[self._terms[row]] = max(weights.get(self._terms[row], 0.0), most * share)
        return weights

    def _closeness(self, words: Sequence[str], vector: Vectors) -> Vectors:
        """How near each concept is: by its two nearest descriptions, as one alone is near by chance too often."""
        cosines = self.vectors @ vector
        ranked = np.lexsort((-cosines, self._rows))
        first = np.searchsorted(self._rows[ranked], np.arange(len(self._terms)))
        close: Vectors = 0.75 * cosines[ranked[first]] + 0.25 * cosines[ranked[first + 1]]
        shared = np.zeros_like(close)
        whole = 0.0
        for word in set(words):
            rows = self._words.get(word, set())
            rarity = log(1 + len(self._terms) / max(1, len(rows)))
            whole += rarity
            for row in rows:
                shared[row] += rarity
        return close + SHARED_WORDS * shared / whole if whole else close


_made: WeakKeyDictionary[Embedder, Thesaurus] = WeakKeyDictionary()


def thesaurus(embedder: Embedder) -> Thesaurus:
    """The thesaurus in an embedder's space; for another than the packaged one it takes a while the first time."""
    if embedder not in _made:
        _made[embedder] = Thesaurus(embedder)
    return _made[embedder]


def _embedded(texts: Sequence[str], embedder: Embedder) -> Vectors:
    """The stored vectors, where they are of these texts and of this embedder: embedding all takes ten seconds."""
    if VECTORS.exists():
        stored = np.load(VECTORS)
        if str(stored["texts"]) == _digest(texts):
            vectors = _unit(stored["vectors"].astype(np.float32))
            probe = embedder.embed([texts[0]])[0]
            if probe.shape == vectors[0].shape and float(vectors[0] @ probe) > SAME:
                return vectors
    return embedder.embed(texts)


def store(embedder: Embedder) -> None:
    """Write the vectors anew; to be done after every change to the list of concepts."""
    texts = [text for _, text in described()]
    vectors = embedder.embed(texts)
    scaled = np.round(vectors / np.abs(vectors).max(axis=1, keepdims=True) * 127).astype(np.int8)
    np.savez_compressed(VECTORS, texts=np.array(_digest(texts)), vectors=scaled)


def described() -> list[tuple[int, str]]:
    """Concept's row, and each text that describes it."""
    return [
        (row, text)
        for row, concept in enumerate(concepts())
        for text in (*concept.descriptions, f"{concept.name}: {concept.descriptions[0]}")
    ]


def _digest(texts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _plain(found: Sequence[str]) -> list[str]:
    return [term for term in found if not term.startswith("=")]


if __name__ == "__main__":
    store(load_embedder())
