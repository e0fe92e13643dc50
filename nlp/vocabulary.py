"""Tells Whisper the run's own words as people say them, within what its prompt can hold."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, zip_longest

from nlp.values import Context

PROMPT_TOKENS = 200  # Whisper keeps 223 tokens of prompt and silently drops the *first* ones beyond that
_STYLE = "Learning rate 3e-4, 82.5%, loss 0.31."  # numbers are then written so; said where nobody spoke: never (measured)
_JOINTS = re.compile(r"[\s_/.-]+")
_LONGEST = 40  # characters: longer values are paths and sentences


def prompt_for(context: Context | None, count_tokens: Callable[[str], int]) -> str | None:
    """A prompt naming the words of the context; None without any.

    Names are given as words: with "val_loss" there Whisper writes all it hears so, "val.0.3" and "rmse2.03".
    """
    if context is None:
        return None
    chosen: list[str] = []
    for word in dict.fromkeys(_words(context)):
        if count_tokens(_sentence([*chosen, word])) > PROMPT_TOKENS:
            break
        chosen.append(word)
    return _sentence(chosen) if chosen else None


def _sentence(words: Sequence[str]) -> str:
    return f"{_STYLE} Glossary: {', '.join(words)}."


def _words(context: Context) -> Iterator[str]:
    """A word of each kind in turn, so that a thousand params leave room for the rest."""
    values = [value for value in context.params.values() if isinstance(value, str) and len(value) <= _LONGEST]
    kinds = (
        context.words,
        context.params,
        context.metrics,
        values,
        context.datasets,
        context.people,
        context.runs,
    )
    in_turn = chain.from_iterable(zip_longest(*kinds))
    spoken = (_JOINTS.sub(" ", word).strip() for word in in_turn if word is not None)
    return (word for word in spoken if word)
