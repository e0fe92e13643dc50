"""The why without a word: which run this one came from, what it changed, and the one question."""

from dataclasses import replace
from datetime import timedelta

from sample_runs import BASELINE, BEN, CRASHED, NOW, WARMED, make_run

from bot.draft import differences, draft, infer_parent
from bot.values import CodeView, DatasetView

LATER = make_run(60, started_at=NOW, ended_at=None)


def test_the_nearest_earlier_run_of_the_same_person_and_script_is_the_parent() -> None:
    near = replace(BASELINE, id=1, params={**BASELINE.params, "lr": 1e-5})
    far = replace(BASELINE, id=2, params={"lr": 1e-4, "warmup": 9, "optimizer": "sgd", "seed": 1})
    chosen = infer_parent(replace(LATER, params={**BASELINE.params, "lr": 1e-4}), [far, near])
    assert chosen is not None
    assert chosen.id == 1


def test_of_equally_near_runs_the_latest_is_the_parent() -> None:
    older = replace(BASELINE, id=1, started_at=NOW - timedelta(days=3))
    newer = replace(BASELINE, id=2, started_at=NOW - timedelta(days=1))
    chosen = infer_parent(LATER, [newer, older])
    assert chosen is not None
    assert chosen.id == 2


def test_a_quick_failure_is_a_parent_only_where_nothing_else_is() -> None:
    crash = replace(
        CRASHED,
        params=LATER.params,
        started_at=NOW - timedelta(minutes=3),
        ended_at=NOW - timedelta(minutes=2),
    )
    works = replace(BASELINE, params={**BASELINE.params, "lr": 1.0})
    chosen = infer_parent(LATER, [crash, works])
    assert chosen is not None
    assert chosen.id == works.id
    assert infer_parent(LATER, [crash]) == crash


def test_nobody_elses_run_no_other_script_and_no_later_run_is_a_parent() -> None:
    assert infer_parent(LATER, [replace(BASELINE, owner=BEN)]) is None
    assert infer_parent(LATER, [replace(BASELINE, entry="evaluate.py")]) is None
    assert infer_parent(LATER, [replace(BASELINE, project="nlp")]) is None
    assert infer_parent(LATER, [replace(BASELINE, started_at=NOW + timedelta(hours=1))]) is None
    assert infer_parent(LATER, [LATER]) is None


def test_a_run_with_little_in_common_has_no_parent() -> None:
    stranger = replace(BASELINE, params={"depth": 3, "trees": 100, "learner": "xgboost"})
    assert infer_parent(LATER, [stranger]) is None


def test_changes_are_told_in_words_what_was_tried_first() -> None:
    before = make_run(1, params={"output_dir": "/a", "seed": 1, "lr": 3e-4, "dropout": 0.1})
    after = make_run(2, params={"output_dir": "/b", "seed": 2, "lr": 1e-4, "mixup": True})
    assert [change.words for change in differences(before, after)] == [
        "lr 3e-4 → 1e-4",
        "dropout removed (was 0.1)",
        "mixup added (true)",
        "output_dir /a → /b",
        "seed 1 → 2",
    ]


def test_an_argument_that_became_the_note_is_no_change() -> None:
    before = make_run(1, params={"notes": "is it too hot?", "lr": 3e-3}, intent="is it too hot?")
    after = make_run(2, params={"notes": None, "lr": 1e-3})
    assert [change.words for change in differences(before, after)] == ["lr 0.003 → 0.001"]
    told = make_run(3, params={"notes": "second thoughts", "lr": 1e-3}, intent="another note")
    assert "notes" in [change.name for change in differences(before=after, after=told)]


def test_a_model_name_is_no_housekeeping() -> None:
    before = make_run(1, params={"log_dir": "/a", "model.name": "resnet18"})
    after = make_run(2, params={"log_dir": "/b", "model.name": "resnet50"})
    assert differences(before, after)[0].words == "model.name resnet18 → resnet50"


def test_code_data_and_libraries_count_as_changes() -> None:
    after = replace(
        BASELINE,
        code=CodeView(commit="8e11d20bbb", dirty=True),
        datasets=[DatasetView(name="digits", fingerprint="bbbb2222", rows=1700, columns=64)],
        libraries={"torch": "2.9.1", "numpy": "2.4.6", "scipy": "1.0"},
        python="3.12.1",
    )
    assert [change.words for change in differences(BASELINE, after)] == [
        "data digits 1,797 rows, 64 columns → 1,700 rows, 64 columns",
        "code 3f2a91c → 8e11d20+",
        "Python 3.11.9 → 3.12.1",
        "torch 2.9.0 → 2.9.1",
    ]


def test_the_same_shape_with_other_content_is_told_by_its_hash() -> None:
    after = replace(BASELINE, datasets=[replace(BASELINE.datasets[0], fingerprint="bbbb2222")])
    words = [change.words for change in differences(BASELINE, after)]
    assert words == ["data digits 1,797 rows, 64 columns (aaaa111) → 1,797 rows, 64 columns (bbbb222)"]


def test_uncommitted_lines_are_counted() -> None:
    assert BASELINE.code is not None
    after = replace(BASELINE, code=replace(BASELINE.code, diff="--- a/t.py\n+++ b/t.py\n-x = 1\n+x = 2\n"))
    assert [change.words for change in differences(BASELINE, after)] == [
        "code as committed → 2 uncommitted lines"
    ]


def test_the_question_names_what_changed() -> None:
    made = draft(WARMED, BASELINE)
    assert made.question == "lr 3e-4 → 1e-4, warmup 0 → 500: why?"
    assert made.hypothesis == "is warmup enough?"
    assert made.outcome == "val_acc 0.942, +0.8 points on #41"


def test_the_question_counts_what_it_leaves_out() -> None:
    after = replace(BASELINE, params={name: f"new {name}" for name in BASELINE.params})
    assert draft(after, BASELINE).question.endswith("and 1 more change: why?")


def test_a_repeat_is_asked_why_again() -> None:
    assert draft(replace(BASELINE, id=2, number=50), BASELINE).question == "The same as #41: why again?"


def test_a_run_without_words_has_its_commit_as_hypothesis() -> None:
    assert draft(BASELINE, None).hypothesis == "Longer warmup"
    assert draft(BASELINE, None).change == ()
