"""Who has tried X? Answered with people, outcomes and quotes; with nobody where nobody has."""

from datetime import timedelta
from typing import Any

import pytest
from memory_of_a_team import NOW, Team, answer
from sqlmodel import Session

from bot import search_index
from bot.answer_messages import answer_message
from bot.sight import Sight, audience_sight, person_sight
from bot.values import Message
from storage.memory import RationaleItem
from storage.tables import CodeVersion, DatasetVersion, Run, RunDataset, Verdict


@pytest.fixture
def team(session: Session) -> Team:
    return Team(session)


def shown(message: Message) -> str:
    texts = [block["text"]["text"] for block in message.blocks if "text" in block]
    return "\n".join(
        [
            message.text,
            *texts,
            *(e["text"] for b in message.blocks if b["type"] == "context" for e in b["elements"]),
        ]
    )


def actions(message: Message) -> list[str]:
    return [
        e["action_id"] for block in message.blocks if block["type"] == "actions" for e in block["elements"]
    ]


def test_people_and_runs_are_counted_and_outcomes_come_from_logged_metrics(
    session: Session, team: Team
) -> None:
    project = team.project("vision")
    ana, ben = team.person("ana"), team.person("ben")
    team.filler(project, ana)
    base = team.run(project, ana, metrics={"val_acc": 0.90})
    up = team.run(project, ana, metrics={"val_acc": 0.93}, parent_id=base.id)
    down = team.run(project, ben, metrics={"val_acc": 0.80}, parent_id=base.id)
    for author, run, words in (
        (ana, up, "Label smoothing 0.1 helped a little."),
        (ben, down, "Label smoothing of 0.3 is far too strong."),
    ):
        note = team.note(project, author, words, run)
        session.add(RationaleItem(note_id=note.id or 0, role="outcome", text=words, start=0, end=len(words),
                                  confidence=0.9))  # fmt: skip
    session.add(Verdict(run_id=up.id or 0, person_id=ana.id or 0, choice="keep", at=NOW))
    session.flush()
    found = answer(session, "who has tried label smoothing?")
    message = answer_message(found)
    assert message.text == "ana and ben tried label smoothing in 2 runs: 1 got better, 1 worse; ana kept one"
    assert "Label smoothing of 0.3 is far too strong." in shown(message)
    assert "kept by ana" in shown(message)


def test_tried_is_said_of_runs_that_had_it(session: Session, team: Team) -> None:
    project = team.project("vision")
    ana, ben, mei, tom = (team.person(name) for name in ("ana", "ben", "mei", "tom"))
    team.filler(project, ana)
    base = team.run(project, ana, metrics={"val_acc": 0.90})
    smooth: dict[str, Any] = {"params": {"label_smoothing": 0.1}, "parent_id": base.id}
    up = team.run(project, ana, metrics={"val_acc": 0.93}, **smooth)
    team.run(project, ben, metrics={"val_acc": 0.92}, **smooth)
    team.run(project, tom, metrics={"val_acc": 0.99}, params={"label_smoothing": 0}, parent_id=base.id)
    done = team.run(project, mei, metrics={"val_acc": 0.80}, parent_id=base.id)
    team.note(project, ana, "Label smoothing 0.1 helped a little.", up)
    said = team.note(project, mei, "Label smoothing of 0.3 made it worse.", done)
    team.note(project, tom, "Has label smoothing ever helped anybody?")
    session.add(RationaleItem(note_id=said.id or 0, role="outcome", text=said.text, start=0, end=len(said.text),
                              confidence=0.9))  # fmt: skip
    session.add(Verdict(run_id=up.id or 0, person_id=ana.id or 0, choice="keep", at=NOW))
    session.flush()
    message = answer_message(answer(session, "who has tried label smoothing?"))
    assert message.text == (
        "3 people tried label smoothing in 3 runs: 2 got better, 1 worse; ana kept one; notes by tom mention it"
    )


@pytest.mark.parametrize(
    "words",
    ["We did not add label smoothing.", "Without label smoothing it works.", "Next: label smoothing?"],
)
def test_what_was_not_done_was_not_tried(session: Session, team: Team, words: str) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.filler(project, ana)
    note = team.note(project, ana, words, team.run(project, ana))
    session.add(RationaleItem(note_id=note.id or 0, role="outcome", text=words, start=0, end=len(words),
                              confidence=0.9))  # fmt: skip
    session.flush()
    message = answer_message(answer(session, "who has tried label smoothing?"))
    assert message.text == "Notes by ana mention label smoothing, on 1 run"


def test_a_longer_name_is_not_its_words(session: Session, team: Team) -> None:
    """Update smoothing is no label smoothing."""
    project, ana = team.project("vision"), team.person("ana")
    team.filler(project, ana)
    team.note(project, ana, "Update smoothing with an EMA of the labels of each batch.")
    assert answer(session, "who has tried label smoothing?").nobody


def test_an_answer_goes_person_by_person(session: Session, team: Team) -> None:
    project, ana, ben = team.project("vision"), team.person("ana"), team.person("ben")
    team.filler(project, ana)
    for number, author in enumerate((ana, ben, ana, ben)):
        team.note(
            project, author, f"Label smoothing at 0.{number} of {'x ' * number}.", team.run(project, author)
        )
    found = answer(session, "who has tried label smoothing?")
    names = [finding.note.author.name for finding in found.found if finding.note.author]
    assert names in (["ana", "ana", "ben", "ben"], ["ben", "ben", "ana", "ana"])
    message = answer_message(found)
    assert sum("· vision" in block["text"]["text"] for block in message.blocks if "text" in block) == 2


def test_an_outcome_is_never_said_without_logged_numbers(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.filler(project, ana)
    team.note(
        project, ana, "Label smoothing made everything much better, we keep it.", team.run(project, ana)
    )
    message = answer_message(answer(session, "who has tried label smoothing?"))
    assert message.text == "Notes by ana mention label smoothing, on 1 run"


def test_nobody_says_where_it_looked_and_marks_neighbours(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.run(project, ana, started_at=NOW - timedelta(days=20))
    team.filler(project, ana)
    found = answer(session, "has anyone used homomorphic encryption of gradients?")
    assert found.nobody
    message = answer_message(found)
    assert message.text == "Nobody in the 1 project you can see, since 3 Nov."
    assert "Not an answer, only what comes nearest:" in shown(message)
    assert "answer_compare" not in actions(message)


def test_nothing_out_of_sight_is_said(session: Session, team: Team) -> None:
    ana, ben = team.person("ana"), team.person("ben")
    secret = team.project("secret", team.channel("secret", ana, private=True))
    team.filler(secret, ana)
    team.note(secret, ana, "Label smoothing won by a mile.", team.run(secret, ana, name="golden-otter"))
    for sight in (person_sight(session, ben, now=NOW), audience_sight(session, "C0NONE", now=NOW)):
        for question in (
            "who tried label smoothing?",
            "golden otter",
            "in secret label smoothing",
            "what has ana tried?",
        ):
            found = answer(session, question, sight)
            said = shown(answer_message(found))
            assert (found.nobody, found.near, found.ranked) == (True, [], [])
            assert "mile" not in said
            assert "golden" not in said
    assert not answer(session, "who tried label smoothing?", person_sight(session, ana, now=NOW)).nobody


def test_missing_and_forbidden_look_the_same(session: Session, team: Team) -> None:
    ana, ben = team.person("ana"), team.person("ben")
    team.channel("open", ben)
    asker = person_sight(session, ben, now=NOW)
    before = answer_message(answer(session, "who tried label smoothing?", asker))
    secret = team.project("secret", team.channel("secret", ana, private=True))
    team.note(secret, ana, "Label smoothing.")
    assert answer_message(answer(session, "who tried label smoothing?", asker)) == before


def test_a_discoverable_project_says_whom_to_ask_and_no_more(session: Session, team: Team) -> None:
    ana, ben = team.person("ana"), team.person("ben")
    hidden = team.project("speech", team.channel("speech", ana, private=True), openness="discoverable")
    team.note(hidden, ana, "Label smoothing 0.1 won.", team.run(hidden, ana))
    said = shown(
        answer_message(answer(session, "who tried label smoothing?", person_sight(session, ben, now=NOW)))
    )
    assert "speech is not open to you; ask ana." in said
    assert "0.1" not in said


def test_conditions_narrow_and_are_repeated(session: Session, team: Team) -> None:
    project, ana, ben = team.project("vision"), team.person("ana"), team.person("ben")
    team.filler(project, ana)
    team.note(project, ana, "Label smoothing 0.1.")
    team.note(project, ben, "Label smoothing 0.2.")
    found = answer(session, "what has ben tried with label smoothing since Monday 2026?")
    assert [f.note.author.name for f in found.found if f.note.author] == ["ben"]
    assert "by ben" in answer_message(found).text


def test_nobody_by_the_condition_shows_who_else_came_near(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.person("ben")
    team.note(project, ana, "Label smoothing 0.1.")
    found = answer(session, "what has ben tried with label smoothing?")
    assert found.nobody
    assert [f.note.author.name for f in found.near if f.note.author] == ["ana"]


def test_a_memo_is_quoted_with_its_time(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.filler(project, ana)
    text = "We started late today. Label smoothing made the loss go down."
    note = team.note(project, ana, text, kind="memo", permalink="https://acme.slack.com/archives/C1/p1")
    start = text.index("Label")
    session.add(RationaleItem(note_id=note.id or 0, role="outcome", text=text[start:], start=start, end=len(text),
                              start_time=72.0, confidence=0.9))  # fmt: skip
    session.flush()
    said = shown(answer_message(answer(session, "who has tried label smoothing?")))
    assert "> Label smoothing made the loss go down. <https://acme.slack.com/archives/C1/p1|🎙️ 1:12>" in said


def test_runs_without_notes_are_found_by_their_own_words(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.filler(project, ana)
    run = team.run(project, ana, params={"lookahead": True}, name="brave-otter")
    private = team.run(project, ana, params={"lookahead": True}, visibility="me")
    found = answer(session, "has anyone used lookahead?", Sight(project_ids=frozenset({project.id or 0})))
    assert [run.id for run in found.silent] == [run.id]
    assert private.id not in [one.id for one in found.runs]
    assert answer_message(found).text == "ana tried lookahead in 1 run"


def test_runs_are_found_by_bounds_alone(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    good = team.run(project, ana, metrics={"val_acc": 0.95}, params={"optimizer.lr": 3e-4})
    team.run(project, ana, metrics={"val_acc": 0.5}, params={"optimizer.lr": 3e-4})
    found = answer(session, "which runs with val_acc above 90% and lr < 1e-3?")
    assert [run.id for run in found.silent] == [good.id]


@pytest.mark.parametrize("marked", [{"tags": ["speech"]}, {"params": {"task": "speech"}}])
def test_a_domain_narrows(session: Session, team: Team, marked: dict[str, Any]) -> None:
    project, ana, ben = team.project("lab"), team.person("ana"), team.person("ben")
    team.filler(project, ana)
    team.note(project, ana, "Label smoothing 0.1.", team.run(project, ana))
    team.note(project, ben, "Label smoothing 0.2.", team.run(project, ben, **marked))
    found = answer(session, "who has tried label smoothing in the speech domain?")
    assert [f.note.author.name for f in found.found if f.note.author] == ["ben"]
    assert answer_message(found).text.endswith("(in the domain speech)")


class Versions:
    """Three runs, each of other code and data, and one that nobody else may see."""

    def __init__(self, session: Session, team: Team) -> None:
        self.team, self.project, self.ana = team, team.project("vision"), team.person("ana")
        team.filler(self.project, self.ana)
        diff = "--- a/train/loss.py\n+++ b/train/loss.py\n@@ -1 +1 @@\n-x\n+y\n"
        rows = [
            ("3fa92b1c0ffee", "warm-start", diff),
            ("3fb00000aaaa1", "main", None),
            ("3fa92b1c0ffee", None, None),
        ]
        self.runs = []
        for place, (commit, branch, changed) in enumerate(rows):
            code = CodeVersion(fingerprint=f"c{place}", commit=commit, branch=branch, diff=changed)
            data = DatasetVersion(
                project_id=self.project.id or 0, name=("Faces", "birds", "secrets")[place],
                fingerprint=f"sha256:{place}beef{place}777", first_seen_at=NOW,
            )  # fmt: skip
            session.add_all([code, data])
            session.flush()
            run = team.run(
                self.project, self.ana, code_id=code.id, visibility="me" if place == 2 else "project"
            )
            session.add(RunDataset(run_id=run.id or 0, dataset_id=data.id or 0))
            session.flush()
            search_index.index_runs(session, [run.id or 0])
            self.runs.append(run.id or 0)


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("which runs are of commit 3fa92b1?", [0]),  # the private one of the same commit stays out
        ("runs of 3fb0000?", [1]),
        ("runs on the dataset faces", [0]),
        ("what ran on 1beef1?", [1]),
        ("who changed loss.py?", [0]),
        ("who changed train/loss.py?", [0]),
        ("who changed model.py?", []),
        ("what ran on the branch warm-start?", [0]),
        ("runs of 3fc00000?", []),
        ("runs on the dataset secrets", []),
    ],
)
def test_runs_are_found_by_code_and_data(
    session: Session, team: Team, question: str, found: list[int]
) -> None:
    versions = Versions(session, team)
    sight = Sight(project_ids=frozenset({versions.project.id or 0}))
    assert [run.id for run in answer(session, question, sight).silent] == [versions.runs[at] for at in found]


def test_notes_are_narrowed_by_code_and_data(session: Session, team: Team) -> None:
    versions = Versions(session, team)
    first, second = (session.get_one(Run, run_id) for run_id in versions.runs[:2])
    kept = team.note(versions.project, versions.ana, "Label smoothing 0.1.", first)
    team.note(versions.project, versions.ana, "Label smoothing 0.2.", second)
    for question in ("who tried label smoothing at 3fa92b1?", "who tried label smoothing on the faces data?"):
        assert [one.note.id for one in answer(session, question).found] == [kept.id]
    asked = answer(session, "who tried label smoothing?")
    assert len(asked.found) == 2


@pytest.mark.parametrize(
    ("question", "numbers", "left_out"),
    [
        ("what worked with label smoothing?", {"better", "silent", "kept"}, 3),
        ("what did not work with label smoothing?", {"worse", "silent", "dropped", "failed"}, 2),
        ("did label smoothing help?", {"better", "worse", "silent", "kept", "dropped", "failed"}, 0),
        ("who kept label smoothing?", {"kept"}, 0),
        ("who dropped label smoothing?", {"dropped"}, 0),
    ],
)
def test_an_outcome_leaves_out_only_what_is_logged_or_tapped_otherwise(
    session: Session, team: Team, question: str, numbers: set[str], left_out: int
) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.filler(project, ana)
    base = team.run(project, ana, metrics={"val_acc": 0.90})
    values: dict[str, dict[str, Any]] = {
        "better": {"metrics": {"val_acc": 0.95}}, "worse": {"metrics": {"val_acc": 0.80}}, "silent": {},
        "kept": {}, "dropped": {"metrics": {"val_acc": 0.96}}, "failed": {"state": "failed"},
    }  # fmt: skip
    for name, one in values.items():
        run = team.run(project, ana, parent_id=base.id, **one)
        team.note(project, ana, f"Label smoothing, the {name} one.", run)
        if choice := {"kept": "keep", "dropped": "drop"}.get(name):
            session.add(Verdict(run_id=run.id or 0, person_id=ana.id or 0, choice=choice, at=NOW))
            session.flush()
    found = answer(session, question)
    assert {one.note.text.split()[-2] for one in found.found} == numbers
    assert found.left_out == left_out
    assert ("Left out: " in shown(answer_message(found))) is (left_out > 0)


def test_more_findings_wait_behind_a_button(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.filler(project, ana)
    for number in range(8):
        team.note(project, ana, f"Label smoothing at 0.{number}.", team.run(project, ana))
    found = answer(session, "who has tried label smoothing?")
    assert actions(answer_message(found)) == [
        "answer_more",
        "answer_compare",
        "answer_ask",
        "answer_good",
        "answer_bad",
    ]
    rest = answer_message(found, first=5)
    assert len([block for block in rest.blocks if block["type"] == "section"]) == 3
    assert "answer_more" not in actions(rest)


@pytest.mark.parametrize(
    "question", ["", "?", "who", "'; DROP TABLE note; --", "\0", "<@U1> & | ! :*", "🎉" * 500, "a" * 5000]
)
def test_any_question_gets_an_answer(session: Session, team: Team, question: str) -> None:
    team.filler(team.project("vision"), team.person("ana"))
    assert answer_message(answer(session, question)).text


def test_words_of_others_are_escaped(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    team.filler(project, ana)
    team.note(
        project,
        ana,
        "Label smoothing <!channel> *now* <https://evil.example|click>",
        team.run(project, ana, name="<@U1>"),
    )
    said = shown(answer_message(answer(session, "who has tried label smoothing?")))
    assert "<!channel>" not in said
    assert "<https://evil" not in said
    assert "<@U1>" not in said
