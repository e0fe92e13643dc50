"""Channels and people that change: archived, closed, shared, left; what may be seen follows at once, what is unsaid waits."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any

from local_workspace import ANA, BEN, VISION
from memory_of_a_team import NOW, Team
from running_bot import BOT, RunningBot, shown
from sqlmodel import Session, select

from bot import delivery_check, directory, people, tokens
from bot.people import by_slack_id
from bot.sight import audience_sight, person_sight
from storage.memory import Channel, Outbox, SlackEvent
from storage.tables import Person, Project, Run

_names = count(1)


def new_channel(bot: RunningBot, project: str, *members: str) -> str:
    """A channel of its own for a project, with the bot in it."""
    name = f"changing-{next(_names)}"
    made = bot.workspace.do("channel", user=ANA, action="create", name=name)["channel"]["id"]
    bot.workspace.do("channel", user=ANA, action="invite", channel=made, users=[BOT, *members])
    bot.wait(lambda: known(bot, made).synced_at, "the channel to be known")
    bot.own_channel(project, made)
    return str(made)


def known(bot: RunningBot, channel: str) -> Channel:
    with bot.services.database.session() as session:
        return session.get(Channel, channel) or Channel(id=channel, name="?")


def sees(bot: RunningBot, slack_id: str, project: str) -> bool:
    with bot.services.database.session() as session:
        found = session.exec(select(Project).where(Project.name == project)).one()
        person = by_slack_id(session, slack_id, now=bot.clock())
        return person_sight(session, person, now=bot.clock()).sees(found.id or 0)


def troubles(bot: RunningBot) -> list[str]:
    with bot.services.database.session() as session:
        return [one.seen for one in delivery_check.delivery(session, now=bot.clock()) if not one.ok]


def test_a_public_channel_made_private_is_closed_at_once(bot: RunningBot) -> None:
    channel = new_channel(bot, "converted")
    assert sees(bot, BEN, "converted")
    bot.workspace.do("channel", user=ANA, action="convert", channel=channel)
    bot.wait(lambda: known(bot, channel).is_private, "the conversion")
    assert not sees(bot, BEN, "converted")
    assert sees(bot, ANA, "converted")


def test_who_leaves_a_private_channel_sees_no_more_of_it(bot: RunningBot) -> None:
    channel = new_channel(bot, "left-private", BEN)
    bot.workspace.do("channel", user=ANA, action="convert", channel=channel)
    bot.wait(lambda: known(bot, channel).is_private, "the conversion")
    assert sees(bot, BEN, "left-private")
    bot.workspace.do("channel", user=BEN, action="leave", channel=channel)
    bot.wait(lambda: not sees(bot, BEN, "left-private"), "the leaving")


def test_a_channel_shared_with_others_shows_only_what_is_its_own(bot: RunningBot) -> None:
    channel = new_channel(bot, "shared-own")
    bot.own_channel("elsewhere", VISION)
    bot.workspace.do("channel", user=ANA, action="share", channel=channel)
    bot.wait(lambda: known(bot, channel).is_shared, "the sharing")
    with bot.services.database.session() as session:
        sight = audience_sight(session, channel, now=bot.clock())
        ids = {one.name: one.id or 0 for one in session.exec(select(Project))}
    assert (sight.sees(ids["shared-own"]), sight.sees(ids["elsewhere"])) == (True, False)


def test_somebody_never_heard_of_is_a_guest_until_slack_says_who_they_are(bot: RunningBot) -> None:
    bot.own_channel("open-to-all", VISION)
    assert not sees(bot, "U0STRANGER", "open-to-all")
    with bot.services.database.session() as session:
        found = session.exec(select(Person).where(Person.slack_id == BEN)).one()
        found.name = BEN  # as if he had joined since the last look
        found.is_guest = True
        session.flush()
        directory.meet(session, bot.services, BEN)
    assert sees(bot, BEN, "open-to-all")


def test_people_of_another_organisation_see_only_the_channels_they_are_in(session: Session) -> None:
    team = Team(session)
    told: list[Mapping[str, Any]] = [
        {"id": "U0PARTNER", "name": "pat", "team_id": "T0OTHER"},
        {"id": "U0ANA", "name": "ana", "team_id": "T0"},
    ]
    people.learn(session, told, now=NOW, team="T0")
    pat, ana = (session.exec(select(Person).where(Person.name == name)).one() for name in ("pat", "ana"))
    inside, outside = team.project("in", team.channel("in", pat)), team.project("out", team.channel("out"))
    for person, expected in ((pat, [True, False]), (ana, [True, True])):
        sight = person_sight(session, person, now=NOW)
        assert [sight.sees(one.id or 0) for one in (inside, outside)] == expected


def test_a_deactivated_person_sees_nothing_and_their_tokens_end(bot: RunningBot) -> None:
    with bot.services.database.session() as session:
        person = by_slack_id(session, BEN, now=bot.clock())
        token = tokens.create(session, now=bot.clock(), person=person)
    bot.workspace.do("user", action="deactivate", user=BEN)
    directory.reconcile(bot.services)
    with bot.services.database.session() as session:
        person = by_slack_id(session, BEN, now=bot.clock())
        assert person_sight(session, person, now=bot.clock()).project_ids == frozenset()
        assert tokens.check(session, f"Bearer {token}", scope="read", now=bot.clock()) is None
    bot.workspace.do("user", action="reactivate", user=BEN)
    directory.reconcile(bot.services)
    with bot.services.database.session() as session:
        assert tokens.check(session, f"Bearer {token}", scope="read", now=bot.clock()) is not None


def test_what_an_archived_channel_refused_is_told_when_it_is_opened_again(bot: RunningBot) -> None:
    channel = new_channel(bot, "archived")
    bot.workspace.do("channel", user=ANA, action="archive", channel=channel)
    bot.wait(lambda: known(bot, channel).is_archived, "the archiving")
    run = bot.start("archived")
    bot.settle()
    name = known(bot, channel).name
    assert f"1 message to #{name} refused: is_archived" in troubles(bot)
    assert f"#{name} is archived" in troubles(bot)
    bot.log("archived", run, "val_acc", 0.5)
    bot.workspace.do("channel", user=ANA, action="unarchive", channel=channel)
    told = bot.message(channel, "archived/1")
    bot.settle()
    assert "0.5" in shown(bot.workspace.message(channel, told["ts"]))
    assert not [one for one in troubles(bot) if name in one]


def test_a_bot_that_was_removed_says_so_in_doctor_and_goes_on_when_invited(bot: RunningBot) -> None:
    channel = new_channel(bot, "removed")
    bot.workspace.do("channel", user=ANA, action="kick", channel=channel, users=[BOT])
    bot.wait(lambda: not known(bot, channel).is_member, "the removal")
    bot.start("removed")
    bot.settle()
    name = known(bot, channel).name
    assert next(one for one in troubles(bot) if name in one).endswith("refused: not_in_channel")
    assert not sees(bot, BEN, "removed")
    bot.workspace.do("channel", user=ANA, action="invite", channel=channel, users=[BOT])
    bot.message(channel, "removed/1")
    bot.wait(lambda: sees(bot, BEN, "removed"), "its members to be known again")


def test_a_renamed_channel_keeps_its_project(bot: RunningBot) -> None:
    channel = new_channel(bot, "renamed")
    bot.workspace.do("channel", user=ANA, action="rename", channel=channel, name="another-name")
    bot.wait(lambda: known(bot, channel).name == "another-name", "the new name")
    bot.start("renamed")
    bot.message(channel, "renamed/1")


def test_a_deleted_run_message_holds_nothing_up(bot: RunningBot) -> None:
    channel = new_channel(bot, "deleted")
    run = bot.start("deleted")
    message = bot.message(channel, "deleted/1")
    bot.settle()
    with bot.services.database.session() as session:
        bot.services.messenger.call("chat.delete", {"channel": channel, "ts": message["ts"]})
        key = session.exec(select(Run.told_in).where(Run.uid == run)).one()
    bot.log("deleted", run, "val_acc", 0.5)
    bot.clock.advance(minutes=3)
    bot.finish("deleted", run)
    bot.start("deleted", entry="other.py")
    bot.message(channel, "deleted/2")
    bot.settle()
    with bot.services.database.session() as session:
        states = dict(session.exec(select(Outbox.key, Outbox.state).where(Outbox.parent_key == key)).all())
    assert states == {f"{str(key).removesuffix(':parent')}:ended:finished": "refused"}
    assert any("cannot_reply_to_message" in one for one in troubles(bot))


def test_doctor_tells_of_a_revoked_token_and_of_what_waits(bot: RunningBot) -> None:
    with bot.services.database.session() as session:
        now = bot.clock()
        session.add(SlackEvent(event_id="Ev0REVOKED", kind="tokens_revoked", body={}, received_at=now))
        session.add(
            Outbox(key="waits long", lane="C0X", method="chat.postMessage", created_at=now - timedelta(minutes=9),
                   not_before=now + timedelta(hours=1), error="token_revoked")
        )  # fmt: skip
    told = troubles(bot)
    with bot.services.database.session() as session:
        later = now + timedelta(seconds=1)
        session.add(
            SlackEvent(event_id="Ev0AGAIN", kind="message", body={}, received_at=later, handled_at=later)
        )
    again = troubles(bot)
    with bot.services.database.session() as session:
        session.delete(session.exec(select(Outbox).where(Outbox.key == "waits long")).one())
        session.delete(session.get_one(SlackEvent, "Ev0REVOKED"))
        session.delete(session.get_one(SlackEvent, "Ev0AGAIN"))
    assert "1 message waiting for 9 min" in told[0]
    assert "Slack says token_revoked" in told[0]
    assert any(one.startswith("tokens_revoked") for one in told)
    assert not any(one.startswith("tokens_revoked") for one in again)  # it was installed again
