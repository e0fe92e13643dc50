"""A bot that is killed while many runs report: whatever was acknowledged is there, and everything is there once."""

import http.client
import json
import threading
import time

import pytest
from databases import reachable_directory
from served_bot import ServedBot, served_bot

pytestmark = pytest.mark.models  # a whole bot, which loads its models
RUNS, POINTS = 12, 400


class Run(threading.Thread):
    """Sends a point a batch, in order, and again until it is acknowledged, as a sidecar does."""

    def __init__(self, bot: ServedBot, token: str, number: int) -> None:
        super().__init__(daemon=True)
        self.uid = f"killed-ingest-{number:03d}"
        self._bot, self._token = bot, token
        self._link: http.client.HTTPConnection | None = None
        self.next = 0
        self.sent_again = 0

    def run(self) -> None:
        while self.next < POINTS + 1:
            self.next = self._send(self.next) or self.next
        if self._link is not None:
            self._link.close()

    def _send(self, first: int) -> int | None:
        at = time.time()
        events = [] if first else [{"t": "start", "at": at, "seq": 0, "name": self.uid}]
        points = [{"k": "loss", "s": [first], "ms": [int(at * 1000)], "v": [float(first)]}] if first else []
        batch = {"v": 1, "project": "killed", "run": self.uid, "stream": self.uid.encode().hex(), "first": first,
                 "count": 1, "sent_at": at, "events": events, "series": points}  # fmt: skip
        self._link = self._link or http.client.HTTPConnection("127.0.0.1", self._bot.port, timeout=20)
        try:
            headers = {"Authorization": f"Bearer {self._token}"}
            self._link.request("POST", "/api/v1/ingest", json.dumps(batch), headers)
            answer = self._link.getresponse()
            told = json.loads(answer.read())
            if answer.status in (200, 409):
                return int(told["next"])
        except (OSError, http.client.HTTPException, ValueError):
            self._link.close()
            self._link = None
        self.sent_again += 1
        time.sleep(0.2)
        return None


def test_after_a_kill_in_the_middle_of_groups_every_point_is_there_once_and_in_order() -> None:
    with reachable_directory() as directory, served_bot(directory / "home") as bot:
        token = bot.token("killed")
        runs = [Run(bot, token, number) for number in range(RUNS)]
        for run in runs:
            run.start()
        for share in (0.25, 0.5):
            bot.wait(lambda share=share: min(run.next for run in runs) > share * POINTS, "points", seconds=60)  # type: ignore[misc]
            acknowledged = [run.next for run in runs]
            bot.kill()
            bot.start()
            told = [bot.get(f"/api/v1/runs/killed/{number}", token) for number in range(1, RUNS + 1)]
            counts = {one["name"]: one["metrics"]["loss"]["count"] for one in told}
            assert all(counts[run.uid] >= next_ - 1 for run, next_ in zip(runs, acknowledged, strict=True))
        for run in runs:
            run.join(120)
        told = [bot.get(f"/api/v1/runs/killed/{number}", token) for number in range(1, RUNS + 1)]
        losses = [one["metrics"]["loss"] for one in told]
        assert [(loss["count"], loss["last"], loss["min"]) for loss in losses] == [
            (POINTS, POINTS, 1.0)
        ] * RUNS
        assert sum(run.sent_again for run in runs) > 0
