"""Real processes, really killed: the bot, its database, a training run; and Slack failing for a while."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sdk_children as children
from databases import reachable_directory
from local_workspace import ANA, ROOT, RUNS
from patience import stretched
from served_bot import ServedBot, served_bot

pytestmark = pytest.mark.models
MEMO = ROOT / "examples" / "memo.m4a"


@pytest.fixture(scope="module")
def served() -> Iterator[ServedBot]:
    with reachable_directory() as directory, served_bot(directory / "home") as bot:
        yield bot


def training(bot: ServedBot, project: str, spool: Path, code: str) -> tuple[subprocess.Popen[str], str]:
    """A real training process that reports through the SDK; and its token."""
    token = bot.token(project)
    env = children.environment(spool / "spool", bot.url, RUNLORE_TOKEN=token, RUNLORE_PROJECT=project)
    return children.start(code, env), token


def test_a_killed_run_is_announced_with_its_signal_within_five_seconds(
    served: ServedBot, tmp_path: Path
) -> None:
    code = (
        "run = runlore.init()\nfor step in range(10**6): run.log({'loss': 1 / (step + 1)}); time.sleep(0.05)"
    )
    child, _ = training(served, "killed-run", tmp_path, code)
    served.wait(lambda: served.thread(RUNS, "killed-run")[1], "the run", seconds=20)
    time.sleep(1)
    child.kill()
    began = time.monotonic()
    told = served.wait(
        lambda: next((one for one in served.thread(RUNS, "killed-run")[1] if "SIGKILL" in one), None),
        "its end",
        seconds=10,
    )
    assert time.monotonic() - began < stretched(5)
    assert "killed" in told
    children.finish(child)


def test_a_killed_database_comes_back_and_nothing_is_lost(served: ServedBot, tmp_path: Path) -> None:
    code = """
    run = runlore.init()
    for step in range(3000):
        run.log({"loss": 1 / (step + 1)})
        time.sleep(0.002)
    run.finish()
    """
    child, token = training(served, "struck", tmp_path, code)
    served.wait(lambda: served.thread(RUNS, "struck")[1], "the run", seconds=20)
    killed = served.kill_database()
    children.finish(child)
    served.wait(lambda: served.database_pid() != killed, "a new server", seconds=30)

    def whole() -> bool:
        run = served.get("/api/v1/runs/struck/1", token)
        return run.get("state") == "finished" and run["metrics"]["loss"]["count"] == 3000

    served.wait(whole, "all 3,000 points and the end", seconds=60)
    served.wait(
        lambda: [one for one in served.thread(RUNS, "struck")[1] if "finished" in one], "its end", seconds=30
    )
    time.sleep(2)
    replies = served.thread(RUNS, "struck")[1]
    assert len(replies) == 2, replies  # the run's own message, and its end


def test_slack_failing_for_a_while_loses_and_doubles_nothing(served: ServedBot, tmp_path: Path) -> None:
    served.workspace.faults(
        {"method": "chat.postMessage", "kind": "429", "retry_after": 1, "count": 2},
        {"method": "chat.postMessage", "kind": "500", "skip": 1, "count": 3},
        {"method": "chat.postMessage", "kind": "timeout_after_accept", "seconds": 0.2, "skip": 2, "count": 2},
        {"method": "chat.update", "kind": "503", "count": 3},
    )
    code = """
    run = runlore.init()
    for number in range(5):
        run.alert(title=f"alarm {number}", text="look")
    run.finish()
    """
    child, _ = training(served, "stormy", tmp_path, code)
    children.finish(child)
    served.wait(
        lambda: [one for one in served.thread(RUNS, "stormy")[1] if "finished" in one.split("alarm")[-1]][1:],
        "the end",
        seconds=60,
    )
    served.workspace.faults()
    time.sleep(2)
    _, replies = served.thread(RUNS, "stormy")
    alarms = [one for one in replies if "alarm" in one]
    assert [f"alarm {number}" in one for number, one in enumerate(alarms)] == [True] * 5
    assert len(replies) == 7  # the run, five alarms, its end


def test_a_memo_whose_bot_is_killed_while_hearing_it_is_answered_once(
    served: ServedBot, tmp_path: Path
) -> None:
    code = "run = runlore.init(name='talked-about')\nrun.log({'loss': 1})\nrun.finish()"
    child, _ = training(served, "spoken", tmp_path, code)
    children.finish(child)
    served.wait(lambda: len(served.thread(RUNS, "spoken")[1]) == 2, "the run and its end", seconds=20)
    ts, before = served.thread(RUNS, "spoken")
    memo = served.workspace.upload_memo(ANA, RUNS, MEMO, thread_ts=ts)
    served.wait(lambda: served.workspace.calls("files.info"), "the hearing to begin", seconds=30)
    assert "ear" in served.workspace.reactions(RUNS, memo)
    served.kill()
    began = time.monotonic()
    served.start()

    def cards() -> list[str]:
        return [one for one in served.thread(RUNS, "spoken")[1] if "label smoothing" in one]

    served.wait(cards, "the card", seconds=60)
    assert time.monotonic() - began < stretched(60)
    time.sleep(3)
    assert len(cards()) == 1
    assert len(served.thread(RUNS, "spoken")[1]) == len(before) + 2  # the memo and its card
