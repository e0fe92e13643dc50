"""The one place that loads heavy models, each when it is first asked for."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from nlp.models import PACKAGED_MINILM, packaged_file, whisper_directory
from nlp.values import Embedder, ModelError, RationaleExtractor, Summarizer, Transcriber

if TYPE_CHECKING:
    from nlp.embedding import MiniLm
    from nlp.rationale import Extractor

ENGINES = ("faster-whisper", "openai-whisper")
_THREADS = 2


def load_transcriber(
    engine: str = "faster-whisper",
    model: str = "base",
    models_dir: Path | None = None,
    threads: int | None = None,
) -> Transcriber:
    """Speech to text by one of `ENGINES` on a packaged model, a local path or a hub name."""
    if engine not in ENGINES:
        raise ModelError(f"No speech engine is called {engine!r}. Use one of: {', '.join(ENGINES)}.")
    from nlp.transcription import SpeechTranscriber

    if engine == "faster-whisper":
        from nlp.faster_whisper_engine import FasterWhisper

        directory = whisper_directory(model, models_dir=models_dir)
        return SpeechTranscriber(FasterWhisper(directory, model=model, threads=threads or _THREADS))

    from nlp.openai_whisper_engine import OpenAIWhisper

    checkpoint = Path(model) if model.endswith(".pt") else whisper_directory(model, models_dir=models_dir)
    return SpeechTranscriber(OpenAIWhisper(checkpoint, model=model, threads=threads or _THREADS))


def load_embedder(threads: int | None = None) -> Embedder:
    """Text to vectors by the packaged MiniLM."""
    return _minilm(threads or _THREADS)


def load_extractor() -> RationaleExtractor:
    """Text to roles and facts."""
    return _extractor()


def load_summarizer() -> Summarizer:
    """Text to a title and one sentence of its own words."""
    from nlp.summary import ExtractiveSummarizer

    return ExtractiveSummarizer(_extractor())


@cache
def _minilm(threads: int) -> "MiniLm":
    from nlp.embedding import MiniLm

    return MiniLm(packaged_file(PACKAGED_MINILM).parent, threads=threads)


@cache
def _extractor() -> "Extractor":
    from nlp.rationale import Extractor
    from nlp.sentences import SentenceReader

    return Extractor(_minilm(_THREADS), SentenceReader())
