"""Groups what people call problems by their cause, so that a digest tells each cause once and how often."""

import re
from collections import defaultdict
from collections.abc import Sequence

from storage.digest_queries import Said

# The first that fits counts: a crash that was out of memory is told as out of memory.
CAUSES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(words, re.IGNORECASE))
    for name, words in (
        ("out of memory", r"out of (?:gpu |cuda |host )?memory|\boom\b|\boomed\b|memory (?:error|limit|leak)"),
        ("diverged", r"\bnans?\b|diverg|explod|blew up|blows up|spik|unstable|instabil"),
        ("overfitting", r"overfit|memoris|memoriz|does ?n[o']t generali[sz]e|train.{0,30}val.{0,20}gap"),
        ("data", r"leak|duplicat|mislabel|corrupt|label noise|wrong labels?|(?:bad|broken|missing|stale) (?:data|files?|rows?|images?)"),
        ("too slow", r"\bslow|throughput|bottleneck|took too long|takes too long|starv|data ?load(?:er|ing)"),
        ("crashed", r"crash|exception|\w+Error\b|segfault|traceback|killed|\bhangs?\b|\bhung\b|deadlock|stuck|time[ds]? ?out|preempt"),
        ("no gain", r"worse|no (?:gain|improvement|difference)|plateau|stall|did ?n[o']t help|does ?n[o']t help"),
    )
)  # fmt: skip


def cause_of(text: str) -> str | None:
    """The kind of trouble a sentence tells of; None where it names none."""
    return next((name for name, words in CAUSES if words.search(text)), None)


def by_cause(problems: Sequence[Said]) -> list[tuple[str | None, list[Said]]]:
    """The problems grouped, the most frequent cause first, within it the newest first; those of no cause alone and last."""
    groups: dict[str, list[Said]] = defaultdict(list)
    alone: list[tuple[str | None, list[Said]]] = []
    for one in problems:
        cause = cause_of(one.text)
        if cause is None:
            alone.append((None, [one]))
        else:
            groups[cause].append(one)
    ranked = sorted(groups.items(), key=lambda group: -len(group[1]))
    return [*ranked, *alone]
