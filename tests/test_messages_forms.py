"""The modals for notes, filled in as Slack sends them back."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_runs import BASELINE, MEMO, WARMED

from bot.note_forms import Piece, fact_line, read_fact
from bot.note_messages import (
    edit_modal,
    move_modal,
    note_modal,
    pick_run,
    read_edit,
    read_move,
    read_note,
    read_pick,
)
from bot.values import FactView, NoteView


def sent(
    view: dict[str, Any], change: Callable[[str, str], str | None] = lambda block_id, value: None
) -> dict[str, Any]:
    """A modal as Slack submits it; `change` gives new values for block ids."""
    values: dict[str, Any] = {}
    for block in view["blocks"]:
        if block["type"] != "input":
            continue
        element, block_id = block["element"], block["block_id"]
        if element["type"] == "plain_text_input":
            old = element.get("initial_value", "")
            new = change(block_id, old)
            answer = {"type": "plain_text_input", "value": (old if new is None else new) or None}
        else:
            chosen = element.get("initial_option") or element["options"][0]
            new = change(block_id, chosen["value"])
            answer = {"type": "static_select", "selected_option": chosen if new is None else {"value": new}}
        values[block_id] = {element["action_id"]: answer}
    return {"private_metadata": view["private_metadata"], "state": {"values": values}}


def test_a_form_sent_untouched_changes_nothing() -> None:
    edit = read_edit(sent(edit_modal(MEMO)))
    assert edit.note_id == MEMO.id
    assert edit.text == MEMO.text
    assert [(piece.item_id, piece.role) for piece in edit.pieces] == [
        (1, "hypothesis"),
        (2, "change"),
        (None, "other"),
        (3, "outcome"),
        (4, "decision"),
        (5, "next_step"),
    ]
    assert edit.pieces[3].facts == tuple(MEMO.items[2].facts)


def test_words_roles_and_facts_can_be_corrected() -> None:
    new = {
        "text:3:3:0": "Validation accuracy is now 0.942.",
        "role:2:": "problem",
        "fact:3:3": "metric val_acc: 0.942",
    }
    edit = read_edit(sent(edit_modal(MEMO), lambda block_id, value: new.get(block_id)))
    assert edit.pieces[3].text == "Validation accuracy is now 0.942."
    assert edit.pieces[2] == Piece(item_id=None, role="problem", text="Um.")
    assert edit.pieces[3].facts == (
        FactView(kind="metric", name="val_acc", from_value=None, to_value="0.942"),
    )


def test_an_emptied_sentence_is_dropped_from_the_text() -> None:
    edit = read_edit(sent(edit_modal(MEMO), lambda block_id, value: "" if block_id == "text:2::0" else None))
    assert edit.pieces[2].text == ""
    assert "Um." not in edit.text
    assert "  " not in edit.text


def test_a_transcript_longer_than_an_input_is_kept_whole() -> None:
    sentence = "and then I looked at the loss again " * 250
    edit = read_edit(sent(edit_modal(replace(MEMO, text=sentence, items=[]))))
    assert edit.text == sentence.strip()


def test_a_transcript_of_very_many_sentences_is_kept_whole() -> None:
    text = " ".join(f"Sentence number {place}." for place in range(400))
    view = edit_modal(replace(MEMO, text=text, items=[]))
    assert len(view["blocks"]) <= 100
    assert read_edit(sent(view)).text == text


@settings(max_examples=100, deadline=None)
@given(text=st.text(alphabet="ab .!?\n", max_size=300))
def test_no_word_of_a_note_is_lost_in_the_form(text: str) -> None:
    note: NoteView = replace(MEMO, text=text, items=[])
    assert read_edit(sent(edit_modal(note))).text.split() == text.split()


@pytest.mark.parametrize(
    "fact",
    [
        FactView(kind="param", name="lr", from_value="3e-4", to_value="1e-4"),
        FactView(kind="metric", name="val/acc", from_value=None, to_value="0.942", confirmed=False),
        FactView(kind="param", name="warmup", from_value="0", to_value="500", unit="steps"),
        FactView(kind="technique", name="label smoothing", from_value=None, to_value=None),
    ],
)
def test_a_fact_survives_its_line(fact: FactView) -> None:
    assert read_fact(fact_line(fact)) == fact


def test_what_is_no_fact_is_left_out() -> None:
    assert read_fact("just words") is None
    assert read_fact("") is None


def test_a_note_moves_to_the_chosen_run() -> None:
    view = sent(move_modal(MEMO, [BASELINE, WARMED]), lambda block_id, value: str(WARMED.id))
    assert read_move(view) == (MEMO.id, WARMED.id)


def test_a_note_is_added_by_form() -> None:
    view = sent(note_modal(WARMED), lambda block_id, value: "  the warmup was too short ")
    assert read_note(view) == (WARMED.id, "the warmup was too short")


def test_the_picker_offers_three_runs_and_the_project() -> None:
    buttons = pick_run(MEMO, [BASELINE, WARMED, BASELINE, WARMED]).blocks[1]["elements"]
    assert [read_pick(button["value"]) for button in buttons] == [(7, 41), (7, 42), (7, 41), (7, None)]
