"""Jobs on procrastinate: deferred with the data they are about, and taken back from workers that died."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

MOST_CRASHES = 2

_DEFER = text(
    """
    SELECT unnest(procrastinate_defer_jobs_v1(ARRAY[ROW(
        CAST(:queue AS varchar), CAST(:task AS varchar), CAST(:priority AS integer), CAST(:lock AS text),
        CAST(:queueing_lock AS text), CAST(:args AS jsonb), CAST(:schedule_at AS timestamptz)
    )::procrastinate_job_to_defer_v1]))
    """
)
# A worker that fell silent is pruned by its peers sooner or later, which leaves the job without one.
_STALLED = text(
    """
    SELECT job.id, job.task_name AS task, job.queue_name AS queue, job.args
    FROM procrastinate_jobs job LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
    WHERE job.status = 'doing' AND (worker.id IS NULL OR worker.last_heartbeat < now() - CAST(:silent_for AS interval))
    ORDER BY job.id
    FOR UPDATE OF job SKIP LOCKED
    """
)
_CRASHED = text(
    """
    INSERT INTO job_crash (job_id, crashes) VALUES (:id, 1)
    ON CONFLICT (job_id) DO UPDATE SET crashes = job_crash.crashes + 1 RETURNING crashes
    """
)
_RETRY = text("SELECT procrastinate_retry_job_v2(:id, now(), NULL, NULL, NULL)")
_GIVE_UP = text("SELECT procrastinate_finish_job_v1(:id, 'failed', false)")


@dataclass(frozen=True, kw_only=True, slots=True)
class StalledJob:
    """A job whose worker died: retried, or given up after the second crash."""

    id: int
    task: str
    queue: str
    args: dict[str, Any]
    gave_up: bool


def defer(
    session: Session,
    task: str,
    *,
    queue: str = "general",
    lock: str | None = None,
    queueing_lock: str | None = None,
    schedule_at: datetime | None = None,
    priority: int = 0,
    **args: Any,  # noqa: ANN401  whatever JSON the task takes
) -> int | None:
    """Insert a job that exists exactly when this transaction commits; None when the same one waits already."""
    if lock and queueing_lock:
        # Together they can freeze the lock for ever: a failing job whose queueing lock was taken again stays "doing".
        raise ValueError(f"Job {task!r} asks for a lock and a queueing lock: choose one.")
    values = {
        "queue": queue,
        "task": task,
        "priority": priority,
        "lock": lock,
        "queueing_lock": queueing_lock,
        "args": json.dumps(args),
        "schedule_at": schedule_at,
    }
    if queueing_lock is None:
        return _insert(session, values)
    try:
        with session.begin_nested():
            return _insert(session, values)
    except IntegrityError as error:
        if "queueing_lock" not in str(error.orig):
            raise
        return None


def retry_stalled(
    session: Session, *, silent_for: timedelta, most_crashes: int = MOST_CRASHES
) -> list[StalledJob]:
    """Queue again what dead workers left; a job that killed its worker before is marked failed instead."""
    connection = session.connection()
    stalled = []
    for row in connection.execute(_STALLED, {"silent_for": silent_for}).all():
        crashes = connection.execute(_CRASHED, {"id": row.id}).scalar_one()
        gave_up = crashes >= most_crashes
        connection.execute(_GIVE_UP if gave_up else _RETRY, {"id": row.id})
        stalled.append(StalledJob(id=row.id, task=row.task, queue=row.queue, args=row.args, gave_up=gave_up))
    return stalled


def _insert(session: Session, values: dict[str, Any]) -> int:
    return int(session.connection().execute(_DEFER, values).scalar_one())
