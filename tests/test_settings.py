"""A project's settings: the form by real clicks, and every setting with its effect."""

from typing import Any

import pytest
from local_workspace import ANA, BEN, GENERAL, RUNS, SECRET, VISION, SlackSaid
from running_bot import RunningBot, shown
from sqlmodel import select

from bot.project_settings import settings_of
from storage.memory import Fact, Note, Subscription
from storage.tables import Project

Json = dict[str, Any]


def form(bot: RunningBot, project: str, *, who: str = ANA, channel: str = VISION) -> Json:
    """Opened by the command's button."""
    bot.workspace.command(who, channel, "/runs", f"settings {project}")
    told = bot.whisper(who, channel, f"Settings of {project}")
    bot.workspace.click(who, channel, told["ts"], "Change…")
    return bot.wait(lambda: bot.workspace.views(who), "the form")[-1]


def chosen(view: Json, **values: str | list[str]) -> Json:
    """Fields of the form set to these, the rest as they stand."""
    state: Json = {}
    for block in view["blocks"]:
        if block["type"] != "input" or block["block_id"] not in values:
            continue
        element, value = block["element"], values[block["block_id"]]
        match element["type"]:
            case "static_select":
                option = next(
                    one for one in element["options"] if value in (one["value"], one["text"]["text"])
                )
                given: Json = {"selected_option": option}
            case "checkboxes":
                given = {"selected_options": [one for one in element["options"] if one["value"] in value]}
            case "conversations_select":
                given = {"selected_conversation": value}
            case "timepicker":
                given = {"selected_time": value}
            case _:
                given = {"value": value}
        state[block["block_id"]] = {element["action_id"]: given}
    assert state.keys() == values.keys()
    return state


def save(bot: RunningBot, project: str, *, who: str = ANA, channel: str = VISION, **values: str | list[str]) -> str:  # fmt: skip
    """Change settings; returns what the bot says to it."""
    view = form(bot, project, who=who, channel=channel)
    before = len(bot.workspace.ephemerals(who, channel))
    bot.workspace.submit_view(who, view["id"], chosen(view, **values))
    bot.wait(lambda: len(bot.workspace.ephemerals(who, channel)) > before, "the word that it is saved")
    return shown(bot.workspace.ephemerals(who, channel)[-1])


def project_of(bot: RunningBot, name: str) -> Project:
    with bot.services.database.session() as session:
        return session.exec(select(Project).where(Project.name == name)).one()


def test_the_form_shows_and_keeps_everything(bot: RunningBot) -> None:
    bot.own_channel("set-all", VISION)
    run = bot.start("set-all")
    bot.log("set-all", run, "val_acc", 0.9)
    said = save(
        bot,
        "set-all",
        threading="project",
        told=["best", "failure"],
        key_metric="val_acc",
        goals="fancy: min\nval_acc = maximise",
        baseline=f"#1 {run}",
        aliases="valid/acc = val_acc",
        gpu_price="2,50 €",
        digest="full",
        at="08:30",
        days=["mon", "thu"],
        log_tail="owner",
        audio=["keep", "feedback"],
        language="de",
        openness="discoverable",
    )
    assert "key metric val_acc" in said
    project = project_of(bot, "set-all")
    kept = settings_of(project)
    assert (project.threading, project.key_metric, project.openness) == ("project", "val_acc", "discoverable")
    assert project.goals == {"fancy": "min", "val_acc": "max"}
    assert project.baseline_run_id is not None
    assert kept.told == {"best", "failure"}
    assert (kept.log_tail, kept.keep_audio, kept.language) == ("owner", True, "de")
    assert kept.share_feedback
    assert dict(kept.aliases) == {"valid/acc": "val_acc"}
    assert kept.gpu_price == "2,50 €"
    with bot.services.database.session() as session:
        digest = session.exec(select(Subscription).where(Subscription.channel_id == VISION)).one()
        assert (digest.depth, f"{digest.local_time:%H:%M}", digest.weekdays) == (
            "full",
            "08:30",
            ["mon", "thu"],
        )
        digest.active = False
    again = save(bot, "set-all", digest="off")
    assert "digest off" in again or "Nothing changed" in again
    assert "discoverable" in shown(bot.message(VISION, "ana made set-all"))


def test_what_cannot_be_read_is_said_in_the_form(bot: RunningBot) -> None:
    bot.own_channel("set-wrong", VISION)
    bot.start("set-wrong")
    view = form(bot, "set-wrong")
    wrong: list[tuple[Json, str]] = [
        ({"goals": "val_loss"}, "goals"),
        ({"aliases": "just words"}, "aliases"),
        ({"gpu_price": "cheap"}, "gpu_price"),
        ({"digest": "brief", "days": []}, "days"),
    ]
    for values, field in wrong:
        with pytest.raises(SlackSaid) as refused:
            bot.workspace.submit_view(ANA, view["id"], chosen(view, **values))
        assert list(refused.value.answer["errors"]) == [field]
    bot.workspace.close_view(ANA, view["id"])


def test_a_project_moves_by_members_of_both_channels_and_both_learn_it(bot: RunningBot) -> None:
    bot.own_channel("set-move", VISION)
    bot.start("set-move")
    view = form(bot, "set-move", who=BEN)
    bot.workspace.submit_view(BEN, view["id"], chosen(view, channel=SECRET))
    bot.whisper(BEN, VISION, "moves only by who is in both channels")
    assert project_of(bot, "set-move").channel_id == VISION
    view = form(bot, "set-move")
    bot.workspace.submit_view(ANA, view["id"], chosen(view, channel=SECRET))
    bot.whisper(ANA, VISION, "Saved for set-move: channel moved")
    assert project_of(bot, "set-move").channel_id == SECRET
    assert "dev" in shown(bot.message(VISION, "moved the project set-move"))
    bot.message(SECRET, "moved the project set-move")
    run = bot.start("set-move")
    bot.message(SECRET, run)


def test_settings_are_for_who_sees_the_project(bot: RunningBot) -> None:
    bot.own_channel("set-hidden", SECRET)
    bot.start("set-hidden")
    bot.workspace.command(BEN, GENERAL, "/runs", "settings set-hidden")
    bot.whisper(BEN, GENERAL, "no project set-hidden that you can see")


def test_what_is_not_told_is_not_told(bot: RunningBot) -> None:
    bot.own_channel("set-quiet", VISION)
    run = bot.start("set-quiet")
    save(bot, "set-quiet", told=[])
    bot.clock.advance(minutes=30)
    bot.finish("set-quiet", run, "failed", exit_code=1)
    parent = bot.message(VISION, "set-quiet/1 failed")
    ended = bot.reply(VISION, parent["ts"], "set-quiet/1 failed")
    assert f"<@{ANA}>" not in str(ended)
    assert ended["ts"] not in {one["ts"] for one in bot.workspace.messages(VISION)}


def test_output_is_for_its_owner_alone_or_for_nobody(bot: RunningBot) -> None:
    bot.own_channel("set-tail", VISION)
    run = bot.start("set-tail")
    save(bot, "set-tail", log_tail="owner")
    bot.clock.advance(minutes=3)
    bot.finish("set-tail", run, "failed", exit_code=1, last_lines=["the secret last line"])
    parent = bot.message(VISION, "set-tail/1 failed")
    bot.settle()
    assert "secret last line" not in str(bot.workspace.thread(VISION, parent["ts"]))
    for who, words in ((ANA, "has printed nothing"), (BEN, "only for the run's owner")):
        bot.workspace.command(who, VISION, "/runs", "logs set-tail/1")
        bot.whisper(who, VISION, words)
    bot.workspace.reply(ANA, VISION, parent["ts"], "@runlore logs")
    bot.reply(VISION, parent["ts"], "only for the run's owner")
    save(bot, "set-tail", log_tail="nowhere")
    bot.workspace.click(ANA, VISION, parent["ts"], "Logs")
    bot.whisper(ANA, VISION, "keeps its output out of Slack", thread=parent["ts"])


def test_another_name_of_a_metric_counts_as_the_metric(bot: RunningBot) -> None:
    bot.own_channel("set-alias", VISION)
    for name, metric, value in (("first", "val_acc", 0.8), ("second", "valid/acc", 0.9)):
        run = bot.start("set-alias", name=name, config={"lr": value})
        bot.log("set-alias", run, metric, value / 2, value)
        bot.finish("set-alias", run)
    save(bot, "set-alias", aliases="valid/acc = val_acc\nlearning rate = lr")
    for text, words in (
        ("compare set-alias/1 set-alias/2", "set-alias/2 beats set-alias/1 on val_acc"),
        ("best valid/acc project:set-alias", "set-alias/2"),
        ("list project:set-alias val_acc>0.85", "set-alias/2"),
    ):
        bot.workspace.command(ANA, VISION, "/runs", text)
        bot.whisper(ANA, VISION, words)
    thread = bot.message(VISION, "set-alias/1")["ts"]
    bot.workspace.reply(ANA, VISION, thread, "I lowered rate from 0.3 to 0.1.")
    bot.settle()
    with bot.services.database.session() as session:
        assert session.exec(select(Fact).where(Fact.to_value == "0.1")).one().name == "rate"
    save(bot, "set-alias", aliases="rate = lr")
    bot.workspace.reply(ANA, VISION, thread, "I lowered rate from 0.5 to 0.4.")
    bot.settle()
    with bot.services.database.session() as session:
        assert session.exec(select(Fact).where(Fact.to_value == "0.4")).one().name == "lr"


def test_a_memo_is_heard_in_the_projects_language_and_kept_where_wanted(bot: RunningBot) -> None:
    bot.own_channel("set-memo", VISION)
    run = bot.start("set-memo")
    save(bot, "set-memo", language="de", audio=["keep"])
    thread = bot.message(VISION, run)["ts"]
    ts = bot.workspace.upload_memo(ANA, VISION, "audio_message.m4a", content=b"We keep it.", thread_ts=thread)
    bot.reply(VISION, thread, "🎙")
    with bot.services.database.session() as session:
        note = session.exec(select(Note).where(Note.ts == ts)).one()
        assert note.language == "de"
        kept = bot.services.settings.home / "audio" / f"note-{note.id}"
    assert kept.read_bytes() == b"We keep it."
    bot.workspace.delete(ANA, VISION, ts)
    bot.wait(lambda: not kept.exists(), "the copy to be deleted with the note")


def test_settings_of_a_project_in_the_shared_channel_name_that_channel(bot: RunningBot) -> None:
    bot.start("set-shared")
    view = form(bot, "set-shared", channel=RUNS)
    assert f"'initial_conversation': '{RUNS}'" in str(view["blocks"])
    bot.workspace.close_view(ANA, view["id"])
