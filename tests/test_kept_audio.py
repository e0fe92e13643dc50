"""The sound of a memo is kept where the project chose so, found wherever the home was moved to, and gone with its note."""

from pathlib import Path

from local_workspace import ANA, VISION
from running_bot import RunningBot, shown
from sqlmodel import select

from bot.export import copy_files
from storage.memory import Note
from storage.tables import Project

SAID = b"We keep the smaller model."


def kept_memo(bot: RunningBot, project: str) -> tuple[str, Note]:
    """A memo in the thread of a project that keeps the sound: its ts, and its note once it was heard."""
    bot.own_channel(project, VISION)
    thread = str(bot.message(VISION, bot.start(project))["ts"])
    with bot.services.database.session() as session:
        session.exec(select(Project).where(Project.name == project)).one().settings = {"keep_audio": True}
    ts = bot.workspace.upload_memo(ANA, VISION, "audio_message.m4a", content=SAID, thread_ts=thread)
    assert "smaller model" in shown(bot.reply(VISION, thread, "🎙"))
    return ts, note_at(bot, ts)


def note_at(bot: RunningBot, ts: str) -> Note:
    with bot.services.database.session() as session:
        return session.exec(select(Note).where(Note.ts == ts)).one()


def test_kept_sound_is_named_from_the_home_and_goes_with_its_note(bot: RunningBot) -> None:
    ts, note = kept_memo(bot, "keeps-sound")
    home = bot.services.settings.home
    assert (note.memo or {})["kept"] == f"audio/note-{note.id}"
    assert (home / "audio" / f"note-{note.id}").read_bytes() == SAID
    bot.workspace.delete(ANA, VISION, ts)
    bot.wait(lambda: note_at(bot, ts).deleted_at, "the note to go")
    assert not (home / "audio" / f"note-{note.id}").exists()


def test_a_row_that_names_another_home_leads_to_the_sound_in_this_one(
    bot: RunningBot, tmp_path: Path
) -> None:
    """As rows of before were written, restored into another home; and what lies at the old place is left alone."""
    ts, note = kept_memo(bot, "moved-sound")
    home = bot.services.settings.home
    copy_files(home, tmp_path)
    old = tmp_path / "audio" / f"note-{note.id}"
    with bot.services.database.session() as session:
        session.get_one(Note, note.id).memo = (note.memo or {}) | {"kept": str(old)}
    bot.workspace.delete(ANA, VISION, ts)
    bot.wait(lambda: note_at(bot, ts).deleted_at, "the note to go")
    assert not (home / "audio" / f"note-{note.id}").exists()
    assert old.read_bytes() == SAID
