"""Known shapes of secrets are taken out of what arrives, once more after the SDK did so on the training machine."""

import re
from typing import Any

HIDDEN = "[redacted]"

_SHAPES = re.compile(
    r"""
      \bxox[abeoprs]-[A-Za-z0-9-]{10,} | \bxapp-[A-Za-z0-9-]{10,}            # Slack
    | \brl_[A-Za-z0-9_-]{20,}                                               # ours
    | \bgh[pousr]_[A-Za-z0-9]{20,} | \bgithub_pat_[A-Za-z0-9_]{20,} | \bglpat-[A-Za-z0-9_-]{16,}
    | \bhf_[A-Za-z0-9]{20,} | \bsk-(?:[a-z]+-)*[A-Za-z0-9_-]{20,} | \bAIza[A-Za-z0-9_-]{30,}
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b | \bya29\.[A-Za-z0-9_-]{20,}
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}          # JSON web tokens
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
_ASSIGNED = re.compile(
    r"""(?ix)
    (\b[\w.-]*(?:secret|passw(?:or)?d|passwd|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?token|bearer)[\w.-]*
     ["']?\s*[:=]\s*["']?(?:bearer\s+)?)
    ([^\s"',;)]{8,})
    """
)
_IN_ADDRESS = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^/\s:@]+:)([^/\s@]+)(@)")


def redact(text: str) -> str:
    """The text with secrets replaced; everything else stays as it is."""
    if len(text) < 8:
        return text
    text = _SHAPES.sub(HIDDEN, text)
    text = _IN_ADDRESS.sub(rf"\1{HIDDEN}\3", text)
    return _ASSIGNED.sub(rf"\1{HIDDEN}", text)


def redact_all(value: Any) -> Any:  # noqa: ANN401  JSON of any shape
    """The same for every text inside JSON."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: redact_all(one) for name, one in value.items()}
    if isinstance(value, list):
        return [redact_all(one) for one in value]
    return value
