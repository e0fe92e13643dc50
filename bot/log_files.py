"""A run's whole output as a file in Slack."""

from sqlmodel import Session

from bot.asking import check_audience
from bot.errors import Forbidden, RunloreError
from bot.project_settings import settings_of
from bot.sight import Sight
from bot.views import run_view
from bot.wiring import Services
from storage.logs import count_lines, read_log
from storage.tables import Project, Run

MOST_LINES = 200_000


def check(session: Session, sight: Sight, run: Run) -> None:
    """Whether a run's output may be shown to who asks. Raises Forbidden."""
    project = session.get(Project, run.project_id)
    kept = settings_of(project).log_tail if project and run.visibility == "project" else "thread"
    if kept == "thread" or sight.operator:
        return
    if kept == "nowhere":
        raise Forbidden("This project keeps its output out of Slack: `runlore logs` and the API have it.")
    if run.owner_id is None or sight.person_id != run.owner_id:
        raise Forbidden("Output is only for the run's owner here, by the button “Logs” or `/runs logs`.")


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
