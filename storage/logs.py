"""A run's output: kept as compressed chunks of lines, read from any line, from the end, or by a word."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import Select

from storage.tables import LogChunk

CHUNKS_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class LogLine:
    """One line as the run wrote it; lines are counted per source from 0."""

    source: str  # "stdout" | "stderr"
    number: int
    text: str


def append_log(
    session: Session, run_id: int, *, source: str, first_line: int, lines: Sequence[str], at: datetime
) -> None:
    """Store lines; each is one line, whatever line breaks it holds."""
    if not lines:
        return
    text = "\n".join(line.replace("\n", " ") for line in lines)
    session.add(
        LogChunk(
            at=at,
            run_id=run_id,
            source=source,
            first_line=first_line,
            lines=len(lines),
            data=zlib.compress(text.encode(errors="surrogatepass")),
        )
    )


def count_lines(session: Session, run_id: int, *, source: str | None = None) -> int:
    """How many lines are stored."""
    counted = select(func.coalesce(func.sum(col(LogChunk.lines)), 0)).where(col(LogChunk.run_id) == run_id)
    if source:
        counted = counted.where(col(LogChunk.source) == source)
    return int(session.exec(counted).one())


def read_log(
    session: Session, run_id: int, *, source: str, start: int = 0, limit: int = 1000
) -> list[LogLine]:
    """Lines of one source from number `start` on."""
    chunks = _stored(run_id, source).where(
        col(LogChunk.first_line) + col(LogChunk.lines) > start, col(LogChunk.first_line) < start + limit
    )
    rows = session.exec(chunks.order_by(col(LogChunk.first_line), col(LogChunk.id)))
    lines = (line for row in rows for line in _unpack(*row))
    return [line for line in lines if start <= line.number < start + limit]


def tail_log(session: Session, run_id: int, count: int, *, source: str | None = None) -> list[LogLine]:
    """The last lines, in the order they arrived."""
    found: list[LogLine] = []
    for chunk in _chunks(session, run_id, source=source, backwards=True):
        found = [*chunk, *found]
        if len(found) >= count:
            break
    return found[-count:] if count else []


def grep_log(
    session: Session, run_id: int, words: str, *, source: str | None = None, limit: int = 100
) -> list[LogLine]:
    """The first lines that contain these words, whatever their case."""
    wanted = words.casefold()
    found: list[LogLine] = []
    for chunk in _chunks(session, run_id, source=source):
        found += [line for line in chunk if wanted in line.text.casefold()]
        if len(found) >= limit:
            break
    return found[:limit]


def _chunks(
    session: Session, run_id: int, *, source: str | None = None, backwards: bool = False
) -> Iterator[list[LogLine]]:
    """Chunk after chunk, a few in memory at a time, however long the run wrote."""
    order = (col(LogChunk.at), col(LogChunk.id))
    chunks = _stored(run_id, source).order_by(*((column.desc() for column in order) if backwards else order))
    with session.exec(chunks.execution_options(yield_per=CHUNKS_AT_ONCE)) as rows:
        for row in rows:
            yield _unpack(*row)


def _stored(run_id: int, source: str | None) -> Select[str, int, bytes]:
    chunks = select(LogChunk.source, LogChunk.first_line, LogChunk.data).where(col(LogChunk.run_id) == run_id)
    return chunks.where(col(LogChunk.source) == source) if source else chunks


def _unpack(source: str, first_line: int, data: bytes) -> list[LogLine]:
    lines = zlib.decompress(data).decode(errors="surrogatepass").split("\n")
    return [LogLine(source=source, number=first_line + place, text=line) for place, line in enumerate(lines)]
