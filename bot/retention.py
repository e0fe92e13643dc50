"""Forgets what the settings say is old: months of output and points as whole partitions, Slack's deliveries once handled."""

import logging
from datetime import date, timedelta

from sqlalchemy import text

from bot.settings import Settings
from bot.wiring import Services
from storage.database import drop_partition, partitions

log = logging.getLogger(__name__)

MOST_EVENTS = 10_000  # of one sweep, so that none holds its locks for long

_OLD_EVENTS = text(
    "DELETE FROM slack_event WHERE event_id IN (SELECT event_id FROM slack_event"
    " WHERE handled_at IS NOT NULL AND received_at < :before ORDER BY received_at LIMIT :most)"
)


def apply(services: Services) -> int:
    """Drop what is too old by now; returns how many partitions went."""
    today, settings = services.now(), services.settings
    gone = 0
    for table, months in kept_months(settings).items():
        if months is None:
            continue
        with services.database.session() as session:
            for month in partitions(session, table):
                if month < months_before(today.date(), months):
                    gone += drop_partition(session, table, month)
                    log.info("partition_dropped", extra={"table": table, "month": f"{month:%Y-%m}"})
    with services.database.session() as session:
        before = today - timedelta(days=settings.keep_events_days)
        session.execute(_OLD_EVENTS, {"before": before, "most": MOST_EVENTS})
    return gone


def kept_months(settings: Settings) -> dict[str, int | None]:
    """How many whole months each partitioned table keeps; None: for ever."""
    return {"log_chunk": settings.keep_logs_months, "metric_chunk": settings.keep_series_months}


def months_before(day: date, months: int) -> date:
    """The first of the month that lies `months` before the one of `day`."""
    place = day.year * 12 + day.month - 1 - months
    return date(place // 12, place % 12 + 1, 1)
