"""Recognises speech with faster-whisper: int8 on a CPU, float16 on a GPU, several passages at once."""

import logging
from collections.abc import Sequence
from pathlib import Path

import ctranslate2  # type: ignore[import-untyped]
import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.transcribe import Segment

from nlp.audio import RATE, Samples
from nlp.silence import Phrase
from nlp.values import Word

_TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_TOO_REPETITIVE = 2.4  # compression ratio; both limits are Whisper's own
_TOO_UNLIKELY = -1.0  # mean log probability
_FRAMES = 3000  # of the half minute that Whisper hears at once
log = logging.getLogger(__name__)


class FasterWhisper:
    """A `Recogniser` over a directory with a CTranslate2 model."""

    engine = "faster-whisper"

    def __init__(self, directory: Path, *, model: str, threads: int, beam: int = 5) -> None:
        on_gpu = _on_gpu(directory) if ctranslate2.get_cuda_device_count() else None
        self.model = model
        self._beam = beam
        self.passages_at_once = 16 if on_gpu else 4
        self._whisper = on_gpu or WhisperModel(
            str(directory), device="cpu", compute_type="int8", cpu_threads=threads
        )
        self._batched = BatchedInferencePipeline(self._whisper)

    def count_tokens(self, text: str) -> int:
        """How much of the prompt a text takes."""
        return len(self._whisper.hf_tokenizer.encode(text, add_special_tokens=False).ids)

    def language(self, samples: Samples) -> str:
        """The language spoken at the start."""
        if not self._whisper.model.is_multilingual:
            return "en"
        return str(self._whisper.detect_language(samples)[0])

    def recognise(
        self, passages: Sequence[Samples], *, language: str, prompt: str | None
    ) -> list[list[Phrase]]:
        """What is said in each passage; a passage that comes out badly is heard again, alone and with patience."""
        ends = [float(end) for end in np.cumsum([len(passage) for passage in passages]) / RATE]
        starts = [0.0, *ends[:-1]]
        segments, _ = self._batched.transcribe(
            np.concatenate(passages),
            clip_timestamps=[{"start": start, "end": end} for start, end in zip(starts, ends, strict=True)],
            batch_size=len(passages),
            beam_size=self._beam,
            language=self._spoken(language),
            initial_prompt=prompt,
            without_timestamps=True,  # with them Whisper now and then loses the end of a passage
            word_timestamps=True,
        )
        return [
            self._alone(passage, language, prompt) if _came_out_badly(segment) else [_phrase(segment, start)]
            for passage, start, segment in zip(passages, starts, segments, strict=True)
        ]

    def _alone(self, passage: Samples, language: str, prompt: str | None) -> list[Phrase]:
        segments, _ = self._whisper.transcribe(
            passage,
            beam_size=self._beam,
            temperature=_TEMPERATURES,
            language=self._spoken(language),
            initial_prompt=prompt,
            condition_on_previous_text=False,
            without_timestamps=True,
            word_timestamps=True,
        )
        return [_phrase(segment, 0.0) for segment in segments]

    def _spoken(self, language: str) -> str:
        return language if self._whisper.model.is_multilingual else "en"


def _on_gpu(directory: Path) -> WhisperModel | None:
    """The model on the GPU, if it works there: CUDA's libraries may be of another version, its memory full, the card old."""
    try:
        found = WhisperModel(str(directory), device="cuda", compute_type="float16")
        # Only the first use loads CUDA's libraries, so half a minute of silence is read.
        found.encode(np.zeros((found.model.n_mels, _FRAMES), np.float32))
    except (RuntimeError, ValueError) as error:
        log.warning("gpu_not_usable_for_speech", extra={"reason": str(error)})
        return None
    return found


def _came_out_badly(segment: Segment) -> bool:
    return bool(segment.compression_ratio > _TOO_REPETITIVE or segment.avg_logprob < _TOO_UNLIKELY)


def _phrase(segment: Segment, start: float) -> Phrase:
    return Phrase(
        words=tuple(
            Word(
                text=word.word,
                start=float(word.start) - start,
                end=float(word.end) - start,
                probability=float(word.probability),
            )
            for word in segment.words
        ),
        silence=float(segment.no_speech_prob),
    )
