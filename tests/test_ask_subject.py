"""What an answer says of a name asked for: who had it, who only speaks of it; and which sentence is quoted."""

import pytest
from memory_of_a_team import EMBEDDER, Team, answer
from sqlmodel import Session

from bot.answer_messages import answer_message
from nlp.concepts import is_short_for, spelled
from storage.memory import Note, RationaleItem


@pytest.fixture
def team(session: Session) -> Team:
    return Team(session)


def says(
    session: Session, note: Note, *sentences: str, role: str = "outcome", near: str | None = None
) -> None:
    """The note's rationale items; `near` is whose meaning they have."""
    for sentence in sentences:
        vector = EMBEDDER.embed([near or sentence])[0]
        session.add(RationaleItem(note_id=note.id or 0, role=role, text=sentence, start=0, end=len(sentence),
                                  confidence=0.9, vector=vector))  # fmt: skip
    session.flush()


def test_a_run_that_took_it_out_did_not_try_it(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.filler(project, ana)
    run = team.run(project, ana, name="remove-label-smoothing")
    says(session, team.note(project, ana, "Removed label smoothing, it is faster.", run),
         "Removed label smoothing, it is faster.", role="change")  # fmt: skip
    assert answer_message(answer(session, "who has tried label smoothing?")).text == (
        "Notes by ana mention label smoothing, on 1 run"
    )


def test_how_a_run_ended_that_only_meant_to_try_it_is_no_answer(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.filler(project, ana)
    base = team.run(project, ana, metrics={"val_acc": 0.9})
    better = team.run(project, ana, metrics={"val_acc": 0.95}, parent_id=base.id)
    says(session, team.note(project, ana, "Next, I will try label smoothing.", better), "Next, I will try label smoothing.",
         role="next_step")  # fmt: skip
    assert answer_message(answer(session, "who has tried label smoothing?")).text == (
        "Notes by ana mention label smoothing, on 1 run"
    )
    assert answer_message(answer(session, "what about label smoothing?")).text == (
        "Notes by ana mention label smoothing, on 1 run: 1 got better"
    )


def test_what_is_only_compared_with_was_not_tried(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.filler(project, ana)
    note = team.note(project, ana, "Mixup did better than label smoothing.", team.run(project, ana))
    says(session, note, "Mixup did better than label smoothing.")
    assert answer_message(answer(session, "who has tried label smoothing?")).text == (
        "Notes by ana mention label smoothing, on 1 run"
    )


def test_who_asks_for_drop_path_means_no_dropping(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.filler(project, ana)
    team.note(project, ana, "Drop path 0.1.", team.run(project, ana, name="drop-path"))
    assert answer_message(answer(session, "who tried drop path?")).text == "ana tried drop path in 1 run"


def test_a_near_name_is_not_the_name(session: Session, team: Team) -> None:
    """GPTQ is one way to quantize; runs that quantize otherwise did not try it."""
    project, ana, ben = team.project("vision"), team.person("ana"), team.person("ben")
    team.filler(project, ana)
    team.note(project, ana, "GPTQ on the head.", team.run(project, ana, name="gptq-head"))
    team.note(
        project, ben, "Quantization of the head to int6.", team.run(project, ben, name="int6-quantization")
    )
    assert answer_message(answer(session, "who used GPTQ?")).text == "ana tried GPTQ in 1 run"


def test_a_short_form_is_the_name(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.filler(project, ana)
    team.note(project, ana, "MoE layers are slow.", team.run(project, ana, name="moe-layers"))
    assert answer_message(answer(session, "who has tried mixture of experts?")).text == (
        "ana tried mixture of experts in 1 run"
    )


def test_where_a_note_on_a_run_may_tell_of_more_the_count_is_a_least_one(
    session: Session, team: Team
) -> None:
    project = team.project("vision")
    ana, ben = team.person("ana"), team.person("ben")
    team.filler(project, ana)
    team.note(project, ana, "Label smoothing 0.1.", team.run(project, ana, params={"label_smoothing": 0.1}))
    team.note(project, ben, "Something about label smoothing.", team.run(project, ben))
    assert answer_message(answer(session, "who has tried label smoothing?")).text == (
        "ana tried label smoothing in at least 1 run; notes by ben mention it"
    )


def test_many_runs_that_had_it_are_all_counted(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.filler(project, ana)
    for _ in range(30):
        team.run(project, ana, params={"label_smoothing": 0.1})
    message = answer_message(answer(session, "who has tried label smoothing?"))
    assert message.text == "ana tried label smoothing in 30 runs"
    assert "… and 25 more runs" in str(message.blocks)
    assert "run-30 by ana" in str(message.blocks)


def test_a_condition_that_the_line_names_is_not_said_again(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.filler(project, ana)
    team.note(project, ana, "Label smoothing 0.1.", team.run(project, ana, name="label-smoothing"))
    told = answer_message(answer(session, "has ana tried label smoothing in vision?")).text
    assert told == "ana tried label smoothing in 1 run (in vision)"


def test_one_sentence_near_the_question_brings_its_note_forward_and_is_quoted(
    session: Session, team: Team
) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.filler(project, ana)
    question = "did squinting at the picture help?"
    long = "Many other things happened that day. The loss fell once the input was blurred. We had lunch at the usual place."
    note, other = team.note(project, ana, long), team.note(project, ana, "Nothing new.")
    other.vector = EMBEDDER.embed(["squinting at a picture frame"])[0]
    session.flush()
    before = list(answer(session, question).ranked).index(note.id or 0)
    says(session, note, "Many other things happened that day.", near="something else")
    says(session, note, "The loss fell once the input was blurred.", near="squinting at the picture")
    found = answer(session, question)
    assert before > 0
    assert found.ranked[0] == note.id
    [quoted] = [one.quote for one in (*found.found, *found.near) if one.note.id == note.id]
    assert quoted == "The loss fell once the input was blurred."


@pytest.mark.parametrize(
    ("short", "long", "is_one"),
    [("moe", "mixture of experts", True), ("rope", "rotary position embedding", True), ("TTT", "test-time training", True),
     ("ema", "moving average", False), ("gptq", "quantization", False)],
)  # fmt: skip
def test_short_forms_are_made_of_beginnings(short: str, long: str, is_one: bool) -> None:
    assert is_short_for(short, long) is is_one


def test_a_name_is_what_the_question_calls_it() -> None:
    assert spelled("who tried bigram hash embeddings?", "=bigram").words == "bigram hash embeddings"
    assert "bigram" not in spelled("who tried bigram hash embeddings?", "=bigram").same
    assert spelled("who has done test-time training (TTT)?", "=ttt").words == "test-time training"
    assert spelled("has anyone tried Hyperball or MuonH?", "=hyperball").words == "Hyperball or MuonH"
