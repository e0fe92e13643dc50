"""The client API that the page speaks: boot, the stream, conversations, and its documentation."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from local_workspace import (
    ANA,
    BEN,
    CHLOE,
    DEV,
    GENERAL,
    ROOT,
    RUNS,
    SECRET,
    Json,
    LocalWorkspace,
    SlackSaid,
    default_config,
)
from slack_sdk import WebClient
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect


@pytest.fixture(scope="module")
def workspace() -> Iterator[LocalWorkspace]:
    with LocalWorkspace() as running:
        yield running


@pytest.fixture
def slack(workspace: LocalWorkspace) -> WebClient:
    return WebClient(token=workspace.bot_token, base_url=workspace.base_url)


def stream_of(workspace: LocalWorkspace, user: str) -> str:
    return f"ws://127.0.0.1:{workspace.port}/client/stream?user={user}"


def test_boot_tells_all_a_page_needs(workspace: LocalWorkspace) -> None:
    boot = workspace.ask("boot", user=ANA)
    assert boot["me"]["id"] == ANA
    assert {"general", "runs", "vision-runs", "secret"} <= {each.get("name") for each in boot["channels"]}
    assert [each["command"] for each in boot["commands"]] == ["/runs"]
    assert boot["apps"][0]["shortcuts"][0]["callback_id"] == "save_note"
    assert {each["id"] for each in boot["users"]} == {ANA, BEN, CHLOE, DEV, "U0RUNLORE"}


def test_unread_messages_are_counted_until_they_are_seen(workspace: LocalWorkspace) -> None:
    workspace.messages(GENERAL, BEN)
    workspace.post(ANA, GENERAL, "one")
    workspace.post(ANA, GENERAL, "two")

    def unread() -> int:
        channels = workspace.ask("boot", user=BEN)["channels"]
        return int(next(each for each in channels if each["id"] == GENERAL)["unread_count"])

    assert unread() == 2
    workspace.messages(GENERAL, BEN)
    assert unread() == 0


def test_the_stream_shows_what_happens_to_those_who_may_see_it(
    workspace: LocalWorkspace, slack: WebClient
) -> None:
    with (
        connect(stream_of(workspace, ANA), proxy=None) as ana,
        connect(stream_of(workspace, BEN), proxy=None) as ben,
    ):
        secret = workspace.post(ANA, SECRET, "only for us")
        parent = workspace.post(ANA, RUNS, "hello")
        slack.chat_postEphemeral(channel=RUNS, user=ANA, text="psst")
        workspace.react(BEN, RUNS, parent, "star")
        reply = slack.chat_postMessage(channel=RUNS, thread_ts=parent, text="answer")["ts"]
        workspace.edit(ANA, RUNS, parent, "hello!")
        slack.chat_delete(channel=RUNS, ts=reply)
        seen = [json.loads(ana.recv(timeout=5)) for _ in range(9)]
        first_of_ben = json.loads(ben.recv(timeout=5))
    assert [each["type"] for each in seen] == [
        "message",
        "message",
        "ephemeral",
        "reaction_added",
        "message",
        "message_changed",
        "typing_status",
        "message_changed",
        "message_deleted",
    ]
    assert seen[0]["message"]["ts"] == secret
    assert seen[3]["message"]["reactions"] == [{"name": "star", "users": [BEN], "count": 1}]
    assert seen[5]["message"]["reply_count"] == 1
    assert (seen[8]["ts"], seen[8]["thread_ts"]) == (reply, parent)
    assert first_of_ben["message"]["ts"] == parent


def test_pages_of_other_origins_are_refused(workspace: LocalWorkspace) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        request = urllib.request.Request(f"{workspace.url}/client/boot?user={ANA}", headers=headers)  # noqa: S310
        with pytest.raises(urllib.error.HTTPError, match="403") as refused:
            urllib.request.urlopen(request)  # noqa: S310
        refused.value.close()
    with pytest.raises(InvalidStatus):
        connect(stream_of(workspace, ANA), proxy=None, additional_headers={"Origin": "https://evil.example"})


def test_a_new_private_channel_is_seen_by_its_members_only(workspace: LocalWorkspace) -> None:
    made = workspace.do("channel", user=DEV, action="create", name="skunkworks", is_private=True)["channel"]
    assert workspace.messages(made["id"], DEV) == []
    with pytest.raises(SlackSaid, match="channel_not_found"):
        workspace.messages(made["id"], BEN)
    with pytest.raises(SlackSaid, match="name_taken"):
        workspace.do("channel", user=BEN, action="create", name="skunkworks")


def test_a_stranger_sees_only_the_shared_channel_they_are_in() -> None:
    config = default_config()
    config["users"].append({"id": "U0EVE", "name": "eve", "real_name": "Eve", "team_id": "T0PARTNER"})
    config["channels"].append(
        {"id": "C0SHARED", "name": "shared", "is_ext_shared": True, "members": [ANA, "U0EVE"]}
    )
    with LocalWorkspace(config) as workspace:
        slack = WebClient(token=workspace.bot_token, base_url=workspace.base_url)
        workspace.post("U0EVE", "C0SHARED", "hello from outside")
        assert [each["id"] for each in workspace.ask("boot", user="U0EVE")["channels"]] == ["C0SHARED"]
        user = slack.users_info(user="U0EVE")["user"]
        assert (user["is_stranger"], user["team_id"]) == (True, "T0PARTNER")
        assert slack.conversations_info(channel="C0SHARED")["channel"]["is_ext_shared"] is True


def test_a_direct_conversation_is_one_for_its_people(workspace: LocalWorkspace, slack: WebClient) -> None:
    direct = workspace.open_dm(DEV)
    assert slack.conversations_open(users=DEV)["channel"]["id"] == direct
    slack.chat_postMessage(channel=DEV, text="for you")
    assert workspace.messages(direct, DEV)[-1]["text"] == "for you"


def test_a_status_is_shown_and_goes_with_the_answer(workspace: LocalWorkspace, slack: WebClient) -> None:
    parent = workspace.post(ANA, RUNS, "@runlore compare")
    with connect(stream_of(workspace, ANA), proxy=None) as page:
        slack.assistant_threads_setStatus(channel_id=RUNS, thread_ts=parent, status="is comparing…")
        slack.chat_postMessage(channel=RUNS, thread_ts=parent, text="here")
        seen = [json.loads(page.recv(timeout=5)) for _ in range(4)]
    statuses = [each["status"] for each in seen if each["type"] == "typing_status"]
    assert statuses == ["is comparing…", ""]


def test_a_streamed_answer_grows_and_ends(workspace: LocalWorkspace, slack: WebClient) -> None:
    parent = workspace.post(ANA, RUNS, "@runlore who tried warmup")
    people: Json = {"recipient_user_id": ANA, "recipient_team_id": "T0LOCAL"}
    ts = slack.chat_startStream(channel=RUNS, thread_ts=parent, markdown_text="Ben", **people)["ts"]
    slack.chat_appendStream(channel=RUNS, ts=ts, markdown_text=" did")
    slack.chat_stopStream(channel=RUNS, ts=ts)
    assert workspace.thread(RUNS, parent)[-1]["text"] == "Ben did"


def test_every_call_of_the_client_api_is_documented(workspace: LocalWorkspace) -> None:
    readme = (ROOT / "localslack" / "README.md").read_text(encoding="utf-8")
    source = (ROOT / "localslack" / "client.py").read_text(encoding="utf-8")
    routes = set(re.findall(r'^ +"([a-z_]+)": self\.', source, re.MULTILINE))
    assert len(routes) > 20
    assert {
        route for route in routes if f"/client/{route}" not in readme and f"`{route}`" not in readme
    } == set()
