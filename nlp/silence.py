"""Drops what nobody said: loops, boilerplate from video captions, sounds in brackets, and guesses at noise."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from nlp.values import Word

_CONFIDENT = 0.5  # mean probability of the words
_NOISE = 0.6  # Whisper's own probability that nobody speaks, in its own words a silence above this
_REPEATS = 3  # the same words so often in a row are a loop
_SOUND = re.compile(r"^\W*[\[(*♪][^\])]*[\])*♪]?\W*$")
# What Whisper learned from captions and says when it hears nothing.
_BOILERPLATE = re.compile(
    r"^\W*(?:(?:thank(?:s| you)(?: (?:so|very) much)? for (?:watching|listening|viewing)(?: this)?(?: video)?|"
    r"(?:please |don't forget to |and )*(?:like,? (?:and |comment,? (?:and )?)?)?(?:share,? (?:and )?)?subscribe"
    r"(?: (?:to|for) (?:my|our|the|more|this)(?: \w+)?)?|see you (?:in the )?next (?:video|time|one)|"
    r"(?:sub)?titles? (?:by|provided by|created by)\b.*|.*\bamara\.org\b.*|transcri(?:bed|ption) by\b.*|"
    r"(?:www\.)?\S+\.(?:com|org|tv)|the end|(?:so,? )?we'll be right back|i'll see you (?:in the next (?:video|one)|next time))\W*)+$",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Phrase:
    """A stretch of recognised words; their texts keep the space in front of them."""

    words: tuple[Word, ...]
    silence: float = 0.0  # the engine's probability that nobody speaks here

    @property
    def text(self) -> str:
        """The phrase as Whisper wrote it."""
        return "".join(word.text for word in self.words).strip()

    @property
    def confidence(self) -> float:
        """The mean probability of its words."""
        return sum(word.probability for word in self.words) / max(1, len(self.words))


def really_said(phrases: Iterable[Phrase]) -> list[Word]:
    """The words of the phrases that a person spoke, without loops."""
    return _without_loops([word for phrase in phrases if _is_speech(phrase) for word in phrase.words])


def _is_speech(phrase: Phrase) -> bool:
    text = phrase.text
    if not any(character.isalnum() for character in text) or _SOUND.match(text) or _BOILERPLATE.match(text):
        return False
    return phrase.confidence >= _CONFIDENT or phrase.silence < _NOISE


def _without_loops(words: list[Word]) -> list[Word]:
    """Words said `_REPEATS` times or more in a row, alone or as a group of up to twelve, are kept once."""
    kept: list[Word] = []
    index = 0
    while index < len(words):
        size, times = _loop(words, index)
        kept += words[index : index + size]
        index += size * times
    return kept


def _loop(words: list[Word], start: int) -> tuple[int, int]:
    """How many words at `start` repeat, and how often; (1, 1) where nothing loops."""
    said = [re.sub(r"\W", "", word.text).lower() for word in words[start : start + 200]]
    for size in range(1, 13):
        times = 1
        while said[times * size : (times + 1) * size] == said[:size]:
            times += 1
        # "no no no" and "zero zero zero one" are speech; a loop of single words is longer.
        if times >= (_REPEATS if size > 2 else _REPEATS * 2):
            return size, times
    return 1, 1
