"""What was deleted stays deleted: which runs are gone."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Expand: a table that the release before does not know."""
    op.execute(
        "CREATE TABLE deleted_run (digest VARCHAR NOT NULL PRIMARY KEY, at TIMESTAMP WITH TIME ZONE NOT NULL)"
    )
