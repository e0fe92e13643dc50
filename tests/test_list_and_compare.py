"""Lists to tick and take away, comparisons with more behind them, runs changed by their owners; all by real clicks."""

from typing import Any

from local_workspace import ANA, BEN, GENERAL, RUNS, SECRET, VISION
from running_bot import RunningBot, shown
from sqlmodel import col, select

from storage.memory import Note, NoteRun
from storage.tables import Run

Json = dict[str, Any]


def some_runs(bot: RunningBot, project: str, amount: int = 3, **start: Any) -> list[str]:  # noqa: ANN401
    bot.own_channel(project, VISION)
    names = []
    for number in range(1, amount + 1):
        run = bot.start(project, name=f"{project}-{number}", config={"lr": 0.1**number}, **start)
        best = 0.8 + number / 50
        bot.log(project, run, "val_acc", *(best * (1 - 1 / (step + 2)) for step in range(12)), best)
        bot.log(project, run, "latency_ms", *([9.0 - number] * 6))
        bot.finish(project, run)
        names.append(run)
    bot.settle()
    return names


def answered(bot: RunningBot, who: str, text: str, words: str) -> Json:
    """What `/runs text` answers."""
    before = len(bot.workspace.ephemerals(who, VISION))
    bot.workspace.command(who, VISION, "/runs", text)
    bot.wait(lambda: len(bot.workspace.ephemerals(who, VISION)) > before, f"the answer to {text}")
    told: Json = bot.workspace.ephemerals(who, VISION)[-1]
    assert words in shown(told), shown(told)
    return told


def files_of(bot: RunningBot, who: str, ending: str) -> list[Json]:
    direct = bot.workspace.open_dm(who)
    found = [file for message in bot.workspace.messages(direct, who) for file in message.get("files", [])]
    return [file for file in found if file["name"].endswith(ending)]


def run_of(bot: RunningBot, project: str, number: int) -> Run | None:
    with bot.services.database.session() as session:
        found = session.exec(select(Run).where(col(Run.name).startswith(project), Run.number == number))
        return found.first()


def test_turning_the_page_of_a_list_that_all_can_read_shows_nobody_more(bot: RunningBot) -> None:
    bot.own_channel("turn-secret", SECRET)
    bot.start("turn-secret")
    some_runs(bot, "turn-open", 12)
    asked = bot.workspace.post(ANA, GENERAL, "@runlore list")
    told = bot.reply(GENERAL, asked, "turn-open/12")
    bot.workspace.click(ANA, GENERAL, told["ts"], "list_older")
    second = shown(bot.reply(GENERAL, asked, "turn-open/2"))
    assert "turn-secret" not in second, second


def test_turning_the_page_in_a_projects_thread_stays_with_the_project(bot: RunningBot) -> None:
    for _ in range(12):
        bot.finish("turn-board", bot.start("turn-board"))
    some_runs(bot, "turn-other", 11)
    board = bot.message(RUNS, "turn-board")
    bot.workspace.reply(ANA, RUNS, board["ts"], "@runlore list")
    told = bot.reply(RUNS, board["ts"], "page 1 of 2")
    bot.workspace.click(ANA, RUNS, told["ts"], "list_older")
    second = shown(bot.reply(RUNS, board["ts"], "page 2 of 2"))
    assert "turn-board/1 " in second
    assert "turn-other" not in second


def test_ticked_rows_are_compared(bot: RunningBot) -> None:
    some_runs(bot, "pick-rows")
    told = answered(bot, ANA, "list project:pick-rows", "pick-rows/3")
    boxes = [block for block in told["blocks"] if block.get("accessory", {}).get("type") == "checkboxes"]
    assert len(boxes) == 3
    for block in (boxes[0], boxes[2]):
        option = block["accessory"]["options"][0]
        bot.workspace.do(
            "action",
            user=ANA,
            container={"channel": VISION, "ts": told["ts"]},
            block_id=block["block_id"],
            action_id="list_choose",
            value=[option["value"]],
        )
    bot.workspace.click(ANA, VISION, told["ts"], "Compare")
    compared = bot.whisper(ANA, VISION, "pick-rows/3 beats pick-rows/1")
    assert "#2" not in shown(compared)


def test_a_list_is_taken_away_as_a_file_by_its_reader_alone(bot: RunningBot) -> None:
    some_runs(bot, "pick-csv")
    told = answered(bot, BEN, "list project:pick-csv", "pick-csv/3")
    bot.workspace.click(BEN, VISION, told["ts"], "Download CSV")
    bot.whisper(BEN, VISION, "3 runs as CSV, in your messages with me")
    assert len(files_of(bot, BEN, ".csv")) == 1
    assert not [one for one in bot.workspace.messages(VISION) if one.get("files")]


def test_kinds_of_application_are_found(bot: RunningBot) -> None:
    some_runs(bot, "pick-speech", 1)
    some_runs(bot, "pick-other", 1, tags=["speech-to-text"])
    run = bot.start("pick-third", config={"task": "pick-speech"})
    bot.finish("pick-third", run)
    told = shown(answered(bot, ANA, "list domain:pick-speech project:pick-speech", "pick-speech/1"))
    assert "pick-other" not in told
    answered(bot, ANA, "list domain:speech-to-text project:pick-other", "pick-other/1")
    answered(bot, ANA, "list domain:pick-speech project:pick-third", "pick-third/1")
    answered(bot, ANA, "list domain:robotics project:pick-third", "No run fits")
    answered(bot, ANA, "list task=pick-speech project:pick-third", "pick-third/1")


def test_more_has_the_pictures_and_diff_the_code(bot: RunningBot) -> None:
    code = {
        "commit": "3f2a91c0aa",
        "branch": "main",
        "dirty": True,
        "diff": "--- a\n+++ b\n-lr = 1\n+lr = 2\n",
    }
    bot.own_channel("pick-more", VISION)
    some_runs(bot, "pick-more")
    run = bot.start("pick-more")
    bot.report("pick-more", run, {"t": "code", **code})
    bot.log("pick-more", run, "val_acc", 0.1, 0.2)
    bot.finish("pick-more", run)
    told = answered(bot, ANA, "compare pick-more/1 pick-more/2 pick-more/3 pick-more/4", "is best of 4")
    assert {block["type"] for block in told["blocks"]} >= {"data_table", "data_visualization"}
    bot.workspace.click(ANA, VISION, told["ts"], "More")

    def pictured() -> list[Json] | None:
        last = bot.workspace.ephemerals(ANA, VISION)[-1]
        return [block for block in last["blocks"] if block["type"] == "image"] or None

    pictures = bot.wait(pictured, "the pictures")
    titles = [block["title"]["text"] for block in pictures]
    assert titles == ["val_acc over steps", "val_acc by lr", "val_acc against latency_ms"][: len(titles)]
    assert len(titles) >= 2
    bot.workspace.click(ANA, VISION, told["ts"], "Diff")
    bot.wait(lambda: files_of(bot, ANA, ".diff"), "the difference")


def test_a_run_is_renamed_and_restated_by_its_owner_alone(bot: RunningBot) -> None:
    some_runs(bot, "pick-own", 1)
    answered(bot, BEN, "rename pick-own/1 other", "Only the run's owner")
    answered(
        bot, ANA, "rename pick-own/1 pick-own warm otter", "pick-own/1 is pick-own warm otter from now on"
    )
    parent = bot.message(VISION, "pick-own warm otter")
    answered(bot, ANA, "restate pick-own/1 broken", "A run ended as")
    answered(bot, ANA, "restate pick-own/1 failed the labels were wrong", "counts as failed")
    bot.wait(
        lambda: "the labels were wrong" in shown(bot.workspace.message(VISION, parent["ts"])), "the edit"
    )
    running = bot.start("pick-own", name="pick-own-live")
    answered(bot, ANA, "delete pick-own/2", "It is still running")
    bot.finish("pick-own", running)


def test_a_run_is_deleted_by_its_owner_and_its_notes_stay_with_the_project(bot: RunningBot) -> None:
    _, gone = some_runs(bot, "pick-gone", 2)
    thread = bot.message(VISION, "pick-gone/2")["ts"]
    note = bot.workspace.reply(BEN, VISION, thread, "We keep it.")
    bot.settle()
    answered(bot, BEN, "delete pick-gone/2", "Only the run's owner")
    told = answered(bot, ANA, "delete pick-gone/2", "for ever?")
    bot.workspace.click(ANA, VISION, told["ts"], "Delete for ever")
    bot.wait(lambda: run_of(bot, "pick-gone", 2) is None, "the run to go")
    bot.settle()
    answered(bot, ANA, "show pick-gone/2", "I find no run")
    answered(bot, ANA, "list project:pick-gone", "pick-gone/1")
    late = bot.report("pick-gone", gone, {"t": "note", "text": "from an old spool"})
    assert "deleted on" in late["errors"][0]["error"]
    assert late["next"] > late["errors"][0]["seq"]  # taken, so that the spool can be let go
    answered(bot, ANA, "show pick-gone/3", "I find no run")
    assert not any("pick-gone/2" in shown(one) for one in bot.workspace.messages(VISION))
    with bot.services.database.session() as session:
        kept = session.exec(select(Note).where(Note.ts == note)).one()
        assert kept.deleted_at is None
        assert session.exec(select(NoteRun).where(NoteRun.note_id == kept.id)).all() == []
