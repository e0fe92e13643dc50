"""Whether a submitted form can be used, checked before it is acknowledged, and the form of Compare with…"""

from collections.abc import Mapping, Sequence
from typing import Any

from bot import ask_people
from bot.blocks import Block, answers, context, escape, flat, input_block, modal, option, select
from bot.digest_status import read_status
from bot.errors import BadInput
from bot.note_forms import read_edit, read_note
from bot.settings_form import read_settings
from bot.values import RunView
from bot.verdicts import title


def check_submission(view: Mapping[str, Any]) -> None:
    """Raises BadInput with words for the person who filled the form in."""
    match view.get("callback_id"):
        case "note_edit" if not read_edit(view).text:
            raise BadInput("Nothing would be left of the note. Use “Not a note” to remove it.")
        case "digest_status" if not read_status(view)[1]:
            raise BadInput("Write a sentence.")
        case "answer_ask" if not all(ask_people.read(view)):
            raise BadInput("Choose somebody, and write a question.")
        case "project_settings":
            read_settings(view)
        case "note_new" if not read_note(view)[1]:
            raise BadInput("Write a word or two.")


def compare_modal(run: RunView, others: Sequence[RunView], *, thread: str) -> Block:
    """Which run to compare with; `thread` says where the answer goes (channel:ts)."""
    if not others:
        words = context("There is no other run to compare with yet.")
        return modal("run_compare", "Compare runs", [words], about=f"{run.id}|{thread}", submit=None)
    options = [
        option(flat(f"#{other.number} {other.name} · {other.state}", 70), str(other.id))
        for other in others[:100]
    ]
    field = select("run", options, hint="A run")
    blocks = [context(escape(title(run))), input_block("run", "Compare with", field, optional=False)]
    return modal("run_compare", "Compare runs", blocks, about=f"{run.id}|{thread}", submit="Compare")


def parent_modal(run: RunView, earlier: Sequence[RunView]) -> Block:
    """Which run this one was really made from."""
    none = option("None of them", "0")
    options = [none, *(option(flat(f"#{one.number} {one.name}", 70), str(one.id)) for one in earlier[:99])]
    field = select("run", options, hint="A run")
    blocks = [context(escape(title(run))), input_block("run", "Made from", field, optional=False)]
    return modal("run_parent", "Parent run", blocks, about=str(run.id), submit="Save")


def read_parent(view: Mapping[str, Any]) -> tuple[int, int]:
    """(the run, its parent; 0 for none)."""
    return int(view["private_metadata"]), int(answers(view)["run"])


def read_compare(view: Mapping[str, Any]) -> tuple[int, int, str]:
    """(the run, the other one, where the answer goes)."""
    run, _, thread = str(view["private_metadata"]).partition("|")
    return int(run), int(answers(view)["run"]), thread
