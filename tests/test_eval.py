"""The scores that `runlore-bot eval` prints, and the command itself on data of one's own."""

import json
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot import scores
from bot.cli import app
from bot.scores import Judged


def said(*pairs: tuple[str, str], confidence: float = 1.0) -> list[Judged]:
    return [Judged(true=true, said=guess, confidence=confidence) for true, guess in pairs]


def test_a_role_is_scored_by_what_was_found_and_what_was_claimed() -> None:
    judged = said(("change", "change"), ("change", "other"), ("other", "change"), ("other", "other"))
    assert scores.f1(judged, "change") == 0.5
    assert scores.recall(judged, "change") == 0.5
    assert scores.recall(judged, "problem") is None
    assert scores.macro_f1(judged, ("change", "problem")) == 0.25


def test_being_sure_and_wrong_is_a_calibration_error() -> None:
    right, wrong = said(("change", "change")) * 10, said(("change", "other")) * 10
    assert scores.calibration_error(right) == 0.0
    assert scores.calibration_error(wrong) == 1.0
    half = [Judged(true="a", said="a" if n % 2 else "b", confidence=0.5) for n in range(20)]
    assert scores.calibration_error(half) == 0.0


def test_an_interval_holds_the_measure_and_is_the_same_each_time() -> None:
    judged = said(("change", "change"), ("other", "change"), ("other", "other")) * 20
    low, high = scores.interval(judged, lambda part: scores.f1(part, "change"))
    assert low < scores.f1(judged, "change") < high
    assert (low, high) == scores.interval(judged, lambda part: scores.f1(part, "change"))


def test_a_fact_is_right_when_its_value_is_and_its_name_shares_a_word() -> None:
    true = [("val loss", "~3.28"), ("lr", "3e-4")]
    assert scores.fact_hits(true, [("final val_loss", "3.28"), ("learning rate", "3e-4")]) == 1
    assert scores.fact_hits(true, [("lr", "3e-4"), ("lr", "3e-4")]) == 1  # said twice, labelled once
    assert scores.fact_hits([("gap", "-0.7 %")], [("gap", "−0.7  %")]) == 1


def test_wrong_missing_and_invented_words_count_one_each() -> None:
    assert scores.word_errors(["a", "b", "c", "d"], ["a", "x", "c"]) == 2
    assert scores.word_errors([], ["oh", "no"]) == 2


def test_what_is_found_first_counts_most() -> None:
    judged = {"n1": 2, "n2": 1}
    assert scores.ndcg(["n1", "n2"], judged) == 1.0
    assert scores.ndcg(["n2", "n1"], judged) == pytest.approx((1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3)))
    assert scores.found_early(["x", "n1"], judged) == 0.5
    assert scores.reciprocal_rank(["x", "n1"], judged) == 0.5
    assert scores.reciprocal_rank(["x"], judged) == 0.0


def test_a_directory_without_labels_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["eval", "rationale", "--data", str(tmp_path)])
    assert result.exit_code != 0
    assert "no rationale*.jsonl" in str(result.exception)


@pytest.mark.models
def test_notes_of_ones_own_are_scored(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "text": "Lowered the lr from 3e-4 to 1e-4.", "role": "change"},
        {"id": "b", "text": "Next I will try a longer warmup.", "role": "next_step"},
    ]
    rows[0] |= {"facts": [{"name": "lr", "kind": "param", "from": "3e-4", "to": "1e-4"}]}  # type: ignore[dict-item]
    (tmp_path / "rationale_own.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["eval", "rationale", "--data", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "accuracy" in result.output
    assert "Facts: 1 labelled, 1 read, 1 right." in result.output
