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
    bot.clock.advance(minutes=3)
    bot.finish("shared-one", first, "failed", error={"type": "KeyError", "message": "'lr'"})
    bot.settle()
    told = [shown(one) for one in bot.workspace.thread(RUNS, board["ts"])[1:]]
    assert ["failed" in one and "KeyError" in one for one in told] == [True, False, True]


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
    words = {"failed": "failed: ValueError", "killed": "killed: SIGKILL", "preempted": "preempted: Slurm"}
    for state, exit_ in ends.items():
        run = bot.start("ends")
        bot.clock.advance(minutes=3)
        bot.finish("ends", run, state, **exit_)
        bot.settle()
        number = run_row(bot, run).number
        parent = bot.message(VISION, f"ends/{number} ")
        ended = bot.reply(VISION, parent["ts"], f"ends/{number} {state}")
        assert ended["text"].startswith(f"ends/{number} {words[state]}")


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


def sweep_lost(bot: RunningBot) -> None:
    with bot.services.database.session() as session:
        runs.sweep_lost(session, now=bot.clock())
        runs.tell_lost(session, now=bot.clock())


def test_a_silent_run_is_shown_as_lost_and_comes_back_without_a_word(bot: RunningBot) -> None:
    run = bot.start("silent", next_in=30)
    bot.clock.advance(seconds=85)
    sweep_lost(bot)
    assert run_row(bot, run).state == "running"
    bot.clock.advance(seconds=10)
    sweep_lost(bot)
    board = bot.message(RUNS, "silent")
    told = bot.reply(RUNS, board["ts"], "silent/1 lost")
    bot.log("silent", run, "loss", 0.1)
    bot.wait(lambda: "running" in bot.workspace.message(RUNS, told["ts"])["text"], "it is back")
    assert run_row(bot, run).state == "running"
    assert len(bot.workspace.thread(RUNS, board["ts"])) == 2


def test_a_run_silent_for_ten_minutes_calls_its_owner_once_and_its_return_edits_that(bot: RunningBot) -> None:
    bot.own_channel("long-silent", VISION)
    run = bot.start("long-silent", next_in=600)
    for minutes in (12, 9):
        bot.clock.advance(minutes=minutes)
        sweep_lost(bot)
    bot.settle()
    parent = bot.message(VISION, "long-silent/1 ")
    assert len(bot.workspace.thread(VISION, parent["ts"])) == 1
    for minutes in (2, 2):
        bot.clock.advance(minutes=minutes)
        sweep_lost(bot)
    bot.settle()
    (call,) = bot.workspace.thread(VISION, parent["ts"])[1:]
    assert f"<@{ANA}>" in str(call)
    bot.log("long-silent", run, "loss", 0.1)
    bot.settle()
    (back,) = bot.workspace.thread(VISION, parent["ts"])[1:]
    assert "long-silent/1 is back after 13 min of silence" in shown(back)


def test_what_is_known_better_of_a_lost_run_takes_the_place_of_what_was_said(bot: RunningBot) -> None:
    bot.own_channel("known-better", VISION)
    run = bot.start("known-better", next_in=600)
    for minutes in (12, 11):
        bot.clock.advance(minutes=minutes)
        sweep_lost(bot)
    bot.finish("known-better", run, "killed", signal="SIGKILL", cause="out of memory")
    bot.settle()
    parent = bot.message(VISION, "known-better/1 ")
    (told,) = bot.workspace.thread(VISION, parent["ts"])[1:]
    assert told["text"].startswith("known-better/1 killed: out of memory")


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
    ended = bot.reply(VISION, parent["ts"], "best/2 finished")
    assert "new best" in shown(ended)
    question = bot.reply(VISION, parent["ts"], "why?")
    assert "lr 0.1 → 0.01" in shown(question)
    assert len(bot.workspace.thread(VISION, parent["ts"])) == 3  # the run, its end, the question
    bot.workspace.click(BEN, VISION, question["ts"], "Keep")
    bot.settle()
    assert "kept" in shown(bot.workspace.message(VISION, parent["ts"]))


def test_a_best_that_holds_for_half_an_hour_is_told_before_the_end(bot: RunningBot) -> None:
    bot.own_channel("early-best", VISION)
    first = bot.start("early-best")
    bot.log("early-best", first, "val_acc", 0.8)
    bot.finish("early-best", first)
    run = bot.start("early-best", next_in=7200)
    bot.log("early-best", run, "val_acc", 0.9)
    for minutes in (29, 2, 2):
        bot.clock.advance(minutes=minutes)
        with bot.services.database.session() as session:
            runs.tell_best(session, now=bot.clock())
    bot.settle()
    parent = bot.message(VISION, "early-best/2 ")
    (told,) = bot.workspace.thread(VISION, parent["ts"])[1:]
    assert told["text"].startswith("early-best/2 is the new best: val_acc 0.9")


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
