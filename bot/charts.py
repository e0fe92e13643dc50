"""Pictures for where Slack's own charts are too small: overlaid curves, a scatter, a Pareto front, as PNG."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from bot.better import Goal, goal_of, value_of
from bot.blocks import flat
from bot.compare import finite_curve
from bot.numbers import as_number
from bot.values import RunView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (8.0, 4.5)
DPI = 120
LARGEST = 1e30  # beyond it matplotlib's axes overflow
# Okabe and Ito's colours: told apart by colour-blind readers too.
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#999999",
    "#F0E442",
    "#8B4513",
)

STATE_COLOURS = {
    "running": COLOURS[5],
    "finished": COLOURS[2],
    "failed": COLOURS[1],
    "killed": COLOURS[1],
    "lost": COLOURS[7],
    "preempted": COLOURS[4],
}
ROW = 0.42  # inches

Point = tuple[RunView, float, float]


def curves(runs: Sequence[RunView], metric: str) -> bytes | None:
    """One metric of several runs over steps, the best marked; None where no run has two points."""
    figure, axes = canvas()
    drawn: list[float] = []
    goal: Goal | None = None
    for place, run in enumerate(runs[: len(COLOURS)]):
        points = [(step, value) for step, value in finite_curve(run, metric) if drawable(step, value)]
        if len(points) < 2:
            continue
        axes.plot(
            *zip(*points, strict=True),
            color=COLOURS[place],
            linewidth=1.8,
            label=known(f"#{run.number} {run.name}"),
        )
        drawn += [value for _, value in points]
        goal = goal_of(run.metrics[metric]) if metric in run.metrics else None
        if goal:
            best = (min if goal == "min" else max)(points, key=lambda point: point[1])
            axes.plot(*best, "o", color=COLOURS[place], markersize=5)
    if not axes.has_data():
        return None
    look_closer(axes, drawn, goal)
    for text in axes.legend(fontsize=8, frameon=False).get_texts():
        text.set_parse_math(False)
    return finished(figure, axes, x="step", y=metric)


def look_closer(axes: "Axes", values: Sequence[float], goal: Goal | None) -> None:
    """Where it matters the lines lie close: the first, worst fifth is left out of the picture."""
    ranked = sorted(values)
    low, high = ranked[0], ranked[-1]
    if goal == "max":
        low = ranked[len(ranked) // 5]
    elif goal == "min":
        high = ranked[len(ranked) - 1 - len(ranked) // 5]
    if goal and high > low:
        room = (high - low) * 0.05
        axes.set_ylim(low - room, high + room)


def scatter(runs: Sequence[RunView], param: str, metric: str) -> bytes | None:
    """A numeric param against the best value of a metric; None for fewer than two runs that have both."""
    pairs = [(run, as_number(run.params.get(param)), value_of(run, metric)) for run in runs]
    points = [(run, x, y) for run, x, y in pairs if x is not None and y is not None and drawable(x, y)]
    if len(points) < 2:
        return None
    figure, axes = canvas()
    dots(axes, points, COLOURS[0])
    smallest, largest = min(x for _, x, _ in points), max(x for _, x, _ in points)
    if smallest > 0 and largest / smallest >= 30:  # learning rates and the like
        axes.set_xscale("log")
    return finished(figure, axes, x=param, y=f"best {metric}")


def pareto(runs: Sequence[RunView], first: str, second: str) -> bytes | None:
    """Two metrics with goals against each other; the runs that none beats in both are joined."""
    pairs = [(run, value_of(run, first), value_of(run, second)) for run in runs]
    points = [(run, x, y) for run, x, y in pairs if x is not None and y is not None and drawable(x, y)]
    goals = [goal_of(points[0][0].metrics[name]) for name in (first, second)] if points else []
    if len(points) < 2 or not all(goals):
        return None
    front = pareto_front(points, goals[0], goals[1])
    figure, axes = canvas()
    dots(axes, [point for point in points if point not in front], COLOURS[7])
    dots(axes, front, COLOURS[1])
    axes.plot([x for _, x, _ in front], [y for _, _, y in front], color=COLOURS[1], linewidth=1, alpha=0.7)
    return finished(figure, axes, x=f"{first} ({goals[0]})", y=f"{second} ({goals[1]})")


def pareto_front(points: Sequence[Point], first: Goal | None, second: Goal | None) -> list[Point]:
    """The points that no other beats in both metrics, from left to right."""

    def costs(point: Point) -> tuple[float, float]:
        return (-point[1] if first == "max" else point[1], -point[2] if second == "max" else point[2])

    def beaten(point: Point) -> bool:
        x, y = costs(point)
        return any((a, b) != (x, y) and a <= x and b <= y for a, b in map(costs, points))

    return sorted((point for point in points if not beaten(point)), key=lambda point: point[1])


@dataclass(frozen=True, kw_only=True, slots=True)
class Dot:
    """A run in a picture of descent: its row is its place in the list, `parent` the row it came from."""

    column: int
    parent: int | None
    state: str
    best: bool
    words: tuple[str, str, str]  # name, result, reason


def descent(dots: Sequence[Dot]) -> bytes:
    """Runs below each other, each with a line to the one it came from, its result and the reason beside it."""
    columns = max(dot.column for dot in dots) + 1
    figure, axes = picture_of(7.4, max(1.6, ROW * len(dots) + 0.3))
    for row, dot in enumerate(dots):
        if dot.parent is not None:
            source = dots[dot.parent].column
            bend = -row if source == dot.column else -row + 0.5
            axes.plot(
                [source, source, dot.column],
                [-dot.parent, bend, -row],
                color="#b5b5b5",
                linewidth=1.6,
                zorder=1,
            )
        axes.plot(
            dot.column,
            -row,
            marker="*" if dot.best else "o",
            markersize=15 if dot.best else 9,
            color=COLOURS[4] if dot.best else STATE_COLOURS.get(dot.state, COLOURS[7]),
            markeredgecolor="white",
            zorder=3,
        )
        for text, place, size, weight, colour in zip(
            dot.words,
            (-0.3, 3.6, 6.2),
            (9, 9, 8),
            ("bold", "normal", "normal"),
            ("black", "black", "#555555"),
            strict=True,
        ):
            axes.text(
                columns + place,
                -row,
                known(text),
                va="center",
                fontsize=size,
                weight=weight,
                color=colour,
                parse_math=False,
            )
    axes.set_xlim(-0.6, columns + 12)
    axes.set_ylim(-len(dots) + 0.4, 0.6)
    axes.axis("off")
    return finished_picture(figure)


def drawable(x: float, y: float) -> bool:
    """Whether an axis can hold the point."""
    return abs(x) < LARGEST and abs(y) < LARGEST


def canvas() -> "tuple[Figure, Axes]":
    """An empty picture; without pyplot, which keeps figures alive and is not thread-safe."""
    return picture_of(*SIZE)


def picture_of(width: float, height: float) -> "tuple[Figure, Axes]":
    """An empty picture of so many inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def finished_picture(figure: "Figure") -> bytes:
    """A picture without axes as PNG."""
    output = io.BytesIO()
    figure.savefig(output, format="png")
    return output.getvalue()


def dots(axes: "Axes", points: Sequence[Point], colour: str) -> None:
    """Points with the runs' numbers beside them."""
    axes.scatter([x for _, x, _ in points], [y for _, _, y in points], color=colour, s=40, zorder=3)
    for run, x, y in points:
        axes.annotate(f"#{run.number}", (x, y), textcoords="offset points", xytext=(5, 4), fontsize=8)


def finished(figure: "Figure", axes: "Axes", *, x: str, y: str) -> bytes:
    """The picture as PNG."""
    # A name such as $lr$ is a name, not a formula.
    axes.set_xlabel(known(x), parse_math=False)
    axes.set_ylabel(known(y), parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return finished_picture(figure)


def known(text: str) -> str:
    """The text in characters the font has, short enough for an axis."""
    return "".join(letter if ord(letter) in letters() else "?" for letter in flat(text, 60))


@lru_cache(maxsize=1)
def letters() -> frozenset[int]:
    """The characters of the font that matplotlib brings along."""
    from matplotlib import font_manager
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(font_manager.findfont("DejaVu Sans")).get_charmap())
