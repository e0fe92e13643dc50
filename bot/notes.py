"""Notes from the conversation: replies are kept, memos are heard, edits and deletions in Slack are followed through."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col, or_, select

from bot import note_files, outbox, people
from bot.note_messages import audio_problem, pick_run, transcribe_question
from bot.slack_text import files_of, is_audio, is_memo, permalinks, plain, run_refs
from bot.threads import thread_at
from bot.views import note_view, run_views
from storage import run_queries, search
from storage.jobs import defer
from storage.memory import Fact, Note, NoteRun, Outbox, RationaleItem, Thread
from storage.run_queries import NoteBundle
from storage.tables import Person, Project, Run

RECENT = timedelta(hours=2)
CARD = "note:{}:card"
ANSWER = "answer:{}:{}"
"""Our answer to a message: its channel and ts."""
LATER = -10
"""Priority of readings that nobody waits for: behind all that is said in Slack meanwhile."""


def receive(session: Session, event: Mapping[str, Any], *, now: datetime) -> Note | None:
    """Keep a person's reply in a thread of ours as a note; None when it is not one."""
    channel, ts, author_id = str(event.get("channel")), str(event.get("ts")), event.get("user")
    thread_ts = event.get("thread_ts")
    if not author_id or event.get("bot_id") or not thread_ts:
        return None
    thread = thread_at(session, channel, str(thread_ts))
    if thread is None:
        return None
    return keep(session, event, thread=thread, channel=channel, ts=ts, author_id=str(author_id), now=now)


def keep(
    session: Session,
    event: Mapping[str, Any],
    *,
    thread: Thread | None,
    channel: str,
    ts: str,
    author_id: str,
    now: datetime,
    project: Project | None = None,
) -> Note | None:
    """Make a note of one message; the same message is one note however often it is told."""
    known = session.exec(select(Note).where(Note.channel_id == channel, Note.ts == ts)).first()
    if known is not None:
        return known
    author = people.by_slack_id(session, author_id, now=now)
    text = plain(str(event.get("text") or ""), person_name=lambda one: _name(session, one))
    project = project or (session.get(Project, thread.project_id) if thread else None)
    files = files_of(event)
    memo = next((file for file in files if is_memo(file)), None)
    if project is None or not (text or files):
        return None
    note = Note(
        project_id=project.id or 0,
        author_id=author.id,
        kind="memo" if memo else "text",
        text=text,
        channel_id=channel,
        ts=ts,
        memo={"file": memo.get("id"), "caption": text, "thread": event.get("thread_ts")} if memo else None,
        said_at=_moment(ts),
    )
    session.add(note)
    session.flush()
    runs = _runs_meant(session, note, str(event.get("text") or ""), thread, project, author, now=now)
    for run in runs:
        session.add(NoteRun(note_id=note.id or 0, run_id=run.id or 0))
    session.flush()
    note_files.keep(session, note, runs, event, now=now)
    if memo:
        outbox.react(session, channel, ts, "ear", now=now)
        defer(session, "hear_memo", queue="speech", lock=f"note:{note.id}", note_id=note.id)
    else:
        _ask_about_audio(session, note, files, author_id, thread, now=now)
        read_again(session, note)
    if thread is not None:
        note.memo = (note.memo or {}) | {"thread": thread.ts}  # where its author is asked about it
    return note


def tell(
    session: Session,
    run: Run,
    text: str,
    author: Person | None,
    *,
    message: tuple[str, str] | None,
    now: datetime,
) -> Note:
    """Keep a note that was given as a command, in this message (channel, ts) or none: changed, it is the same note."""
    note = at(session, *message) if message else None
    if note is None:
        channel, ts = message or (None, None)
        note = Note(
            project_id=run.project_id,
            author_id=author.id if author else None,
            text=text,
            channel_id=channel,
            ts=ts,
            memo={"asked": True} if ts else None,
            said_at=_moment(ts) if ts else now,
        )
        session.add(note)
        session.flush()
    elif note.text != text or runs_of(session, note.id or 0) != [run]:
        note.text, note.project_id = text, run.project_id
        note.edited_at, note.edited_by_id = now, note.author_id
        session.execute(delete(NoteRun).where(col(NoteRun.note_id) == note.id))
    else:
        return note
    session.add(NoteRun(note_id=note.id or 0, run_id=run.id or 0))
    session.flush()
    read_again(session, note)
    return note


def edited(session: Session, event: Mapping[str, Any], *, now: datetime) -> Note | None:
    """A message was changed in Slack: its note follows, unless only its looks changed."""
    message = event.get("message") or {}
    note = at(session, str(event.get("channel")), str(message.get("ts")))
    if note is None or is_asked(note) or message.get("bot_id"):
        return None
    text = plain(str(message.get("text") or ""), person_name=lambda one: _name(session, one))
    if note.kind == "memo" or text == note.text:
        return None
    note.text, note.edited_at, note.edited_by_id = text, now, note.author_id
    about = runs_of(session, note.id or 0)
    note_files.relink(session, note, about, str(message.get("text") or ""), now=now)
    read_again(session, note)
    return note


def deleted(session: Session, event: Mapping[str, Any], *, home: Path, now: datetime) -> Note | None:
    """A message was deleted in Slack: its note goes, with vectors, facts and card."""
    note = at(session, str(event.get("channel")), str(event.get("deleted_ts")))
    if note is not None:
        forget(session, note, home=home, now=now)
    return note


def at(session: Session, channel: str, ts: str) -> Note | None:
    """The note of this message."""
    return session.exec(
        select(Note).where(Note.channel_id == channel, Note.ts == ts, col(Note.deleted_at).is_(None))
    ).first()


def sound(home: Path, note_id: int) -> Path:
    """Where the sound of a memo lies whose project keeps it: wherever the home was moved to since."""
    return home / "audio" / f"note-{note_id}"


def forget(session: Session, note: Note, *, home: Path, now: datetime) -> None:
    """Take a note back: nothing of it can be found, quoted or heard any more."""
    session.refresh(note, with_for_update={"key_share": True})  # a reading in hand ends first
    if note.deleted_at is not None:
        return
    search.unindex_note(session, note.id or 0)
    session.execute(delete(Fact).where(col(Fact.note_id) == note.id))
    session.execute(delete(RationaleItem).where(col(RationaleItem.note_id) == note.id))
    note_files.forget(session, note)
    sound(home, note.id or 0).unlink(missing_ok=True)
    if is_asked(note):
        outbox.remove(session, ANSWER.format(note.channel_id, note.ts), note.channel_id or "", now=now)
    note.deleted_at, note.text, note.heard, note.title, note.memo = now, "", None, None, None
    if place := card_place(session, note):
        outbox.remove(session, CARD.format(note.id), place, now=now)
    if note.channel_id and note.ts:
        outbox.react(session, note.channel_id, note.ts, "memo", now=now, remove=True)


def is_asked(note: Note) -> bool:
    """Whether its message was said to the bot (`note 42 …`), which answered there."""
    return bool((note.memo or {}).get("asked"))


def give_up(session: Session, note: Note, *, now: datetime) -> None:
    """Hearing or reading this note took two workers with it: say so, keep the message as it is in Slack."""
    note.read_at = now
    if note.kind == "memo" and note.channel_id and note.ts and note.deleted_at is None:
        words = audio_problem("it made me stumble twice, so I left it; the recording is still here")
        thread_ts = (note.memo or {}).get("thread") or note.ts
        outbox.post(session, f"note:{note.id}:problem", note.channel_id, words, now=now, thread_ts=thread_ts)


def move(session: Session, note: Note, run: Run, *, now: datetime) -> None:
    """A note is about another run than thought."""
    session.execute(delete(NoteRun).where(col(NoteRun.note_id) == note.id))
    session.add(NoteRun(note_id=note.id or 0, run_id=run.id or 0))
    note_files.move(session, note, run)
    note.project_id = run.project_id
    session.flush()
    refresh_card(session, note, now=now)
    read_again(session, note)


def card_place(session: Session, note: Note) -> str | None:
    """The channel that a note's card was posted in; None where it has none."""
    posted = (Outbox.key == CARD.format(note.id), Outbox.method == "chat.postMessage")
    return session.exec(select(Outbox.lane).where(*posted, col(Outbox.state) != "dropped")).first()


def refresh_card(session: Session, note: Note, *, now: datetime) -> bool:
    """Bring a note's card up to date, where it has one."""
    place = card_place(session, note)
    if place is not None:
        outbox.edit(session, CARD.format(note.id), place, {"note": note.id}, now=now, urgent=True)
    return place is not None


def read_again(session: Session, note: Note, *, priority: int = 0) -> None:
    """Have a note's text read (roles, facts, vectors) soon; what comes in by the thousand, `LATER`."""
    note.read_at = None
    defer(session, "read_note", queue="general", lock=f"note:{note.id}", priority=priority, note_id=note.id)


def runs_of(session: Session, note_id: int) -> list[Run]:
    """The runs a note is about."""
    query = select(Run).join(NoteRun, col(NoteRun.run_id) == col(Run.id)).where(NoteRun.note_id == note_id)
    return list(session.exec(query.order_by(col(Run.id))))


def bundle_of(session: Session, note: Note) -> NoteBundle:
    """A note with its author and reading."""
    items, facts = run_queries.load_readings(session, [note.id or 0])[note.id or 0]
    author = session.get(Person, note.author_id) if note.author_id else None
    return NoteBundle(note=note, author=author, items=items, facts=facts)


def _runs_meant(
    session: Session,
    note: Note,
    raw: str,
    thread: Thread | None,
    project: Project,
    author: Person,
    *,
    now: datetime,
) -> list[Run]:
    """The thread's run and those the text names; in a project's thread else the author's only recent one."""
    runs = [session.get(Run, thread.run_id)] if thread and thread.run_id else []
    for name, number in run_refs(note.text):
        home = project if name is None else session.exec(select(Project).where(Project.name == name)).first()
        # A note may name runs of another project only where that project talks in the same channel.
        if home and (home.id == project.id or home.channel_id == project.channel_id):
            runs.append(run_queries.by_number(session, home.id or 0, number))
    for channel, ts in permalinks(raw):
        linked = thread_at(session, channel, ts)
        if linked and linked.run_id and linked.project_id == project.id:
            runs.append(session.get(Run, linked.run_id))
    found = list({run.id: run for run in runs if run is not None}.values())
    if found:
        return found
    mine = _recent(session, project, now=now, owner_id=author.id)
    return mine if len(mine) == 1 else []


def _recent(session: Session, project: Project, *, now: datetime, owner_id: int | None = None) -> list[Run]:
    query = select(Run).where(
        Run.project_id == project.id, or_(col(Run.ended_at).is_(None), col(Run.ended_at) > now - RECENT)
    )
    if owner_id is not None:
        query = query.where(Run.owner_id == owner_id)
    return list(session.exec(query.order_by(col(Run.started_at).desc()).limit(3)))


def offer_runs(session: Session, note: Note, *, now: datetime) -> None:
    """A project note that says something: its author may say which run it is about."""
    project, author = session.get(Project, note.project_id), session.get(Person, note.author_id)
    thread_ts = (note.memo or {}).get("thread")
    if project is None or author is None or author.slack_id is None or not (note.channel_id and thread_ts):
        return
    candidates = _recent(session, project, now=now)
    if candidates:
        views = run_views(session, [run.id or 0 for run in candidates])
        message = pick_run(note_view(bundle_of(session, note)), views)
        key = f"note:{note.id}:pick"
        outbox.whisper(session, key, note.channel_id, author.slack_id, message, now=now, thread_ts=thread_ts)


def _ask_about_audio(
    session: Session,
    note: Note,
    files: Sequence[Mapping[str, Any]],
    author_id: str,
    thread: Thread | None,
    *,
    now: datetime,
) -> None:
    """Sound that was not recorded in Slack may be a memo: its poster decides."""
    other = next((file for file in files if is_audio(file)), None)
    if other is not None and note.channel_id:
        note.memo = {"file": other.get("id"), "caption": note.text, "thread": thread.ts if thread else None}
        question = transcribe_question(note.id or 0, str(other.get("name") or "this file"))
        outbox.whisper(
            session,
            f"note:{note.id}:audio",
            note.channel_id,
            author_id,
            question,
            now=now,
            thread_ts=thread.ts if thread else None,
        )


def _name(session: Session, slack_id: str) -> str | None:
    person = session.exec(select(Person).where(Person.slack_id == slack_id)).first()
    return person.name if person else None


def _moment(ts: str) -> datetime:
    return datetime.fromtimestamp(float(ts), UTC)
