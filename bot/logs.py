"""Logs as one JSON object a line: a constant event name and fields, never message bodies, tokens or addresses with secrets."""

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

from bot.redact import redact

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
OURS = ("bot", "nlp", "storage")

_about: ContextVar[dict[str, object]] = ContextVar("about", default={})  # noqa: B039  never written to: see `also_about`


@contextmanager
def about(**fields: object) -> Iterator[None]:
    """Every line that is logged inside says what it is about: a request, a run, a job."""
    before = _about.set({**_about.get(), **fields})
    try:
        yield
    finally:
        _about.reset(before)


def also_about(**fields: object) -> None:
    """What turned out on the way: the lines of whoever began `about` say it too."""
    if known := _about.get():
        known.update(fields)


class JsonLines(logging.Formatter):
    """time, level, event, logger, what it is about, and the fields given with `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        ours = is_ours(record)
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "event": record.getMessage() if ours else "library_said",
            "logger": record.name,
        }
        line |= _about.get()
        if ours:
            line |= {name: value for name, value in vars(record).items() if name not in STANDARD}
        else:  # its words may quote a request, a job or a row: only where it spoke is logged
            where = f"{record.filename}:{record.lineno}"
            line["at"] = (
                Path(record.getMessage().partition(": ")[0]).name if record.name == "py.warnings" else where
            )
        if record.exc_info and record.exc_info[0] is not None:
            # Its message may quote what people wrote: only where it happened is logged.
            line["error"] = record.exc_info[0].__name__
            line["trace"] = [
                f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(record.exc_info[2])
            ]
        return redact(json.dumps(line, default=str, ensure_ascii=False))


def kind_of(error: BaseException) -> str:
    """What kind of failure it is, as the database calls it where it is the database's: DiskFull rather than OperationalError."""
    return type(getattr(error, "orig", None) or error).__name__


def is_ours(record: logging.LogRecord) -> bool:
    """Whether the bot itself says it, by a constant name."""
    return record.name.partition(".")[0] in OURS


def is_told(record: logging.LogRecord) -> bool:
    """All of ours; of libraries warnings, of slack_bolt (it warns at every start) errors."""
    least = logging.ERROR if record.name.startswith("slack_bolt") else logging.WARNING
    return is_ours(record) or record.levelno >= least


def configure_logging(level: str) -> None:
    """Log to stderr; libraries are heard from warnings on, and never in their own words."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(is_told)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    # What Slack answered, and that a database is away, is told by us in our own words.
    logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    # Job arguments are ids only, but a failed job's log line would carry the exception's message as well.
    logging.getLogger("procrastinate.worker").setLevel(logging.ERROR)
