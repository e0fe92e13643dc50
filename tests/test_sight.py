"""What somebody, and what a whole channel, may see follows Slack."""

from datetime import timedelta

import pytest
from memory_of_a_team import NOW, Team
from sqlmodel import Session

from bot.sight import Sight, audience_sight, operator_sight, person_sight, project_sight
from storage.tables import Person, Project


@pytest.fixture
def team(session: Session) -> Team:
    return Team(session)


def seen_by(session: Session, person: Person) -> Sight:
    return person_sight(session, person, now=NOW)


def sees(sight: Sight, *projects: Project) -> list[bool]:
    return [sight.sees(project.id or 0) for project in projects]


def test_public_channels_are_open_to_members_of_the_workspace(session: Session, team: Team) -> None:
    ana, project = team.person("ana"), team.project("p", team.channel("open"))
    assert sees(seen_by(session, ana), project) == [True]


def test_private_channels_are_open_to_their_members(session: Session, team: Team) -> None:
    ana, ben = team.person("ana"), team.person("ben")
    project = team.project("p", team.channel("closed", ana, private=True))
    assert sees(seen_by(session, ana), project) == [True]
    assert sees(seen_by(session, ben), project) == [False]


def test_guests_see_exactly_the_channels_they_are_in(session: Session, team: Team) -> None:
    guest = team.person("gus", is_guest=True)
    inside = team.project("inside", team.channel("inside", guest))
    outside = team.project("outside", team.channel("outside"))
    imported = team.project("imported")
    assert sees(seen_by(session, guest), inside, outside, imported) == [True, False, False]


def test_bots_and_strangers_see_nothing(session: Session, team: Team) -> None:
    bot = team.person("bot", is_bot=True)
    project = team.project("p", team.channel("open", bot))
    assert sees(seen_by(session, bot), project) == [False]
    assert sees(person_sight(session, None, now=NOW), project) == [False]


@pytest.mark.parametrize("synced", [None, NOW - timedelta(hours=3)])
def test_memberships_unknown_or_old_are_not_trusted(session: Session, team: Team, synced: object) -> None:
    ana = team.person("ana")
    project = team.project("p", team.channel("old", ana, private=True, synced=synced))  # type: ignore[arg-type]
    assert sees(seen_by(session, ana), project) == [False]


def test_a_project_can_be_closed_in_a_public_channel(session: Session, team: Team) -> None:
    ana, ben = team.person("ana"), team.person("ben")
    project = team.project("p", team.channel("open", ana), openness="private")
    assert sees(seen_by(session, ana), project) == [True]
    assert sees(seen_by(session, ben), project) == [False]


def test_discoverable_projects_are_known_by_name_only(session: Session, team: Team) -> None:
    ben = team.person("ben")
    project = team.project("p", team.channel("closed", private=True), openness="discoverable")
    sight = seen_by(session, ben)
    assert not sight.sees(project.id or 0)
    assert sight.discoverable_ids == {project.id}


def test_an_audience_sees_what_every_member_sees(session: Session, team: Team) -> None:
    ana, ben = team.person("ana"), team.person("ben")
    here = team.channel("here", ana, ben, private=True)
    both = team.project("both", team.channel("both", ana, ben, private=True))
    one = team.project("one", team.channel("one", ana, private=True))
    public = team.project("public", team.channel("public"))
    own = team.project("own", here)
    assert sees(audience_sight(session, here.id, now=NOW), both, one, public, own) == [
        True,
        False,
        True,
        True,
    ]


def test_what_a_public_channel_shows_everybody_can_read(session: Session, team: Team) -> None:
    ana = team.person("ana")
    here = team.channel("here", ana)
    closed = team.project("closed", team.channel("closed", ana, private=True))
    public = team.project("public", team.channel("public"))
    assert sees(audience_sight(session, here.id, now=NOW), closed, public) == [False, True]


def test_a_guest_in_the_audience_narrows_it(session: Session, team: Team) -> None:
    ana, guest = team.person("ana"), team.person("gus", is_guest=True)
    here = team.channel("here", ana, guest, private=True)
    public = team.project("public", team.channel("public"))
    joint = team.project("joint", team.channel("joint", ana, guest))
    assert sees(audience_sight(session, here.id, now=NOW), public, joint) == [False, True]


def test_the_bot_in_the_channel_does_not_narrow_it(session: Session, team: Team) -> None:
    ana, bot = team.person("ana"), team.person("bot", is_bot=True)
    here = team.channel("here", ana, bot, private=True)
    other = team.project("other", team.channel("other", ana, private=True))
    assert sees(audience_sight(session, here.id, now=NOW), other) == [True]


def test_an_unknown_channel_shows_nothing(session: Session, team: Team) -> None:
    public = team.project("public", team.channel("public"))
    old = team.channel("old", synced=NOW - timedelta(hours=3))
    assert sees(audience_sight(session, "C0NONE", now=NOW), public) == [False]
    assert sees(audience_sight(session, old.id, now=NOW), public) == [False]


def test_the_operator_sees_all_and_a_project_token_its_project() -> None:
    assert operator_sight().sees(7)
    assert project_sight(7).sees(7)
    assert not project_sight(7).sees(8)
