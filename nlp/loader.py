"""The one place that loads heavy models, each when it is first asked for."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from nlp.models import PACKAGED_MINILM, packaged_file, whisper_directory
from nlp.values import Embedder, ModelError, RationaleExtractor, Role, Transcriber

if TYPE_CHECKING:
    from nlp.embedding import MiniLm
    from nlp.rationale import Extractor

Engine = Literal["faster-whisper", "openai-whisper"]
ENGINES = get_args(Engine)
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


def load_words() -> Callable[[str], list[str]]:
    """Text to words as Whisper's own English normaliser writes them: what word errors are counted on."""
    from nlp.openai_whisper_engine import plain_words

    return plain_words


def vectors_only(texts: Sequence[str]) -> list[Role]:
    """The roles that MiniLM and a logistic regression alone would give: what the extractor is compared with."""
    from nlp.training import meaning_alone

    return meaning_alone(texts, _minilm(_THREADS))


@cache
def _minilm(threads: int) -> "MiniLm":
    from nlp.embedding import MiniLm

    return MiniLm(packaged_file(PACKAGED_MINILM).parent, threads=threads)


@cache
def _extractor() -> "Extractor":
    from nlp.rationale import Extractor
    from nlp.sentences import SentenceReader

    return Extractor(_minilm(_THREADS), SentenceReader())
