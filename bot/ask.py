"""Answers "who has tried X?": finds, decides whether anything is close enough, and gathers how it ended."""

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from bot import figures
from bot.better import Judgement, judge
from bot.question import VERSION, Known, Outcome, Question, may_name_numbers, read_question
from bot.retrieval import MEANING, Ranked, Ranking, retrieve, scope_of, without_conditions
from bot.sight import Sight
from bot.subject import Subject, by_name, having, subject_of, with_subject
from bot.values import ItemView, NoteView, PersonView, RunView
from bot.views import note_view, run_views
from nlp.terms import query_terms, sentences, terms, topic_terms
from nlp.values import Embedder
from storage import nearest, run_search, search_names
from storage.memory import Note, NoteRun
from storage.run_queries import NoteBundle, load_readings
from storage.search_scope import UNDATED
from storage.tables import Person, Project, Run

LONGEST = 1_000  # characters of a question that are read
MOST_FOUND = 20
MOST_SILENT = 50
WHOLE = 0.99
"""Share of the question's words that a run without a note must hold: its params say little, so they must say all."""
NEIGHBOURS = 3
RUNS_A_NOTE = 3

CLOSE = 0.4
"""Closeness from which a note counts as being about the question: benchmarks/ask.md says how often it errs."""
NOT_FAR = 0.6
"""Share of the best note's score that the others need."""
AS_CLOSE = 0.15
"""How much less close than the closest they may be: without it 73 % of what is shown is to the point, with it 81 %."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One note that answers, with its runs and what they came to."""

    note: NoteView
    project: str
    runs: Sequence[RunView]
    judgements: Sequence[Judgement]
    quote: str
    quote_time: float | None  # seconds into the memo
    score: float
    closeness: float
    dated: bool
    speaks: bool = False  # of the subject, by its name
    tried: frozenset[int] = frozenset()  # runs that had it, by their own words or by what was said to be done


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


def distinct(people: Iterable[PersonView | None]) -> list[PersonView]:
    """Each person once, in order."""
    return list({person.id or person.name: person for person in people if person}.values())


@figures.ASK.time()
def ask(session: Session, embedder: Embedder, question: str, *, asker: Sight, now: datetime) -> Answer:
    """Answer a question from what the asker may see."""
    question = question.replace("\0", " ")[:LONGEST]
    asked = read_question(question, known_names(session, question, asker), now=now)
    ranking = retrieve(session, embedder, asked, scope_of(asked, asker))
    subject = subject_of(asked.topic, ranking, text=question)
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
    silent = [run for run in own if run.id not in told]
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


def contradicted(finding: Finding, outcome: Outcome | None) -> bool:
    """Whether all that is logged about a note's runs speaks against the outcome asked for; a note alone never does."""
    ended = {
        ended_well(run, judgement) for run, judgement in zip(finding.runs, finding.judgements, strict=True)
    }
    return outcome is not None and ended == {outcome != "good"}


def ended_well(run: RunView, judgement: Judgement) -> bool | None:
    """What people tapped, else how it ended, else whether its metric got better; None where nothing tells."""
    choices = set(run.verdicts.values()) & {"keep", "drop"}
    if len(choices) == 1:
        return choices == {"keep"}
    if run.state in ("failed", "killed"):
        return False
    return got_better(judgement)


def got_better(judgement: Judgement) -> bool | None:
    """Against the first run that it can be measured by."""
    return next((against.better for against in judgement.against if against.better is not None), None)


def by_person(found: Sequence[Finding]) -> list[Finding]:
    """What each person said together, the closest first; so the answer goes person by person."""
    order: dict[tuple[int | str | None, str], int] = {}
    for at, finding in enumerate(found):
        order.setdefault(_who(finding), at)
    return sorted(found, key=lambda finding: order[_who(finding)])


def _who(finding: Finding) -> tuple[int | str | None, str]:
    author = finding.note.author
    return (author.id or author.name if author else finding.note.id), finding.project


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
    """Runs that have what is asked for by their own words, or hold all of the question, or meet its conditions."""
    scope = scope_of(asked, asker)
    if about_runs(asked) and not topic_terms(asked.topic):
        return run_views(session, run_search.runs_where(session, scope, limit=MOST_SILENT), parents=True)
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


def about_runs(asked: Question) -> bool:
    """Whether the question puts a condition that only a run can meet."""
    of_run = asked.states or asked.tags or asked.groups or asked.domains or asked.datasets or asked.versions
    return bool(of_run or asked.verdict or asked.params or asked.metrics)


def known_names(session: Session, question: str, asker: Sight) -> Known:
    """The names in the question that exist, of what the asker may see."""
    words = re.findall(r"[\w./-]+", question.lower())
    phrases = {
        " ".join(words[i : i + n]).strip(".-/") for n in (1, 2, 3, 4) for i in range(len(words) - n + 1)
    }
    phrases |= {phrase.removesuffix("'s") for phrase in phrases}
    people = select(Person).where(func.lower(Person.name).in_(phrases), ~col(Person.is_bot))
    mentioned = re.findall(r"(?:<@|\bby:@?)(U\w+)", question)
    by_slack = select(Person).where(col(Person.slack_id).in_(mentioned))
    projects = select(Project.name, Project.id).where(func.lower(Project.name).in_(phrases))
    if asker.project_ids is not None:
        projects = projects.where(col(Project.id).in_(asker.project_ids))
    numbers = may_name_numbers(question)
    return Known(
        people={
            **{person.name.lower(): person.id or 0 for person in session.exec(people)},
            **{f"<@{person.slack_id}>".lower(): person.id or 0 for person in session.exec(by_slack)},
        },
        projects={name.lower(): project_id or 0 for name, project_id in session.exec(projects)},
        params=search_names.params(session, phrases, asker.project_ids) if numbers else {},
        metrics=search_names.metrics(session, phrases, asker.project_ids) if numbers else {},
        tags=search_names.tags(session, phrases, asker.project_ids) if numbers else {},
        datasets=search_names.datasets(session, phrases, asker.project_ids)
        if "data" in question.lower()
        else {},
        versions=search_names.versions(session, VERSION.findall(question.lower()), asker.project_ids),
        asker_id=asker.person_id,
    )


def gather(session: Session, notes: Sequence[Ranked], ranking: Ranking, asker: Sight) -> list[Finding]:
    """The notes as they are shown, in the order given."""
    ids = [note.note_id for note in notes]
    rows = session.exec(
        select(Note, Person, Project)
        .join(Project, col(Note.project_id) == col(Project.id))
        .outerjoin(Person, col(Note.author_id) == col(Person.id))
        .where(col(Note.id).in_(ids))
    ).all()
    readings = load_readings(session, ids)
    cosines = nearest.items_of(session, ids, ranking.vector)
    links: dict[int, list[int]] = {}
    about = select(NoteRun).join(Run, col(NoteRun.run_id) == col(Run.id)).where(col(NoteRun.note_id).in_(ids))
    if asker.project_ids is not None:
        about = about.where(col(Run.project_id).in_(asker.project_ids))
    for link in session.exec(about.order_by(col(NoteRun.run_id).desc())):
        links.setdefault(link.note_id, []).append(link.run_id)
    shown = {run_id for several in links.values() for run_id in several[:RUNS_A_NOTE]}
    runs = {run.id: run for run in run_views(session, sorted(shown), parents=True)}
    found = {}
    for note, person, project in rows:
        items, facts = readings[note.id or 0]
        view = note_view(NoteBundle(note=note, author=person, items=items, facts=facts))
        own = [runs[run_id] for run_id in links.get(view.id, [])[:RUNS_A_NOTE] if run_id in runs]
        ranked = next(one for one in notes if one.note_id == view.id)
        words, at = quote_of(view, ranking, cosines)
        found[view.id] = Finding(
            note=view,
            project=project.name,
            runs=own,
            judgements=[judge(run) for run in own],
            quote=words,
            quote_time=at,
            score=ranked.score,
            closeness=ranking.closeness(ranked),
            dated=note.said_at > UNDATED,
        )
    return [found[note_id] for note_id in ids if note_id in found]


def quote_of(note: NoteView, ranking: Ranking, cosines: Mapping[int, float]) -> tuple[str, float | None]:
    """The sentence that says most of what was asked, by words and by meaning, verbatim; for a memo with its time in the audio."""
    items: Sequence[ItemView] = note.items
    if items and note.kind == "memo":
        best = max(
            items, key=lambda item: ranking.share(terms(item.text)) + MEANING * cosines.get(item.id or 0, 0.0)
        )
        return best.text, best.start_time

    def says(text: str) -> float:
        near = [cosines.get(item.id or 0, 0.0) for item in items if item.text in text]
        return ranking.share(set(terms(text))) + MEANING * max(near, default=0.0)

    return max(sentences(note.text) or [note.text], key=says), None


def _project_count(session: Session, asker: Sight) -> int:
    if asker.project_ids is not None:
        return len(asker.project_ids)
    return session.exec(select(func.count()).select_from(Project)).one()


def _oldest(session: Session, asker: Sight) -> datetime | None:
    """When the oldest run in sight started; an index lookup a project."""
    first = (
        select(Run.started_at)
        .where(col(Run.project_id) == col(Project.id), col(Run.started_at) > UNDATED)
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
