"""The agent's surface: prompts in the Messages tab, a status while working, and permissions told by what they are for."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from local_workspace import ANA, BEN, MANIFEST, VISION, LocalWorkspace, default_config
from pydantic import SecretStr
from running_bot import RunningBot, shown

from bot.doctor import examine
from bot.settings import Settings

Json = dict[str, Any]


def test_the_messages_tab_suggests_what_fits_the_person(bot: RunningBot) -> None:
    bot.own_channel("agent-one", VISION)
    run = bot.start("agent-one", who=BEN)
    bot.finish("agent-one", run, who=BEN)
    channel = bot.workspace.open_dm(BEN)
    bot.workspace.ask("home", user=BEN, app=bot.workspace.app["id"], tab="messages")
    call = bot.wait(lambda: bot.workspace.calls("assistant.threads.setSuggestedPrompts"), "the prompts")[-1]
    assert call["status"] == 200
    prompts = json.loads(call["args"]["prompts"])
    assert "agent-one/1" in str(prompts)
    first = prompts[0]["message"]
    ts = bot.workspace.post(BEN, channel, first)
    bot.reply(channel, ts, "agent-one/1", user=BEN)


def test_a_question_that_takes_longer_shows_that_it_is_worked_on(bot: RunningBot) -> None:
    bot.own_channel("agent-two", VISION)
    run = bot.start("agent-two")
    thread = bot.message(VISION, run)["ts"]
    bot.workspace.reply(ANA, VISION, thread, "I lowered lr from 0.1 to 0.01.")
    bot.settle()
    channel = bot.workspace.open_dm(ANA)
    ts = bot.workspace.post(ANA, channel, "who has tried lowered lr?")
    bot.reply(channel, ts, "lowered lr")
    told = bot.workspace.calls("assistant.threads.setStatus")
    assert [one for one in told if one["args"]["channel_id"] == channel and one["args"]["thread_ts"] == ts]
    assert all(one["answer"].get("ok") for one in told)


def test_a_memo_shows_that_it_is_heard(bot: RunningBot) -> None:
    bot.own_channel("agent-memo", VISION)
    run = bot.start("agent-memo")
    thread = bot.message(VISION, run)["ts"]
    bot.workspace.upload_memo(ANA, VISION, "audio_message.m4a", content=b"We keep it.", thread_ts=thread)
    bot.reply(VISION, thread, "🎙")
    told = bot.workspace.calls("assistant.threads.setStatus")
    assert any(one["args"]["thread_ts"] == thread and "listening" in one["args"]["status"] for one in told)


def test_where_slack_cannot_show_it_the_answer_comes_all_the_same(bot: RunningBot) -> None:
    bot.workspace.faults({"kind": "500", "method": "assistant.threads.setStatus"})
    channel = bot.workspace.open_dm(ANA)
    ts = bot.workspace.post(ANA, channel, "who has tried something unheard of?")
    answer = bot.wait(lambda: bot.workspace.thread(channel, ts)[1:], "the answer")
    assert shown(answer[0])


@pytest.mark.parametrize(
    ("scope", "words", "well"),
    [
        ("reactions:read", "📝, 🚫 and ⭐ by reaction", False),
        ("canvases:write", "not granted, so no reports as a canvas", True),
    ],
)
def test_the_doctor_names_a_missing_permission_by_what_it_is_for(
    scope: str, words: str, well: bool, tmp_path: Path
) -> None:
    config = default_config()
    manifest = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    scopes = manifest["oauth_config"]["scopes"]
    for kind in ("bot", "bot_optional"):
        scopes[kind] = [one for one in scopes[kind] if one != scope]
    config["apps"][0]["manifest"] = manifest
    with LocalWorkspace(config) as workspace:
        settings = Settings(
            home=tmp_path,
            slack_bot_token=SecretStr(workspace.bot_token),
            slack_app_token=SecretStr(workspace.app_token),
            slack_base_url=workspace.base_url,
        )
        found = list(examine(settings, only_slack=True))
    told = next(one for one in found if scope in one.name)
    assert words in told.seen
    assert told.ok is well
