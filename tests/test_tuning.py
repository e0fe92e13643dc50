"""MiniLM tuned on a few sentences: it learns them, the same way each time."""

import numpy as np
import pytest

from nlp.embedding import MiniLm
from nlp.models import PACKAGED_MINILM, packaged_file
from nlp.training import SENTENCES, load_examples
from nlp.tuning import tune
from nlp.values import ROLES

pytestmark = pytest.mark.models


def test_tuning_learns_and_can_be_repeated() -> None:
    examples = load_examples(SENTENCES)
    few = [example for role in ROLES for example in [e for e in examples if e.role == role][:40]]
    texts, roles = [e.text for e in few], [ROLES.index(e.role) for e in few]
    encoder = MiniLm(packaged_file(PACKAGED_MINILM).parent, threads=1)
    plain = encoder.wording(texts)
    tuned = tune(encoder, texts, roles)
    again = tune(encoder, texts, roles)
    assert tuned.changes.keys() == again.changes.keys()
    for name, (inward, outward) in tuned.changes.items():
        np.testing.assert_array_equal(inward, again.changes[name][0])
        np.testing.assert_array_equal(outward, again.changes[name][1])
    np.testing.assert_array_equal(encoder.wording(texts), plain)
    said = (encoder.tuned(tuned.changes).wording(texts) @ tuned.matrix + tuned.bias).argmax(axis=1)
    assert (said == roles).mean() > 0.8
