"""Runs and notes of one small story, shared by the tests of messages, compare and drafts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.values import (
    CodeView,
    DatasetView,
    FactView,
    ItemView,
    MetricView,
    NoteView,
    PersonView,
    RunView,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ANA = PersonView(id=1, name="ana", slack_id="U0ANA")
BEN = PersonView(id=2, name="ben", slack_id="U0BEN")


def metric(
    name: str, best: float, *, last: float | None = None, worst: float = 0.1, at: float = 900
) -> MetricView:
    """A summary; whether `best` is the smallest or the largest value is read from the name."""
    low, high = sorted((best, worst))
    return MetricView(
        name=name,
        goal=None,
        count=100,
        last=best if last is None else last,
        last_step=1000,
        min=low,
        min_step=at,
        max=high,
        max_step=at,
    )


def make_run(number: int, **changes: Any) -> RunView:  # noqa: ANN401  any field of a run
    """A finished run of vision; everything can be changed."""
    run = RunView(
        id=number,
        project="vision",
        number=number,
        name="brave-otter",
        state="finished",
        owner=ANA,
        started_at=NOW - timedelta(hours=2, minutes=-number),
        ended_at=NOW - timedelta(hours=2, minutes=-number - 12),
        params={"lr": 3e-4, "warmup": 0, "optimizer": "adamw", "seed": 1},
        metrics={"val_acc": metric("val_acc", 0.934), "train/loss": metric("train/loss", 0.29, worst=2.1)},
        code=CodeView(commit="3f2a91c0aa", branch="main", subject="Longer warmup", command="python train.py"),
        datasets=[DatasetView(name="digits", fingerprint="aaaa1111", rows=1797, columns=64)],
        python="3.11.9",
        libraries={"torch": "2.9.0", "numpy": "2.4.6"},
        entry="train.py",
        gpus=1,
        permalink=f"https://acme.slack.com/archives/C0VISION/p{number:016d}",
    )
    return replace(run, **changes)


def curve(best: float, points: int = 40) -> list[tuple[float, float]]:
    """A metric that rises to `best`."""
    return [(step * 25.0, best * (1 - 1 / (step + 2))) for step in range(points)]


BASELINE = make_run(41, name="calm-lynx", series={"val_acc": curve(0.934)})
WARMED = make_run(
    42,
    params={"lr": 1e-4, "warmup": 500, "optimizer": "adamw", "seed": 1},
    metrics={
        "val_acc": metric("val_acc", 0.942, last=0.94),
        "train/loss": metric("train/loss", 0.25, worst=2.0),
    },
    parent=BASELINE,
    parent_source="inferred",
    intent="is warmup enough?",
    tags=["warmup"],
    series={"val_acc": curve(0.942)},
)
RUNNING = replace(
    WARMED,
    state="running",
    started_at=NOW - timedelta(minutes=12),
    ended_at=None,
    progress_done=450,
    progress_total=1000,
)
KILLED = replace(
    WARMED,
    state="killed",
    ending={
        "cause": "out of memory",
        "signal": "SIGKILL",
        "last_lines": ["step 1000 loss 0.3", "Killed"],
        "checkpoint": {"path": "ckpt/900.pt", "step": 900},
        "resume": "python train.py --resume ckpt/900.pt",
    },
    readings={"memory_bytes": 15.9e9, "memory_limit_bytes": 16e9},
)
CRASHED = make_run(
    43,
    state="failed",
    started_at=NOW - timedelta(seconds=20),
    ended_at=NOW,
    metrics={},
    ending={
        "exit_code": 1,
        "error": {"type": "KeyError", "message": "'label'"},
        "last_lines": ["Traceback (most recent call last):", "KeyError: 'label'"],
    },
)
LOST = replace(WARMED, state="lost", readings={"memory_bytes": 15.9e9, "memory_limit_bytes": 16e9})

MEMO = NoteView(
    id=7,
    kind="memo",
    author=ANA,
    text=(
        "I thought the warmup was too short. So I took it from 0 to 500 steps. Um. Validation accuracy is now 0.947. "
        "We keep it. Next I will try label smoothing."
    ),
    title="Warmup from 0 to 500",
    said_at=NOW,
    permalink="https://acme.slack.com/archives/C0VISION/p7",
    duration=42.3,
    items=[
        ItemView(
            id=1,
            role="hypothesis",
            text="I thought the warmup was too short.",
            confidence=0.9,
            start_time=0.4,
        ),
        ItemView(
            id=2,
            role="change",
            text="So I took it from 0 to 500 steps.",
            confidence=0.9,
            start_time=4.0,
            facts=[
                FactView(
                    kind="param", name="warmup", from_value="0", to_value="500", unit="steps", linked=True
                )
            ],
        ),
        ItemView(
            id=3,
            role="outcome",
            text="Validation accuracy is now 0.947.",
            confidence=0.9,
            start_time=9.2,
            facts=[
                FactView(kind="metric", name="val_acc", from_value=None, to_value="0.947", confirmed=False)
            ],
        ),
        ItemView(id=4, role="decision", text="We keep it.", confidence=0.9, start_time=13.0, source="person"),
        ItemView(
            id=5, role="next_step", text="Next I will try label smoothing.", confidence=0.8, start_time=15.0
        ),
    ],
)
