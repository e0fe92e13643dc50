"""Logs as one JSON object a line: a constant event name and fields, never message bodies, tokens or addresses with secrets."""

import json
import logging
import sys
from datetime import UTC, datetime

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
QUIET = (
    "procrastinate",
    "slack_bolt",
    "slack_sdk",
    "httpx",
    "uvicorn.access",
    "apscheduler",
    "alembic",
    "asyncio",
)


class JsonLines(logging.Formatter):
    """time, level, event, logger, and the fields given with `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "event": record.getMessage(),
            "logger": record.name,
        }
        line |= {name: value for name, value in vars(record).items() if name not in STANDARD}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def configure_logging(level: str) -> None:
    """Log to stderr; libraries that would log what people wrote (jobs with their arguments) only when they fail."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Job arguments are ids only, but a failed job's log line would carry the exception's message as well.
    logging.getLogger("procrastinate.worker").setLevel(logging.ERROR)
