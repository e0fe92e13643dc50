"""Which way is better: goals from names, the key metric, judgements, and what is only seed noise."""

from dataclasses import replace

import pytest
from sample_runs import BASELINE, WARMED, make_run, metric

from bot.better import fold_seeds, infer_goal, judge, key_of, same_but_seed
from bot.verdicts import ending, standing


@pytest.mark.parametrize(
    ("name", "goal"),
    [
        ("train/loss", "min"),
        ("valLoss", "min"),
        ("word_error_rate", "min"),
        ("val/ppl", "min"),
        ("wer", "min"),
        ("val_acc", "max"),
        ("accuracy@5", "max"),
        ("mAP50", "max"),
        ("macro-f1", "max"),
        ("roc_auc", "max"),
        ("BLEU", "max"),
        ("success_rate", "max"),
        ("lr", None),
        ("learning_rate", None),
        ("loss_scale", None),
        ("grad_norm", None),
        ("epoch", None),
        ("heatmap", None),
        ("", None),
    ],
)
def test_a_goal_is_read_from_the_name(name: str, goal: str | None) -> None:
    assert infer_goal(name) == goal


def test_a_declared_goal_wins_over_the_name() -> None:
    odd = replace(metric("val_acc", 0.9), goal="min")
    run = make_run(1, metrics={"val_acc": odd})
    assert judge(run).goal == "min"
    assert judge(run).value == 0.1


def test_the_key_metric_is_held_out_before_trained_on() -> None:
    names = ("train/acc", "train/loss", "val/loss", "val/acc", "system/cpu_percent", "lr")
    run = make_run(1, metrics={name: metric(name, 0.5) for name in names})
    assert key_of(run) == "val/acc"
    assert key_of(replace(run, key_metric="val/loss")) == "val/loss"
    assert key_of(make_run(1, metrics={})) is None


def test_a_better_run_is_the_new_best_and_told_in_points() -> None:
    judgement = judge(
        WARMED, best=BASELINE, baseline=make_run(30, metrics={"val_acc": metric("val_acc", 0.93)})
    )
    assert judgement.is_new_best
    assert (
        standing(judgement)
        == "val_acc 0.942, +1.2 points on baseline, +0.8 points on the old best #41, new best"
    )


def test_a_worse_run_is_no_new_best() -> None:
    judgement = judge(BASELINE, best=WARMED)
    assert not judgement.is_new_best
    assert standing(judgement) == "val_acc 0.934, −0.8 points on the best #42"


def test_the_first_run_is_not_called_the_best() -> None:
    assert not judge(BASELINE).is_new_best


def test_less_loss_is_said_to_be_better() -> None:
    old = make_run(1, metrics={"loss": metric("loss", 0.35, worst=2)})
    new = make_run(2, params={"lr": 0.1}, metrics={"loss": metric("loss", 0.31, worst=2)})
    assert standing(judge(new, baseline=old)) == "loss 0.31, −0.04 on baseline (better)"


def test_a_gap_inside_the_spread_of_repeats_is_noise() -> None:
    repeats = [
        replace(
            BASELINE,
            id=100 + seed,
            params={**BASELINE.params, "seed": seed},
            metrics={"val_acc": metric("val_acc", value)},
        )
        for seed, value in enumerate((0.930, 0.940))
    ]
    barely = make_run(50, params={"lr": 1e-3}, metrics={"val_acc": metric("val_acc", 0.943)})
    clearly = replace(barely, metrics={"val_acc": metric("val_acc", 0.993)})
    assert "within seed noise of the best #41" in str(
        standing(judge(barely, best=repeats[1], siblings=repeats))
    )
    assert not judge(barely, best=repeats[1], siblings=repeats).is_new_best
    assert judge(clearly, best=repeats[1], siblings=repeats).is_new_best


def test_another_seed_of_the_best_run_is_never_the_new_best() -> None:
    repeat = replace(
        BASELINE, id=99, params={**BASELINE.params, "seed": 7}, metrics={"val_acc": metric("val_acc", 0.99)}
    )
    assert not judge(repeat, best=BASELINE).is_new_best


def test_repeats_are_told_as_mean_and_spread() -> None:
    repeat = replace(
        BASELINE, id=99, params={**BASELINE.params, "seed": 7}, metrics={"val_acc": metric("val_acc", 0.938)}
    )
    assert standing(judge(BASELINE, siblings=[repeat])) == "val_acc 0.934 (0.936 ± 0.003 over 2 runs)"
    same = replace(repeat, metrics={"val_acc": metric("val_acc", 0.934)})
    assert standing(judge(BASELINE, siblings=[same])) == "val_acc 0.934 (0.934 over 2 runs)"


def test_other_data_or_code_make_no_repeat() -> None:
    other_seed = replace(BASELINE, params={**BASELINE.params, "seed": 2, "data.split_seed": 3})
    assert same_but_seed(BASELINE, other_seed)
    assert not same_but_seed(BASELINE, replace(other_seed, datasets=[]))
    assert BASELINE.code is not None
    assert not same_but_seed(BASELINE, replace(other_seed, code=replace(BASELINE.code, commit="ffff")))
    assert not same_but_seed(BASELINE, replace(other_seed, params={**other_seed.params, "lr": 1.0}))
    assert not same_but_seed(replace(BASELINE, params={}), replace(other_seed, params={}))


def test_seeds_fold_in_the_order_they_came() -> None:
    repeat = replace(BASELINE, id=99, params={**BASELINE.params, "seed": 7})
    assert [[run.id for run in group] for group in fold_seeds([BASELINE, WARMED, repeat])] == [[41, 99], [42]]


def test_a_run_without_a_finite_value_is_never_best() -> None:
    nan = float("nan")
    nothing = make_run(9, metrics={"val_acc": replace(metric("val_acc", nan), min=nan, max=nan)})
    assert not judge(nothing, best=BASELINE).is_new_best
    assert judge(nothing, best=BASELINE).against == ()


def test_a_run_that_diverged_says_so() -> None:
    diverged = make_run(9, metrics={"val_acc": metric("val_acc", 0.5, last=float("nan"))})
    assert ending(diverged, judge(diverged)).startswith("vision/9 finished: val_acc 0.5, diverged (last nan)")
