"""Trains the role classifier on the project's own sentences (`make train`): same data, same bytes."""

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from nlp.classifier import CUTS, VIEWS, Weights, softmax
from nlp.embedding import Change, MiniLm
from nlp.features import CueReader, GramReader, Vocabulary
from nlp.models import PACKAGED_MINILM, packaged_file
from nlp.rationale import CLASSIFIER
from nlp.sentences import SentenceReader
from nlp.tuning import tune
from nlp.values import ROLES, Role, Vectors

SENTENCES = Path(__file__).parent / "data" / "sentences.jsonl"
# Regularisation of each plain view; a view is trained alone, so that the loud do not drown the telling.
STRENGTH = {"cues": 0.02, "words": 2.7, "pieces": 2.7}
FEWEST = {"words": 2, "pieces": 3}  # sentences an n-gram must occur in
_NUMBER: dict[str, int] = {role: number for number, role in enumerate(ROLES)}
COMMONNESS = (
    0.5  # how far a role's share of the sentences counts: fully, the rare ones would be missed too often
)
# Other people are further from our voices than these are from one another: on them the sum is too sure of itself.
DAMPING = 0.9
FOLDS = 5
DIGITS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A labelled sentence of ours; `voice` is the way of speaking it was written in."""

    text: str
    role: str
    voice: str


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Sentences and the cues in them."""

    texts: tuple[str, ...]
    cues: Vectors

    def take(self, rows: npt.NDArray[np.intp]) -> "Seen":
        return Seen(texts=tuple(self.texts[row] for row in rows), cues=self.cues[rows])


def load_examples(path: Path) -> list[Example]:
    """The labelled sentences of a JSONL file."""
    rows = map(json.loads, filter(str.strip, path.read_text(encoding="utf-8").splitlines()))
    return [Example(text=row["text"], role=row["role"], voice=row["voice"]) for row in rows]


def look(texts: Sequence[str], reader: SentenceReader) -> Seen:
    """What can be seen of these sentences without knowing any other."""
    return Seen(texts=tuple(texts), cues=CueReader().read(texts, reader.parse(texts)))


def train(examples: Sequence[Example], seen: Seen, encoder: MiniLm) -> Weights:
    """A classifier for each view, added up with the weights that surprise least on unheard voices."""
    roles = [example.role for example in examples]
    held_out: dict[str, Vectors] = {
        view: np.zeros((len(roles), len(ROLES)), dtype=np.float32) for view in VIEWS
    }
    folds = voice_folds(examples)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        asked = [
            pool.submit(
                _opinion, seen.take(inside), seen.take(outside), [roles[row] for row in outside], encoder
            )
            for inside, outside in folds
        ]
        for (inside, _), answer in zip(folds, asked, strict=True):
            for view, scores in answer.result().items():
                held_out[view][inside] = scores
    shares = np.bincount([_NUMBER[role] for role in roles], minlength=len(ROLES)) / len(roles)
    mixing = _mixing([held_out[view] for view in VIEWS], roles)
    whole = fit(seen, roles, encoder)
    return _mixed(whole, dict(zip(VIEWS, mixing, strict=True)), shares.astype(np.float32))


def _opinion(inside: Seen, outside: Seen, roles: Sequence[str], encoder: MiniLm) -> dict[str, Vectors]:
    """What each view thinks of some sentences, having learnt from the others alone."""
    return view_scores(fit(outside, roles, encoder), inside, encoder)


def voice_folds(examples: Sequence[Example]) -> list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Rows to hold out and rows to learn from: nobody is judged by a classifier that heard their voice."""
    voices = sorted({example.voice for example in examples})
    fold = np.array([voices.index(example.voice) % FOLDS for example in examples])
    return [(np.flatnonzero(fold == number), np.flatnonzero(fold != number)) for number in range(FOLDS)]


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A linear classifier of its own for every view; MiniLM's changes belong to that of the wording."""

    matrices: Mapping[str, Vectors]
    biases: Mapping[str, Vectors]
    vocabularies: Mapping[str, Vocabulary]
    changes: Mapping[str, Change]


def fit(seen: Seen, roles: Sequence[str], encoder: MiniLm) -> Fitted:
    """MiniLM tuned, and a logistic regression on every other view by itself; scaling is folded into the weights."""
    vocabularies = {name: _vocabulary(name, seen.texts) for name in CUTS}
    tuned = tune(encoder, seen.texts, [_NUMBER[role] for role in roles])
    matrices: dict[str, Vectors] = {"wording": tuned.matrix}
    biases: dict[str, Vectors] = {"wording": tuned.bias}
    for view in STRENGTH:
        array = _plain(seen, view, vocabularies)
        model = LogisticRegression(C=STRENGTH[view], max_iter=1000, class_weight="balanced", tol=1e-4)
        centre, spread = np.zeros(array.shape[1]), np.ones(array.shape[1])
        if view == "cues":
            centre, spread = array.mean(axis=0), array.std(axis=0) + 0.2
            array = ((array - centre) / spread).astype(np.float64)
        model.fit(array, roles)
        order = [list(model.classes_).index(role) for role in ROLES]
        matrices[view] = (model.coef_[order] / spread).T
        biases[view] = model.intercept_[order] - centre @ matrices[view]
    return Fitted(matrices=matrices, biases=biases, vocabularies=vocabularies, changes=tuned.changes)


def view_scores(fitted: Fitted, seen: Seen, encoder: MiniLm) -> dict[str, Vectors]:
    """Each view's opinion as log-probabilities."""
    arrays = {view: _plain(seen, view, fitted.vocabularies) for view in STRENGTH}
    arrays["wording"] = encoder.tuned(fitted.changes).wording(seen.texts)
    return {
        view: np.log(softmax(arrays[view] @ fitted.matrices[view] + fitted.biases[view])) for view in VIEWS
    }


def _plain(seen: Seen, view: str, vocabularies: Mapping[str, Vocabulary]) -> csr_matrix | Vectors:
    """What a view other than the wording shows: an array, or for n-grams a sparse one."""
    if view == "cues":
        return seen.cues
    reader = GramReader(vocabularies[view], CUTS[view])
    found = [reader.read(text) for text in seen.texts]
    return csr_matrix(
        (
            np.concatenate([values for _, values in found]).astype(np.float64),
            np.concatenate([np.array(columns, dtype=np.intp) for columns, _ in found]),
            np.cumsum([0, *(len(columns) for columns, _ in found)]),
        ),
        shape=(len(found), len(vocabularies[view].grams)),
    )


def meaning_alone(texts: Sequence[str], encoder: MiniLm) -> list[Role]:
    """The baseline: a logistic regression on nothing but MiniLM's sentence vectors, from the same sentences."""
    examples = load_examples(SENTENCES)
    learnt = encoder.embed([example.text for example in examples])
    model = LogisticRegression(C=10, max_iter=1000, class_weight="balanced")
    model.fit(learnt, [example.role for example in examples])
    return list(model.predict(encoder.embed(texts)))


def _mixing(opinions: Sequence[Vectors], roles: Sequence[str]) -> Vectors:
    """How much each view counts: least log-loss with every role of equal weight; it calibrates as well."""
    truth = np.array([_NUMBER[role] for role in roles])
    rows = np.arange(len(truth))
    share = 1 / np.bincount(truth, minlength=len(ROLES))[truth]
    stacked = np.stack(list(opinions))

    def surprise(mixing: Vectors) -> float:
        chances = softmax(np.tensordot(mixing, stacked, axes=1))
        return float(-(share * np.log(chances[rows, truth] + 1e-12)).sum() / share.sum())

    start = np.full(len(opinions), 1.5 / len(opinions))
    best: Vectors = minimize(surprise, start, method="L-BFGS-B", bounds=[(0, 3)] * len(opinions)).x
    return best.round(2)


def _mixed(fitted: Fitted, mixing: Mapping[str, float], shares: Vectors) -> Weights:
    """One linear layer: the views' sum, and how common each role is (they were trained as if all were equal)."""
    views = {view: DAMPING * fitted.matrices[view] * mixing[view] for view in mixing}
    bias = COMMONNESS * np.log(shares) + sum(fitted.biases[view] * mixing[view] for view in mixing)
    bias = DAMPING * bias
    return Weights(
        views={view: matrix.round(DIGITS).astype(np.float32) for view, matrix in views.items()},
        bias=bias.round(DIGITS).astype(np.float32),
        vocabularies=fitted.vocabularies,
        changes=fitted.changes,
    )


def _vocabulary(name: str, texts: Sequence[str]) -> Vocabulary:
    counts = Counter(gram for text in texts for gram in set(CUTS[name](text)))
    kept = sorted(gram for gram, count in counts.items() if count >= FEWEST[name] and "\n" not in gram)
    rarity = np.array([np.log((1 + len(texts)) / (1 + counts[gram])) + 1 for gram in kept])
    return Vocabulary(grams=tuple(kept), rarity=rarity.round(DIGITS).astype(np.float32))


def main() -> None:
    """Train on the shipped sentences and write the classifier beside them."""
    examples = load_examples(SENTENCES)
    encoder = MiniLm(packaged_file(PACKAGED_MINILM).parent, threads=1)
    seen = look([example.text for example in examples], SentenceReader())
    digest = train(examples, seen, encoder).save(CLASSIFIER)
    sys.stdout.write(f"{len(examples)} sentences: {CLASSIFIER.name} {digest}\n")


if __name__ == "__main__":
    main()
