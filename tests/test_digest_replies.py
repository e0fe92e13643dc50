"""A reply below a digest is kept: as a note of its project, or of the one it names where the digest tells of several."""

from datetime import timedelta
from typing import Any

from local_workspace import ANA, VISION
from running_bot import RunningBot
from sqlalchemy import delete
from sqlmodel import col, select

from bot import digests
from bot.people import by_slack_id
from storage.memory import Note, NoteRun, Subscription
from storage.tables import Project, Run

Json = dict[str, Any]


def digest_of(bot: RunningBot, *projects: str) -> Json:
    """The digest that the channel gets of runs of these projects."""
    for name in projects:
        bot.own_channel(name, VISION)
        run = bot.start(name)
        bot.log(name, run, "val_acc", 0.7, 0.8)
        bot.finish(name, run)
    bot.settle()
    now = bot.clock()
    due = (now + timedelta(seconds=1)).replace(
        microsecond=0
    )  # after the runs, in the same second or the next
    with bot.services.database.session() as session:
        session.execute(delete(Subscription))  # one digest a day is all that a subscription gets
        ana = by_slack_id(session, ANA, now=now)
        kept = digests.subscribe(session, VISION, person=ana, now=now - timedelta(days=1))
        kept.project_ids = [
            one or 0 for one in session.exec(select(Project.id).where(col(Project.name).in_(projects)))
        ]
        kept.next_due_at = due
        kept.weekdays = list(digests.WEEKDAYS)
        kept.local_time = due.time()
        kept.time_zone = "UTC"
        kept.last_covered_until = now - timedelta(days=1)
    bot.clock.advance(seconds=2)
    with bot.services.database.session() as session:
        assert digests.claim_due(session, now=bot.clock()) == 1
    return bot.message(VISION, f"{projects[0]}: ")


def note_at(bot: RunningBot, ts: str) -> tuple[Note | None, str | None, list[str]]:
    """(the note, its project, the runs it is about)."""
    with bot.services.database.session() as session:
        note = session.exec(select(Note).where(Note.ts == ts)).first()
        if note is None:
            return None, None, []
        project = session.get(Project, note.project_id)
        about = (
            select(Run).join(NoteRun, col(NoteRun.run_id) == col(Run.id)).where(NoteRun.note_id == note.id)
        )
        runs = session.exec(about).all()
        return note, project.name if project else None, [f"{run.number}" for run in runs]


def test_below_the_digest_of_one_project_a_reply_is_its_note(bot: RunningBot) -> None:
    digest = digest_of(bot, "alone")
    ts = bot.workspace.reply(ANA, VISION, digest["ts"], "We decided to keep the long warmup.")
    bot.settle()
    note, project, _ = note_at(bot, ts)
    assert note is not None
    assert note.permalink
    assert project == "alone"
    assert bot.workspace.reactions(VISION, ts) == {"memo"}


def test_below_the_digest_of_several_a_reply_goes_to_the_one_it_names(bot: RunningBot) -> None:
    digest = digest_of(bot, "first-of-two", "second-of-two")
    named = bot.workspace.reply(ANA, VISION, digest["ts"], "second-of-two/1 needs a longer warmup.")
    bot.settle()
    assert note_at(bot, named)[1:] == ("second-of-two", ["1"])
    whole = bot.workspace.reply(ANA, VISION, digest["ts"], "For first-of-two, we stop here.")
    bot.settle()
    assert note_at(bot, whole)[1] == "first-of-two"


def test_a_reply_that_names_none_of_several_is_asked_about_once_and_kept_when_it_does(
    bot: RunningBot,
) -> None:
    digest = digest_of(bot, "one-of-many", "other-of-many")
    ts = bot.workspace.reply(ANA, VISION, digest["ts"], "We decided to stop here.")
    hint = bot.whisper(ANA, VISION, "several projects", thread=digest["ts"])
    assert "one-of-many" in hint["text"]
    bot.workspace.reply(ANA, VISION, digest["ts"], "Thanks!")
    bot.settle()
    asked = [
        one
        for one in bot.workspace.ephemerals(ANA, VISION, digest["ts"])
        if "several projects" in one["text"]
    ]
    assert len(asked) == 1
    assert note_at(bot, ts)[0] is None
    bot.workspace.edit(ANA, VISION, ts, "We decided to stop one-of-many here.")
    bot.wait(lambda: note_at(bot, ts)[1] == "one-of-many", "the note")
