"""Recognises spoken names and gives them the spelling the run uses: "val acc" → `val_acc`, "L R" → `lr`."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from nlp.misheard import SURE_WORDS, Misheard, is_everyday
from nlp.number_words import DIGITS, SPLITS, TEENS, TENS, words
from nlp.spoken_numbers import NumberReader
from nlp.spoken_tokens import Token, tokens_of
from nlp.values import Context

_DATA = Path(__file__).parent / "data"
_LONGEST = 10  # tokens
_WHOLE_RATE = re.compile(r"(?:base|max|peak|init|initial|start)_(?:lr|learning_rate)")
_JOINTS = frozenset(("-", "_", "/", ".", "&"))
_SPOKEN_JOINTS = frozenset(words("dot slash underscore dash hyphen"))
_FUNCTION_WORDS = frozenset(
    words(
        "a an the to in on at of is it i we as or so no be by if my do go up us he am are was and for not you this that "
        "with from but can had has all one two"
    )
)
_HOMOPHONES = {"blue": "bleu", "blu": "bleu"}
_BEFORE_A_NAME = frozenset(
    words("the a an set of no our without with more less higher lower use used using add and")
)
_AFTER_A_NAME = frozenset(words("of is was from to at rate steps epochs = point oh value size"))
_EVERYDAY = frozenset(  # said of anything: "name" is no `model.name`
    words(
        "name type path mode size file id key dir root value version kind format tag url user host model data config task split"
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Name:
    """A name that begins at token `first` and ends before token `end`."""

    first: int
    end: int
    written: str


class NameReader:
    """Knows the names of one context, and those every engineer uses."""

    def __init__(self, context: Context) -> None:
        self._own: dict[str, str] = {}
        for name in _own_names(context):
            self._own.setdefault(_key(tokens_of(name)), name)
        nested: dict[str, list[str]] = {}
        for name in context.params:  # "learning rate" may mean the nested optimizer.lr, if it is the only one
            last = _last(name)
            if last == name or last not in _EVERYDAY:
                nested.setdefault(_key(tokens_of(last)), []).append(name)
        rates = [name for name in context.params if re.split(r"[./_]", name)[-1] in ("lr", "rate")]
        if [_WHOLE_RATE.fullmatch(_last(name)) is not None for name in rates] == [True]:
            nested["lr"] = rates  # the run's only one: "learning rate" is its `base_lr`
        for key, those in nested.items():
            if len(those) == 1:
                self._own.setdefault(key, those[0])
        self._own = {
            key: name for key, name in self._own.items() if len(key) > 1 and key not in _FUNCTION_WORDS
        }

        self._plain = {_letters(_parts(tokens_of(name))): name for name in self._own.values()}
        self._letters = {
            letters: name
            for name in self._own.values()
            for form in (name, _last(name))
            if not form.isdigit()  # the number of `digits/1` alone, said "one", names no run
            for letters in _spellings(form)
            if not letters.isdigit()
        }
        plain = {letters for letters in self._plain if letters.isalpha()}
        self._misheard = Misheard(self._letters, _common().keys() | _short_forms().keys(), plain=plain)

    def read(self, tokens: Sequence[Token]) -> Iterator[Name]:
        """The names of a text from left to right, the longest at each place."""
        first = 0
        while first < len(tokens):
            name = self._at(tokens, first)
            if name:
                yield name
            first = name.end if name else first + 1

    def _at(self, tokens: Sequence[Token], first: int) -> Name | None:
        for end in range(min(len(tokens), first + _LONGEST), first, -1):
            window = tokens[first:end]
            if not _is_one_phrase(window):
                if own := self._cut_by_a_stop(tokens, first, end):
                    return Name(first=first, end=end, written=own)
                continue
            key = _key(window)
            plain = _letters(_parts(window))  # "image net" is no `imgnet`
            written = self._own.get(key) or self._plain.get(plain) or _common().get(plain)
            if written and not _is_prose(tokens, first, end, key, written):
                return Name(first=first, end=end, written=written)
            if written and window[0].said == written.lower():  # "Gamma" is `gamma`, and stays as it was heard
                return Name(first=first, end=end, written=window[0].text)
            guessed = (
                None
                if written
                else self._said_with_is(tokens, first, end)
                or self._before_a_number(tokens, first, end)
                or self._misheard.name(window, _FUNCTION_WORDS)
                or _several(tokens, first, end)
            )
            if guessed:
                return Name(first=first, end=end, written=guessed)
        return None

    def _cut_by_a_stop(self, tokens: Sequence[Token], first: int, end: int) -> str | None:
        """ "weight. Decay of 0.01", "weight, decay of 0.01": a pause was taken for the end of a sentence or clause."""
        window, after = tokens[first:end], tokens[end].said if end < len(tokens) else ""
        if (
            len(window) != 3
            or window[1].text not in ".,"
            or (window[1].text == ".") != window[2].text[0].isupper()
        ):
            return None
        if not (window[0].said.isalpha() and window[2].said.isalpha()):
            return None
        no_sentence = window[1].text == "," and not is_everyday(window[0].said)  # "the convnext, tiny"
        follows = no_sentence or after in _AFTER_A_NAME or after[:1].isdigit()
        return self._own.get(_key(window)) if follows else None

    def _before_a_number(self, tokens: Sequence[Token], first: int, end: int) -> str | None:
        """ "blue 29.4", "the blue score" of a run that logs BLEU, but not "the blue line"."""
        after = tokens[end].said if end < len(tokens) else ""
        meant = _HOMOPHONES.get(tokens[first].said) if end - first == 1 else None
        return self._plain.get(meant) if meant and (after == "score" or after[:1].isdigit()) else None

    def _said_with_is(self, tokens: Sequence[Token], first: int, end: int) -> str | None:
        """ "validation losses 0.3" was "validation loss is 0.3", but "batch sizes 32 and 64" are several."""
        last, after = tokens[end - 1], tokens[end].text if end < len(tokens) else ""
        if (
            end - first < 2
            or not after[:1].isdigit()
            or not last.said.endswith("s")
            or last.said.endswith("ss")
            or last.said == "s"  # of "3s": nothing would be left of it
        ):
            return None
        if end + 1 < len(tokens) and tokens[end + 1].said in (",", "and", "or", "to") and "." not in after:
            return None
        if last.said in SURE_WORDS:  # "the learning rate was 0.1"
            return None
        ending = "es" if last.said.endswith("sses") else "s"
        single = [*tokens[first : end - 1], replace(last, text=last.text.removesuffix(ending))]
        name = self._own.get(_key(single)) or self._misheard.name(single, _FUNCTION_WORDS)
        return f"{name} is" if name else None


def _several(tokens: Sequence[Token], first: int, end: int) -> str | None:
    """ "A 100s", "H one hundreds": several of what everybody calls so."""
    last = tokens[end - 1]
    if end - first < 2 or last.said not in ("s", "hundreds"):
        return None
    single = list(tokens[first : end - 1])
    if last.said == "hundreds":
        single.append(replace(last, text="hundred"))
    written = _common().get(_letters(_parts(single)))
    article = tokens[first].text == "a" or (
        tokens[first].text == "A" and (not first or tokens[first - 1].text == ".")
    )
    return f"{written}s" if written and written[-1].isdigit() and not article else None


def _own_names(context: Context) -> Iterable[str]:
    values = (value for value in context.params.values() if isinstance(value, str) and len(value) < 40)
    groups = (
        context.params,
        context.metrics,
        context.runs,
        context.datasets,
        context.words,
        context.people,
        values,
    )
    return (name for group in groups for name in group if name.strip())


def _last(name: str) -> str:
    """The last part of a nested name."""
    return re.split(r"[./]", name)[-1]


def _spellings(name: str) -> Iterator[str]:
    """The letters of a name, as it is and with its short forms spelled out."""
    parts = re.findall(r"[a-z]+|[0-9]+", name.lower())
    yield "".join(parts)
    yield "".join(_long_forms().get(part, part) for part in parts).replace(" ", "")
    yield "".join(_number_words().get(part, part) for part in parts)


def _is_one_phrase(window: Sequence[Token]) -> bool:
    """Words next to each other; signs only inside, where they join: "ResNet-50", "train/loss"."""
    for index, token in enumerate(window):
        if token.text[0].isalnum():
            continue
        inside = 0 < index < len(window) - 1 and token.text in _JOINTS
        if not inside or window[index - 1].end != token.start or window[index + 1].start != token.end:
            return False
    return window[-1].said not in _SPOKEN_JOINTS and window[0].said not in _SPOKEN_JOINTS


def _is_prose(tokens: Sequence[Token], first: int, end: int, key: str, written: str) -> bool:
    """Whether these words only happen to look like the name."""
    window = [token for token in tokens[first:end] if token.text[0].isalnum()]
    before = tokens[first - 1].said if first else ""
    if len(window) == 1:
        token = window[0]
        if (
            token.said == written.lower()
        ):  # only the case differs: "Loss" begins a sentence, "LR" and "Adamw" do not
            return token.text != written and written.islower() and len(written) > 3
        return _short_forms().get(before, before) in SPLITS
    if all(token.text.isalpha() and len(token.text) > 1 for token in window):
        last = "w" if window[-2].said == "double" else window[-1].said  # "adam double you"
        if window[0].said in _FUNCTION_WORDS or last in _FUNCTION_WORDS - {"up", "one", "two"}:
            return True
        if key == written.lower() and window[-1].said in (
            "out",
            "up",
            "down",
            "off",
        ):  # "samples drop out" is no dropout, "set drop out to zero" is
            after = tokens[end].said if end < len(tokens) else ""
            return not (
                before in _BEFORE_A_NAME or after in _AFTER_A_NAME or after[:1].isdigit() or after in DIGITS
            )
    elif window[0].said == "a" and key[0] == "a" and len(window[1].text) > 1 and window[1].said != "one":
        return True
    return _short_forms().get(before, before) in SPLITS and _short_forms().get(window[0].said) == key


def _key(tokens: Sequence[Token]) -> str:
    """What names that mean the same have in common: letters and digits, long words as their short forms."""
    return _letters(_shortened(_parts(tokens)))


def _letters(parts: Iterable[str]) -> str:
    return re.sub(r"[^a-z0-9]", "", "".join(parts))


def _parts(tokens: Sequence[Token]) -> list[str]:
    """The words and numbers of a name, numbers as digits."""
    words = [token for token in tokens if token.text[0].isalnum() and token.said not in _SPOKEN_JOINTS]
    reader, parts, index = NumberReader(words), [], 0
    while index < len(words):
        said = words[index].said
        number = reader.value_at(index)
        if number:
            parts.append(number.written.lower())
            index = number.end
        elif said == "double" and index + 1 < len(words) and words[index + 1].said in ("u", "you", "w"):
            parts.append("w")
            index += 2
        else:
            parts.append(said)
            index += 1
    return parts


def _shortened(parts: list[str]) -> Iterator[str]:
    index = 0
    while index < len(parts):
        for size in (5, 4, 3, 2, 1):
            some = parts[index : index + size]
            short = _short_forms().get(" ".join(some)) or _short_forms().get("".join(some))
            if short and index + size <= len(parts):
                yield short
                index += size
                break
        else:
            yield parts[index]
            index += 1


@cache
def _short_forms() -> Mapping[str, str]:
    """Each long form with its short one."""
    return {long: short for short, longs in _table("spoken_parts.txt") for long in longs}


@cache
def _long_forms() -> Mapping[str, str]:
    """Each short form with its usual long one."""
    return {short: longs[0] for short, longs in _table("spoken_parts.txt")}


@cache
def _number_words() -> Mapping[str, str]:
    """Numbers as one word: Whisper may write "cifarten"."""
    return {str(value): word for word, value in (TEENS | TENS).items()} | {
        digit: word for word, digit in DIGITS.items()
    }


@cache
def _common() -> Mapping[str, str]:
    """The names every engineer uses, by the key of each way to say them."""
    forms = [(form, written) for written, spoken in _table("spoken_names.txt") for form in (written, *spoken)]
    return {_letters(_parts(tokens_of(form))): written for form, written in forms}


def _table(name: str) -> list[tuple[str, list[str]]]:
    """The lines `LEFT = RIGHT, RIGHT` of a data file."""
    lines = (_DATA / name).read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("=") for line in lines if line.strip() and not line.startswith("#")]
    return [
        (left.strip(), [form.strip() for form in right.split(",") if form.strip()])
        for left, _, right in pairs
    ]
