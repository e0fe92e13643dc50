"""Home, settings, report and tree stay inside Slack's limits and call nobody, whatever they are made of."""

from dataclasses import replace
from datetime import time
from typing import Any

from any_run import longer, moments, notes, numbers, runs, texts
from block_limits import faults, units
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sample_runs import NOW, make_run
from test_messages_limits import check, texts_of

from bot.home_view import ProjectCard, home_view
from bot.project_settings import LOG_TAILS, TOLD, ProjectSettings
from bot.settings_form import DAYS, Choices, Chosen, read_settings, settings_message, settings_modal
from bot.story import Line, Result, Story
from bot.story_messages import story_markdown, story_message
from bot.tree import drawn, grown, tree_message
from bot.values import Message, RunView
from storage.home_queries import Decided
from storage.next_steps import NextStep

thorough = settings(
    max_examples=30,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
addresses = st.sampled_from([None, "https://acme.slack.com/archives/C1/p1", "https://x|y>"])
steps = st.builds(
    NextStep,
    item_id=st.integers(1, 10**12),
    project_id=st.integers(1, 9),
    project=texts,
    text=longer,
    owner_id=st.just(1),
    owner=texts,
    run_id=st.just(1),
    run_number=st.one_of(st.none(), st.integers(1)),
    permalink=addresses,
    said_at=moments,
)
decided = st.builds(
    Decided,
    text=longer,
    author=st.one_of(st.none(), texts),
    project=texts,
    run_id=st.none(),
    permalink=addresses,
    said_at=moments,
)
cards = st.builds(
    ProjectCard,
    id=st.integers(1, 10**12),
    name=texts,
    channel=st.sampled_from([None, "C0VISION"]),
    first=st.booleans(),
    runs=st.integers(0, 10**9),
    running=st.integers(0, 99),
    last_at=st.one_of(st.none(), moments),
    best=st.one_of(st.none(), st.tuples(texts, numbers.filter(lambda n: n is not None), texts, addresses)),
    steps=st.integers(0, 99),
)


def calm(blocks: list[dict[str, Any]]) -> None:
    """Nobody is called; channels are named by their id only where the bot puts it."""
    allowed = ("https://", "<!date^", "<#C0VISION>")
    for text in texts_of(blocks):
        for call in text.split("<")[1:]:
            assert f"<{call}".startswith(allowed) or call.startswith("https://"), text[:200]


@thorough
@given(
    mine=st.lists(runs(), max_size=2),
    some=st.lists(steps, max_size=8),
    said=st.lists(decided, max_size=6),
    shown=st.lists(cards, max_size=10),
    muted=st.lists(st.tuples(st.integers(1), texts), max_size=20),
)
def test_home_fits(
    mine: list[RunView],
    some: list[NextStep],
    said: list[Decided],
    shown: list[ProjectCard],
    muted: list[tuple[int, str]],
) -> None:
    mine = [replace(run, id=place) for place, run in enumerate(mine, 1)]
    view = home_view(
        mine, now=NOW, running=9, steps=some, decisions=said, cards=shown, more=3, muted=muted, archived=2
    )
    assert faults(view["blocks"], "home") == []
    calm(view["blocks"])
    assert len(view["blocks"]) <= 100


@st.composite
def chosen(draw: st.DrawFn) -> Chosen:
    """Any settings at all."""
    return Chosen(
        channel=draw(st.sampled_from([None, "C0VISION"])),
        threading=draw(st.sampled_from(["run", "project"])),
        settings=ProjectSettings(
            told=frozenset(draw(st.lists(st.sampled_from(list(TOLD))))),
            log_tail=draw(st.sampled_from(list(LOG_TAILS))),
            keep_audio=draw(st.booleans()),
            language=draw(st.sampled_from([None, "de"])),
            aliases=draw(st.dictionaries(texts, texts, max_size=5)),
        ),
        key_metric=draw(st.one_of(st.none(), texts)),
        goals=draw(st.dictionaries(texts, st.sampled_from(["min", "max"]), max_size=5)),
        baseline=draw(st.sampled_from([None, 7])),
        openness=draw(st.sampled_from(["open", "discoverable", "private"])),
        digest=draw(st.sampled_from(["off", "brief", "full", "manager"])),
        at=draw(st.times().map(lambda at: time(at.hour, at.minute))),
        days=tuple(draw(st.lists(st.sampled_from(list(DAYS)), unique=True))),
    )


@thorough
@given(now=chosen(), project=texts, names=st.lists(texts, max_size=120), labels=st.lists(texts, max_size=120))
def test_settings_fit(now: Chosen, project: str, names: list[str], labels: list[str]) -> None:
    metrics = list(dict.fromkeys([*names, *([now.key_metric] if now.key_metric else [])]))
    choices = Choices(project_id=3, project=project, metrics=metrics, runs=list(enumerate(labels, 1)))
    view = settings_modal(now, choices, place="C0VISION")
    assert faults(view["blocks"], "modal") == []
    assert units(view["title"]["text"]) <= 24
    message = settings_message(now, choices)
    assert faults(message.blocks) == []
    assert units(message.text) <= 4000


def test_what_the_form_shows_is_read_back_as_it_was() -> None:
    now = Chosen(
        channel="C0VISION",
        threading="run",
        settings=ProjectSettings(
            told=frozenset({"best"}), log_tail="owner", keep_audio=True, language="de", aliases={"a": "b"}
        ),
        key_metric="val_acc",
        goals={"val_acc": "max"},
        baseline=7,
        openness="private",
        digest="full",
        at=time(8, 30),
        days=("mon", "sun"),
    )
    choices = Choices(project_id=3, project="vision", metrics=["val_acc"], runs=[(7, "#7 calm-lynx")])
    view = settings_modal(now, choices, place="C0VISION")
    values = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            element = block["element"]
            state = {
                name.replace("initial", "selected"): held
                for name, held in element.items()
                if "initial" in name
            }
            state["value"] = element.get("initial_value")
            values[block["block_id"]] = {element["action_id"]: state}
    assert read_settings(view | {"state": {"values": values}}) == (3, "C0VISION", now)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Any story at all."""
    some = [replace(run, id=place) for place, run in enumerate(draw(st.lists(runs(), max_size=3)), 1)]
    said = [
        Line(text=draw(longer), note=draw(notes()), run=draw(st.sampled_from(some)))
        for _ in range(draw(st.integers(0, 4)) if some else 0)
    ]
    results = [
        Result(
            line=one,
            metric=next(iter(one.run.series), None),
            curves=(one.run, one.run) if one.run.series else (),
            images=tuple(one.run.artifacts),
        )
        for one in said
    ]
    return Story(
        project=draw(texts),
        project_id=3,
        since=draw(st.one_of(st.none(), moments)),
        until=NOW,
        likes=draw(st.integers(0, 3)),
        questions=said,
        intents=some,
        tried=some,
        changes=said,
        results=results,
        best=some[0] if some else None,
        liked_values=[(run, draw(texts)) for run in some],
        liked_images=[(run, image) for run in some for image in run.artifacts],
        decisions=said,
        verdicts=[(run, draw(texts), "keep") for run in some],
        steps=draw(st.lists(steps, max_size=3)),
    )


@thorough
@given(story=stories())
def test_reports_fit(story: Story) -> None:
    check(story_message(story))
    text = story_markdown(story)
    assert text.startswith("# ")
    # Nobody's words can make a heading, a picture or a link of their own.
    headings = [row for row in text.splitlines() if row.startswith("#")]
    assert len(headings) <= 6


@thorough
@given(some=st.lists(runs(), max_size=6))
def test_trees_fit(some: list[RunView]) -> None:
    some = [replace(run, id=place) for place, run in enumerate(some, 1)]
    chained = [replace(run, parent=some[place - 1]) if place else run for place, run in enumerate(some)]
    for each in (some, chained, chained * 9):
        each = [replace(run, id=place) for place, run in enumerate(each, 1)]
        leaves = grown(each)
        assert len(leaves) == len(each)
        check(tree_message("vision", leaves, [], older=3))


def test_a_line_of_descent_goes_on_straight_and_forks_stand_aside() -> None:
    first = make_run(1)
    aside = make_run(2, parent=first, state="failed")
    main = make_run(3, parent=first)
    last = make_run(4, parent=main)
    leaves = grown([last, main, aside, first])
    assert [(leaf.run.number, leaf.column, leaf.parent) for leaf in leaves] == [
        (1, 0, None),
        (2, 1, 0),
        (3, 0, 0),
        (4, 0, 2),
    ]
    assert (drawn(leaves) or b"")[:4] == b"\x89PNG"
    assert drawn(leaves[:1]) is None


def test_the_checks_see_a_call() -> None:
    check(Message(text="fine", blocks=[]))
    assert "<!channel>" not in str(
        home_view([], now=NOW, decisions=[replace(EXAMPLE, text="<!channel>")])["blocks"]
    )


EXAMPLE = Decided(text="We keep it.", author="ana", project="vision", run_id=1, permalink=None, said_at=NOW)
