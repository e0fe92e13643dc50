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
LINE = 64  # word pieces: shorter texts share a line
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
        for pack in self._packs(texts):
            with torch.inference_mode():
                states = self._model(**pack.inputs).last_hidden_state
                found[pack.rows] = _pooled(states, pack.averages([[True] * len(each) for each in pack.spans]))
        return found

    def wording(self, texts: Sequence[str], places: Sequence[Sequence[Place]] = ()) -> Wording:
        """How each text is said; `places` name, one sequence after the other, words of every text to look at."""
        looks = 1 + len(places)
        found = np.zeros((looks, len(texts), len(MIDDLE), DIMENSIONS), dtype=np.float32)
        for pack in self._packs(texts):
            chosen = [[[True] * len(each) for each in pack.spans]]
            chosen += [
                [_covered(pieces, place[row]) for row, pieces in zip(pack.rows, pack.spans, strict=True)]
                for place in places
            ]
            with torch.inference_mode():
                states = self._half(**pack.inputs, output_hidden_states=True).hidden_states
                for look, averages in enumerate(map(pack.averages, chosen)):
                    for depth, layer in enumerate(MIDDLE):
                        found[look, pack.rows, depth] = _pooled(states[layer], averages)
        sides = found.reshape(looks, len(texts), len(MIDDLE) * DIMENSIONS)
        return Wording(whole=sides[0], places=tuple(sides[1:]))

    def _packs(self, texts: Sequence[str]) -> Iterator["_Pack"]:
        if not texts:
            return
        read = self._tokenizer(list(texts), truncation=True, max_length=LONGEST, return_offsets_mapping=True)
        ids, spans = read["input_ids"], read["offset_mapping"]
        longest_first = sorted(range(len(texts)), key=lambda row: -len(ids[row]))
        for first in range(0, len(texts), BATCH):
            rows = longest_first[first : first + BATCH]
            yield _pack(rows, [ids[row] for row in rows], [spans[row] for row in rows])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pack:
    """Texts side by side in lines of one length, so that little is computed on padding; none attends to a neighbour.

    `rows` says which texts, `spans` where each of their pieces stands in its text (nowhere: empty), `starts` where they
    begin in the lines laid end to end.
    """

    rows: list[int]
    spans: list[list[Span]]
    starts: list[int]
    inputs: dict[str, torch.Tensor]

    def averages(self, chosen: Sequence[Sequence[bool]]) -> torch.Tensor:
        """For each text a row that averages its chosen pieces, shape (texts, places in the lines)."""
        rows = torch.zeros(len(self.rows), self.inputs["input_ids"].numel())
        for row, start, mask in zip(rows, self.starts, chosen, strict=True):
            row[start : start + len(mask)] = torch.tensor(mask, dtype=row.dtype)
        return rows / rows.sum(dim=1, keepdim=True).clamp(min=1)


def _pack(rows: list[int], ids: Sequence[list[int]], spans: list[list[Span]]) -> _Pack:
    """First fit, the longest first."""
    length = max(LINE, len(ids[0]))
    used: list[int] = []
    starts = []
    for pieces in ids:
        line = next((n for n, taken in enumerate(used) if taken + len(pieces) <= length), len(used))
        if line == len(used):
            used.append(0)
        starts.append(line * length + used[line])
        used[line] += len(pieces)
    words, positions = (torch.zeros(len(used) * length, dtype=torch.long) for _ in range(2))
    owners = torch.full((len(used) * length,), -1)
    for number, (start, pieces) in enumerate(zip(starts, ids, strict=True)):
        place = slice(start, start + len(pieces))
        words[place], positions[place], owners[place] = (
            torch.tensor(pieces),
            torch.arange(len(pieces)),
            number,
        )
    owners = owners.view(len(used), 1, length)
    inputs = {
        "input_ids": words.view(len(used), length),
        "position_ids": positions.view(len(used), length),
        "attention_mask": owners.unsqueeze(-1) == owners.unsqueeze(-2),
    }
    return _Pack(rows=rows, spans=spans, starts=starts, inputs=inputs)


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


def _pooled(states: torch.Tensor, averages: torch.Tensor) -> Vectors:
    """The mean over the chosen pieces of each text, at unit length."""
    vectors: Vectors = torch.nn.functional.normalize(averages @ states.flatten(0, 1), dim=1).numpy()
    return vectors
