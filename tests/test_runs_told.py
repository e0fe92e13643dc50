"""How runs are told in Slack: announced once, edited in place, ended with a verdict, missed when they fall silent."""

from typing import Any

from local_workspace import ANA, BEN, RUNS, VISION
from running_bot import RunningBot, shown
from sqlmodel import col, select

from bot import runs
from storage.memory import Outbox
from storage.run_queries import message_key
from storage.tables import Run


def run_row(bot: RunningBot, uid: str) -> Run:
    with bot.services.database.session() as session:
        return session.exec(select(Run).where(Run.uid == uid)).one()


def test_a_run_in_its_projects_own_channel_is_one_thread(bot: RunningBot) -> None:
    bot.own_channel("own-thread", VISION)
    run = bot.start("own-thread", config={"lr": 0.1}, tags=["first"])
    parent = bot.message(VISION, "own-thread/1")
    assert "running" in shown(parent)
    bot.log("own-thread", run, "val_acc", 0.5, 0.9)
    bot.finish("own-thread", run)
    bot.settle()
    after = bot.workspace.message(VISION, parent["ts"])
    assert "finished" in shown(after)
    assert "0.9" in shown(after)
    assert "val_acc 0.9" in shown(bot.reply(VISION, parent["ts"], "finished"))


def test_projects_without_a_channel_share_one_with_a_thread_each(bot: RunningBot) -> None:
    first = bot.start("shared-one")
    bot.start("shared-one")
    bot.start("shared-two")
    bot.settle()
    board = bot.message(RUNS, "shared-one")
    assert len([one for one in bot.workspace.messages(RUNS) if "shared-one" in shown(one)]) == 1
    replies = bot.workspace.thread(RUNS, board["ts"])[1:]
    assert [number in shown(reply) for number, reply in zip(("/1", "/2"), replies, strict=True)] == [
        True,
        True,
    ]
    bot.finish("shared-one", first, "failed", error={"type": "KeyError", "message": "'lr'"})
    assert "KeyError" in shown(bot.reply(RUNS, board["ts"], "failed"))


def test_a_resumed_run_is_not_announced_again(bot: RunningBot) -> None:
    run = bot.start("resumed")
    bot.finish("resumed", run, "preempted")
    bot.report("resumed", run, {"t": "start", "name": run, "resumed": True})
    bot.settle()
    board = bot.message(RUNS, "resumed")
    told = [one for one in bot.workspace.thread(RUNS, board["ts"])[1:] if f"resumed/1 {run}" in shown(one)]
    assert len(told) == 1
    assert "running" in shown(told[0])


def test_each_bad_end_says_its_cause_first(bot: RunningBot) -> None:
    bot.own_channel("ends", VISION)
    ends: dict[str, dict[str, Any]] = {
        "failed": {"error": {"type": "ValueError", "message": "bad shape"}},
        "killed": {"signal": "SIGKILL", "cause": "killed by SIGKILL (9)"},
        "preempted": {"cause": "preempted by Slurm"},
    }
    words = {"failed": "ValueError", "killed": "SIGKILL", "preempted": "Slurm"}
    for state, exit_ in ends.items():
        run = bot.start("ends")
        bot.finish("ends", run, state, **exit_)
        bot.settle()
        number = run_row(bot, run).number
        parent = bot.message(VISION, f"ends/{number} ")
        ended = bot.reply(VISION, parent["ts"], f"ends/{number} {state}")
        assert words[state] in ended["text"][:80]


def test_a_long_run_that_dies_is_told_to_the_channel_and_names_its_owner(bot: RunningBot) -> None:
    bot.own_channel("loud", VISION)
    run = bot.start("loud")
    bot.clock.advance(minutes=6)
    bot.finish("loud", run, "killed", signal="SIGKILL")
    broadcast = bot.wait(
        lambda: next(
            (
                m
                for m in bot.workspace.messages(VISION)
                if "loud/" in shown(m) and m.get("subtype") == "thread_broadcast"
            ),
            None,
        ),
        "the broadcast",
    )
    assert f"<@{ANA}>" in str(broadcast)


def test_a_silent_run_is_lost_and_comes_back(bot: RunningBot) -> None:
    run = bot.start("silent", next_in=30)
    bot.clock.advance(seconds=85)
    with bot.services.database.session() as session:
        runs.sweep_lost(session, now=bot.clock())
    assert run_row(bot, run).state == "running"
    bot.clock.advance(seconds=10)
    with bot.services.database.session() as session:
        assert runs.sweep_lost(session, now=bot.clock()) >= 1
    board = bot.message(RUNS, "silent")
    bot.reply(RUNS, board["ts"], "silent/1 lost")
    bot.log("silent", run, "loss", 0.1)
    bot.reply(RUNS, board["ts"], "silent/1 is back")
    assert run_row(bot, run).state == "running"


def test_alerts_and_warnings_are_replies_said_once(bot: RunningBot) -> None:
    bot.own_channel("alerts", VISION)
    run = f"alerting-{bot.clock().timestamp():.0f}"
    bot.report(
        "alerts",
        run,
        {"t": "start", "name": "alerting"},
        {"t": "alert", "title": "loss is NaN", "text": "at step 3", "level": "ERROR"},
        {"t": "warning", "resource": "memory", "text": "92 % of 16 GB, rising"},
    )
    bot.settle()
    parent = bot.message(VISION, "alerts/1 alerting")
    replies = [shown(one) for one in bot.workspace.thread(VISION, parent["ts"])[1:]]
    assert len(replies) == 2
    assert "loss is NaN" in replies[0]
    assert "memory" in replies[1]


def test_a_new_best_is_told_once_and_asked_about(bot: RunningBot) -> None:
    bot.own_channel("best", VISION)
    for lr, accuracy in ((0.1, 0.8), (0.01, 0.9)):
        run = bot.start("best", config={"lr": lr})
        bot.log("best", run, "val_acc", accuracy)
        bot.finish("best", run)
    bot.settle()
    parent = bot.message(VISION, "best/2 ")
    bot.reply(VISION, parent["ts"], "best/2 is the new best")
    question = bot.reply(VISION, parent["ts"], "why?")
    assert "lr 0.1 → 0.01" in shown(question)
    bot.workspace.click(BEN, VISION, question["ts"], "Keep")
    bot.settle()
    assert "kept" in shown(bot.workspace.message(VISION, parent["ts"]))


def test_a_private_run_is_told_to_its_owner_alone(bot: RunningBot) -> None:
    bot.start("private-run", visibility="me")
    bot.settle()
    channel = bot.workspace.open_dm(ANA)
    assert bot.message(channel, "private-run/1")
    assert not any("private-run" in shown(one) for one in bot.workspace.messages(RUNS))


def test_any_number_of_changes_is_one_edit(bot: RunningBot) -> None:
    run = bot.start("edits")
    for step in range(30):
        bot.log("edits", run, "loss", 1.0 / (step + 1))
    with bot.services.database.session() as session:
        key = f"edit:{message_key(run_row(bot, run).id or 0)}"
        rows = session.exec(select(Outbox).where(col(Outbox.key).startswith(key))).all()
    assert len(rows) == 1
