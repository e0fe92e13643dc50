"""Questions that name no matter, leave something out, or are misspelt: answered by what meets them, or said not to be."""

from datetime import timedelta

import pytest
from memory_of_a_team import NOW, Team, answer
from sqlmodel import Session, select

from bot.answer_messages import answer_message
from bot.sight import Sight, person_sight
from nlp.concepts import respelled
from storage.memory import RationaleItem


@pytest.fixture
def team(session: Session) -> Team:
    return Team(session)


def line(session: Session, question: str, asker: Sight | None = None) -> str:
    return answer_message(answer(session, question, asker)).text


def history(team: Team) -> None:
    """Ana's warmup a month ago, her tokenizer and Ben's batch yesterday."""
    vision, speech = team.project("vision"), team.project("speech")
    ana, ben = team.person("ana"), team.person("ben")
    month, day = NOW - timedelta(days=29), NOW - timedelta(days=1)
    base = team.run(vision, ana, metrics={"val_loss": 3.0}, started_at=month)
    old = team.run(
        vision, ana, params={"lr": 1e-3}, metrics={"val_loss": 2.8}, parent_id=base.id, started_at=month
    )
    team.note(vision, ana, "Warmup of 500 steps.", old, said_at=month)
    new = team.run(
        vision, ana, params={"lr": 3e-4}, metrics={"val_loss": 3.1}, parent_id=base.id, started_at=day
    )
    team.note(vision, ana, "Went for the unigram tokenizer.", new, said_at=day)
    bad = team.run(speech, ben, state="failed", started_at=day)
    team.note(speech, ben, "Out of memory at batch 4096.", bad, said_at=day)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("what did ana try?", "Notes by ana on 3 runs: 1 got better, 1 worse"),
        ("what has ana been doing since yesterday", "Notes by ana on 1 run: 1 got worse (since yesterday)"),
        ("what did ana decide since yesterday?", "Notes by ana on 1 run: 1 got worse (since yesterday)"),
        ("how many runs failed last week?", "Notes by ben on 1 run (last week, failed runs)"),
        ("what failed last week?", "Notes by ben and ana on 2 runs: 1 got worse (last week)"),
        ("what worked in vision?", "Notes by ana on 1 run: 1 got better (in vision)"),
        ("who got below 2.9?", "Notes by ana on 1 run: 1 got better (val_loss below 2.9)"),
        ("val_loss < 2.9", "Notes by ana on 1 run: 1 got better (val_loss &lt; 2.9)"),
        ("who trained with lr != 3e-4", "Notes by ana on 1 run: 1 got better (with lr != 3e-4)"),
        ("who used lr != 3e-4", "Notes by ana on 1 run: 1 got better (lr != 3e-4)"),
        ("what worked in speech?", "No run in the 2 projects you can see (in speech) is known to have got better or been kept."),
        ("what did ana try before 2020?", "There is nothing in the 2 projects you can see (before 2020, by ana)."),
        ("what did nobody try yet?", "What about? Name a technique, a person, a project or a time, such as `who tried mixup?`."),
    ],
)  # fmt: skip
def test_a_question_that_names_no_matter_is_answered_by_its_conditions(
    session: Session, team: Team, question: str, told: str
) -> None:
    history(team)
    assert line(session, question) == told


def test_what_is_listed_is_the_newest_first_and_only_what_may_be_seen(session: Session, team: Team) -> None:
    history(team)
    ben = team.person("cem")
    secret = team.project("secret", team.channel("secret", private=True))
    team.note(secret, ben, "Hush.", team.run(secret, ben, name="golden-otter"))
    told = [finding.note.text for finding in answer(session, "what did ana try?").found]
    assert told == ["Went for the unigram tokenizer.", "Warmup of 500 steps."]
    message = answer_message(answer(session, "what happened this year", person_sight(session, ben, now=NOW)))
    assert "Hush" not in str(message)
    assert "golden-otter" not in str(message)
    assert "unigram" in str(message)


def test_decisions_problems_and_next_steps_are_asked_for_by_what_was_read_as_such(
    session: Session, team: Team
) -> None:
    project, ana, ben = team.project("vision"), team.person("ana"), team.person("ben")
    team.filler(project, ana)
    note = team.note(project, ana, "A long day. We keep the unigram tokenizer.", team.run(project, ana))
    other = team.note(project, ben, "Next, a longer ramp. Perhaps we keep it.")
    for about, role, text, sure in (
        (note, "decision", "We keep the unigram tokenizer.", 0.9),
        (other, "next_step", "Next, a longer ramp.", 0.9),
        (other, "decision", "Perhaps we keep it.", 0.3),
    ):
        session.add(
            RationaleItem(note_id=about.id or 0, role=role, text=text, start=0, end=9, confidence=sure)
        )
    session.flush()
    found = answer(session, "any decisions this year?")
    assert answer_message(found).text == "Notes by ana on 1 run (this year, decisions)"
    assert [finding.quote for finding in found.found] == ["We keep the unigram tokenizer."]
    assert line(session, "what are the open next steps?") == "Notes by ben (open next steps)"
    assert line(session, "any problems?") == "There is nothing in the 1 project you can see (problems)."
    step = session.exec(select(RationaleItem).where(RationaleItem.role == "next_step")).one()
    step.closed_at = NOW
    assert line(session, "what are the next steps?").startswith("There is nothing")
    assert answer(session, "any decisions about the tokenizer?").question.role is None


def test_what_is_more_than_is_shown_is_counted_as_a_least_number(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    for number in range(30):
        team.note(project, ana, f"Note {number}.", team.run(project, ana))
    assert line(session, "what did ana try?") == "Notes by ana on at least 20 runs"
    assert "15 more notes." in str(answer_message(answer(session, "what did ana try?")))


def test_what_speaks_of_the_thing_to_leave_out_is_no_answer(session: Session, team: Team) -> None:
    project, ana, ben = team.project("vision"), team.person("ana"), team.person("ben")
    team.filler(project, ana)
    small = team.run(project, ana, params={"mixup": 0.2, "model": "resnet18"})
    large = team.run(project, ben, params={"mixup": 0.2, "model": "resnet50"})
    silent = team.run(project, ben, params={"mixup": 0.4, "model": "resnet50"})
    team.note(project, ana, "Mixup 0.2 is fine.", small)
    team.note(project, ben, "Mixup 0.2 on the large one.", large)
    assert line(session, "who tried mixup?").startswith("ben and ana tried mixup in 3 runs")
    found = answer(session, "who tried mixup but not on resnet50?")
    assert [run.id for run in found.runs] == [small.id]
    assert silent.id not in [run.id for run in found.silent]
    assert answer_message(found).text == "ana tried mixup in 1 run (but not on resnet50)"


def test_who_asks_who_did_not_use_a_thing_is_not_told_who_tried_it(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.filler(project, ana)
    team.note(project, ana, "Weight decay 0.1.", team.run(project, ana, params={"weight_decay": 0.1}))
    assert line(session, "who has tried weight decay?").startswith("ana tried weight decay in 1 run")
    assert line(session, "which weight decay should we use?") == "Notes by ana mention weight decay, on 1 run"
    assert line(session, "who has not used weight decay?") == "Notes by ana mention weight decay, on 1 run"


def test_a_slip_is_read_as_what_was_meant_where_nothing_else_is_found(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.filler(project, ana)
    team.note(project, ana, "Label smoothing 0.1.", team.run(project, ana, name="label-smoothing"))
    assert line(session, "who tried smothing?") == (
        "ana tried smoothing in 1 run (“smothing” read as smoothing)"
    )
    assert line(session, "who tried gradiant clipping?").startswith("Nobody in the 1 project you can see")


@pytest.mark.parametrize(
    "words", ["blockchain", "graphcore", "label smoothing", "kubernetes", "warmups", "lr 3e-4"]
)
def test_what_is_no_slip_stays(words: str) -> None:
    assert respelled(words) is None


def test_cl_is_curriculum_learning(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.filler(project, ana)
    team.note(project, ana, "CL, short ones first.", team.run(project, ana, name="cl-short-first"))
    assert line(session, "who tried curriculum learning?") == "ana tried curriculum learning in 1 run"
