"""What a run tries, apart from what everybody sets alike, and how close two runs are in that."""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.better import is_seed
from bot.draft import HOUSEKEEPING, entry_of
from bot.numbers import as_number, scientific, setting
from bot.values import RunView
from nlp.terms import terms

LONGEST = 80  # characters of a value; longer ones are compared by their hash
WORDS = 40  # of an intent
NEAR = 2.0  # two numbers within this factor try much the same
NEARLY = 0.6  # what a near number counts for
UNSHARED_WORD = 0.15  # people put the same thought into different words
HABIT = 0.25  # what the author always sets so is not what this run tries
FEWEST_HABIT = 5  # runs that make a habit


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """A run as its settings, its words, its code and its data."""

    run_id: int
    project_id: int
    owner_id: int | None
    started_at: datetime
    state: str = "finished"
    group: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    seeds: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    data: frozenset[str] = frozenset()
    code: str | None = None
    entry: str | None = None

    def repeats(self, other: "Recipe") -> bool:
        """The same settings, script and data, whatever the seed; of the code nothing known that differs."""
        same = (self.settings, self.entry, self.data) == (other.settings, other.entry, other.data)
        return same and bool(self.settings) and (self.code == other.code or None in (self.code, other.code))

    def duplicates(self, other: "Recipe") -> bool:
        """The same to the last thing that is known, seed and code included."""
        return self.repeats(other) and self.seeds == other.seeds

    def certain_duplicate(self, other: "Recipe") -> bool:
        """A duplicate whose code is known to be the same."""
        return self.duplicates(other) and self.code is not None and self.code == other.code


def tokens_of(run: RunView) -> list[str]:
    """A run's recipe as it is stored and found by: `lr=3e-4`, `$seed=1`, `~warmup`, `@code=…`, `@data=…`, `@entry=…`."""
    found = [
        f"{'$' if is_seed(name) else ''}{_name(name)}={_value(value)}"
        for name, value in run.params.items()
        if not HOUSEKEEPING.search(name)
    ]
    found += [f"~{word}" for word in dict.fromkeys(terms(run.intent or ""))][:WORDS]
    found += [f"@data={_plain(each.name)}:{each.fingerprint[:24]}" for each in run.datasets]
    if run.code is not None and run.code.commit:
        edits = hashlib.sha256((run.code.diff or "").encode()).hexdigest()[:8] if run.code.diff else ""
        found.append(f"@code={run.code.commit[:12]}{edits}")
    if entry := entry_of(run):
        found.append(f"@entry={_plain(entry)}")
    return sorted(set(found))


def recipe(tokens: Iterable[str], **known: object) -> Recipe:
    """A stored recipe taken apart."""
    settings: dict[str, str] = {}
    seeds, words, data = set(), set(), set()
    code = entry = None
    for token in tokens:
        name, _, value = token.partition("=")
        if token[0] == "~":
            words.add(token[1:])
        elif token[0] == "$":
            seeds.add(token[1:])
        elif name == "@data":
            data.add(value)
        elif name == "@code":
            code = value
        elif name == "@entry":
            entry = value
        else:
            settings[name] = value
    return Recipe(
        settings=settings, seeds=frozenset(seeds), words=frozenset(words), data=frozenset(data),
        code=code, entry=entry, **known,  # type: ignore[arg-type]  # the columns of its row
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Closeness:
    """How much of what two runs try is the same: a share, and how telling that is."""

    share: float
    weight: float  # of settings and words
    settings_weight: float  # of settings alone: words such as "baseline" are cheap
    settings: Sequence[tuple[str, str, str]]  # what both deviate in: name, this run's value, the other's


class Customs:
    """What runs of a project mostly set and say: what deviates from it is what a run tries."""

    def __init__(self, tokens: Iterable[tuple[str, int, int]], *, runs: int, own: int) -> None:
        """`tokens`: each stored token with how many of the `runs` hold it, and how many of the author's `own`."""
        self._total = runs
        values: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self._words: dict[str, int] = {}
        self._habits: dict[str, str] = {}
        for token, amount, by_author in tokens:
            if token[:1] == "~":
                self._words[token[1:]] = amount
            elif token[:1] not in ("$", "@"):
                name, _, value = token.partition("=")
                values[name].append((amount, value))
                if own >= FEWEST_HABIT and by_author * 2 > own:
                    self._habits[name] = value
        # A setting most runs do not have at all deviates where it stands.
        self._usual: dict[str, str | None] = {}
        self._deviating: dict[str, int] = {}
        for name, counted in values.items():
            absent = runs - sum(amount for amount, _ in counted)
            amount, value = max(counted)
            self._usual[name] = None if absent > amount else value
            self._deviating[name] = runs - max(absent, amount)

    def deviations(self, run: Recipe) -> dict[str, str]:
        """What a run sets otherwise than most; a project's first runs have no customs yet."""
        return {name: value for name, value in run.settings.items() if self._usual.get(name) != value}

    def telling(self, run: Recipe, most: int) -> list[str]:
        """The stored tokens that say most about what a run tries."""
        found = {f"{name}={value}": self._weight(name, value) for name, value in self.deviations(run).items()}
        found |= {f"~{word}": self._word_weight(word) for word in run.words}
        ranked = sorted((token for token, weight in found.items() if weight > 1), key=lambda t: -found[t])
        return ranked[:most]

    def closeness(self, run: Recipe, other: Recipe) -> Closeness:
        """Shared deviations and words against all of them, each by how rare it is here."""
        mine, theirs = self.deviations(run), self.deviations(other)
        shared = total = 0.0
        alike: list[tuple[float, str, str, str]] = []
        for name in {**mine, **theirs}:
            one, two = mine.get(name), theirs.get(name)
            weight = self._weight(name, one or two or "")
            near = _nearness(one, two)
            shared += near * weight
            total += weight
            if near and one is not None and two is not None:
                alike.append((weight, name, one, two))
        by_settings = shared
        for word in run.words | other.words:
            weight = self._word_weight(word)
            both = word in run.words and word in other.words
            shared += weight if both else 0.0
            total += weight if both else UNSHARED_WORD * weight
        alike.sort(reverse=True)
        return Closeness(
            share=shared / total if total else 0.0,
            weight=shared,
            settings_weight=by_settings,
            settings=[(name, one, two) for _, name, one, two in alike],
        )

    def _weight(self, name: str, value: str) -> float:
        """How telling it is to deviate in this setting: nothing where half of all runs do."""
        seldom = math.log((self._total + 1) / (2 * (self._deviating.get(name, 0) + 0.5)))
        habit = HABIT if self._habits.get(name) == value else 1.0
        return max(0.0, seldom) * habit

    def _word_weight(self, word: str) -> float:
        return max(0.0, math.log((self._total + 1) / (4 * (self._words.get(word, 0) + 0.5)))) / 2


def _nearness(one: str | None, two: str | None) -> float:
    """1 for the same, something for numbers of one size, 0 for others."""
    if one is None or two is None:
        return 0.0
    if one == two:
        return 1.0
    try:
        first, second = float(one), float(two)
    except ValueError:
        return 0.0
    if not first or not second or first * second < 0:
        return 0.0
    return NEARLY if max(first / second, second / first) <= NEAR else 0.0


def _value(value: object) -> str:
    """Numbers to three digits, so that 3e-4 and 0.0003001 are one; long values by their hash."""
    known = as_number(value)
    text = setting(value) if known is None or known == int(known) else scientific(known, 3)
    text = _plain(text)
    return text if len(text) <= LONGEST else f"#{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _name(name: str) -> str:
    """A param's name that can be taken for none of the other kinds of token."""
    return _plain(name).lstrip("$~@").replace("=", ":") or "?"


def _plain(text: str) -> str:
    return " ".join(text.replace("\x00", "").split())
