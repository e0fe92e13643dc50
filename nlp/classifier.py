"""The role classifier at work: a tuned MiniLM and linear views of a sentence, added up."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nlp.embedding import Change, MiniLm
from nlp.features import CueReader, GramReader, Vocabulary, cue_names, grams, pieces
from nlp.sentences import Token
from nlp.values import ModelError, Vectors

Stored = npt.NDArray[Any]
CUTS = {"words": grams, "pieces": pieces}
VIEWS = ("wording", "cues", *CUTS)


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What training leaves: a matrix for each view (features × roles), a bias, the n-grams it met, MiniLM's changes."""

    views: Mapping[str, Vectors]
    bias: Vectors
    vocabularies: Mapping[str, Vocabulary]
    changes: Mapping[str, Change]

    def save(self, path: Path) -> str:
        """Write the weights; the same weights give the same bytes. Returns their SHA-256."""
        arrays: dict[str, Stored] = {
            f"view_{name}": matrix.astype(np.float16) for name, matrix in self.views.items()
        }
        for name, vocabulary in self.vocabularies.items():
            arrays[f"grams_{name}"] = _bytes(vocabulary.grams)
            arrays[f"rarity_{name}"] = vocabulary.rarity.astype(np.float16)
        for name, (inward, outward) in self.changes.items():
            arrays[f"inward_{name}"] = inward.astype(np.float16)
            arrays[f"outward_{name}"] = outward.astype(np.float16)
        np.savez_compressed(path, allow_pickle=False, bias=self.bias, columns=_bytes(cue_names()), **arrays)
        return hashlib.sha256(path.read_bytes()).hexdigest()


def load_weights(path: Path) -> Weights:
    """The weights in this file, which must have been trained for the features of this version."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            kept = {name: stored[name] for name in stored.files}
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The role classifier {path.name} cannot be read ({error}). Run `make train`."
        ) from error
    if _lines(kept.get("columns", _bytes(()))) != cue_names():
        raise ModelError(f"The role classifier {path.name} was trained for other features. Run `make train`.")
    return Weights(
        views={view: kept[f"view_{view}"].astype(np.float32) for view in VIEWS},
        bias=kept["bias"],
        vocabularies={
            name: Vocabulary(
                grams=_lines(kept[f"grams_{name}"]), rarity=kept[f"rarity_{name}"].astype(np.float32)
            )
            for name in CUTS
        },
        changes={
            name.removeprefix("inward_"): (
                inward.astype(np.float32),
                kept[name.replace("inward_", "outward_", 1)].astype(np.float32),
            )
            for name, inward in kept.items()
            if name.startswith("inward_")
        },
    )


class RoleClassifier:
    """Sentences to the probability of each role."""

    def __init__(self, weights: Weights, encoder: MiniLm) -> None:
        self._weights = weights
        self._encoder = encoder.tuned(weights.changes)
        self._cues = CueReader()
        self._grams = {name: GramReader(weights.vocabularies[name], cut) for name, cut in CUTS.items()}

    def glance(self, texts: Sequence[str], parses: Sequence[tuple[Token, ...]]) -> Vectors:
        """The score of each role without MiniLM, which is worse and far cheaper; shape (sentences, roles)."""
        views = self._weights.views
        scores: Vectors = self._weights.bias + self._cues.read(texts, parses) @ views["cues"]
        for name, reader in self._grams.items():
            # Only the rows that count: a product over the whole vocabulary would wake BLAS's threads, and these
            # go on spinning for a while beside torch's, which then take half as long again.
            for row, text in zip(scores, texts, strict=True):
                columns, values = reader.read(text)
                row += values @ views[name][columns]
        return scores

    def probabilities(self, texts: Sequence[str], glances: Vectors) -> Vectors:
        """One row per sentence, one column per role of `ROLES`, from a glance at them and their wording; rows sum to one."""
        return softmax(glances + self._encoder.wording(texts) @ self._weights.views["wording"])


def softmax(scores: Vectors) -> Vectors:
    """Rows of scores as probabilities."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Vectors = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _bytes(lines: Sequence[str]) -> Stored:
    return np.frombuffer("\n".join(lines).encode(), dtype=np.uint8)


def _lines(stored: Stored) -> tuple[str, ...]:
    return tuple(stored.tobytes().decode().split("\n"))
