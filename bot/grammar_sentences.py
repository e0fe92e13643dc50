"""Free sentences that mean a command, and how a question begins."""

import re

PEOPLE = r"(?:who|has|did|have|is|was)(?:\s+(?:has|have|had|did|is|was|else|anyone|anybody|someone|somebody|we|ever|already))*"
PHRASES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), name)
    for pattern, name in (
        (
            PEOPLE + r"\s+(?:tried|try|tested|test|used|use|using|run|explored|attempted)\s+(?P<rest>.+)",
            "who",
        ),
        (r"who(?:'s| is| are)?\s+running(?:\s+(?:what|now|anything|something))*(?:\s+right now)?", "now"),
        (r"what(?:'s| is| are)\s+running(?:\s+now)?", "now"),
        (r"who\s+runs\s+what(?:\s+(?:right\s+)?now)?", "now"),
        (
            r"how\s+(?:did|does|is|was)\s+(?P<rest>this|it|(?:[\w.-]+/|#)\d+)(?:\s+run)?\s+(?:go|do|doing|going|end)",
            "show",
        ),
        (
            r"why\s+(?:did|has|is|was)\s+(?P<rest>this|it|(?:[\w.-]+/|#)\d+)(?:\s+run)?\s+"
            r"(?:get\s+|been\s+)?(?:fail|crash|die|dead|stop|end|kill|abort)\w*(?:\s+here)?",
            "show",
        ),
        (
            r"what\s+(?:happened|changed|went\s+wrong)\s+(?:to\s+|in\s+|with\s+)?(?P<rest>here|this|it)(?:\s+run)?",
            "show",
        ),
        (
            r"(?:please\s+|can you\s+|could you\s+)+(?:list|show)(?:\s+me)?\s+(?:all\s+|the\s+)?runs(?P<rest>(?:\s.*)?)",
            "list",
        ),
        (r"(?:list|show)(?:\s+me)?\s+(?:all\s+)?(?:of\s+)?(?:the\s+)?runs(?P<rest>(?:\s.*)?)", "list"),
        (r"(?:list|show)(?:\s+me)?\s+my\s+runs(?P<rest>(?:\s.*)?)", "mine"),
        (r"my\s+runs(?P<rest>(?:\s.*)?)", "mine"),
        (r"(?:please\s+|can you\s+|could you\s+)+compare\s+(?P<rest>.+)", "compare"),
        (
            r"how\s+(?:does|do|did)\s+(?:this|it)(?:\s+run)?\s+compare\s+(?:to|with|against)\s+(?P<rest>.+)",
            "compare",
        ),
        (r"how\s+(?:does|do|did)\s+(?P<rest>\S+\s+compare\s+(?:to|with|against)\s+.+)", "compare"),
        (
            r"(?:please\s+|can you\s+|could you\s+)*(?:show|tell)\s+me\s+(?P<rest>(?:what|who|which|how|why|when|where|whether)\b.+)",
            "who",
        ),
        (r"(?:please\s+|can you\s+|could you\s+)*(?:show|tell)\s+me\s+(?:about\s+)?(?P<rest>.+)", "show"),
        (
            r"(?:what|which)(?:'s|\s+is|\s+was|\s+run\s+(?:has|had|got|reached))?\s+the\s+best\s+"
            r"(?P<rest>[\w./-]*(?:loss|acc|accuracy|f1|auc|bleu|ppl|perplexity|bpb|wer|error|score|iou)[\w./-]*)(?:\s+(?:so\s+far|yet|ever))?",
            "best",
        ),
        (r"what\s+(?:is|was|happened\s+(?:to|in|with))\s+(?P<rest>(?:[\w.-]+/|#)\d+)", "show"),
        (
            r"what\s+(?:happened|moved|changed|is new|did we do|did we try)(?:\s+here)?(?:\s+(?P<rest>today|yesterday|this week|last week))?",
            "digest",
        ),
        (r"(?:please\s+)?(?:be quiet|stop posting|shut up|silence)", "mute"),
        (r"(?:please\s+)?(?:make a note|note down|remember)(?:\s+that)?:?\s+(?P<rest>.+)", "note"),
    )
)

ASKS = re.compile(
    r"(?:who|whose|what|what's|which|why|how|when|where|did|does|do|has|have|had|was|were|is|are|any|anyone|anybody|anything"
    r"|can|could|would|should)\b",
    re.IGNORECASE,
)
"""How a question begins. Whoever names no command and asks in so many words is answered from what people wrote."""

DOES = re.compile(
    r"(?:got|gets|reached|hit|beat|works|worked|working|kept|keeps|dropped|drops|removed|abandoned|decided|wrote|said|thinks|thought"
    r"|knows|owns|made|saw|needs|improved)\b",
    re.IGNORECASE,
)
"""What somebody did, after `who`: "who got val_acc above 0.9" does not ask who tried "got"."""


def is_question(said: str) -> bool:
    """Whether a text begins as a question and is more than two words, or marked as one: "why did we drop warmup"."""
    return bool(ASKS.match(said)) and len(said.split()) > (1 if said.endswith("?") else 2)
