"""Conditions are read out of a question; what is left is what it is about."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.question import VERSION, read_question
from bot.question_values import Known, Question

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KNOWN = Known(
    people={"ana": 1, "ben ito": 2, "@u0cem": 3},
    projects={"vision": 10, "nano-chat": 11},
    params={"lr": ["optimizer.lr"], "optimizer": ["optimizer"]},
    metrics={"val_acc": ["val_acc"], "val_loss": ["val/val_loss"]},
    tags={"baseline": "Baseline"},
    datasets={"faces": "Faces"},
    versions=("3fa92b1",),
    key_metrics={"val/val_loss": "min", "val_acc": "max"},
    called={3: "cem"},
    asker_id=9,
)


def day(year: int, month: int, number: int) -> datetime:
    return datetime(year, month, number, tzinfo=UTC)


def read(text: str) -> Question:
    return read_question(text, KNOWN, now=NOW)


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("what has Ana tried with dropout?", (1,)),
        ("dropout runs by ben ito", (2,)),
        ("<@U0CEM>: any luck with dropout?", (3,)),
        ("has @U0CEM tried dropout?", (3,)),  # as the grammar hands on who was mentioned
        ("did I ever try dropout?", (9,)),
        ("what are my failed runs?", (9,)),
        ("Ana's dropout notes", (1,)),
        ("who tried bananas?", ()),
        ("dropout with anatomy scans", ()),
    ],
)
def test_people_are_conditions_only_by_their_whole_name(text: str, people: tuple[int, ...]) -> None:
    assert read(text).people == people


def test_the_topic_is_what_remains() -> None:
    asked = read("what has Ana tried with dropout in vision since March?")
    assert "dropout" in asked.topic
    assert not {"Ana", "vision", "March"} & set(asked.topic.split())
    assert asked.said == ("since March", "by Ana", "in vision")


def test_a_project_is_a_condition_only_where_it_is_said_to_be_one() -> None:
    assert read("dropout in vision").project_ids == (10,)
    assert read("dropout in project nano-chat").project_ids == (11,)
    assert read("who tried vision transformers?").project_ids == ()


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("since 3 Nov", day(2026, 11, 3), None),
        ("since March 2025", day(2025, 3, 1), None),
        ("in December", day(2025, 12, 1), day(2026, 1, 1)),
        ("in 2025", day(2025, 1, 1), day(2026, 1, 1)),
        ("before 2026-02-10", None, day(2026, 2, 10)),
        ("after May", day(2026, 6, 1), None),
        ("between 3 Nov and 10 Nov", day(2026, 11, 3), day(2026, 11, 11)),
        ("yesterday", day(2026, 11, 22), day(2026, 11, 23)),
        ("since yesterday", day(2026, 11, 22), None),
        ("since Friday", day(2026, 11, 20), None),
        ("on Monday", day(2026, 11, 23), day(2026, 11, 24)),  # today
        ("last Sunday", day(2026, 11, 22), day(2026, 11, 23)),
        ("this week", day(2026, 11, 23), None),
        ("on 31 June", day(2026, 6, 30), day(2026, 7, 1)),
    ],
)
def test_periods(text: str, since: datetime | None, until: datetime | None) -> None:
    asked = read(f"who tried dropout {text}?")
    assert asked.since == since
    assert asked.until == until
    assert asked.topic == "who tried dropout"


def test_the_last_weeks_count_back_from_now() -> None:
    asked = read("dropout in the last 2 weeks")
    assert asked.since == datetime(2026, 11, 9, 12, tzinfo=UTC)


def test_may_is_a_month_only_as_a_date() -> None:
    assert read("dropout may help").since is None


def test_bounds_on_metrics_and_params() -> None:
    asked = read("runs with val_acc above 90% and lr <= 1e-3")
    assert [(b.names, b.least, b.most) for b in asked.metrics] == [(["val_acc"], 0.9, None)]
    assert [(b.names, b.least, b.most) for b in asked.params] == [(["optimizer.lr"], None, 1e-3)]


def test_a_param_can_equal_a_word() -> None:
    (bound,) = read("dropout with optimizer=lion").params
    assert (bound.names, bound.equals) == (["optimizer"], "lion")


def test_who_was_mentioned_is_called_by_name() -> None:
    assert read("has @U0CEM tried dropout?").said == ("by cem",)


@pytest.mark.parametrize("text", ["who used lr != 3e-4", "who used lr!=3e-4?", "dropout with lr ≠ 3e-4"])
def test_a_param_can_be_asked_for_that_is_set_to_something_else(text: str) -> None:
    (bound,) = read(text).params
    assert (bound.names, bound.differs, bound.equals) == (["optimizer.lr"], "3e-4", None)


def test_a_metric_may_be_called_in_two_words() -> None:
    (bound,) = read("who got val acc above 0.9?").metrics
    assert (bound.names, bound.least) == (["val_acc"], 0.9)
    assert read("who got val acc above 0.9?").topic == "who got"


@pytest.mark.parametrize(
    ("text", "names", "most"),
    [
        ("who got below 2.9 last month?", ["val/val_loss"], 2.9),
        ("did anyone get below 2.9 with lion?", ["val/val_loss"], 2.9),
        ("who got under 10 minutes?", None, None),
        ("who ran below 3 GB?", None, None),
    ],
)
def test_a_bound_on_nothing_named_is_on_what_counts(text: str, names: list[str] | None, most: float) -> None:
    assert [(bound.names, bound.most) for bound in read(text).metrics] == ([(names, most)] if names else [])


def test_a_bound_from_below_is_on_what_should_be_high() -> None:
    (bound,) = read("who reached above 90%?").metrics
    assert (bound.names, bound.least) == (["val_acc"], 0.9)


@pytest.mark.parametrize(
    ("text", "topic", "without"),
    [
        ("who tried mixup but not on resnet50?", "who tried mixup", ("resnet50",)),
        ("SWA except with EMA, since March", "SWA", ("EMA",)),
        ("who trained without warmup?", "who trained without warmup", ()),
    ],
)
def test_what_is_to_be_left_out_is_no_topic(text: str, topic: str, without: tuple[str, ...]) -> None:
    assert (read(text).topic.rstrip(" ,"), read(text).without) == (topic, without)


def test_who_asks_why_something_was_dropped_asks_for_words_not_for_taps() -> None:
    assert read("why was warmup dropped?").verdict is None


def test_an_unknown_name_is_no_condition() -> None:
    assert not read("runs with zz_top above 3").narrowed


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("which failed runs used dropout?", "failed"),
        ("dropout runs that crashed", "failed"),
        ("killed jobs", "killed"),
    ],
)
def test_states(text: str, state: str) -> None:
    assert read(text).states == (state,)


def test_verdicts_are_asked_for_by_kept_and_dropped() -> None:
    assert read("who kept label smoothing?").verdict == "keep"
    assert read("has anyone dropped label smoothing?").verdict == "drop"
    assert read("the loss dropped quickly").verdict is None


def test_outcomes_are_read_but_leave_nothing_out() -> None:
    assert read("which dropout ideas did not work?").outcome == "bad"
    assert read("what worked with dropout?").outcome == "good"
    assert not read("which dropout ideas did not work?").narrowed


def test_tags() -> None:
    assert read("dropout tagged baseline").tags == ("Baseline",)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("what worked with dropout?", "good"),
        ("which failed attempts at dropout were there?", "bad"),
        ("what hurt the loss?", "bad"),
        ("did dropout hurt?", None),  # both answers are asked for
        ("did dropout help?", None),
        ("who fixed the failure of the scheduler?", None),
    ],
)
def test_an_outcome_is_asked_for_only_where_one_kind_is(text: str, outcome: str | None) -> None:
    assert read(text).outcome == outcome


@pytest.mark.parametrize(
    ("text", "datasets"),
    [
        ("dropout on the dataset faces", ("Faces",)),
        ("who ran dropout with Faces data?", ("Faces",)),
        ("who tried to recognise faces?", ()),
        ("dropout on the dataset surfaces", ()),
        ("faces dataset-free training", ()),
    ],
)
def test_data_is_a_condition_only_where_it_is_said_to_be_one(text: str, datasets: tuple[str, ...]) -> None:
    assert read(text).datasets == datasets


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        ("what came out of commit 3fa92b1?", ("3fa92b1",)),
        ("runs at 3FA92B1 with dropout", ("3fa92b1",)),
        ("runs of 3fa92b1c", ()),  # another beginning, which nothing here has
        ("model-3fa92b1 with dropout", ()),
    ],
)
def test_a_version_is_named_by_its_first_digits(text: str, versions: tuple[str, ...]) -> None:
    assert read(text).versions == versions


@pytest.mark.parametrize(
    "word", ["facade", "3e4", "123456", "abc12", "train.1a2b3c", "1a2b3c.py", "v1a2b3c-x"]
)
def test_words_and_numbers_are_no_version(word: str) -> None:
    assert VERSION.findall(word) == []


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("who changed train/loss.py?", "who train/loss.py"),
        ("what ran on the branch warm-start?", "what ran warm-start"),
        ("who changed the warmup?", "who changed the warmup"),
    ],
)
def test_how_one_asks_for_files_and_branches_is_no_topic(text: str, topic: str) -> None:
    assert read(text).topic == topic


def test_the_commands_filters_are_conditions() -> None:
    known = Known(people={"ana": 1, "@u0ben": 4}, projects={"vision": 2}, asker_id=9)
    read = read_question(
        "who tried label smoothing project:vision by:@ana since:28d until:2026-11-20 state:failed domain:speech group:lrs?",
        known, now=NOW,
    )  # fmt: skip
    assert read.topic == "who tried label smoothing"
    assert read.groups == ("lrs",)
    assert (read.project_ids, read.people, read.states, read.domains) == (
        (2,),
        (1,),
        ("failed",),
        ("speech",),
    )
    assert read.since == NOW - timedelta(days=28)
    assert read.until == datetime(2026, 11, 20, tzinfo=UTC)
    assert read_question("smoothing by:me", known, now=NOW).people == (9,)
    assert read_question("smoothing by:U0BEN", known, now=NOW).people == (4,)
    assert read_question("smoothing project:unknown", known, now=NOW).project_ids == (0,)
    assert read_question("ratio since:ever", known, now=NOW).topic == "ratio since:ever"
