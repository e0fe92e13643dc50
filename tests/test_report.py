"""The report: a project's story from its likes, else from its notes, as message, Markdown file and canvas."""

from pathlib import Path
from typing import Any

from local_workspace import ANA, BEN, GENERAL, SECRET, VISION, LocalWorkspace, default_config
from running_bot import RunningBot, running_bot, shown
from sqlmodel import col, select

from bot import threads
from bot.values import Message
from storage.database import Database
from storage.tables import Like, Project, Run

Json = dict[str, Any]
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def line_of_work(bot: RunningBot, project: str, channel: str = VISION) -> list[str]:
    """Two runs, the second made from the first, each with a note; returns their threads."""
    bot.own_channel(project, channel)
    threads = []
    for number, (lr, best) in enumerate(((0.1, 0.81), (0.01, 0.93)), 1):
        run = bot.start(project, name=f"{project}-{number}", config={"lr": lr})
        bot.log(project, run, "val_acc", *(best * (1 - 1 / (step + 2)) for step in range(12)), best)
        bot.finish(project, run)
        threads.append(str(bot.message(channel, f"{project}/{number}")["ts"]))
    return threads


def report(bot: RunningBot, project: str, words: str, *, who: str = ANA, channel: str = VISION) -> Json:
    """The report as its asker alone sees it."""
    before = len(bot.workspace.ephemerals(who, channel))
    bot.workspace.command(who, channel, "/runs", f"report {project}")
    bot.wait(lambda: len(bot.workspace.ephemerals(who, channel)) > before, "the report")
    told: Json = bot.workspace.ephemerals(who, channel)[-1]
    assert words in shown(told), shown(told)
    return told


def likes(bot: RunningBot, project: str, kind: str) -> list[Like]:
    with bot.services.database.session() as session:
        query = select(Like).join(Run, col(Run.id) == col(Like.run_id)).join(Project)
        return list(session.exec(query.where(Project.name == project, Like.kind == kind)))


def test_without_any_like_the_story_comes_from_the_notes(bot: RunningBot) -> None:
    first, second = line_of_work(bot, "story-notes")
    bot.workspace.reply(ANA, VISION, first, "It crashed on the confusion matrix, see the plot.")
    bot.workspace.reply(ANA, VISION, second, "I think it works because of the schedule.")
    bot.workspace.reply(BEN, VISION, second, "Val acc went up. We keep it. Next we try warmup.")
    bot.settle()
    told = report(bot, "story-notes", "nobody has given a ⭐ yet")
    said = shown(told)
    parts = ["Question", "What was tried", "What came out", "What was decided", "What is next"]
    assert [said.index(part) for part in parts] == sorted(said.index(part) for part in parts)
    assert "lr 0.1 → 0.01" in said
    assert "a picture is missing here" in said
    assert "1 picture missing" in said
    assert "We keep it." in said
    assert "Next we try warmup." in said
    charts = [block for block in told["blocks"] if block["type"] == "data_visualization"]
    assert [chart["title"] for chart in charts] == ["val_acc"]
    assert [line["name"] for line in charts[0]["chart"]["series"]] == ["#1", "#2"]
    place = said.index("Val acc went up")
    assert said.index("(chart: val_acc)") > place


def test_likes_choose_what_is_told(bot: RunningBot) -> None:
    first, second = line_of_work(bot, "story-liked")
    kept = bot.workspace.reply(ANA, VISION, second, "We keep it.")
    bot.workspace.reply(ANA, VISION, first, "Chatter that went nowhere.")
    file = bot.workspace.upload(BEN, "matrix.png", content=PNG)
    image = bot.workspace.post(BEN, VISION, "", thread_ts=second, files=[file])
    bot.settle()
    bot.workspace.react(BEN, VISION, kept, "star")
    bot.workspace.react(BEN, VISION, image, "star")
    bot.workspace.command(ANA, VISION, "/runs", "like story-liked/2 val_acc")
    bot.whisper(ANA, VISION, "story-liked/2, val_acc, is liked")
    bot.settle()
    assert [like.kind for like in likes(bot, "story-liked", "artifact")] == ["artifact"]
    said = shown(report(bot, "story-liked", "from 3 likes"))
    assert "We keep it." in said
    assert "matrix.png" in said
    assert "`val_acc` 0.93" in said
    assert "Chatter" not in said
    bot.workspace.unreact(BEN, VISION, image, "star")
    bot.wait(lambda: not likes(bot, "story-liked", "artifact"), "the like to go")
    bot.workspace.command(ANA, VISION, "/runs", "like story-liked/2 nonsense")
    bot.whisper(ANA, VISION, "nothing called “nonsense”")


def test_a_comparison_and_a_card_are_liked_by_button_and_reaction(bot: RunningBot) -> None:
    _, second = line_of_work(bot, "story-chart")
    bot.workspace.reply(ANA, VISION, second, "@runlore compare with #1")
    compared = bot.reply(VISION, second, "beats")
    bot.settle()  # the bot, too, knows where its answer is: Slack showed it before it said so
    bot.workspace.react(BEN, VISION, compared["ts"], "star")
    bot.wait(lambda: likes(bot, "story-chart", "chart"), "the chart's like")
    bot.workspace.click(ANA, VISION, compared["ts"], "⭐")
    bot.wait(lambda: len(likes(bot, "story-chart", "chart")) == 2, "the button's like")
    bot.workspace.upload_memo(ANA, VISION, "audio_message.m4a", content=b"We keep it.", thread_ts=second)
    card = bot.reply(VISION, second, "🎙")
    bot.workspace.click(ANA, VISION, card["ts"], "⭐")
    bot.wait(lambda: likes(bot, "story-chart", "note"), "the note's like")
    bot.settle()
    bot.workspace.react(BEN, VISION, card["ts"], "star")
    bot.wait(lambda: len(likes(bot, "story-chart", "note")) == 2, "the like of the card")
    said = shown(report(bot, "story-chart", "from 4 likes"))
    assert "story-chart/1" in said
    assert "story-chart/2" in said


def test_a_metric_and_a_picture_are_liked_where_they_are_shown(bot: RunningBot) -> None:
    _, second = line_of_work(bot, "story-parts")
    file = bot.workspace.upload(BEN, "heatmap.png", content=PNG)
    image = bot.workspace.post(BEN, VISION, "", thread_ts=second, files=[file])
    bot.settle()
    with bot.services.database.session() as session:
        run = session.exec(select(Run).where(Run.name == "story-parts-2")).one()
        run.announced = {one: at for one, at in run.announced.items() if one != "best"}
        threads.reply(session, threads.place_of(session, run), f"run:{run.id}:best", Message(text="new best!"), now=bot.clock())  # type: ignore[arg-type]  # fmt: skip
    best = bot.reply(VISION, second, "new best!")
    bot.settle()
    bot.workspace.react(BEN, VISION, best["ts"], "star")
    bot.wait(
        lambda: [one.target for one in likes(bot, "story-parts", "metric")] == ["val_acc"],
        "the metric's like",
    )
    bot.workspace.shortcut(BEN, "show_note", VISION, image)
    card = bot.whisper(BEN, VISION, "story-parts-2", thread=second)
    bot.workspace.click(BEN, VISION, card["ts"], "⭐")
    bot.wait(lambda: likes(bot, "story-parts", "artifact"), "the picture's like")
    bot.workspace.command(ANA, VISION, "/runs", "show story-parts/2")
    everything = bot.whisper(ANA, VISION, "heatmap.png")
    menu = everything["blocks"][-1]["elements"][-1]
    for wanted in ("heatmap.png", "val_acc", "lr"):
        value = next(one["value"] for one in menu["options"] if one["text"]["text"] == wanted)
        bot.workspace.click(ANA, VISION, everything["ts"], "part_like", value)
        bot.whisper(ANA, VISION, f"{wanted} will be in the report")
    said = shown(report(bot, "story-parts", "from 5 likes"))
    assert "heatmap.png" in said
    assert "`val_acc` 0.93" in said
    assert "`lr` 0.01" in said


def test_the_file_has_the_story_and_comes_with_its_curves(bot: RunningBot) -> None:
    _, second = line_of_work(bot, "story-file")
    bot.workspace.reply(ANA, VISION, second, "Val acc went up. We keep it.")
    bot.settle()
    told = report(bot, "story-file", "story-file")
    bot.workspace.click(ANA, VISION, told["ts"], "Markdown file")
    direct = bot.workspace.open_dm(ANA)

    def files() -> dict[str, Json]:
        return {
            file["name"]: file
            for message in bot.workspace.messages(direct)
            for file in message.get("files", [])
            if file["name"].startswith("story-file")
        }

    found = bot.wait(lambda: f if len(f := files()) == 2 else None, "the files")
    assert set(found) == {"story-file-report.md", "story-file-2-val_acc.png"}
    text = fetched(bot, found["story-file-report.md"])
    assert "## What came out" in text
    assert "(story-file-2-val_acc.png)" in text
    assert text.count("We keep it.") == 1
    bot.whisper(ANA, VISION, "in your messages with me")
    # The local workspace is on the free plan: no canvas, so the file comes.
    bot.workspace.click(ANA, VISION, told["ts"], "Canvas")
    bot.whisper(ANA, VISION, "Slack makes no canvas here")


def fetched(bot: RunningBot, file: Json) -> str:
    """A file's text, by the bot's own download."""
    target = bot.services.settings.home / "fetched"
    bot.services.settings.home.mkdir(parents=True, exist_ok=True)
    bot.services.messenger.download(file["url_private_download"], target, limit=1 << 20)
    return target.read_text(encoding="utf-8")


def test_a_report_is_shared_only_where_everybody_may_see_it(bot: RunningBot) -> None:
    line_of_work(bot, "story-secret", SECRET)
    told = report(bot, "story-secret", "story-secret", channel=GENERAL)
    bot.workspace.click(ANA, GENERAL, told["ts"], "Share")
    bot.whisper(ANA, GENERAL, "Not everybody here may see that project")
    bot.workspace.command(BEN, GENERAL, "/runs", "report story-secret")
    bot.whisper(BEN, GENERAL, "no project story-secret that you can see")
    told = report(bot, "story-secret", "story-secret", channel=SECRET)
    bot.workspace.click(ANA, SECRET, told["ts"], "Share")
    bot.message(SECRET, "Report on story-secret")


def test_where_the_plan_has_canvases_one_is_made(database: Database, tmp_path: Path) -> None:
    config = default_config()
    config["team"]["plan"] = "paid"
    with LocalWorkspace(config) as workspace, running_bot(database, workspace, tmp_path) as bot:
        _, second = line_of_work(bot, "story-canvas")
        bot.workspace.reply(ANA, VISION, second, "Val acc went up. We keep it.")
        bot.settle()
        told = report(bot, "story-canvas", "story-canvas")
        bot.workspace.click(ANA, VISION, told["ts"], "Canvas")
        bot.whisper(ANA, VISION, "The canvas is made")
        call = bot.workspace.calls("canvases.create")[-1]
        assert "We keep it." in call["args"]["document_content"]
        assert ".png" not in call["args"]["document_content"]


def test_the_tree_is_told_as_picture_and_text(bot: RunningBot) -> None:
    line_of_work(bot, "story-tree")
    run = bot.start("story-tree", name="side-line", config={"lr": 1.0}, notes="too high on purpose")
    bot.finish("story-tree", run, "failed", exit_code=1)
    before = len(bot.workspace.ephemerals(ANA, VISION))
    bot.workspace.command(ANA, VISION, "/runs", "tree story-tree")
    bot.wait(lambda: len(bot.workspace.ephemerals(ANA, VISION)) > before, "the tree")
    told = bot.workspace.ephemerals(ANA, VISION)[-1]
    pictures = [block for block in told["blocks"] if block["type"] == "image"]
    assert len(pictures) == 1
    assert "slack_file" in pictures[0]
    said = shown(told)
    assert "best val_acc 0.93 (#2)" in said
    assert "lr 0.1 → 0.01" in said
    assert "too high on purpose" in said


def test_without_the_picture_the_tree_still_comes(bot: RunningBot) -> None:
    line_of_work(bot, "story-bare")
    bot.workspace.faults({"kind": "500", "method": "files.getUploadURLExternal"})
    bot.workspace.reply(ANA, VISION, str(bot.message(VISION, "story-bare/2")["ts"]), "@runlore tree")
    answer = bot.reply(VISION, str(bot.message(VISION, "story-bare/2")["ts"]), "which came from which")
    assert "image" not in {block["type"] for block in answer["blocks"]}
    assert "story-bare/1" in shown(answer)
