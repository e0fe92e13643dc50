"""Which run was made from which and why, in the order of a version history: side lines beside the line that went on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.better import judge
from bot.blocks import Block, bold, context, escape, fit, flat, line, link, section
from bot.charts import Dot, descent
from bot.draft import differences, summary
from bot.note_messages import packed
from bot.numbers import count
from bot.run_messages import board_best
from bot.values import Message, RunView
from bot.verdicts import metric_words, sign, title

DRAWN = 45


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaf:
    """One run in its place: `column` is how many lines it stands aside, `parent` the row of the run it came from."""

    run: RunView
    column: int
    parent: int | None

    @property
    def why(self) -> str:
        """The reason for the fork: what changed, and the guess behind it."""
        if self.run.parent is None:
            return self.run.intent or ""
        changed = summary(differences(self.run.parent, self.run)) or "nothing changed"
        return f"{changed}: “{flat(self.run.intent, 120)}”" if self.run.intent else changed


def grown(runs: Sequence[RunView]) -> list[Leaf]:
    """The runs from each root on: short side lines first, then the line with most runs after it."""
    here = {run.id for run in runs}
    children: dict[int | None, list[RunView]] = {}
    for run in sorted(runs, key=lambda one: (one.started_at, one.id)):
        parent = run.parent.id if run.parent and run.parent.id in here and run.parent.id != run.id else None
        children.setdefault(parent, []).append(run)
    sizes = _sizes(children)
    leaves: list[Leaf] = []
    # A stack instead of recursion: a line of sixty forks is as deep as it is long.
    stack: list[tuple[RunView, int, int | None]] = [
        (run, 0, None) for run in reversed(children.get(None, []))
    ]
    while stack:
        run, column, parent = stack.pop()
        row = len(leaves)
        leaves.append(Leaf(run=run, column=column, parent=parent))
        grown_from = sorted(children.get(run.id, []), key=lambda one: (sizes[one.id], one.started_at))
        aside = len(grown_from) - 1
        for place, child in reversed(list(enumerate(grown_from))):
            stack.append((child, column + (1 if place < aside else 0), row))
    return leaves


def _sizes(children: dict[int | None, list[RunView]]) -> dict[int, int]:
    """How many runs came from each."""
    sizes: dict[int, int] = {}
    order: list[int] = []
    stack = [run.id for run in children.get(None, [])]
    while stack:
        ident = stack.pop()
        order.append(ident)
        stack += [run.id for run in children.get(ident, [])]
    for ident in reversed(order):
        sizes[ident] = 1 + sum(sizes[run.id] for run in children.get(ident, []))
    return sizes


def tree_message(project: str, leaves: Sequence[Leaf], picture: Sequence[Block], *, older: int) -> Message:
    """The tree as picture and text."""
    name = line(project, 60)
    if not leaves:
        return Message(text=f"{name} has no runs yet.")
    best = board_best([leaf.run for leaf in leaves])
    text = f"{name}: {count(len(leaves), 'run')}, which came from which and why"
    if best is not None:
        text += f"; best {escape(flat(metric_words(judge(best)) or '', 80))} (#{best.number})"
    blocks = [section(f"🌳 {bold(text)}"), *picture, *packed(list(rows(leaves)))]
    if older > 0:
        blocks.append(context(f"{count(older, 'older run')} not shown."))
    return fit(Message(text=text, blocks=blocks))


def rows(leaves: Sequence[Leaf]) -> Iterator[str]:
    """Each run on a line of text."""
    for leaf in leaves:
        aside = "│   " * min(leaf.column, 8)
        told = metric_words(judge(leaf.run))
        words = f"{sign(leaf.run)} {link(leaf.run.permalink, line(title(leaf.run), 60))}"
        if told:
            words += f" {bold(escape(flat(told, 60)))}"
        yield f"{aside}{words}" + (f": {line(leaf.why, 160)}" if leaf.why else "")


def drawn(leaves: Sequence[Leaf]) -> bytes | None:
    """The newest part of the tree as PNG."""
    shown = list(leaves[-DRAWN:])
    if len(shown) < 2:
        return None
    hidden = len(leaves) - len(shown)
    best = board_best([leaf.run for leaf in leaves])
    return descent(
        [
            Dot(
                column=leaf.column,
                parent=leaf.parent - hidden if leaf.parent is not None and leaf.parent >= hidden else None,
                state=leaf.run.state,
                best=best is not None and leaf.run.id == best.id,
                words=(
                    f"#{leaf.run.number} {flat(leaf.run.name, 26)}",
                    flat(metric_words(judge(leaf.run)) or leaf.run.state, 24),
                    flat(leaf.why, 60),
                ),
            )
            for leaf in shown
        ]
    )
