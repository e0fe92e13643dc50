"""What a question describes in its own words is found by its name; the stored vectors are those of the list."""

from collections.abc import Sequence

import numpy as np
import pytest
from memory_of_a_team import WordEmbedder

from nlp import thesaurus as stored
from nlp.loader import load_embedder
from nlp.terms import bare
from nlp.thesaurus import Thesaurus, thesaurus
from nlp.values import Vectors


class Counting:
    """The packaged embedder, counting what it is given."""

    def __init__(self) -> None:
        self.texts = 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.texts += len(texts)
        return load_embedder().embed(texts)


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("teaching a small network to imitate a big one", "=distillation"),
        ("switching units off at random while training", "=dropout"),
        ("does each rank keep only a slice of Adam's moments?", "=fsdp"),
        ("the card broke in the middle of the night", "=gpu_failure"),
        ("a gate chooses which specialists work on an input", "=moe"),
    ],
)
@pytest.mark.models
def test_a_description_is_searched_by_its_name(question: str, name: str) -> None:
    embedder = load_embedder()
    weights = thesaurus(embedder).expand(question, embedder.embed([bare(question)])[0])
    assert weights[name] > 1


@pytest.mark.models
def test_the_stored_vectors_are_those_of_the_list() -> None:
    """After a change to the list: `python -m nlp.thesaurus`."""
    counting = Counting()
    made = Thesaurus(counting)
    assert counting.texts == 1
    texts = [text for _, text in stored.described()][::40]
    cosines = np.sum(load_embedder().embed(texts) * made.vectors[::40], axis=1)
    assert cosines.min() > stored.SAME


def test_another_embedder_gets_vectors_of_its_own() -> None:
    embedder = WordEmbedder()
    Thesaurus(embedder)
    assert embedder.embedded > 500


def test_how_people_ask_is_no_part_of_the_meaning() -> None:
    assert bare("has anyone tried label smoothing?") == "label smoothing"
    assert bare("what worked best?") == "what worked best?"
