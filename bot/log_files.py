"""A run's whole output as a file in Slack."""

from sqlmodel import Session

from bot.asking import check_audience
from bot.errors import RunloreError
from bot.views import run_view
from bot.wiring import Services
from storage.logs import count_lines, read_log
from storage.tables import Run

MOST_LINES = 200_000


def share(
    session: Session, services: Services, run: Run, *, channel: str | None, thread_ts: str | None
) -> None:
    """Upload stdout and stderr of a run where it was asked for."""
    if channel is None:
        raise RunloreError("Ask for the file in Slack, or use GET /api/v1/runs/…/logs.")
    check_audience(session, channel, [run.id or 0], now=services.now())
    parts = []
    for source in ("stdout", "stderr"):
        if count_lines(session, run.id or 0, source=source):
            lines = read_log(session, run.id or 0, source=source, limit=MOST_LINES)
            parts.append(f"--- {source} ---\n" + "\n".join(line.text for line in lines))
    if not parts:
        raise RunloreError("This run has printed nothing so far.")
    ref = run_view(session, run.id or 0).ref
    name = f"{ref.replace('/', '-')}.log"
    services.messenger.upload(
        name, "\n".join(parts).encode(), channel=channel, thread_ts=thread_ts, comment=None
    )
