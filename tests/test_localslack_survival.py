"""Files, restarts, injected faults and the record of calls of the local workspace."""

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from bolt_apps import bolt_app, over_socket
from local_workspace import ANA, BEN, CHLOE, RUNS, SECRET, VISION, Json, LocalWorkspace, SlackSaid
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler

CLIP = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def workspace() -> Iterator[LocalWorkspace]:
    with LocalWorkspace() as running:
        yield running


@pytest.fixture
def slack(workspace: LocalWorkspace) -> Iterator[WebClient]:
    yield WebClient(token=workspace.bot_token, base_url=workspace.base_url)
    workspace.faults()


def fetch(url: str, token: str | None = None) -> tuple[str, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:  # noqa: S310
        return str(answer.headers["Content-Type"]), answer.read()


# --- files ----------------------------------------------------------------------------------------


def test_a_memo_has_the_fields_of_slacks_voice_clips(workspace: LocalWorkspace, slack: WebClient) -> None:
    parent = workspace.post(ANA, RUNS, "run 42")
    ts = workspace.upload_memo(ANA, RUNS, "audio_message.webm", content=CLIP, thread_ts=parent)
    message = slack.conversations_replies(channel=RUNS, ts=parent)["messages"][1]
    file = message["files"][0]
    assert (message["ts"], message["subtype"], message["text"]) == (ts, "file_share", "")
    assert (file["subtype"], file["mimetype"], file["media_display_type"]) == (
        "slack_audio",
        "audio/webm",
        "audio",
    )
    assert file["url_private_download"] == file["aac"].replace("/audio_message", "/download/audio_message")
    assert file["aac"].endswith("_audio.mp4")
    assert file["duration_ms"] > 0
    assert len(file["audio_wave_samples"]) == 100
    assert slack.files_info(file=file["id"])["file"]["shares"]["public"][RUNS][0]["thread_ts"] == parent
    assert not {"shares", "channels"} & file.keys()


def test_a_download_without_the_token_is_slacks_login_page(workspace: LocalWorkspace) -> None:
    ts = workspace.upload_memo(ANA, RUNS, "memo.m4a", content=CLIP)
    url = workspace.message(RUNS, ts)["files"][0]["url_private_download"]
    assert fetch(url, workspace.bot_token)[1] == CLIP
    for token in (None, "xoxb-wrong"):
        kind, body = fetch(url, token)
        assert kind.startswith("text/html")
        assert body.startswith(b"<!DOCTYPE html>")


def test_a_file_is_readable_only_where_the_bot_is(workspace: LocalWorkspace, slack: WebClient) -> None:
    file = workspace.upload(ANA, "plan.txt", content=b"secret plan")
    with pytest.raises(SlackApiError) as refused:
        slack.files_info(file=file)
    assert refused.value.response["error"] == "file_not_found"


def test_a_deleted_file_is_gone(workspace: LocalWorkspace, slack: WebClient) -> None:
    ts = workspace.upload_memo(ANA, RUNS, "memo.wav", content=CLIP)
    file = workspace.message(RUNS, ts)["files"][0]
    workspace.do("delete_file", user=ANA, file=file["id"])
    with pytest.raises(SlackApiError) as refused:
        slack.files_info(file=file["id"])
    assert refused.value.response["error"] == "file_deleted"
    with pytest.raises(urllib.error.HTTPError, match="404") as missing:
        fetch(file["url_private_download"], workspace.bot_token)
    missing.value.close()


def test_the_bot_uploads_a_picture_into_a_thread_and_shows_it_in_a_block(
    workspace: LocalWorkspace, slack: WebClient
) -> None:
    parent = slack.chat_postMessage(channel=RUNS, text="run 42")["ts"]
    sent = slack.files_upload_v2(
        channel=RUNS,
        thread_ts=parent,
        filename="loss.png",
        content=b"\x89PNG",
        title="Loss",
        initial_comment="curve",
    )
    reply = workspace.thread(RUNS, parent)[-1]
    assert (reply["text"], reply["files"][0]["title"]) == ("curve", "Loss")
    block = {"type": "image", "alt_text": "loss", "slack_file": {"id": sent["files"][0]["id"]}}
    assert slack.chat_postMessage(channel=RUNS, text="loss", blocks=[block])["ok"]


def test_an_upload_needs_its_bytes_before_it_is_complete(slack: WebClient) -> None:
    given = slack.files_getUploadURLExternal(filename="a.txt", length=3)
    with pytest.raises(SlackApiError) as refused:
        slack.files_completeUploadExternal(files=[{"id": given["file_id"]}], channel_id=RUNS)
    assert refused.value.response["error"] == "file_not_found"


# --- restarts -------------------------------------------------------------------------------------


def test_a_killed_workspace_comes_back_with_everything(workspace: LocalWorkspace, slack: WebClient) -> None:
    parent = slack.chat_postMessage(
        channel=SECRET, text="run 7", metadata={"event_type": "x", "event_payload": {}}
    )["ts"]
    reply = workspace.reply(ANA, SECRET, parent, "reply")
    workspace.react(ANA, SECRET, reply, "star")
    file = workspace.upload(ANA, "a.bin", content=CLIP)
    home = {"type": "home", "blocks": [{"type": "divider"}]}
    view = slack.views_publish(user_id=ANA, view=home)["view"]
    direct = slack.conversations_open(users=ANA)["channel"]["id"]
    workspace.restart()
    assert [each["ts"] for each in workspace.thread(SECRET, parent)] == [parent, reply]
    assert workspace.reactions(SECRET, reply) == {"star"}
    newest = slack.conversations_history(channel=SECRET, include_all_metadata=True)["messages"][0]
    assert newest["metadata"]["event_type"] == "x"
    assert fetch(f"{workspace.url}/client/file/{file}?user={ANA}")[1] == CLIP
    shown = workspace.home(ANA)
    assert shown is not None
    assert (shown["id"], shown["hash"]) == (view["id"], view["hash"])
    assert slack.conversations_open(users=ANA)["channel"]["id"] == direct
    assert workspace.post(ANA, SECRET, "later") > reply


def test_permalinks_name_the_thread(workspace: LocalWorkspace, slack: WebClient) -> None:
    parent = workspace.post(ANA, RUNS, "parent")
    reply = workspace.reply(ANA, RUNS, parent, "reply")
    link = slack.chat_getPermalink(channel=RUNS, message_ts=reply)["permalink"]
    assert link == f"{workspace.url}/archives/{RUNS}/p{reply.replace('.', '')}?thread_ts={parent}&cid={RUNS}"


# --- faults ---------------------------------------------------------------------------------------


def test_a_429_is_injected_as_often_as_asked(workspace: LocalWorkspace, slack: WebClient) -> None:
    workspace.faults({"method": "chat.*", "kind": "429", "count": 2, "retry_after": 1})
    slack.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=3))
    before = workspace.calls()[-1]["n"]
    slack.chat_postMessage(channel=RUNS, text="patient")
    calls = workspace.calls("chat.postMessage", after=before)
    assert [each["status"] for each in calls] == [429, 429, 200]
    assert calls[-1]["args"]["text"] == "patient"
    assert "token" not in calls[-1]["args"]


@pytest.mark.parametrize("status", ["500", "503"])
def test_a_server_error_has_no_effect(workspace: LocalWorkspace, slack: WebClient, status: str) -> None:
    workspace.faults({"method": "chat.postMessage", "kind": status})
    with pytest.raises(SlackApiError) as refused:
        slack.chat_postMessage(channel=RUNS, text=f"lost {status}")
    assert refused.value.response.status_code == int(status)
    assert all(each["text"] != f"lost {status}" for each in workspace.messages(RUNS))


def test_a_timeout_after_acceptance_leaves_the_message(workspace: LocalWorkspace) -> None:
    slack = WebClient(token=workspace.bot_token, base_url=workspace.base_url, timeout=1, retry_handlers=[])
    workspace.faults({"method": "chat.postMessage", "kind": "timeout_after_accept", "seconds": 2})
    with pytest.raises(TimeoutError):
        slack.chat_postMessage(channel=RUNS, text="accepted")
    assert workspace.messages(RUNS)[-1]["text"] == "accepted"


def test_a_dropped_connection_has_no_effect_and_is_seen_as_one(workspace: LocalWorkspace) -> None:
    slack = WebClient(token=workspace.bot_token, base_url=workspace.base_url, retry_handlers=[])
    workspace.faults({"method": "chat.postMessage", "kind": "drop_connection"})
    with pytest.raises((ConnectionError, urllib.error.URLError)):
        slack.chat_postMessage(channel=RUNS, text="dropped")
    assert all(each["text"] != "dropped" for each in workspace.messages(RUNS))


def test_latency_only_delays(workspace: LocalWorkspace, slack: WebClient) -> None:
    workspace.faults({"method": "auth.test", "kind": "latency", "seconds": 0.3})
    started = time.monotonic()
    assert slack.auth_test()["ok"]
    assert time.monotonic() - started >= 0.3


def test_events_are_doubled_reordered_and_repeated_after_a_lost_acknowledgement(
    workspace: LocalWorkspace,
) -> None:
    got: list[tuple[str, str]] = []
    done = threading.Event()
    app = bolt_app(workspace)

    @app.event("message")
    def keep(event: Json, body: Json) -> None:
        got.append((event["text"], body["event_id"]))
        if event["text"] == "end":
            done.set()

    with over_socket(workspace, app):
        workspace.faults({"event": "message", "kind": "duplicate_event"})
        workspace.post(ANA, RUNS, "twice")
        workspace.faults({"event": "message", "kind": "reorder_events"})
        workspace.post(ANA, RUNS, "late")
        workspace.post(ANA, RUNS, "early")
        workspace.faults({"event": "message", "kind": "drop_ack"})
        workspace.post(ANA, RUNS, "again")
        workspace.wait_for(lambda: [text for text, _ in got].count("again") == 2)
        workspace.post(ANA, RUNS, "end")
        assert done.wait(5)
    texts = [text for text, _ in got]
    assert texts.count("twice") == 2
    assert len({event_id for text, event_id in got if text == "twice"}) == 1
    assert texts.index("early") < texts.index("late")


def test_an_unknown_fault_is_refused_in_words(workspace: LocalWorkspace) -> None:
    with pytest.raises(SlackSaid, match="unknown fault"):
        workspace.faults({"method": "chat.*", "kind": "earthquake"})


# --- people and apps leave ------------------------------------------------------------------------


def test_an_uninstalled_app_is_told_and_its_tokens_are_dead() -> None:
    with LocalWorkspace() as workspace:
        slack = WebClient(token=workspace.bot_token, base_url=workspace.base_url)
        workspace.do("app", app="runlore", action="uninstall")
        assert [each["type"] for each in workspace.deliveries()] == ["tokens_revoked", "app_uninstalled"]
        with pytest.raises(SlackApiError) as refused:
            slack.auth_test()
        assert refused.value.response["error"] == "account_inactive"
        workspace.do("app", app="runlore", action="install")
        assert slack.auth_test()["ok"]


def test_a_deactivated_person_leaves_their_channels() -> None:
    with LocalWorkspace() as workspace:
        slack = WebClient(token=workspace.bot_token, base_url=workspace.base_url)
        workspace.do("user", user=BEN, action="deactivate")
        assert slack.users_info(user=BEN)["user"]["deleted"] is True
        assert BEN not in slack.conversations_members(channel=VISION)["members"]
        with pytest.raises(SlackSaid, match="deactivated"):
            workspace.post(BEN, RUNS, "hello?")


def test_a_person_removed_from_a_channel_cannot_write_there(workspace: LocalWorkspace) -> None:
    workspace.do("channel", user=ANA, action="kick", channel=RUNS, users=[CHLOE])
    with pytest.raises(SlackSaid, match="channel_not_found"):
        workspace.post(CHLOE, RUNS, "still here")
    workspace.do("channel", user=ANA, action="invite", channel=RUNS, users=[CHLOE])
