"""MiniLM against one text alone: the same vectors, whatever the lengths and whoever the neighbours."""

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BertModel

from nlp.embedding import MIDDLE, MiniLm
from nlp.models import PACKAGED_MINILM, packaged_file

pytestmark = pytest.mark.models

TEXTS = [
    "lr 3e-4 → 1e-4",
    "",
    "The loss went down, then up again; we stopped at step 12,000.",
    "naïve 🤷 " * 200,
]


@pytest.fixture(scope="module")
def minilm() -> MiniLm:
    return MiniLm(packaged_file(PACKAGED_MINILM).parent)


def library(text: str) -> list[torch.Tensor]:
    """The hidden states of one text by transformers, for its word pieces alone."""
    folder = packaged_file(PACKAGED_MINILM).parent
    pieces = AutoTokenizer.from_pretrained(folder)(text, truncation=True, max_length=256, return_tensors="pt")
    with torch.inference_mode():
        states = BertModel.from_pretrained(folder).eval()(**pieces, output_hidden_states=True).hidden_states
    return [layer[0] for layer in states]


@pytest.mark.parametrize("row", range(len(TEXTS)))
def test_vectors_are_those_of_each_text_alone(minilm: MiniLm, row: int) -> None:
    states = library(TEXTS[row])
    meaning = torch.nn.functional.normalize(states[-1].mean(dim=0), dim=0).numpy()
    np.testing.assert_allclose(minilm.embed(TEXTS)[row], meaning, atol=1e-5)
    sides = [torch.nn.functional.normalize(states[layer].mean(dim=0), dim=0).numpy() for layer in MIDDLE]
    np.testing.assert_allclose(minilm.wording(TEXTS).whole[row], np.concatenate(sides), atol=1e-5)


def test_a_place_is_its_own_words(minilm: MiniLm) -> None:
    text = "we lowered the rate"
    places = minilm.wording([text, text, text], [[[(3, 10)], [(0, len(text))], []]]).places[0]
    states = library(text)
    # [CLS] we lowered the rate [SEP]
    lowered = torch.nn.functional.normalize(states[MIDDLE[0]][2], dim=0).numpy()
    np.testing.assert_allclose(places[0][: len(lowered)], lowered, atol=1e-5)
    assert not np.allclose(places[0], places[1], atol=1e-2)
    assert not places[2].any()


def test_no_texts_give_no_vectors(minilm: MiniLm) -> None:
    assert minilm.embed([]).shape == (0, 384)
    assert minilm.wording([]).whole.shape == (0, len(MIDDLE) * 384)
