"""Finds what a stated number belongs to: the words before it ("weight decay of 0.1") or after it ("8 heads")."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nlp.sentences import Token

IDENTIFIER = re.compile(r"[A-Za-z_]\w*(?:[._/]\w+)+|[A-Z][A-Z\d_]{2,}|[a-z]+[A-Z]\w*|\w+_\w+|\w+@\d+")
_ASSIGNED = re.compile(
    r"(?P<name>[A-Za-z_][\w./@-]*(?:\s[a-z]\w*)?(?:\([\w, ]*\))?)\s?(?:=|:=|==|≈|~)\s?[\"']?$"
)
_INDEX = re.compile(r"\b(?:layers?|seeds?|blocks?|folds?|stages?|ranks?|experts?|heads?) $", re.IGNORECASE)
_CELL = re.compile(r"^\s*\|\s*(?P<name>[^|]{1,40}?)\s*\|\s*$")  # a row of a table with a name and its value
_COMPARED = re.compile(r"(?P<name>[A-Za-z_][\w.]*)\s?(?=[<>≤≥])")
_CALLED = re.compile(r"(?P<name>[A-Za-z_][\w.]*)\($")
_LABELLED = re.compile(
    r"(?:^|[|,;(—–]\s*|\*\*|[.]\s)(?P<name>[^|,;:()=]{1,60}?)\**:\**\s*(?:about |around |approx\.? )?$"
)
# What may stand between a name and its value: "the loss went down to about 3.2".
_BETWEEN = re.compile(
    r"(?:\s|\b(?:of|is|was|are|were|at|to|by|be|now|still|back|down|up|only|just|about|around|roughly|approximately|approx\.?|nearly"
    r"|almost|exactly|went|goes|got|reached|reaches|reaching|hit|hits|dropped|drops|fell|falls|rose|rises|increased|decreased"
    r"|improved|jumped|climbed|reduced|lowered|raised|scaled|cut|bumped|pushed|brought|moved|extended|put|turned|ended|ends|finished|settled|stays|stayed|sits|lands|landed|comes|came|set|out"
    r"|below|under|above|over|from|between|equals?|like|in|on|all|the|way|a|an|with|using|value|its|it|has|had|being|capped|fixed|crop)\b"
    r"|\b(?:can|could|may|might|will|would) (?:also |probably |then )*be \w+(?:ed|ught|ut)\b|\\approx|[~≈→($]|->|-->|=>|&rarr;)*$",
    re.IGNORECASE,
)
_STOPS = re.compile(
    r"a|an|the|this|that|these|those|our|my|its|their|his|her|your|with|without|using|use|and|or|but|"
    r"for|from|to|in|on|at|by|of|as|than|then|so|we|i|it|they|he|she|you|is|are|was|were|be|been|has|"
    r"have|had|when|if|while|since|because|which|who|over|under|above|below|into|after|before|until|"
    r"around|about|only|just|also|still|now|not|no|same|all|each|every|both|per|via|vs|versus|more|"
    r"less|most|than|got|get|gets|gives|gave|had|reached|reduce|reduced|increase|increased|lower|"
    r"lowered|raise|raised|set|keep|kept|use|used|bump|bumped|drop|dropped|change|changed|try|tried|"
    r"went|do|does|did|am|being|'s|'m|'re|'ve|something|anything|nothing|everything|somebody|anybody|nobody|"
    r"everybody|someone|anyone|everyone"
)
_PLAIN_NUMBER = re.compile(r"\d[\d.,]*%?")
_NAME_TAGS = frozenset(
    {
        "NN", "NNS", "NNP", "NNPS", "JJ", "JJR", "JJS", "RB", "RBR", "RBS", "VB", "VBD", "VBG", "VBN", "VBP", "VBZ",
        "CD", "FW", "LS", "ADD", "XX", "SYM", "$", "UH", "POS", "TO",
    }
)  # fmt: skip
_RIGHT = re.compile(
    r"(?P<gap>[\s-]|^)(?P<name>(?:[A-Za-z][\w+'/-]*)(?:[ -][A-Za-z][\w+'/-]*){0,3})",
)
LONGEST_NAME = 5  # words
LONGEST_BRIDGE = 40  # characters between a name and its value; further back is nothing but time lost
_BARS = 3  # of a row with two cells


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A name for a number, where it stands, and how it was attached to the number."""

    name: str
    start: int
    end: int
    by: str  # assigned, labelled, before, after


def assigned(text: str, at: int) -> Named | None:
    """`NAME=` or `Name:` right before this place."""
    if match := _ASSIGNED.search(text[:at]):
        name = match["name"]
        head, _, tail = name.partition(" ")
        shown = name if not tail or not IDENTIFIER.fullmatch(tail) else tail
        del head
        return Named(name=shown, start=match.start(), end=match.end("name"), by="assigned")
    glued = _COMPARED.match(text, _word_start(text, at)) or _CALLED.search(text[:at])
    if glued and glued.end() == at and not _stopped(glued["name"]):
        return Named(name=glued["name"], start=glued.start(), end=glued.end("name"), by="assigned")
    cell = _CELL.search(text[:at]) if text.count("|") <= _BARS else None
    if match := _LABELLED.search(text[:at]) or cell:
        name = match["name"].strip(" *`_-")
        if name and len(name.split()) <= LONGEST_NAME:
            return Named(name=name, start=match.start("name"), end=match.end("name"), by="labelled")
    return None


def may_name(token: Token) -> bool:
    """Whether a word may be part of a name."""
    if _STOPS.fullmatch(token.text.lower()):
        return False
    return token.tag in _NAME_TAGS or bool(IDENTIFIER.fullmatch(token.text))


def before(text: str, at: int, tokens: Sequence[Token]) -> Named | None:
    """The noun phrase that leads to this place."""
    bridge = _BETWEEN.search(text, max(0, at - LONGEST_BRIDGE), at)
    end = bridge.start() if bridge else at
    words: list[Token] = []
    for token in reversed([token for token in tokens if token.end <= end]):
        if words and words[-1].start - token.end > 1:
            break
        low = token.text.lower()
        if _PLAIN_NUMBER.fullmatch(low):
            if text[end:at].strip():
                return None  # "3 epochs on 18k": the words are counted already
            break
        if not may_name(token):
            if token.text in ("-", "/", "'s") and words:
                words.append(token)
                continue
            break
        words.append(token)
        if len(words) >= LONGEST_NAME:
            break
    words.reverse()
    while words and words[0].text in ("-", "/", "'s"):
        words.pop(0)
    if not words or not any(char.isalpha() for char in text[words[0].start : words[-1].end]):
        return None
    return Named(
        name=text[words[0].start : words[-1].end], start=words[0].start, end=words[-1].end, by="before"
    )


def after(text: str, at: int, known: Callable[[str], bool]) -> Named | None:
    """The shortest phrase right behind this place whose tail is known ("12 new embedding layers")."""
    match = _RIGHT.match(text, at)
    if match is None:
        return None
    start = match.start("name")
    ends = [part.end() for part in re.finditer(r"[\w+'/]+", text[start : match.end()])]
    for end in ends:
        phrase = text[start : start + end]
        if _stopped(phrase):
            return None
        if known(phrase):
            longer = [
                more for more in ends if more > end and _plain_and_known(text[start : start + more], known)
            ]
            end = longer[0] if longer and text[start + end] in " -" else end
            return Named(name=text[start : start + end], start=start, end=start + end, by="after")
    return None


def _word_start(text: str, at: int) -> int:
    """Where the word that ends here began."""
    word = re.search(r"[\w.]*\s?$", text[:at])
    return word.start() if word else at


def is_index(text: str, at: int) -> bool:
    """Whether the number here only says which one: "layer 3", "seeds 0 to 7"."""
    return bool(_INDEX.search(text[:at]))


def _stopped(phrase: str) -> bool:
    return any(_STOPS.fullmatch(word.lower()) for word in phrase.split())


def _plain_and_known(phrase: str, known: Callable[[str], bool]) -> bool:
    return known(phrase) and not _stopped(phrase)
