"""A digest reaches Slack once, also when Slack is away at its time; a manager's comes with its file and canvas."""

from datetime import UTC, datetime, timedelta

import pytest
from fakes import services_with
from kept_slack import KeptSlack
from memory_of_a_team import Team

from bot import digests, rendering
from bot.digests import NotSentYet
from bot.dispatcher import Dispatcher
from storage.database import Database
from storage.memory import Digest

NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Morning:
    """A project whose digest is due at nine, and a clock."""

    def __init__(self, database: Database, *, depth: str = "brief") -> None:
        self.database, self.slack, self.now = database, KeptSlack(), NINE
        self.services = services_with(database, self.slack, lambda: self.now)
        self.dispatcher = Dispatcher(database, self.slack, render=rendering.render)
        with database.session() as session:
            team = Team(session)
            ana = team.person("ana")
            project = team.project("vision", team.channel("vision", ana))
            run = team.run(project, ana, metrics={"val_acc": 0.9}, started_at=NINE - 3 * HOUR)
            run.ended_at = NINE - HOUR
            digests.subscribe(session, "C0VISION", person=ana, now=NINE - 24 * HOUR, depth=depth)

    def tick(self, *, seconds: float = 0) -> None:
        """The scheduler ticks, the dispatcher sends what it can."""
        self.now += timedelta(seconds=seconds)
        with self.database.session() as session:
            digests.claim_due(session, now=self.now)
        while self.dispatcher.send_due(self.now):
            self.now += timedelta(seconds=1)

    def digest_id(self) -> int:
        with self.database.session() as session:
            digest = session.get(Digest, 1)
            assert digest is not None
            return digest.id or 0


def test_slack_away_at_the_time_of_a_digest_delays_it_and_loses_nothing(database: Database) -> None:
    morning = Morning(database)
    morning.slack.away = True
    with database.session() as session:
        digests.claim_due(session, now=NINE)
    for minute in range(0, 90, 15):
        assert morning.dispatcher.send_due(NINE + timedelta(minutes=minute)) <= 1
    assert morning.slack.texts() == []
    morning.slack.away = False
    morning.now = NINE + 2 * HOUR
    morning.tick()
    morning.tick(seconds=60)
    assert morning.slack.texts() == ["vision: 1 run", "Details: vision"]


def test_a_digest_whose_answer_was_lost_is_not_sent_again(database: Database) -> None:
    morning = Morning(database)
    morning.slack.loses_answers = True
    with database.session() as session:
        digests.claim_due(session, now=NINE)
    morning.dispatcher.send_due(NINE)
    morning.slack.loses_answers = False
    morning.now = NINE + timedelta(minutes=2)
    morning.tick()
    morning.tick(seconds=60)
    assert morning.slack.texts() == ["vision: 1 run", "Details: vision"]


@pytest.mark.parametrize("canvases", [True, False])
def test_a_managers_digest_comes_with_its_file_and_a_canvas_where_there_are_any(
    database: Database, canvases: bool
) -> None:
    morning = Morning(database, depth="manager")
    morning.slack.canvases = canvases
    with database.session() as session:
        digests.claim_due(session, now=NINE)
    for share in (digests.share_report, digests.share_canvas):
        with pytest.raises(NotSentYet):
            share(morning.services, morning.digest_id())
    morning.tick()
    for share in (digests.share_report, digests.share_canvas):
        share(morning.services, morning.digest_id())
    morning.tick(seconds=5)
    [(name, text, thread)] = morning.slack.files
    assert (name, thread) == ("progress-2026-11-24.md", "1.0")
    assert "**Result**" in text
    linked = [one for one in morning.slack.messages if "as a canvas" in one["text"]]
    assert [one["thread_ts"] for one in linked] == (["1.0"] if canvases else [])
    if canvases:
        assert morning.slack.canvas == text
        assert "<https://acme.slack.com/docs/T0/F0CANVAS|Progress, 24 Nov 2026>" in linked[0]["text"]
