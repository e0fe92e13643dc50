"""The modals for notes and how to read them: a transcript by sentence with roles and facts, a new note."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.blocks import (
    INPUT_TEXT,
    Block,
    answers,
    context,
    escape,
    flat,
    input_block,
    length,
    modal,
    option,
    quote,
    section,
    select,
    split_text,
    text_input,
)
from bot.numbers import clock
from bot.values import FactView, NoteView, RunView
from bot.verdicts import ref, title

ROLES = {
    "hypothesis": "💡 Hypothesis",
    "change": "🔧 Change",
    "outcome": "📊 Outcome",
    "problem": "⚠️ Problem",
    "decision": "✅ Decision",
    "next_step": "➡️ Next step",
    "other": "Other",
}
PIECES = 30
SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")
FACT = re.compile(r"(?P<kind>\w+)\s+(?P<name>[^:]+?)\s*:\s*(?P<values>.*?)\s*(?P<heard>\?)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A sentence of a note; no item id for one that had no role."""

    item_id: int | None
    role: str
    text: str
    start_time: float | None = None
    facts: tuple[FactView, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteEdit:
    """What a person made of a note."""

    note_id: int
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The whole note again."""
        return " ".join(piece.text for piece in self.pieces if piece.text)


def pieces_of(note: NoteView) -> list[Piece]:
    """The note's text sentence by sentence: its items, and what lies between them."""
    found: list[Piece] = []
    rest = note.text
    for item in note.items:
        before, matched, after = rest.partition(item.text) if item.text.strip() else ("", "", "")
        if not matched:
            continue
        found += plain_pieces(before)
        found.append(
            Piece(
                item_id=item.id,
                role=item.role,
                text=item.text,
                start_time=item.start_time,
                facts=tuple(item.facts),
            )
        )
        rest = after
    return [*found, *plain_pieces(rest)]


def plain_pieces(text: str) -> list[Piece]:
    """Sentences without a role."""
    sentences = [sentence.strip() for sentence in SENTENCE_END.split(text)]
    return [Piece(item_id=None, role="other", text=sentence) for sentence in sentences if sentence]


def joined(pieces: Sequence[Piece], most: int) -> list[Piece]:
    """At most so many pieces: neighbours without a role become one, then all that is too much."""
    kept: list[Piece] = []
    for piece in pieces:
        last = kept[-1] if kept else None
        if len(pieces) > most and last and last.item_id is None and piece.item_id is None:
            kept[-1] = replace(last, text=f"{last.text} {piece.text}")
        else:
            kept.append(piece)
    if len(kept) > most:
        tail = " ".join(piece.text for piece in kept[most - 1 :])
        kept[most - 1 :] = [Piece(item_id=None, role="other", text=tail)]
    return kept


def edit_modal(note: NoteView) -> Block:
    """Transcript by sentence, each with its role and facts."""
    blocks: list[Block] = [
        context("What you write here wins over what I heard. Empty a sentence to drop it.")
    ]
    for place, piece in enumerate(joined(pieces_of(note), PIECES)):
        blocks += piece_inputs(place, piece)
        if len(blocks) > 94:  # three more for a piece would pass Slack's hundred blocks
            break
    return modal("note_edit", "Edit note", blocks, about=str(note.id))


def piece_inputs(place: int, piece: Piece) -> Iterator[Block]:
    """The fields of one sentence; a long one needs several, since one holds 3,000 characters."""
    when = f" ({clock(piece.start_time)})" if piece.start_time is not None else ""
    key = f"{place}:{piece.item_id or ''}"
    for part, text in enumerate(split_text(piece.text, INPUT_TEXT)[:8]):
        label = f"Sentence {place + 1}{when}" if part == 0 else f"Sentence {place + 1}, continued"
        yield input_block(f"text:{key}:{part}", label, text_input("text", text))
    roles = [option(label, role) for role, label in ROLES.items()]
    yield input_block(f"role:{key}", "is", select("role", roles, chosen=piece.role), optional=False)
    if piece.facts:
        lines = "\n".join(fact_line(fact) for fact in piece.facts)
        hint = "One a line. A ? means only heard: delete it to confirm the fact."
        if length(lines) <= INPUT_TEXT:
            yield input_block(f"fact:{key}", "Facts", text_input("facts", lines), hint=hint)


def fact_line(fact: FactView) -> str:
    """param lr: 3e-4 → 1e-4, with a ? for what was only heard."""
    values = " → ".join(value for value in (fact.from_value, fact.to_value) if value)
    unit = f" [{fact.unit}]" if fact.unit else ""
    return f"{fact.kind} {fact.name}: {values}{unit}{'' if fact.confirmed else ' ?'}"


def read_fact(text: str) -> FactView | None:
    """A fact from its line; None for a line that is none."""
    found = FACT.fullmatch(text.strip())
    if not found:
        return None
    values, unit = found["values"], None
    if bracket := re.fullmatch(r"(.*?)\s*\[([^\]]*)\]", values):
        values, unit = bracket.groups()
    sides = [side.strip() or None for side in re.split(r"→|->", values, maxsplit=1)]
    before, after = sides if len(sides) == 2 else (None, sides[0])
    return FactView(
        kind=found["kind"],
        name=found["name"],
        from_value=before,
        to_value=after,
        unit=unit,
        confirmed=not found["heard"],
    )


def read_edit(view: Mapping[str, Any]) -> NoteEdit:
    """What a person left in the modal, sentence by sentence."""
    texts: dict[tuple[int, str], list[str]] = {}
    roles: dict[int, str] = {}
    facts: dict[int, str] = {}
    for block_id, value in answers(view).items():
        kind, place, item, *_ = [*block_id.split(":"), ""]
        if kind == "text":
            texts.setdefault((int(place), item), []).append(value)
        elif kind == "role":
            roles[int(place)] = value
        elif kind == "fact":
            facts[int(place)] = value
    pieces = tuple(
        Piece(
            item_id=int(item) if item else None,
            role=roles.get(place, "other"),
            text="".join(parts).strip(),
            facts=tuple(fact for text in facts.get(place, "").splitlines() if (fact := read_fact(text))),
        )
        for (place, item), parts in sorted(texts.items())
    )
    return NoteEdit(note_id=int(view["private_metadata"]), pieces=pieces)


def move_modal(note: NoteView, runs: Sequence[RunView]) -> Block:
    """Which run a note belongs to instead."""
    if not runs:
        words = section(
            "There is no other run to move this note to. Name one in your message, such as `#42`, and it moves there."
        )
        return modal("note_move", "Move note", [words], about=str(note.id), submit=None)
    options = [option(f"{ref(run)} {flat(run.name, 40)}", str(run.id)) for run in runs[:100]]
    menu = select("run", options, hint="A run")
    blocks = [section(quote(note.text, 400)), input_block("run", "Belongs to", menu, optional=False)]
    return modal("note_move", "Move note", blocks, about=str(note.id), submit="Move")


def read_move(view: Mapping[str, Any]) -> tuple[int, int]:
    """Note and the run it moves to."""
    return int(view["private_metadata"]), int(answers(view)["run"])


def note_modal(run: RunView) -> Block:
    """Add a note to a run."""
    field = text_input("text", hint="What did you expect, what came out, what is next?")
    blocks = [context(escape(title(run))), input_block("text", f"Note on {ref(run)}", field, optional=False)]
    return modal("note_new", "Add note", blocks, about=str(run.id))


def read_note(view: Mapping[str, Any]) -> tuple[int, str]:
    """The run and what was written about it."""
    return int(view["private_metadata"]), answers(view)["text"].strip()
