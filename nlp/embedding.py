"""Texts to vectors: all-MiniLM-L6-v2 in plain torch, its texts laid end to end, so that nothing is computed on padding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch.nn import functional

from nlp.values import Vectors

DIMENSIONS = 384
LONGEST = 256  # word pieces the model was trained to read; what lies beyond is cut
BATCH = 32  # texts
LAYERS = 6
HEADS = 12
MIDDLE = (2, 3, 4, 5)  # of the layers: the middle ones know how a thing is said, the last what it is about
_EPSILON = 1e-12

Span = tuple[int, int]
Place = Sequence[Span]
"""Spans of characters in one text: some of its words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """How texts are said: unit vectors of four depths, side by side; zeros where a place has no words.

    `whole` is over all words, `places` over chosen ones.
    """

    whole: Vectors
    places: tuple[Vectors, ...] = ()


class MiniLm:
    """The `Embedder`: one instance per process, safe to share between threads."""

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(LONGEST)
        weights = load_file(folder / "model.safetensors")
        self._words = weights["embeddings.word_embeddings.weight"]
        self._positions = (
            weights["embeddings.position_embeddings.weight"]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = _pair(weights, "embeddings.LayerNorm")
        self._layers = [_Layer(weights, f"encoder.layer.{number}") for number in range(LAYERS)]

    def embed(self, texts: Sequence[str]) -> Vectors:
        found = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for rows, ids, _ in self._batches(texts):
            with torch.inference_mode():
                everything = _averages([[True] * len(each) for each in ids])
                found[rows] = _pooled(self._states(ids, LAYERS)[-1], everything)
        return found

    def wording(self, texts: Sequence[str], places: Sequence[Sequence[Place]] = ()) -> Wording:
        """How each text is said; `places` name, one sequence after the other, words of every text to look at."""
        looks = 1 + len(places)
        found = np.zeros((looks, len(texts), len(MIDDLE), DIMENSIONS), dtype=np.float32)
        for rows, ids, spans in self._batches(texts):
            chosen = [[[True] * len(each) for each in ids]]
            chosen += [
                [_covered(pieces, place[row]) for row, pieces in zip(rows, spans, strict=True)]
                for place in places
            ]
            with torch.inference_mode():
                states = self._states(ids, max(MIDDLE))
                for look, averages in enumerate(map(_averages, chosen)):
                    for depth, layer in enumerate(MIDDLE):
                        found[look, rows, depth] = _pooled(states[layer], averages)
        sides = found.reshape(looks, len(texts), len(MIDDLE) * DIMENSIONS)
        return Wording(whole=sides[0], places=tuple(sides[1:]))

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], list[list[int]], list[list[Span]]]]:
        """Rows of `texts`, their word pieces, and where each piece stands in its text (nowhere: an empty span)."""
        for first in range(0, len(texts), BATCH):
            read = self._tokenizer.encode_batch(list(texts[first : first + BATCH]))
            rows = list(range(first, first + len(read)))
            yield rows, [each.ids for each in read], [each.offsets for each in read]

    def _states(self, ids: Sequence[Sequence[int]], depth: int) -> list[torch.Tensor]:
        """The hidden states of texts laid end to end, shape (pieces, 384): of the embeddings and of each layer."""
        lengths = [len(each) for each in ids]
        words = self._words[torch.tensor([piece for each in ids for piece in each])]
        states = [
            functional.layer_norm(
                words + torch.cat([self._positions[:length] for length in lengths]),
                (DIMENSIONS,), *self._norm, _EPSILON,
            )
        ]  # fmt: skip
        for layer in self._layers[:depth]:
            states.append(layer(states[-1], lengths))
        return states


_Pair = tuple[torch.Tensor, torch.Tensor]


class _Layer:
    """One layer of BERT."""

    def __init__(self, weights: dict[str, torch.Tensor], name: str) -> None:
        parts = [_pair(weights, f"{name}.attention.self.{part}") for part in ("query", "key", "value")]
        self._heads = (torch.cat([weight for weight, _ in parts]), torch.cat([bias for _, bias in parts]))
        self._joined = _pair(weights, f"{name}.attention.output.dense")
        self._joined_norm = _pair(weights, f"{name}.attention.output.LayerNorm")
        self._wide = _pair(weights, f"{name}.intermediate.dense")
        self._narrow = _pair(weights, f"{name}.output.dense")
        self._norm = _pair(weights, f"{name}.output.LayerNorm")

    def __call__(self, states: torch.Tensor, lengths: Sequence[int]) -> torch.Tensor:
        heads = functional.linear(states, *self._heads).view(len(states), 3, HEADS, -1).permute(1, 2, 0, 3)
        seen = [
            functional.scaled_dot_product_attention(*part.unsqueeze(1)).squeeze(0).transpose(0, 1).flatten(1)
            for part in heads.split(list(lengths), dim=2)
        ]
        joined = functional.linear(torch.cat(seen), *self._joined) + states
        states = functional.layer_norm(joined, (DIMENSIONS,), *self._joined_norm, _EPSILON)
        narrow = functional.linear(functional.gelu(functional.linear(states, *self._wide)), *self._narrow)
        return functional.layer_norm(narrow + states, (DIMENSIONS,), *self._norm, _EPSILON)


def _pair(weights: dict[str, torch.Tensor], name: str) -> _Pair:
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


def _covered(pieces: Sequence[Span], place: Place) -> list[bool]:
    """Which word pieces lie in the spans."""
    return [
        start < end and any(left < end and start < right for left, right in place) for start, end in pieces
    ]


def _averages(chosen: Sequence[Sequence[bool]]) -> torch.Tensor:
    """For each text a row that averages its chosen pieces, of all texts' pieces end to end."""
    ends = list(accumulate(map(len, chosen)))
    rows = torch.zeros(len(chosen), ends[-1])
    for row, end, mask in zip(rows, ends, chosen, strict=True):
        row[end - len(mask) : end] = torch.tensor(mask, dtype=row.dtype)
    return rows / rows.sum(dim=1, keepdim=True).clamp(min=1)


def _pooled(states: torch.Tensor, averages: torch.Tensor) -> Vectors:
    """The mean over the chosen pieces of each text, at unit length."""
    vectors: Vectors = functional.normalize(averages @ states, dim=1).numpy().astype(np.float32)
    return vectors
