"""What the bot shows an operator in figures: what this process counted, and what the database holds just now."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Histogram, generate_latest
from sqlalchemy import text
from sqlmodel import Session

from bot.errors import SlackBusy, SlackDoubtful, SlackRefused

__all__ = ["CONTENT_TYPE", "PARTS", "REGISTRY", "Level", "exposition", "levels", "shown", "slack_call"]

CONTENT_TYPE = CONTENT_TYPE_LATEST
PARTS = ("queue", "outbox", "events", "runs", "workers", "database")

POINTS = Counter("runlore_ingest_points_total", "Metric points taken in")
BATCHES = Counter(
    "runlore_ingest_batches_total", "Batches: taken, repeated, or not the next one", ["outcome"]
)
LAG = Histogram(
    "runlore_ingest_lag_seconds", "From the trainer's sending to our taking in, by the trainer's clock"
)
REQUESTS = Histogram("runlore_http_seconds", "Time an HTTP request took", ["route", "status"])
SLACK = Histogram("runlore_slack_seconds", "Time a Slack Web API call took", ["method"])
REFUSALS = Counter("runlore_slack_refusals_total", "Calls that Slack refused for good", ["method", "error"])
BUSY = Counter("runlore_slack_busy_total", "Calls that Slack put off (429 or nobody there)", ["method"])
DOUBTFUL = Counter("runlore_slack_doubtful_total", "Calls whose answer was lost", ["method"])
HEARD = Counter("runlore_transcribed_audio_seconds_total", "Seconds of audio transcribed")
HEARING = Counter("runlore_transcription_seconds_total", "Seconds that transcription took")
REAL_TIME = Histogram(
    "runlore_transcription_real_time_factor",
    "Transcription time by audio time, a memo each",
    buckets=(0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.0),
)
ASK = Histogram("runlore_ask_seconds", "Time an answer took, from question to findings")
LOST = Counter("runlore_runs_lost_total", "Runs that were declared lost")
STALLED = Counter("runlore_jobs_stalled_total", "Jobs taken back from dead workers", ["queue"])

# What waits behind the rest on purpose (an import's readings) is counted, and is no sign of trouble by its age.
_STATE = text(
    """
    SELECT 'queue' AS part, job.queue_name AS name, job.status::text AS state, count(*) AS number,
        extract(epoch FROM now() - min(event.at) FILTER (WHERE job.priority >= 0)) AS oldest
    FROM procrastinate_jobs job LEFT JOIN LATERAL (
        SELECT max(at) AS at FROM procrastinate_events
        WHERE job_id = job.id AND type IN ('deferred', 'deferred_for_retry', 'scheduled')
    ) event ON true
    WHERE job.status IN ('todo', 'doing') AND (job.scheduled_at IS NULL OR job.scheduled_at <= now())
    GROUP BY job.queue_name, job.status
    UNION ALL
    SELECT 'outbox', CASE WHEN lane LIKE 'edit:%' THEN 'edits' ELSE 'posts' END, 'waiting', count(*),
        extract(epoch FROM now() - min(created_at))
    FROM outbox WHERE state IN ('waiting', 'sending') GROUP BY 2
    UNION ALL
    SELECT 'events', 'slack', 'waiting', count(*), extract(epoch FROM now() - min(received_at))
    FROM slack_event WHERE handled_at IS NULL HAVING count(*) > 0
    UNION ALL
    SELECT 'runs', 'live', 'running', count(*), NULL FROM run WHERE state = 'running'
    UNION ALL
    SELECT 'runs', 'silent', 'running', count(*), NULL FROM run WHERE state = 'running' AND expected_by < now()
    UNION ALL
    SELECT 'workers', 'alive', 'running', count(*), NULL
    FROM procrastinate_workers WHERE last_heartbeat > now() - interval '10 seconds'
    UNION ALL
    SELECT 'database', 'connections', 'open', count(*), NULL FROM pg_stat_activity WHERE datname = current_database()
    UNION ALL
    SELECT 'database', 'bytes', 'used', pg_database_size(current_database()), NULL
    """
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """How much of something there is now, and how old its oldest is, in seconds."""

    part: str  # one of PARTS
    name: str
    state: str
    number: int
    oldest: float | None


@contextmanager
def slack_call(method: str) -> Iterator[None]:
    """Count one call of Slack's Web API: how long it took, and whether it was refused, put off or left in doubt."""
    started = time.monotonic()
    try:
        yield
    except SlackRefused as refusal:
        REFUSALS.labels(method=method, error=refusal.error).inc()
        raise
    except SlackBusy:
        BUSY.labels(method=method).inc()
        raise
    except SlackDoubtful:
        DOUBTFUL.labels(method=method).inc()
        raise
    finally:
        SLACK.labels(method=method).observe(time.monotonic() - started)


def heard(*, audio: float, took: float) -> None:
    """Count one memo: how long it is and how long hearing it took, in seconds."""
    HEARD.inc(audio)
    HEARING.inc(took)
    if audio > 0:
        REAL_TIME.observe(took / audio)


def levels(session: Session) -> list[Level]:
    """What the database holds: queues, outbox, live runs, workers, connections, size."""
    return [
        Level(
            part=row.part,
            name=row.name,
            state=row.state,
            number=int(row.number),
            oldest=float(row.oldest) if row.oldest is not None else None,
        )
        for row in session.execute(_STATE)
    ]


def exposition(session: Session | None) -> bytes:
    """All figures as Prometheus reads them; without a session those of this process only."""
    lines = [generate_latest().decode()]
    for level in levels(session) if session is not None else ():
        labels = f'{{name="{level.name}",state="{level.state}"}}'
        lines.append(f"runlore_{level.part}{labels} {level.number}\n")
        if level.oldest is not None:
            lines.append(f"runlore_{level.part}_oldest_seconds{labels} {max(0.0, level.oldest):.3f}\n")
    return "".join(lines).encode()


@contextmanager
def shown(host: str, port: int, *, alive: Callable[[], bool]) -> Iterator[None]:
    """Serve /healthz and /metrics of a process that has no web of its own."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(HTTPStatus.OK, CONTENT_TYPE, exposition(None))
            elif self.path in ("/healthz", "/readyz"):
                well = alive()
                status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
                self._answer(status, "text/plain", b"ok" if well else b"a part of this process has ended")
            else:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"/healthz or /metrics")

        def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: it is asked every few seconds."""

    server = ThreadingHTTPServer((host, port), Page)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="figures", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
