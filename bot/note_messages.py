"""What the bot answers to notes: the card with transcript and rationale, the pickers, and what went wrong."""

from collections.abc import Sequence

from bot.alignment import marked
from bot.blocks import (
    SECTION_TEXT,
    Block,
    actions,
    bold,
    button,
    code,
    context,
    escape,
    fit,
    flat,
    length,
    line,
    link,
    name_of,
    quote,
    section,
    split_text,
)
from bot.note_forms import ROLES
from bot.note_forms import NoteEdit as NoteEdit
from bot.note_forms import edit_modal as edit_modal
from bot.note_forms import move_modal as move_modal
from bot.note_forms import note_modal as note_modal
from bot.note_forms import read_edit as read_edit
from bot.note_forms import read_move as read_move
from bot.note_forms import read_note as read_note
from bot.numbers import clock
from bot.values import Blocks, FactView, ItemView, Message, NoteView, RunView
from bot.verdicts import ref, title

CARD_ITEMS = 24
CONFIDENT = 0.6  # below it the card asks for a role instead of asserting it
TRANSCRIPT_SECTIONS = 3


def memo_card(note: NoteView, run: RunView | None) -> Message:
    """The answer to a memo: what was heard, and its rationale."""
    heading = f"🎙️ {note_title(note, run)}"
    if note.duration is not None:
        heading += f" · {clock(note.duration)}"
    transcript = transcript_sections(marked(note.text, note.unsure))
    return card(note, run, heading=heading, transcript=transcript)


def note_card(note: NoteView, run: RunView | None) -> Message:
    """The reading of a typed note; its words stand in the thread already."""
    return card(note, run, heading=f"📝 {note_title(note, run)}", transcript=[])


def card(note: NoteView, run: RunView | None, *, heading: str, transcript: Blocks) -> Message:
    """Heading, transcript, items by role, buttons."""
    said = [item for item in note.items if item.role != "other"]
    rows = [item_words(item) for role in ROLES for item in said if item.role == role][:CARD_ITEMS]
    blocks: Blocks = [section(heading), *transcript, *packed(rows)]
    if not rows:
        blocks.append(
            context(
                "No hypothesis, change, outcome or decision found in it; kept and searchable all the same."
            )
        )
    if unconfirmed(note):
        blocks.append(
            context(
                "👂 as heard: it matches nothing the run logged, or was hard to hear; it counts as a fact once you confirm it."
            )
        )
    hints = ["[…?] was hard to hear"] if note.unsure else []
    hints += ["a role with ? is a guess: *Edit* sets it right"] if any(map(_guessed, said)) else []
    if hints:
        blocks.append(context(" · ".join(hints)))
    blocks.append(note_buttons(note))
    return fit(Message(text=card_text(note, run, said), blocks=blocks))


def card_text(note: NoteView, run: RunView | None, said: Sequence[ItemView]) -> str:
    """What a phone shows: the decision, else the outcome, else the first words."""
    chosen = next(
        (item for role in ("decision", "outcome", "problem") for item in said if item.role == role), None
    )
    where = f" on {escape(ref(run))}" if run else ""
    if chosen is None:
        return f"{name_of(note.author)}{where}: {line(note.title or note.text, 200) or 'a note'}"
    role = ROLES[chosen.role].split(" ", 1)[1].lower()
    return f"{name_of(note.author)}{where}, {role}: {line(chosen.text, 300)}"


def note_title(note: NoteView, run: RunView | None) -> str:
    """Who about which run."""
    about = bold(link(run.permalink, escape(title(run)))) if run else "the project"
    return f"{bold(link(note.permalink, name_of(note.author)))} about {about}"


def transcript_sections(text: str) -> Blocks:
    """The transcript as quotation, in as many sections as it needs up to three."""
    parts = split_text(text.strip(), 2400)
    blocks = [section(quote(part, SECTION_TEXT - 200)) for part in parts[:TRANSCRIPT_SECTIONS]]
    if len(parts) > TRANSCRIPT_SECTIONS:
        blocks.append(context("… the rest of the transcript is under *Edit*."))
    return blocks


def item_words(item: ItemView) -> str:
    """One item: its role, the quoted sentence, when it was said, its facts."""
    when = f" `{clock(item.start_time)}`" if item.start_time is not None else ""
    edited = " _(edited)_" if item.source == "person" else ""
    role = ROLES.get(item.role, ROLES["other"]) + ("?" if _guessed(item) else "")
    words = f"{bold(role)}{when}{edited}\n“{line(item.text, 500)}”"
    facts = "  ".join(fact_words(fact) for fact in item.facts[:8])
    return f"{words}\n{facts}" if facts else words


def _guessed(item: ItemView) -> bool:
    """Whether the reading is too unsure of the role to assert it."""
    return item.source == "model" and item.confidence < CONFIDENT


def fact_words(fact: FactView) -> str:
    """A stated fact: `lr` 3e-4 → 1e-4; 👂 where it is only heard."""
    values = [line(value, 40) for value in (fact.from_value, fact.to_value) if value]
    words = f"{code(fact.name, 60)} {' → '.join(values)}".rstrip()
    if fact.unit and values and fact.unit not in values[-1]:
        words += f" {line(fact.unit, 20)}"
    return words if fact.confirmed else f"{words} 👂 _as heard_"


def unconfirmed(note: NoteView) -> bool:
    """Whether something was heard that matches nothing logged."""
    return any(not fact.confirmed for item in note.items for fact in item.facts)


def packed(rows: Sequence[str]) -> Blocks:
    """Rows in as few sections as they fit in."""
    blocks: Blocks = []
    gathered = ""
    for row in rows:
        if gathered and length(gathered) + length(row) + 1 > SECTION_TEXT - 100:
            blocks.append(section(gathered))
            gathered = ""
        gathered = f"{gathered}\n{row}" if gathered else row
    return [*blocks, section(gathered)] if gathered else blocks


def note_buttons(note: NoteView) -> Block:
    """What can be done with a note."""
    buttons = [
        button("Edit", "note_edit", str(note.id)),
        button("Move", "note_move", str(note.id)),
        button("⭐", "note_like", str(note.id)),
        button("Not a note", "note_remove", str(note.id)),
    ]
    if unconfirmed(note):
        buttons.insert(0, button("Confirm numbers", "note_confirm", str(note.id)))
    return actions(*buttons)


def pick_run(note: NoteView, runs: Sequence[RunView]) -> Message:
    """Seen by the author alone: which run is this note about?"""
    text = "Which run is this note about?"
    buttons = [
        button(f"#{run.number} {flat(run.name, 50)}", f"note_pick_{place}", f"{note.id}:{run.id}")
        for place, run in enumerate(runs[:3], start=1)
    ]
    buttons.append(button("The whole project", "note_pick_none", f"{note.id}:"))
    return fit(Message(text=text, blocks=[section(f"{text}\n{quote(note.text, 200)}"), actions(*buttons)]))


def read_pick(value: str) -> tuple[int, int | None]:
    """Note and run of a tapped button of `pick_run`; no run for the project."""
    note, _, run = value.partition(":")
    return int(note), int(run) if run else None


def transcribe_question(note_id: int, file_name: str) -> Message:
    """Seen by its poster alone: audio or video that is no voice memo is not transcribed unasked."""
    text = f"Shall I transcribe {line(file_name, 80)} and keep it as a note?"
    yes = button("Transcribe", "memo_transcribe", str(note_id))
    return fit(
        Message(text=text, blocks=[section(text), actions(yes, button("No", "memo_ignore", str(note_id)))])
    )


def audio_problem(reason: str) -> Message:
    """A memo that could not be heard, and what to do."""
    text = f"I could not use this memo: {line(reason, 400).rstrip('.')}."
    return fit(
        Message(
            text=text,
            blocks=[section(f"🔇 {text}\nRecord it again, or write it here: a reply is kept as well.")],
        )
    )


def contradiction(note_id: int, run: RunView, name: str, said: str | None, logged: str) -> Message:
    """Seen by the author alone: the note says something else than the run logged."""
    text = f"You said {line(name, 60)} {line(said or '', 40)}; {escape(ref(run))} has {line(logged, 40)}. Another run?"
    move = button("Move the note", "note_move", str(note_id))
    return fit(
        Message(text=text, blocks=[section(text), actions(move, button("Edit", "note_edit", str(note_id)))])
    )


def noted(run: RunView, text: str) -> Message:
    """What answers a note that was given as a command."""
    return Message(text=f"📝 Noted on {escape(run.ref)}: {escape(text[:200])}")


def removed(note: NoteView) -> Message:
    """In place of a card whose note was removed."""
    text = "Removed: this is no note any more."
    return fit(Message(text=text, blocks=[context(f"{text} React with 📝 on the message to bring it back.")]))


def memo_progress(share: float) -> Message:
    """A long recording is being heard; its card takes this message's place."""
    text = f"👂 Listening: {share:.0%} heard."
    return fit(Message(text=text, blocks=[context(text)]))
