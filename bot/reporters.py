"""What the holder of a token may report to, and what they learn of it."""

from datetime import datetime
from typing import Protocol

from sqlmodel import Session

from bot.sight import Sight, person_sight, project_sight
from bot.tokens import Bearer
from storage.memory import Channel
from storage.tables import Person, Project


def sight_of(session: Session, who: Bearer, *, now: datetime) -> Sight:
    """A person's token sees what the person sees, a project's its project."""
    if who.person_id is not None:
        return person_sight(session, session.get(Person, who.person_id), now=now)
    return project_sight(who.project_id or 0)


class Reported(Protocol):
    """A run, however much of it is known."""

    @property
    def project_id(self) -> int:
        """Whose numbers it is one of."""

    @property
    def owner_id(self) -> int | None:
        """Who started it."""


def owns(run: Reported, who: Bearer) -> bool:
    """A project's token reports to its project's runs, a person's to their own; others' runs take more than this: sight."""
    return (
        run.project_id == who.project_id if who.person_id is None else run.owner_id in (None, who.person_id)
    )


def may_know_where(session: Session, project: Project, channel: Channel | None, who: Bearer, *, now: datetime) -> bool:  # fmt: skip
    """Whoever knows a project's name may report to it; where it is told is said to those who see it."""
    is_open = project.openness == "open" and not (channel is not None and channel.is_private)
    return (
        who.person_id is None
        or (is_open and not who.is_guest)
        or sight_of(session, who, now=now).sees(project.id or 0)
    )
