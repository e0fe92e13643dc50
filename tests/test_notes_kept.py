"""Notes from the conversation: replies kept, memos heard, edits and deletions followed, people's words winning."""

from typing import Any

import pytest
from local_workspace import ANA, BEN, GENERAL, RUNS, VISION
from running_bot import RunningBot, shown
from sqlmodel import col, select

from storage.memory import Correction, Fact, Note, NoteRun, RationaleItem
from storage.tables import Artifact, Link, Run


def thread_of(bot: RunningBot, project: str, **start: Any) -> str:  # noqa: ANN401  fields of the start event
    """The ts of a new run's own thread."""
    bot.own_channel(project, VISION)
    run = bot.start(project, **start)
    return str(bot.message(VISION, run)["ts"])


def kept(bot: RunningBot, ts: str) -> Note | None:
    with bot.services.database.session() as session:
        return session.exec(select(Note).where(Note.ts == ts)).first()


def items(bot: RunningBot, ts: str) -> list[RationaleItem]:
    with bot.services.database.session() as session:
        query = (
            select(RationaleItem).join(Note, col(Note.id) == col(RationaleItem.note_id)).where(Note.ts == ts)
        )
        return list(session.exec(query.order_by(col(RationaleItem.start))))


def memo_card(bot: RunningBot, thread: str, said: str, *, who: str = ANA) -> tuple[str, dict[str, Any]]:
    """(the memo's ts, the card that answers it)."""
    ts = bot.workspace.upload_memo(who, VISION, "audio_message.m4a", content=said.encode(), thread_ts=thread)
    return ts, bot.reply(VISION, thread, "🎙")


def filled(view: dict[str, Any], chosen: dict[str, str]) -> dict[str, Any]:
    """The form as it stands, but for what is chosen otherwise."""
    values: dict[str, Any] = {}
    for block in view["blocks"]:
        if block["type"] != "input":
            continue
        element = block["element"]
        if element["type"] == "static_select":
            value = chosen.get(block["block_id"]) or element["initial_option"]["value"]
            option = next(one for one in element["options"] if one["value"] == value)
            state = {"type": "static_select", "selected_option": option}
        else:
            state = {"type": element["type"], "value": element.get("initial_value")}
        values[block["block_id"]] = {element["action_id"]: state}
    return values


def test_what_was_said_before_a_run_is_its_guess_and_no_open_step(bot: RunningBot) -> None:
    bot.start("guessed", notes="Next we try warmup. It helps because the start is rough.")
    bot.settle()
    with bot.services.database.session() as session:
        read = select(RationaleItem).join(Note, col(Note.id) == col(RationaleItem.note_id))
        found = session.exec(read.where(col(Note.text).startswith("Next we try warmup"))).all()
        assert [item.role for item in found] == ["hypothesis", "hypothesis"]


def test_a_reply_that_says_something_is_marked(bot: RunningBot) -> None:
    thread = thread_of(bot, "notes-typed")
    telling = bot.workspace.reply(ANA, VISION, thread, "I lowered lr from 0.1 to 0.01. Acc went up.")
    chatty = bot.workspace.reply(BEN, VISION, thread, "nice weather")
    bot.wait(lambda: "memo" in bot.workspace.reactions(VISION, telling), "📝")
    bot.settle()
    assert bot.workspace.reactions(VISION, chatty) == set()
    note = kept(bot, chatty)
    assert note is not None
    assert note.permalink == bot.workspace.permalink(VISION, chatty)
    assert [item.role for item in items(bot, telling)] == ["change", "outcome"]
    with bot.services.database.session() as session:
        fact = session.exec(
            select(Fact).where(Fact.name == "lr", Fact.note_id == items(bot, telling)[0].note_id)
        ).one()
    assert (fact.from_value, fact.to_value) == ("0.1", "0.01")


def test_a_memo_gets_an_ear_at_once_and_one_card(bot: RunningBot) -> None:
    thread = thread_of(bot, "notes-memo", config={"lr": 0.01})
    bot.models.hearing.gate.clear()
    ts = bot.workspace.upload_memo(
        ANA,
        VISION,
        "audio_message.m4a",
        content=b"I lowered lr from 0.1 to 0.01. We keep it.",
        thread_ts=thread,
    )
    bot.wait(lambda: "ear" in bot.workspace.reactions(VISION, ts), "👂")
    assert not any("🎙" in shown(one) for one in bot.workspace.thread(VISION, thread))
    bot.models.hearing.gate.set()
    card = shown(bot.reply(VISION, thread, "🎙"))
    bot.settle()
    assert "0.1 → 0.01" in card
    assert "We keep it." in card
    assert len([one for one in bot.workspace.thread(VISION, thread) if "🎙" in shown(one)]) == 1
    change, decision = items(bot, ts)
    assert (change.start_time, decision.start_time) == (0.0, 3.5)


def test_a_memo_that_cannot_be_heard_is_told_kindly(bot: RunningBot) -> None:
    thread = thread_of(bot, "notes-noise")
    bot.workspace.upload_memo(ANA, VISION, "audio_message.m4a", content=b"NOISE", thread_ts=thread)
    assert "it is no audio" in shown(bot.reply(VISION, thread, "could not use this memo"))


def test_other_audio_is_transcribed_only_when_its_poster_says_so(bot: RunningBot) -> None:
    thread = thread_of(bot, "notes-audio")
    file = bot.workspace.upload(ANA, "talk.mp3", content=b"We keep it.")
    bot.workspace.post(ANA, VISION, "from the meeting", thread_ts=thread, files=[file])
    question = bot.whisper(ANA, VISION, "Shall I transcribe talk.mp3", thread=thread)
    heard = bot.models.hearing.heard
    bot.workspace.click(ANA, VISION, question["ts"], "Transcribe")
    card = bot.reply(VISION, thread, "🎙")
    assert "We keep it." in shown(card)
    assert bot.models.hearing.heard == heard + 1


def test_editing_and_deleting_the_message_is_followed(bot: RunningBot) -> None:
    thread = thread_of(bot, "notes-edits")
    ts = bot.workspace.reply(ANA, VISION, thread, "We keep it.")
    bot.wait(lambda: items(bot, ts), "the reading")
    bot.workspace.edit(ANA, VISION, ts, "It crashed at once.")
    bot.wait(lambda: [item.role for item in items(bot, ts)] == ["problem"], "the new reading")
    bot.workspace.delete(ANA, VISION, ts)
    bot.wait(lambda: items(bot, ts) == [], "nothing left")
    gone = kept(bot, ts)
    assert gone is not None
    assert (gone.text, gone.deleted_at is not None) == ("", True)


def test_reactions_make_and_take_back_notes(bot: RunningBot) -> None:
    thread = thread_of(bot, "notes-reactions")
    ts = bot.workspace.reply(ANA, VISION, thread, "We keep it.")
    bot.wait(lambda: "memo" in bot.workspace.reactions(VISION, ts), "📝")
    bot.workspace.react(BEN, VISION, ts, "no_entry_sign")
    bot.settle()
    assert items(bot, ts), "only its author can take a note back"
    bot.workspace.react(ANA, VISION, ts, "no_entry_sign")
    bot.wait(lambda: items(bot, ts) == [], "taken back")
    bot.workspace.unreact(ANA, VISION, ts, "no_entry_sign")
    bot.workspace.react(BEN, VISION, ts, "memo")
    bot.wait(lambda: [item.role for item in items(bot, ts)] == ["decision"], "a note again")


def test_the_bots_own_words_are_nobodys_note(bot: RunningBot) -> None:
    thread = thread_of(bot, "notes-bot")
    bot.workspace.react(ANA, VISION, thread, "memo")
    bot.settle()
    assert kept(bot, thread) is None


def test_a_note_that_names_runs_belongs_to_all_of_them(bot: RunningBot) -> None:
    bot.own_channel("notes-many", VISION)
    first, second = bot.start("notes-many"), bot.start("notes-many")
    thread = str(bot.message(VISION, second)["ts"])
    ts = bot.workspace.reply(ANA, VISION, thread, "Lowered it, went better than #1.")
    note = bot.wait(lambda: kept(bot, ts), "the note")
    with bot.services.database.session() as session:
        about = session.exec(
            select(Run.uid)
            .join(NoteRun, col(NoteRun.run_id) == col(Run.id))
            .where(NoteRun.note_id == note.id)
        ).all()
    assert set(about) == {first, second}


def test_in_a_projects_thread_a_note_goes_to_the_run_it_means_or_asks(bot: RunningBot) -> None:
    bot.start("notes-project", who=ANA)
    mine = bot.start("notes-project", who=BEN)
    board = str(bot.message(RUNS, "notes-project")["ts"])
    clear = bot.workspace.reply(BEN, RUNS, board, "We keep it.")
    note = bot.wait(lambda: kept(bot, clear), "the note")
    with bot.services.database.session() as session:
        assert session.exec(
            select(Run.uid)
            .join(NoteRun, col(NoteRun.run_id) == col(Run.id))
            .where(NoteRun.note_id == note.id)
        ).all() == [mine]
    bot.start("notes-project", who=BEN)
    unclear = bot.workspace.reply(BEN, RUNS, board, "We keep that one.")
    question = bot.whisper(BEN, RUNS, "Which run is this note about?", thread=board)
    bot.workspace.click(BEN, RUNS, question["ts"], "note_pick_1")
    about = bot.wait(lambda: kept(bot, unclear), "the note")
    with bot.services.database.session() as session:
        bot.wait(
            lambda: session.exec(select(NoteRun.run_id).where(NoteRun.note_id == about.id)).all(), "its run"
        )


def test_pictures_tables_and_links_of_a_reply_become_the_runs(bot: RunningBot) -> None:
    thread = thread_of(bot, "notes-files")
    picture = bot.workspace.upload(ANA, "curve.png", content=b"\x89PNG\r\n\x1a\n")
    table = bot.workspace.upload(ANA, "errors.csv", content=b"a,b\n1,2\n")
    text = "see https://example.org/paper"
    ts = bot.workspace.post(ANA, VISION, text, thread_ts=thread, files=[picture, table])
    note = bot.wait(lambda: kept(bot, ts), "the note")
    with bot.services.database.session() as session:
        run_id = session.exec(select(NoteRun.run_id).where(NoteRun.note_id == note.id)).one()
        kinds = session.exec(select(Artifact.kind).where(Artifact.run_id == run_id)).all()
        urls = session.exec(select(Link.url).where(Link.run_id == run_id)).all()
    assert sorted(kinds) == ["image", "table"]
    assert any(url.startswith("https://example.org/paper") for url in urls)


def test_what_a_person_corrects_wins_and_is_remembered(bot: RunningBot) -> None:
    thread = thread_of(bot, "notes-corrected")
    ts, card = memo_card(bot, thread, "We keep it. Acc went up.")
    bot.workspace.click(ANA, VISION, card["ts"], "Edit")
    view = bot.wait(lambda: next(iter(bot.workspace.views(ANA)), None), "the form")
    decision = next(item for item in items(bot, ts) if item.role == "decision")
    block = next(
        b["block_id"]
        for b in view["blocks"]
        if b["block_id"].startswith("role:") and b["block_id"].endswith(f":{decision.id}")
    )
    bot.workspace.submit_view(ANA, view["id"], filled(view, {block: "hypothesis"}))
    bot.wait(lambda: {item.role for item in items(bot, ts)} == {"hypothesis", "outcome"}, "the correction")
    bot.settle()
    corrected = next(item for item in items(bot, ts) if item.role == "hypothesis")
    assert (corrected.source, corrected.confidence) == ("person", 1.0)
    assert "edited" in shown(bot.workspace.message(VISION, card["ts"]))
    with bot.services.database.session() as session:
        kept_as = session.exec(select(Correction).where(Correction.note_id == corrected.note_id)).one()
    assert (kept_as.was["role"], kept_as.now["role"]) == ("decision", "hypothesis")


def test_a_stranger_cannot_change_a_note(bot: RunningBot) -> None:
    thread = thread_of(bot, "notes-strangers")
    ts, card = memo_card(bot, thread, "We keep it.")
    bot.workspace.click(BEN, VISION, card["ts"], "Not a note")
    bot.whisper(BEN, VISION, "Only the note's author", thread=thread)
    assert items(bot, ts)


def test_a_number_that_matches_nothing_logged_counts_once_it_is_confirmed(bot: RunningBot) -> None:
    thread = thread_of(bot, "notes-heard", config={"lr": 0.5})
    ts, card = memo_card(bot, thread, "I lowered lr from 0.1 to 0.01")
    assert "as heard" in shown(card)
    bot.workspace.click(ANA, VISION, card["ts"], "Confirm numbers")
    note = bot.wait(lambda: kept(bot, ts), "the note")

    def confirmed() -> bool:
        with bot.services.database.session() as session:
            return all(session.exec(select(Fact.confirmed).where(Fact.note_id == note.id)).all())

    bot.wait(confirmed, "confirmed")
    bot.settle()
    assert "as heard" not in shown(bot.workspace.message(VISION, card["ts"]))


def test_a_setting_the_run_does_not_have_is_asked_about_once_and_only_of_its_author(bot: RunningBot) -> None:
    thread = thread_of(bot, "notes-contradicted", config={"lr": 0.03})
    bot.workspace.reply(BEN, VISION, thread, "I lowered lr from 0.1 to 0.03.")
    said = bot.workspace.reply(ANA, VISION, thread, "I lowered lr from 0.1 to 0.01.")
    bot.whisper(ANA, VISION, "You said lr 0.01; notes-contradicted/1 has 0.03. Another run?", thread=thread)
    bot.workspace.edit(ANA, VISION, said, "I lowered lr from 0.1 to 0.001.")
    bot.settle()
    asked = [
        one
        for who in (ANA, BEN)
        for one in bot.workspace.ephemerals(who, VISION, thread)
        if "You said" in shown(one)
    ]
    assert len(asked) == 1


@pytest.mark.parametrize("direct", [True, False])
def test_a_note_given_as_a_command_follows_its_message(bot: RunningBot, direct: bool) -> None:
    project = f"noted-{direct}".lower()
    thread_of(bot, project)
    bot.start(project)
    bot.settle()
    channel = bot.workspace.open_dm(ANA) if direct else VISION
    to_bot = "" if direct else "@runlore "
    ts = bot.workspace.post(ANA, channel, f"{to_bot}note {project}/1 I lowered lr from 0.1 to 0.01.")
    bot.reply(channel, ts, f"Noted on {project}/1: I lowered lr from 0.1 to 0.01.")
    bot.settle()
    note = kept(bot, ts)
    assert note is not None
    assert note.text == "I lowered lr from 0.1 to 0.01."
    assert note.permalink == (None if direct else bot.workspace.permalink(channel, ts))

    bot.workspace.edit(ANA, channel, ts, f"{to_bot}note {project}/2 I lowered lr from 0.3 to 0.1.")
    bot.reply(channel, ts, f"Noted on {project}/2: I lowered lr from 0.3 to 0.1.")
    bot.settle()
    note = kept(bot, ts)
    assert note is not None
    assert (note.text, note.edited_at is not None) == ("I lowered lr from 0.3 to 0.1.", True)
    assert [item.text for item in items(bot, ts)] == ["I lowered lr from 0.3 to 0.1."]
    with bot.services.database.session() as session:
        about = session.exec(select(Run).join(NoteRun).where(NoteRun.note_id == note.id)).all()
    assert [run.number for run in about] == [2]

    bot.workspace.edit(ANA, channel, ts, f"{to_bot}note {project}/77 I raised lr.")
    bot.reply(channel, ts, f"{project}/77")
    assert kept(bot, ts) == note  # what cannot be understood changes nothing

    bot.workspace.delete(ANA, channel, ts)
    bot.wait(lambda: (gone := kept(bot, ts)) is not None and gone.deleted_at is not None, "the note is gone")
    bot.settle()
    assert items(bot, ts) == []
    said = [shown(one) for one in bot.workspace.messages(channel)]
    said += [shown(one) for one in bot.workspace.thread(channel, ts)]
    assert not any("Noted on" in words and project in words for words in said)


def test_a_saved_message_that_has_replies_is_forgotten_when_it_is_deleted(bot: RunningBot) -> None:
    """Slack keeps a tombstone in its place, and tells that as an edit."""
    bot.own_channel("notes-talked", GENERAL)
    ts = bot.workspace.post(ANA, GENERAL, "We keep it.")
    bot.workspace.reply(BEN, GENERAL, ts, "fine with me")
    bot.workspace.react(BEN, GENERAL, ts, "memo")
    bot.start("notes-talked")
    bot.wait(lambda: items(bot, ts) != [], "📝")
    bot.workspace.delete(ANA, GENERAL, ts)
    bot.wait(lambda: items(bot, ts) == [], "gone")
    note = kept(bot, ts)
    assert note is not None
    assert note.text == ""
