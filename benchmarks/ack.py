"""How soon `/runs list` and `/runs compare` are acknowledged and answered, and an alert of a run is in its thread.

First on a quiet server, then while five five-minute memos are heard; with 100 live runs, and 100,000 stored, against the local workspace:
python -m benchmarks.ack [runs stored]
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

sys.path += [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1])]

import numpy as np
import sdk_children as children
from local_workspace import ANA, BEN, ROOT, RUNS
from served_bot import ServedBot, served_bot
from sqlalchemy import text
from sqlmodel import select

from benchmarks.digest import METRICS, NOW, PARAMS
from benchmarks.digest import RUNS as STORED
from bot.home import open_database
from bot.settings import Settings
from nlp.audio import decode
from storage.tables import Project

COMMANDS = 40
MEMOS, MEMO_SECONDS = 5, 300
LIVE = 100
ASKED = ("list", "compare bench/20 bench/21")
ACK_BUDGET, ANSWER_BUDGET, TOLD_BUDGET = 0.100, 0.500, 1.0  # seconds
ALERTS, ALERT_EVERY = 20, 1.2  # Slack takes one message a second in a channel
TRAINING = "run = runlore.init(name='talked-about')\nrun.log({'loss': 1})\nrun.finish()"


def fill(home: Path, runs: int) -> None:
    """So many runs in the project, the newest of them running."""
    with open_database(Settings(home=home)) as database:
        with database.session() as session:
            project = session.exec(select(Project).where(Project.name == "bench")).one()
            values = {"project": project.id, "owner": None, "now": NOW, "runs": runs, "share": 10}
            session.connection().execute(text("UPDATE run SET number = -number"))
            session.connection().execute(STORED, values)
            session.connection().execute(METRICS_OF_STORED)
            session.connection().execute(PARAMS_OF_STORED)
            live = "UPDATE run SET state = 'running', ended_at = NULL WHERE number BETWEEN 1 AND :live"
            session.connection().execute(text(live), {"live": LIVE})
        with database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))


METRICS_OF_STORED, PARAMS_OF_STORED = (
    text(str(one).rstrip() + " WHERE run.uid LIKE 'bench-%'" if one is PARAMS else str(one).rstrip().replace("FROM run,", "FROM (SELECT * FROM run WHERE uid LIKE 'bench-%') run,"))
    for one in (METRICS, PARAMS)
)  # fmt: skip


def long_memo(folder: Path) -> Path:
    """Five minutes of speech: the example, again and again."""
    samples = decode(ROOT / "examples" / "memo.m4a")
    told = np.tile(samples, 1 + MEMO_SECONDS * 16_000 // len(samples))[: MEMO_SECONDS * 16_000]
    path = folder / "memo.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((told * 32_767).astype(np.int16).tobytes())
    return path


def ask(bot: ServedBot, words: str) -> tuple[float, float]:
    """Seconds until a command is acknowledged, and until its answer is seen."""
    before = len(bot.workspace.ephemerals(BEN, RUNS))
    begun = time.perf_counter()
    bot.workspace.command(BEN, RUNS, "/runs", words)  # comes back once it was acknowledged
    acknowledged = time.perf_counter() - begun
    while len(bot.workspace.ephemerals(BEN, RUNS)) == before:
        time.sleep(0.005)
    return acknowledged, time.perf_counter() - begun


class Trainer:
    """A live run that raises alerts: batches as the sidecar writes them."""

    def __init__(self, bot: ServedBot, token: str) -> None:
        self._bot, self._token, self._next = bot, token, 0
        self._send({"t": "start", "name": "alarming", "entry": "train.py"})
        bot.wait(lambda: bot.thread(RUNS, "alarming")[1], "the run's message", seconds=30)

    def told(self) -> float:
        """Seconds from the moment an alert is sent until Slack is given its message."""
        title, seen = f"loss is strange, {self._next}", len(self._bot.workspace.calls("chat.postMessage"))
        begun = time.perf_counter()
        self._send({"t": "alert", "title": title, "text": "", "level": "ERROR"})
        while not any(
            title in json.dumps(call) for call in self._bot.workspace.calls("chat.postMessage")[seen:]
        ):
            time.sleep(0.01)
        taken = time.perf_counter() - begun
        time.sleep(max(0.0, ALERT_EVERY - taken))
        return taken

    def _send(self, event: dict[str, str]) -> None:
        now = time.time()
        batch = {"v": 1, "project": "bench", "run": "alarming-run", "stream": "00000000000000aa", "sent_at": now,
                 "first": self._next, "count": 1, "events": [{**event, "seq": self._next, "at": now}], "series": []}  # fmt: skip
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = Request(f"{self._bot.url}/api/v1/ingest", json.dumps(batch).encode(), headers)  # noqa: S310  our own
        while True:
            try:
                urlopen(request, timeout=30).close()  # noqa: S310  our own
            except HTTPError as error:
                if error.code not in (429, 503):
                    raise
                time.sleep(0.2)  # put off: the sidecar would come again too
            else:
                self._next += 1
                return


def say(label: str, seconds: list[float], budget: float) -> None:
    ordered = sorted(seconds)
    p95, most = ordered[int(0.95 * (len(ordered) - 1))], ordered[-1]
    print(
        f"{label:40} p50 {statistics.median(ordered) * 1000:6.0f} ms   p95 {p95 * 1000:6.0f} ms   "
        f"most {most * 1000:6.0f} ms   budget {budget * 1000:.0f} ms: {'kept' if p95 <= budget else 'MISSED'}"
    )


def main(stored: int) -> None:
    with tempfile.TemporaryDirectory(prefix="runlore-ack-") as folder:
        Path(folder).chmod(0o711)  # root's database runs as another user
        home = Path(folder) / "home"
        with served_bot(home) as bot:
            env = children.environment(
                Path(folder) / "spool", bot.url, RUNLORE_TOKEN=bot.token("bench"), RUNLORE_PROJECT="bench"
            )
            children.run(TRAINING, env)
            bot.wait(lambda: bot.thread(RUNS, "bench")[1], "the run", seconds=30)
            ts, _ = bot.thread(RUNS, "bench")
            trainer = Trainer(bot, bot.token("bench"))
            fill(home, stored)
            quiet_told = [trainer.told() for _ in range(ALERTS)]
            quiet = {words: [ask(bot, words) for _ in range(COMMANDS)] for words in ASKED}
            memo = long_memo(Path(folder))
            for _ in range(MEMOS):
                bot.workspace.upload_memo(ANA, RUNS, memo, thread_ts=ts)
            bot.wait(lambda: bot.workspace.calls("files.info"), "the hearing to begin", seconds=60)
            busy = {words: [ask(bot, words) for _ in range(COMMANDS)] for words in ASKED}
            busy_told = [trainer.told() for _ in range(ALERTS)]
            heard = len(bot.workspace.calls("files.info"))
    print(f"{stored:,} runs stored, {LIVE} of them live; against the local workspace")
    for state, asked in (("quiet", quiet), (f"{MEMOS} memos of {MEMO_SECONDS // 60} min", busy)):
        for words, told in asked.items():
            verb = words.split()[0]
            say(f"{verb} acknowledged, {state}", [one for one, _ in told], ACK_BUDGET)
            say(f"{verb} answered, {state}", [one for _, one in told], ANSWER_BUDGET)
    say("alert in its thread, quiet", quiet_told, TOLD_BUDGET)
    say(f"alert in its thread, {MEMOS} memos of {MEMO_SECONDS // 60} min", busy_told, TOLD_BUDGET)
    print(f"memos begun by the end of the busy part: {heard} of {MEMOS}")


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
    except subprocess.SubprocessError as error:
        raise SystemExit(f"The bot could not be run: {error}") from error
