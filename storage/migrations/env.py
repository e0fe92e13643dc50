"""Tells Alembic which connection and which tables to work on."""

from typing import Any

from alembic import context
from sqlmodel import SQLModel

from storage import memory, tables

# Named so that nobody removes the imports that fill the metadata.
TABLES = (tables, memory)


def is_ours(_: Any, name: str | None, kind: str, *__: Any) -> bool:  # noqa: ANN401  Alembic's callback
    """Months' partitions and the job queue's tables are no part of the model."""
    return kind != "table" or not (name or "").startswith(("metric_chunk_", "log_chunk_", "procrastinate_"))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    include_object=is_ours,
    transaction_per_migration=True,  # each is short, and one may leave its own to make an index CONCURRENTLY
)
with context.begin_transaction():
    context.run_migrations()
