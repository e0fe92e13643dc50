"""Texts to vectors: all-MiniLM-L6-v2 through transformers, mean pooling, unit length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """What one pass gives: unit vectors of the meaning, and of how it is said at four depths, side by side."""

    meaning: Vectors
    wording: Vectors


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

    def encode(self, texts: Sequence[str]) -> Encoded:
        """All vectors of each text."""
        found = np.zeros((len(texts), 1 + len(MIDDLE), DIMENSIONS), dtype=np.float32)
        pieces: list[list[int]] = (
            self._tokenizer(list(texts), truncation=True, max_length=LONGEST)["input_ids"] if texts else []
        )
        for rows in _batches([len(ids) for ids in pieces]):
            found[rows] = self._forward([pieces[row] for row in rows])
        return Encoded(
            meaning=found[:, 0], wording=found[:, 1:].reshape(len(texts), len(MIDDLE) * DIMENSIONS)
        )

    def _forward(self, pieces: list[list[int]]) -> Vectors:
        batch = self._tokenizer.pad({"input_ids": pieces}, return_tensors="pt")
        with torch.inference_mode():
            states = self._model(**batch, output_hidden_states=True).hidden_states
            mask = batch["attention_mask"].unsqueeze(-1).to(states[-1].dtype)
            return np.stack([_pooled(states[layer], mask) for layer in (-1, *MIDDLE)], axis=1)


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
