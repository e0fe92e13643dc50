"""MiniLM against one text alone: the same vectors, whatever the lengths and whoever the neighbours; tuned or not."""

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BertModel

from nlp.embedding import MiniLm
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


def library(text: str) -> torch.Tensor:
    """The last states of one text by transformers, for its word pieces alone."""
    folder = packaged_file(PACKAGED_MINILM).parent
    pieces = AutoTokenizer.from_pretrained(folder)(text, truncation=True, max_length=256, return_tensors="pt")
    with torch.inference_mode():
        states: torch.Tensor = BertModel.from_pretrained(folder).eval()(**pieces).last_hidden_state[0]
    return states


@pytest.mark.parametrize("row", range(len(TEXTS)))
def test_vectors_are_those_of_each_text_alone(minilm: MiniLm, row: int) -> None:
    states = library(TEXTS[row])
    mean = states.mean(dim=0)
    meaning = torch.nn.functional.normalize(mean, dim=0).numpy()
    np.testing.assert_allclose(minilm.embed(TEXTS)[row], meaning, atol=1e-5)
    np.testing.assert_allclose(minilm.wording(TEXTS)[row], torch.cat([mean, states[0]]).numpy(), atol=1e-5)


def test_a_tuned_network_is_another_and_leaves_the_first_as_it_was(minilm: MiniLm) -> None:
    layer = "encoder.layer.3.output.dense"
    inward = np.full((1536, 1), 0.01, dtype=np.float32)
    outward = np.linspace(-1, 1, 384, dtype=np.float32)[None]
    before = minilm.wording(TEXTS)
    tuned = minilm.tuned({layer: (inward, outward)})
    np.testing.assert_array_equal(minilm.wording(TEXTS), before)
    assert not np.allclose(tuned.wording(TEXTS), before, atol=1e-2)
    weight = minilm.model.get_submodule(layer).weight
    added = tuned.model.get_submodule(layer).weight - weight
    np.testing.assert_allclose(added.detach().numpy(), (inward @ outward).T, atol=1e-6)
    np.testing.assert_array_equal(minilm.tuned({}).wording(TEXTS), before)


def test_no_texts_give_no_vectors(minilm: MiniLm) -> None:
    assert minilm.embed([]).shape == (0, 384)
    assert minilm.wording([]).shape == (0, 768)
