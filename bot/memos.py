"""Memos: a voice note is fetched from Slack, heard, written down as an engineer would type it, and its audio deleted."""

import logging
import shutil
import tempfile
import time
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlmodel import Session

from bot import alignment, figures, notes, outbox
from bot.errors import SlackRefused
from bot.messenger import Messenger
from bot.note_messages import audio_problem, memo_progress
from bot.project_settings import ProjectSettings, settings_of
from bot.reading import context_of
from bot.redact import redact
from nlp.normalise import normalise
from nlp.values import AudioError, Context, Transcriber, Transcript
from storage.database import Database
from storage.memory import Note
from storage.tables import Project

log = logging.getLogger(__name__)

LARGEST = 200 << 20


def hear(
    database: Database,
    messenger: Messenger,
    transcriber: Transcriber,
    note_id: int,
    *,
    now: datetime,
    home: Path | None = None,
    keep_all: bool = False,
) -> None:
    """Transcribe a memo's audio into its note. Hearing it again changes nothing: the text is simply written again.

    Our copy of the sound is deleted, or laid into `home` where the project, or with `keep_all` the operator, chose so.
    """
    with database.session() as session:
        note = session.get(Note, note_id)
        if note is None or note.deleted_at is not None or note.heard is not None or not note.memo:
            return
        context, file_id = context_of(session, note), str(note.memo["file"])
        project = session.get(Project, note.project_id)
        chosen = settings_of(project) if project else ProjectSettings()
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="memo-") as folder:
            audio = Path(folder) / "audio"
            _fetch(messenger, file_id, audio)
            transcript = transcriber.transcribe(
                audio,
                context=context,
                language=chosen.language,
                progress=partial(_tell_progress, database, note_id, now),
            )
            kept = None
            if home is not None and (chosen.keep_audio or keep_all):
                kept = _keep(audio, notes.sound(home, note_id))
    except (AudioError, SlackRefused) as problem:
        with database.session() as session:
            _tell(session, note_id, _reason(problem), now=now)
        return
    took = time.monotonic() - started
    figures.heard(audio=transcript.duration, took=took)
    log.info(
        "memo_heard",
        extra={
            "note": note_id,
            "audio_s": transcript.duration,
            "took_s": round(took, 2),
        },
    )
    with database.session() as session:
        write_down(session, note_id, transcript, context, now=now, kept=kept)


def write_down(
    session: Session,
    note_id: int,
    transcript: Transcript,
    context: Context,
    *,
    now: datetime,
    kept: Path | None = None,
) -> None:
    """Keep what was heard, and have it read; silence gets a kind word instead of an invented one."""
    note = session.get(Note, note_id)
    if note is None or note.deleted_at is not None:
        if kept is not None:
            kept.unlink(missing_ok=True)
        return  # taken back while it was being heard
    if not transcript.text.strip():
        _tell(session, note_id, "I heard no words in it.", now=now)
        return
    written = normalise(transcript.text, context)
    caption = str((note.memo or {}).get("caption") or "")
    lead = f"{caption}\n" if caption else ""
    note.heard, note.text = redact(transcript.text), redact(lead + written.text)
    note.language = transcript.language
    note.memo = (note.memo or {}) | alignment.kept(transcript, written, offset=len(lead))
    if len(note.text) != len(lead) + len(written.text):
        note.memo |= {"unsure": []}  # a secret was blacked out: the places are others now
    if kept is not None:
        note.memo = note.memo | {"kept": f"{kept.parent.name}/{kept.name}"}  # from the home, which may move
    notes.read_again(session, note)


def _keep(audio: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copyfile(audio, target)
    target.chmod(0o600)
    return target


def _fetch(messenger: Messenger, file_id: str, target: Path) -> None:
    info: dict[str, Any] = messenger.call("files.info", {"file": file_id}).get("file") or {}
    if int(info.get("size") or 0) > LARGEST:
        raise AudioError(f"it is larger than {LARGEST >> 20} MiB")
    url = info.get("url_private_download") or info.get("url_private")
    if not url:
        raise AudioError("Slack gives no download for it")
    messenger.download(str(url), target, limit=LARGEST)


def _tell_progress(database: Database, note_id: int, now: datetime, share: float) -> None:
    """How far a long recording is; what stands where its card will be."""
    if share >= 1:
        return  # short ones are heard in one go, and the card follows at once
    with database.session() as session:
        note = session.get(Note, note_id)
        if note is None or note.channel_id is None or note.ts is None or note.deleted_at is not None:
            return
        key, begun = notes.CARD.format(note_id), "progress" in (note.memo or {})
        note.memo = (note.memo or {}) | {"progress": round(share, 3)}
        if begun:
            outbox.edit(session, key, note.channel_id, {"note": note_id}, now=now)
            return
        thread_ts = note.memo.get("thread") or note.ts
        outbox.post(session, key, note.channel_id, memo_progress(share), now=now, thread_ts=thread_ts)


def _tell(session: Session, note_id: int, reason: str, *, now: datetime) -> None:
    note = session.get(Note, note_id)
    if note is None or note.channel_id is None or note.ts is None or note.deleted_at is not None:
        return
    if "progress" in (note.memo or {}):
        outbox.remove(session, notes.CARD.format(note_id), note.channel_id, now=now)
    note.heard, note.read_at = "", now
    thread_ts = (note.memo or {}).get("thread") or note.ts
    outbox.post(
        session,
        f"note:{note_id}:problem",
        note.channel_id,
        audio_problem(reason),
        now=now,
        thread_ts=thread_ts,
    )


def _reason(problem: Exception) -> str:
    if isinstance(problem, SlackRefused):
        gone = problem.error in ("file_deleted", "file_not_found")
        return (
            "it was deleted before I could listen"
            if gone
            else f"Slack did not let me fetch it ({problem.error})"
        )
    return str(problem)
