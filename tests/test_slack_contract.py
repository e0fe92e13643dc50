"""What the bot asks of Slack is what Slack describes; the calls of the whole suite are checked where its bots end."""

import json
from typing import Any

import jsonschema
import pytest
import yaml
from local_workspace import MANIFEST, VISION
from running_bot import RunningBot
from web_api_contract import SLACK, at_hand, broken

needs_slack = pytest.mark.skipif(
    not at_hand(), reason=f"Slack's description of its Web API is not on this machine ({SLACK})"
)


@needs_slack
def test_the_manifest_is_valid_by_slacks_schema() -> None:
    schema = json.loads((SLACK / "manifest.schema.2.0.0.json").read_text())
    jsonschema.validate(yaml.safe_load(MANIFEST.read_text()), schema)


@needs_slack
def test_a_days_calls_are_as_slack_describes_them(bot: RunningBot) -> None:
    bot.own_channel("described", VISION)
    run = bot.start("described")
    bot.log("described", run, "val_acc", 0.5, 0.7)
    bot.clock.advance(minutes=6)
    bot.finish("described", run, "failed", error={"type": "KeyError", "message": "x"})
    bot.settle()
    calls = bot.workspace.calls()
    assert {"chat.postMessage", "chat.update", "users.list"} <= {one["method"] for one in calls}
    assert broken(calls) == []


@needs_slack
@pytest.mark.parametrize(
    ("method", "args", "words"),
    [
        ("chat.postMesage", {}, "no method"),
        ("chat.postMessage", {"channel": "C1", "txt": "x"}, "no argument txt"),
        ("chat.update", {"channel": "C1", "text": "x"}, "lacks ts"),
        ("bookmarks.add", {"channel_id": "C1", "title": "x", "type": "link"}, "the manifest asks for none"),
        ("chat.postMessage", {"channel": "C1", "text": "x" * 4001}, "4,000 characters"),
        (
            "chat.postMessage",
            {"channel": "C1", "blocks": json.dumps([{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}])},
            "3001 characters",
        ),
    ],
)  # fmt: skip
def test_a_call_that_slack_does_not_describe_is_found(method: str, args: dict[str, Any], words: str) -> None:
    assert any(words in fault for fault in broken([{"method": method, "args": args}]))
