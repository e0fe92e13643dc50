"""App Home: what its person runs at this moment, and how to ask."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot.blocks import Block, actions, button, context, header, section
from bot.run_messages import run_parent
from bot.values import RunView


def home_view(mine: Sequence[RunView], *, now: datetime) -> dict[str, Any]:
    """The Home tab of one person."""
    blocks: list[Block] = [header("My runs now")]
    if not mine:
        blocks.append(section("Nothing of yours is running."))
    for run in mine:
        blocks += [block for block in run_parent(run, now=now).blocks if block["type"] != "actions"]
    blocks.append(
        context(
            "In a channel `/runs list`, in a thread `@Runlore show`, here just ask: *who has tried warmup?*"
        )
    )
    blocks.append(actions(button("All commands", "help_more", "more")))
    return {"type": "home", "blocks": blocks[:100]}
