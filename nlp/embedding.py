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
BATCH = 32  # texts
PADDED = 1.5  # a text this much longer than the shortest of its batch begins another
MIDDLE = (2, 3, 4, 5)  # of six layers: the middle ones know how a thing is said, the last what it is about

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
    """An `Embedder`."""

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        logging.disable_progress_bar()  # a worker's log is no terminal
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model = BertModel.from_pretrained(folder, local_files_only=True).eval()
        self._half = _first_layers(self._model, max(MIDDLE))

    def embed(self, texts: Sequence[str]) -> Vectors:
        found = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for rows, batch, _ in self._batches(texts):
            with torch.inference_mode():
                found[rows] = _pooled(self._model(**batch).last_hidden_state, batch["attention_mask"])
        return found

    def wording(self, texts: Sequence[str], places: Sequence[Sequence[Place]] = ()) -> Wording:
        """How each text is said; `places` name, one sequence after the other, words of every text to look at."""
        looks = 1 + len(places)
        found = np.zeros((looks, len(texts), len(MIDDLE), DIMENSIONS), dtype=np.float32)
        for rows, batch, spans in self._batches(texts):
            chosen = [batch["attention_mask"]]
            chosen += [
                torch.tensor([_covered(pieces, place[row]) for row, pieces in zip(rows, spans, strict=True)])
                for place in places
            ]
            with torch.inference_mode():
                states = self._half(**batch, output_hidden_states=True).hidden_states
                for look, mask in enumerate(chosen):
                    for depth, layer in enumerate(MIDDLE):
                        found[look, rows, depth] = _pooled(states[layer], mask)
        sides = found.reshape(looks, len(texts), len(MIDDLE) * DIMENSIONS)
        return Wording(whole=sides[0], places=tuple(sides[1:]))

    def _batches(
        self, texts: Sequence[str]
    ) -> Iterator[tuple[list[int], dict[str, torch.Tensor], list[list[Span]]]]:
        """Rows of `texts`, what the model reads of them, and where each piece stands (nowhere: an empty span)."""
        if not texts:
            return
        read = self._tokenizer(list(texts), truncation=True, max_length=LONGEST, return_offsets_mapping=True)
        ids, spans = read["input_ids"], read["offset_mapping"]
        for rows in _alike([len(each) for each in ids]):
            batch = self._tokenizer.pad({"input_ids": [ids[row] for row in rows]}, return_tensors="pt")
            width = batch["input_ids"].shape[1]
            yield rows, dict(batch), [spans[row] + [(0, 0)] * (width - len(spans[row])) for row in rows]


def _first_layers(model: BertModel, depth: int) -> BertModel:
    """The same network, not deeper than so many layers; the weights are shared."""
    with torch.device("meta"):
        cut = BertModel(model.config, add_pooling_layer=False)
    cut.embeddings, cut.encoder.layer = model.embeddings, model.encoder.layer[:depth]
    return cut.eval()


def _covered(pieces: Sequence[Span], place: Place) -> list[bool]:
    """Which word pieces lie in the spans."""
    return [
        start < end and any(left < end and start < right for left, right in place) for start, end in pieces
    ]


def _alike(lengths: Sequence[int]) -> Iterator[list[int]]:
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
    """The mean over the chosen tokens, at unit length."""
    weights = mask.unsqueeze(-1).to(states.dtype)
    mean = (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
    vectors: Vectors = torch.nn.functional.normalize(mean, dim=1).numpy()
    return vectors
