"""Every table in an open format: rows as plain JSON values, both ways, so that nobody's data is locked in."""

import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time
from itertools import islice
from typing import Any

from sqlalchemy import (
    ARRAY,
    Column,
    Date,
    DateTime,
    Float,
    LargeBinary,
    Table,
    Time,
    bindparam,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlmodel import Session, SQLModel

from storage import memory, tables
from storage.database import PARTITIONED, ensure_partitions

Row = dict[str, Any]

# Secrets, and what only the running system knows: no part of what people want to keep.
LEFT_OUT = {"api_token", "login_request", "bucket", "job_crash", "slack_event"}
MODELS = (tables, memory)  # named so that nobody removes the imports that fill the metadata
AT_ONCE = 500


def exported() -> list[Table]:
    """The tables that are exported, those that others refer to first."""
    return [table for table in SQLModel.metadata.sorted_tables if table.name not in LEFT_OUT]


def kind(column: Column[Any]) -> str:
    """What a column's values are in the open format."""
    of = column.type
    if isinstance(of, JSONB):
        return "json"
    if isinstance(of, ARRAY):
        return {float: "numbers", int: "integers"}.get(of.item_type.python_type, "words")
    if isinstance(of, LargeBinary):
        return "lines"  # the only bytes there are: a run's output
    if isinstance(of, TSVECTOR):
        return "terms"
    if of.__class__.__name__ == "HALFVEC":
        return "vector"
    named = {DateTime: "time", Date: "date", Time: "time of day", Float: "number"}
    for type_, name in named.items():
        if isinstance(of, type_):
            return name
    return {int: "integer", bool: "boolean"}.get(of.python_type, "text")


def schema() -> dict[str, dict[str, str]]:
    """Every exported table with its columns and what their values are."""
    return {table.name: {column.name: kind(column) for column in table.columns} for table in exported()}


def rows(session: Session, table: Table) -> Iterator[Row]:
    """A table's rows in the order of their keys, few at a time."""
    query = select(*table.columns).order_by(*table.primary_key.columns)
    kinds = {column.name: kind(column) for column in table.columns}
    with session.connection().execution_options(yield_per=AT_ONCE).execute(query) as found:
        for row in found.mappings():
            yield {name: _open(kinds[name], value) for name, value in row.items()}


def is_empty(session: Session) -> bool:
    """Whether nothing was ever kept here."""
    return not session.execute(
        text("SELECT EXISTS (SELECT FROM project) OR EXISTS (SELECT FROM person)")
    ).scalar()


def take_in(session: Session, table: Table, given: Iterable[Row]) -> int:
    """Insert exported rows with the ids they had; returns how many. Unknown columns are left out."""
    kinds = {column.name: kind(column) for column in table.columns}
    own = _references_itself(table)
    later: list[Row] = []
    months: set[date] = set()
    count = 0
    for batch in batches(given):
        closed = [
            {name: _closed(kinds[name], value) for name, value in row.items() if name in kinds}
            for row in batch
        ]
        for row in closed:
            if table.name in PARTITIONED and (month := row["at"].date().replace(day=1)) not in months:
                months.add(month)
                ensure_partitions(session, month, ahead=0)
            for name in own:
                if row.get(name) is not None:
                    later.append({"row_id": row["id"], "value": row[name], "name": name})
                    row[name] = None
        session.connection().execute(insert(table), closed)
        count += len(closed)
    for name in own:
        change = update(table).where(table.c.id == bindparam("row_id")).values({name: bindparam("value")})
        if values := [
            {"row_id": one["row_id"], "value": one["value"]} for one in later if one["name"] == name
        ]:
            session.connection().execute(change, values)
    _go_on_counting(session, table)
    return count


def _open(of: str, value: Any) -> Any:  # noqa: ANN401
    if value is None:
        return None
    if of in ("time", "date", "time of day"):
        return value.isoformat()
    if of == "number":
        return _number(value)
    if of == "numbers":
        return [_number(one) for one in value]
    if of == "vector":
        return [float(f"{one:.6g}") for one in value]  # half precision has fewer digits
    if of == "lines":
        return (
            zlib.decompress(value)
            .decode(errors="surrogatepass")
            .encode("utf-8", "replace")
            .decode()
            .split("\n")
        )
    return value


def _closed(of: str, value: Any) -> Any:  # noqa: ANN401
    if of == "lines" and value is not None:
        return zlib.compress("\n".join(value).encode())
    return typed(of, value)


def typed(of: str, value: Any) -> Any:  # noqa: ANN401
    """What JSON had to write as text, as the time or number it was."""
    if value is None:
        return None
    if of == "time":
        return datetime.fromisoformat(value)
    if of == "date":
        return date.fromisoformat(value)
    if of == "time of day":
        return time.fromisoformat(value)
    if of == "number":
        return float(value)
    if of == "numbers":
        return [float(one) for one in value]
    return value


def _number(value: float) -> float | str:
    """JSON has no word for these three."""
    return value if math.isfinite(value) else str(value)


def _references_itself(table: Table) -> list[str]:
    return [key.parent.name for key in table.foreign_keys if key.column.table is table]


def _go_on_counting(session: Session, table: Table) -> None:
    if "id" not in table.columns or table.columns["id"].type.python_type is not int:
        return
    last = session.execute(select(func.max(table.c.id))).scalar()
    if last is not None:
        count = text("SELECT setval(pg_get_serial_sequence(:table, 'id'), :last)")
        session.execute(count, {"table": f'"{table.name}"', "last": last})


def batches(given: Iterable[Mapping[str, Any]]) -> Iterator[list[Row]]:
    """Rows, so many at once as fit well into memory."""
    left = map(dict, given)
    while batch := list(islice(left, AT_ONCE)):
        yield batch
