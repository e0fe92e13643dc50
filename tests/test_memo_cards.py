"""A memo's card: how far a long one is, what was hard to hear, and where the reading only guesses."""

from dataclasses import replace

from local_workspace import ANA, VISION
from running_bot import RunningBot, shown
from sample_runs import BASELINE, MEMO
from sqlmodel import col, select
from test_notes_kept import kept, memo_card, thread_of

from bot import alignment, reading
from bot.note_messages import memo_card as card_of
from bot.values import FactView, ItemView
from nlp.normalise import normalise
from nlp.values import Transcript, Word
from storage.memory import Correction, Fact, Note


def heard(text: str, *, unsure: tuple[int, ...] = ()) -> Transcript:
    """A transcript whose words at these places were hard to hear."""
    return Transcript(
        text=text,
        language="en",
        duration=9.0,
        words=tuple(
            Word(text=word, start=float(n), end=n + 0.5, probability=0.2 if n in unsure else 0.95)
            for n, word in enumerate(text.split())
        ),
        engine="fake",
        model="fake",
    )


def test_a_word_that_was_hard_to_hear_is_marked_where_it_is_written() -> None:
    transcript = heard("I set the rate to three e minus four, then stopped.", unsure=(5, 6, 10))
    written = normalise(transcript.text)
    kept_words = alignment.kept(transcript, written, offset=0)
    spans = alignment.unsure_spans(kept_words)
    assert alignment.marked(written.text, spans) == "I set the rate to [3e-4?], then [stopped?]."
    assert kept_words["spans"][-1] == [written.text.index("stopped"), 10.0]


def test_nothing_is_marked_where_all_was_clear() -> None:
    transcript = heard("We keep it.")
    assert alignment.unsure_spans(alignment.kept(transcript, normalise(transcript.text), offset=0)) == ()
    assert alignment.marked("We keep it.", ()) == "We keep it."


def test_a_long_memo_tells_how_far_it_is_and_becomes_its_card(bot: RunningBot) -> None:
    thread = thread_of(bot, "memo-long")
    bot.models.hearing.gate.clear()
    ts = bot.workspace.upload_memo(
        ANA, VISION, "audio_message.m4a", content=b"LONG We keep the smaller model.", thread_ts=thread
    )
    progress = bot.reply(VISION, thread, "40% heard")
    bot.models.hearing.gate.set()
    bot.wait(lambda: "🎙" in shown(bot.workspace.message(VISION, progress["ts"])), "the card in its place")
    bot.settle()
    assert "heard." not in shown(bot.workspace.message(VISION, progress["ts"]))
    note = kept(bot, ts)
    assert note is not None
    assert "progress" not in (note.memo or {})


def test_a_number_that_was_hard_to_hear_is_marked_and_no_fact(bot: RunningBot) -> None:
    thread = thread_of(bot, "memo-unsure", config={"lr": 0.5})
    ts, card = memo_card(bot, thread, "I lowered lr from 0.1 to (0.01)")
    assert "[0.01?]" in shown(card)
    assert "as heard" in shown(card)
    note = kept(bot, ts)
    assert note is not None
    with bot.services.database.session() as session:
        assert session.exec(select(Fact.confirmed).where(Fact.note_id == note.id)).all() == [False]


def test_a_role_the_reading_is_unsure_of_is_a_question() -> None:
    guessed = replace(MEMO.items[0], confidence=0.41, source="model")
    sure = replace(guessed, confidence=0.93)
    role = str(shown_blocks(guessed))
    assert "?*" in role
    assert "is a guess" in role
    assert "?*" not in str(shown_blocks(sure))


def test_a_cost_shows_its_currency_once() -> None:
    cost = FactView(kind="cost", name="cost", from_value=None, to_value="$61", unit="$")
    shown = str(shown_blocks(replace(MEMO.items[0], facts=(cost,))))
    assert "`cost` $61" in shown
    assert "$61 $" not in shown


def shown_blocks(item: ItemView) -> object:
    return card_of(replace(MEMO, items=(item,)), BASELINE).blocks


def test_words_that_people_put_right_are_listened_for(bot: RunningBot) -> None:
    thread = thread_of(bot, "memo-words")
    ts, _ = memo_card(bot, thread, "We keep the con former.")
    note = kept(bot, ts)
    assert note is not None
    with bot.services.database.session() as session:
        session.add(
            Correction(
                note_id=note.id or 0,
                sentence="We keep the con former.",
                was={"text": "We keep the con former."},
                now={"text": "We keep the Conformer."},
                at=bot.services.now(),
            )
        )
    with bot.services.database.session() as session:
        again = session.exec(select(Note).where(col(Note.id) == note.id)).one()
        assert "Conformer" in reading.context_of(session, again).words
