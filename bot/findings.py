"""A note that answers: with its runs, what they came to, and the sentence of it that says most."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlmodel import Session, col, select

from bot.better import Judgement, judge
from bot.question_values import Outcome
from bot.retrieval import MEANING, Ranked, Ranking
from bot.sight import Sight
from bot.values import ItemView, NoteView, PersonView, RunView
from bot.views import note_view, run_views
from nlp.terms import sentences, terms
from storage import nearest
from storage.memory import Note, NoteRun
from storage.run_queries import NoteBundle, load_readings
from storage.search_scope import UNDATED
from storage.tables import Person, Project, Run

RUNS_A_NOTE = 3


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


def distinct(people: Iterable[PersonView | None]) -> list[PersonView]:
    """Each person once, in order."""
    return list({person.id or person.name: person for person in people if person}.values())


def contradicted(finding: Finding, outcome: Outcome | None) -> bool:
    """Whether all that is logged about a note's runs speaks against the outcome asked for; a note alone never does."""
    return outcome is not None and _endings(finding) == {outcome != "good"}


def quoting(finding: Finding, role: str) -> Finding:
    """The same with what it holds of a role as its quote."""
    own = [item for item in finding.note.items if item.role == role]
    item = max(own, key=lambda one: (one.source == "person", one.confidence), default=None)
    return replace(finding, quote=item.text, quote_time=item.start_time) if item else finding


def ended(finding: Finding, well: bool) -> bool:
    """Whether something logged or tapped about a note's runs says that one of them ended so."""
    return well in _endings(finding)


def _endings(finding: Finding) -> set[bool | None]:
    pairs = zip(finding.runs, finding.judgements, strict=True)
    return {ended_well(run, judgement) for run, judgement in pairs}


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
