"""Whatever a run, a note or a name holds, every message stays inside Slack's limits and calls nobody."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from html import unescape
from typing import Any

from any_run import longer, notes, runs, swollen, texts
from block_limits import faults, units
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sample_runs import NOW

from bot.better import judge
from bot.blocks import VERDICT
from bot.compare import compare
from bot.compare_messages import comparison
from bot.draft import draft
from bot.grammar import GrammarError, parse
from bot.help_messages import ambiguous, help_message, not_found, wrong_command
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
from bot.values import Message, NoteView, RunView

thorough = settings(
    max_examples=30,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking a whole run takes minutes
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)

RUN_MESSAGES: dict[str, Callable[[RunView], Message]] = {
    "parent": lambda run: run_parent(run, now=NOW, note_count=3),
    "ended": lambda run: run_ended(run, judge(run, best=run.parent), now=NOW, mention=True),
    "new_best": lambda run: new_best(run, judge(run, best=run.parent)),
    "recovered": lambda run: run_recovered(run, away=700.0),
    "question": lambda run: end_question(run, draft(run, run.parent)),
    "alert": lambda run: run_alert(run, run.name, run.intent or "", run.state),
    "warning": lambda run: run_warning(run, run.name, run.intent or ""),
    "attempts": lambda run: attempts([run] * 12),
    "show": lambda run: run_show(run, now=NOW),
}


def texts_of(thing: Any) -> Sequence[str]:  # noqa: ANN401
    """Every mrkdwn text in a message."""
    if isinstance(thing, dict):
        own = [thing["text"]] if thing.get("type") == "mrkdwn" else []
        return [*own, *(text for value in thing.values() for text in texts_of(value))]
    return [text for each in thing for text in texts_of(each)] if isinstance(thing, list) else []


def check(message: Message, *, may_mention: bool = False) -> None:
    assert faults(message.blocks) == []
    assert 1 <= units(message.text) <= 4000
    for text in [message.text, *texts_of(message.blocks)]:
        calls = re.findall(r"<([^>]*)>", text)
        for call in calls:
            allowed = call.startswith(("https://", "http://", "!date^")) or (may_mention and call == "@U0ANA")
            assert allowed, f"<{call}> in {text[:200]!r}"
        assert not re.search(r"<(?![^<>]*>)", text), f"an open < in {text[:200]!r}"


@thorough
@given(run=runs())
def test_every_message_about_a_run_fits_and_says_which_run_first(run: RunView) -> None:
    for name, build in RUN_MESSAGES.items():
        message = build(run)
        check(message, may_mention=name == "ended")
        check(build(swollen(run)), may_mention=name == "ended")
        assert f"/{run.number}" in unescape(message.text)[:VERDICT]


@thorough
@given(some=st.lists(runs(), max_size=4), title=texts)
def test_lists_and_boards_fit(some: list[RunView], title: str) -> None:
    some = [replace(run, id=place) for place, run in enumerate(some * 5)]
    check(run_list(some[:10], title=title, page=1, pages=3, query=title))
    check(project_board(title, some, now=NOW))
    check(ambiguous(title, some))


@thorough
@given(some=st.lists(runs(), min_size=2, max_size=4, unique_by=lambda run: run.id))
def test_comparisons_fit(some: list[RunView]) -> None:
    check(comparison(compare(some)))
    check(
        comparison(
            compare([replace(run, id=run.id + place) for place in range(5) for run in map(swollen, some)])
        )
    )


@thorough
@given(note=notes(), run=st.one_of(st.none(), runs()))
def test_cards_fit(note: NoteView, run: RunView | None) -> None:
    check(memo_card(note, run))
    check(note_card(note, run))
    check(memo_card(replace(note, text=note.text * 40, items=[*note.items] * 9), run))
    check(pick_run(note, [run] * 4 if run else []))


@thorough
@given(note=notes(), run=runs())
def test_modals_fit(note: NoteView, run: RunView) -> None:
    long = replace(note, text=note.text * 40)
    for view in (
        edit_modal(long),
        edit_modal(note),
        move_modal(note, [run]),
        move_modal(note, []),
        note_modal(run),
    ):
        assert faults(view["blocks"], "modal") == []
        assert units(view["title"]["text"]) <= 24
        assert units(view["private_metadata"]) <= 3000


@thorough
@given(words=longer, run=runs())
def test_refusals_fit(words: str, run: RunView) -> None:
    check(not_found(words))
    check(audio_problem(words))
    check(help_message(words))
    check(transcribe_question(7, words))
    check(contradiction(1, run, words, words, words))
    try:
        parse(words)
    except GrammarError as error:
        check(wrong_command(error))
