"""Finds the run's own name in what Whisper wrote for it: "match size", "Sifar 10", "sparman", "quiet links", "AURLC"."""

import difflib
import re
from collections.abc import Mapping, Sequence, Set
from functools import cache

from nlp.models import PACKAGED_MINILM, beside
from nlp.number_words import words
from nlp.spoken_tokens import Token
from nlp.terms import stem
from nlp.values import ModelError

_SHORTEST = 6  # letters and digits
_SHORTEST_WORD = 4  # letters of a word that is in no dictionary
_SHORTEST_SOUND = 5  # consonants of two words that sound like the name
_NEARLY = 0.82  # difflib's ratio
_RESEMBLES = 0.55  # the same, of the part that was heard wrong
_ALIKE = 0.6  # the same, of what sounds the same
# Words that are never a mishearing: "best loss" is not `test_loss`.
SURE_WORDS = frozenset(
    words(
        "best first last next final new old test train training val validation valid max min top low high lower higher more "
        "less same other better worse good bad and or is was the this that to of at with went from we i it does do did goes "
        "local global micro macro mini inner outer input output source target student teacher actor critic encoder decoder "
        "upper left right start end mid early late value equal patch coder step steps token tokens layer layers group block "
        "kernel window crop image page time peak total raw ema after before "
        "log logs optimum"
    )
)
_FILLED_IN = frozenset(words("and of"))  # what Whisper makes of a syllable inside a name
_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"^kn", "n"), (r"^wr", "r"), (r"igh|eigh", "i"), (r"ph", "f"), (r"ck", "k"), (r"qu?", "kw"), (r"x", "ks"),
        (r"c(?=[eiy])", "s"), (r"c", "k"), (r"z", "s"), (r"(?<=.)[aeiouyhw]|^[aeiou]", ""), (r"(.)\1+", r"\1"),
    )
)  # fmt: skip


class Misheard:
    """Knows the letters of one context's names; `common` are the keys of names everybody uses."""

    def __init__(self, letters: Mapping[str, str], common: Set[str], *, plain: Set[str]) -> None:
        self._letters = letters
        self._common = common
        self._plain = plain
        self._words = {own for own in plain if letters.get(own, "").isalpha()}
        self._alike: dict[tuple[str, int], list[str]] = {}
        self._sounds: dict[str, list[str]] = {}
        self._single: dict[str, list[str]] = {}
        for own in letters:
            self._alike.setdefault((re.sub(r"\D", "", own), len(own)), []).append(own)
            if own.isalpha():
                self._sounds.setdefault(_sound(own), []).append(own)
                self._single.setdefault(_without_doubles(own), []).append(own)

    def name(self, window: Sequence[Token], outside: Set[str]) -> str | None:
        """The name that these words must be: nearly the same letters or sounds, the same digits; none at whose ends
        stands a word of `outside`.
        """
        said = [token.said for token in window if token.text[0].isalnum()]
        heard = "".join(said)
        exact = self._letters.get(heard) if heard.isalpha() else None
        if exact and len(said) == 1 and re.search(r"\d", exact):  # "cifarten"
            return exact
        if said[0] in outside or said[-1] in outside:
            return None
        if len(said) == 1 and heard.isalpha() and (own := self._word(heard, window[0].text)):
            return self._letters[own]
        return self._phrase(said, heard)

    def _phrase(self, said: list[str], heard: str) -> str | None:
        shortest = _SHORTEST if len(said) > 1 or not heard.isalpha() else 2 * _SHORTEST
        if len(heard) < shortest:
            return None
        for best in difflib.get_close_matches(heard, self._near(heard), n=1, cutoff=_NEARLY):
            if self._is_new(best, said, heard) and _resembles(best, said):
                return self._letters[best]
        sound = _sound(heard) if len(said) > 1 and heard.isalpha() else ""
        for best in self._sounds.get(sound, ()) if len(sound) >= _SHORTEST_SOUND else ():
            if _ratio(heard, best) >= _ALIKE and self._is_new(best, said, heard):
                return self._letters[best]
        return None

    def _is_new(self, best: str, said: list[str], heard: str) -> bool:
        """Whether something was heard wrong, and no word that is sure to have been said."""
        changed = {word for word in said if word not in best}
        if len(best) >= 2 * _SHORTEST:  # "Debert of v3 base"
            changed -= _FILLED_IN.intersection(said[1:-1])
        fewer = ("".join(said[:at] + said[at + 1 :]) for at in range(len(said)))  # "precision bf"
        same = {form.rstrip("es") for form in (heard, *fewer)}  # one or several
        new = changed or (len(said) > 1 and len(said[0]) > 3 and said[0] not in self._letters)
        return bool(new) and changed.isdisjoint(SURE_WORDS) and best.rstrip("es") not in same

    def _near(self, heard: str) -> list[str]:
        digits = re.sub(r"\D", "", heard)
        lengths = range(len(heard) - 2, len(heard) + 3)
        return [own for length in lengths for own in self._alike.get((digits, length), ())]

    def _word(self, heard: str, text: str) -> str | None:
        """One word that no dictionary has: "loggloss", "sparman"; "AURLC" with one letter wrong."""
        if heard in self._common or heard in _everyday() or heard.removesuffix("s") in _everyday():
            return None
        doubled = [own for own in self._single.get(_without_doubles(heard), ()) if len(own) < len(heard)]
        if doubled and (heard[0] == heard[1] or len(heard) >= _SHORTEST):
            return doubled[0]
        if len(heard) < _SHORTEST_WORD:
            return None
        single = text[1:].islower()  # one word is a name of one part, "valUC" may be `val_auc`
        near = [own for own in self._near(heard) if own in (self._words if single else self._plain)]
        near = [own for own in near if stem(own) != stem(heard)]
        if text.isupper():
            near = [own for own in near if len(own) == len(heard)]
            off = [own for own in near if sum(a != b for a, b in zip(own, heard, strict=True)) == 1]
            return off[0] if len(off) == 1 else None
        best = difflib.get_close_matches(heard, near, n=1, cutoff=_NEARLY)
        return best[0] if best and heard not in (f"{best[0]}s", f"{best[0]}es") else None


def is_everyday(word: str) -> bool:
    """Whether it is a word that people use of anything."""
    return word.lower() in _everyday()


@cache
def _everyday() -> frozenset[str]:
    """The whole words among MiniLM's pieces: some 20,000 of the most frequent."""
    try:
        pieces = beside(PACKAGED_MINILM, "vocab.txt").read_text(encoding="utf-8").split()
    except ModelError:
        return frozenset()
    return frozenset(piece for piece in pieces if piece.isalpha())


def _resembles(best: str, said: Sequence[str]) -> bool:
    """Whether what was heard wrong is like what it stands for: "glass" for "class", but not "after" for "rate"."""
    rest, wrong = best, ""
    for word in said:
        if word in best:
            rest = rest.replace(word, "", 1)
        elif word not in _FILLED_IN:
            wrong += word
    return not wrong or _ratio(wrong, rest) >= _RESEMBLES


def _ratio(heard: str, own: str) -> float:
    return difflib.SequenceMatcher(None, heard, own).ratio()


def _sound(letters: str) -> str:
    """Its consonants as they are spoken: "quietlinks" and "quietlynx" agree."""
    for pattern, sound in _SOUNDS:
        letters = pattern.sub(sound, letters)
    return letters


def _without_doubles(letters: str) -> str:
    return re.sub(r"(.)\1", r"\1", letters)
