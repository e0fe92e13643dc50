"""Runs that say the same are told in one message: quick attempts, sweeps; and threads roll over before they are too long."""

from typing import Any

import pytest
from local_workspace import ANA, BEN, RUNS, SECRET, VISION
from running_bot import Json, RunningBot, shown
from sqlmodel import col, select

from bot import threads, together
from storage.memory import NoteRun
from storage.tables import Project, Run

CRASH: dict[str, Any] = {"error": {"type": "KeyError", "message": "'lr'"}, "last_lines": ["KeyError: 'lr'"]}


def about(bot: RunningBot, project: str, channel: str = VISION) -> list[Json]:
    """The channel's messages of a project."""
    bot.settle(seconds=60)
    return [
        one for one in bot.workspace.messages(channel) if f"{project}/" in shown(one) or project in shown(one)
    ]


def replies(bot: RunningBot, message: Json, channel: str = VISION) -> list[str]:
    return [shown(one) for one in bot.workspace.thread(channel, message["ts"])[1:]]


def crash(bot: RunningBot, project: str, **start: Any) -> str:  # noqa: ANN401
    run = bot.start(project, **start)
    bot.finish(project, run, "failed", **CRASH)
    return run


def tell_late(bot: RunningBot) -> None:
    with bot.services.database.session() as session:
        together.tell_ended_sweeps(session, now=bot.clock())
    bot.settle(seconds=60)


def test_quick_attempts_are_one_message_and_the_run_that_works_takes_it_over(bot: RunningBot) -> None:
    bot.own_channel("attempts", VISION)
    for _ in range(3):
        crash(bot, "attempts")
    (message,) = about(bot, "attempts")
    assert message["text"].startswith("attempts/3: 3 quick attempts, last: KeyError")
    assert replies(bot, message) == []
    run = bot.start("attempts")
    bot.log("attempts", run, "val_acc", 0.5)
    bot.clock.advance(minutes=3)
    bot.finish("attempts", run)
    (message,) = about(bot, "attempts")
    assert "attempts/4" in message["text"]
    assert "After 3 quick attempts, last: KeyError" in shown(message)
    assert [one[:20] for one in replies(bot, message)] == ["✅ attempts/4 finishe"]


def test_attempts_that_run_side_by_side_fold_as_they_end(bot: RunningBot) -> None:
    bot.own_channel("side-by-side", VISION)
    started = [bot.start("side-by-side") for _ in range(3)]
    assert len(about(bot, "side-by-side")) == 3
    for run in started:
        bot.finish("side-by-side", run, "failed", **CRASH)
    (message,) = about(bot, "side-by-side")
    assert message["text"].startswith("side-by-side/3: 3 quick attempts")


def test_an_attempt_somebody_said_something_about_keeps_its_message(bot: RunningBot) -> None:
    bot.own_channel("talked", VISION)
    started = [bot.start("talked") for _ in range(2)]
    bot.settle()
    second = bot.message(VISION, "talked/2 ")
    bot.workspace.reply(BEN, VISION, second["ts"], "I lowered the rate here")
    bot.settle()
    for run in started:
        bot.finish("talked", run, "failed", **CRASH)
    assert len(about(bot, "talked")) == 2


def test_a_note_in_the_thread_of_attempts_is_about_the_newest(bot: RunningBot) -> None:
    bot.own_channel("newest", VISION)
    crash(bot, "newest")
    newest = bot.start("newest")
    (message,) = about(bot, "newest")
    bot.workspace.reply(ANA, VISION, message["ts"], "I lowered the rate")
    bot.settle()
    with bot.services.database.session() as session:
        noted = select(Run.uid).join(NoteRun, col(NoteRun.run_id) == col(Run.id))
        assert session.exec(noted.where(Run.uid == newest)).all() == [newest]


@pytest.mark.parametrize("group", [None, "grid"], ids=["inferred", "declared"])
def test_a_sweep_is_one_message_with_its_leaders(bot: RunningBot, group: str | None) -> None:
    project = f"swept-{group or 'inferred'}"
    bot.own_channel(project, VISION)
    more = {"group": group} if group else {}
    started = [bot.start(project, config={"lr": 10.0**-place, "wd": place % 2}, **more) for place in range(6)]
    (message,) = about(bot, project)
    assert f"sweep {group or 'train-1'}: 6 runs (6 running)" in message["text"]
    for place, run in enumerate(started):
        bot.log(project, run, "val_acc", 0.5 + place / 20)
        bot.clock.advance(minutes=1)
        bot.finish(project, run)
    (message,) = about(bot, project)
    assert "best val_acc 0.75 (#6) of 6" in message["text"]
    assert "lr −1.00" in shown(message).replace("`", "")
    tell_late(bot)
    assert replies(bot, message) == []  # it may go on
    bot.clock.advance(minutes=3)
    tell_late(bot)
    tell_late(bot)
    (over,) = replies(bot, message)
    assert "is over: val_acc 0.75" in over
    bot.workspace.click(BEN, VISION, message["ts"], "Compare the best")
    bot.whisper(BEN, VISION, "#6", thread=message["ts"])


def test_a_sweep_in_a_projects_thread_is_one_reply_and_calls_its_owner_once(bot: RunningBot) -> None:
    started = [bot.start("swept-shared", config={"lr": place}) for place in range(7)]
    (board,) = about(bot, "swept-shared", RUNS)
    (sweep,) = replies(bot, board, RUNS)
    assert "sweep train-1: 7 runs" in sweep
    bot.clock.advance(minutes=6)
    for run in started:
        bot.finish("swept-shared", run, "failed", **CRASH)
    bot.settle(seconds=60)
    loud = [one for one in bot.workspace.messages(RUNS) if one.get("subtype") == "thread_broadcast"]
    assert len([one for one in loud if "swept-shared/" in shown(one)]) == 1
    assert "7 failed" in bot.workspace.thread(RUNS, board["ts"])[1]["text"]


def test_a_run_that_tries_something_else_is_not_of_the_sweep(bot: RunningBot) -> None:
    bot.own_channel("apart", VISION)
    for place in range(5):
        bot.start("apart", config={"lr": place, "model": "small", "seed": place})
    bot.start("apart", config={"lr": 9, "model": "large"})
    bot.start("apart", config={"lr": 9, "model": "small", "seed": 9})
    assert sorted(one["text"][:9] for one in about(bot, "apart")) == ["apart swe", "apart/6 r"]
    assert "6 runs" in bot.message(VISION, "apart sweep")["text"]


def test_a_projects_thread_rolls_over_after_a_week_linked_both_ways(bot: RunningBot) -> None:
    first = bot.start("rolled")
    (old,) = about(bot, "rolled", RUNS)
    bot.clock.advance(days=8)
    bot.start("rolled", entry="other.py")
    old, new = about(bot, "rolled", RUNS)
    assert "goes on in a new thread" in shown(old)
    assert bot.workspace.permalink(RUNS, new["ts"]) in str(old["blocks"])
    assert bot.workspace.permalink(RUNS, old["ts"]) in str(new["blocks"])
    bot.finish("rolled", first)
    bot.settle()
    assert "rolled/1 finished" in replies(bot, old, RUNS)[-1]  # where its message is


def test_a_projects_thread_rolls_over_when_it_is_full(
    bot: RunningBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "ROLL_OVER_REPLIES", 3)
    for place in range(4):
        bot.start("full", entry=f"{place}.py")
    assert len(about(bot, "full", RUNS)) == 2


def test_a_thread_whose_parent_was_deleted_is_followed_by_another(bot: RunningBot) -> None:
    bot.start("deleted-board", entry="one.py")
    (board,) = about(bot, "deleted-board", RUNS)
    with bot.services.database.session() as session:
        threads.close_at(session, RUNS, board["ts"], now=bot.clock())
    bot.start("deleted-board", entry="two.py")
    assert len(about(bot, "deleted-board", RUNS)) == 2


def test_a_run_whose_project_moved_is_told_where_it_moved_to(bot: RunningBot) -> None:
    bot.own_channel("moving", VISION)
    run = bot.start("moving", who=ANA)
    (old,) = about(bot, "moving")
    bot.own_channel("moving", SECRET)
    bot.log("moving", run, "val_acc", 0.25)
    bot.clock.advance(minutes=3)
    bot.finish("moving", run)
    (new,) = about(bot, "moving", SECRET)
    assert "0.25" in shown(new)
    assert "moving/1 finished" in bot.reply(SECRET, new["ts"], "finished")["text"]
    assert "0.25" not in str(bot.workspace.thread(VISION, old["ts"]))


def test_a_metric_that_does_not_say_which_way_is_better_is_asked_about_once(bot: RunningBot) -> None:
    bot.own_channel("which-way", VISION)
    for value in (0.5, 0.7):
        run = bot.start("which-way", config={"lr": value})
        bot.log("which-way", run, "consistency", value)
        bot.clock.advance(minutes=3)
        bot.finish("which-way", run)
    first, second = about(bot, "which-way")
    asked = bot.reply(VISION, first["ts"], "which way is consistency better?")
    assert len(replies(bot, second)) == 1
    bot.workspace.click(BEN, VISION, asked["ts"], "Higher is better")
    bot.reply(VISION, first["ts"], "consistency, higher is better (said by ben)")
    run = bot.start("which-way", config={"lr": 0.9})
    bot.log("which-way", run, "consistency", 0.9)
    bot.clock.advance(minutes=3)
    bot.finish("which-way", run)
    third = about(bot, "which-way")[-1]
    assert "new best" in replies(bot, third)[0]


def project_of(bot: RunningBot, run: str) -> tuple[str, int]:
    with bot.services.database.session() as session:
        found = session.exec(select(Run).where(Run.uid == run)).one()
        return session.get_one(Project, found.project_id).name, found.number


def test_a_misspelt_project_is_said_and_moved_by_a_button(bot: RunningBot) -> None:
    bot.start("spelling")
    answer = bot.report("speling", "misspelt-1", {"t": "start", "name": "misspelt"})
    assert answer["run"]["nearest_project"] == "spelling"
    bot.settle()
    board = bot.message(RUNS, "speling")
    question = bot.reply(RUNS, board["ts"], "Did you mean spelling?")
    bot.workspace.click(ANA, RUNS, question["ts"], "Move to spelling")
    bot.wait(lambda: project_of(bot, "misspelt-1") == ("spelling", 2), "it is moved")
    right_board = next(one for one in about(bot, "spelling", RUNS))
    bot.reply(RUNS, right_board["ts"], "spelling/2")
    bot.log("speling", "misspelt-1", "loss", 0.5)
    assert bot.start("speling")
    bot.settle()
    with bot.services.database.session() as session:
        right = session.exec(select(Project).where(Project.name == "spelling")).one()
        assert right.next_number == 4


def test_a_project_that_one_may_not_see_is_no_ones_nearest(bot: RunningBot) -> None:
    with bot.services.database.session() as session:
        hidden = Project(name="hidden-vision", channel_id="C0NOWHERE", created_at=bot.clock())
        session.add(hidden)
    answer = bot.report("hiden-vision", "near-hidden", {"t": "start", "name": "x"})
    assert answer["run"]["nearest_project"] is None


def test_only_who_started_a_run_moves_it(bot: RunningBot) -> None:
    bot.start("owned-name")
    bot.report("ownd-name", "owned-run-1", {"t": "start", "name": "x"})
    board = bot.message(RUNS, "ownd-name")
    question = bot.reply(RUNS, board["ts"], "Did you mean owned-name?")
    bot.workspace.click(BEN, RUNS, question["ts"], "Move to owned-name")
    bot.whisper(BEN, RUNS, "Only who started the run can move it", thread=board["ts"])
    assert project_of(bot, "owned-run-1") == ("ownd-name", 1)
