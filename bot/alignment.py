"""Lays what was heard over what is written: when each word was said, and which words were hard to hear."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.redact import redact
from nlp.values import NormalisedText, Transcript, Word

UNSURE = 0.5  # Whisper's probability of a word below which it is shown as a guess

Span = tuple[int, int]


def kept(transcript: Transcript, written: NormalisedText, *, offset: int) -> dict[str, Any]:
    """What a memo keeps of its words: times and probabilities, and the characters of the note that they became."""
    placed = list(_placed(transcript, written))
    return {
        "duration": transcript.duration,
        "words": [[redact(w.text), w.start, w.end, round(w.probability, 3)] for w in transcript.words],
        "spans": [[start + offset, round(word.start, 2)] for start, _, word in placed],
        "unsure": _joined(
            [(start + offset, end + offset) for start, end, word in placed if word.probability < UNSURE]
        ),
    }


def unsure_spans(memo: Mapping[str, Any] | None) -> tuple[Span, ...]:
    """The stretches of a memo's text that were hard to hear."""
    return tuple((int(start), int(end)) for start, end in (memo or {}).get("unsure") or [])


def overlaps(spans: Sequence[Span], start: int, end: int) -> bool:
    """Whether one of the spans shares a character with this one."""
    return any(first < end and start < last for first, last in spans)


def marked(text: str, spans: Sequence[Span]) -> str:
    """The text with what was hard to hear as a guess: "lr of [3e-4?]"."""
    shown, reached = "", 0
    for start, end in spans:
        if reached <= start < end <= len(text):
            shown += f"{text[reached:start]}[{text[start:end].rstrip('.,;:!?')}?]"
            shown += text[start:end][len(text[start:end].rstrip(".,;:!?")) :]
            reached = end
    return shown + text[reached:]


def _placed(transcript: Transcript, written: NormalisedText) -> Iterator[tuple[int, int, Word]]:
    """Each word with the characters of the written text that it became."""
    position = 0
    for word in transcript.words:
        found = transcript.text.find(word.text.strip(), position)
        if found < 0:
            continue
        position = found + len(word.text.strip())
        start, end, shift = found, position, 0
        for change in written.replacements:
            if change.heard_end <= found:
                shift = change.end - change.heard_end
            elif change.heard_start < position:
                start, end, shift = change.start, max(change.end, position + change.end - change.heard_end), 0
                break
        yield start + shift, end + shift, word


def _joined(spans: Sequence[Span]) -> list[list[int]]:
    """Neighbouring spans as one."""
    joined: list[list[int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    return joined
