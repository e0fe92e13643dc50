"""Events reach a real Bolt app in both modes, with Slack's payload shapes."""

import json
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bolt_apps import HTTP, SOCKET, workspace_for
from local_workspace import ANA, BEN, CHLOE, DEV, RUNS, SECRET, VISION, Json, LocalWorkspace

SAMPLES = Path(__file__).parents[2] / "shared" / "data" / "slack" / "samples"


class Inbox:
    """The event payloads an app received, in order."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Json] = queue.Queue()

    def put(self, body: Json) -> None:
        self._queue.put(body)

    def next(self, kind: str, subtype: str | None = None) -> Json:
        """The next body whose event is of this type and subtype; others are passed over."""
        while True:
            body = self._queue.get(timeout=20)
            event = body["event"]
            if event["type"] == kind and event.get("subtype") == subtype:
                return body

    def about(self, ts: str) -> dict[str, Json]:
        """The two events about one message by type, in whichever order they come: each is delivered by itself."""
        found: dict[str, Json] = {}
        while len(found) < 2:
            body = self._queue.get(timeout=20)
            if body["event"].get("ts") == ts:
                found[body["event"]["type"]] = body
        return found

    def drain(self, until: str) -> list[Json]:
        """All events up to the message with this text."""
        found: list[Json] = []
        while True:
            event = self._queue.get(timeout=20)["event"]
            if event.get("text") == until:
                return found
            found.append(event)


@pytest.fixture(scope="module", params=[SOCKET, HTTP])
def connected(request: pytest.FixtureRequest) -> Iterator[tuple[LocalWorkspace, Inbox]]:
    inbox = Inbox()
    with workspace_for(request.param) as (workspace, app):

        @app.use
        def keep(body: Json, next: Any) -> None:  # noqa: ANN401
            inbox.put(body)
            next()

        for kind in ("message", "app_mention", "reaction_added", "reaction_removed", "app_home_opened"):
            app.event(kind)(lambda: None)
        for kind in ("member_joined_channel", "member_left_channel", "channel_rename", "channel_archive"):
            app.event(kind)(lambda: None)
        app.event("channel_unarchive")(lambda: None)
        yield workspace, inbox


def sample_fields(name: str) -> Json:
    path = SAMPLES / f"{name}.json"
    if not path.exists():
        pytest.skip("Slack's payload samples are not beside the project")
    fields: Json = json.loads(path.read_text(encoding="utf-8"))
    return fields


def test_a_message_arrives_escaped_with_mentions(connected: tuple[LocalWorkspace, Inbox]) -> None:
    workspace, inbox = connected
    ts = workspace.post(ANA, RUNS, "a < b & c: @ben see #vision-runs and https://x.org/?a=1&b=2.")
    body = inbox.next("message")
    event = body["event"]
    assert event["text"] == (
        f"a &lt; b &amp; c: <@{BEN}> see <#{VISION}|vision-runs> and <https://x.org/?a=1&amp;b=2>."
    )
    assert (event["ts"], event["user"], event["channel_type"]) == (ts, ANA, "channel")
    assert event["blocks"][0]["type"] == "rich_text"
    assert body["authorizations"][0]["user_id"] == "U0RUNLORE"


def test_a_mention_is_two_events_with_two_ids(connected: tuple[LocalWorkspace, Inbox]) -> None:
    workspace, inbox = connected
    parent = workspace.post(ANA, RUNS, "run 42")
    ts = workspace.reply(BEN, RUNS, parent, "@runlore compare with 41")
    told = inbox.about(ts)
    message, mention = told["message"], told["app_mention"]
    assert message["event"]["ts"] == mention["event"]["ts"] == ts
    assert message["event_id"] != mention["event_id"]
    assert mention["event"]["text"] == "<@U0RUNLORE> compare with 41"
    assert mention["event"]["thread_ts"] == parent


def test_no_mention_event_comes_from_a_direct_message(connected: tuple[LocalWorkspace, Inbox]) -> None:
    workspace, inbox = connected
    direct = workspace.open_dm(ANA)
    workspace.post(ANA, direct, "@runlore hello")
    assert inbox.next("message")["event"]["channel_type"] == "im"
    workspace.post(ANA, direct, "end")
    assert inbox.drain("end") == []


def test_private_channels_are_groups(connected: tuple[LocalWorkspace, Inbox]) -> None:
    workspace, inbox = connected
    workspace.post(DEV, SECRET, "psst")
    assert inbox.next("message")["event"]["channel_type"] == "group"


def test_an_edit_and_a_deletion_are_hidden_messages(connected: tuple[LocalWorkspace, Inbox]) -> None:
    workspace, inbox = connected
    ts = workspace.post(ANA, RUNS, "lr 1e-3")
    workspace.edit(ANA, RUNS, ts, "lr 1e-4")
    changed = inbox.next("message", "message_changed")["event"]
    assert (changed["previous_message"]["text"], changed["message"]["text"]) == ("lr 1e-3", "lr 1e-4")
    assert (changed["hidden"], changed["message"]["edited"]["user"]) == (True, ANA)
    assert changed["ts"] != ts
    workspace.delete(ANA, RUNS, ts)
    deleted = inbox.next("message", "message_deleted")["event"]
    assert (deleted["hidden"], deleted["deleted_ts"]) == (True, ts)
    assert deleted["previous_message"]["text"] == "lr 1e-4"


def test_a_deleted_parent_leaves_a_tombstone(connected: tuple[LocalWorkspace, Inbox]) -> None:
    workspace, inbox = connected
    parent = workspace.post(ANA, RUNS, "parent")
    workspace.reply(BEN, RUNS, parent, "reply")
    workspace.delete(ANA, RUNS, parent)
    assert inbox.next("message", "message_changed")["event"]["message"]["subtype"] == "tombstone"
    assert [each["text"] for each in workspace.thread(RUNS, parent)] == ["This message was deleted.", "reply"]


def test_a_broadcast_reply_carries_its_root(connected: tuple[LocalWorkspace, Inbox]) -> None:
    workspace, inbox = connected
    parent = workspace.post(ANA, RUNS, "root")
    workspace.reply(ANA, RUNS, parent, "for all", broadcast=True)
    event = inbox.next("message", "thread_broadcast")["event"]
    assert (event["root"]["text"], event["thread_ts"]) == ("root", parent)
    assert workspace.messages(RUNS)[-1]["text"] == "for all"


def test_reactions_name_the_message_and_its_author(connected: tuple[LocalWorkspace, Inbox]) -> None:
    workspace, inbox = connected
    ts = workspace.post(ANA, RUNS, "note")
    workspace.react(BEN, RUNS, ts, "memo")
    event = inbox.next("reaction_added")["event"]
    assert (event["user"], event["reaction"], event["item_user"]) == (BEN, "memo", ANA)
    assert event["item"] == {"type": "message", "channel": RUNS, "ts": ts}
    workspace.unreact(BEN, RUNS, ts, "memo")
    assert inbox.next("reaction_removed")["event"]["reaction"] == "memo"


def test_membership_and_renames_are_told(connected: tuple[LocalWorkspace, Inbox]) -> None:
    workspace, inbox = connected
    workspace.do("channel", user=ANA, action="invite", channel=VISION, users=[CHLOE])
    joined = inbox.next("member_joined_channel")["event"]
    assert (joined["user"], joined["channel"], joined["channel_type"]) == (CHLOE, VISION, "C")
    assert joined["inviter"] == ANA
    workspace.do("channel", user=CHLOE, action="leave", channel=VISION)
    assert inbox.next("member_left_channel")["event"]["user"] == CHLOE
    workspace.do("channel", user=ANA, action="rename", channel=VISION, name="vision-2")
    assert inbox.next("channel_rename")["event"]["channel"]["name"] == "vision-2"
    workspace.do("channel", user=ANA, action="rename", channel=VISION, name="vision-runs")
    workspace.do("channel", user=ANA, action="archive", channel=VISION)
    archived = inbox.next("channel_archive")["event"]
    assert (archived["channel"], archived["user"]) == (VISION, ANA)
    workspace.do("channel", user=ANA, action="unarchive", channel=VISION)
    assert inbox.next("channel_unarchive")["event"]["channel"] == VISION


def test_opening_app_home_is_told(connected: tuple[LocalWorkspace, Inbox]) -> None:
    workspace, inbox = connected
    assert workspace.home(ANA) is None
    event = inbox.next("app_home_opened")["event"]
    assert (event["user"], event["tab"], event["channel"][0]) == (ANA, "home", "D")


@pytest.mark.parametrize(
    ("sample", "kind"),
    [
        ("MessagePayload", None),
        ("MessageChangedPayload", "message_changed"),
        ("MessageDeletedPayload", "message_deleted"),
    ],
)
def test_message_events_have_only_fields_that_slack_sends(
    connected: tuple[LocalWorkspace, Inbox], sample: str, kind: str | None
) -> None:
    workspace, inbox = connected
    known = sample_fields(sample)
    ts = workspace.post(ANA, RUNS, "shape")
    workspace.edit(ANA, RUNS, ts, "shape!")
    workspace.delete(ANA, RUNS, ts)
    body = inbox.next("message", kind)
    assert set(body) - {"context_team_id", "context_enterprise_id"} <= set(known)
    assert set(body["event"]) <= set(known["event"])
