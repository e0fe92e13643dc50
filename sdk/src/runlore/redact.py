"""Take secrets out of everything that leaves the machine: known key shapes, named assignments, random-looking values."""

import math
import os
import re
from collections.abc import Iterable

MARK = "[redacted]"
SENSITIVE = (
    r"[\w.-]*(?:api[_-]?key|secret|token(?!iz)|passwd|password|passphrase|credential|private[_-]?key|access[_-]?key|auth(?!or))"
    r"[\w.-]*"
)
SHAPES = re.compile(
    "|".join(
        (
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
            r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
            r"\bgh[pousr]_[A-Za-z0-9]{20,}\b",
            r"\bgithub_pat_\w{20,}\b",
            r"\bglpat-[\w-]{15,}",
            r"\bxox[abeprs]-[\w-]{10,}",
            r"\bxapp-[\w-]{10,}",
            r"\bsk-(?:[a-z]+-)*[A-Za-z0-9_-]{20,}",
            r"\bsk_(?:live|test)_\w{10,}",
            r"\bhf_[A-Za-z0-9]{20,}\b",
            r"\brl_[A-Za-z0-9_-]{16,}",
            r"\bAIza[\w-]{30,}",
            r"\bya29\.[\w-]{20,}",
            r"\bnpm_[A-Za-z0-9]{30,}\b",
            r"\bpypi-[\w-]{30,}",
            r"\bSG\.[\w-]{16,}\.[\w-]{16,}",
            r"\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*",
            r"\bhttps://hooks\.slack\.com/\S+",
        )
    )
)
URL_PASSWORD = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]*://)[^\s/@:]*:[^\s/@]+@")
BEARER = re.compile(r"(?i)\b(?P<before>bearer|basic)\s+[A-Za-z0-9+/=._~-]{12,}")
NAMED = re.compile(
    rf"(?i)(?P<before>\b{SENSITIVE}[\"']?\s*(?:=|:|=>)\s*)(?P<quote>[\"']?)(?P<value>[^\s\"',;)}}\]]{{6,}})(?P=quote)"
)
ASSIGNED = re.compile(
    r"(?P<before>\b[A-Za-z_][\w.-]*[\"']?\s*[=:]\s*[\"']?)(?P<value>[A-Za-z0-9+/=_-]{24,})(?![\w./-])"
)
SECRET_ARGUMENT = re.compile(rf"(?i)^--?{SENSITIVE}$")
SECRET_VARIABLE = re.compile(rf"(?i)^{SENSITIVE}$")
# Words that only look like secrets: a value read from somewhere, a type, a number.
HARMLESS = re.compile(
    r"(?i)^(?:none|null|true|false|str|int|os\.\S+|getenv\S*|self\.\S+|args\.\S+|\$\S+|<\S+>|[\d.e+-]+)$"
)
RANDOM_BITS = 4.2


def text(value: str) -> str:
    """The same text without secrets."""
    for secret in _environment_secrets():
        value = value.replace(secret, MARK)
    value = SHAPES.sub(MARK, value)
    value = URL_PASSWORD.sub(rf"\g<before>{MARK}@", value)
    value = BEARER.sub(rf"\g<before> {MARK}", value)
    value = NAMED.sub(_named, value)
    return ASSIGNED.sub(_assigned, value)


def arguments(argv: Iterable[str]) -> list[str]:
    """A command line without secrets, also where the value is the next word."""
    clean: list[str] = []
    hide = False
    for word in argv:
        clean.append(MARK if hide and not word.startswith("-") else text(word))
        hide = bool(SECRET_ARGUMENT.match(word))
    return clean


def entropy(value: str) -> float:
    """Bits a character."""
    return -sum(
        share * math.log2(share) for share in (value.count(letter) / len(value) for letter in set(value))
    )


def _named(match: re.Match[str]) -> str:
    if HARMLESS.match(match["value"]):
        return match[0]
    return f"{match['before']}{match['quote']}{MARK}{match['quote']}"


def _assigned(match: re.Match[str]) -> str:
    value = match["value"]
    mixed = (
        any(c.isdigit() for c in value)
        and any(c.isupper() for c in value)
        and any(c.islower() for c in value)
    )
    return f"{match['before']}{MARK}" if mixed and entropy(value) >= RANDOM_BITS else match[0]


def _environment_secrets() -> list[str]:
    found = [
        value
        for name, value in os.environ.items()
        if len(value) >= 8
        and SECRET_VARIABLE.match(name)
        and not HARMLESS.match(value)
        and "/" not in value[:1]
    ]
    # The longest first: one secret may be the beginning of another.
    return sorted(found, key=len, reverse=True)
