"""Texts to vectors: all-MiniLM-L6-v2 through transformers, mean pooling, unit length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer, BertModel
from transformers.utils import logging

from nlp.values import Vectors

DIMENSIONS = 384
LONGEST = 256  # word pieces the model was trained to read; what lies beyond is cut
BATCH = 32
PADDED = 1.5  # a text this much longer than the shortest of its batch begins another
MIDDLE = (2, 3, 4, 5)  # of six layers: the middle ones know how a thing is said, the last what it is about


Place = Sequence[tuple[int, int]]
"""Spans of characters in one text: some of its words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """What one pass gives: unit vectors of the meaning, and of how it is said at four depths, side by side.

    `places` hold the same as `wording`, of chosen words alone; zeros where a text has none of them.
    """

    meaning: Vectors
    wording: Vectors
    places: tuple[Vectors, ...] = ()


class MiniLm:
    """The `Embedder`: one instance per process, safe to share between threads."""

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        logging.disable_progress_bar()  # a worker's log is no terminal
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model = BertModel.from_pretrained(folder, local_files_only=True)
        self._model.eval()

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self.encode(texts).meaning

    def encode(self, texts: Sequence[str], places: Sequence[Sequence[Place]] = ()) -> Encoded:
        """All vectors of each text; `places` name, one sequence after the other, words of every text to look at."""
        found = np.zeros((len(texts), 1 + (1 + len(places)) * len(MIDDLE), DIMENSIONS), dtype=np.float32)
        read: Any = (
            self._tokenizer(list(texts), truncation=True, max_length=LONGEST, return_offsets_mapping=True)
            if texts
            else {"input_ids": [], "offset_mapping": []}
        )
        pieces: list[list[int]] = read["input_ids"]
        masks = [
            [_covered(read["offset_mapping"][row], place[row]) for place in places]
            for row in range(len(texts))
        ]
        for rows in _batches([len(ids) for ids in pieces]):
            found[rows] = self._forward([pieces[row] for row in rows], [masks[row] for row in rows])
        depths = found[:, 1:].reshape(len(texts), 1 + len(places), len(MIDDLE) * DIMENSIONS)
        return Encoded(
            meaning=found[:, 0],
            wording=depths[:, 0],
            places=tuple(depths[:, 1 + number] for number in range(len(places))),
        )

    def _forward(self, pieces: list[list[int]], masks: list[list[list[bool]]]) -> Vectors:
        batch = self._tokenizer.pad({"input_ids": pieces}, return_tensors="pt")
        with torch.inference_mode():
            states = self._model(**batch, output_hidden_states=True).hidden_states
            everything = batch["attention_mask"]
            chosen = [torch.zeros_like(everything) for _ in masks[0]]
            for row, places in enumerate(masks):
                for place, mask in zip(chosen, places, strict=True):
                    place[row, : len(mask)] = torch.tensor(mask)
            middle = [states[layer] for layer in MIDDLE]
            looks = [(states[-1], everything)]
            looks += [(layer, words) for words in (everything, *chosen) for layer in middle]
            return np.stack(
                [_pooled(layer, words.unsqueeze(-1).to(layer.dtype)) for layer, words in looks], axis=1
            )


def _covered(pieces: Sequence[tuple[int, int]], place: Place) -> list[bool]:
    """Which word pieces lie in the spans."""
    return [
        start < end and any(left < end and start < right for left, right in place) for start, end in pieces
    ]


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows of like length together: computing on padding is what a short note would mostly pay for."""
    rows: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if rows and (len(rows) == BATCH or lengths[row] > lengths[rows[0]] * PADDED + 1):
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows


def _pooled(states: torch.Tensor, mask: torch.Tensor) -> Vectors:
    """The mean over the real tokens, at unit length."""
    mean = (states * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
    vectors: Vectors = torch.nn.functional.normalize(mean, dim=1).numpy().astype(np.float32)
    return vectors
