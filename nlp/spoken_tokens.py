"""Cuts a transcript into words, numbers and signs."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\d+(?:,\d{3})+(?!\d)|\d,\d{2}(?![\d.]\d|\d)|\d+(?:\.\d+)?|[^\W\d_]+(?:['’][a-z]+)?|[^\w\s]|_"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A word, number or sign of a text."""

    text: str
    start: int
    end: int

    @property
    def said(self) -> str:
        """In lower case."""
        return self.text.lower()


def tokens_of(text: str) -> list[Token]:
    """The words, numbers and signs of a text."""
    return [
        Token(text=found.group(), start=found.start(), end=found.end()) for found in _TOKEN.finditer(text)
    ]
