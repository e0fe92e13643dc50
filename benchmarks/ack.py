"""How soon `/runs list` is acknowledged and answered while five memos are transcribed, against the local workspace.

python benchmarks/ack.py
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1])]

import sdk_children as children
from local_workspace import ANA, BEN, ROOT, RUNS
from served_bot import ServedBot, served_bot

COMMANDS = 40
MEMOS = 5
ACK_BUDGET, ANSWER_BUDGET = 0.100, 0.500  # seconds
TRAINING = "run = runlore.init(name='talked-about')\nrun.log({'loss': 1})\nrun.finish()"


def ask(bot: ServedBot) -> tuple[float, float]:
    """Seconds until a command is acknowledged, and until its answer is seen."""
    before = len(bot.workspace.ephemerals(BEN, RUNS))
    begun = time.perf_counter()
    bot.workspace.command(BEN, RUNS, "/runs", "list")  # comes back once it was acknowledged
    acknowledged = time.perf_counter() - begun
    while len(bot.workspace.ephemerals(BEN, RUNS)) == before:
        time.sleep(0.005)
    return acknowledged, time.perf_counter() - begun


def say(label: str, seconds: list[float], budget: float) -> None:
    ordered = sorted(seconds)
    p95, most = ordered[int(0.95 * (len(ordered) - 1))], ordered[-1]
    print(
        f"{label:32} p50 {statistics.median(ordered) * 1000:6.0f} ms   p95 {p95 * 1000:6.0f} ms   "
        f"most {most * 1000:6.0f} ms   budget {budget * 1000:.0f} ms: {'kept' if p95 <= budget else 'MISSED'}"
    )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="runlore-ack-") as folder:
        Path(folder).chmod(0o711)  # root's database runs as another user
        with served_bot(Path(folder) / "home") as bot:
            env = children.environment(
                Path(folder) / "spool", bot.url, RUNLORE_TOKEN=bot.token("bench"), RUNLORE_PROJECT="bench"
            )
            children.run(TRAINING, env)
            bot.wait(lambda: bot.thread(RUNS, "bench")[1], "the run", seconds=30)
            ts, _ = bot.thread(RUNS, "bench")
            quiet = [ask(bot) for _ in range(COMMANDS)]
            for _ in range(MEMOS):
                bot.workspace.upload_memo(ANA, RUNS, ROOT / "examples" / "memo.m4a", thread_ts=ts)
            bot.wait(lambda: bot.workspace.calls("files.info"), "the hearing to begin", seconds=60)
            busy = [ask(bot) for _ in range(COMMANDS)]
            heard = len(bot.workspace.calls("files.info"))
    for state, told in (("quiet", quiet), (f"{MEMOS} memos in work", busy)):
        say(f"acknowledged, {state}", [one for one, _ in told], ACK_BUDGET)
        say(f"answered, {state}", [one for _, one in told], ANSWER_BUDGET)
    print(f"memos begun by the end of the busy part: {heard} of {MEMOS}")


if __name__ == "__main__":
    try:
        main()
    except subprocess.SubprocessError as error:
        raise SystemExit(f"The bot could not be run: {error}") from error
