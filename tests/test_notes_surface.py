"""Notes at the surface: written in a form, shown on request, corrected at any length, with what came along; feedback by consent."""

from functools import partial
from typing import Any

import pytest
from local_workspace import ANA, BEN, VISION
from running_bot import RunningBot, shown
from sqlmodel import col, select

from bot import feedback
from storage.memory import Note, RationaleItem
from storage.tables import Artifact, Link, Project, Run

Json = dict[str, Any]


def thread_of(bot: RunningBot, project: str, **start: Any) -> str:  # noqa: ANN401
    bot.own_channel(project, VISION)
    return str(bot.message(VISION, bot.start(project, **start))["ts"])


def window(bot: RunningBot, who: str, title: str) -> Json:
    def opened() -> Json | None:
        views = bot.workspace.views(who)
        return views[-1] if views and views[-1]["title"]["text"] == title else None

    return bot.wait(opened, title)


def holding(bot: RunningBot, words: str) -> Json | None:
    """Ana's open form that holds these words."""
    return next((one for one in bot.workspace.views(ANA) if words in str(one["blocks"])), None)


def test_a_note_from_the_form_is_read_shown_corrected_and_taken_back(bot: RunningBot) -> None:
    thread = thread_of(bot, "form-note")
    bot.workspace.click(ANA, VISION, thread, "Add note")
    view = window(bot, ANA, "Add note")
    said = {
        "text": {"text": {"type": "plain_text_input", "value": "I lowered lr from 0.1 to 0.01. We keep it."}}
    }
    bot.workspace.submit_view(ANA, view["id"], said)
    card = bot.reply(VISION, thread, "Change")  # the reading follows the card and is edited in
    assert "0.1 → 0.01" in shown(card)
    bot.workspace.click(ANA, VISION, card["ts"], "Edit")
    view = window(bot, ANA, "Edit note")
    role = next(
        block
        for block in view["blocks"]
        if block["block_id"].startswith("role:") and block["element"]["initial_option"]["value"] == "decision"
    )
    option = next(one for one in role["element"]["options"] if one["value"] == "problem")
    bot.workspace.submit_view(
        ANA, view["id"], {role["block_id"]: {role["element"]["action_id"]: {"selected_option": option}}}
    )
    bot.wait(lambda: "Problem" in shown(bot.workspace.message(VISION, card["ts"])), "the corrected card")
    bot.workspace.click(ANA, VISION, card["ts"], "Not a note")
    bot.wait(
        lambda: card["ts"] not in {one["ts"] for one in bot.workspace.thread(VISION, thread)}, "no card left"
    )


@pytest.mark.parametrize(
    ("error", "told"),
    [("expired_trigger_id", "press it once more"), ("missing_scope", "a permission is missing")],
)
def test_a_form_that_slack_does_not_open_is_explained(bot: RunningBot, error: str, told: str) -> None:
    thread = thread_of(bot, f"form-{error}")
    bot.workspace.faults({"method": "views.open", "kind": "refuse", "error": error})
    bot.workspace.click(ANA, VISION, thread, "Add note")
    bot.whisper(ANA, VISION, told)
    bot.workspace.click(ANA, VISION, thread, "Add note")
    bot.workspace.close_view(ANA, window(bot, ANA, "Add note")["id"])


def test_a_form_that_was_opened_though_the_answer_was_lost_is_not_complained_about(bot: RunningBot) -> None:
    thread = thread_of(bot, "form-lost-answer")
    before = len(bot.workspace.ephemerals(ANA, VISION))
    bot.workspace.faults({"method": "views.open", "kind": "timeout_after_accept", "seconds": 0.1})
    bot.workspace.click(ANA, VISION, thread, "Add note")
    window(bot, ANA, "Add note")
    bot.settle()
    assert bot.workspace.calls("views.open")[-1]["answer"]["error"] == "exchanged_trigger_id"
    assert len(bot.workspace.ephemerals(ANA, VISION)) == before
    for view in bot.workspace.views(ANA):
        bot.workspace.close_view(ANA, view["id"])


def test_the_card_of_a_typed_note_opens_on_request(bot: RunningBot) -> None:
    thread = thread_of(bot, "form-show")
    ts = bot.workspace.reply(ANA, VISION, thread, "I lowered lr from 0.1 to 0.01. We keep it.")
    chatter = bot.workspace.post(BEN, VISION, "lunch?")
    bot.settle()
    bot.workspace.shortcut(ANA, "show_note", VISION, ts)
    card = bot.whisper(ANA, VISION, "0.1 → 0.01", thread=thread)
    bot.workspace.click(ANA, VISION, card["ts"], "Edit")
    view = window(bot, ANA, "Edit note")
    bot.workspace.close_view(ANA, view["id"])
    bot.workspace.shortcut(BEN, "show_note", VISION, chatter)
    bot.whisper(BEN, VISION, "This is no note yet")


def test_a_transcript_longer_than_one_input_is_corrected_whole(bot: RunningBot) -> None:
    thread = thread_of(bot, "form-long")
    one = "and so the very long sentence goes on without any end in sight " * 110
    said = f"I lowered lr from 0.1 to 0.01 {one.strip()}. We keep it."
    assert len(said) > 6500
    bot.workspace.upload_memo(ANA, VISION, "audio_message.m4a", content=said.encode(), thread_ts=thread)
    card = bot.reply(VISION, thread, "🎙")
    bot.workspace.click(ANA, VISION, card["ts"], "Edit")
    view = window(bot, ANA, "Edit note")
    texts = [block for block in view["blocks"] if block["block_id"].startswith("text:")]
    assert max(len(block["element"].get("initial_value", "")) for block in texts) <= 3000
    assert len(texts) >= 4
    last = texts[-1]
    bot.workspace.submit_view(
        ANA,
        view["id"],
        {last["block_id"]: {last["element"]["action_id"]: {"value": "We keep it for good."}}},
    )

    def corrected() -> Note | None:
        with bot.services.database.session() as session:
            return session.exec(select(Note).where(col(Note.text).endswith("We keep it for good."))).first()

    note = bot.wait(corrected, "the corrected note")
    assert len(note.text) > 6500
    assert note.edited_by_id is not None


def test_files_and_links_come_and_go_with_their_note(bot: RunningBot) -> None:
    thread = thread_of(bot, "form-files")
    file = bot.workspace.upload(ANA, "curve.png", content=b"\x89PNG not really")
    ts = bot.workspace.post(ANA, VISION, "see https://example.org/a and this", thread_ts=thread, files=[file])
    bot.settle()

    def kept() -> tuple[list[str], list[str]]:
        with bot.services.database.session() as session:
            note = select(Note.id).where(Note.ts == ts)
            artifacts = session.exec(select(Artifact.name).where(col(Artifact.note_id).in_(note)))
            links = session.exec(select(Link.url).where(col(Link.note_id).in_(note)))
            return sorted(artifacts), sorted(links)

    bot.wait(lambda: kept() == (["curve.png"], ["https://example.org/a"]), "file and link")
    bot.workspace.command(ANA, VISION, "/runs", "show form-files/1")
    assert "curve.png" in shown(bot.whisper(ANA, VISION, "Files and links"))
    bot.workspace.edit(ANA, VISION, ts, "see https://example.org/b instead")
    bot.wait(lambda: kept() == (["curve.png"], ["https://example.org/b"]), "the other link")
    bot.workspace.delete(ANA, VISION, ts)
    bot.wait(lambda: kept() == ([], []), "nothing left")


def test_feedback_is_exported_of_consenting_projects_alone_and_of_nobody_by_name(bot: RunningBot) -> None:
    for project in ("form-yes", "form-no"):
        thread = thread_of(bot, project)
        bot.workspace.upload_memo(
            ANA, VISION, "audio_message.m4a", content=f"We keep {project}.".encode(), thread_ts=thread
        )
        card = bot.reply(VISION, thread, "🎙")
        bot.workspace.click(ANA, VISION, card["ts"], "Edit")
        view = bot.wait(partial(holding, bot, f"We keep {project}."), "the form")
        role = next(block for block in view["blocks"] if block["block_id"].startswith("role:"))
        option = next(one for one in role["element"]["options"] if one["value"] == "outcome")
        bot.workspace.submit_view(
            ANA, view["id"], {role["block_id"]: {role["element"]["action_id"]: {"selected_option": option}}}
        )

    def corrected() -> bool:
        with bot.services.database.session() as session:
            found = session.exec(select(RationaleItem.text).where(RationaleItem.source == "person"))
            return {"We keep form-yes.", "We keep form-no."} <= set(found)

    bot.wait(corrected, "both corrections")
    with bot.services.database.session() as session:
        assert [row for row in feedback.corrections(session) if "form-" in row["sentence"]] == []
        agreed = session.exec(select(Project).where(Project.name == "form-yes")).one()
        agreed.settings = agreed.settings | {"share_feedback": True}
        session.flush()
        rows = list(feedback.corrections(session))
    told = [row for row in rows if "form-" in row["sentence"]]
    assert [row["sentence"] for row in told] == ["We keep form-yes."]
    assert (told[0]["was"]["role"], told[0]["now"]["role"], told[0]["spoken"]) == (
        "decision",
        "outcome",
        True,
    )
    assert "ana" not in str(told)


@pytest.mark.parametrize("form", ["Add note", "Edit"])
def test_a_form_that_comes_too_late_gives_its_words_back(bot: RunningBot, form: str) -> None:
    project = f"form-late-{form.split()[0]}".lower()
    bot.own_channel(project, VISION)
    run = bot.start(project, who=BEN)
    thread = str(bot.message(VISION, run)["ts"])
    bot.workspace.upload_memo(ANA, VISION, "audio_message.m4a", content=b"We keep it.", thread_ts=thread)
    card = bot.reply(VISION, thread, "🎙")
    bot.workspace.click(ANA, VISION, thread if form == "Add note" else card["ts"], form)
    view = window(bot, ANA, form if form == "Add note" else "Edit note")
    with bot.services.database.session() as session:
        if form == "Add note":
            session.exec(select(Run).where(Run.uid == run)).one().visibility = "me"
        else:
            note = session.exec(
                select(Note).where(Note.text == "We keep it.").order_by(col(Note.id).desc())
            ).first()
            assert note is not None
            note.deleted_at = bot.services.now()
    field = next(
        block for block in view["blocks"] if block["type"] == "input" and "text" in block["block_id"]
    )
    typed = {field["block_id"]: {field["element"]["action_id"]: {"value": "Dropout hid a bug & <more>."}}}
    bot.workspace.submit_view(ANA, view["id"], typed)
    channel = bot.workspace.open_dm(ANA)

    def told() -> bool:
        said = [shown(one) for one in bot.workspace.messages(channel)]
        return any(
            "Your form changed nothing. You wrote:" in one and "Dropout hid a bug & <more>." in one
            for one in said
        )

    bot.wait(told, "the words, given back")
