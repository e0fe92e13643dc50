"""Text to sentence spans: made for terse notes, bullets, logs, tables, code and decimals."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Shape = Literal["prose", "bullet", "todo", "heading", "row", "code"]

# A full stop after one of these ends nothing ("approx. 3 h", "vs. baseline", "incl. warmup").
_ABBREVIATIONS = re.compile(
    r"al|approx|avg|ca|cf|dr|e\.g|eg|eq|eqs|esp|est|exp|fig|figs|i\.e|ie|incl|max|min|mr|ms|nb|no|nos|"
    r"p|pp|prev|prof|ref|refs|resp|sec|st|tab|temp|vol|vs|w\.r\.t|wrt"
)
_FENCE = re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_MARKER = re.compile(
    r"[ \t]*(?:>[ \t]?)*(?P<mark>#{1,6}[ \t]+|[-*+•‣▪–—→][ \t]+|\[[ xX]?\][ \t]*|\(?\d{1,2}[.)][ \t]+|:[a-z_]+:[ \t]+)?"
    r"(?:\[[ xX]?\][ \t]+)?"
)
_OPEN_BOX = re.compile(r"\[ ?\]")
_END = re.compile(r"(?P<stop>[.!?…]+)[\"'”’)\]*_]*(?P<gap>\s+)")
_RULE = re.compile(r"[\s|:=+*_-]*")
_SOFT_WRAP = 60  # a line at least this long that ends mid-sentence was wrapped by an editor
_OPENERS = "\"'“‘([*_`@#<-+~"


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """One sentence: its span without bullet or heading marks, and what kind of line it stood on."""

    start: int
    end: int
    shape: Shape


def segments(text: str) -> list[Segment]:
    """Every sentence of the text in order; spans never overlap and are never blank."""
    found: list[Segment] = []
    reached = 0
    for fence in _FENCE.finditer(text):
        found.extend(_lines(text, reached, fence.start()))
        found.append(
            Segment(start=fence.start(), end=_rstrip(text, fence.start(), fence.end()), shape="code")
        )
        reached = fence.end()
    found.extend(_lines(text, reached, len(text)))
    return found


def _lines(text: str, start: int, end: int) -> Iterator[Segment]:
    """Sentences of a stretch without code fences, block by block."""
    for first, last, shape in _blocks(text, start, end):
        if shape == "row":
            yield Segment(start=first, end=last, shape=shape)
        else:
            for left, right in _sentences(text, first, last):
                yield Segment(start=left, end=right, shape=shape)


def _blocks(text: str, start: int, end: int) -> Iterator[tuple[int, int, Shape]]:
    """Lines, with wrapped ones joined: (start, end, shape) without their marks."""
    open_start: int | None = None
    open_end = 0
    open_shape: Shape = "prose"
    for line in re.finditer(r"[^\r\n]+", text[start:end]):
        left, right = start + line.start(), _rstrip(text, start + line.start(), start + line.end())
        marker = _MARKER.match(text, left, right)
        content = marker.end() if marker else left
        if _RULE.fullmatch(text, content, right):
            continue
        blank_between = text.count("\n", open_end, left) > 1
        joins = (
            open_start is not None
            and not (marker and marker["mark"])
            and not blank_between
            and open_shape in ("prose", "bullet", "todo")
            and open_end - text.rfind("\n", 0, open_end) - 1 >= _SOFT_WRAP
            and text[open_end - 1] not in ".!?:;|"
            and (text[content].islower() or text[open_end - 1] == ",")
        )
        if joins:
            open_end = right
            continue
        if open_start is not None:
            yield open_start, open_end, open_shape
        open_start, open_end = content, right
        open_shape = "todo" if _OPEN_BOX.search(text, left, content) else _shape(text[content:right], marker)
    if open_start is not None:
        yield open_start, open_end, open_shape


def _shape(content: str, marker: re.Match[str] | None) -> Shape:
    mark = marker["mark"] if marker else None
    if mark and mark.startswith("#"):
        return "heading"
    if content.startswith("|") and content.count("|") >= 2:
        return "row"
    return "bullet" if mark else "prose"


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    left = start
    for stop in _END.finditer(text, start, end):
        if stop.end() < end and _ends_sentence(text, left, stop, end):
            yield left, stop.start("gap")
            left = stop.end()
    if left < end:
        yield left, end


def _ends_sentence(text: str, left: int, stop: re.Match[str], end: int) -> bool:
    """Whether the stop is a sentence's end and not an abbreviation, an ellipsis or a cut name."""
    if _open_bracket(text[left : stop.start()]) and "\n" not in stop["gap"]:
        return False
    following = text[stop.end()]
    word = re.search(r"\S*$", text[left : stop.start()])
    before = word.group().lstrip("(\"'").lower() if word else ""
    if stop["stop"] == ".":
        if _ABBREVIATIONS.fullmatch(before) or re.fullmatch(r"(?:[a-z]\.)*[a-z]", before):
            return False
        if re.fullmatch(r"\d{1,2}", before) and stop.start() - left == len(before):
            return False  # "1. lower the lr" inside a line
    if stop["stop"] in ("...", "…", "..") and not following.isupper():
        return False
    return following.isalnum() or following in _OPENERS or ord(following) > 0x2000


def _open_bracket(text: str) -> bool:
    return text.count("(") > text.count(")") or text.count("[") > text.count("]")


def _rstrip(text: str, start: int, end: int) -> int:
    return start + len(text[start:end].rstrip())


_CLAUSE = re.compile(
    r"(?P<cut>;\s+|\s+[—–]\s+|\s+--?\s+|,?\s+(?=(?:but|so|because|since|although|though|therefore|hence|however)\b)"
    r"|,\s+(?=(?:and|then|next|which|while|let's|we|i|will|probably|maybe)\b))",
    re.IGNORECASE,
)
CLAUSE_WORDS = 4  # a shorter piece carries no role of its own


def clauses(text: str) -> list[tuple[int, int]]:
    """Where a long sentence might be cut, as spans; one span where it should stay whole."""
    cuts = [0]
    spans: list[tuple[int, int]] = []
    for cut in _CLAUSE.finditer(text):
        left, right = text[cuts[-1] : cut.start()], text[cut.end() :]
        if min(len(left.split()), len(right.split())) < CLAUSE_WORDS or _open_bracket(text[: cut.start()]):
            continue
        spans.append((cuts[-1], cut.start()))
        cuts.append(cut.end())
    return [*spans, (cuts[-1], len(text))]
