"""The first tables, the partitioned series and logs, and the job queue of procrastinate 3.10."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    for name in ("0001_tables.sql", "0001_procrastinate.sql"):
        script = Path(__file__).with_name(name).read_text(encoding="utf-8")
        op.get_bind().exec_driver_sql(script, execution_options={"no_parameters": True})
