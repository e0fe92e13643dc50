"""How an installation is doing now, for the operator's eyes: queues, outbox, live runs, workers, the schema."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table
from sqlalchemy import text
from sqlmodel import Session

from bot.figures import Level, levels
from bot.settings import Settings

LATE = {"queue": 60.0, "outbox": 60.0, "events": 30.0}  # seconds after which waiting is worth a look


def look(session: Session, settings: Settings) -> dict[str, Any]:
    """The state as a program reads it."""
    found = levels(session)
    schema = session.execute(text("SELECT version_num FROM alembic_version")).scalar()
    kind = "external" if settings.database_url else "embedded"
    shown = [asdict(level) | {"late": is_late(level)} for level in found]
    return {"database": kind, "schema": schema, "levels": shown, "well": not any(map(is_late, found))}


def table(session: Session) -> Table:
    """The same as a person reads it."""
    return draw(levels(session))


def draw(found: Sequence[Level]) -> Table:
    """Levels as a table; what is late stands out."""
    drawn = Table("what", "which", "state", "number", "oldest")
    for level in found:
        oldest = f"{level.oldest:.0f} s" if level.oldest is not None else ""
        number = f"{level.number / 1e6:,.0f} MB" if level.name == "bytes" else f"{level.number:,}"
        style = "red" if is_late(level) else None
        drawn.add_row(level.part, level.name, level.state, number, oldest, style=style)
    return drawn


def is_late(level: Level) -> bool:
    """Whether something waits longer than it should; edits wait their turn inside Slack's budget."""
    if level.name == "edits" or level.oldest is None or level.state == "doing":
        return False
    return level.oldest > LATE.get(level.part, float("inf"))
