"""Answers "who has tried X?": finds, decides whether anything is close enough, and gathers how it ended."""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session, col, func, select

from bot import figures
from bot.better import judge
from bot.findings import Finding, by_person, contradicted, distinct, ended, ended_well, gather, quoting
from bot.question import read_question
from bot.question_names import known_names
from bot.question_values import Question
from bot.retrieval import Ranked, Ranking, retrieve, scope_of, unranked, without_conditions
from bot.sight import Sight
from bot.subject import Subject, by_name, having, subject_of, with_subject
from bot.values import PersonView, RunView
from bot.views import run_views
from nlp.concepts import respelled
from nlp.terms import query_terms, stem, topic_terms
from nlp.values import Embedder
from storage import run_search, search
from storage.run_list import not_private
from storage.search_scope import UNDATED
from storage.tables import Person, Project, Run

LONGEST = 1_000  # characters of a question that are read
MOST_FOUND = 20
MOST_SILENT = 50
NO_MATTER = {stem("trained"), stem("runs")}
"""What says no more than that something was done: "who trained with lr<1e-3?"."""
WHOLE = 0.99
"""Share of the question's words that a run without a note must hold: its params say little, so they must say all."""
NEIGHBOURS = 3

CLOSE = 0.4
"""Closeness from which a note counts as being about the question: benchmarks/ask.md says how often it errs."""
NOT_FAR = 0.6
"""Share of the best note's score that the others need."""
AS_CLOSE = 0.15
"""How much less close than the closest they may be: without it 73 % of what is shown is to the point, with it 81 %."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Whom:
    """A project whose content the asker may not see, but which says whom to ask."""

    project: str
    people: Sequence[PersonView]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What is known, or that nothing is: then `found` is empty and `near` holds neighbours, marked as such."""

    question: Question
    found: Sequence[Finding]
    near: Sequence[Finding]
    projects: int  # how many were searched
    since: datetime | None  # the oldest run there
    asked_at: datetime
    whom: Sequence[Whom] = ()
    silent: Sequence[RunView] = ()  # runs that match by their own words, beside those of `found`
    left_out: int = 0  # notes whose runs ended otherwise than asked for
    subject: str = ""  # what is asked for, where that is a name and little more
    trying: bool = False  # it is asked who tried it
    more: bool = False  # further notes or runs speak of it: what is counted is not all
    listed: bool = False  # the question names no matter: this is what meets its conditions
    ranked: Sequence[int] = ()  # ids of all notes looked at, best first, however far

    @property
    def nobody(self) -> bool:
        """Nothing close enough."""
        return not self.found and not self.silent

    @property
    def people(self) -> list[PersonView]:
        """Who said it, the closest first."""
        return distinct(finding.note.author for finding in self.found)

    @property
    def runs(self) -> list[RunView]:
        """The runs it was said about, and those that match unsaid."""
        told = (run for finding in self.found for run in finding.runs)
        return list({run.id: run for run in (*told, *self.silent)}.values())

    @property
    def tried(self) -> list[RunView]:
        """The runs that had what is asked for."""
        if not self.trying:
            return []
        had = {run_id for finding in self.found for run_id in finding.tried}
        silent = {run.id for run in self.silent}
        return [run for run in self.runs if run.id in had | silent]


@figures.ASK.time()
def ask(session: Session, embedder: Embedder, question: str, *, asker: Sight, now: datetime) -> Answer:
    """Answer a question from what the asker may see."""
    question = question.replace("\0", " ")[:LONGEST]
    asked = read_question(question, known_names(session, question, asker), now=now)
    if not set(topic_terms(asked.topic)) - NO_MATTER:
        return listed(session, embedder, asked, asker=asker, now=now)
    answer = searched(session, embedder, asked, asker=asker, now=now)
    mended = respelled(asked.topic) if answer.nobody else None
    if mended is None:
        return answer
    said = (*asked.said, *(f"“{was}” read as {word}" for was, word in mended.items()))
    topic = re.sub(r"[^\W\d_]+", lambda found: mended.get(found[0], found[0]), asked.topic)
    again = searched(session, embedder, replace(asked, topic=topic, said=said), asker=asker, now=now)
    return answer if again.nobody else again


def searched(session: Session, embedder: Embedder, asked: Question, *, asker: Sight, now: datetime) -> Answer:
    """What comes close to the matter of a question."""
    ranking = retrieve(session, embedder, asked, scope_of(asked, asker))
    spoken_of = search.held_by(session, [note.note_id for note in ranking.notes], asked.terms_without)
    ranking = replace(
        ranking, notes=[note for note in ranking.notes if asked.admits(spoken_of[note.note_id])]
    )
    subject = subject_of(asked.topic, ranking, text=asked.text)
    named = by_name(session, ranking.notes, subject) if subject else frozenset()
    close = close_notes(ranking, named)
    near: Sequence[Ranked] = ()
    found = gather(session, close[:MOST_FOUND], ranking, asker)
    if subject:
        found = with_subject(session, found, subject)
    left = [finding for finding in found if contradicted(finding, asked.outcome)]
    found = [finding for finding in found if finding not in left]
    told = {run.id for finding in (*found, *left) for run in finding.runs}
    own = silent_runs(session, asked, ranking, asker, subject)
    held = run_search.held_by(session, [run.id for run in own], asked.terms_without)
    silent = [run for run in own if run.id not in told and asked.admits(held[run.id])]
    if asked.outcome:
        silent = [run for run in silent if ended_well(run, judge(run)) in (None, asked.outcome == "good")]
    if not found and not silent:
        near = ranking.notes[:NEIGHBOURS]
        left = []
        if not near and asked.narrowed:
            wider = without_conditions(asked)
            near = retrieve(session, embedder, wider, scope_of(wider, asker)).notes[:NEIGHBOURS]
    return Answer(
        question=asked,
        found=by_person(found),
        silent=silent,
        left_out=len(left),
        subject=subject.words if subject else "",
        trying=subject is not None and subject.trying,
        more=subject is not None and (len(close) > MOST_FOUND or len(own) == MOST_SILENT),
        near=gather(session, near, ranking, asker),
        projects=_project_count(session, asker),
        since=_oldest(session, asker),
        asked_at=now,
        ranked=[note.note_id for note in ranking.notes],
        whom=() if found or silent else _whom_to_ask(session, asker),
    )


def listed(session: Session, embedder: Embedder, asked: Question, *, asker: Sight, now: datetime) -> Answer:
    """What meets the conditions of a question that names no matter ("what did Ana try last week?"), the newest first."""
    scope, good = scope_of(asked, asker), asked.outcome == "good"
    ids = search.newest(session, scope, limit=MOST_SILENT, role=asked.role) if asked.says_which else []
    ranking = unranked(session, embedder, asked, ids)
    found = gather(session, ranking.notes, ranking, asker)
    if asked.role:
        found = [quoting(finding, asked.role) for finding in found]
    with_runs = asked.says_which and not asked.role
    own = run_search.runs_where(session, scope, limit=MOST_SILENT) if with_runs else []
    told = {run.id for finding in found for run in finding.runs}
    silent = [run for run in run_views(session, own, parents=True) if run.id not in told]
    if asked.outcome:  # here only what is known to have ended so
        found = [finding for finding in found if ended(finding, good)]
        silent = [run for run in silent if ended_well(run, judge(run)) is good]
    return Answer(
        question=asked,
        found=by_person(found[:MOST_FOUND]),
        silent=silent,
        near=[],
        listed=True,
        more=len(found) > MOST_FOUND or MOST_SILENT in (len(ids), len(own)),
        projects=_project_count(session, asker),
        since=_oldest(session, asker),
        asked_at=now,
        ranked=[note.note_id for note in ranking.notes],
    )


def close_notes(ranking: Ranking, named: AbstractSet[int]) -> list[Ranked]:
    """The notes that count as being about the question: close by themselves, and not far behind the best; and where there
    are any, all that hold the name of its subject."""
    best = ranking.notes[0].score if ranking.notes else 0.0
    looked_at = [note for note in ranking.notes[: 2 * MOST_FOUND] if note.score >= NOT_FAR * best]
    least = max(CLOSE, max(map(ranking.closeness, looked_at), default=0.0) - AS_CLOSE)
    close = [note for note in looked_at if ranking.closeness(note) >= least]
    known = {note.note_id for note in close}
    others = [note for note in ranking.notes if note.note_id in named and note.note_id not in known]
    return close + others if close else []


def silent_runs(
    session: Session, asked: Question, ranking: Ranking, asker: Sight, subject: Subject | None
) -> list[RunView]:
    """Runs that have what is asked for by their own words, or hold all of the question."""
    scope = scope_of(asked, asker)
    if subject is not None and subject.trying:
        several = (
            [[name.term] for name in subject.names] if subject.any_of else [[n.term for n in subject.names]]
        )
        ids = {
            one for terms in several for one in run_search.matching_runs(session, scope, terms, ranking.known)
        }
        held = run_search.held_by(session, sorted(ids, reverse=True), subject.terms)
        views = run_views(
            session, [one for one in held if subject.held(held[one])][:MOST_SILENT], parents=True
        )
        had = having(views, held, subject)
        return [run for run in views if run.id in had]
    own = query_terms(asked.topic)
    matching = run_search.matching_runs(session, scope, own, ranking.known)
    whole = [run_id for run_id, terms_held in matching.items() if len(terms_held) >= WHOLE * len(own)]
    return run_views(session, whole[:MOST_SILENT], parents=True)


def _project_count(session: Session, asker: Sight) -> int:
    if asker.project_ids is not None:
        return len(asker.project_ids)
    return session.exec(select(func.count()).select_from(Project)).one()


def _oldest(session: Session, asker: Sight) -> datetime | None:
    """When the oldest run in sight started; an index lookup a project."""
    shared = not_private(asker.person_id, everything=asker.operator)
    first = (
        select(Run.started_at)
        .where(col(Run.project_id) == col(Project.id), col(Run.started_at) > UNDATED, shared)
        .order_by(col(Run.started_at))
        .limit(1)
        .correlate(Project)
        .scalar_subquery()
    )
    query = select(func.min(first)).select_from(Project)
    if asker.project_ids is not None:
        query = query.where(col(Project.id).in_(asker.project_ids))
    oldest: datetime | None = session.exec(query).one()
    return oldest


def _whom_to_ask(session: Session, asker: Sight) -> list[Whom]:
    """Owners of discoverable projects: that they exist and whom to ask, nothing of what they hold."""
    found: list[Whom] = []
    for project in session.exec(
        select(Project)
        .where(col(Project.id).in_(asker.discoverable_ids))
        .order_by(col(Project.name))
        .limit(5)
    ):
        owners = (
            select(Person)
            .join(Run, col(Run.owner_id) == col(Person.id))
            .where(Run.project_id == project.id, Run.visibility == "project")
            .group_by(col(Person.id))
            .order_by(func.max(Run.started_at).desc())
            .limit(2)
        )
        people = [PersonView(id=p.id, name=p.name, slack_id=p.slack_id) for p in session.exec(owners)]
        found.append(Whom(project=project.name, people=people))
    return found
