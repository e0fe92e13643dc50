"""Finds the voice in a recording (Silero, from the faster-whisper package) and cuts it into passages at its pauses."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime  # type: ignore[import-untyped]

from nlp.audio import RATE, Samples
from nlp.values import ModelError

_WINDOW = 512  # samples: what the model was trained on at 16 kHz
_CONTEXT = 64  # samples of the previous window that it also wants to see
_WINDOWS_AT_ONCE = 1875  # a minute; bounds the memory
_SPEECH, _SILENCE = 0.5, 0.35  # start above the one, end below the other
_PAUSE = int(0.5 * RATE / _WINDOW)  # windows of silence that end a span
_SHORTEST = int(0.2 * RATE / _WINDOW)  # windows: shorter sounds are clicks and breath
_PAD = int(0.3 * RATE)
_LONGEST_PAUSE = 3 * RATE  # inside a passage: Whisper invents words in longer ones
LONGEST_PASSAGE = 28 * RATE  # Whisper hears 30 s at once


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A stretch of samples."""

    start: int
    end: int


class VoiceDetector:
    """Silero's voice activity detector."""

    def __init__(self) -> None:
        spec = find_spec("faster_whisper")
        if spec is None or not spec.submodule_search_locations:
            raise ModelError(
                "The package faster-whisper, which brings the voice detector, is missing: pip install it."
            )
        (model,) = (Path(spec.submodule_search_locations[0]) / "assets").glob("silero_vad*.onnx")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def passages(self, samples: Samples) -> list[Span]:
        """Stretches of at most 28 s that hold all speech, cut at pauses; none where nobody speaks."""
        probabilities = self._probabilities(samples)
        spans = [
            Span(start=max(0, first * _WINDOW - _PAD), end=min(len(samples), last * _WINDOW + _PAD))
            for first, last in _spoken(probabilities)
        ]
        return list(_packed(spans, probabilities))

    def _probabilities(self, samples: Samples) -> npt.NDArray[np.float32]:
        """The probability of speech in each window."""
        state, cell = np.zeros((1, 1, 128), np.float32), np.zeros((1, 1, 128), np.float32)
        before = np.zeros((1, _CONTEXT), np.float32)
        found = []
        step = _WINDOWS_AT_ONCE * _WINDOW
        for start in range(0, len(samples), step):
            piece = samples[start : start + step]
            windows = np.pad(piece, (0, -len(piece) % _WINDOW)).reshape(-1, _WINDOW)
            contexts = np.concatenate([before, windows[:-1, -_CONTEXT:]])
            before = windows[-1:, -_CONTEXT:]
            inputs = {"input": np.concatenate([contexts, windows], axis=1), "h": state, "c": cell}
            probabilities, state, cell = self._session.run(None, inputs)
            found.append(np.asarray(probabilities, np.float32).reshape(-1))
        return np.concatenate(found) if found else np.zeros(0, np.float32)


def _spoken(probabilities: npt.NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """Runs of windows with speech, over short pauses (first, one past the last)."""
    first: int | None = None
    last = 0
    for index, probability in enumerate(probabilities):
        if probability >= (_SPEECH if first is None else _SILENCE):
            first = index if first is None else first
            last = index + 1
        elif first is not None and index - last >= _PAUSE:
            if last - first >= _SHORTEST:
                yield first, last
            first = None
    if first is not None and last - first >= _SHORTEST:
        yield first, last


def _packed(spans: list[Span], probabilities: npt.NDArray[np.float32]) -> Iterator[Span]:
    """Neighbouring spans joined while they fit; a span too long on its own is cut where it is quietest."""
    open_span: Span | None = None
    for span in spans:
        if open_span and _belong_together(open_span, span):
            open_span = Span(start=open_span.start, end=span.end)
            continue
        if open_span:
            yield open_span
        open_span = Span(start=max(span.start, open_span.end if open_span else 0), end=span.end)
        while open_span.end - open_span.start > LONGEST_PASSAGE:
            cut = _quietest(open_span, probabilities)
            yield Span(start=open_span.start, end=cut)
            open_span = Span(start=cut, end=open_span.end)
    if open_span:
        yield open_span


def _belong_together(before: Span, after: Span) -> bool:
    return after.end - before.start <= LONGEST_PASSAGE and after.start - before.end <= _LONGEST_PAUSE


def _quietest(span: Span, probabilities: npt.NDArray[np.float32]) -> int:
    """Where to cut in the second half of the longest passage that fits."""
    first, last = (span.start + LONGEST_PASSAGE // 2) // _WINDOW, (span.start + LONGEST_PASSAGE) // _WINDOW
    around = np.convolve(
        probabilities[first:last], np.ones(7), mode="same"
    )  # a lone quiet window is a consonant
    return (first + int(np.argmin(around))) * _WINDOW + _WINDOW // 2
