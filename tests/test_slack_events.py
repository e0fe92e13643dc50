"""What people do in Slack is taken in once and in order, whatever the connection does meanwhile."""

from typing import Any

import pytest
from local_workspace import ANA, BEN, VISION
from running_bot import RunningBot, shown
from sqlmodel import col, select

from storage.memory import Note, SlackEvent


def thread_of(bot: RunningBot, project: str) -> str:
    """The ts of a new run's own thread."""
    bot.own_channel(project, VISION)
    run = bot.start(project)
    bot.settle()  # the bot, too, knows where its message is
    return str(bot.message(VISION, run)["ts"])


def notes_at(bot: RunningBot, ts: str) -> list[Note]:
    with bot.services.database.session() as session:
        return list(session.exec(select(Note).where(Note.ts == ts)))


def kept(bot: RunningBot, ts: str) -> Note:
    """The one note of this message, waited for."""
    return bot.wait(lambda: next(iter(notes_at(bot, ts)), None), f"the note of {ts}", seconds=30)


@pytest.mark.parametrize("fault", ["duplicate_event", "drop_ack"])
def test_an_event_that_comes_twice_is_handled_once(bot: RunningBot, fault: str) -> None:
    thread = thread_of(bot, f"twice-{fault}".replace("_", "-"))
    bot.workspace.faults({"event": "message", "kind": fault})
    reply = bot.workspace.reply(ANA, VISION, thread, "I lowered lr from 0.1 to 0.01.")
    kept(bot, reply)
    bot.wait(lambda: deliveries_of(bot, reply, more_than=1), "the second delivery")
    bot.settle()
    assert len(notes_at(bot, reply)) == 1
    assert len(events_of(bot, reply)) == 1


def test_what_the_bot_says_itself_is_not_taken_in_again(bot: RunningBot) -> None:
    thread = thread_of(bot, "own-words")
    reply = bot.workspace.reply(ANA, VISION, thread, "I lowered lr from 0.1 to 0.01.")
    kept(bot, reply)  # came after the bot's own message
    assert (len(events_of(bot, reply)), events_of(bot, thread)) == (1, [])


def deliveries_of(bot: RunningBot, ts: str, *, more_than: int) -> bool:
    """Whether the event about this message went out more often than that."""
    ids = {event.event_id for event in events_of(bot, ts)}
    attempts = [one["attempts"] for one in bot.workspace.deliveries() if one["event_id"] in ids]
    return sum(len(each) for each in attempts) > more_than


def events_of(bot: RunningBot, ts: str) -> list[SlackEvent]:
    with bot.services.database.session() as session:
        every = session.exec(select(SlackEvent).where(col(SlackEvent.kind) == "message"))
        return [one for one in every if one.body["event"].get("ts") == ts]


def test_an_edit_that_overtakes_its_message_still_counts(bot: RunningBot) -> None:
    thread = thread_of(bot, "overtaken")
    bot.workspace.faults({"event": "message", "kind": "reorder_events", "seconds": 2})
    reply = bot.workspace.reply(ANA, VISION, thread, "I lowered lr from 0.1 to 0.01.")
    bot.workspace.edit(ANA, VISION, reply, "I lowered lr from 0.1 to 0.02.")
    kept(bot, reply)
    bot.settle()
    assert [note.text for note in notes_at(bot, reply)] == ["I lowered lr from 0.1 to 0.02."]


def test_a_deletion_that_overtakes_its_message_still_counts(bot: RunningBot) -> None:
    thread = thread_of(bot, "taken-back")
    bot.workspace.faults({"event": "message", "kind": "reorder_events", "seconds": 1})
    reply = bot.workspace.reply(ANA, VISION, thread, "I lowered lr from 0.1 to 0.01.")
    bot.workspace.delete(ANA, VISION, reply)
    bot.wait(lambda: events_of(bot, reply), "the late message")
    bot.settle()
    assert not [note for note in notes_at(bot, reply) if note.deleted_at is None]


@pytest.mark.parametrize("reason", ["refresh_requested", "warning", "abrupt"])
def test_nothing_is_lost_when_the_socket_ends(bot: RunningBot, reason: str) -> None:
    thread = thread_of(bot, f"socket-{reason}".replace("_", "-"))
    before = bot.workspace.reply(ANA, VISION, thread, "I lowered lr from 0.1 to 0.01.")
    # The socket that a test before has cut may not be renewed yet.
    bot.wait(lambda: bot.workspace.disconnect(reason) >= 1, "a socket to end")
    after = bot.workspace.reply(BEN, VISION, thread, "Acc went up after that.")
    assert (kept(bot, before).text, kept(bot, after).text) == (
        "I lowered lr from 0.1 to 0.01.",
        "Acc went up after that.",
    )
    bot.settle()
    assert [len(notes_at(bot, ts)) for ts in (before, after)] == [1, 1]


def test_an_event_that_was_under_way_when_the_socket_broke_comes_again(bot: RunningBot) -> None:
    thread = thread_of(bot, "under-way")
    broken: dict[str, Any] = {"event": "message", "kind": "disconnect_socket", "reason": "abrupt"}
    bot.workspace.faults(broken)
    reply = bot.workspace.reply(ANA, VISION, thread, "I lowered lr from 0.1 to 0.01.")
    kept(bot, reply)
    bot.settle()
    assert len(notes_at(bot, reply)) == 1


def test_a_command_is_answered_after_the_socket_was_renewed(bot: RunningBot) -> None:
    thread_of(bot, "renewed")
    bot.workspace.disconnect("refresh_requested")
    bot.wait(lambda: not commanded_fails(bot), "the command is taken", seconds=30)
    assert "renewed/1" in shown(bot.whisper(ANA, VISION, "renewed/1"))


def commanded_fails(bot: RunningBot) -> bool:
    """A person whose command meets no connection sees Slack's error, and types it again."""
    try:
        bot.workspace.command(ANA, VISION, "/runs", "list")
    except AssertionError:
        return True
    return False
