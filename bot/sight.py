"""What somebody, or everybody in a channel, may see: follows Slack, and knows nothing rather than too much."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from storage.memory import Channel, Membership
from storage.tables import Person, Project

FRESH = timedelta(hours=2)
"""Memberships not confirmed for longer count as unknown, so as not visible."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """The projects whose words and numbers may be shown; those of others may at most be named (`discoverable`)."""

    project_ids: frozenset[int] | None = frozenset()  # None: all of them (the operator)
    discoverable_ids: frozenset[int] = frozenset()
    person_id: int | None = None  # whose own private runs are seen too

    @property
    def operator(self) -> bool:
        """Whether this is the operator of the machine, who sees everything."""
        return self.project_ids is None

    def sees(self, project_id: int) -> bool:
        """Whether a project's content may be shown."""
        return self.project_ids is None or project_id in self.project_ids


NOTHING = Sight()


def operator_sight() -> Sight:
    """Who runs the command line on the bot's own machine sees everything."""
    return Sight(project_ids=None)


def project_sight(project_id: int) -> Sight:
    """A project's token sees its project."""
    return Sight(project_ids=frozenset({project_id}))


def person_sight(session: Session, person: Person | None, *, now: datetime) -> Sight:
    """What one person can see in Slack: public channels unless a guest, and the channels they are in."""
    if person is None or person.is_bot or person.is_gone:
        return NOTHING
    joined: frozenset[str] = frozenset()
    if person.slack_id:
        rows = session.exec(select(Membership.channel_id).where(Membership.slack_id == person.slack_id))
        joined = frozenset(rows)
    seen, discoverable = set(), set()
    for project, channel in _projects(session):
        if _member(channel, joined, now=now) or (not person.is_guest and _public(project, channel, now=now)):
            seen.add(project.id or 0)
        elif project.openness == "discoverable" and not person.is_guest:
            discoverable.add(project.id or 0)
    return Sight(project_ids=frozenset(seen), discoverable_ids=frozenset(discoverable), person_id=person.id)


def audience_sight(session: Session, channel_id: str, *, now: datetime) -> Sight:
    """What every member of a channel may see, so what may be posted in it."""
    here = session.get(Channel, channel_id)
    if here is None or not _known(here, now=now):
        return NOTHING
    people = _people(session, channel_id)
    guests = {slack_id for slack_id, person in people.items() if person is None or person.is_guest}
    members = _members(session, [channel.id for _, channel in _projects(session) if channel])
    seen = set()
    for project, channel in _projects(session):
        there = members.get(channel.id, frozenset()) if channel else frozenset()
        if channel and channel.id == channel_id:
            visible = True
        elif here.is_shared:  # people of another organisation may come in and read back
            visible = False
        elif _public(project, channel, now=now):
            visible = guests <= there
        else:  # what is posted in a public channel, everybody can read
            visible = here.is_private and _known(channel, now=now) and people.keys() <= there
        if visible:
            seen.add(project.id or 0)
    return Sight(project_ids=frozenset(seen))


def _projects(session: Session) -> list[tuple[Project, Channel | None]]:
    query = select(Project, Channel).outerjoin(Channel, col(Project.channel_id) == col(Channel.id))
    return [(project, channel) for project, channel in session.exec(query)]


def _people(session: Session, channel_id: str) -> dict[str, Person | None]:
    """The members who are people; somebody not known yet stands as None."""
    query = (
        select(Membership.slack_id, Person)
        .outerjoin(Person, col(Membership.slack_id) == col(Person.slack_id))
        .where(Membership.channel_id == channel_id)
    )
    return {
        slack_id: person for slack_id, person in session.exec(query) if person is None or not person.is_bot
    }


def _members(session: Session, channel_ids: Iterable[str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    wanted = select(Membership.channel_id, Membership.slack_id).where(
        col(Membership.channel_id).in_(list(channel_ids))
    )
    for channel_id, slack_id in session.exec(wanted):
        found.setdefault(channel_id, set()).add(slack_id)
    return {channel_id: frozenset(people) for channel_id, people in found.items()}


def _known(channel: Channel | None, *, now: datetime) -> bool:
    return channel is not None and channel.synced_at is not None and now - channel.synced_at <= FRESH


def _member(channel: Channel | None, joined: Collection[str], *, now: datetime) -> bool:
    return channel is not None and channel.id in joined and _known(channel, now=now)


def _public(project: Project, channel: Channel | None, *, now: datetime) -> bool:
    """Open, and in a public channel; imported projects have no channel and are as open as they say."""
    if project.openness != "open":
        return False
    if project.channel_id is None:
        return True
    return _known(channel, now=now) and channel is not None and not channel.is_private
