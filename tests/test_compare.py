"""Runs side by side: only what differs, who wins, what is noise, and curves that can be compared."""

from dataclasses import replace

import pytest
from sample_runs import BASELINE, CRASHED, MEMO, WARMED, curve, make_run, metric

from bot.compare import compare, diff_text
from bot.compare_messages import comparison, verdict
from bot.values import CodeView, DatasetView, Message, RunView


def table(message: Message) -> list[list[str]]:
    blocks = [block for block in message.blocks if block["type"] == "data_table"]
    return [[cell["text"] for cell in row] for row in blocks[0]["rows"]]


def words(message: Message) -> str:
    return "\n".join(block["text"]["text"] for block in message.blocks if block["type"] == "section")


def seeds(run: RunView, *values: float) -> list[RunView]:
    return [
        replace(
            run,
            id=run.id * 100 + seed,
            number=run.number * 100 + seed,
            params={**run.params, "seed": seed},
            metrics={"val_acc": metric("val_acc", value)},
        )
        for seed, value in enumerate(values)
    ]


def test_only_what_differs_is_shown() -> None:
    rows = {row[0]: row[1:] for row in table(comparison(compare([BASELINE, WARMED])))}
    assert rows["lr"] == ["3e-4", "1e-4", "÷ 3"]
    assert rows["warmup"] == ["0", "500", "–"]
    assert rows["val_acc"] == ["0.934", "0.942 ★", "+0.8 points"]
    assert rows["val_acc, last"] == ["0.934", "0.94", "–"]
    assert rows["train/loss"] == ["0.29", "0.25 ★", "−0.04"]
    assert "optimizer" not in rows
    assert "duration" not in rows


def test_cells_are_numbers_where_they_are() -> None:
    blocks = comparison(compare([BASELINE, WARMED])).blocks
    cells = next(block["rows"] for block in blocks if block["type"] == "data_table")[1]
    assert cells[2] == {"type": "raw_number", "value": 0.942, "text": "0.942 ★"}


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        ([BASELINE, WARMED], "vision/42 beats vision/41 on val_acc: 0.942 to 0.934 (+0.8 points)"),
        ([WARMED, BASELINE], "vision/42 beats vision/41 on val_acc: 0.942 to 0.934 (+0.8 points)"),
        ([BASELINE, WARMED, make_run(50, params={"lr": 1.0}, metrics={"val_acc": metric("val_acc", 0.9)})], "vision/42 is best of 3 on val_acc: 0.942, +0.8 points on the next"),
        ([BASELINE, replace(WARMED, metrics=BASELINE.metrics)], "vision/41 and vision/42 are equal on val_acc: 0.934"),
        ([BASELINE, replace(WARMED, project="nlp")], "nlp/42 beats vision/41 on val_acc: 0.942 to 0.934 (+0.8 points)"),
        ([CRASHED, replace(CRASHED, id=44, number=44, params={})], "vision/43 and vision/44 share no metric"),
        ([replace(run, metrics={"speed": metric("speed", run.id)}) for run in (BASELINE, WARMED)], "vision/41 and vision/42 on speed: 41 and 42"),
    ],
)  # fmt: skip
def test_the_verdict_is_one_plain_line(runs: list[RunView], told: str) -> None:
    assert verdict(compare(runs)) == told
    assert comparison(compare(runs)).text == told


def test_a_smaller_loss_wins() -> None:
    runs = [make_run(n, params={"lr": n}, metrics={"loss": metric("loss", n / 10, worst=9)}) for n in (3, 2)]
    assert verdict(compare(runs)) == "vision/2 beats vision/3 on loss: 0.2 to 0.3 (−0.1)"


def test_counters_are_no_result() -> None:
    measured = [
        {"loss": metric("loss", n / 10, worst=9), "epoch": metric("epoch", n, worst=0)} for n in (3, 2)
    ]
    runs = [make_run(n, params={"lr": n}, metrics=found) for n, found in enumerate(measured, 2)]
    assert [measure.name for measure in compare(runs).measures] == ["loss"]
    counted = [make_run(n, params={"lr": n}, metrics={"epoch": metric("epoch", n, worst=0)}) for n in (2, 3)]
    assert comparison(compare(counted)).text


def test_runs_that_differ_only_in_the_seed_are_one_side() -> None:
    made = compare([*seeds(BASELINE, 0.930, 0.934), *seeds(WARMED, 0.950, 0.954)])
    assert [len(column.runs) for column in made.columns] == [2, 2]
    rows = {row[0]: row[1:] for row in table(comparison(made))}
    assert rows["val_acc"] == ["0.932 ± 0.0028", "0.952 ± 0.0028 ★", "+2 points"]
    assert "seed" not in rows


def test_a_gap_inside_the_spread_is_noise_and_nobody_wins() -> None:
    made = compare([*seeds(BASELINE, 0.930, 0.940), *seeds(WARMED, 0.934, 0.946)])
    assert made.key is not None
    assert made.key.winner is None
    assert "within seed noise" in verdict(made)


def test_repeats_alone_are_set_side_by_side() -> None:
    made = compare(seeds(BASELINE, 0.93, 0.94))
    assert len(made.columns) == 2
    assert "They are the same but for the seed." in words(comparison(made))


def test_the_longer_run_is_also_measured_where_the_shorter_one_ended() -> None:
    short = replace(WARMED, series={"val_acc": curve(0.942)[:20]})
    made = compare([BASELINE, short])
    assert made.key is not None
    assert made.key.aligned_at == 475
    assert "At the shorter run's last step (475): #41 0.8895, #42 0.8971" in words(comparison(made))


def test_curves_are_drawn_as_far_as_all_runs_went() -> None:
    short = replace(WARMED, series={"val_acc": curve(0.942)[:20]})
    chart = next(
        b["chart"] for b in comparison(compare([BASELINE, short])).blocks if b["type"] == "data_visualization"
    )
    assert [series["name"] for series in chart["series"]] == ["#41", "#42"]
    assert chart["axis_config"]["categories"][-1] == "475"
    assert len(chart["axis_config"]["categories"]) == 20


def test_code_data_environment_and_the_why_stand_beside_each_other() -> None:
    other = replace(
        WARMED,
        code=CodeView(
            commit="8e11d20bbb", subject="Warm up longer", diff="+++ b/train.py\n+warmup = 500\n", dirty=True
        ),
        datasets=[DatasetView(name="digits", fingerprint="bbbb2222", rows=1700, columns=64)],
        libraries={"torch": "2.9.1", "numpy": "2.4.6"},
        notes=[MEMO],
        verdicts={"ben": "keep"},
    )
    text = words(comparison(compare([BASELINE, other])))
    assert "`commit`: #41 3f2a91c → #42 8e11d20+" in text
    assert "`digits`: #41 1,797 rows, 64 columns (aaaa111) → #42 1,700 rows, 64 columns (bbbb222)" in text
    assert "`torch`: #41 2.9.0 → #42 2.9.1" in text
    assert "numpy" not in text
    assert "decision: “We keep it.”" in text
    assert "👍 kept by ben" in text


def test_the_diff_holds_each_sides_code() -> None:
    assert BASELINE.code is not None
    other = replace(WARMED, code=replace(BASELINE.code, commit="8e11d20bbb", diff="+++ b/train.py\n+x = 1\n"))
    text = diff_text(compare([BASELINE, other]))
    assert "git diff 3f2a91c0aa 8e11d20bbb" in text
    assert "+x = 1" in text


def test_three_runs_are_rows_that_sort() -> None:
    third = make_run(50, params={"lr": 1e-3, "mixup": 0.2}, metrics={"val_acc": metric("val_acc", 0.95)})
    rows = table(comparison(compare([BASELINE, WARMED, third])))
    assert rows[0][:5] == ["Run", "val_acc", "Change", "At step", "Last"]
    assert [row[0] for row in rows[1:]] == ["#41 calm-lynx", "#42 brave-otter", "#50 brave-otter"]
    assert [row[2] for row in rows[1:]] == ["–", "+0.8 points", "+1.6 points"]


def test_ten_runs_are_compared_and_one_is_not() -> None:
    many = [make_run(n, params={"lr": n}) for n in range(14)]
    assert len(compare(many).columns) == 10
    with pytest.raises(ValueError, match="two runs"):
        compare([BASELINE, BASELINE])


def test_of_two_commands_only_the_arguments_that_differ_are_shown() -> None:
    def ran(run: RunView, command: str) -> RunView:
        return replace(run, code=CodeView(commit="3f2a91c0aa", command=command))

    one = ran(BASELINE, "/venv/bin/python train.py --lr 3e-3 --notes 'is it warm' --amp")
    other = ran(WARMED, "/venv/bin/python train.py --lr 1e-3 --amp --depth -2")
    code = {each.name: each.values for each in compare([one, other]).others["code"]}
    assert code["command"] == ("--lr 3e-3 --notes 'is it warm'", "--lr 1e-3 --depth -2")
    less = ran(WARMED, "/venv/bin/python train.py --lr 3e-3 --amp")
    code = {each.name: each.values for each in compare([one, less]).others["code"]}
    assert code["command"] == ("--notes 'is it warm'", "…")
