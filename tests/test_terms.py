"""Engineers' text is cut into terms that meet whatever way somebody writes them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.concepts import concepts
from nlp.terms import Asked, asked, query_terms, sentences, stem, terms


@pytest.mark.parametrize("name", ["fp8", "lm_head", "val_bpb", "h100", "resnet50", "x0", "0.0003"])
def test_a_name_stays_one_term(name: str) -> None:
    assert name in terms(f"we saw {name} there")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lr", "learning rate"),
        ("bs 64", "batch size 64"),
        ("wd", "weight-decay"),
        ("MoE", "mixture of experts"),
        ("val_acc", "accuracy"),
        ("SWA", "weight averaging"),
    ],
)
def test_abbreviation_and_words_meet_in_one_term(one: str, other: str) -> None:
    shared = set(terms(one)) & set(terms(other))
    assert any(term.startswith("=") for term in shared)


@pytest.mark.parametrize("written", ["3e-4", "0.0003", "3E-4", "+3e-4"])
def test_a_number_is_one_term_however_it_is_written(written: str) -> None:
    assert "0.0003" in terms(f"with lr {written}, then")


def test_names_are_found_by_their_parts() -> None:
    assert {"leakyrelu", "leaky"} <= set(terms("LeakyReLU"))
    assert {"muon_lr", "muon", "lr"} <= set(terms("muon_lr"))
    assert {"batch", "siz"} <= set(terms("batch-size"))
    assert {"optimiz", "beta"} <= set(terms("optimizer.beta"))


@pytest.mark.parametrize(
    "family",
    [
        ["normalize", "normalise", "normalizing", "normalised", "normalization", "normalisation"],
        ["schedule", "schedules", "scheduled"],
        ["predict", "predicting", "prediction", "predictions"],
        ["averaging", "averaged", "average"],
        ["clip", "clipping", "clipped"],
        ["freeze", "freezes", "freezing"],
        ["initialization", "initialise", "initializing"],
    ],
)
def test_forms_of_a_word_share_a_stem(family: list[str]) -> None:
    assert len({stem(word) for word in family}) == 1


@pytest.mark.parametrize("word", ["loss", "bias", "gas", "bus", "analysis", "fp8", "é"])
def test_short_and_foreign_words_are_left_alone(word: str) -> None:
    assert stem(word).startswith(word[:3])


def test_a_question_is_about_its_topic_not_about_asking() -> None:
    asked = query_terms("has anybody tried whether dropout helped us?")
    assert "dropout" in asked
    assert not {"try", "tried", "help", "anybody", "us"} & set(asked)


def test_a_question_of_stop_words_keeps_what_it_has() -> None:
    assert query_terms("what worked best?") == ["work", "best"]


def test_plurals_of_hardware_lose_their_s() -> None:
    assert "h100" in terms("eight H100s")


def test_sentences_keep_scraps_with_what_they_introduce() -> None:
    assert sentences("Result: Slightly worse. Reverted the change to the optimizer today.\nNext.") == [
        "Result: Slightly worse. Reverted the change to the optimizer today. Next."
    ]
    long = "The first sentence is long enough to stand. The second sentence is long enough as well."
    assert len(sentences(long)) == 2


@given(st.text(max_size=400))
def test_any_text_gives_terms_without_spaces_or_capitals(text: str) -> None:
    for term in terms(text):
        assert term.strip()
        assert " " not in term


def test_every_concept_has_a_name_of_its_own_and_a_description() -> None:
    names = [concept.name for concept in concepts()]
    assert len(names) == len(set(names))
    assert all(concept.descriptions for concept in concepts())


def test_terms_are_fast() -> None:
    text = "Raised the learning rate of lm_head to 3e-4 and val_bpb fell; LeakyReLU did not help. " * 10
    terms(text)
    started = time.process_time()
    for _ in range(100):
        terms(text)
    assert time.process_time() - started < 1.0  # 100 notes of 850 characters; import needs 300 a second


def test_a_question_is_read_name_by_name() -> None:
    assert asked("who has tried label smoothing?") == (Asked("=label_smoothing", named=True),)
    assert asked("has anyone tried MuonH?") == (Asked("=hyperball", named=True),)
    assert asked("did zebra stripes help?") == (Asked("zebra", named=False), Asked("strip", named=False))


@pytest.mark.parametrize(("said", "same"), [("ResNet-18", "resnet18"), ("fp-8", "fp8"), ("GPT-2", "gpt2")])
def test_a_name_and_its_size_are_one_with_and_without_a_hyphen(said: str, same: str) -> None:
    assert terms(said) == terms(same)
    assert asked(f"who used {said}?") == asked(f"who used {same}?")


def test_a_date_or_a_numbered_part_is_no_size() -> None:
    assert terms("2026-05-05") == ["2026", "5", "5"]
    assert terms("lr-1e-3")[-1] == "0.001"
    assert "exp2" not in terms("exp-2-a")
