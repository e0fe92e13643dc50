"""What things are called in machine learning: spellings that mean the same, and descriptions in plain words."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files

_FILE = "data/ask_synonyms.txt"
SHORTEST_SLIP = 5
SLIP = 0.86
"""How alike a word and the one it was meant to be are; "gradiant" and "gradient" are .88."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Concept:
    """A technique or notion: its name, other spellings of it, and how people describe it who do not know the name."""

    name: str
    spellings: tuple[str, ...]
    descriptions: tuple[str, ...]

    @property
    def term(self) -> str:
        """The one search term that all spellings share; no word of a text can look like it."""
        return "=" + self.name.replace(" ", "_")


@lru_cache(maxsize=1)
def concepts() -> tuple[Concept, ...]:
    """All concepts of the package's own list."""
    text = files("nlp").joinpath(_FILE).read_text(encoding="utf-8")
    return tuple(_parse(line) for line in text.splitlines() if line.strip() and not line.startswith("#"))


def _parse(line: str) -> Concept:
    names, _, descriptions = line.partition("::")
    first, *others = (name.strip().lower() for name in names.split("|"))
    return Concept(
        name=first,
        spellings=(first, *others),
        descriptions=tuple(part.strip() for part in descriptions.split("|") if part.strip()),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Spelled:
    """A concept as a text calls it: in the text's words, and by which spellings it is the same thing."""

    words: str
    same: tuple[str, ...]


def spelled(text: str, term: str) -> Spelled:
    """A concept as a text calls it; by its own name where it stands there in another form.

    Spellings of a concept are near each other, not always the same: GPTQ is one way to quantize. The same are those that the
    text has, and what only shortens them: "MoE" for "mixture of experts".
    """
    concept = next(one for one in concepts() if one.term == term)
    places: dict[str, tuple[int, int]] = {}
    for spelling in concept.spellings:
        pattern = r"[\s_-]*".join(map(re.escape, re.split(r"[\s_-]+", spelling)))
        if found := re.search(rf"(?<!\w){pattern}s?(?!\w)", text, re.IGNORECASE):
            places[spelling] = found.span()
    if not places:
        return Spelled(words=concept.name, same=(concept.name,))
    # "bigram hash" is no "bigram": what stands inside a longer spelling is not asked for.
    places = {
        one: span
        for one, span in places.items()
        if not any(_inside(span, other) for other in places.values())
    }
    spans: list[tuple[int, int]] = []
    for start, end in sorted(places.values()):
        if spans and start < spans[-1][1]:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((start, end))
    words = [text[start:end] for start, end in spans]
    told = [
        word
        for at, word in enumerate(words)
        if not any(is_short_for(word, one) or is_short_for(one, word) for one in words[:at])
    ]
    short = [
        one
        for one in concept.spellings
        if any(is_short_for(one, had) or is_short_for(had, one) for had in places)
    ]
    return Spelled(words=" or ".join(dict.fromkeys(told)), same=tuple(dict.fromkeys([*places, *short])))


def _inside(span: tuple[int, int], other: tuple[int, int]) -> bool:
    return span != other and other[0] <= span[0] and span[1] <= other[1]


def is_short_for(short: str, long: str) -> bool:
    """Whether one word is put together from the beginnings of several: "moe" of "mixture of experts", "rope" of "rotary position embedding"."""
    words = re.findall(r"[a-z0-9]+", long.lower())
    wanted = short.lower()
    if len(words) < 2 or not wanted.isalnum():
        return False

    def fits(rest: str, at: int) -> bool:
        if at == len(words):
            return not rest
        return any(
            rest[:size] == words[at][:size] and fits(rest[size:], at + 1)
            for size in range(1, min(3, len(rest)) + 1)
        )

    return fits(wanted, 0)


@lru_cache(maxsize=1)
def _spelling_words() -> tuple[str, ...]:
    words = (
        word for concept in concepts() for one in concept.spellings for word in re.findall(r"[a-z]+", one)
    )
    return tuple(sorted({word for word in words if len(word) >= SHORTEST_SLIP}))


def respelled(text: str) -> Mapping[str, str] | None:
    """Words of a text that are slips of words in these spellings, and what they were meant to be: "smothing" is smoothing."""
    mended: dict[str, str] = {}
    for word in re.findall(r"[^\W\d_]+", text):
        lower = word.lower()
        if len(word) < SHORTEST_SLIP or lower in _spelling_words():
            continue
        near = get_close_matches(lower, _spelling_words(), n=1, cutoff=SLIP)
        if near and lower.rstrip("s") != near[0].rstrip("s"):
            mended[word] = near[0]
    return mended or None


Phrases = Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]
"""First word of a spelling -> (all its words, the concept's term)."""


@lru_cache(maxsize=4)
def aliases(words: Callable[[str], tuple[str, ...]]) -> Phrases:
    """The spellings cut by `words`, as the text they are looked up in was cut."""
    found: dict[str, dict[tuple[str, ...], str]] = {}
    for concept in concepts():
        for spelling in concept.spellings:
            if phrase := words(spelling):
                found.setdefault(phrase[0], {})[phrase] = concept.term
    return {first: tuple(phrases.items()) for first, phrases in found.items()}
