"""What Whisper tore apart or glued together: "1 28" for 128, "dropout.2", "lr-1e-3", "from 128-32", "beta 2.95"."""

import re
from collections.abc import Sequence
from itertools import pairwise

from nlp.number_words import SIZED, UNITS, is_size
from nlp.spoken_numbers import Number
from nlp.spoken_tokens import Token
from nlp.values import Context

_WRITTEN = re.compile(r"\d+(?:,\d+)*(?:\.\d+)?")
_ADAMS = re.compile(r"beta [12]\.[89]\d*")
_ROUND_A_SIZE = 4  # tokens before it, one after it


def torn_size(tokens: Sequence[Token], index: int, *, counted: bool) -> tuple[int, str] | None:
    """ "1 28", "10 24", "5 1 2", "250-6" where a size is spoken of, or after a param of the run that is `counted`."""
    for count in (3, 2):
        part = tokens[index : index + count]
        if len(part) < count:
            continue
        heard = "".join(" " * (token.start - before.end) + token.text for before, token in pairwise(part))
        heard, end = part[0].text + heard, index + count
        if re.fullmatch(r"[1-9] \d \d|[1-9]\d? [1-9]\d", heard):
            value = int(heard.replace(" ", ""))
        elif re.fullmatch(r"[1-9]\d?0-[1-9]", heard):
            value = sum(int(number) for number in heard.split("-"))
        else:
            continue
        around = (*tokens[max(0, index - _ROUND_A_SIZE) : index], *tokens[end : end + 1])
        sized = counted or any(token.said in SIZED for token in around)
        usual = is_size(value) or (counted and "-" in heard and value % 8 == 0)  # "batch size 60-4"
        return (end, str(value)) if sized and usual else None
    return None


def numbered_name(tokens: Sequence[Token], index: int, context: Context) -> tuple[int, str] | None:
    """ "beta 2.95" as the run's `beta2` and 0.95, where it is a share; Adam's betas also without a run."""
    number = tokens[index + 1].text if index + 1 < len(tokens) else ""
    if not re.fullmatch(r"\d\.\d+", number):
        return None
    name = f"{tokens[index].said}{number[0]}"
    logged = context.params.get(name, context.metrics.get(name))
    share = isinstance(logged, float) and 0 <= logged <= 1
    share = share or (
        bool(_ADAMS.fullmatch(f"{tokens[index].said} {number}")) and "beta" not in context.params
    )
    return (index + 2, f"{name} 0.{number[2:]}") if share else None


def is_stuck_decimal(tokens: Sequence[Token], index: int) -> bool:
    """The ".2" of "label smoothing.2", the ".1" of "train.1", and ".1.5" for "point one five"."""
    if index + 1 >= len(tokens) or tokens[index].text != "." or not tokens[index + 1].text[0].isdigit():
        return False
    return _touch(tokens, index) and _touch(tokens, index + 1)


def is_glued_number(tokens: Sequence[Token], index: int) -> bool:
    """The hyphen of "lr-1e-3"."""
    if index + 1 >= len(tokens) or tokens[index].text != "-" or not tokens[index + 1].text[0].isdigit():
        return False
    return _touch(tokens, index) and _touch(tokens, index + 1)


def is_glued_value(
    tokens: Sequence[Token], index: int, value: Number, *, counted: bool, joined: bool
) -> bool:
    """The "2.03" of "rmse2.03", the "15" of "mask15" where that is `counted`, the "2" of "images per gpu2", but not of "mAP50".

    `joined`: the name is the run's own and of several parts, so that it has no number of its own behind it.
    """
    if index >= len(tokens) or not tokens[index].text[0].isdigit() or not _touch(tokens, index):
        return False
    after = value.end + (value.end < len(tokens) and tokens[value.end].text in ".,;:!?")
    alone = after >= len(tokens) or not _touch(tokens, after)
    return (
        "." in value.written
        or "e" in value.written
        or (alone and (joined or (counted and len(value.written) > 1)))
    )


def is_glued_word(tokens: Sequence[Token], index: int) -> bool:
    """The "now" of "3e-5now"."""
    return index < len(tokens) and tokens[index].text.isalpha() and _touch(tokens, index)


def is_glued_unit(tokens: Sequence[Token], index: int) -> bool:
    """The "GB" of "11GB", as it is written after a space elsewhere."""
    return index < len(tokens) and tokens[index].said in UNITS and _touch(tokens, index)


def is_clipped_and(tokens: Sequence[Token], index: int) -> bool:
    """The "n" of ", n1e-5"."""
    if tokens[index].said != "n" or not 0 < index < len(tokens) - 1 or tokens[index - 1].text != ",":
        return False
    return tokens[index + 1].text[0].isdigit() and _touch(tokens, index + 1)


def is_range(tokens: Sequence[Token], index: int) -> bool:
    """The hyphen Whisper writes in "from 128-32", "from 91.4%-92.1%", "from 3e-4-1e-4"."""
    if tokens[index].text not in "-–" or not 1 < index < len(tokens) - 1:
        return False
    first = index - 2 if tokens[index - 1].text == "%" else index - 1
    if [token.said for token in tokens[max(0, index - 3) : index - 1]] == ["e", "-"]:
        first = index - 4
    opens = first > 0 and tokens[first - 1].said in ("from", "between")
    numbers = _WRITTEN.fullmatch(tokens[first].text) and _WRITTEN.fullmatch(tokens[index + 1].text)
    return bool(opens and numbers and _touch(tokens, index) and _touch(tokens, index + 1))


def _touch(tokens: Sequence[Token], index: int) -> bool:
    """No space between this token and the one before it."""
    return tokens[index - 1].end == tokens[index].start
