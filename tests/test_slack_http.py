"""Slack's signed requests over HTTP: the signed ones are kept once, all others turned away, none lost to a database."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from local_workspace import ANA, VISION
from running_bot import BOT_ID, RunningBot
from slack_sdk.signature import SignatureVerifier
from sqlmodel import select

from bot.http import build_http
from bot.slack_app import build_app
from storage.database import Database
from storage.memory import SlackEvent


def event(name: str) -> dict[str, Any]:
    """A message in no thread of ours: kept, and then of no consequence."""
    said = {"type": "message", "channel": VISION, "user": ANA, "text": "hello", "ts": "1700000000.000100"}
    return {"type": "event_callback", "team_id": "T0LOCAL", "event_id": name, "event": said}


def send(
    web: TestClient,
    bot: RunningBot,
    body: dict[str, Any],
    *,
    at: str | None = None,
    secret: str | None = None,
) -> tuple[int, str]:
    """POST as Slack does, signed; returns the status and what was answered."""
    raw, stamp = json.dumps(body), at or str(int(time.time()))
    signature = SignatureVerifier(secret or bot.workspace.signing_secret).generate_signature(
        timestamp=stamp, body=raw
    )
    headers = {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": signature or "",
    }
    answer = web.post("/slack/events", content=raw, headers=headers)
    return answer.status_code, answer.text


def kept(bot: RunningBot, name: str) -> list[SlackEvent]:
    with bot.services.database.session() as session:
        return list(session.exec(select(SlackEvent).where(SlackEvent.event_id == name)))


def test_a_signed_event_is_kept_and_handled_once(bot: RunningBot) -> None:
    assert [send(bot.web, bot, event("Ev0SIGNED"))[0] for _ in range(2)] == [200, 200]
    bot.settle()
    assert [one.handled_at is not None for one in kept(bot, "Ev0SIGNED")] == [True]


@pytest.mark.parametrize(
    "forged",
    [{"secret": "guessed"}, {"at": str(int(time.time()) - 3600)}, {"at": "yesterday"}, {"at": "-1"}],
    ids=["signature", "old", "words", "negative"],
)
def test_what_slack_did_not_sign_just_now_is_turned_away(bot: RunningBot, forged: dict[str, str]) -> None:
    assert send(bot.web, bot, event("Ev0FORGED"), **forged)[0] == 401
    assert kept(bot, "Ev0FORGED") == []


@pytest.mark.parametrize("guessed", ["socket-mode-only", ""])
def test_where_only_a_socket_is_used_no_request_is_taken_as_slacks(bot: RunningBot, guessed: str) -> None:
    """The two tokens of Socket Mode are all that most installations set: no signature is right then."""
    settings = bot.services.settings.model_copy(update={"slack_signing_secret": None})
    services = replace(bot.services, settings=settings)
    web = TestClient(build_http(services, build_app(services, bot_id=BOT_ID)))
    status, _ = send(web, bot, event("Ev0SOCKET"), secret=guessed or None)
    assert status == 404
    assert kept(bot, "Ev0SOCKET") == []


def test_an_unsigned_request_is_turned_away(bot: RunningBot) -> None:
    assert bot.web.post("/slack/events", json=event("Ev0UNSIGNED")).status_code == 401
    assert kept(bot, "Ev0UNSIGNED") == []


@pytest.mark.parametrize(
    "inner",
    [
        {"type": "message", "message": "hello", "ts": "1.1"},
        {"type": "message", "subtype": "message_changed", "message": "hello", "ts": "1.1"},
        {"type": "message", "user": {"id": 1}},
        {"type": ["x"]},
        {},
        "hello",
        [1],
    ],
)
def test_a_signed_delivery_of_another_shape_is_acknowledged(bot: RunningBot, inner: Any) -> None:  # noqa: ANN401
    body = event(f"Ev0{abs(hash(str(inner)))}") | {"event": inner}
    assert send(bot.web, bot, body)[0] == 200
    bot.settle()


def test_slack_verifies_the_address(bot: RunningBot) -> None:
    status, answer = send(bot.web, bot, {"type": "url_verification", "challenge": "c0ffee"})
    assert status == 200
    assert "c0ffee" in answer


def test_without_its_database_the_bot_asks_slack_to_come_again(bot: RunningBot) -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing", patience=0.0)
    services = replace(bot.services, database=nowhere)
    with TestClient(build_http(services, build_app(services, bot_id=BOT_ID))) as web:
        assert send(web, bot, event("Ev0LATER"))[0] == 503
    assert send(bot.web, bot, event("Ev0LATER"))[0] == 200
    assert len(kept(bot, "Ev0LATER")) == 1
    nowhere.close()
