"""Column kinds that the tables share: aware times, JSON, vectors and full-text search."""

from typing import Any

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import ARRAY, BigInteger, Column, DateTime, Index, Text
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlmodel import Field

EMBEDDING_SIZE = 384

# Table option for rows that are rewritten often: the new version finds room beside the old one, so that no
# index has to be told (PostgreSQL's heap-only tuples).
ROOM_FOR_UPDATES = {"postgresql_with": {"fillfactor": 70}}


def key() -> Any:  # noqa: ANN401  SQLModel's Field is typed so
    """A surrogate primary key counted by the database."""
    return Field(default=None, primary_key=True, sa_type=BigInteger)


def reference(target: str, *, optional: bool = False, index: bool = True, cascade: bool = False) -> Any:  # noqa: ANN401
    """A foreign key to `target` ("run.id"); `cascade` deletes this row with its target."""
    default: Any = None if optional else ...
    on_delete: Any = "CASCADE" if cascade else None
    return Field(
        default=default,
        foreign_key=target,
        index=index,
        sa_type=BigInteger,
        ondelete=on_delete,
        nullable=optional,
    )


def moment(*, optional: bool = True, index: bool = False) -> Any:  # noqa: ANN401
    """An aware point in time (timestamptz)."""
    return Field(
        default=None if optional else ..., sa_type=DateTime(timezone=True), nullable=optional, index=index
    )


def json_map() -> Any:  # noqa: ANN401
    """A JSON object, never null."""
    return Field(default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default="{}"))


def json_list() -> Any:  # noqa: ANN401
    """A JSON array, never null."""
    return Field(default_factory=list, sa_column=Column(JSONB, nullable=False, server_default="[]"))


def json_optional() -> Any:  # noqa: ANN401
    """A JSON value or null."""
    return Field(default=None, sa_column=Column(JSONB(none_as_null=True), nullable=True))


def search_terms() -> Any:  # noqa: ANN401
    """Full-text lexemes with positions; built from `storage.terms`, not by PostgreSQL's own parser."""
    return Field(default=None, sa_column=Column(TSVECTOR, nullable=True))


def embedding() -> Any:  # noqa: ANN401
    """A MiniLM vector, 384 half-precision floats; null until the embedding job has run."""
    return Field(default=None, sa_column=Column(HALFVEC(EMBEDDING_SIZE), nullable=True))


def text_list() -> Any:  # noqa: ANN401
    """Strings, never null; searchable for those they share where the table has an index on them."""
    return Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False, server_default="{}"))


def terms_index(table: str) -> Index:
    """Finds the rows whose `terms` hold given words."""
    return Index(f"ix_{table}_terms", "terms", postgresql_using="gin")


def nearest_index(table: str) -> Index:
    """Finds the rows whose `vector` is nearest by cosine."""
    return Index(
        f"ix_{table}_vector",
        "vector",
        postgresql_using="hnsw",
        postgresql_ops={"vector": "halfvec_cosine_ops"},
    )
