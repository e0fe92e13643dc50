"""Turns a note's text into structured rationale: read by the models, written with its facts, found by search, shown."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from bot import notes, outbox, search_index
from bot.alignment import overlaps, unsure_spans
from bot.note_messages import CONFIDENT, contradiction, memo_card
from bot.numbers import setting
from bot.project_settings import ProjectSettings, settings_of
from bot.views import note_view, run_view
from nlp.terms import STOP_WORDS
from nlp.values import Context, Embedder, RationaleExtractor, StatedFact, StatedItem
from storage import run_queries, search
from storage.memory import Correction, Fact, Note, RationaleItem
from storage.tables import DatasetVersion, Person, Project, Run, Tag

RUNS_IN_CONTEXT = 30
CORRECTIONS_IN_CONTEXT = 50
WORD = re.compile(r"[^\W\d_][\w-]{2,}")


def read_note(
    session: Session, note_id: int, *, extractor: RationaleExtractor, embedder: Embedder, now: datetime
) -> None:
    """Read one note again from its text; what people corrected stays where its sentence is unchanged."""
    # Held until it is read: what is taken back meanwhile takes the reading with it.
    note = session.get(Note, note_id, with_for_update={"key_share": True})
    if note is None or note.deleted_at is not None or not note.text:
        return
    project = session.get(Project, note.project_id)
    chosen = settings_of(project) if project else ProjectSettings()
    context = context_of(session, note)
    reading = extractor.read(note.text, context=context)
    corrected = {
        item.text: item
        for item in session.exec(
            select(RationaleItem).where(RationaleItem.note_id == note_id, RationaleItem.source == "person")
        )
        if item.text in note.text
    }
    kept = [item.id for item in corrected.values()]
    stale = delete(RationaleItem).where(
        col(RationaleItem.note_id) == note_id, col(RationaleItem.id).not_in(kept)
    )
    session.execute(delete(Fact).where(col(Fact.note_id) == note_id, col(Fact.item_id).not_in(kept)))
    session.execute(stale)
    told = [item for item in reading.items if item.role != "other" and item.text not in corrected]
    if note.kind == "sdk" and any(note.text == run.intent for run in notes.runs_of(session, note_id)):
        # Said before the run: what it means to try is what it is about, not what is left to do.
        told = [replace(item, role="hypothesis") if item.role == "next_step" else item for item in told]
    document = search_index.documents(session, [note])[0]
    vectors = embedder.embed([document, *(item.text for item in told)])
    for item, vector in zip(told, vectors[1:], strict=True):
        row = RationaleItem(
            note_id=note_id,
            role=item.role,
            text=item.text,
            start=item.start,
            end=item.end,
            confidence=item.confidence,
            start_time=_spoken_at(note, item.start),
            vector=vector,
        )
        session.add(row)
        session.flush()
        for fact in item.facts:
            session.add(_fact(note, row, fact, chosen))
    for item in reading.items:
        if item.role == "other":  # facts count wherever they are said
            for fact in item.facts:
                session.add(_fact(note, None, fact, chosen))
    note.title, note.read_at = reading.title, now
    if "progress" in (note.memo or {}):
        note.memo = {name: kept for name, kept in (note.memo or {}).items() if name != "progress"}
    session.flush()
    search_index.index(session, [note_id])
    search.add_vectors(session, {note_id: vectors[0]})
    session.flush()
    show(session, note, told, now=now)
    _hint_contradiction(session, note, told, context, now=now)


def _hint_contradiction(
    session: Session, note: Note, told: Sequence[StatedItem], context: Context, *, now: datetime
) -> None:
    """A setting that its run does not have is asked about once, and only of the author: it may be another run's."""
    runs = notes.runs_of(session, note.id or 0)
    author = session.get(Person, note.author_id) if note.author_id else None
    thread_ts = (note.memo or {}).get("thread")
    if len(runs) != 1 or author is None or author.slack_id is None or not (note.channel_id and thread_ts):
        return
    changed = (fact for item in told if item.role == "change" for fact in item.facts)
    said = next((fact for fact in changed if fact.kind == "param" and fact.matches_log is False), None)
    if said is None or said.name not in context.params:
        return
    message = contradiction(
        note.id or 0,
        run_view(session, runs[0].id or 0),
        said.name,
        said.to,
        setting(context.params[said.name]),
    )
    key = f"note:{note.id}:contradiction"
    outbox.whisper(session, key, note.channel_id, author.slack_id, message, now=now, thread_ts=thread_ts)


def show(session: Session, note: Note, told: Sequence[StatedItem], *, now: datetime) -> None:
    """Typed notes that say something get a 📝, memos their card; an existing card is brought up to date."""
    key, runs = notes.CARD.format(note.id), notes.runs_of(session, note.id or 0)
    confident = any(item.confidence >= CONFIDENT for item in told)
    if confident and not runs and note.ts is not None:
        notes.offer_runs(session, note, now=now)
    if notes.refresh_card(session, note, now=now) or note.channel_id is None or note.ts is None:
        return
    if note.kind == "memo":
        about = run_view(session, runs[0].id or 0) if runs else None
        card = memo_card(note_view(notes.bundle_of(session, note)), about)
        outbox.post(
            session, key, note.channel_id, card, now=now, thread_ts=(note.memo or {}).get("thread") or note.ts
        )
    elif confident:
        outbox.react(session, note.channel_id, note.ts, "memo", now=now)


def context_of(session: Session, note: Note) -> Context:
    """The words of the note's runs and project: they link facts and bias what is heard."""
    about = notes.runs_of(session, note.id or 0)
    recent = session.exec(
        select(Run.id)
        .where(Run.project_id == note.project_id)
        .order_by(col(Run.started_at).desc())
        .limit(RUNS_IN_CONTEXT)
    )
    loaded = run_queries.load_runs(
        session, [*(run.id or 0 for run in about), *(one for one in recent if one)]
    )
    own = loaded[: len(about)] or loaded[:1]
    project = session.get(Project, note.project_id)
    named = [f"{project.name}/{b.run.number}" for b in loaded] if project else []
    chosen = settings_of(project) if project else ProjectSettings()
    params = {chosen.name(name): value for b in own for name, value in b.params.items()}
    metrics = {chosen.name(m.name): m.last for b in own for m in b.metrics}
    return Context(
        params=params | {alias: params[name] for alias, name in chosen.aliases.items() if name in params},
        metrics=metrics | {alias: metrics[name] for alias, name in chosen.aliases.items() if name in metrics},
        runs=[*(b.run.name for b in loaded), *named],
        datasets=list(
            session.exec(
                select(DatasetVersion.name).where(DatasetVersion.project_id == note.project_id).distinct()
            )
        ),
        people=list(session.exec(select(Person.name).where(~col(Person.is_bot)).limit(200))),
        words=[
            *_corrected_words(session, note.project_id),
            *session.exec(
                select(Tag.name)
                .join(Run, col(Tag.run_id) == col(Run.id))
                .where(Run.project_id == note.project_id)
                .distinct()
            ),
        ],
    )


def _fact(note: Note, item: RationaleItem | None, fact: StatedFact, chosen: ProjectSettings) -> Fact:
    return Fact(
        note_id=note.id or 0,
        item_id=item.id if item else None,
        kind=fact.kind,
        name=chosen.name(fact.name),
        from_value=fact.from_value,
        to_value=fact.to,
        unit=fact.unit,
        linked=fact.linked,
        confirmed=not _doubtful(note, fact),
        start=fact.start,
        end=fact.end,
    )


def _spoken_at(note: Note, position: int) -> float | None:
    """Seconds into the memo of a character of its text, from the spans kept with the transcript."""
    spans = (note.memo or {}).get("spans") or []
    before = [seconds for start, seconds in spans if start <= position]
    return before[-1] if before else None


def _doubtful(note: Note, fact: StatedFact) -> bool:
    """A number heard, not typed, that matches nothing logged, or that was hard to hear, is no fact until a person says so."""
    caption = str((note.memo or {}).get("caption") or "")
    if note.kind != "memo" or fact.start < len(caption) or fact.matches_log:
        return False
    hard = note.edited_at is None and overlaps(unsure_spans(note.memo), fact.start, fact.end)
    return hard or any(character.isdigit() for character in fact.to or "")


def _corrected_words(session: Session, project_id: int) -> list[str]:
    """Words that people had to put right in this project's memos: listened for from now on."""
    query = (
        select(Correction.was, Correction.now)
        .join(Note, col(Note.id) == col(Correction.note_id))
        .where(Note.project_id == project_id, Note.kind == "memo")
        .order_by(col(Correction.id).desc())
        .limit(CORRECTIONS_IN_CONTEXT)
    )
    found: dict[str, None] = {}
    for was, now_is in session.exec(query):
        before = set(WORD.findall(str(was.get("text") or "").lower()))
        for word in WORD.findall(str(now_is.get("text") or "")):
            if before and word.lower() not in before and word.lower() not in STOP_WORDS:
                found.setdefault(word)
    return list(found)
