"""Fresh databases and places for them. Not in `conftest`, which would be there twice when a test imports it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

from storage.database import conninfo
from storage.embedded import EmbeddedPostgres

TEMPLATE = "template_runlore"
_numbers = count(1)


@contextmanager
def fresh_database(postgres: EmbeddedPostgres, *, template: str = TEMPLATE) -> Iterator[str]:
    """The URL of a database made from a template and dropped in the end."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(conninfo(postgres.url("postgres")), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        yield postgres.url(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def reachable_directory() -> Iterator[Path]:
    """pytest's own temporary directories are closed to everybody else, so also to the server's user under root."""
    memory = Path("/dev/shm")  # noqa: S108  where there is room in memory, tests spare the disk
    roomy = memory.exists() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 * 2**30
    directory = Path(tempfile.mkdtemp(prefix="runlore-test-", dir=memory if roomy else None))
    if os.geteuid() == 0:
        directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)
