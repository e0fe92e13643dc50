"""From a recording to what was said: finds the voice, lets an engine recognise it, drops what nobody said."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Protocol

from nlp.audio import LONGEST, RATE, Samples, decode
from nlp.silence import Phrase, really_said
from nlp.values import Context, Progress, Transcript, Word
from nlp.vocabulary import prompt_for
from nlp.voice import Span, VoiceDetector

_REST = round(1.5 * RATE)  # shorter is the echo of a last word
_WRITTEN_WITHOUT_SPACES = ("zh", "yue", "ja", "th", "lo", "my", "km")


class Recogniser(Protocol):
    """A Whisper engine: hears passages of at most 30 s; times count from the passage's start."""

    engine: str
    model: str
    passages_at_once: int

    def count_tokens(self, text: str) -> int: ...

    def language(self, samples: Samples) -> str: ...

    def recognise(
        self, passages: Sequence[Samples], *, language: str, prompt: str | None
    ) -> list[list[Phrase]]: ...


class SpeechTranscriber:
    """A `Transcriber` over a recogniser; may be shared by threads, one transcribes at a time."""

    def __init__(self, recogniser: Recogniser, *, limit: float = LONGEST) -> None:
        self._recogniser = recogniser
        self._voice = VoiceDetector()
        self._limit = limit
        self._lock = Lock()

    def transcribe(
        self,
        audio: Path,
        *,
        context: Context | None = None,
        language: str | None = None,
        progress: Progress | None = None,
    ) -> Transcript:
        """What was said in the recording, with times and probabilities."""
        samples = decode(audio, limit=self._limit)
        with self._lock:
            passages = self._voice.passages(samples)
            if passages and language is None:
                language = self._recogniser.language(samples[passages[0].start : passages[0].end])
            prompt = prompt_for(context, self._recogniser.count_tokens)
            heard = self._heard(samples, passages, language or "", prompt, progress or (lambda share: None))
        words = really_said(heard)
        if language not in _WRITTEN_WITHOUT_SPACES:
            words = _whole(words)
        return Transcript(
            text="".join(word.text for word in words).strip(),
            language=language or "",
            duration=len(samples) / RATE,
            words=tuple(replace(word, text=word.text.strip()) for word in words),
            engine=self._recogniser.engine,
            model=self._recogniser.model,
        )

    def _heard(
        self, samples: Samples, passages: list[Span], language: str, prompt: str | None, progress: Progress
    ) -> list[Phrase]:
        heard: list[Phrase] = []
        step = self._recogniser.passages_at_once
        for first in range(0, len(passages), step):
            batch = passages[first : first + step]
            pieces = [samples[passage.start : passage.end] for passage in batch]
            found = self._recogniser.recognise(pieces, language=language, prompt=prompt)
            for passage, phrases in zip(batch, found, strict=True):
                heard += [_moved(phrase, passage.start / RATE) for phrase in phrases]
                if prompt:
                    heard += self._missed(samples, passage, phrases, language)
            progress(batch[-1].end / len(samples))
        progress(1.0)
        return heard

    def _missed(
        self, samples: Samples, passage: Span, phrases: Sequence[Phrase], language: str
    ) -> list[Phrase]:
        """What is said after the last word: with a prompt Whisper now and then stops early; it hears the rest without."""
        ends = [word.end for phrase in phrases for word in phrase.words]
        start = passage.start + round(max(ends, default=0.0) * RATE)
        if not ends or passage.end - start < _REST:
            return []
        rest = [
            Span(start=start + span.start, end=start + span.end)
            for span in self._voice.passages(samples[start : passage.end])
            if span.end - span.start >= _REST
        ]
        heard: list[Phrase] = []
        for span in rest:
            (found,) = self._recogniser.recognise(
                [samples[span.start : span.end]], language=language, prompt=None
            )
            heard += [_moved(phrase, span.start / RATE) for phrase in found]
        return heard


def _whole(pieces: Sequence[Word]) -> list[Word]:
    """Whisper's pieces joined to words: it times "0" and ".1" on their own."""
    words: list[Word] = []
    for piece in pieces:
        if words and not piece.text.startswith(" "):
            before = words.pop()
            piece = replace(
                before,
                text=before.text + piece.text,
                end=piece.end,
                probability=min(before.probability, piece.probability),
            )
        words.append(piece)
    return words


def _moved(phrase: Phrase, seconds: float) -> Phrase:
    """The phrase with its times counted from the start of the recording."""
    return replace(phrase, words=tuple(_later(word, seconds) for word in phrase.words))


def _later(word: Word, seconds: float) -> Word:
    return replace(word, start=round(word.start + seconds, 2), end=round(word.end + seconds, 2))
