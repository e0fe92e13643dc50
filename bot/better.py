"""Which way is better: goals read from metric names, the key metric, best and better, seed noise."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import mean, stdev
from typing import Literal

from bot.values import MetricView, RunView

Goal = Literal["min", "max"]


def word_set(text: str) -> frozenset[str]:
    """The words of a line."""
    return frozenset(text.split())


SMALLER = word_set(
    "loss err error errors ppl perplexity wer cer ter eer mse rmse mae mape smape nll bpb bpc bpd kl fid kid ece "
    "brier logloss rmsle xent crossentropy regret lpips hter fpr fnr gap"
)
LARGER = word_set(
    "acc accuracy f1 f2 fbeta auc auroc auprc roc bleu rouge chrf meteor ap map miou iou dice jaccard precision "
    "recall sensitivity specificity r2 psnr ssim mrr ndcg hit hits em exact reward return returns score kappa mcc "
    "pearson spearman top1 top5 success winrate comet elo"
)
NEITHER = word_set("lr scale grad norm epoch step steps time seconds weight weights count size temperature")
SHARES = word_set(
    "acc accuracy f1 auc auroc auprc ap map miou iou dice precision recall top1 top5 wer cer err error ndcg mrr "
    "hit hits em success"
)
HELD_OUT = ("val", "valid", "validation", "dev", "eval", "test", "holdout")
SEEDS = word_set("seed seeds")


@lru_cache(maxsize=10_000)
def words(name: str) -> tuple[str, ...]:
    """The words of a metric's or param's name: valLoss → val loss, mAP@50 → map, R2 → r2."""
    parted = re.sub(r"([a-z])([A-Z])", r"\1 \2", name.replace("mAP", "map"))
    found = re.findall(r"[a-z]+\d*", parted.lower())
    return tuple(word if word in LARGER else word.rstrip("0123456789") for word in found)


def infer_goal(name: str) -> Goal | None:
    """What the name says: loss is to shrink, accuracy to grow; None where it says neither."""
    for word in reversed(words(name)):
        if word in NEITHER:
            return None
        if word in SMALLER:
            return "min"
        if word in LARGER:
            return "max"
    return None


def goal_of(metric: MetricView) -> Goal | None:
    """The declared goal, else what the name says."""
    return metric.goal or infer_goal(metric.name)


def is_share(name: str, *values: float | None) -> bool:
    """Whether differences read best in percent points."""
    known = [value for value in values if value is not None]
    return not SHARES.isdisjoint(words(name)) and all(0 <= value <= 1 for value in known)


def best_of(metric: MetricView) -> tuple[float | None, float | None]:
    """Best value and its step by the goal; the last where nobody wins."""
    goal = goal_of(metric)
    if goal == "min":
        return metric.min, metric.min_step
    if goal == "max":
        return metric.max, metric.max_step
    return metric.last, metric.last_step


def key_of(run: RunView) -> str | None:
    """The run's key metric."""
    return key_metric(run.metrics, run.key_metric)


def key_metric(metrics: Mapping[str, MetricView], chosen: str | None = None) -> str | None:
    """The project's key metric, else the one that most likely decides: held out before trained on."""
    if chosen in metrics:
        return chosen
    shown = [name for name in metrics if not name.startswith("system/")]

    def rank(name: str) -> tuple[bool, int, bool, int, str]:
        said = words(name)
        goal = goal_of(metrics[name])
        held_out = next((place for place, word in enumerate(HELD_OUT) if word in said), len(HELD_OUT))
        return goal is None, min(held_out, 4), goal == "min", len(name), name

    return min(shown, key=rank, default=None)


def is_seed(param: str) -> bool:
    """Whether a param only seeds the random generators."""
    return not SEEDS.isdisjoint(words(param)) or param.rsplit(".", 1)[-1] == "random_state"


def same_but_seed(one: RunView, other: RunView) -> bool:
    """Whether two runs repeat each other: same params, code and data, at most another seed."""
    if one.project != other.project or not one.params:
        return False
    if recipe(one) != recipe(other):
        return False
    if one.code and other.code and (one.code.commit, one.code.diff) != (other.code.commit, other.code.diff):
        return False
    return sorted(d.fingerprint for d in one.datasets) == sorted(d.fingerprint for d in other.datasets)


def recipe(run: RunView) -> dict[str, str]:
    """The params without seeds, comparable whatever they hold."""
    return {name: repr(value) for name, value in run.params.items() if not is_seed(name)}


def fold_seeds(runs: Sequence[RunView]) -> list[list[RunView]]:
    """Runs that repeat each other together, everything in the order it came."""
    groups: list[list[RunView]] = []
    for run in runs:
        group = next((group for group in groups if same_but_seed(group[0], run)), None)
        if group is None:
            groups.append([run])
        else:
            group.append(run)
    return groups


def value_of(run: RunView, metric: str) -> float | None:
    """A run's best finite value of a metric."""
    if metric not in run.metrics:
        return None
    value = best_of(run.metrics[metric])[0]
    return value if value is not None and math.isfinite(value) else None


def spread(values: Iterable[float]) -> float | None:
    """The ± of repeats; None for fewer than two."""
    known = list(values)
    return stdev(known) if len(known) > 1 else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Against:
    """How a run stands to one other run, in its key metric."""

    label: str  # baseline | best | parent
    run: RunView
    change: float
    better: bool | None  # None: the same, within seed noise, or nobody wins
    noise: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What a run's numbers amount to."""

    metric: str | None
    goal: Goal | None = None
    value: float | None = None  # best
    step: float | None = None
    last: float | None = None
    against: tuple[Against, ...] = ()
    is_new_best: bool = False
    repeats: int = 1  # runs that differ only in the seed, this one included
    average: float | None = None
    spread: float | None = None  # ± of the repeats


def judge(
    run: RunView,
    *,
    baseline: RunView | None = None,
    best: RunView | None = None,
    siblings: Sequence[RunView] = (),
) -> Judgement:
    """Weighs a run in its key metric against its parent, the baseline and the best run before it.

    `siblings` are other runs of the project; those that repeat a run under another seed tell the noise.
    """
    metric = key_of(run)
    if metric is None:
        return Judgement(metric=None)
    summary = run.metrics[metric]
    goal = goal_of(summary)
    value, step = best_of(summary)
    judgement = Judgement(metric=metric, goal=goal, value=value, step=step, last=summary.last)
    if value is None or not math.isfinite(value):
        return judgement
    own = repeats_of(run, metric, siblings)
    named: dict[int, tuple[str, RunView]] = {}
    for label, other in (("baseline", baseline), ("best", best), ("parent", run.parent)):
        if other is not None and other.id != run.id:
            named.setdefault(other.id, (label, other))
    against = tuple(
        found
        for label, other in named.values()
        if (found := weigh(run, other, metric, goal, label=label, siblings=siblings))
    )
    beaten = any(best is not None and each.run.id == best.id and each.better for each in against)
    return Judgement(
        metric=metric,
        goal=goal,
        value=value,
        step=step,
        last=summary.last,
        against=against,
        is_new_best=beaten,
        repeats=len(own),
        average=mean(own) if len(own) > 1 else None,
        spread=spread(own),
    )


def repeats_of(run: RunView, metric: str, siblings: Sequence[RunView]) -> list[float]:
    """The metric of a run and of its repeats."""
    same = {run.id: run} | {other.id: other for other in siblings if same_but_seed(run, other)}
    return [value for each in same.values() if (value := value_of(each, metric)) is not None]


def weigh(
    run: RunView, other: RunView, metric: str, goal: Goal | None, *, label: str, siblings: Sequence[RunView]
) -> Against | None:
    """One comparison; None where the other run has no such number."""
    mine, theirs = value_of(run, metric), value_of(other, metric)
    if mine is None or theirs is None:
        return None
    change = mine - theirs
    noise = same_but_seed(run, other) or within_noise(
        change, spread(repeats_of(run, metric, siblings)), spread(repeats_of(other, metric, siblings))
    )
    better = None if goal is None or change == 0 or noise else (change > 0) == (goal == "max")
    return Against(label=label, run=other, change=change, better=better, noise=noise)


def within_noise(gap: float, one: float | None, other: float | None) -> bool:
    """Whether two means ± spreads overlap; a spread nobody measured is taken to be the other's."""
    if one is None and other is None:
        return False
    first = one if one is not None else other
    second = other if other is not None else one
    return abs(gap) <= (first or 0.0) + (second or 0.0)
