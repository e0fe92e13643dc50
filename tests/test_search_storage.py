"""Notes are indexed, counted and found inside what may be seen."""

from datetime import timedelta

import numpy as np
import pytest
from memory_of_a_team import NOW, Team, WordEmbedder
from sqlalchemy import text
from sqlmodel import Session, select

from nlp.terms import terms
from storage import nearest, search
from storage.memory import Note, RationaleItem, TermCount
from storage.search_scope import Bound, Scope
from storage.tables import Verdict

EVERYTHING = Scope(private_runs=True)


@pytest.fixture
def team(session: Session) -> Team:
    return Team(session)


def found(session: Session, words: str, scope: Scope = EVERYTHING) -> list[int]:
    asked = dict.fromkeys(terms(words), 1.0)
    known = search.frequencies(session, asked)
    ids = search.lexical_candidates(session, scope, asked, known)
    return [hit.note_id for hit in search.measure(session, ids, asked, known, None)]


def counts(session: Session) -> dict[str, int]:
    return {row.term: row.notes for row in session.exec(select(TermCount)) if row.notes}


def test_the_note_with_the_rarer_word_comes_first(session: Session, team: Team) -> None:
    project, ana = team.project("vision"), team.person("ana")
    common = [team.note(project, ana, f"dropout run number {n}") for n in range(5)]
    rare = team.note(project, ana, "dropout and lookahead")
    assert found(session, "dropout lookahead")[0] == rare.id
    assert set(found(session, "dropout lookahead")) == {rare.id, *(note.id for note in common)}


def test_frequencies_follow_edits_and_removal(session: Session, team: Team) -> None:
    note = team.note(team.project("vision"), None, "dropout dropout")
    assert counts(session)["dropout"] == 1
    assert counts(session)[search.NOTES] == 1
    before = counts(session)
    search.index_note(session, note.id or 0, ["lookahead"])
    assert "dropout" not in counts(session)
    assert counts(session)["lookahead"] == 1
    search.index_note(session, note.id or 0, terms("dropout dropout vision"))
    assert counts(session) == before
    search.unindex_note(session, note.id or 0)
    assert counts(session) == {}
    assert found(session, "dropout") == []


def test_strange_terms_are_stored_as_they_are(session: Session, team: Team) -> None:
    note = team.note(team.project("vision"), None, "x")
    odd = ["it's", "back\\slash", "a:b", "&|!", "=moe", "ünïcode", "x" * 500]
    search.index_note(session, note.id or 0, [*odd, "null\0"])
    known = search.frequencies(session, odd)
    for term in odd[:-1]:
        assert search.lexical_candidates(session, EVERYTHING, [term], known) == [note.id]


def test_deleted_notes_are_not_found(session: Session, team: Team) -> None:
    note = team.note(team.project("vision"), None, "dropout")
    note.deleted_at = NOW
    session.flush()
    assert found(session, "dropout") == []


def test_only_projects_in_sight_are_searched(session: Session, team: Team) -> None:
    seen, unseen = team.project("seen"), team.project("unseen")
    note = team.note(seen, None, "dropout")
    team.note(unseen, None, "dropout")
    assert found(session, "dropout", Scope(project_ids=[seen.id or 0])) == [note.id]
    assert found(session, "dropout", Scope(project_ids=[])) == []


def test_a_private_run_is_found_by_its_owner_alone(session: Session, team: Team) -> None:
    project, ana, ben = team.project("vision"), team.person("ana"), team.person("ben")
    note = team.note(project, ana, "dropout", team.run(project, ana, visibility="me"))
    ids = [project.id or 0]
    assert found(session, "dropout", Scope(project_ids=ids, person_id=ana.id)) == [note.id]
    assert found(session, "dropout", Scope(project_ids=ids, person_id=ben.id)) == []
    assert found(session, "dropout", Scope(project_ids=ids)) == []


def test_conditions_on_people_time_and_runs(session: Session, team: Team) -> None:
    project, ana, ben = team.project("vision"), team.person("ana"), team.person("ben")
    good = team.run(project, ana, params={"optimizer.lr": 3e-4, "optimizer.name": "Lion"}, metrics={"val_acc": 0.9},
                    tags=["baseline"])  # fmt: skip
    bad = team.run(project, ben, params={"optimizer.lr": 1e-2}, metrics={"val_acc": 0.5}, state="failed")
    one = team.note(project, ben, "dropout", good)
    two = team.note(project, ben, "dropout", bad, said_at=NOW - timedelta(days=30))
    session.add(Verdict(run_id=good.id or 0, person_id=ana.id or 0, choice="keep", at=NOW))
    session.flush()

    def ids(**conditions: object) -> set[int]:
        return set(found(session, "dropout", Scope(private_runs=True, **conditions)))  # type: ignore[arg-type]

    assert ids(people=[ana.id]) == {one.id}  # owns the run
    assert ids(people=[ben.id]) == {one.id, two.id}
    assert ids(since=NOW - timedelta(days=1)) == {one.id}
    assert ids(until=NOW - timedelta(days=1)) == {two.id}
    assert ids(states=["failed"]) == {two.id}
    assert ids(tags=["baseline"]) == {one.id}
    assert ids(verdict="keep") == {one.id}
    assert ids(params=[Bound(names=["optimizer.lr"], most=1e-3)]) == {one.id}
    assert ids(params=[Bound(names=["optimizer.name"], equals="lion")]) == {one.id}
    assert ids(metrics=[Bound(names=["val_acc"], least=0.8)]) == {one.id}


def test_a_sweep_is_a_condition(session: Session, team: Team) -> None:
    project = team.project("vision")
    inside = team.note(project, None, "dropout", team.run(project, group="lrs"))
    team.note(project, None, "dropout", team.run(project, group="others"))
    assert found(session, "dropout", Scope(private_runs=True, groups=["lrs"])) == [inside.id]


def test_a_condition_is_never_met_by_a_run_out_of_sight(session: Session, team: Team) -> None:
    seen, unseen = team.project("seen"), team.project("unseen")
    note = team.note(seen, None, "dropout", team.run(unseen, params={"lr": 3e-4}, name="secret-otter"))
    scope = Scope(project_ids=[seen.id or 0], params=[Bound(names=["lr"], most=1)])
    assert found(session, "dropout", scope) == []
    assert found(session, "dropout") == [note.id]
    assert found(session, "otter") == []  # and the other project's run is no word of this note


def test_the_nearest_by_meaning_inside_the_sight(session: Session, team: Team) -> None:
    seen, unseen = team.project("seen"), team.project("unseen")
    embedder = WordEmbedder()
    texts = ["dropout in the head", "cosine schedule", "data order"]
    notes = [team.note(seen, None, text) for text in texts]
    other = team.note(unseen, None, "dropout in the head")
    vectors = embedder.embed([*texts, texts[0]])
    search.add_vectors(session, {n.id or 0: v for n, v in zip([*notes, other], vectors, strict=True)})
    question = embedder.embed(["dropout head"])[0]
    assert nearest.notes(session, Scope(project_ids=[seen.id or 0]), question, limit=2)[0] == notes[0].id
    assert other.id not in nearest.notes(session, Scope(project_ids=[seen.id or 0]), question)
    assert set(nearest.notes(session, EVERYTHING, question, limit=2)) == {notes[0].id, other.id}


@pytest.mark.parametrize("share", [0.5, 0.05])
@pytest.mark.parametrize("beam", [1_000, 2])
def test_the_index_walk_finds_the_nearest_under_a_filter(
    session: Session, team: Team, share: float, beam: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(1)
    size = 2000
    vectors = generator.normal(size=(size, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    projects = [team.project("seen"), team.project("unseen")]
    inside = generator.random(size) < share
    rows = [Note(project_id=projects[0 if own else 1].id or 0, text="x", said_at=NOW) for own in inside]
    session.add_all(rows)
    session.flush()
    search.add_vectors(session, {row.id or 0: vector for row, vector in zip(rows, vectors, strict=True)})
    monkeypatch.setattr(nearest, "EXACT_UP_TO", 10)
    monkeypatch.setitem(nearest.WALK, "ef_search", beam)
    for plan in ("seqscan", "bitmapscan", "sort"):  # so few notes would be read whole
        session.connection().execute(text(f"SET LOCAL enable_{plan} = off"))
    mine = np.flatnonzero(inside)
    place = {row.id or 0: at for at, row in enumerate(rows)}
    kept = []
    for asked in vectors[mine[:10]]:
        best = {rows[mine[i]].id for i in np.argsort(-(vectors[mine] @ asked))[:20]}
        found = nearest.notes(session, Scope(project_ids=[projects[0].id or 0]), asked, limit=80)
        kept.append(len(best & set(found[:20])) / 20)
        cosines = [float(vectors[place[note_id]] @ asked) for note_id in found]
        assert cosines == pytest.approx(sorted(cosines, reverse=True), abs=1e-3)  # the walk keeps no order
    if beam > 2:
        assert np.mean(kept) >= 0.95


@pytest.mark.parametrize("exact", [True, False])
def test_one_sentence_of_a_long_note_is_near_though_the_whole_is_not(
    session: Session, team: Team, exact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = WordEmbedder()
    seen, unseen = team.project("seen"), team.project("unseen")
    memo, other = team.note(seen, None, "a long memo"), team.note(unseen, None, "a long memo")
    filler = [team.note(seen, None, f"note {n}") for n in range(60)]
    said = [
        (memo, "dropout in the head"),
        (other, "dropout in the head"),
        *((one, "data order") for one in filler),
    ]
    for note, words in said:
        vector = embedder.embed([words])[0]
        session.add(RationaleItem(note_id=note.id or 0, role="outcome", text=words, start=0, end=1, confidence=0.9,
                                  vector=vector))  # fmt: skip
    session.flush()
    if not exact:
        monkeypatch.setattr(nearest, "EXACT_UP_TO", 10)
        for plan in ("seqscan", "bitmapscan", "sort"):
            session.connection().execute(text(f"SET LOCAL enable_{plan} = off"))
    question = embedder.embed(["dropout head"])[0]
    mine = Scope(project_ids=[seen.id or 0])
    assert nearest.by_items(session, mine, question, limit=5)[0] == memo.id
    assert other.id not in nearest.by_items(session, mine, question)
    known = search.frequencies(session, ["dropout"])
    [hit] = search.measure(session, [memo.id or 0], {"dropout": 1.0}, known, question)
    assert hit.cosine is None
    assert hit.said == pytest.approx(float(embedder.embed(["dropout in the head"])[0] @ question), abs=1e-3)
