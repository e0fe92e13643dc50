"""Each message as it looks in its place: one golden file a message, rewritten with RUNLORE_REWRITE_GOLDEN=1."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from block_limits import faults
from sample_runs import BASELINE, CRASHED, KILLED, LOST, MEMO, NOW, RUNNING, WARMED, curve, make_run, metric

from bot.better import judge
from bot.compare import compare
from bot.compare_messages import comparison
from bot.draft import draft
from bot.grammar import GrammarError, parse
from bot.help_messages import ambiguous, help_message, not_found, wrong_command
from bot.importance import importances
from bot.list_messages import run_list, run_show
from bot.note_messages import (
    audio_problem,
    contradiction,
    edit_modal,
    memo_card,
    move_modal,
    note_card,
    note_modal,
    pick_run,
    transcribe_question,
)
from bot.question_messages import goal_known, goal_question, spelling_question
from bot.run_messages import (
    attempts,
    end_question,
    new_best,
    project_board,
    run_alert,
    run_ended,
    run_parent,
    run_recovered,
    run_warning,
)
from bot.sweep_messages import sweep, sweep_ended
from bot.values import Message, RunView
from localslack.viewcheck import problems

GOLDEN = Path(__file__).parent / "data" / "blocks"

EARLIER, LATER = (f"https://acme.slack.com/archives/C0RUNS/p{number:016d}" for number in (1, 2))
NOTED = replace(WARMED, notes=[MEMO], verdicts={"ben": "keep"})
GRID = [
    make_run(
        60 + place,
        name=f"grid-{place}",
        group="grid",
        params={"lr": 10.0 ** -(place + 1), "batch": 32 * (1 + place % 2), "seed": place},
        metrics={"val_acc": metric("val_acc", 0.9 + 0.01 * place)},
        series={"val_acc": curve(0.9 + 0.01 * place)},
    )
    for place in range(5)
]


def refusal() -> Message:
    with pytest.raises(GrammarError) as error:
        parse("comprae 41 42")
    return wrong_command(error.value)


MESSAGES: dict[str, Callable[[], Message]] = {
    "run_running": lambda: run_parent(RUNNING, now=NOW, note_count=2),
    "run_finished": lambda: run_parent(NOTED, now=NOW, note_count=1),
    "run_quick_failure": lambda: run_parent(CRASHED, now=NOW),
    "run_after_attempts": lambda: run_parent(RUNNING, now=NOW, attempts=[CRASHED, CRASHED]),
    "run_killed": lambda: run_parent(KILLED, now=NOW),
    "ended_finished": lambda: run_ended(WARMED, judge(WARMED, baseline=BASELINE, best=BASELINE), now=NOW),
    "ended_killed": lambda: run_ended(KILLED, judge(KILLED), now=NOW, mention=True),
    "ended_failed": lambda: run_ended(CRASHED, judge(CRASHED), now=NOW),
    "ended_lost": lambda: run_ended(LOST, judge(LOST), now=NOW),
    "new_best": lambda: new_best(WARMED, judge(WARMED, best=BASELINE)),
    "recovered": lambda: run_recovered(RUNNING, away=700),
    "alert": lambda: run_alert(RUNNING, "Loss is nan", "at step 310, after <b>warmup</b>", "ERROR"),
    "warning": lambda: run_warning(RUNNING, "memory", "15.2 of 16 GB used, full in about 4 min"),
    "question": lambda: end_question(WARMED, draft(WARMED, BASELINE)),
    "attempts": lambda: attempts([CRASHED, replace(CRASHED, number=44), replace(CRASHED, number=45)]),
    "board": lambda: project_board("vision", [BASELINE, WARMED, RUNNING, CRASHED], now=NOW),
    "sweep": lambda: sweep("vision", "grid", GRID, importances(GRID, "val_acc")),
    "sweep_ended": lambda: sweep_ended("vision", "grid", GRID, judge(GRID[-1], best=BASELINE)),
    "board_closed": lambda: project_board("vision", [WARMED], now=NOW, earlier=EARLIER, later=LATER),
    "goal_question": lambda: goal_question(3, "vision", "val/consistency"),
    "goal_known": lambda: goal_known("vision", "val/consistency", "max", "ana"),
    "spelling_question": lambda: spelling_question("vison", "vision", 42, 3),
    "memo_card": lambda: memo_card(MEMO, WARMED),
    "note_card": lambda: note_card(replace(MEMO, kind="text", duration=None), WARMED),
    "pick_run": lambda: pick_run(MEMO, [BASELINE, WARMED]),
    "transcribe_question": lambda: transcribe_question(7, "standup.m4a"),
    "audio_problem": lambda: audio_problem("it holds no sound"),
    "contradiction": lambda: contradiction(MEMO.id, WARMED, "lr", "3e-4", "1e-4"),
    "list": lambda: run_list(
        [CRASHED, NOTED, BASELINE], title="Runs in vision", page=1, pages=3, query="list project:vision"
    ),
    "list_empty": lambda: run_list([], title="Runs in vision", page=1, pages=1),
    "show": lambda: run_show(NOTED, now=NOW),
    "compare_two": lambda: comparison(compare([BASELINE, NOTED])),
    "compare_five": lambda: comparison(compare(GRID)),
    "help": help_message,
    "help_more": lambda: help_message("more"),
    "help_compare": lambda: help_message("compare"),
    "wrong_command": refusal,
    "ambiguous": lambda: ambiguous("brave", [WARMED, CRASHED]),
    "not_found": lambda: not_found("zebra"),
}
MODALS: dict[str, Callable[[], dict[str, Any]]] = {
    "modal_edit": lambda: edit_modal(MEMO),
    "modal_move": lambda: move_modal(MEMO, [BASELINE, WARMED]),
    "modal_note": lambda: note_modal(WARMED),
}


def against_golden(name: str, shown: dict[str, Any]) -> None:
    path = GOLDEN / f"{name}.json"
    if os.environ.get("RUNLORE_REWRITE_GOLDEN"):
        path.write_text(json.dumps(shown, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    assert shown == json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_looks_as_it_was_agreed(name: str) -> None:
    message = MESSAGES[name]()
    against_golden(name, {"text": message.text, "blocks": message.blocks})


@pytest.mark.parametrize("name", MODALS)
def test_a_modal_looks_as_it_was_agreed(name: str) -> None:
    against_golden(name, MODALS[name]())


@pytest.mark.parametrize("name", MESSAGES)
def test_a_usual_message_is_inside_the_limits(name: str) -> None:
    assert faults(MESSAGES[name]().blocks) == []


@pytest.mark.parametrize("name", MODALS)
def test_a_usual_modal_is_inside_the_limits(name: str) -> None:
    assert str(problems(MODALS[name](), "modal", {}).problems) == "[]"


@pytest.mark.parametrize("run", [RUNNING, WARMED, KILLED, CRASHED, LOST], ids=lambda run: run.state)
def test_the_verdict_is_what_a_phone_shows(run: RunView) -> None:
    text = run_ended(run, judge(run), now=NOW).text
    assert text[:80].startswith(f"{run.ref} {run.state}")
