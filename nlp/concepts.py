"""What things are called in machine learning: spellings that mean the same, and descriptions in plain words."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

_FILE = "data/ask_synonyms.txt"


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


def spelled(text: str, term: str) -> str:
    """A concept as a text spells it; by its name where it stands there in another form."""
    concept = next(one for one in concepts() if one.term == term)
    for spelling in sorted(concept.spellings, key=len, reverse=True):
        pattern = r"[\s_-]*".join(map(re.escape, re.split(r"[\s_-]+", spelling)))
        if found := re.search(rf"(?<!\w){pattern}s?(?!\w)", text, re.IGNORECASE):
            return found[0]
    return concept.name


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
