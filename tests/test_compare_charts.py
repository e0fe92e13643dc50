"""Pictures and importance: PNG whatever the numbers, the Pareto front, rank correlation."""

from dataclasses import replace
from math import inf, nan

import pytest
from sample_runs import BASELINE, WARMED, curve, make_run, metric

from bot.charts import curves, pareto, pareto_front, scatter
from bot.importance import importances, ranks, spearman
from bot.sweep_messages import sweep

PNG = b"\x89PNG\r\n\x1a\n"
SWEEP = [
    make_run(
        60 + place,
        params={"lr": 10.0**-place, "width": 8, "seed": place},
        metrics={
            "val_acc": metric("val_acc", 0.9 + place / 100),
            "loss": metric("loss", 0.5 - place / 100, worst=2),
        },
    )
    for place in range(5)
]


def test_curves_a_scatter_and_a_front_are_pictures() -> None:
    for picture in (
        curves([BASELINE, WARMED], "val_acc"),
        scatter(SWEEP, "lr", "val_acc"),
        pareto(SWEEP, "val_acc", "loss"),
    ):
        assert picture is not None
        assert picture.startswith(PNG)


def test_names_are_no_formulas_and_numbers_may_be_broken() -> None:
    odd = replace(
        BASELINE,
        name="$\\frac{ 😀 مرحبا",
        series={"$x_{": [(0.0, nan), (1.0, inf), (2.0, 1e308), *curve(0.9)]},
    )
    picture = curves([odd], "$x_{")
    assert picture is not None
    assert picture.startswith(PNG)


def test_nothing_to_draw_is_no_picture() -> None:
    assert curves([BASELINE], "missing") is None
    assert scatter([BASELINE], "lr", "val_acc") is None
    assert scatter(SWEEP, "optimizer", "val_acc") is None
    assert pareto([BASELINE], "val_acc", "train/loss") is None
    assert pareto([], "val_acc", "train/loss") is None


def test_the_front_holds_what_none_beats_in_both() -> None:
    points = [
        (make_run(n), x, y) for n, (x, y) in enumerate([(0.9, 3.0), (0.8, 1.0), (0.7, 2.0), (0.9, 4.0)])
    ]
    assert [run.number for run, _, _ in pareto_front(points, "max", "min")] == [1, 0]


def test_importance_is_rank_correlation_strongest_first() -> None:
    found = importances(SWEEP, "val_acc")
    assert [each.param for each in found] == ["lr"]
    assert found[0].correlation == pytest.approx(-1.0)


def test_equal_values_share_their_rank() -> None:
    assert ranks([3.0, 1.0, 3.0, 2.0]) == [2.5, 0.0, 2.5, 1.0]
    assert spearman([(1.0, 1.0), (2.0, 1.0)]) is None


def test_a_few_runs_prove_nothing() -> None:
    assert importances(SWEEP[:3], "val_acc") == []


def test_the_leaderboard_has_the_best_first() -> None:
    message = sweep("vision", "grid", SWEEP, importances(SWEEP, "val_acc"))
    assert message.text == "vision sweep grid: best val_acc 0.94 (#64) of 5"
    leaders = message.blocks[1]["text"]["text"].splitlines()
    assert [leader.split("#")[1][:2] for leader in leaders] == ["64", "63", "62", "61", "60"]
