"""Forms, menus, reports and scheduled digests tell no more of a forbidden run than words do."""

import json
from collections.abc import Callable, Iterator
from datetime import time, timedelta
from functools import partial
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from memory_of_a_team import NOW
from sqlalchemy import text
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

from bot import digests, interactions
from bot.project_settings import TOLD
from bot.settings_form import DAYS
from bot.wiring import Services
from storage.embedded import EmbeddedPostgres
from storage.memory import Subscription
from storage.tables import Person

Act = Callable[[Session, Services], Any]
ALIKE = hypothesis.settings(
    max_examples=40, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
)
RUNS, NOTES, CHANNELS = range(1, 14), range(1, 8), (OPEN, SECRET, JOINT)


@pytest.fixture(scope="module")
def world(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with worlds(postgres, tmp_path_factory.mktemp("leaks")) as made:
        yield made


def hidden_from(who: str) -> set[str]:
    return set(PROJECTS) - SEES[who]


def place_of(who: str, channel: str) -> str:
    """Nobody presses or writes where they are not."""
    return channel if channel in WHERE[who] else sorted(WHERE[who])[0]


# --- forms and menus ---------------------------------------------------------------------------------


def chosen(value: object) -> dict[str, Any]:
    return {"it": {"selected_option": {"value": str(value)}}}


def written(value: str) -> dict[str, Any]:
    return {"it": {"value": value}}


def ticked(*values: object) -> dict[str, Any]:
    return {"it": {"selected_options": [{"value": str(value)} for value in values]}}


def settings_fields(baseline: int) -> dict[str, Any]:
    return {
        "channel": {"it": {"selected_conversation": JOINT}}, "threading": chosen("run"), "openness": chosen("open"),
        "told": ticked(*TOLD), "key_metric": chosen("val_acc"), "goals": written("val_acc: max"), "baseline": chosen(baseline),
        "aliases": written(""), "digest": chosen("brief"), "at": {"it": {"selected_time": "08:30"}}, "days": ticked(*DAYS),
        "gpu_price": written(""), "log_tail": chosen("thread"), "audio": ticked(), "language": chosen("-"),
    }  # fmt: skip


runs, notes, projects = st.sampled_from(RUNS), st.sampled_from(NOTES), st.integers(1, 4)
forms = st.one_of(
    st.tuples(st.just("note_edit"), notes.map(str), st.just({"text:0::0": written("It was so."), "role:0:": chosen("outcome")})),
    st.tuples(st.just("note_move"), notes.map(str), runs.map(lambda run: {"run": chosen(run)})),
    st.tuples(st.just("note_new"), runs.map(str), st.just({"text": written("We saw it too.")})),
    st.tuples(st.just("digest_status"), projects.map(str), projects.map(lambda one: {"text": written("Look."), "project": chosen(one)})),
    st.tuples(st.just("answer_ask"), st.just(""), st.lists(notes, min_size=1, unique=True).map(lambda ids: {"whom": ticked(*ids), "text": written("Did it help?")})),
    st.tuples(st.just("run_parent"), runs.map(str), runs.map(lambda run: {"run": chosen(run)})),
    st.tuples(st.just("run_compare"), runs.map(str), runs.map(lambda run: {"run": chosen(run)})),
    st.tuples(st.just("project_settings"), projects.map(str), runs.map(settings_fields)),
)  # fmt: skip
HIDDEN_ROWS = text(
    "SELECT (SELECT array_agg(run::text ORDER BY run.id) FROM run WHERE project_id = project.id),"
    " (SELECT array_agg(note::text ORDER BY note.id) FROM note WHERE project_id = project.id), project::text"
    " FROM project WHERE name = ANY(:hidden) ORDER BY project.id"
)


@pytest.mark.parametrize("who", WHERE)
@ALIKE
@hypothesis.given(form=forms, channel=st.sampled_from(CHANNELS))
def test_a_form_does_and_tells_no_more_than_its_filler_sees(
    world: World, who: str, form: tuple[str, str, dict[str, Any]], channel: str
) -> None:
    kind, about, values = form
    if kind in ("run_compare", "project_settings"):
        about = f"{about}|{place_of(who, channel)}{':' if kind == 'run_compare' else ''}"
    view = {
        "id": "V1",
        "hash": "1",
        "callback_id": kind,
        "private_metadata": about,
        "state": {"values": values},
    }
    hidden = hidden_from(who)

    def act(session: Session, services: Services) -> None:
        session.execute(
            text("SELECT setval(pg_get_serial_sequence('note', 'id'), 77)")
        )  # the same in both worlds
        before = session.execute(HIDDEN_ROWS, {"hidden": list(hidden)}).all()
        interactions.submission(session, services, {"user": {"id": f"U0{who.upper()}"}, "view": view})
        session.flush()
        assert session.execute(HIDDEN_ROWS, {"hidden": list(hidden)}).all() == before

    same_in_both_worlds(world, who, act, hidden, typed=False)


several = st.lists(runs, min_size=2, max_size=4, unique=True).map(lambda ids: ",".join(map(str, ids)))
pressed = st.one_of(
    st.tuples(st.sampled_from(["compare_more", "compare_like"]), several),
    st.tuples(st.sampled_from(["note_like", "note_pick_none"]), notes.map(str)),
    st.tuples(st.just("note_pick_1"), st.tuples(notes, runs).map(lambda both: f"{both[0]}:{both[1]}")),
    st.tuples(st.just("home_project"), st.tuples(st.sampled_from(["settings", "report", "first", "mute", "archive"]), projects).map(lambda both: f"{both[0]}:{both[1]}")),
    st.tuples(st.sampled_from(["report_file", "report_canvas"]), projects.map(lambda one: f"{one}:0")),
    st.tuples(st.just("answer_ask"), st.lists(notes, min_size=1, unique=True).map(lambda ids: json.dumps({"q": "warmup", "notes": ids}))),
    st.tuples(st.just("list_compare"), several),
    st.tuples(st.just("run_delete"), runs.map(str)),
)  # fmt: skip


@pytest.mark.parametrize("who", WHERE)
@ALIKE
@hypothesis.given(button=pressed, channel=st.sampled_from(CHANNELS), alone=st.booleans())
def test_menus_pictures_and_reports_tell_no_more_than_their_presser_sees(
    world: World, who: str, button: tuple[str, str], channel: str, *, alone: bool
) -> None:
    name, value = button
    ids = [one for one in value.split(",") if one.isdigit()]
    body = {
        "user": {"id": f"U0{who.upper()}"},
        "actions": [{"action_id": name, "value": value}],
        "container": {"channel_id": place_of(who, channel), "message_ts": "1.1", "is_ephemeral": alone},
        "state": {"values": {str(place): ticked(one) for place, one in enumerate(ids)}},
        "response_url": "https://hooks.slack.com/1",
        "trigger_id": "1.2",
        "_with_models": True,
    }
    same_in_both_worlds(
        world,
        who,
        lambda session, services: interactions.action(session, services, body),
        hidden_from(who),
        typed=False,
    )


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_shared_report_is_of_what_everybody_there_may_see(world: World, channel: str) -> None:
    def share(project: int, session: Session, services: Services) -> None:
        body = {
            "user": {"id": "U0ANA"},
            "actions": [{"action_id": "report_share", "value": f"{project}:0"}],
            "container": {"channel_id": channel, "message_ts": "1.1"},
            "response_url": "https://hooks.slack.com/1",
            "trigger_id": "1.2",
        }
        interactions.action(session, services, body)

    said = {name: world.ask("ana", partial(share, place), set()) for place, name in enumerate(PROJECTS, 1)}
    assert {name for name, told in said.items() if f"{name} is" in told or f"{name}/" in told} == SHOWN_IN[
        channel
    ]


# --- scheduled digests -------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", ["brief", "full", "manager"])
@pytest.mark.parametrize("place", [*CHANNELS, *WHERE])
def test_a_scheduled_digest_tells_what_its_readers_see(world: World, place: str, depth: str) -> None:
    """Of any projects it was ever ordered for: who left a channel since is told of it no more."""

    def act(session: Session, services: Services) -> int:
        reader = session.exec(select(Person).where(Person.name == place)).first()
        channel = f"D0{place.upper()}" if reader else place
        session.add(
            Subscription(
                id=77, channel_id=channel, person_id=reader.id if reader else None, depth=depth, local_time=time(9),
                project_ids=[1, 2, 3] if reader else [], weekdays=list(digests.WEEKDAYS),
                next_due_at=NOW - timedelta(minutes=1), last_covered_until=NOW - timedelta(days=6),
            )
        )  # fmt: skip
        session.flush()
        return digests.claim_due(session, now=NOW)

    may = SEES.get(place) or SHOWN_IN[place]
    same_in_both_worlds(world, "ana", act, set(PROJECTS) - may, typed=False)
