"""Writes spoken numbers and names as an engineer would type them, and keeps what was heard beside it."""

import re
from collections.abc import Iterator, Sequence

from nlp.number_words import SPLITS, words
from nlp.spoken_names import NameReader
from nlp.spoken_numbers import NumberReader
from nlp.spoken_tokens import Token, tokens_of
from nlp.torn import (
    is_clipped_and,
    is_glued_number,
    is_glued_unit,
    is_glued_value,
    is_glued_word,
    is_range,
    is_stuck_decimal,
    numbered_name,
    torn_size,
)
from nlp.values import Context, NormalisedText, Replacement

_NEAR = 4  # tokens after a name in which its value is said
_SPLIT_WHOLE = re.compile(r"[1-9]\d?\.\d\d")  # "ten twenty four", heard as "10.24"
_VERB_BEFORE_RUN = frozenset(
    words(
        "i we you they will can could should would must did please just let's i'll we'll let me only always never don't "
        "didn't cannot can't then"
    )
)
_TO_RUN = frozenset(words("compared relative close closer similar back equal identical belongs"))
_COUNTED_BY_RUN = frozenset(
    words(
        "epoch epochs step steps iteration iterations second seconds minute minutes hour hours day days week weeks seed "
        "seeds time times experiment experiments trial trials job jobs sample samples gpus layers batches folds configs "
        "variants models rounds runs sweeps more different additional new extra of or to percent thousand million"
    )
)


def normalise(transcript_text: str, context: Context | None = None) -> NormalisedText:
    """The transcript with digits and the run's own names, aligned to what was heard."""
    context = context or Context()
    tokens = tokens_of(transcript_text)
    text, done = "", 0
    replacements: list[Replacement] = []
    for first, end, written in _changes(tokens, context):
        start, stop = tokens[first].start, tokens[end - 1].end
        text += transcript_text[done:start]
        heard = transcript_text[start:stop]
        if heard != written:
            replacements.append(
                Replacement(
                    heard=heard,
                    written=written,
                    heard_start=start,
                    heard_end=stop,
                    start=len(text),
                    end=len(text) + len(written),
                )
            )
        text += written
        done = stop
    return NormalisedText(text=text + transcript_text[done:], replacements=tuple(replacements))


def _changes(tokens: Sequence[Token], context: Context) -> Iterator[tuple[int, int, str]]:
    """Token spans and what to write for them, from left to right: names win over the numbers inside them."""
    names = {name.first: name for name in NameReader(context).read(tokens)}
    taken = {index for name in names.values() for index in range(name.first, name.end)}
    quantities = frozenset(
        part for name in (*context.params, *context.metrics) for part in name.lower().split("_")
    )
    numbers = NumberReader(tokens, quantities)
    counts = {name.lower() for name, logged in context.params.items() if _is_whole(logged)}
    index = whole_until = 0
    while index < len(tokens):
        name = names.get(index)
        reference = None if name else _run_reference(tokens, index, numbers, context)
        repair = None if name or reference else torn_size(tokens, index, counted=index < whole_until)
        repair = repair or (None if name or reference else numbered_name(tokens, index, context))
        number = None if name or reference or repair else numbers.at(index)
        if name:
            yield name.first, name.end, name.written
            index = name.end
            whole_until = index + _NEAR if name.written.lower() in counts else 0
            own = name.written in context.params or name.written in context.metrics
            if is_stuck_decimal(tokens, index):
                yield index, index + 2, _stuck(tokens, index)
                index += 2
            elif own and is_glued_number(tokens, index):
                yield index, index + 1, " "
                index += 1
            elif (value := numbers.at(index)) and is_glued_value(
                tokens,
                index,
                value,
                counted=index < whole_until,
                joined=own and not name.written.isalpha(),
            ):
                yield index, value.end, f" {value.written}"
                index = value.end
        elif found := reference or repair:
            yield index, *found
            whole_until = found[0] + _NEAR if index < whole_until else 0
            index = found[0]
        elif number and taken.isdisjoint(range(index, number.end)):
            split = index < whole_until and _SPLIT_WHOLE.fullmatch(number.written)
            power_and_word = "e" in number.written and is_glued_word(tokens, number.end)
            glued = " " if power_and_word or is_glued_unit(tokens, number.end) else ""
            yield index, number.end, (number.written.replace(".", "") if split else number.written) + glued
            index = number.end
        elif tokens[index].said in SPLITS and is_stuck_decimal(tokens, index + 1):  # "train.1, test.2"
            yield index + 1, index + 3, _stuck(tokens, index + 1)
            index += 3
        else:
            if is_range(tokens, index):
                yield index, index + 1, " to "
            elif is_clipped_and(tokens, index):
                yield index, index + 1, "and "
            index += 1


def _stuck(tokens: Sequence[Token], index: int) -> str:
    """A decimal stuck to a name, freed."""
    return f" 0.{tokens[index + 1].text.removeprefix('0.').replace('.', '')}"


def _is_whole(logged: object) -> bool:
    """Whether a param counts something: its value has no decimals."""
    return isinstance(logged, int) and not isinstance(logged, bool)


def _run_reference(
    tokens: Sequence[Token], index: int, numbers: NumberReader, context: Context
) -> tuple[int, str] | None:
    """ "run forty two" as the run calls itself, but not "run forty two epochs"."""
    if tokens[index].said not in ("run", "rn"):
        return None
    start = index + 1
    while start < len(tokens) and tokens[start].said in ("number", "no", "#", "-"):
        start += 1
    if _is_verb(tokens, index):
        return None
    if spelled := _spelled_out(tokens, start, context):
        return spelled
    number = numbers.value_at(start)
    if number is None or not number.written.isdigit():
        return None
    after = tokens[number.end].said if number.end < len(tokens) else ""
    if after in _COUNTED_BY_RUN:
        return None
    known = _run_with(number.written, context)
    if known is None and tokens[index].said != "run":
        return None
    return number.end, known or f"{tokens[index].text} {number.written}"


def _spelled_out(tokens: Sequence[Token], start: int, context: Context) -> tuple[int, str] | None:
    """ "run one oh eight", which Whisper may write as "1 or 8", "1.08" or "1-08", where there is such a run."""
    said = [token.said for token in tokens[start : start + 3]]
    if len(said) == 3 and said[1] == "or" and (run := _run_with(f"{said[0]}0{said[2]}", context)):
        return start + 3, run
    joined = len(said) == 3 and said[1] == "-" and (said[0] + said[2]).isdigit()
    if joined and not _run_with(said[0], context) and (run := _run_with(said[0] + said[2], context)):
        return start + 3, run  # "Run 2-14"
    if said and "." in said[0] and (run := _run_with(said[0].replace(".", ""), context)):
        return start + 1, run
    return None


def _run_with(number: str, context: Context) -> str | None:
    """The only run with this number."""
    known = [run for run in context.runs if run.rpartition("/")[2].lstrip("#") == number]
    return known[0] if len(known) == 1 else None


def _is_verb(tokens: Sequence[Token], index: int) -> bool:
    before = tokens[index - 1].said if index else ""
    if before == "to":
        return index < 2 or tokens[index - 2].said not in _TO_RUN
    return before in _VERB_BEFORE_RUN
