"""Texts to vectors: all-MiniLM-L6-v2 through transformers, as it is or tuned; texts share lines."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy, deepcopy
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
LINES = range(0, 64, 2)  # word pieces that lines may exceed the longest text by: short ones share a line
AS_MUCH = 500  # word pieces in a line at which attention takes as long as all else
WORDING = 2 * DIMENSIONS

Change = tuple[Vectors, Vectors]
"""What is added to a layer's weights: the product of two thin matrices, shapes (inputs, rank) and (rank, outputs)."""


class MiniLm:
    """An `Embedder`."""

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        logging.disable_progress_bar()  # a worker's log is no terminal
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.model = BertModel.from_pretrained(folder, local_files_only=True).eval()

    def tuned(self, changes: Mapping[str, Change]) -> "MiniLm":
        """The same network with these layers changed, by their names in it; what is not changed is shared."""
        embeddings = self.model.embeddings
        other = copy(self)
        other.model = deepcopy(self.model, {id(embeddings): embeddings})
        with torch.no_grad():
            for name, (inward, outward) in changes.items():
                layer = other.model.get_submodule(name)
                layer.weight += torch.from_numpy(np.ascontiguousarray((inward @ outward).T))
        return other

    def embed(self, texts: Sequence[str]) -> Vectors:
        """What each text is about: the mean over its word pieces at unit length, shape (texts, 384)."""
        means = self.wording(texts)[:, :DIMENSIONS]
        vectors: Vectors = means / np.linalg.norm(means, axis=1, keepdims=True)
        return vectors

    def wording(self, texts: Sequence[str]) -> Vectors:
        """The mean over each text's word pieces beside the state that stands for the whole, shape (texts, 768)."""
        found = np.zeros((len(texts), WORDING), dtype=np.float32)
        for pack in self._packs(texts):
            with torch.inference_mode():
                states = self.model(**pack.inputs).last_hidden_state.flatten(0, 1)
                found[pack.rows] = torch.cat([pack.averages() @ states, states[pack.starts]], dim=1).numpy()
        return found

    def _packs(self, texts: Sequence[str]) -> Iterator["_Pack"]:
        if not texts:
            return
        ids = self.tokenizer(list(texts), truncation=True, max_length=LONGEST)["input_ids"]
        longest_first = sorted(range(len(texts)), key=lambda row: -len(ids[row]))
        for first in range(0, len(texts), BATCH):
            rows = longest_first[first : first + BATCH]
            yield _pack(rows, [ids[row] for row in rows])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pack:
    """Texts side by side in lines of one length, so that little is computed on padding; none attends to a neighbour.

    `rows` says which texts, `sizes` how many pieces each has, `starts` where they begin in the lines laid end to end.
    """

    rows: list[int]
    sizes: list[int]
    starts: list[int]
    inputs: dict[str, torch.Tensor]

    def averages(self) -> torch.Tensor:
        """For each text a row that averages its pieces, shape (texts, places in the lines)."""
        rows = torch.zeros(len(self.rows), self.inputs["input_ids"].numel())
        for row, start, size in zip(rows, self.starts, self.sizes, strict=True):
            row[start : start + size] = 1 / size
        return rows


def _pack(rows: list[int], ids: Sequence[list[int]]) -> _Pack:
    """In lines of the length that costs least: few places stay empty, few pieces are attended to in vain."""
    sizes = [len(pieces) for pieces in ids]
    fits = {length: _fit(sizes, length) for length in (sizes[0] + more for more in LINES)}
    length = min(fits, key=lambda length: length * fits[length][1] * (AS_MUCH + length))
    starts, lines = fits[length]
    words, positions = (torch.zeros(lines * length, dtype=torch.long) for _ in range(2))
    owners = torch.full((lines * length,), -1)
    for number, (start, pieces) in enumerate(zip(starts, ids, strict=True)):
        place = slice(start, start + len(pieces))
        words[place], positions[place], owners[place] = (
            torch.tensor(pieces),
            torch.arange(len(pieces)),
            number,
        )
    owners = owners.view(lines, 1, length)
    inputs = {
        "input_ids": words.view(lines, length),
        "position_ids": positions.view(lines, length),
        "attention_mask": owners.unsqueeze(-1) == owners.unsqueeze(-2),
    }
    return _Pack(rows=rows, sizes=sizes, starts=starts, inputs=inputs)


def _fit(sizes: Sequence[int], length: int) -> tuple[list[int], int]:
    """Where texts begin in lines laid end to end, and how many lines that takes: first fit, the longest first."""
    used: list[int] = []
    starts = []
    for size in sizes:
        line = next((n for n, taken in enumerate(used) if taken + size <= length), len(used))
        if line == len(used):
            used.append(0)
        starts.append(line * length + used[line])
        used[line] += size
    return starts, len(used)
