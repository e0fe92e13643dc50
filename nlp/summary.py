"""A note's title and one sentence that says most: always the note's own words."""

import re
from collections.abc import Sequence

from nlp.values import Role, StatedItem

TITLE = 80  # characters
# What a reader of a list wants to know first.
_WEIGHT: dict[Role, float] = {
    "outcome": 1.0,
    "decision": 0.95,
    "problem": 0.9,
    "change": 0.8,
    "hypothesis": 0.6,
    "next_step": 0.55,
    "other": 0.1,
}
_LEADS = (
    "so ",
    "and ",
    "but ",
    "well ",
    "okay ",
    "ok ",
    "um ",
    "uh ",
    "yeah ",
    "also ",
    "then ",
    "like ",
    "right ",
    "hmm ",
    "i mean ",
)
# What is no word of the note: marks of emphasis, a speaker's hesitation, a small word said twice.
_EMPHASIS = re.compile(r"\*\*|(?<!\w)\*(?=\w)|(?<=\w)\*(?!\w)")
_HESITATION = re.compile(
    r",? *(?:\b(?:um+|uh+m?|erm)\b,?(?=\s)|(?<=,) *(?:like|i mean),(?=\s)"
    # "you know" said to nobody in particular, which is not "do you know what"
    r"|(?<!do )(?<!did )(?<!if )(?<!as )(?<!what )\byou know\b(?!\s(?:what|how|why|if|whether|that|who|where|when|of|about)\b),?(?=\s|[.!?]|$))",
    re.IGNORECASE,
)
_STUTTER = re.compile(r"\b(the|a|an|is|it|to|of|in|i|we|so|and)(?:,? \1\b)+", re.IGNORECASE)


def best(items: Sequence[StatedItem]) -> StatedItem | None:
    """The item that says most: a confident role, stated numbers, of a readable length, early."""
    if not items:
        return None
    return max(enumerate(items), key=lambda pair: _worth(pair[1], pair[0]))[1]


def title(text: str) -> str:
    """The sentence cut to `TITLE` characters at a word, without the speaker's run-up, hesitations and marks."""
    plain = _STUTTER.sub(r"\1", _HESITATION.sub("", _EMPHASIS.sub("", " ".join(text.split()))))
    shown = plain.strip(" -*_#>|:,")
    shortened = True
    while shortened:
        shortened = False
        for lead in _LEADS:
            if shown.lower().startswith((lead, lead.strip() + ", ")) and len(shown) > len(lead) + 10:
                shown = shown[len(lead.strip()) :].lstrip(" ,")
                shortened = True
    if len(shown) <= TITLE:
        return shown.rstrip(" .,;:")
    cut = shown[: TITLE - 1]
    for mark in ("; ", " — ", ", ", ". "):
        if (place := cut.rfind(mark)) >= TITLE // 2:
            return cut[:place]
    return cut[: cut.rfind(" ")].rstrip(" .,;:") + "…" if " " in cut else cut + "…"


def _worth(item: StatedItem, place: int) -> float:
    words = len(item.text.split())
    readable = 1.0 if 4 <= words <= 30 else 0.6 if words > 3 else 0.4
    numbers = 0.15 if any(fact.to for fact in item.facts) else 0.0
    return _WEIGHT[item.role] * (0.5 + 0.5 * item.confidence) * readable + numbers - 0.01 * place
