"""Every kind of delivery that Slack knows is taken in the same by Socket Mode and by signed HTTP, doubled, late and out of order too."""

import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest
from bolt_apps import Endpoint
from local_workspace import ANA, BEN, VISION
from running_bot import RunningBot, shown
from slack_sdk.signature import SignatureVerifier
from sqlmodel import col, select

from storage.memory import Note, SlackEvent
from storage.tables import Like, Run

Json = dict[str, Any]
WORDS = "I lowered lr from 0.1 to 0.01, we keep it."


def thread_of(bot: RunningBot, project: str) -> str:
    bot.own_channel(project, VISION)
    bot.start(project, name=f"{project}-1")
    return str(bot.message(VISION, f"{project}/1")["ts"])


def notes_at(bot: RunningBot, ts: str) -> list[str]:
    with bot.services.database.session() as session:
        found = session.exec(select(Note).where(Note.ts == ts, col(Note.deleted_at).is_(None)))
        return [note.text for note in found]


def likes(bot: RunningBot, name: str) -> int:
    with bot.services.database.session() as session:
        return len(session.exec(select(Like).join(Run).where(Run.name == name)).all())


def test_a_command_is_answered(bot: RunningBot) -> None:
    thread_of(bot, "mode-command")
    bot.workspace.command(BEN, VISION, "/runs", "list project:mode-command")
    assert "mode-command/1" in shown(bot.whisper(BEN, VISION, "mode-command/1"))


def test_a_reply_an_edit_and_a_deletion_are_followed(bot: RunningBot) -> None:
    reply = bot.workspace.reply(ANA, VISION, thread_of(bot, "mode-reply"), WORDS)
    bot.wait(lambda: notes_at(bot, reply), "the note")
    bot.workspace.edit(ANA, VISION, reply, "I lowered lr twice.")
    bot.wait(lambda: notes_at(bot, reply) == ["I lowered lr twice."], "the edited note")
    bot.workspace.delete(ANA, VISION, reply)
    bot.wait(lambda: notes_at(bot, reply) == [], "no note")


def test_a_mention_is_answered_in_its_thread(bot: RunningBot) -> None:
    thread = thread_of(bot, "mode-mention")
    bot.workspace.reply(BEN, VISION, thread, "@runlore show")
    assert "mode-mention/1" in shown(bot.reply(VISION, thread, "Started"))


def test_a_reaction_likes_and_takes_back(bot: RunningBot) -> None:
    thread = thread_of(bot, "mode-star")
    bot.settle()
    bot.workspace.react(BEN, VISION, thread, "star")
    bot.wait(lambda: likes(bot, "mode-star-1") == 1, "the like")
    bot.workspace.unreact(BEN, VISION, thread, "star")
    bot.wait(lambda: likes(bot, "mode-star-1") == 0, "no like")


def test_a_button_opens_a_form_and_the_form_is_taken(bot: RunningBot) -> None:
    thread = thread_of(bot, "mode-form")
    bot.workspace.click(ANA, VISION, thread, "Add note")
    view = bot.wait(lambda: next(iter(bot.workspace.views(ANA)), None), "the form")
    said = {"text": {"text": {"type": "plain_text_input", "value": WORDS}}}
    bot.workspace.submit_view(ANA, view["id"], said)
    bot.reply(VISION, thread, "mode-form-1")
    assert bot.workspace.views(ANA) == []


def test_a_closed_form_is_no_matter(bot: RunningBot) -> None:
    thread = thread_of(bot, "mode-closed")
    bot.workspace.click(BEN, VISION, thread, "Add note")
    view = bot.wait(lambda: next(iter(bot.workspace.views(BEN)), None), "the form")
    bot.workspace.close_view(BEN, view["id"])
    assert bot.workspace.views(BEN) == []


def test_a_shortcut_shows_what_was_read_in_a_note(bot: RunningBot) -> None:
    thread = thread_of(bot, "mode-shortcut")
    reply = bot.workspace.reply(ANA, VISION, thread, WORDS)
    bot.wait(lambda: notes_at(bot, reply), "the note")
    bot.workspace.shortcut(BEN, "show_note", VISION, reply)
    assert "mode-shortcut" in shown(bot.whisper(BEN, VISION, "about", thread=thread))


def test_a_memo_is_heard(bot: RunningBot) -> None:
    thread = thread_of(bot, "mode-memo")
    bot.workspace.upload_memo(ANA, VISION, "audio_message.m4a", content=b"We keep it.", thread_ts=thread)
    assert "We keep it." in shown(bot.reply(VISION, thread, "🎙"))


def test_home_and_the_messages_tab_are_filled(bot: RunningBot) -> None:
    thread_of(bot, "mode-home")
    bot.workspace.home(ANA)
    bot.wait(lambda: "mode-home" in json.dumps(bot.workspace.home(ANA) or {}), "Home")
    before = len(bot.workspace.calls("assistant.threads.setSuggestedPrompts"))
    bot.workspace.open_dm(BEN)
    bot.workspace.ask("home", user=BEN, app=bot.workspace.app["id"], tab="messages")
    bot.wait(lambda: len(bot.workspace.calls("assistant.threads.setSuggestedPrompts")) > before, "prompts")


def test_a_direct_message_is_answered(bot: RunningBot) -> None:
    thread_of(bot, "mode-direct")
    direct = bot.workspace.open_dm(BEN)
    asked = bot.workspace.post(BEN, direct, "list project:mode-direct")
    bot.reply(direct, asked, "mode-direct/1", user=BEN)


@pytest.mark.parametrize("fault", ["duplicate_event", "drop_ack"])
def test_what_comes_again_is_handled_once(endpoint: Endpoint | None, bot: RunningBot, fault: str) -> None:
    thread = thread_of(bot, f"mode-{fault}".replace("_", "-"))
    bot.settle()
    bot.workspace.faults({"event": "message", "kind": fault})
    reply = bot.workspace.reply(ANA, VISION, thread, WORDS)

    def deliveries() -> list[str]:
        with bot.services.database.session() as session:
            events = session.exec(select(SlackEvent).where(SlackEvent.kind == "message"))
            ids = {one.event_id for one in events if one.body["event"].get("ts") == reply}
        return [
            try_ for one in bot.workspace.deliveries() if one["event_id"] in ids for try_ in one["attempts"]
        ]

    bot.wait(lambda: len(deliveries()) > 1, "the second delivery", seconds=60)
    bot.settle()
    assert notes_at(bot, reply) == [WORDS]
    if endpoint is not None and fault == "drop_ack":
        assert any(one.get("x-slack-retry-num") == "1" for one in endpoint.seen)


def test_an_edit_that_overtakes_its_message_counts(bot: RunningBot) -> None:
    thread = thread_of(bot, "mode-overtaken")
    bot.workspace.faults({"event": "message", "kind": "reorder_events", "seconds": 2})
    reply = bot.workspace.reply(ANA, VISION, thread, WORDS)
    bot.workspace.edit(ANA, VISION, reply, "I lowered lr twice.")
    bot.wait(lambda: notes_at(bot, reply), "the note", seconds=60)
    bot.settle()
    assert notes_at(bot, reply) == ["I lowered lr twice."]


def test_a_late_event_is_still_taken(bot: RunningBot) -> None:
    thread = thread_of(bot, "mode-late")
    bot.workspace.faults({"event": "message", "kind": "latency", "seconds": 1.5})
    reply = bot.workspace.reply(ANA, VISION, thread, WORDS)
    bot.wait(lambda: notes_at(bot, reply) == [WORDS], "the note")


def test_choices_that_nobody_offers_are_none(bot: RunningBot) -> None:
    """No menu of the bot's asks for its choices, so whoever asks (an old message of another version) gets none, and no error."""
    payload = {
        "type": "block_suggestion", "team": {"id": "T0LOCAL"}, "user": {"id": ANA}, "api_app_id": "A0RUNLORE",
        "container": {"type": "message", "channel_id": VISION, "message_ts": "1.1"}, "action_id": "old", "block_id": "b", "value": "v",
    }  # fmt: skip
    raw, stamp = urlencode({"payload": json.dumps(payload)}), str(int(time.time()))
    signature = SignatureVerifier(bot.workspace.signing_secret).generate_signature(timestamp=stamp, body=raw)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Slack-Request-Timestamp": stamp}
    answer = bot.web.post(
        "/slack/events", content=raw, headers=headers | {"X-Slack-Signature": signature or ""}
    )
    assert answer.status_code == 200
