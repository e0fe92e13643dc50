"""Nothing tells that a forbidden run exists: every answer is the very one of a world in which it was never made."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from memory_of_a_team import NOW
from sqlmodel import Session, select
from two_worlds import (
    JOINT,
    OPEN,
    PROJECTS,
    SECRET,
    SEES,
    SHOWN_IN,
    WHERE,
    World,
    same_in_both_worlds,
    worlds,
)

from bot import api, app_home, commands, interactions, similar
from bot.tokens import Bearer
from bot.wiring import Services
from storage.embedded import EmbeddedPostgres
from storage.memory import Thread
from storage.tables import Param, Person, Project, Run


@pytest.fixture(scope="module")
def world(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with worlds(postgres, tmp_path_factory.mktemp("leaks")) as made:
        yield made


# A project's name is taken for everybody, as a channel's is in Slack: `connect` with one that exists must say so.
# --- questions ---------------------------------------------------------------------------------------

names = st.one_of(
    st.sampled_from(["latest", "best", "baseline", "#1", "#3", "1", "4", "otter", "zebra"]),
    st.sampled_from([f"{project}/{number}" for project in (*PROJECTS, "nosuch") for number in (1, 2, 4, 77)]),
    st.sampled_from([f"{project}-otter-{place}" for project in PROJECTS for place in (0, 3)]),
    st.sampled_from([f"{project}-ot" for project in PROJECTS]),
    st.sampled_from([f"uid-{project}-2" for project in PROJECTS]),
    st.sampled_from([f"{project}/{word}" for project in PROJECTS for word in ("latest", "best", "baseline")]),
    st.sampled_from(["@ana", "@ben", "@dev", "<@U0DEV>", "<@U0BEN|ben>"]),
    st.integers(1, 12).map(
        lambda run: (
            f"https://acme.slack.com/archives/{(OPEN, SECRET, JOINT)[(run - 1) // 4]}/p17000000{run:02d}000100"
        )
    ),
)
filters = st.sampled_from(
    ["", "project:secretly", "project:openly", "project:nosuch", "by:@dev", "by:@ben", "state:running", "tag:warm", "tag:secretly",
     "since:2w", "val_acc>0.6", "secretly_width>0", "lr<0.3", "warm", "secretly", "page:2", "group:grid", "domain:secretly"]
)  # fmt: skip
questions = st.sampled_from(
    ["warmup", "who has tried warmup?", "who tried secretly dropout", "secretly loss", "dev warmup last week", "val_acc above 0.6",
     "who has tried nothing like it zirconium", "what did @dev try", "otter"]
)  # fmt: skip
asked = st.one_of(
    st.builds(lambda verb, name: f"{verb} {name}", st.sampled_from(["show", "tree", "logs", "like", "fork", "tag", "compare latest", "baseline"]), names),
    st.builds(lambda one, other: f"compare {one} {other}", names, names),
    st.builds(lambda name, rest: f"logs {name} {rest}", names, st.sampled_from(["tail", "grep hello", "file"])),
    st.builds(lambda verb, which: f"{verb} {which}", st.sampled_from(["list", "compare", "export", "now", "list mine"]), filters),
    st.builds(lambda one, other: f"list {one} {other}", filters, filters),
    st.builds(lambda verb, words: f"{verb} {words}", st.sampled_from(["who", "search"]), questions),
    st.builds(lambda metric, which: f"best {metric} {which}", st.sampled_from(["val_acc", "secretly_score", "nosuch"]), filters),
    st.builds(lambda verb, project: f"{verb} {project}", st.sampled_from(["report", "settings", "archive", "prioritise", "mute"]),
              st.sampled_from([*PROJECTS, "nosuch", ""])),
    st.builds(lambda name, words: f"note {name} {words}", names, st.just("we saw it too")),
    st.builds(lambda name: f"value {name} val_acc", names),
    st.builds(lambda name: f"link {name} https://example.org", names),
    st.sampled_from(["digest", "digest now", "digest secretly", "help", "list", "shwo secretly/1", "connect nosuch"]),
)  # fmt: skip


def hidden_from(who: str) -> set[str]:
    return set(PROJECTS) - SEES[who]


@pytest.mark.parametrize("who", WHERE)
@hypothesis.settings(max_examples=40, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(words=asked, channel=st.sampled_from([OPEN, SECRET, JOINT, "D0ME"]))
def test_an_answer_to_a_person_knows_only_what_they_see(
    world: World, who: str, words: str, channel: str
) -> None:
    if channel != "D0ME" and channel not in WHERE[who]:
        channel = "D0ME"  # nobody asks where they are not

    def act(session: Session, services: Services) -> Any:  # noqa: ANN401
        slack_id = f"U0{who.upper()}"
        answer = commands.answer(
            session, services, words, person=slack_id, channel=channel, public=False, with_models=True
        )
        return [answer.text, answer.blocks]

    same_in_both_worlds(world, who, act, hidden_from(who))


@pytest.mark.parametrize("channel", [OPEN, SECRET, JOINT])
@hypothesis.settings(max_examples=40, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(words=asked, who=st.sampled_from(sorted(WHERE)), thread=st.booleans())
def test_an_answer_in_a_channel_knows_only_what_all_its_readers_see(
    world: World, channel: str, words: str, who: str, thread: bool
) -> None:
    if channel not in WHERE[who]:
        who = "ana"

    def act(session: Session, services: Services) -> Any:  # noqa: ANN401
        here = session.exec(select(Thread).where(Thread.channel_id == channel)).first() if thread else None
        slack_id = f"U0{who.upper()}"
        answer = commands.answer(
            session,
            services,
            words,
            person=slack_id,
            channel=channel,
            public=True,
            thread=here,
            with_models=True,
        )
        return [answer.text, answer.blocks]

    same_in_both_worlds(world, who, act, set(PROJECTS) - SHOWN_IN[channel])


run_ids = st.integers(1, 13)
pressed = st.one_of(
    st.tuples(
        st.sampled_from(["run_compare", "run_note", "run_logs", "run_log_file", "run_like", "verdict_keep", "verdict_drop", "run_parent"]),
        run_ids.map(str),
    ),
    st.tuples(st.sampled_from(["note_edit", "note_move", "note_remove", "note_confirm", "memo_transcribe"]), st.integers(1, 7).map(str)),
    st.tuples(st.sampled_from(["compare_share", "compare_diff", "sweep_compare"]), st.lists(run_ids, min_size=2, max_size=4, unique=True).map(lambda ids: ",".join(map(str, ids)))),
    st.tuples(st.just("answer_compare"), st.lists(run_ids, min_size=2, max_size=3, unique=True).map(json.dumps)),
    st.tuples(st.just("answer_more"), questions.map(lambda words: json.dumps({"q": words, "first": 0}))),
    st.tuples(st.sampled_from(["list_newer", "list_older", "list_share", "list_csv"]), filters.map(lambda words: f"1:list {words}")),
    st.tuples(st.sampled_from(["goal_max", "goal_min"]), st.integers(1, 4).map(lambda project: json.dumps({"project": project, "metric": "x"}))),
    st.tuples(st.just("project_move"), st.tuples(run_ids, st.integers(1, 4)).map(lambda both: json.dumps({"run": both[0], "project": both[1]}))),
    st.tuples(st.sampled_from(["settings_open", "home_mute", "digest_done", "home_done"]), st.integers(1, 4).map(str)),
)  # fmt: skip


@pytest.mark.parametrize("who", WHERE)
@hypothesis.settings(max_examples=40, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(button=pressed, channel=st.sampled_from([OPEN, SECRET, JOINT]))
def test_a_button_does_no_more_than_its_presser_and_place_may_see(
    world: World, who: str, button: tuple[str, str], channel: str
) -> None:
    if channel not in WHERE[who]:
        channel = JOINT if JOINT in WHERE[who] else SECRET
    name, value = button
    body = {
        "user": {"id": f"U0{who.upper()}"},
        "actions": [{"action_id": name, "value": value}],
        "container": {"channel_id": channel, "message_ts": "1.1"},
        "response_url": "https://hooks.slack.com/1",
        "trigger_id": "1.2",
        "_with_models": True,
    }
    shared = name.endswith("share")

    def act(session: Session, services: Services) -> None:
        interactions.action(session, services, body)

    may = SEES[who] & SHOWN_IN[channel] if shared else SEES[who]
    if shared and name == "compare_share":
        shows_only(world, who, act, may)  # it says how many it left out: of those its presser saw
    else:
        # Slack sends only values of buttons it has shown: who presses one has seen what it is about.
        same_in_both_worlds(world, who, act, set(PROJECTS) - may, typed=False)


def shows_only(world: World, who: str, act: Callable[[Session, Services], Any], may: set[str]) -> None:
    said = world.ask(who, act, set())
    for project in set(PROJECTS) - may:
        assert project not in said


@pytest.mark.parametrize("who", WHERE)
def test_home_and_the_api_know_only_what_their_person_sees(world: World, who: str) -> None:
    with world.database.session() as session:
        person = session.exec(select(Person).where(Person.name == who)).one()
    bearer = Bearer(token_id=0, person_id=person.id, project_id=None, scopes=frozenset({"read", "write"}))
    acts: list[Callable[[Session, Services], Any]] = [
        lambda session, services: app_home.publish(session, services, f"U0{who.upper()}"),
        lambda session, services: api.ask(session, services, bearer, "who has tried warmup?"),
        lambda session, services: api.search(session, services, bearer, "secretly warmup", limit=10),
    ]
    for project in (*PROJECTS, "nosuch"):
        acts += [
            partial(api.run, who=bearer, project=project, ref="1"),
            partial(api.add_note, who=bearer, ref=f"{project}/2", text="hello"),
            partial(api.logs, who=bearer, project=project, ref="1", source=None, first=0, limit=10),
            partial(api.keep_artifact, who=bearer, uid=f"uid-{project}-1", name="a.txt", data=b"x"),
        ]
    for act in acts:
        same_in_both_worlds(world, who, act, hidden_from(who))


def test_a_forbidden_and_a_missing_run_are_answered_alike(world: World) -> None:
    def told(words: str) -> str:
        def act(session: Session, services: Services) -> Any:  # noqa: ANN401
            answer = commands.answer(
                session, services, words, person="U0BEN", channel=OPEN, public=False, with_models=True
            )
            return [answer.text, answer.blocks]

        return world.ask("ben", act, set())

    for verb in ("show", "logs", "tree", "compare openly/1", "like", "tag", "report"):
        forbidden, missing = told(f"{verb} secretly/1"), told(f"{verb} nosuch99/1")
        assert forbidden.replace("secretly", "nosuch99") == missing


def test_a_hint_names_only_runs_that_everybody_there_may_see(world: World) -> None:
    def act(session: Session, services: Services) -> Any:  # noqa: ANN401
        project = session.exec(select(Project).where(Project.name == "openly")).one()
        ana = session.exec(select(Person).where(Person.name == "ana")).one()
        run = Run(
            uid="hinted-run", project_id=project.id or 0, number=98, name="hinted", owner_id=ana.id, told_in="run:1:parent",
            started_at=NOW, last_seen_at=NOW,
        )  # fmt: skip
        session.add(run)
        session.flush()
        session.add_all(
            [Param(run_id=run.id or 0, name=name, value=1, number=1.0) for name in ("lr", "secretly_width")]
        )
        session.flush()
        similar.remember(session, [run.id or 0])
        return similar.find_similar(session, run.id or 0, now=NOW)

    same_in_both_worlds(world, "ana", act, {"secretly"})


def test_the_world_is_not_empty(world: World) -> None:
    def act(session: Session, services: Services) -> Any:  # noqa: ANN401
        answer = commands.answer(
            session, services, "list", person="U0ANA", channel="D0ME", public=False, with_models=True
        )
        return [answer.text, answer.blocks]

    said = world.ask("ana", act, set())
    assert all(f"{project}-otter-3" in said for project in PROJECTS)
