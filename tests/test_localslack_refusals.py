"""The local workspace's Web API refuses what Slack refuses, in Slack's words, through the real slack_sdk."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from local_workspace import (
    ANA,
    CHLOE,
    GENERAL,
    RUNS,
    SECRET,
    VISION,
    Json,
    LocalWorkspace,
    SlackSaid,
    default_config,
)
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler


@pytest.fixture(scope="module")
def workspace() -> Iterator[LocalWorkspace]:
    config = default_config()
    config["channels"].append({"id": "C0OUT", "name": "outside", "members": [ANA]})
    config["channels"].append({"id": "C0HIDDEN", "name": "hidden", "is_private": True, "members": [ANA]})
    with LocalWorkspace(config) as running:
        yield running


@pytest.fixture
def slack(workspace: LocalWorkspace) -> WebClient:
    return WebClient(token=workspace.bot_token, base_url=workspace.base_url)


def refusal(slack: WebClient, method: str, **args: Any) -> Json:  # noqa: ANN401
    """The answer to a call that must be refused."""
    with pytest.raises(SlackApiError) as refused:
        slack.api_call(method, json=args) if method.startswith("views") else slack.api_call(
            method, params=args
        )
    answer: Json = refused.value.response.data
    return answer


@pytest.mark.parametrize(
    ("error", "method", "args"),
    [
        ("unknown_method", "chat.postMessages", {}),
        ("channel_not_found", "chat.postMessage", {"channel": "C0NONE", "text": "x"}),
        ("channel_not_found", "chat.postMessage", {"channel": "C0HIDDEN", "text": "x"}),
        ("not_in_channel", "chat.postMessage", {"channel": "C0OUT", "text": "x"}),
        ("no_text", "chat.postMessage", {"channel": RUNS, "text": " "}),
        ("invalid_blocks_format", "chat.postMessage", {"channel": RUNS, "text": "x", "blocks": "{"}),
        (
            "invalid_metadata_schema",
            "chat.postMessage",
            {"channel": RUNS, "text": "x", "metadata": '{"a": 1}'},
        ),
        (
            "cannot_reply_to_message",
            "chat.postMessage",
            {"channel": RUNS, "text": "x", "thread_ts": "1.000001"},
        ),
        ("markdown_text_conflict", "chat.postMessage", {"channel": RUNS, "text": "x", "markdown_text": "y"}),
        ("message_not_found", "chat.update", {"channel": RUNS, "ts": "1.000001", "text": "x"}),
        ("message_not_found", "chat.delete", {"channel": RUNS, "ts": "1.000001"}),
        ("user_not_in_channel", "chat.postEphemeral", {"channel": VISION, "user": CHLOE, "text": "x"}),
        ("channel_not_found", "conversations.history", {"channel": "C0HIDDEN"}),
        ("not_in_channel", "conversations.history", {"channel": "C0OUT"}),
        ("thread_not_found", "conversations.replies", {"channel": RUNS, "ts": "1.000001"}),
        ("invalid_cursor", "conversations.members", {"channel": RUNS, "cursor": "nonsense"}),
        ("invalid_types", "conversations.list", {"types": "secret_channel"}),
        ("user_not_found", "users.info", {"user": "U0NOBODY"}),
        ("message_not_found", "reactions.add", {"channel": RUNS, "timestamp": "1.000001", "name": "memo"}),
        ("no_item_specified", "reactions.remove", {"name": "memo"}),
        ("file_not_found", "files.info", {"file": "F0NONE"}),
        ("missing_argument", "files.getUploadURLExternal", {"filename": "a.txt", "length": 0}),
        ("users_list_not_supplied", "conversations.open", {}),
        ("missing_scope", "conversations.join", {"channel": RUNS}),
        ("missing_scope", "team.info", {}),
    ],
)
def test_a_call_is_refused_with_slacks_error(slack: WebClient, error: str, method: str, args: Json) -> None:
    assert refusal(slack, method, **args)["error"] == error


def test_unknown_and_missing_arguments_are_named(slack: WebClient) -> None:
    answer = refusal(slack, "chat.postMessage", text="x", colour="red")
    assert answer["error"] == "invalid_arguments"
    assert answer["response_metadata"]["messages"] == [
        "[ERROR] missing required field: channel",
        "[ERROR] unknown argument: colour",
    ]


def test_a_missing_scope_says_what_is_needed_and_what_is_there(slack: WebClient) -> None:
    answer = refusal(slack, "chat.postMessage", channel=RUNS, text="x", username="Somebody")
    assert (answer["error"], answer["needed"]) == ("missing_scope", "chat:write.customize")
    assert "chat:write" in answer["provided"].split(",")


def test_reading_a_direct_message_needs_its_own_scope(slack: WebClient) -> None:
    direct = slack.conversations_open(users=ANA)["channel"]["id"]
    assert slack.conversations_history(channel=direct)["messages"] == []
    assert refusal(slack, "conversations.info", channel=direct)["needed"] == "im:read"


@pytest.mark.parametrize(
    ("token", "error"),
    [(None, "not_authed"), ("xoxb-wrong", "invalid_auth"), ("xapp-local-runlore", "not_allowed_token_type")],
)
def test_a_wrong_token_is_refused(workspace: LocalWorkspace, token: str | None, error: str) -> None:
    assert refusal(WebClient(token=token, base_url=workspace.base_url), "auth.test")["error"] == error


def test_an_archived_channel_takes_no_message(workspace: LocalWorkspace, slack: WebClient) -> None:
    channel = workspace.do("channel", user=ANA, action="create", name="old-runs")["channel"]["id"]
    workspace.do("channel", user=ANA, action="invite", channel=channel, users=["U0RUNLORE"])
    ts = slack.chat_postMessage(channel=channel, text="still open")["ts"]
    workspace.do("channel", user=ANA, action="archive", channel=channel)
    assert refusal(slack, "chat.postMessage", channel=channel, text="x")["error"] == "is_archived"
    assert (
        refusal(slack, "reactions.add", channel=channel, timestamp=ts, name="memo")["error"] == "is_archived"
    )


def test_invalid_blocks_come_with_pointers(slack: WebClient) -> None:
    blocks: list[Json] = [
        {"type": "divider"},
        {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}},
    ]
    with pytest.raises(SlackApiError) as refused:
        slack.chat_postMessage(channel=RUNS, text="x", blocks=blocks)
    answer = refused.value.response
    said = "must be less than 3001 characters [json-pointer:/blocks/1/text/text]"
    assert answer["error"] == "invalid_blocks"
    assert answer["errors"] == [said]
    assert answer["response_metadata"]["messages"] == [f"[ERROR] {said}"]


def test_blocks_validate_needs_no_token_and_explains(workspace: LocalWorkspace) -> None:
    slack = WebClient(base_url=workspace.base_url)
    assert slack.api_call("blocks.validate", json={"blocks": [{"type": "divider"}]})["ok"]
    wrong = [{"type": "section", "text": {"type": "invalid", "text": "x"}}]
    with pytest.raises(SlackApiError) as refused:
        slack.api_call("blocks.validate", json={"blocks": wrong})
    assert refused.value.response["error"] == "invalid_blocks"
    assert refused.value.response["errors"][0] == {
        "code": "failed_constraint",
        "message": "unsupported type: invalid",
        "pointer": "/0/text/type",
        "constraint": {"type": "enum", "expected": ["mrkdwn", "plain_text"]},
    }


def test_another_authors_message_cannot_be_changed(workspace: LocalWorkspace, slack: WebClient) -> None:
    ts = workspace.post(ANA, RUNS, "mine")
    assert refusal(slack, "chat.update", channel=RUNS, ts=ts, text="x")["error"] == "cant_update_message"
    assert refusal(slack, "chat.delete", channel=RUNS, ts=ts)["error"] == "cant_delete_message"


def test_text_limits_differ_between_posting_and_updating(slack: WebClient) -> None:
    posted = slack.chat_postMessage(channel=RUNS, text="x" * 40_001)
    assert posted["response_metadata"]["warnings"] == ["message_truncated"]
    assert len(posted["message"]["text"]) == 40_000
    answer = refusal(slack, "chat.update", channel=RUNS, ts=posted["ts"], text="x" * 4_001)
    assert answer["error"] == "msg_too_long"


def test_a_reaction_is_added_and_removed_once(workspace: LocalWorkspace, slack: WebClient) -> None:
    ts = workspace.post(ANA, RUNS, "lr was too high")
    slack.reactions_add(channel=RUNS, timestamp=ts, name="memo")
    again = refusal(slack, "reactions.add", channel=RUNS, timestamp=ts, name="memo")
    assert again["error"] == "already_reacted"
    assert workspace.reactions(RUNS, ts) == {"memo"}
    slack.reactions_remove(channel=RUNS, timestamp=ts, name="memo")
    assert (
        refusal(slack, "reactions.remove", channel=RUNS, timestamp=ts, name="memo")["error"] == "no_reaction"
    )


def test_metadata_is_returned_only_when_asked_for(slack: WebClient) -> None:
    marker = {"event_type": "posted", "event_payload": {"key": "run-42-parent"}}
    ts = slack.chat_postMessage(channel=SECRET, text="run 42", metadata=marker)["ts"]
    plain = slack.conversations_history(channel=SECRET, latest=ts, inclusive=True, limit=1)["messages"][0]
    full = slack.conversations_history(channel=SECRET, include_all_metadata=True, limit=1)["messages"][0]
    assert "metadata" not in plain
    assert full["metadata"] == marker


def test_lists_are_paged_by_cursor(slack: WebClient) -> None:
    pages = [page["members"] for page in slack.conversations_members(channel=RUNS, limit=2)]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert len({each for page in pages for each in page}) == 5


def test_history_is_newest_first_and_threads_are_oldest_first(
    workspace: LocalWorkspace, slack: WebClient
) -> None:
    parent = workspace.post(ANA, GENERAL, "parent")
    first, second = (workspace.reply(ANA, GENERAL, parent, text) for text in ("first", "second"))
    shown = slack.conversations_replies(channel=GENERAL, ts=parent)["messages"]
    assert [each["ts"] for each in shown] == [parent, first, second]
    newest = slack.conversations_history(channel=GENERAL, limit=1)["messages"][0]
    assert (newest["ts"], newest["reply_count"], newest["latest_reply"]) == (parent, 2, second)


def test_a_guest_sees_only_their_channels(workspace: LocalWorkspace) -> None:
    seen = {each["name"] for each in workspace.ask("boot", user=CHLOE)["channels"] if "name" in each}
    assert seen == {"runs"}
    with pytest.raises(SlackSaid, match="channel_not_found"):
        workspace.messages(VISION, CHLOE)


def test_tiers_answer_429_with_retry_after() -> None:
    with LocalWorkspace(default_config(rate_factor=1.0)) as workspace:
        slack = WebClient(token=workspace.bot_token, base_url=workspace.base_url)
        for _ in range(20):
            slack.users_list()
        with pytest.raises(SlackApiError) as refused:
            slack.users_list()
        assert refused.value.response.status_code == 429
        assert refused.value.response["error"] == "ratelimited"
        assert 50 <= int(refused.value.response.headers["Retry-After"]) <= 60
        assert slack.users_info(user=ANA)["ok"]


def test_a_channel_takes_a_burst_and_then_one_message_a_second() -> None:
    with LocalWorkspace(default_config(rate_factor=1.0, post_burst=3)) as workspace:
        slack = WebClient(token=workspace.bot_token, base_url=workspace.base_url)
        for _ in range(3):
            slack.chat_postMessage(channel=RUNS, text="x")
        assert slack.chat_postMessage(channel=VISION, text="x")["ok"]
        assert refusal(slack, "chat.postMessage", channel=RUNS, text="x")["error"] == "ratelimited"
        slack.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=2))
        started = time.monotonic()
        assert slack.chat_postMessage(channel=RUNS, text="x")["ok"]
        assert time.monotonic() - started > 0.5
