"""Files that answers come with: runs as CSV, the code between runs."""

import csv
import io
from collections.abc import Sequence

from sqlmodel import Session

from bot.asking import check_audience
from bot.compare import compare, diff_text
from bot.errors import RunloreError
from bot.views import run_views
from bot.wiring import Services

MOST_RUNS = 10_000
# A cell that begins like a formula would be run by a spreadsheet.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def runs_csv(session: Session, run_ids: Sequence[int]) -> str:
    """One row a run: what it is, then every param and the best and last value of every metric."""
    views = run_views(session, list(run_ids)[:MOST_RUNS])
    params = sorted({name for view in views for name in view.params})
    metrics = sorted({name for view in views for name in view.metrics})
    out = io.StringIO()
    writer = csv.writer(out)
    head = ["run", "name", "state", "owner", "started", "ended", "tags"]
    writer.writerow(
        head
        + [f"param {one}" for one in params]
        + [f"{end} {one}" for one in metrics for end in ("best", "last")]
    )
    for view in views:
        row: list[object] = [view.ref, view.name, view.state, view.owner.name if view.owner else ""]
        row += [
            view.started_at.isoformat(),
            view.ended_at.isoformat() if view.ended_at else "",
            " ".join(view.tags),
        ]
        row += [view.params.get(one, "") for one in params]
        for one in metrics:
            metric = view.metrics.get(one)
            row += [metric.best, metric.last] if metric else ["", ""]
        writer.writerow([_safe(cell) for cell in row])
    return out.getvalue()


def share_csv(
    session: Session, services: Services, run_ids: Sequence[int], *, channel: str, thread_ts: str | None
) -> None:
    """Upload the runs as a table."""
    if not run_ids:
        raise RunloreError("No run fits, so there is nothing to put into a file.")
    check_audience(session, channel, run_ids, now=services.now())
    data = runs_csv(session, run_ids).encode()
    services.messenger.upload("runs.csv", data, channel=channel, thread_ts=thread_ts, comment=None)


def share_diff(
    session: Session, services: Services, run_ids: Sequence[int], *, channel: str, thread_ts: str | None
) -> None:
    """Upload the code of each run as it differs."""
    check_audience(session, channel, run_ids, now=services.now())
    text = diff_text(compare(run_views(session, list(run_ids), parents=True)))
    services.messenger.upload("runs.diff", text.encode(), channel=channel, thread_ts=thread_ts, comment=None)


def _safe(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(FORMULA):
        return f"'{cell}"
    return cell
