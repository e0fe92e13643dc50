"""`runlore login` on the server's side: a code, its person's yes, a token handed out once; what is old or revoked opens nothing."""

from datetime import timedelta
from typing import Any

import pytest
from local_workspace import ANA
from running_bot import RunningBot

from bot import logins, tokens
from bot.errors import NotFound
from bot.people import by_slack_id


def ask(bot: RunningBot, call: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = bot.web.post(f"/api/v1/login/{call}", json=body)
    return answer.status_code, answer.json()


def confirm(bot: RunningBot, code: str) -> None:
    with bot.services.database.session() as session:
        logins.confirm(session, code, by_slack_id(session, ANA, now=bot.clock()), now=bot.clock())


def status_with(bot: RunningBot, token: str) -> int:
    beat = {"run": "login-run-1", "project": "logins", "stream": "0" * 16, "at": 0.0, "next_in": 30}
    headers = {"Authorization": f"Bearer {token}"}
    return bot.web.post("/api/v1/heartbeat", json=beat, headers=headers).status_code


def test_a_confirmed_code_gives_its_person_s_token_exactly_once(bot: RunningBot) -> None:
    _, started = ask(bot, "start", {"host": "gpu-7", "login": "asilva"})
    assert ask(bot, "poll", {"device": started["device"]}) == (200, {"state": "waiting"})
    confirm(bot, started["code"].lower())
    status, given = ask(bot, "poll", {"device": started["device"]})
    assert (status, given["state"], given["person"]) == (200, "ok", "ana")
    assert status_with(bot, given["token"]) == 200
    assert ask(bot, "poll", {"device": started["device"]})[0] == 404
    with pytest.raises(NotFound):
        confirm(bot, started["code"])


def test_a_code_that_waited_too_long_or_was_never_given_opens_nothing(bot: RunningBot) -> None:
    _, started = ask(bot, "start", {})
    assert ask(bot, "poll", {"device": "made up"})[0] == 404
    with pytest.raises(NotFound):
        confirm(bot, "AAAA-BBBB")
    later = bot.clock() + timedelta(minutes=11)
    with bot.services.database.session() as session:
        person = by_slack_id(session, ANA, now=later)
        with pytest.raises(NotFound):
            logins.confirm(session, started["code"], person, now=later)
        with pytest.raises(NotFound):
            logins.poll(session, {"device": started["device"]}, now=later)


def test_an_expired_or_revoked_token_reports_nothing_more(bot: RunningBot) -> None:
    with bot.services.database.session() as session:
        person = by_slack_id(session, ANA, now=bot.clock())
        short = tokens.create(session, now=bot.clock(), person=person, lasts=timedelta(minutes=5))
        lost = tokens.create(session, now=bot.clock(), person=person)
    assert (status_with(bot, short), status_with(bot, lost)) == (200, 200)
    with bot.services.database.session() as session:
        assert tokens.revoke(session, lost[:8], now=bot.clock()) == 1
        assert (
            tokens.check(session, f"Bearer {short}", scope="write", now=bot.clock() + timedelta(minutes=6))
            is None
        )
    assert (status_with(bot, short), status_with(bot, lost)) == (200, 401)
