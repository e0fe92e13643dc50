"""What only reads is read from the replica where there is one, and from the primary while the replica is gone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count

import pytest
from local_workspace import ANA
from running_bot import RunningBot
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from bot import commands
from bot.values import Message
from storage.database import Database

NOWHERE = "postgresql://nobody@/none?host=/nowhere"
READ = ["list", "show {run}", "compare {run} {other}", "logs {run}", "logs {run} grep boom", "now", "best loss", "best", "tree {project}",
        "who tried warmup?", "list loss<1 project:{project}", "show nothing-of-that-name"]  # fmt: skip
WRITTEN = ["note {run} we lowered it", "tag {run} good", "baseline {run}", "value {run} f1=0.5", "help"]
_numbers = count(1)


@pytest.fixture
def names(bot: RunningBot) -> dict[str, str]:
    """A project with two runs."""
    project = f"replica-{next(_numbers)}"
    names = {"project": project}
    for number, name in enumerate(("run", "other"), 1):
        uid = bot.start(project, params={"lr": 0.1 * number})
        bot.log(project, uid, "loss", 1.0, 0.5)
        bot.finish(project, uid)
        names[name] = f"{project}/{number}"
    return names


@contextmanager
def replicated(bot: RunningBot, read_url: str) -> Iterator[tuple[RunningBot, list[str]]]:
    """The bot with a replica; and what was asked of the replica."""
    database, asked = Database(bot.services.database.url, read_url), list[str]()
    event.listen(database.read_engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    yield replace(bot, services=replace(bot.services, database=database)), asked
    database.close()


def say(bot: RunningBot, words: str) -> Message:
    with bot.services.database.session() as session:
        return commands.answer(session, bot.services, words, person=ANA, channel=None, public=False, with_models=True)  # fmt: skip


def test_commands_that_only_read_are_answered_from_the_replica(
    bot: RunningBot, names: dict[str, str]
) -> None:
    with replicated(bot, bot.services.database.url) as (with_replica, asked):
        for words in READ:
            told, before = say(bot, words.format(**names)), len(asked)
            assert say(with_replica, words.format(**names)).text == told.text
            assert len(asked) > before, words


def test_commands_that_change_something_go_to_the_primary(bot: RunningBot, names: dict[str, str]) -> None:
    with replicated(bot, bot.services.database.url) as (with_replica, asked):
        for words in WRITTEN:
            assert say(with_replica, words.format(**names)).text
            assert asked == [], words


def test_the_primary_answers_while_the_replica_is_gone(bot: RunningBot, names: dict[str, str]) -> None:
    with replicated(bot, NOWHERE) as (with_replica, _):
        for words in READ:
            with_replica.services.database._away_until = 0.0  # it might be back
            assert say(with_replica, words.format(**names)).text == say(bot, words.format(**names)).text


def test_a_replica_that_goes_while_it_is_read_is_made_up_for(bot: RunningBot, names: dict[str, str]) -> None:
    """As a standby does whose replay is held up: it cancels whoever reads."""
    told = say(bot, "list project:{project}".format(**names))
    with replicated(bot, bot.services.database.url) as (with_replica, asked):
        read_engine = with_replica.services.database.read_engine

        @event.listens_for(read_engine, "before_cursor_execute")
        def cancel(*_: object) -> None:
            if len(asked) > 1:
                raise OperationalError("canceling statement due to conflict with recovery", None, Exception())

        assert say(with_replica, "list project:{project}".format(**names)).text == told.text
        assert len(asked) == 2


def test_a_replica_that_is_gone_is_left_alone_for_a_while_and_then_tried_again(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    replicated = Database(database.url, NOWHERE)
    for _ in range(3):
        with replicated.read_session() as session:
            assert session.execute(text("SELECT 1")).scalar() == 1
    assert caplog.messages == ["replica_not_reached"]
    replicated._away_until = 0.0
    for _ in range(2):
        with replicated.snapshot() as session:
            assert session.execute(text("SHOW transaction_isolation")).scalar() == "repeatable read"
            assert session.execute(text("SHOW transaction_read_only")).scalar() == "on"
    assert caplog.messages == ["replica_not_reached"] * 2
    replicated.close()
