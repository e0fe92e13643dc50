"""Runs side by side: only what differs, who wins by each metric's goal, and whether that is more than noise."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import mean
from typing import Literal

from bot.better import Goal, best_of, fold_seeds, goal_of, is_seed, key_of, spread, within_noise
from bot.draft import HOUSEKEEPING, commit_words, dataset_words, holding_the_note
from bot.numbers import as_number, setting
from bot.values import RunView
from bot.verdicts import gpu_hours, lasted, ref

MOST = 10
Facet = Literal["code", "data", "environment"]
# Not shlex: what was cut short or redacted may end inside a quotation.
WORDS = re.compile(r"""(?:[^\s'"]|'[^']*'|"[^"]*")+""")
OPTION = re.compile(r"--?[A-Za-z][^\s=]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One side: a run, or runs that differ only in the seed."""

    label: str  # #42, or vision/42 where projects differ
    runs: tuple[RunView, ...]

    @property
    def run(self) -> RunView:
        """The run that stands for the side."""
        return self.runs[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """Something set differently: its value in words for each side, None where it is not set."""

    name: str
    values: tuple[str | None, ...]
    numbers: tuple[float | None, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """A metric on each side. `best` is the mean over seeds; `aligned` its value at the shorter run's last step."""

    name: str
    goal: Goal | None
    best: tuple[float | None, ...]
    spread: tuple[float | None, ...]
    step: tuple[float | None, ...]
    last: tuple[float | None, ...]
    aligned: tuple[float | None, ...] = ()
    aligned_at: float | None = None
    winner: int | None = None
    noise: bool = False  # the two best are within seed noise

    def change(self, side: int) -> float | None:
        """Against the first side."""
        first, other = self.best[0], self.best[side]
        return None if first is None or other is None else other - first


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What differs between up to ten runs, the key metric first."""

    columns: tuple[Column, ...]
    params: tuple[Setting, ...]
    measures: tuple[Measure, ...]
    seconds: tuple[float | None, ...]
    gpu_hours: tuple[float | None, ...]
    others: dict[Facet, tuple[Setting, ...]]
    same_recipe: bool = False  # all runs repeat each other under different seeds

    @property
    def key(self) -> Measure | None:
        """The metric that decides."""
        return self.measures[0] if self.measures else None

    @property
    def run_ids(self) -> tuple[int, ...]:
        """All runs that were compared."""
        return tuple(run.id for column in self.columns for run in column.runs)


def compare(runs: Sequence[RunView]) -> Comparison:
    """The runs side by side, seeds folded; two at least, ten at most."""
    unique = list({run.id: run for run in runs}.values())[:MOST]
    if len(unique) < 2:
        raise ValueError("comparing takes two runs or more")
    groups = fold_seeds(unique)
    same_recipe = len(groups) == 1
    columns = columns_of([[run] for run in unique] if same_recipe else groups)
    return Comparison(
        columns=columns,
        params=tuple(param_settings(columns)),
        measures=tuple(measures_of(columns, same_recipe=same_recipe)),
        seconds=average(columns, lasted),
        gpu_hours=average(columns, gpu_hours),
        others={
            "code": tuple(code_settings(columns)),
            "data": tuple(data_settings(columns)),
            "environment": tuple(environment_settings(columns)),
        },
        same_recipe=same_recipe,
    )


def columns_of(groups: Sequence[Sequence[RunView]]) -> tuple[Column, ...]:
    """The sides with labels that tell them apart."""
    one_project = len({group[0].project for group in groups}) == 1
    return tuple(
        Column(label=f"#{group[0].number}" if one_project else ref(group[0]), runs=tuple(group))
        for group in groups
    )


def differing(columns: Sequence[Column], name: str, read: Callable[[RunView], str | None]) -> Setting | None:
    """A setting where the sides disagree; None where they agree."""
    values = tuple(read(column.run) for column in columns)
    return Setting(name=name, values=values) if len(set(values)) > 1 else None


def param_settings(columns: Sequence[Column]) -> list[Setting]:
    """Params that differ, what was tried before housekeeping."""
    names = list(dict.fromkeys(name for column in columns for name in column.run.params))
    folded = any(len(column.runs) > 1 for column in columns)
    told = {name for column in columns for name in holding_the_note(column.run)}
    found = []
    for name in names:
        if name in told or (folded and is_seed(name)):
            continue
        values = tuple(setting(c.run.params[name]) if name in c.run.params else None for c in columns)
        if len(set(values)) > 1:
            numbers = tuple(as_number(column.run.params.get(name)) for column in columns)
            found.append(Setting(name=name, values=values, numbers=numbers))
    return sorted(found, key=lambda each: is_seed(each.name) or bool(HOUSEKEEPING.search(each.name)))


# Readings of the machine, and counters that say how far a run is, not how good.
UNCOMPARED = re.compile(
    r"^system/|(?:^|[/_])(?:epoch|(?:global_?)?step|iter(?:ation)?|runtime|timestamp)$", re.I
)


def measures_of(columns: Sequence[Column], *, same_recipe: bool) -> list[Measure]:
    """Metrics that at least one side has and that differ, the key metric first."""
    names = list(dict.fromkeys(name for column in columns for name in column.run.metrics))
    key = common_key(columns)
    names = [name for name in names if name == key or not UNCOMPARED.search(name)]
    names.sort(
        key=lambda name: (name != key, not all(name in column.run.metrics for column in columns), name)
    )
    found = [measure(columns, name, same_recipe=same_recipe) for name in names]
    return [each for each in found if each.name == key or len(set(each.best)) > 1 or len(set(each.last)) > 1]


def common_key(columns: Sequence[Column]) -> str | None:
    """The key metric most sides have."""
    keys = [key for column in columns if (key := key_of(column.run))]
    shared = {key: sum(key in column.run.metrics for column in columns) for key in keys}
    return max(keys, key=lambda key: (shared[key], keys.count(key)), default=None)


def measure(columns: Sequence[Column], name: str, *, same_recipe: bool) -> Measure:
    """One metric on all sides."""
    goal = next((goal_of(column.run.metrics[name]) for column in columns if name in column.run.metrics), None)
    values = [finite_bests(column, name) for column in columns]
    best = tuple(mean(each) if each else None for each in values)
    spreads = tuple(spread(each) for each in values)
    winner = winner_of(best, goal)
    noise = same_recipe or (winner is not None and near_winner(best, spreads, winner))
    aligned, aligned_at = align(columns, name)
    summaries = [column.run.metrics.get(name) for column in columns]
    return Measure(
        name=name,
        goal=goal,
        best=best,
        spread=spreads,
        step=tuple(best_of(summary)[1] if summary else None for summary in summaries),
        last=tuple(summary.last if summary else None for summary in summaries),
        aligned=aligned,
        aligned_at=aligned_at,
        winner=None if noise else winner,
        noise=noise,
    )


def finite_bests(column: Column, name: str) -> list[float]:
    """The best values of a side's runs."""
    bests = [best_of(run.metrics[name])[0] for run in column.runs if name in run.metrics]
    return [value for value in bests if value is not None and math.isfinite(value)]


def winner_of(best: Sequence[float | None], goal: Goal | None) -> int | None:
    """The side that wins alone; None for a tie or where nobody wins."""
    known = [value for value in best if value is not None]
    if goal is None or len(known) < 2:
        return None
    top = min(known) if goal == "min" else max(known)
    return best.index(top) if known.count(top) == 1 else None


def near_winner(best: Sequence[float | None], spreads: Sequence[float | None], winner: int) -> bool:
    """Whether the runner-up is within seed noise of the winner."""
    top = best[winner]
    others = [place for place, value in enumerate(best) if place != winner and value is not None]
    if top is None or not others:
        return False
    second = min(others, key=lambda place: abs((best[place] or 0.0) - top))
    return within_noise((best[second] or 0.0) - top, spreads[winner], spreads[second])


def align(columns: Sequence[Column], name: str) -> tuple[tuple[float | None, ...], float | None]:
    """Every side's value at the shorter one's last step; nothing where all are of one length."""
    curves = [finite_curve(column.run, name) for column in columns]
    if not all(curves):
        return (), None
    ends = [curve[-1][0] for curve in curves]
    if min(ends) >= 0.98 * max(ends):
        return (), None
    return tuple(value_at(curve, min(ends)) for curve in curves), min(ends)


def finite_curve(run: RunView, name: str) -> list[tuple[float, float]]:
    """A metric's finite points in order of steps."""
    points = run.series.get(name, ())
    return sorted((step, value) for step, value in points if math.isfinite(step) and math.isfinite(value))


def value_at(curve: Sequence[tuple[float, float]], step: float) -> float:
    """The last value at or before a step; the first one before the curve begins."""
    return next((value for at, value in reversed(curve) if at <= step), curve[0][1])


def average(columns: Sequence[Column], read: Callable[[RunView], float | None]) -> tuple[float | None, ...]:
    """The mean over a side's runs of what is known."""
    known = [[value for run in column.runs if (value := read(run)) is not None] for column in columns]
    return tuple(mean(values) if values else None for values in known)


def code_settings(columns: Sequence[Column]) -> list[Setting]:
    """Commit, its subject, branch, command and which files hold uncommitted changes."""
    reads: dict[str, Callable[[RunView], str | None]] = {
        "commit": lambda run: commit_words(run.code) if run.code else None,
        "subject": lambda run: run.code.subject if run.code else None,
        "branch": lambda run: run.code.branch if run.code else None,
        "uncommitted": lambda run: ", ".join(edited_files(run)) or None,
        "command": partial(own_arguments, shared_arguments(columns)),
    }
    return [found for name, read in reads.items() if (found := differing(columns, name, read))]


def arguments(run: RunView) -> list[str]:
    """The words of a run's command, each option with its value."""
    found: list[str] = []
    for word in WORDS.findall((run.code.command if run.code else None) or ""):
        if found and OPTION.fullmatch(found[-1]) and not OPTION.match(word):
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found


def shared_arguments(columns: Sequence[Column]) -> frozenset[str]:
    """What every run's command says: it tells them apart from nothing."""
    return frozenset.intersection(*(frozenset(arguments(column.run)) for column in columns))


def own_arguments(shared: frozenset[str], run: RunView) -> str | None:
    """What only this command says; `…` where it only leaves something out."""
    said = arguments(run)
    return (" ".join(word for word in said if word not in shared) or "…") if said else None


def edited_files(run: RunView) -> list[str]:
    """Files with uncommitted changes."""
    diff = run.code.diff if run.code and run.code.diff else ""
    return [text.removeprefix("+++ b/") for text in diff.splitlines() if text.startswith("+++ b/")]


def data_settings(columns: Sequence[Column]) -> list[Setting]:
    """Datasets that differ, by rows, columns and hash."""
    names = list(dict.fromkeys(dataset.name for column in columns for dataset in column.run.datasets))
    return [found for name in names if (found := differing(columns, name, partial(dataset_of, name)))]


def dataset_of(name: str, run: RunView) -> str | None:
    """A run's dataset in words, with its hash."""
    dataset = next((each for each in run.datasets if each.name == name), None)
    return f"{dataset_words(dataset)} ({dataset.fingerprint[:7]})" if dataset else None


def environment_settings(columns: Sequence[Column]) -> list[Setting]:
    """Versions that differ; libraries that not all sides reported are left out."""
    shared = set.intersection(*(set(column.run.libraries) for column in columns))
    found = [differing(columns, "Python", lambda run: run.python)]
    found += [differing(columns, name, partial(version_of, name)) for name in sorted(shared)]
    return [each for each in found if each]


def version_of(library: str, run: RunView) -> str:
    """A library's version."""
    return run.libraries[library]


def diff_text(comparison: Comparison) -> str:
    """The code behind the *Diff* button: each side's commit and uncommitted changes."""
    parts = []
    for column in comparison.columns:
        code = column.run.code
        head = (
            f"# {ref(column.run)}: {commit_words(code)} {code.subject or ''}".rstrip()
            if code
            else f"# {ref(column.run)}: no code"
        )
        parts.append(f"{head}\n{(code.diff if code else None) or '# nothing uncommitted'}")
    commits = list(
        dict.fromkeys(c.run.code.commit for c in comparison.columns if c.run.code and c.run.code.commit)
    )
    between = [f"# git diff {commits[0]} {other}" for other in commits[1:]]
    return "\n\n".join(["\n".join(between), *parts] if between else parts) + "\n"
