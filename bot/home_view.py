"""App Home as its person sees it: own runs, open next steps, projects as cards, recent decisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.blocks import (
    VIEW_BLOCKS,
    Block,
    actions,
    bold,
    button,
    code,
    context,
    divider,
    fit_block,
    header,
    line,
    link,
    moment,
    option,
    section,
)
from bot.numbers import ago, count, number
from bot.run_messages import run_buttons, run_parent
from bot.values import RunView
from storage.home_queries import Decided
from storage.next_steps import NextStep


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectCard:
    """A project at a glance."""

    id: int
    name: str
    channel: str | None
    first: bool
    runs: int
    running: int
    last_at: datetime | None
    best: tuple[str, float, str, str | None] | None  # metric, value, run, its address
    steps: int


def home_view(
    mine: Sequence[RunView],
    *,
    now: datetime,
    running: int | None = None,
    steps: Sequence[NextStep] = (),
    decisions: Sequence[Decided] = (),
    cards: Sequence[ProjectCard] = (),
    more: int = 0,
    muted: Sequence[tuple[int, str]] = (),
    archived: int = 0,
) -> dict[str, Any]:
    """The Home tab of one person."""
    blocks: list[Block] = [header("My runs now")]
    if not mine:
        blocks.append(section("Nothing of yours is running."))
    for run in mine:
        shown = [block for block in run_parent(run, now=now).blocks if block["type"] != "actions"]
        blocks += [shown[0], run_buttons(run, "run_note") | {"block_id": f"own_{run.id}"}]
    if running is not None and running > len(mine):
        blocks.append(context(f"and {running - len(mine)} more: {code('/runs list mine running')}"))
    if steps:
        blocks += [divider(), header("My open next steps")]
        blocks += [
            section(step_text(step, now), accessory=button("Done", "home_done", str(step.item_id)))
            for step in steps
        ]
    blocks += [divider(), header("Projects")]
    if not cards:
        blocks.append(
            section("No project yet. In a channel that I am in, `/runs connect vision` starts one.")
        )
    blocks += [section(card_text(card, now), accessory=menu(card)) for card in cards]
    blocks += [
        section(
            f"🔕 {bold(line(name, 60))} is muted", accessory=button("Unmute", "home_mute", f"mute:{ident}")
        )
        for ident, name in muted[:10]
    ]
    rest = [f"{count(more, 'more project')}: {code('/runs list project:NAME')}"] if more > 0 else []
    rest += (
        [f"{count(archived, 'archived project')}, back with {code('/runs archive NAME')}"] if archived else []
    )
    if rest:
        blocks.append(context(" · ".join(rest)))
    if decisions:
        blocks += [divider(), header("Recent decisions")]
        blocks += [section(decision_text(decision, now)) for decision in decisions]
    blocks += [
        divider(),
        context(
            "In a channel `/runs list`, in a thread `@Runlore show`, in my messages just ask: *who has tried warmup?*"
        ),
        actions(button("All commands", "help_more", "more")),
    ]
    return {"type": "home", "blocks": [fitted for one in blocks if (fitted := fit_block(one))][:VIEW_BLOCKS]}


def card_text(card: ProjectCard, now: datetime) -> str:
    """Name and channel, life, best, what is open."""
    # A channel's own id, so that Slack shows its name to those who may see it.
    place = f"  <#{card.channel}>" if card.channel else ""
    head = f"{'📌 ' if card.first else ''}{bold(line(card.name, 60))}{place}"
    life = [f"🔵 {card.running} running"] if card.running else []
    life.append(count(card.runs, "run"))
    if card.last_at is not None:
        life.append(f"last moved {moment(card.last_at, ago(card.last_at, now))}")
    rows = [head, " · ".join(life)]
    if card.best is not None:
        metric, value, run, address = card.best
        rows.append(f"🏆 {code(metric, 60)} {bold(number(value))} by {link(address, line(run, 60))}")
    if card.steps:
        rows.append(f"➡️ {count(card.steps, 'open next step')}")
    return "\n".join(rows)


def menu(card: ProjectCard) -> Block:
    """What can be done with a project."""
    choices = [
        option("Back among the others" if card.first else "Put first", f"first:{card.id}"),
        option("Mute", f"mute:{card.id}"),
        option("Archive", f"archive:{card.id}"),
        option("Settings…", f"settings:{card.id}"),
        option("Report…", f"report:{card.id}"),
    ]
    return {"type": "overflow", "action_id": "home_project", "options": choices}


def step_text(step: NextStep, now: datetime) -> str:
    """What somebody means to do next, and about what."""
    run = f" #{step.run_number}" if step.run_number is not None else ""
    about = link(step.permalink, line(f"{step.project}{run}", 60))
    return f"{line(step.text, 300)}\n{about} · {ago(step.said_at, now)}"


def decision_text(decision: Decided, now: datetime) -> str:
    """What was decided, by whom, about what."""
    about = link(decision.permalink, line(decision.project, 40))
    who = line(decision.author or "somebody", 40)
    return f"✅ {line(decision.text, 300)}\n{who} · {about} · {ago(decision.said_at, now)}"
