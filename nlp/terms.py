"""Cuts engineers' text into search terms: words are stemmed, names, numbers and abbreviations kept whole.

`fp8`, `lm_head` and `3e-4` stay one term; `lm_head`, `leakyReLU` and `batch-size` are also found by their
parts; "learning rate" and `lr` meet in one term through the groups in `nlp/concepts.py`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from nlp.concepts import aliases

_TOKEN = re.compile(
    r"""
    (?P<number>(?<![\w.])[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w]|\.\d))
  | (?P<word>[^\W_][\w']*(?:\.[^\W\d_]\w*)*)
    """,
    re.VERBOSE,
)
_PARTS = re.compile(r"[A-Z]{2,}(?=[A-Z][a-z]|\d|_|\b)|[A-Z]?[a-z]+|[A-Z]+|\d+")
LONGEST = 64  # of a word; what is longer is a hash or a blob
_PLURAL_NAME = re.compile(r"^([a-z]+\d+)s$")
_SIZED = re.compile(r"(?<![\w.-])([A-Za-z]{2,12})-(\d{1,4}[BbMm]?)(?![\w.-])")
_INSIDE_HYPHENS = re.compile(r"(?<=\w)(?<!\d[eE])[-‐‑/](?=\w)")


def _word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOP_WORDS = _word_set(
    """
    a about above after again all also am an and around any anybody anyone anything are as at be because been before being
    below between both but by can could did do does doing done down during each else ever few for from further get
    gets getting got had has have having he her here hers him his how i if in into is it its itself just kind let
    lot made make makes making many may me might more most much my no nobody nor not now of off on once one ones
    only onto or other others our ours out over own people please rather same she should show so some somebody
    someone something still such team than that the their theirs them then there these they thing things this
    those though through to too under until up upon us use used uses using very via was we well were what when
    where whether which while who whom whose why will with within without would yet you your yours
    """
)
"""Words that carry no topic, in notes as in questions."""

QUESTION_WORDS = _word_set(
    """
    attempt attempted attempts best better came come decide decided end ended ends experience experiment experimented experiments explored failed
    find found gain gave give good happen happened help helped helpful helps idea ideas improve improved improvement
    know look luck need needed off pay paid point ran report reported result results run runs see seen success
    successful tell test tested tests tried tries try trying use useful using want went work worked working works
    worse worst worth
    """
)
"""How people ask whether something was tried: says nothing about what."""

_STEMS: tuple[tuple[str, str, int], ...] = (
    ("ational", "ate", 2), ("isations", "ize", 3), ("izations", "ize", 3), ("isation", "ize", 3),
    ("ization", "ize", 3), ("fulness", "ful", 3), ("iveness", "ive", 3), ("ations", "ate", 3), ("ation", "ate", 3),
    ("ising", "ize", 3), ("izing", "ize", 3), ("ised", "ize", 3), ("ized", "ize", 3), ("ises", "ize", 3),
    ("izes", "ize", 3), ("izer", "ize", 3), ("izers", "ize", 3), ("iser", "ize", 3), ("ise", "ize", 4),
    ("ators", "ate", 3), ("ator", "ate", 3), ("ating", "ate", 3), ("ated", "ate", 3), ("ates", "ate", 3),
    ("ments", "", 4), ("ment", "", 4), ("ness", "", 4), ("edly", "", 4), ("ingly", "", 4), ("ally", "al", 4),
    ("ies", "y", 2), ("ied", "y", 2), ("sses", "ss", 2), ("ings", "", 3), ("ing", "", 3), ("ers", "er", 3),
    ("ed", "", 3), ("ly", "", 4), ("xes", "x", 2), ("ches", "ch", 2), ("shes", "sh", 2), ("zes", "ze", 2),
    ("ions", "", 4), ("ion", "", 4), ("es", "e", 3), ("s", "", 3),
)  # fmt: skip


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A lower-case word without its ending: "normalizing", "normalised" and "normalization" agree."""
    if len(word) < 4 or not word.isascii() or not word.isalpha():
        return word
    if word.endswith(("ss", "us", "is")):
        return word
    for suffix, instead, shortest in _STEMS:
        if word.endswith(suffix) and len(word) - len(suffix) >= shortest:
            return _tidy(word[: -len(suffix)] + instead, cut=suffix)
    return _tidy(word, cut="")


def _tidy(root: str, *, cut: str) -> str:
    """Undo a doubled consonant ("running"), then drop the final e that "scale" and "scaling" disagree about."""
    if cut in ("ing", "ed", "ings") and len(root) > 3 and root[-1] == root[-2] and root[-1] not in "lsz":
        root = root[:-1]
    return root[:-1] if len(root) > 3 and root.endswith("e") else root


def terms(text: str) -> list[str]:
    """The terms to index, in order, repeated as often as they occur."""
    return _with_aliases(_words(text))


def query_terms(text: str) -> list[str]:
    """The distinct terms of a question that say what it is about; all of its words where none does."""
    return topic_terms(text) or list(dict.fromkeys(terms(text)))


def topic_terms(text: str) -> list[str]:
    """The distinct terms of a question that say what it is about; none in "what worked best?"."""
    return list(dict.fromkeys(term for term in terms(text) if term not in _question_stems()))


def bare(text: str) -> str:
    """A question without the words in which people ask: what is left is compared by meaning."""
    words = [word for word in re.findall(r"[^\s?!,;:()\"]+", text) if word.lower() not in QUESTION_WORDS]
    while words and words[0].lower() in STOP_WORDS:
        del words[0]
    return " ".join(words) or text


@dataclass(frozen=True, slots=True)
class Asked:
    """A word of a question, or a name of several words: its term in the search, and whether it names a concept."""

    term: str
    named: bool


def asked(text: str) -> tuple[Asked, ...]:
    """What a question asks for, name by name: who asks for "label smoothing" does not ask for "smoothing"."""
    parted = [list(_token(match)) for match in _TOKEN.finditer(_apart(text))]
    words = [word for token in parted for word in token]
    begins = [place == 0 for token in parted for place in range(len(token))]  # `muonh` is no `muon`
    table = aliases(_spelling)
    found: list[Asked] = []
    at = 0
    while at < len(words):
        names = [
            (len(phrase), concept)
            for phrase, concept in table.get(words[at], ())
            if begins[at] and tuple(words[at : at + len(phrase)]) == phrase
        ]
        size, concept = max(names, default=(1, None))
        if concept is not None:
            found.append(Asked(concept, named=True))
        elif begins[at] and words[at] not in _question_stems():
            found.append(Asked(words[at], named=False))
        at += size
    return tuple(dict.fromkeys(found))


def sentences(text: str, *, shortest: int = 25) -> list[str]:
    """The sentences of a note; scraps such as "Result:" stay with what they introduce or follow."""
    found: list[str] = []
    for piece in re.split(r"(?<=[.!?;])\s+(?=[A-Z0-9\"(])|\n+", text):
        if not (piece := piece.strip()):
            continue
        if found and (len(piece) < shortest or len(found[-1]) < shortest):
            found[-1] += " " + piece
        else:
            found.append(piece)
    return found


def _apart(text: str) -> str:
    """Words with a hyphen are two, but a name and its size are one: "ResNet-18" is resnet18, as in a param."""
    return _INSIDE_HYPHENS.sub(" ", _SIZED.sub(lambda found: found[1].lower() + found[2], text))


@lru_cache(maxsize=1)
def _question_stems() -> frozenset[str]:
    return frozenset(stem(word) for word in QUESTION_WORDS)


def _words(text: str) -> list[str]:
    """Whole tokens followed by their parts, stemmed; stop words are gone."""
    return [word for match in _TOKEN.finditer(_apart(text)) for word in _token(match)]


def _token(match: re.Match[str]) -> Iterator[str]:
    if number := match["number"]:
        yield f"{float(number.replace(',', '')):g}"
        return
    word = match["word"].rstrip("'")
    for piece in word.split("."):
        yield from _named(piece[:LONGEST])


@lru_cache(maxsize=65536)
def _named(word: str) -> tuple[str, ...]:
    """One word as terms: itself, and the parts of a name in camelCase or snake_case."""
    lower = word.lower().removesuffix("'s").replace("'", "")
    if lower in STOP_WORDS or not lower:
        return ()
    plain = word.isalpha() and (word[1:].islower() or word.isupper())
    if plain or not word.isascii():
        return (stem(lower),)
    parts = [part.lower() for part in _PARTS.findall(word)]
    whole = _PLURAL_NAME.sub(r"\1", lower.strip("_"))
    shortest = 2 if "_" in word else 3  # "ReLU" is no "re" and "lu"
    kept = (part for part in parts if len(part) >= shortest and part not in STOP_WORDS and not part.isdigit())
    return (whole, *(stem(part) for part in kept if part != whole)) if len(parts) > 1 else (stem(whole),)


def _with_aliases(words: Sequence[str]) -> list[str]:
    """Add the group's own term wherever one of its spellings occurs: `lr` beside "learn", "rate"."""
    table = aliases(_spelling)
    out: list[str] = []
    for at, word in enumerate(words):
        out.append(word)
        for phrase, concept in table.get(word, ()):
            if tuple(words[at : at + len(phrase)]) == phrase and concept not in out[-3:]:
                out.append(concept)
    return out


def _spelling(text: str) -> tuple[str, ...]:
    """A spelling of a concept as words; none where only one of several is more than a stop word."""
    words = tuple(_words(text))
    return words if len(words) > 1 or " " not in text else ()
