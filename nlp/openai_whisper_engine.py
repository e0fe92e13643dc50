"""Recognises speech with openai-whisper, the reference, on the same weights as the other engine.

A CTranslate2 `model.bin` maps one to one onto OpenAI's checkpoint, so no second download is needed.
"""

import struct
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import whisper
from whisper.model import ModelDimensions, Whisper
from whisper.normalizers import EnglishTextNormalizer
from whisper.tokenizer import get_tokenizer

from nlp.audio import Samples
from nlp.models import alignment_heads
from nlp.silence import Phrase
from nlp.values import ModelError, Word

_TYPES: Mapping[int, type[np.generic]] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
_FORMAT = 6


class OpenAIWhisper:
    """A `Recogniser` over a directory with a CTranslate2 model, or over one of OpenAI's `.pt` files."""

    engine = "openai-whisper"
    passages_at_once = 1

    def __init__(self, path: Path, *, model: str, threads: int, beam: int = 5) -> None:
        self.model = model
        self._beam = beam
        self._on_gpu = torch.cuda.is_available()
        if not self._on_gpu:
            torch.set_num_threads(threads)
        loaded = network(path) if path.is_dir() else whisper.load_model(str(path), device="cpu")
        self._whisper = loaded.to("cuda" if self._on_gpu else "cpu")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # the library leaves its vocabulary file open
            self._tokenizer = get_tokenizer(loaded.is_multilingual, num_languages=loaded.num_languages)

    def count_tokens(self, text: str) -> int:
        """How much of the prompt a text takes."""
        return len(self._tokenizer.encode(text))

    def language(self, samples: Samples) -> str:
        """The language spoken at the start."""
        if not self._whisper.is_multilingual:
            return "en"
        padded = whisper.pad_or_trim(np.asarray(samples))
        mel = whisper.log_mel_spectrogram(padded, self._whisper.dims.n_mels).to(self._whisper.device)
        _, probabilities = self._whisper.detect_language(mel)
        return str(max(probabilities, key=probabilities.get))

    def recognise(
        self, passages: Sequence[Samples], *, language: str, prompt: str | None
    ) -> list[list[Phrase]]:
        """What is said in each passage."""
        return [self._alone(passage, language, prompt) for passage in passages]

    def _alone(self, passage: Samples, language: str, prompt: str | None) -> list[Phrase]:
        # With timestamps, unlike the other engine: without them this one goes back to the last word and invents an echo.
        found = self._whisper.transcribe(
            np.array(passage),  # torch wants an array that may be written to
            beam_size=self._beam,
            language=language if self._whisper.is_multilingual else "en",
            initial_prompt=prompt,
            condition_on_previous_text=False,
            word_timestamps=True,
            fp16=self._on_gpu,
        )
        return [
            Phrase(
                words=tuple(
                    Word(
                        text=word["word"],
                        start=float(word["start"]),
                        end=float(word["end"]),
                        probability=float(word["probability"]),
                    )
                    for word in segment["words"]
                ),
                silence=float(segment["no_speech_prob"]),
            )
            for segment in found["segments"]
        ]


def plain_words(text: str) -> list[str]:
    """The words of a text after Whisper's own English normaliser."""
    return str(EnglishTextNormalizer()(text)).split()


def network(directory: Path) -> Whisper:
    """OpenAI's network with the weights of a CTranslate2 model."""
    weights = dict(_variables((directory / "model.bin").read_bytes()))
    if any(array.dtype == np.int8 and array.ndim > 1 for array in weights.values()):
        raise ModelError(
            f"{directory} is quantised to 8 bits; openai-whisper needs float16 or float32 weights."
        )
    checkpoint = dict(_checkpoint(weights))
    vocabulary, text_state = checkpoint["decoder.token_embedding.weight"].shape
    audio_context, audio_state = checkpoint["encoder.positional_embedding"].shape
    dimensions = ModelDimensions(
        n_mels=checkpoint["encoder.conv1.weight"].shape[1],
        n_audio_ctx=audio_context,
        n_audio_state=audio_state,
        n_audio_head=int(weights["encoder/num_heads"]),
        n_audio_layer=_layers(weights, "encoder"),
        n_vocab=vocabulary,
        n_text_ctx=checkpoint["decoder.positional_embedding"].shape[0],
        n_text_state=text_state,
        n_text_head=int(weights["decoder/num_heads"]),
        n_text_layer=_layers(weights, "decoder"),
    )
    built = Whisper(dimensions)
    built.load_state_dict(checkpoint)
    heads = torch.zeros(dimensions.n_text_layer, dimensions.n_text_head, dtype=torch.bool)
    for layer, head in alignment_heads(directory):
        heads[layer, head] = True
    if heads.any():
        built.register_buffer("alignment_heads", heads.to_sparse(), persistent=False)
    return built.eval()


def _layers(weights: Mapping[str, np.ndarray], half: str) -> int:
    return len(
        {name.split("/")[1] for name in weights if name.startswith(f"{half}/layer_") and name.count("/") > 2}
    )


_NORMS = {"gamma": "weight", "beta": "bias"}


def _checkpoint(weights: Mapping[str, np.ndarray]) -> Iterator[tuple[str, torch.Tensor]]:
    """OpenAI's names for CTranslate2's variables; fused projections are split again."""
    for name, array in weights.items():
        half, *path = name.split("/")
        tensor = torch.from_numpy(array.astype(np.float32))
        match path:
            case [("conv1" | "conv2") as layer, kind]:
                yield f"{half}.{layer}.{kind}", tensor
            case ["embeddings", "weight"]:
                yield "decoder.token_embedding.weight", tensor
            case ["position_encodings", _]:
                yield f"{half}.positional_embedding", tensor
            case ["layer_norm", kind]:
                yield f"{half}.{'ln' if half == 'decoder' else 'ln_post'}.{_NORMS[kind]}", tensor
            case [block, ("self_attention" | "attention") as part, *rest]:
                prefix = f"{half}.blocks.{block.removeprefix('layer_')}"
                yield from _attention(
                    prefix, "attn" if part == "self_attention" else "cross_attn", rest, tensor
                )
            case [block, "ffn", layer, kind]:
                prefix = f"{half}.blocks.{block.removeprefix('layer_')}"
                target = {"layer_norm": "mlp_ln", "linear_0": "mlp.0", "linear_1": "mlp.2"}[layer]
                yield f"{prefix}.{target}.{_NORMS[kind] if layer == 'layer_norm' else kind}", tensor


def _attention(
    prefix: str, part: str, path: Sequence[str], tensor: torch.Tensor
) -> Iterator[tuple[str, torch.Tensor]]:
    layer, kind = path
    if layer == "layer_norm":
        yield f"{prefix}.{part}_ln.{_NORMS[kind]}", tensor
        return
    projections = {
        ("attn", "linear_0"): ("query", "key", "value"),
        ("attn", "linear_1"): ("out",),
        ("cross_attn", "linear_0"): ("query",),
        ("cross_attn", "linear_1"): ("key", "value"),
        ("cross_attn", "linear_2"): ("out",),
    }[part, layer]
    for projection, piece in zip(projections, tensor.chunk(len(projections)), strict=True):
        if (projection, kind) != ("key", "bias"):  # OpenAI's keys have none; here it is all zeros
            yield f"{prefix}.{part}.{projection}.{kind}", piece.clone()


def _variables(content: bytes) -> Iterator[tuple[str, np.ndarray]]:
    """The named arrays of a CTranslate2 `model.bin`."""
    at = 0

    def number(form: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from(f"<{form}", content, at)
        at += struct.calcsize(form)
        return int(value)

    def text() -> str:
        nonlocal at
        length = number("H")
        at += length
        return content[at - length : at - 1].decode()

    if number("I") != _FORMAT or text() != "WhisperSpec":
        raise ModelError(f"This is no Whisper model of CTranslate2's format {_FORMAT}.")
    number("I")  # the specification's revision
    for _ in range(number("I")):
        name = text()
        shape = tuple(number("I") for _ in range(number("B")))
        kind = _TYPES[number("B")]
        size = number("I")
        array = np.frombuffer(content, kind, size // np.dtype(kind).itemsize, at).reshape(shape)
        at += size
        yield name, array
