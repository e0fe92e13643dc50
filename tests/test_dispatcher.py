"""What the outbox holds reaches Slack once and in order, whatever Slack, the network or the bot's process do."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from local_workspace import ANA, RUNS, VISION, Json, LocalWorkspace
from patience import stretched
from sqlalchemy import text
from sqlmodel import col, select

from bot import outbox
from bot.dispatcher import Dispatcher
from bot.errors import SlackBusy
from bot.messenger import SlackMessenger
from bot.values import Message
from storage.database import Database
from storage.embedded_process import wait_for
from storage.memory import Outbox


class Sender:
    """Writes messages, and sends them by hand: time passes only when it is told to."""

    def __init__(self, database: Database, workspace: LocalWorkspace, prefix: str) -> None:
        self.database, self.workspace, self.prefix = database, workspace, prefix
        self.messenger = SlackMessenger(token=workspace.bot_token, base_url=workspace.base_url, timeout=1)
        self.shown: list[str] = []
        self.dispatcher = Dispatcher(database, self.messenger, render=self._render)
        self.now = datetime.now(UTC)

    def key(self, words: str) -> str:
        """Of its own for each test: they share the workspace, where keys are looked for."""
        return f"{self.prefix}:{words}"

    def _render(self, session: object, spec: Any, now: datetime) -> Message | None:  # noqa: ANN401
        self.shown.append(spec["words"])
        return Message(text=f"{self.prefix} {spec['words']}")

    def post(self, *words: str, channel: str = RUNS, parent: str | None = None, **more: Any) -> None:  # noqa: ANN401
        for each in words:
            with self.database.session() as session:
                message = Message(text=f"{self.prefix} {each}", **more)
                hangs_on = self.key(parent) if parent else None
                outbox.post(session, self.key(each), channel, message, now=self.now, parent_key=hangs_on)

    def edit(self, target: str, words: str, *, urgent: bool = False) -> None:
        with self.database.session() as session:
            spec = {"words": words}
            self.now += timedelta(milliseconds=1)
            outbox.edit(session, self.key(target), RUNS, spec, now=self.now, urgent=urgent)

    def send(self, *, seconds: float = 120) -> None:
        """Send all there is, as if so much time passed."""
        for _ in range(int(seconds)):
            while self.dispatcher.send_due(self.now):
                pass
            self.now += timedelta(seconds=1)

    def said(self, channel: str = RUNS) -> list[str]:
        messages = self.workspace.messages(channel)
        ours = [str(one["text"]) for one in messages if str(one["text"]).startswith(self.prefix)]
        return [one.removeprefix(self.prefix).strip() for one in ours]

    def row(self, key: str) -> Outbox:
        with self.database.session() as session:
            return session.exec(select(Outbox).where(Outbox.key == self.key(key))).one()

    def message(self, key: str) -> Json:
        result = self.row(key).result or {}
        return self.workspace.message(result["channel"], result["ts"])


@pytest.fixture
def sender(database: Database, workspace: LocalWorkspace, request: pytest.FixtureRequest) -> Iterator[Sender]:
    workspace.faults()
    yield Sender(database, workspace, f"[{request.node.name[:60]}]")
    workspace.faults()


def fault(kind: str, *, method: str = "chat.postMessage", **more: Any) -> Json:  # noqa: ANN401
    return {"method": method, "kind": kind, **more}


@pytest.mark.parametrize(
    "faults",
    [
        [fault("429", retry_after=1, count=2)],
        [fault("500", count=3), fault("503")],
        [fault("timeout_after_accept", seconds=0.1, count=2)],
        [fault("drop_connection", count=2)],
        [
            fault("timeout_after_accept", seconds=0.1),
            fault("429", method="conversations.history", retry_after=2),
        ],
        [fault("timeout_after_accept", seconds=0.1), fault("500", method="conversations.history", count=2)],
        [
            fault("500", skip=1),
            fault("timeout_after_accept", seconds=0.1, skip=1),
            fault("429", retry_after=1),
        ],
    ],
    ids=["429", "5xx", "lost answers", "cut connections", "429 while looking", "500 while looking", "all"],
)
def test_every_message_arrives_once_and_in_order(sender: Sender, faults: Sequence[Json]) -> None:
    sender.workspace.faults(*faults)
    sender.post("one", "two", "three")
    sender.send()
    assert sender.said() == ["one", "two", "three"]


def test_what_another_has_just_taken_in_hand_is_left_to_it(sender: Sender) -> None:
    """After PostgreSQL was away two may lead for a moment: the row is chosen before the other's claim is there to be seen."""
    sender.post("one")
    with ThreadPoolExecutor(1) as pool:
        with sender.database.session() as other:
            row = other.exec(select(Outbox).where(Outbox.key == sender.key("one")).with_for_update()).one()
            second = pool.submit(sender.dispatcher.send_due, sender.now)
            with sender.database.session() as looking:
                blocked = text(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
                )
                assert wait_for(lambda: bool(looking.execute(blocked).scalar()), seconds=stretched(30))
            row.state, row.not_before, row.sent_at = "sending", sender.now + timedelta(seconds=20), sender.now
        second.result()
    assert sender.said() == []
    sender.send()
    assert sender.said() == ["one"]


def test_the_same_thing_is_never_told_twice(sender: Sender) -> None:
    sender.post("one", "one")
    sender.send(seconds=3)
    sender.post("one")
    sender.send(seconds=3)
    assert sender.said() == ["one"]


def test_a_lost_answer_in_a_thread_or_to_a_person_is_found_again(sender: Sender) -> None:
    sender.post("parent")
    sender.send(seconds=2)
    sender.workspace.faults(fault("timeout_after_accept", seconds=0.1, count=2))
    sender.post("reply", parent="parent")
    sender.post("private", channel=ANA)
    sender.send(seconds=60)
    ts = (sender.row("parent").result or {})["ts"]
    replies = [one["text"] for one in sender.workspace.thread(RUNS, ts)[1:]]
    assert replies == [f"{sender.prefix} reply"]
    assert sender.said(sender.workspace.open_dm(ANA)) == ["private"]


def test_a_channel_that_waits_does_not_hold_up_another(sender: Sender) -> None:
    sender.post(*(f"many {number}" for number in range(12)))
    sender.post("other", channel=VISION)
    sender.send(seconds=1)
    assert sender.said(VISION) == ["other"]
    assert 0 < len(sender.said()) < 12
    sender.send(seconds=30)
    assert sender.said() == [f"many {number}" for number in range(12)]


def test_blocks_that_slack_refuses_are_left_out(sender: Sender) -> None:
    sender.post("words", blocks=[{"type": "section"}])
    sender.send(seconds=2)
    assert sender.said() == ["words"]
    assert not sender.message("words").get("blocks")


def test_a_refused_parent_drops_its_replies_and_blocks_nothing(sender: Sender) -> None:
    sender.workspace.faults()
    sender.post("parent", channel="C0NOWHERE")
    sender.post("reply", channel="C0NOWHERE", parent="parent")
    sender.post("after")
    sender.send(seconds=3)
    assert (sender.row("parent").state, sender.row("parent").error) == ("refused", "channel_not_found")
    assert sender.row("reply").state == "dropped"
    assert sender.said() == ["after"]


def test_a_dispatcher_killed_after_sending_is_followed_by_one_that_looks_first(sender: Sender) -> None:
    sender.post("once", "then")

    class Killed(BaseException):
        """The process dies."""

    def die(*_: object) -> None:
        raise Killed

    sender.dispatcher._settle = die  # type: ignore[method-assign, assignment]
    with pytest.raises(Killed):
        sender.dispatcher.send_due(sender.now)
    assert (sender.row("once").state, sender.said()) == ("sending", ["once"])
    sender.dispatcher = Dispatcher(sender.database, sender.messenger, render=sender._render)
    sender.send(seconds=60)
    assert sender.said() == ["once", "then"]


def test_a_dispatcher_that_takes_over_leaves_alone_what_another_is_sending(sender: Sender) -> None:
    sender.post("once")
    second = Dispatcher(sender.database, sender.messenger, render=sender._render)

    class Slow(SlackMessenger):
        def call(self, method: str, body: Any) -> dict[str, Any]:  # noqa: ANN401
            second.send_due(sender.now + timedelta(seconds=15))
            return super().call(method, body)

    workspace = sender.workspace
    slow = Slow(token=workspace.bot_token, base_url=workspace.base_url)
    Dispatcher(sender.database, slow, render=sender._render).send_due(sender.now)
    sender.send(seconds=60)
    assert sender.said() == ["once"]


def test_a_token_that_slack_no_longer_takes_loses_nothing(sender: Sender) -> None:
    wrong = SlackMessenger(token="xoxb-wrong", base_url=sender.workspace.base_url)
    sender.post("kept")
    Dispatcher(sender.database, wrong, render=sender._render).send_due(sender.now)
    assert sender.row("kept").state == "waiting"
    sender.send(seconds=90)
    assert sender.said() == ["kept"]


def test_what_the_app_may_not_write_now_waits_until_it_may(sender: Sender) -> None:
    sender.workspace.faults(fault("refuse", error="missing_scope", count=2))
    sender.post("first", "second")
    sender.send(seconds=1)
    assert [(sender.row(key).state, sender.row(key).error) for key in ("first", "second")] == [
        ("waiting", "missing_scope"),
        ("waiting", None),
    ]
    sender.send(seconds=240)
    assert sender.said() == ["first", "second"]


def test_edits_of_one_message_that_wait_are_one_and_show_the_last(sender: Sender) -> None:
    sender.post("first")
    for number in range(20):
        sender.edit("first", f"state {number}")
    sender.send(seconds=5)
    assert sender.message("first")["text"] == f"{sender.prefix} state 19"
    assert sender.shown == ["state 19"]


def test_an_edit_asked_for_while_another_is_sent_is_not_lost(sender: Sender) -> None:
    sender.post("first")
    sender.send(seconds=2)
    sender.edit("first", "old")
    render = sender._render

    def changed_meanwhile(session: object, spec: Any, now: datetime) -> Message | None:  # noqa: ANN401
        return render(session, spec, now)

    class Meanwhile(SlackMessenger):
        def call(self, method: str, body: Any) -> dict[str, Any]:  # noqa: ANN401
            sender.edit("first", "new")
            return super().call(method, body)

    workspace = sender.workspace
    slow = Meanwhile(token=workspace.bot_token, base_url=workspace.base_url)
    Dispatcher(sender.database, slow, render=changed_meanwhile).send_due(sender.now)
    assert sender.message("first")["text"] == f"{sender.prefix} old"
    sender.send(seconds=30)
    assert sender.message("first")["text"] == f"{sender.prefix} new"


def test_urgent_edits_go_first_and_all_stay_within_the_budget(sender: Sender) -> None:
    keys = [f"post {number}" for number in range(30)]
    sender.post(*keys)
    sender.send(seconds=60)
    before = len(sender.workspace.calls("chat.update"))
    for key in keys:
        sender.edit(key, "dull")
    sender.edit(keys[-1], "bright", urgent=True)
    sender.shown.clear()
    start = sender.now
    sender.send(seconds=20)
    spent = len(sender.workspace.calls("chat.update")) - before
    allowed = 9 + 45 * (sender.now - start).total_seconds() / 60
    assert sender.shown[0] == "bright"
    assert 9 <= spent <= allowed
    assert len(sender.shown) == spent  # nothing was rendered that could not be sent
    sender.send(seconds=60)
    assert len(sender.workspace.calls("chat.update")) - before == 30


def test_edits_of_what_is_not_posted_yet_keep_nobody_waiting(sender: Sender) -> None:
    sender.post("posted", channel=VISION)
    sender.send(seconds=2)
    sender.post(*(f"later {number}" for number in range(10)))
    with sender.database.session() as session:
        for row in session.exec(select(Outbox).where(col(Outbox.key).contains("later"))):
            row.not_before = sender.now + timedelta(hours=1)
    for number in range(10):
        sender.edit(f"later {number}", "x", urgent=True)
    sender.edit("posted", "seen")
    sender.send(seconds=2)
    assert sender.message("posted")["text"] == f"{sender.prefix} seen"


def test_what_is_taken_back_before_it_was_sent_is_never_sent(sender: Sender) -> None:
    sender.post("kept", "gone")
    with sender.database.session() as session:
        outbox.remove(session, sender.key("gone"), RUNS, now=sender.now)
    sender.send(seconds=5)
    with sender.database.session() as session:
        outbox.remove(session, sender.key("kept"), RUNS, now=sender.now)
    sender.send(seconds=5)
    assert sender.said() == []


def test_slack_that_is_not_there_is_waited_for(database: Database) -> None:
    nobody = SlackMessenger(token="xoxb-x", base_url="http://127.0.0.1:9/api/")
    with pytest.raises(SlackBusy):
        nobody.call("auth.test", {})
