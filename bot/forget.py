"""Forgets a person: their notes, voice, verdicts, tokens and name, in every table there is; runs and numbers stay, nobody's."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import text
from sqlmodel import Session, col, delete, or_, select, update

from bot import notes, runs, search_index
from bot.errors import NotFound
from nlp.terms import terms
from storage import ingest_queries
from storage.memory import (
    AnswerRating,
    Correction,
    Membership,
    Note,
    RationaleItem,
    Subscription,
    Thread,
)
from storage.tables import ApiToken, Like, LogChunk, LoginRequest, MetricChunk, Person, Run, Verdict

SHORTEST = 12  # characters of a note that are looked for in what Slack was told


@dataclass(frozen=True, kw_only=True, slots=True)
class Forgotten:
    """What went."""

    notes: int
    runs: int  # whose they were; the runs stay
    messages: int  # of the bot's, told to Slack, whose words were deleted here


def find(session: Session, who: str) -> Person:
    """The person of `@name`, a Slack id or a login; raises NotFound."""
    name = who.strip().lstrip("@")
    named = or_(Person.slack_id == name, col(Person.name) == name, col(Person.logins).contains([name]))
    found = session.exec(select(Person).where(named)).all()
    if len(found) != 1:
        told = "nobody" if not found else f"{len(found)} people"
        raise NotFound(f"{who} means {told} here: give the Slack id (U…), as their profile shows it.")
    return found[0]


def forget(session: Session, person: Person, *, home: Path, now: datetime) -> Forgotten:
    """Delete what is a person's, and take their name from what stays. What their notes' cards show in Slack is deleted too."""
    key = person.id or 0
    theirs = list(session.exec(select(Note).where(Note.author_id == key)))
    messages = _blank_told(session, person, theirs)
    for note in theirs:
        notes.forget(session, note, home=home, now=now)
        session.flush()
    ids = [note.id for note in theirs]
    session.execute(delete(Correction).where(col(Correction.note_id).in_(ids)))
    session.execute(delete(Note).where(col(Note.id).in_(ids)))
    for table, column in (
        (Correction, Correction.person_id),
        (AnswerRating, AnswerRating.person_id),
        (Verdict, Verdict.person_id),
        (Like, Like.person_id),
        (ApiToken, ApiToken.person_id),
        (LoginRequest, LoginRequest.person_id),
        (Subscription, Subscription.person_id),
    ):
        session.execute(delete(table).where(col(column) == key))
    for login in person.logins:
        session.execute(delete(LoginRequest).where(col(LoginRequest.login) == login))
    session.execute(update(Note).where(col(Note.edited_by_id) == key).values(edited_by_id=None))
    session.execute(
        update(RationaleItem).where(col(RationaleItem.edited_by_id) == key).values(edited_by_id=None)
    )
    if person.slack_id:
        session.execute(delete(Membership).where(col(Membership.slack_id) == person.slack_id))
    owned = _leave_runs(session, person, now=now)
    _take_names_out(session, person)
    _index_anew(session, person)
    session.execute(text("DELETE FROM term_count WHERE notes <= 0"))  # words that only they used
    session.delete(person)
    session.flush()
    return Forgotten(notes=len(theirs), runs=owned, messages=messages)


def _leave_runs(session: Session, person: Person, *, now: datetime) -> int:
    """Runs stay for the team, with their numbers, but without whose they were and what their owner said beforehand.

    Private ones were for nobody else: they go.
    """
    owned = list(session.exec(select(Run).where(Run.owner_id == person.id)))
    for run in owned:
        run.owner_id, run.intent, run.login, run.host = None, None, None, None
        if run.visibility == "me":
            ingest_queries.bury(session, run.uid, now=now)
            _remove(session, run)
    for login in (person.name, *person.logins):
        session.execute(update(Run).where(col(Run.login) == login).values(login=None))
    session.flush()
    kept = [run for run in owned if run.visibility != "me"]
    search_index.index_runs(session, [run.id or 0 for run in kept])
    for run in kept:
        runs.refresh(session, run, now=now)  # their message in Slack says whose they were
    return len(owned)


def _remove(session: Session, run: Run) -> None:
    session.execute(update(Run).where(col(Run.parent_id) == run.id).values(parent_id=None))
    for table, column in (
        (Thread, Thread.run_id),
        (MetricChunk, MetricChunk.run_id),
        (LogChunk, LogChunk.run_id),
    ):
        session.execute(delete(table).where(col(column) == run.id))
    session.execute(delete(Run).where(col(Run.id) == run.id))
    session.expunge(run)


def _blank_told(session: Session, person: Person, theirs: Iterable[Note]) -> int:
    """What Slack was told of them keeps its place there and loses its words here; what waits to be told is not told."""
    words = [person.slack_id or ""] + [
        sentence
        for note in theirs
        for said in (note.text, note.heard or "", note.title or "")
        for sentence in re.split(r"[.!?\n]+\s*", said)
        if len(sentence) >= SHORTEST
    ]
    # As JSON writes them: quotes and backslashes are escaped in there.
    said = [re.escape(json.dumps(word, ensure_ascii=False)[1:-1]) for word in dict.fromkeys(words) if word]
    pattern = {"pattern": "|".join([*said, rf"\m{re.escape(person.name)}\M"])}
    told = session.execute(
        text(
            "UPDATE outbox SET body = '{}', state = CASE state WHEN 'waiting' THEN 'dropped' ELSE state END"
            " WHERE body::text ~* :pattern AND NOT body ? 'render'"
        ),
        pattern,
    )
    session.execute(text("DELETE FROM slack_event WHERE body::text ~* :pattern"), pattern)
    return int(getattr(told, "rowcount", 0))


def _take_names_out(session: Session, person: Person) -> None:
    """Mentions by id or @name, and home directories and repositories in paths: wherever a table holds words."""
    nobody = f"[forgotten {person.id}]"  # one for each, for some are part of a key
    swaps = {re.escape(person.slack_id): nobody} if person.slack_id else {}
    for name in {person.name, *person.logins} - {""}:
        swaps |= {
            rf"([:/]){re.escape(name)}(?=/|\s|[\"']|$)": rf"\1{nobody}",
            rf"(^|[\s\"'(]){re.escape(name)}(?=/)": rf"\1{nobody}",  # a branch of theirs
            rf"@{re.escape(name)}\M": nobody,
        }
    for table, column, kind in session.execute(_TEXTS).all():
        for pattern, instead in swaps.items():
            session.execute(
                text(
                    f'UPDATE "{table}" SET "{column}" ='  # noqa: S608  the catalogue's own names
                    f" CAST(regexp_replace(CAST(\"{column}\" AS text), :pattern, :instead, 'gi') AS {kind})"
                    f' WHERE CAST("{column}" AS text) ~* :pattern'
                ),
                {"pattern": pattern, "instead": instead},
            )


def _index_anew(session: Session, person: Person) -> None:
    """What mentioned them was found by their name and id, too."""
    session.flush()
    names = {"names": terms(" ".join(filter(None, (person.name, person.slack_id, *person.logins))))}
    found = "SELECT id FROM {} WHERE terms IS NOT NULL AND tsvector_to_array(terms) && CAST(:names AS text[])"
    search_index.index(session, session.execute(text(found.format("note")), names).scalars().all())
    search_index.index_runs(session, session.execute(text(found.format("run")), names).scalars().all())


# Every column that can hold words, but for those of other programs and the person's own row, which goes.
_TEXTS = text(
    "SELECT c.table_name, c.column_name, c.udt_name FROM information_schema.columns c"
    " JOIN information_schema.tables t USING (table_schema, table_name)"
    " WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.udt_name IN ('text', 'varchar', 'jsonb')"
    " AND c.table_name !~ '^(procrastinate_|alembic_|person$|metric_chunk|log_chunk)'"
)
