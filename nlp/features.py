"""What the role classifier sees of a sentence besides its vectors: cues, grammar, words and pieces of words."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nlp.cues import CUES, compiled
from nlp.sentences import Token
from nlp.values import Vectors

_SHAPE_NAMES = (
    "no_finite_verb", "past_root", "present_root", "base_root", "gerund_root", "participle_root", "noun_root",
    "adjective_root", "modal", "negation", "passive", "first_person", "third_subject", "demonstrative_subject",
    "comparative", "superlative", "imperative", "starts_lower", "starts_number", "starts_symbol", "no_stop",
    "ends_function_word", "question_mark", "numbers", "long", "short", "very_short", "proper_nouns", "all_caps",
    "brackets", "future", "perfect", "past_anywhere", "present_anywhere", "starts_verb_past", "starts_verb_base",
    "starts_verb_present", "starts_gerund", "starts_noun", "starts_adverb", "starts_adposition",
)  # fmt: skip
_FUNCTION = frozenset({"DT", "IN", "CC", "TO", "PRP$", "MD", "WDT", "WRB", "PDT"})
_PUNCTUATION = frozenset({"''", "``", ",", "-LRB-", "-RRB-", ".", ":", "HYPH", "NFP"})
_SIGNS = frozenset({"$", "SYM"})
_HAVE = frozenset({"have", "has", "had", "'ve"})
_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d[\d.,]*|[^\sa-z\d]", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """The n-grams that training met, and how rare each was."""

    grams: tuple[str, ...]
    rarity: Vectors


def cue_names() -> tuple[str, ...]:
    """The names of the columns that `cues` gives."""
    return (*CUES, *_SHAPE_NAMES)


class CueReader:
    """Hand-made features: which cues a sentence holds and how it is built."""

    def __init__(self) -> None:
        self._patterns = compiled()

    def read(self, texts: Sequence[str], parses: Sequence[tuple[Token, ...]]) -> Vectors:
        """One row per sentence, one column per name in `cue_names`."""
        rows = [
            [*(1.0 if pattern.search(low) else 0.0 for pattern in self._patterns), *_shape(text, tokens)]
            for text, low, tokens in zip(texts, map(str.lower, texts), parses, strict=True)
        ]
        return np.array(rows, dtype=np.float32).reshape(len(texts), len(cue_names()))


def _shape(text: str, tokens: tuple[Token, ...]) -> list[float]:
    tags = [token.tag for token in tokens]
    root = next((token for token in tokens if token.dep == "ROOT"), None)
    root_tag = root.tag if root else ""
    subjects = [token for token in tokens if token.dep in ("nsubj", "nsubjpass")]
    words = [token for token in tokens if token.tag not in _PUNCTUATION and token.tag not in _SIGNS]
    first = next((token for token in tokens if token.tag not in _PUNCTUATION), None)
    first_tag = first.tag if first else ""
    stripped = text.lstrip("\"'([*_ ")
    length = len(words)
    flags = (
        not any(tag in ("VBD", "VBZ", "VBP", "MD") for tag in tags),
        root_tag == "VBD",
        root_tag in ("VBZ", "VBP"),
        root_tag == "VB",
        root_tag == "VBG",
        root_tag == "VBN",
        root_tag in ("NN", "NNS", "NNP", "NNPS"),
        root_tag in ("JJ", "JJR", "JJS"),
        "MD" in tags,
        any(token.dep == "neg" for token in tokens),
        any(token.dep in ("nsubjpass", "auxpass") for token in tokens),
        any(token.text.lower() in ("i", "we", "my", "our") for token in tokens),
        any(token.tag in ("NN", "NNS", "NNP") for token in subjects),
        any(token.text.lower() in ("this", "that", "these", "it") for token in subjects),
        any(tag in ("JJR", "RBR") for tag in tags),
        any(tag in ("JJS", "RBS") for tag in tags),
        first_tag == "VB" and not subjects,
        stripped[:1].islower(),
        stripped[:1].isdigit(),
        bool(stripped) and not stripped[0].isalnum(),
        not text.rstrip("\"')]*_ ").endswith((".", "!", "?", ":")),
        bool(tags) and tags[-1] in _FUNCTION,
        "?" in text,
    )
    counts = (
        min(sum(tag == "CD" for tag in tags), 4) / 4,
        float(length > 25),
        float(length <= 6),
        float(length <= 3),
        min(sum(tag.startswith("NNP") for tag in tags), 4) / 4,
        min(sum(token.text.isupper() and len(token.text) > 2 for token in tokens), 3) / 3,
        float("(" in text),
    )
    more = (
        any(token.text.lower() in ("will", "'ll", "gonna", "wo") for token in tokens),
        any(a.text.lower() in _HAVE and b.tag in ("VBN", "VBD") for a, b in pairwise(tokens)),
        "VBD" in tags,
        "VBZ" in tags or "VBP" in tags,
        first_tag in ("VBD", "VBN"),
        first_tag == "VB",
        first_tag in ("VBZ", "VBP"),
        first_tag == "VBG",
        first_tag.startswith("NN"),
        first_tag.startswith("RB"),
        first_tag == "IN",
    )
    return [*map(float, flags), *counts, *map(float, more)]


def grams(text: str) -> list[str]:
    """Words, pairs and triples of them; numbers become one sign, so that their values do not matter."""
    words = [_plain(word) for word in _WORD.findall(text.lower())][:60]
    framed = ["<", *words, ">"]
    pairs = [" ".join(pair) for pair in pairwise(framed)]
    triples = [" ".join(triple) for triple in zip(framed, framed[1:], framed[2:], strict=False)]
    return [*words, *pairs, *triples]


def _plain(word: str) -> str:
    return "0" if word[0].isdigit() else word


def pieces(text: str) -> list[str]:
    """Runs of three to five characters: endings, stems and typing habits; digits become one sign."""
    framed = f" {_DIGIT.sub('0', text.lower()[:400])} "
    return [framed[at : at + size] for size in (3, 4, 5) for at in range(len(framed) - size + 1)]


class GramReader:
    """Bags of n-grams over a fixed vocabulary, at unit length; few of the columns are filled."""

    def __init__(self, vocabulary: Vocabulary, cut: Callable[[str], list[str]]) -> None:
        self._index = {gram: column for column, gram in enumerate(vocabulary.grams)}
        self._rarity = vocabulary.rarity
        self._cut = cut

    def read(self, text: str) -> tuple[list[int], Vectors]:
        """The columns of a text's n-grams in the vocabulary and how much each weighs, by how rare it is."""
        columns = sorted({self._index[gram] for gram in self._cut(text) if gram in self._index})
        values = self._rarity[columns]
        scaled: Vectors = values / max(float(np.linalg.norm(values)), 1e-9)
        return columns, scaled
