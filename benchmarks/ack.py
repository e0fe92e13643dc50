"""How soon `/runs list` and `/runs compare` are acknowledged and answered while five five-minute memos are heard.

With 100 live runs, and 100,000 stored, against the local workspace:
python -m benchmarks.ack [runs stored]
"""

import statistics
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

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
ACK_BUDGET, ANSWER_BUDGET = 0.100, 0.500  # seconds
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
            fill(home, stored)
            quiet = {words: [ask(bot, words) for _ in range(COMMANDS)] for words in ASKED}
            memo = long_memo(Path(folder))
            for _ in range(MEMOS):
                bot.workspace.upload_memo(ANA, RUNS, memo, thread_ts=ts)
            bot.wait(lambda: bot.workspace.calls("files.info"), "the hearing to begin", seconds=60)
            busy = {words: [ask(bot, words) for _ in range(COMMANDS)] for words in ASKED}
            heard = len(bot.workspace.calls("files.info"))
    print(f"{stored:,} runs stored, {LIVE} of them live; against the local workspace")
    for state, asked in (("quiet", quiet), (f"{MEMOS} memos of {MEMO_SECONDS // 60} min", busy)):
        for words, told in asked.items():
            verb = words.split()[0]
            say(f"{verb} acknowledged, {state}", [one for one, _ in told], ACK_BUDGET)
            say(f"{verb} answered, {state}", [one for _, one in told], ANSWER_BUDGET)
    print(f"memos begun by the end of the busy part: {heard} of {MEMOS}")


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
    except subprocess.SubprocessError as error:
        raise SystemExit(f"The bot could not be run: {error}") from error
