"""What the bot says reaches Slack once and in order, whatever Slack, the network or a dispatcher does meanwhile."""

import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from local_workspace import RUNS, SECRET, VISION, LocalWorkspace
from running_bot import RunningBot, running_bot, shown
from sqlmodel import Session, col, select

from bot import outbox
from bot.dispatcher import Dispatcher
from bot.messenger import SlackMessenger
from bot.values import Message
from storage.database import Database
from storage.memory import Outbox


def say(bot: RunningBot, channel: str, *words: str, **more: Any) -> None:  # noqa: ANN401  outbox.post's own
    """Posts as the bot writes them, each under its words as its key."""
    with bot.services.database.session() as session:
        for one in words:
            outbox.post(session, one, channel, Message(text=one), now=bot.clock(), **more)


def told(bot: RunningBot, channel: str, start: str) -> list[str]:
    """The channel's messages that begin so, in the order people see them."""
    texts = [str(one["text"]) for one in bot.workspace.messages(channel)]
    return [one for one in texts if one.startswith(start)]


def row(bot: RunningBot, key: str) -> Outbox:
    with bot.services.database.session() as session:
        return session.exec(select(Outbox).where(Outbox.key == key)).one()


@pytest.fixture
def unsent(database: Database, workspace: LocalWorkspace, tmp_path: Path) -> Iterator[RunningBot]:
    """A bot whose dispatcher does nothing by itself."""
    workspace.faults()
    with running_bot(database, workspace, tmp_path, workers=False, socket=False) as started:
        yield started


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "429", "retry_after": 1},
        {"kind": "500"},
        {"kind": "503"},
        {"kind": "timeout_after_accept", "seconds": 0.3},
        {"kind": "drop_connection"},
    ],
    ids=lambda fault: str(fault["kind"]),
)
def test_a_call_that_fails_is_made_good_once_and_in_order(bot: RunningBot, fault: dict[str, Any]) -> None:
    start = f"faulty-{fault['kind']}"
    both = [f"{start} {place}" for place in range(4)]
    bot.workspace.faults({"method": "chat.postMessage", "skip": 1, "count": 2, **fault})
    say(bot, RUNS, *both)
    say(bot, VISION, *(f"{one} elsewhere" for one in both))
    bot.settle(seconds=30)
    assert told(bot, RUNS, start) == both
    assert told(bot, VISION, start) == [f"{one} elsewhere" for one in both]


def test_a_reply_whose_answer_was_lost_is_found_in_its_thread(bot: RunningBot) -> None:
    say(bot, RUNS, "lost-answer:parent")
    bot.workspace.faults(
        {"method": "chat.postMessage", "skip": 1, "kind": "timeout_after_accept", "seconds": 0.3}
    )
    say(bot, RUNS, "lost-answer one", "lost-answer two", parent_key="lost-answer:parent")
    bot.settle(seconds=30)
    parent = bot.message(RUNS, "lost-answer:parent")
    replies = [shown(one) for one in bot.workspace.thread(RUNS, parent["ts"])[1:]]
    assert replies == ["lost-answer one", "lost-answer two"]


def test_blocks_that_slack_refuses_leave_the_text(bot: RunningBot) -> None:
    with bot.services.database.session() as session:
        refused = Message(text="only the text", blocks=[{"type": "no_such_block"}])
        outbox.post(session, "bad blocks", RUNS, refused, now=bot.clock())
    bot.settle()
    assert told(bot, RUNS, "only the text") == ["only the text"]
    assert row(bot, "bad blocks").state == "sent"


def test_a_refused_parent_drops_its_replies_and_holds_nobody_up(bot: RunningBot) -> None:
    say(bot, "C0NOWHERE", "nowhere:parent")
    say(bot, RUNS, "reply to nowhere", parent_key="nowhere:parent")
    say(bot, RUNS, "after nowhere")
    say(bot, "C0NOWHERE", "nowhere again")
    bot.settle()
    assert told(bot, RUNS, "after nowhere") == ["after nowhere"]
    assert (row(bot, "nowhere:parent").state, row(bot, "nowhere:parent").error) == (
        "refused",
        "channel_not_found",
    )
    assert row(bot, "reply to nowhere").state == "dropped"
    assert row(bot, "nowhere again").state == "refused"


def left_behind(bot: RunningBot, key: str) -> None:
    """The row as a dispatcher leaves it that is killed while it sends."""
    with bot.services.database.session() as session:
        killed = session.exec(select(Outbox).where(Outbox.key == key)).one()
        killed.state, killed.attempts, killed.result, killed.not_before = "sending", 1, None, None
        killed.sent_at = killed.created_at


@pytest.mark.parametrize("arrived", [True, False], ids=["arrived", "not-arrived"])
@pytest.mark.parametrize("place", ["channel", "thread"])
def test_what_a_killed_dispatcher_was_sending_is_looked_up(
    unsent: RunningBot, *, arrived: bool, place: str
) -> None:
    key, parent = f"killed {place} {arrived}", f"killed {place} {arrived}:parent"
    say(unsent, SECRET, parent)
    say(unsent, SECRET, key, parent_key=parent if place == "thread" else None)
    unsent.dispatcher.send_due(datetime.now(UTC))
    before = len(unsent.workspace.calls("chat.postMessage"))
    if arrived:
        unsent.dispatcher.send_due(datetime.now(UTC))
    left_behind(unsent, key)
    unsent.dispatcher.send_due(datetime.now(UTC))
    sent = row(unsent, key)
    ts = str((sent.result or {})["ts"])
    assert sent.state == "sent"
    assert unsent.workspace.message(SECRET, ts)["text"] == key
    assert len(unsent.workspace.calls("chat.postMessage")) == before + 1


def test_two_dispatchers_at_once_post_once(unsent: RunningBot) -> None:
    words = [f"twice {place}" for place in range(6)]
    others = [
        Dispatcher(unsent.services.database, unsent.services.messenger, render=nothing_rendered)
        for _ in range(2)
    ]
    threads = [threading.Thread(target=one.run) for one in others]
    for one in threads:
        one.start()
    say(unsent, VISION, *words)
    unsent.wait(lambda: row(unsent, words[-1]).state == "sent", "the last message")
    for dispatcher in others:
        dispatcher.stop()
    for one in threads:
        one.join(5)
    assert told(unsent, VISION, "twice") == words


def test_another_dispatcher_takes_over_when_the_first_ends(unsent: RunningBot) -> None:
    first, second = (
        Dispatcher(unsent.services.database, unsent.services.messenger, render=nothing_rendered)
        for _ in range(2)
    )
    leading = threading.Thread(target=first.run)
    leading.start()
    say(unsent, VISION, "by the first")
    unsent.wait(lambda: row(unsent, "by the first").state == "sent", "the first message")
    waiting = threading.Thread(target=second.run)
    waiting.start()
    first.stop()
    leading.join(5)
    say(unsent, VISION, "by the second")
    unsent.wait(lambda: row(unsent, "by the second").state == "sent", "the second message")
    second.stop()
    waiting.join(5)
    assert told(unsent, VISION, "by the") == ["by the first", "by the second"]


def nothing_rendered(session: Session, spec: Mapping[str, Any], now: datetime) -> Message | None:
    del session, spec, now
    return None


class RenewingMessenger(SlackMessenger):
    """Slack as it is, but while the first edit is on its way, something else changes."""

    def __init__(self, bot: RunningBot) -> None:
        super().__init__(token=bot.workspace.bot_token, base_url=bot.workspace.base_url)
        self.bot, self.renewed = bot, False

    def call(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = super().call(method, body)
        if method == "chat.update" and not self.renewed:
            self.renewed = True
            ask_for_edit(self.bot, "changing", words="second state")
        return answer


def ask_for_edit(bot: RunningBot, key: str, *, words: str) -> None:
    with bot.services.database.session() as session:
        outbox.edit(session, key, VISION, {"words": words}, now=datetime.now(UTC))


def test_an_edit_renewed_while_it_is_sent_is_sent_again(unsent: RunningBot) -> None:
    def rendered(session: Session, spec: Mapping[str, Any], now: datetime) -> Message:
        del session, now
        return Message(text=str(spec["words"]))

    dispatcher = Dispatcher(unsent.services.database, RenewingMessenger(unsent), render=rendered)
    say(unsent, VISION, "changing")
    dispatcher.send_due(datetime.now(UTC))
    ask_for_edit(unsent, "changing", words="first state")
    dispatcher.send_due(datetime.now(UTC))
    assert row(unsent, "edit:changing").state == "waiting"
    dispatcher.send_due(datetime.now(UTC))
    ts = str((row(unsent, "changing").result or {})["ts"])
    assert unsent.workspace.message(VISION, ts)["text"] == "second state"
    assert row(unsent, "edit:changing").state == "sent"
    assert not unsent.waiting()["outbox"]


def test_a_key_is_told_once_however_often_it_is_written(bot: RunningBot) -> None:
    for _ in range(3):
        say(bot, RUNS, "said once")
    bot.settle()
    say(bot, RUNS, "said once")
    bot.settle()
    assert told(bot, RUNS, "said once") == ["said once"]
    with bot.services.database.session() as session:
        assert len(session.exec(select(Outbox).where(col(Outbox.key) == "said once")).all()) == 1
