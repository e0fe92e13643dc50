"""Commands where people talk: `/runs` for one's own eyes, a mention in a thread, direct messages; never more than may be seen."""

import json

import pytest
from local_workspace import ANA, BEN, CHLOE, DEV, GENERAL, RUNS, SECRET, VISION
from running_bot import RunningBot, shown
from sqlmodel import select

from storage.memory import AnswerRating
from storage.tables import Person


def two_runs(bot: RunningBot, project: str, channel: str = VISION) -> None:
    bot.own_channel(project, channel)
    for lr, accuracy in ((0.1, 0.8), (0.01, 0.9)):
        run = bot.start(project, config={"lr": lr}, name=f"{project}-{lr}")
        bot.log(project, run, "val_acc", accuracy)
        bot.finish(project, run)


def ask(bot: RunningBot, user: str, channel: str, text: str, words: str) -> str:
    """What `/runs text` answers, seen by its asker alone."""
    before = len(bot.workspace.ephemerals(user, channel))
    bot.workspace.command(user, channel, "/runs", text)
    bot.wait(lambda: len(bot.workspace.ephemerals(user, channel)) > before, f"the answer to {text}")
    answer = bot.workspace.ephemerals(user, channel)[-1]
    assert words in shown(answer), shown(answer)
    return shown(answer)


def test_a_slash_command_is_answered_to_its_asker_alone(bot: RunningBot) -> None:
    two_runs(bot, "cmd-list")
    answer = ask(bot, ANA, VISION, "list project:cmd-list", "cmd-list/2")
    assert "cmd-list/1" in answer
    assert not any("cmd-list/1" in shown(one) for one in bot.workspace.ephemerals(BEN, VISION))


def test_filters_narrow_the_list(bot: RunningBot) -> None:
    two_runs(bot, "cmd-filter")
    answer = ask(bot, ANA, VISION, "list project:cmd-filter lr<0.05 val_acc>=0.85", "cmd-filter/2")
    assert "cmd-filter/1" not in answer
    ask(bot, ANA, VISION, "list failed project:cmd-filter", "No run fits")


def test_show_compare_and_best(bot: RunningBot) -> None:
    two_runs(bot, "cmd-show")
    ask(bot, ANA, VISION, "show cmd-show/2", "val_acc")
    answer = ask(bot, ANA, VISION, "compare cmd-show/1 cmd-show/2", "cmd-show/2 beats cmd-show/1")
    assert "lr" in answer
    ask(bot, ANA, VISION, "best val_acc project:cmd-show", "cmd-show/2")
    ask(bot, ANA, VISION, "tree cmd-show/2", "cmd-show/1")


def test_in_a_thread_the_mention_understands_its_run(bot: RunningBot) -> None:
    two_runs(bot, "cmd-thread")
    thread = bot.message(VISION, "cmd-thread/2")["ts"]
    bot.workspace.reply(BEN, VISION, thread, "@runlore compare with #1")
    assert "lr" in shown(bot.reply(VISION, thread, "cmd-thread/2 beats cmd-thread/1"))
    bot.workspace.reply(BEN, VISION, thread, "@runlore show")
    bot.reply(VISION, thread, "Params")


def test_in_direct_messages_one_just_asks(bot: RunningBot) -> None:
    two_runs(bot, "cmd-direct")
    channel = bot.workspace.open_dm(ANA)
    ts = bot.workspace.post(ANA, channel, "show cmd-direct/1")
    bot.reply(channel, ts, "cmd-direct/1")


def test_a_memo_in_direct_messages_is_told_where_it_belongs(bot: RunningBot) -> None:
    channel = bot.workspace.open_dm(ANA)
    ts = bot.workspace.upload_memo(ANA, channel, "audio_message.m4a", content=b"We keep it.")
    bot.reply(channel, ts, "Post this one in the run's thread")


def test_wrong_and_ambiguous_words_are_answered_with_what_would_work(bot: RunningBot) -> None:
    two_runs(bot, "cmd-wrong")
    two_runs(bot, "cmd-other")
    assert "compare cmd-wrong/1" in ask(bot, ANA, VISION, "comapre cmd-wrong/1 cmd-wrong/2", "I do not know")
    ask(bot, ANA, VISION, "show nothing-like-it", "I find no run")
    assert "cmd-other/1" in ask(bot, ANA, GENERAL, "show 1", "Which one?")


def test_what_is_refused_or_missing_is_said_with_the_command_that_helps(bot: RunningBot) -> None:
    ask(bot, ANA, GENERAL, "login XXXX-YYYY", "Run `runlore login` again.")
    ask(bot, ANA, GENERAL, "digest foo", "Try `digest mon thu 09:30 full`.")
    ask(bot, ANA, GENERAL, "now project:cmd-none", "Nothing that you can see runs at this moment.")
    two_runs(bot, "cmd-paged")
    ask(bot, ANA, GENERAL, "list page:9 project:cmd-paged", "Try `list project:cmd-paged page:1`")
    assert ask(bot, ANA, GENERAL, "thanks", "I do not know").count("`help`") == 1
    ask(bot, ANA, GENERAL, "help LS", "list: runs, filtered")


def test_a_note_by_command_is_kept_with_the_run(bot: RunningBot) -> None:
    two_runs(bot, "cmd-note")
    ask(bot, ANA, VISION, "note cmd-note/2 We keep it.", "Noted on cmd-note/2")
    bot.settle()
    ask(bot, ANA, VISION, "show cmd-note/2", "We keep it.")


def test_who_tried_is_answered_with_a_quote(bot: RunningBot) -> None:
    two_runs(bot, "cmd-who")
    thread = bot.message(VISION, "cmd-who/2")["ts"]
    bot.workspace.reply(ANA, VISION, thread, "Tried zebra augmentation, acc went up.")
    bot.settle()
    answer = ask(bot, BEN, VISION, "who has tried zebra augmentation?", "Tried zebra augmentation")
    assert "cmd-who/2" in answer


def test_ask_them_asks_in_the_thread_of_the_run(bot: RunningBot) -> None:
    two_runs(bot, "cmd-them")
    thread = bot.message(VISION, "cmd-them/2")["ts"]
    bot.workspace.reply(ANA, VISION, thread, "Tried walrus augmentation, acc went up.")
    bot.settle()
    asked = bot.workspace.post(BEN, VISION, "@runlore who has tried walrus augmentation?")
    answer = bot.reply(VISION, asked, "Tried walrus augmentation")
    bot.workspace.click(BEN, VISION, answer["ts"], "answer_ask")
    view = bot.wait(lambda: next(iter(bot.workspace.views(BEN)), None), "the form")
    whom = next(block for block in view["blocks"] if block.get("block_id") == "whom")["element"]
    assert [each["text"]["text"] for each in whom["options"]] == [
        "ana: “Tried walrus augmentation, acc went up.”"
    ]
    state = {
        "whom": {"whom": {"type": "checkboxes", "selected_options": whom["options"]}},
        "text": {"text": {"type": "plain_text_input", "value": "With <which> data?"}},
    }
    bot.workspace.submit_view(BEN, view["id"], state)
    told = shown(bot.reply(VISION, thread, "asks: With"))
    assert f"<@{ANA}> <@{BEN}> asks: With <which> data?" in told


def test_an_answer_shows_more_compares_its_runs_and_is_rated(bot: RunningBot) -> None:
    two_runs(bot, "cmd-more")
    for number, each in ((1, "early"), (2, "late")):
        thread = bot.message(VISION, f"cmd-more/{number}")["ts"]
        for place in range(4):
            bot.workspace.reply(ANA, VISION, thread, f"Tried okapi augmentation {each} {place}, acc went up.")
    bot.settle()
    asked = bot.workspace.post(BEN, VISION, "@runlore who has tried okapi augmentation?")
    answer = bot.reply(VISION, asked, "okapi")
    texts = [f"okapi augmentation {each} {place}," for each in ("early", "late") for place in range(4)]
    left = [one for one in texts if one not in shown(answer)]
    assert len(left) == 3
    for action, words in (
        ("answer_more", left[0]),
        ("answer_compare", "cmd-more/2 beats cmd-more/1"),
        ("answer_good", "Thank you, noted"),
        ("answer_bad", "other words"),
    ):
        bot.workspace.click(BEN, VISION, answer["ts"], action)
        told = shown(bot.whisper(BEN, VISION, words, thread=asked))
        if action == "answer_more":
            assert [one for one in texts if one in told] == left
    bot.settle()
    with bot.services.database.session() as session:
        ben = session.exec(select(Person).where(Person.slack_id == BEN)).one()
        ratings = session.exec(select(AnswerRating).where(AnswerRating.person_id == ben.id)).all()
        kept = [(one.question, one.good) for one in ratings if "okapi" in one.question]
    assert kept == [("who tried okapi augmentation", False)]  # the last press counts


def test_how_a_run_ended_badly_is_said_without_its_name_twice(bot: RunningBot) -> None:
    bot.own_channel("cmd-ended", VISION)
    run = bot.start("cmd-ended", config={"mixup": 0.4}, name="sad-yak")
    bot.finish("cmd-ended", run, "failed", cause="out of disk")
    bot.settle()
    ask(
        bot,
        ANA,
        VISION,
        "who has tried mixup? project:cmd-ended",
        "cmd-ended/1 sad-yak by ana: failed: out of disk",
    )


def test_connecting_a_channel_gives_it_threads_and_the_two_lines(bot: RunningBot) -> None:
    assert "runlore.init" in ask(bot, ANA, VISION, "connect cmd-connect", "is connected to #vision-runs")
    run = bot.start("cmd-connect")
    bot.message(VISION, run)


def test_connecting_a_project_of_another_channel_moves_it_as_the_settings_do(bot: RunningBot) -> None:
    two_runs(bot, "cmd-moved")
    ask(bot, DEV, GENERAL, "connect cmd-moved", "moves only by who is in both channels")
    ask(bot, ANA, SECRET, "connect cmd-moved", "is connected to #secret")
    bot.message(VISION, "ana moved the project cmd-moved")
    ask(bot, ANA, VISION, "connect cmd-moved", "is connected to #vision-runs")
    bot.message(SECRET, "Now seen by everybody in the workspace too")
    ask(bot, ANA, GENERAL, "connect cmd-moved", "is connected to #general")
    assert "Now seen" not in shown(bot.message(GENERAL, "ana moved the project cmd-moved"))


def test_what_a_private_channel_talks_about_is_nowhere_for_others(bot: RunningBot) -> None:
    two_runs(bot, "cmd-secret", SECRET)
    members = {
        user
        for user in (ANA, BEN, CHLOE)
        if any(c["id"] == SECRET for c in bot.workspace.ask("boot", user=user)["channels"])
    }
    insider = next(iter(members))
    outsider = next(user for user in (ANA, BEN) if user not in members)
    ask(bot, insider, SECRET, "show cmd-secret/2", "val_acc")
    for text in (
        "show cmd-secret/2",
        "compare cmd-secret/1 cmd-secret/2",
        "tree cmd-secret/1",
        "logs cmd-secret/1",
    ):
        ask(bot, outsider, RUNS, text, "I find no run")
    ask(bot, outsider, RUNS, "list project:cmd-secret", "No run fits")
    ask(bot, outsider, RUNS, "who has tried cmd-secret?", "")
    bot.settle()
    told = json.dumps(bot.workspace.ephemerals(outsider, RUNS))
    assert "cmd-secret-0.01" not in told
    # And what an insider shares in public shows nothing either.
    bot.workspace.post(insider, RUNS, "@runlore show cmd-secret/2")
    bot.settle()
    assert not any(
        "val_acc" in json.dumps(one) and "cmd-secret" in json.dumps(one)
        for one in bot.workspace.messages(RUNS)
    )


def test_a_slash_command_in_a_thread_is_refused_by_slack_itself(bot: RunningBot) -> None:
    two_runs(bot, "cmd-refused")
    thread = bot.message(VISION, "cmd-refused/2")["ts"]
    refused = ""
    try:
        bot.workspace.command(ANA, VISION, "/runs", "show", thread_ts=thread)
    except AssertionError as error:
        refused = str(error)
    assert "not supported in threads" in refused


def test_buttons_of_a_run_compare_note_and_like(bot: RunningBot) -> None:
    two_runs(bot, "cmd-buttons")
    parent = bot.message(VISION, "cmd-buttons/2")
    bot.workspace.click(BEN, VISION, parent["ts"], "run_compare")
    view = bot.wait(lambda: next(iter(bot.workspace.views(BEN)), None), "the form")
    block = next(one for one in view["blocks"] if one["type"] == "input")
    option = block["element"]["options"][0]
    state = {block["block_id"]: {"run": {"type": "static_select", "selected_option": option}}}
    bot.workspace.submit_view(BEN, view["id"], state)
    bot.reply(VISION, parent["ts"], "beats")
    bot.workspace.click(BEN, VISION, parent["ts"], "run_like")
    bot.wait(lambda: "⭐ 1" in shown(bot.workspace.message(VISION, parent["ts"])), "the like")


@pytest.mark.parametrize(
    "words", ["who label smoothing", "who has tried label smoothing?", "has anybody used label smoothing?"]
)
def test_whoever_asks_who_is_told_who_tried_it(bot: RunningBot, words: str) -> None:
    project = f"cmd-tried-{len(words)}"
    bot.own_channel(project, VISION)
    bot.finish(project, bot.start(project, config={"label_smoothing": 0.1}, who=BEN), who=BEN)
    bot.settle()
    ask(
        bot,
        ANA,
        VISION,
        f"{words} project:{project}".replace("? project", " project"),
        "ben tried label smoothing in 1 run",
    )
