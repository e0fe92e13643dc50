"""Copies of a whole database: by files where it is embedded, as a dump where it is a server of its own; and proof of sameness."""

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url, text
from sqlmodel import Session

from storage.database import conninfo
from storage.embedded_place import programs
from storage.embedded_process import run_program

JOBS = 2
_VECTOR_INDEX = re.compile(r"^\d+;.* INDEX \S+ ix_\w+_vector .*$", re.MULTILINE)

_TABLES = text(
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    " AND NOT relispartition ORDER BY relname"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What a table holds: the number of its rows and a digest of all of them, whatever their order."""

    rows: int
    digest: str


def contents(session: Session) -> dict[str, Content]:
    """Every table's content, to compare two databases row by row."""
    found = {}
    for table in session.execute(_TABLES).scalars():
        # Sums of 60-bit pieces of each row's hash: a row more, less or changed moves them, the order does not.
        row = session.execute(
            text(
                "SELECT count(*), coalesce(sum(('x' || substr(md5(whole::text), 1, 15))::bit(60)::bigint), 0),"  # noqa: S608  a name of the catalogue
                " coalesce(sum(('x' || substr(md5(whole::text), 17, 15))::bit(60)::bigint), 0)"
                f' FROM "{table}" whole'
            )
        ).one()
        found[table] = Content(rows=int(row[0]), digest=f"{row[1]}:{row[2]}")
    return found


def dump(url: str, target: Path) -> None:
    """A logical copy of a server's database, in a directory."""
    address, password = _apart(url)
    command: list[str | Path] = [
        programs() / "pg_dump",
        "-d",
        address,
        "-F",
        "d",
        "-j",
        str(JOBS),
        "-Z",
        "1",  # of points and vectors 7 % more bytes than by its default, in a fifth of the time
        "-f",
        target,
    ]
    run_program([*command, "--no-owner", "--no-privileges"], password=password)


def load(url: str, source: Path, *, ready: Callable[[], None]) -> None:
    """Bring a dump into an empty database; `ready` is called when all can be used, before vectors are indexed again.

    Until then searches by meaning scan, which is slower and as exact.
    """
    address, password = _apart(url)
    restore: list[str | Path] = [programs() / "pg_restore", "-d", address, "-j", str(JOBS), "--no-owner"]
    restore += ["--no-privileges", "--exit-on-error"]
    listed = run_program([programs() / "pg_restore", "-l", source])
    later = _VECTOR_INDEX.findall(listed)
    with tempfile.TemporaryDirectory(prefix="runlore-restore-") as folder:
        first, second = Path(folder) / "first", Path(folder) / "second"
        first.write_text(_VECTOR_INDEX.sub("", listed))
        second.write_text("\n".join(later))
        run_program([*restore, "-L", first, source], password=password)
        ready()
        if later:
            run_program([*restore, "-L", second, source], password=password)


def _apart(url: str) -> tuple[str, str | None]:
    """The address without its password, which must not be seen among the processes, and the password."""
    whole = make_url(conninfo(url))
    password = str(whole.password) if whole.password is not None else None
    return whole.set(password=None).render_as_string(), password
