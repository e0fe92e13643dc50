"""The package's own word lists: what numbers belong to, and the techniques, datasets and models notes mention."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

_AT = re.compile(r"(?<=\w)@\d+$")  # "ndcg@10" is an ndcg


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """Spellings of params and metrics: spelling -> (kind, the first spelling of the same thing)."""

    known: Mapping[str, tuple[str, str]]

    def kind(self, phrase: str) -> str | None:
        """What the longest known tail of a phrase is: "final validation loss" ends in a metric."""
        words = plain(_AT.sub("", phrase)).split() if phrase not in self.known else [phrase]
        for first in range(len(words)):
            if found := self.known.get(" ".join(words[first:])) or self.known.get(_singular(words[first:])):
                return found[0]
        return None

    def canonical(self, phrase: str) -> str | None:
        """The first spelling of what has exactly this name."""
        found = self.known.get(plain(phrase)) or self.known.get(_singular(plain(phrase).split()))
        return found[1] if found else None


@lru_cache(maxsize=1)
def names() -> Names:
    """Params and metrics of `data/names.txt`."""
    known: dict[str, tuple[str, str]] = {}
    for line in _lines("names.txt"):
        kind, _, entries = line.partition(":")
        for entry in entries.split(","):
            spellings = [plain(spelling) for spelling in entry.split("|")]
            known.update((spelling, (kind, spellings[0])) for spelling in spellings)
    return Names(known=known)


@lru_cache(maxsize=1)
def mentions() -> Mapping[str, tuple[str, str]]:
    """Spelling -> (kind, name) of techniques, datasets and models."""
    found: dict[str, tuple[str, str]] = {}
    for kind in ("technique", "dataset", "model"):
        for line in _lines(f"{kind}s.txt"):
            first, *others = (part.strip() for part in line.split("|"))
            for spelling in (first, *others):
                found.setdefault(spelling, (kind, first))
    return found


def plain(name: str) -> str:
    """A name in lower-case words: `val_acc`, `valAcc`, "val/acc" and "val-acc" agree."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.sub(r"[_./\-\s]+", " ", spaced).lower().split())


def _singular(words: Iterable[str]) -> str:
    return " ".join(word[:-1] if word.endswith("s") and len(word) > 3 else word for word in words)


def _lines(name: str) -> list[str]:
    text = files("nlp").joinpath("data", name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
