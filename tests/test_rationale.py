"""The real reading of notes: roles with their quotes, facts linked to the run, nothing invented."""

import pytest

from nlp.loader import load_extractor
from nlp.values import Context, RationaleExtractor

pytestmark = pytest.mark.models

NOTE = (
    "I lowered the lr from 3e-3 to 1e-3 because the loss was bouncing around. It worked, val_acc went up to 97.2%. "
    "So we keep the smaller lr. Next, I will try label smoothing of 0.1."
)
OWN = Context(params={"lr": 1e-3}, metrics={"val_acc": 0.972})


@pytest.fixture(scope="module")
def extractor() -> RationaleExtractor:
    return load_extractor()


def test_a_note_is_read_into_change_outcome_decision_and_next_step(extractor: RationaleExtractor) -> None:
    roles = [item.role for item in extractor.read(NOTE, context=OWN).items]
    assert {"change", "outcome", "decision", "next_step"} <= set(roles)


def test_every_item_quotes_the_note_at_its_span(extractor: RationaleExtractor) -> None:
    reading = extractor.read(NOTE, context=OWN)
    assert reading.items
    for item in reading.items:
        assert NOTE[item.start : item.end] == item.text
        assert 0 <= item.confidence <= 1
    assert len(reading.title) <= 80


def test_facts_carry_what_was_said_and_are_checked_against_the_log(extractor: RationaleExtractor) -> None:
    facts = {fact.name: fact for fact in extractor.read(NOTE, context=OWN).facts}
    assert (facts["lr"].from_value, facts["lr"].to, facts["lr"].linked) == ("3e-3", "1e-3", True)
    assert facts["val_acc"].to == "97.2%"
    assert facts["val_acc"].matches_log is True
    wrong = extractor.read("lr from 3e-3 to 5e-2", context=OWN).facts
    assert [fact.matches_log for fact in wrong if fact.name == "lr"] == [False]


@pytest.mark.parametrize("text", ["", "   ", "```\n\n```", "?!", "\U0001f937", "a" * 5000])
def test_anything_can_be_read(extractor: RationaleExtractor, text: str) -> None:
    reading = extractor.read(text)
    assert all(text[item.start : item.end] == item.text for item in reading.items)
