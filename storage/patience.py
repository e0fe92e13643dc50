"""Connecting to a PostgreSQL that may be starting, stopping or recovering just now."""

import time
from typing import Any

import psycopg

PASSING = (
    "starting up",
    "shutting down",
    "recovery mode",
    "not yet accepting",
    "too many clients",
    "terminating",
)


def connect(*args: Any, patience: float, **kwargs: Any) -> psycopg.Connection[Any]:  # noqa: ANN401  psycopg's own
    """psycopg's connect, tried again for `patience` seconds while waiting may help."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return psycopg.connect(*args, **kwargs)
        except psycopg.OperationalError as error:
            if not may_pass(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def may_pass(error: psycopg.OperationalError) -> bool:
    """Whether waiting helps: no server yet, or one that says it is not ready. A refusal stays one."""
    said = str(error)
    return "FATAL" not in said or any(words in said for words in PASSING)
