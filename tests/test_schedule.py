"""What the schedule does when what it asks does not answer."""

from datetime import timedelta

from fakes import services_with
from kept_slack import KeptSlack
from memory_of_a_team import NOW

from bot.schedule import DIRECTORY_AFTER, keep_directory
from storage.database import Database


class Asked(KeptSlack):
    """Counts how often the directory was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0

    def call(self, method: str, body: dict[str, object]) -> dict[str, object]:  # type: ignore[override]
        self.times += method == "users.list"
        return (
            {}
            if method.startswith(("users.", "conversations.")) and not self.away
            else super().call(method, body)
        )


def test_who_is_where_is_asked_again_soon_where_slack_did_not_answer(database: Database) -> None:
    slack, now = Asked(), NOW
    tick = keep_directory(services_with(database, slack, lambda: now))
    slack.away = True
    for _ in range(3):
        tick()
        now += timedelta(minutes=1)
    assert slack.times == 3
    slack.away = False
    for _ in range(3):
        tick()
        now += timedelta(minutes=1)
    assert slack.times == 4
    now += DIRECTORY_AFTER
    tick()
    assert slack.times == 5
