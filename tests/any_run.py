"""Hypothesis strategies for runs and notes that nobody sane would make, and somebody will."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from sample_runs import NOW

from bot.values import (
    ArtifactView,
    CodeView,
    DatasetView,
    FactView,
    ItemView,
    LinkView,
    MetricView,
    NoteView,
    PersonView,
    RunView,
)

NASTY = (
    "<!channel>",
    "<!here|x>",
    "<@U0ANA>",
    "<https://evil.example|click>",
    "*bold* _it_ ~no~ `code`",
    "```fence```",
    "&lt;!channel&gt;",
    "> quote",
    "مرحبا بالعالم",
    "\u202egnp.exe",
    "😀" * 50,
    "x" * 200,
    "<" * 90,
    "a\nb\r\nc\x00d",
    "",
    " ",
    "\u200b",
)
texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=60))
longer = st.one_of(
    texts, st.text(max_size=80), st.builds(lambda a, b: a + b, st.sampled_from(NASTY), st.text(max_size=60))
)
numbers = st.one_of(
    st.none(),
    st.floats(),  # nan and infinity too
    st.sampled_from([0.942, 1e-320, 1.7e308, -1.7e308, 0.0, -0.0, 1e15, 12345.678]),
)
floats = st.one_of(st.floats(), st.sampled_from([0.5, 1e308, -1e308]))
values: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    texts,
    st.lists(st.integers(), max_size=3),
    st.just(10**400),
)
moments = st.timedeltas(min_value=timedelta(days=-900), max_value=timedelta(0)).map(lambda ago: NOW + ago)
people = st.builds(
    PersonView, id=st.integers(1, 99), name=texts, slack_id=st.sampled_from([None, "U0ANA", "<!channel>", ""])
)
states = st.sampled_from(["running", "finished", "failed", "killed", "preempted", "lost", "newer-state"])


@st.composite
def metrics(draw: st.DrawFn) -> MetricView:
    """A summary of anything."""
    name = draw(st.one_of(st.sampled_from(["val_acc", "train/loss", "system/cpu_percent", "x"]), texts))
    some = {field: draw(numbers) for field in ("last", "last_step", "min", "min_step", "max", "max_step")}
    return MetricView(
        name=name, goal=draw(st.sampled_from([None, "min", "max"])), count=draw(st.integers(0, 9)), **some
    )


def swollen(run: RunView) -> RunView:
    """The same with 5,000-character names and 300 params; not drawn, so that a failure stays readable."""
    long = "<&*_x😀" * 715
    return replace(
        run,
        name=run.name + long,
        project=run.project + long,
        intent=long,
        tags=[*run.tags, long],
        params={**run.params, **{f"param_{place}{'<' * place}": long for place in range(300)}},
        metrics={
            **run.metrics,
            **{f"val/{long}": replace(each, name=f"val/{long}") for each in run.metrics.values()},
        },
        series=dict(run.series) | {f"val/{long}": series for series in run.series.values()},
        notes=[replace(note, text=note.text + long, title=long) for note in run.notes],
    )


facts = st.builds(
    FactView,
    kind=st.sampled_from(["param", "metric", "technique"]),
    name=texts,
    from_value=st.one_of(st.none(), texts),
    to_value=st.one_of(st.none(), texts),
    unit=st.one_of(st.none(), texts),
    confirmed=st.booleans(),
)
items = st.builds(
    ItemView,
    id=st.integers(1, 9999),
    role=st.sampled_from(["hypothesis", "change", "outcome", "problem", "decision", "next_step", "other"]),
    text=longer,
    confidence=st.just(0.5),
    start_time=st.one_of(st.none(), floats),
    source=st.sampled_from(["model", "person"]),
    facts=st.lists(facts, max_size=3),
)


@st.composite
def notes(draw: st.DrawFn) -> NoteView:
    """A note, its items mostly quoting it."""
    said = draw(st.lists(items, max_size=6))
    text = draw(longer) + " ".join(item.text for item in said) + draw(longer)
    return NoteView(
        id=draw(st.integers(1, 9999)),
        kind=draw(st.sampled_from(["text", "memo", "sdk"])),
        author=draw(st.one_of(st.none(), people)),
        text=text,
        title=draw(st.one_of(st.none(), texts)),
        said_at=draw(moments),
        permalink=draw(
            st.sampled_from(
                [None, "https://acme.slack.com/archives/C1/p1", "javascript:alert(1)", "https://x|y>"]
            )
        ),
        items=said,
        duration=draw(st.one_of(st.none(), floats)),
    )


endings = st.one_of(
    st.none(),
    st.dictionaries(
        st.sampled_from(
            ["cause", "signal", "exit_code", "oom", "error", "last_lines", "checkpoint", "resume"]
        ),
        values,
        max_size=5,
    ),
    st.fixed_dictionaries(
        {
            "error": st.fixed_dictionaries({"type": texts, "message": longer}),
            "last_lines": st.lists(longer, max_size=30),
            "checkpoint": st.fixed_dictionaries({"path": texts, "step": values}),
            "resume": longer,
        }
    ),
)


@st.composite
def runs(draw: st.DrawFn, *, depth: int = 1) -> RunView:
    """Any run at all."""
    measured = {metric.name: metric for metric in draw(st.lists(metrics(), max_size=5))}
    params = draw(st.dictionaries(texts, values, max_size=5))
    started = draw(moments)
    return RunView(
        id=draw(st.integers(1, 10**12)),
        project=draw(texts),
        number=draw(st.integers(1, 10**9)),
        name=draw(texts),
        state=draw(states),
        owner=draw(st.one_of(st.none(), people)),
        started_at=started,
        ended_at=draw(
            st.one_of(
                st.none(), st.timedeltas(timedelta(days=-1), timedelta(days=90)).map(lambda d: started + d)
            )
        ),
        tags=draw(st.lists(texts, max_size=12)),
        group=draw(st.one_of(st.none(), texts)),
        intent=draw(st.one_of(st.none(), longer)),
        params=params,
        metrics=measured,
        key_metric=draw(st.one_of(st.none(), st.sampled_from([*measured, "gone"]))),
        progress_done=draw(numbers),
        progress_total=draw(numbers),
        ending=draw(endings),
        readings=draw(
            st.sampled_from(
                [None, {}, {"memory_bytes": 9e9, "memory_limit_bytes": 1e10}, {"memory_bytes": "x"}]
            )
        ),
        host=draw(st.one_of(st.none(), texts)),
        code=draw(
            st.one_of(
                st.none(),
                st.builds(
                    CodeView,
                    commit=st.one_of(st.none(), texts),
                    branch=st.one_of(st.none(), texts),
                    subject=st.one_of(st.none(), longer),
                    diff=st.one_of(st.none(), longer),
                    command=st.one_of(st.none(), longer),
                ),
            )
        ),
        python=draw(st.one_of(st.none(), texts)),
        libraries=draw(st.dictionaries(texts, texts, max_size=3)),
        datasets=draw(
            st.lists(
                st.builds(DatasetView, name=texts, fingerprint=texts, rows=st.integers(0), filters=texts),
                max_size=3,
            )
        ),
        parent=draw(st.one_of(st.none(), runs(depth=depth - 1))) if depth else None,
        parent_source=draw(st.sampled_from([None, "inferred", "fork_of", "person"])),
        notes=draw(st.lists(notes(), max_size=2)) if depth else (),
        verdicts=draw(
            st.dictionaries(texts, st.sampled_from(["keep", "drop", "unsure", "<!channel>"]), max_size=2)
        ),
        series={name: draw(st.lists(st.tuples(floats, floats), max_size=40)) for name in measured},
        permalink=draw(
            st.sampled_from([None, "https://acme.slack.com/archives/C1/p1", "https://x|y>", "ftp://x"])
        ),
        gpus=draw(st.sampled_from([None, 0, 8])),
        artifacts=draw(
            st.lists(
                st.builds(ArtifactView, name=texts, kind=texts, location=texts, size=st.integers(0)),
                max_size=2,
            )
        ),
        links=draw(st.lists(st.builds(LinkView, url=texts, title=st.one_of(st.none(), texts)), max_size=2)),
    )
