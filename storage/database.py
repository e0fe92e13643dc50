"""The database: sessions, the schema's migrations and the months' partitions."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from storage.patience import connect

log = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds a new connection waits for a server that restarts
AWAY = 15.0  # seconds that a replica which was not there is left alone
# Of a replica's connections: what hangs is no better than what is gone, for there is the primary.
REPLICA = {"connect_timeout": 3, "tcp_user_timeout": 5_000}
PARTITIONED = ("metric_chunk", "log_chunk")
MONTHS_AHEAD = 2
MIGRATIONS = Path(__file__).with_name("migrations")
MIGRATION_PATIENCE = 600.0  # seconds that a change of the schema waits for its turn, all tries together
PAUSE = 0.5  # seconds between two tries, in which what queued behind the first goes on
# A lock that shuts everybody out is waited for no longer than this: whoever comes later waits behind it as long.
_IMPATIENTLY = "lock_timeout = '2s'"

# Any constants: they name our advisory locks among the database's.
MIGRATION_LOCK = 7_208_001
PARTITION_LOCK = 7_208_002


class Database:
    """Sessions on PostgreSQL; queries that only read go to a replica (`read_url`) where there is one and it answers."""

    def __init__(
        self, url: str, read_url: str | None = None, *, pool_size: int = 10, patience: float = PATIENCE
    ) -> None:
        self.url = sqlalchemy_url(url)
        self.engine = _engine(self.url, pool_size=pool_size, patience=patience)
        self.read_engine = (
            _engine(sqlalchemy_url(read_url), pool_size=pool_size, patience=0, connect_args=REPLICA)
            if read_url
            else self.engine
        )
        self._away_until = 0.0

    @property
    def dsn(self) -> str:
        """The same for psycopg and libpq's programs."""
        return conninfo(self.url)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back on an error."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @property
    def has_replica(self) -> bool:
        """Reading may see what was true a moment ago, and may be refused where the primary would not."""
        return self.read_engine is not self.engine

    @contextmanager
    def read_session(self) -> Iterator[Session]:
        """A transaction that cannot write, on the replica where there is one."""
        with self._reading(postgresql_readonly=True) as session:
            yield session
            session.commit()

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """A transaction that cannot write and sees one moment throughout, however long it takes."""
        with self._reading(isolation_level="REPEATABLE READ", postgresql_readonly=True) as session:
            yield session
            session.commit()

    def _reading(self, **options: Any) -> Session:  # noqa: ANN401  SQLAlchemy's own
        """A begun transaction on the replica, or on the primary while the replica is not to be reached."""
        if self.has_replica and time.monotonic() >= self._away_until:
            session = Session(self.read_engine, expire_on_commit=False)
            try:
                session.connection(execution_options=options)
            except OperationalError:
                session.close()
                self._away_until = time.monotonic() + AWAY
                log.warning("replica_not_reached")
            else:
                return session
        session = Session(self.engine, expire_on_commit=False)
        session.connection(execution_options=options)
        return session

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()
        self.read_engine.dispose()


def sqlalchemy_url(url: str) -> str:
    """The URL as SQLAlchemy wants it: with our driver named."""
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def conninfo(url: str) -> str:
    """The URL as psycopg and libpq's programs want it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def migrate(url: str, *, revision: str = "head", scripts: Path = MIGRATIONS) -> None:
    """Bring the schema up to date while others go on reading and writing; of several processes that start at once, one does it.

    A change that does not get its lock within two seconds steps back, lets pass what waits behind it and tries again.
    Raises OperationalError when it did not get it within ten minutes; what was done by then stays.
    """
    engine = _engine(sqlalchemy_url(url), pool_size=1, patience=PATIENCE)
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    try:
        with engine.connect() as connection:
            _wait_for_turn(connection)
            connection.execute(text(f"SET {_IMPATIENTLY}"))
            connection.commit()
            config.attributes["connection"] = connection
            _persistently(connection, lambda: command.upgrade(config, revision))
            _persistently(connection, lambda: _partition(connection))
    finally:
        engine.dispose()  # and with its connection the lock goes


def _wait_for_turn(connection: Connection) -> None:
    """Ask again and again: who waits inside a statement holds a snapshot, and an index made CONCURRENTLY waits for that."""
    while not connection.execute(
        text("SELECT pg_try_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK}
    ).scalar():
        connection.commit()
        time.sleep(0.1)
    connection.commit()


def _persistently(connection: Connection, change: Callable[[], None]) -> None:
    deadline = time.monotonic() + MIGRATION_PATIENCE
    while True:
        try:
            change()
            connection.commit()
        except OperationalError as error:
            connection.rollback()
            if not isinstance(error.orig, LockNotAvailable | DeadlockDetected) or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)
        else:
            return


def _partition(connection: Connection) -> None:
    with Session(connection) as session, session.begin():
        ensure_partitions(session, datetime.now(UTC).date())


def ensure_partitions(session: Session, month: date, *, ahead: int = MONTHS_AHEAD) -> None:
    """Make the partitions of this month and of those ahead, where they are missing."""
    session.connection().execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": PARTITION_LOCK})
    first = month.replace(day=1)
    for _ in range(ahead + 1):
        following = _month_after(first)
        for table in PARTITIONED:
            _ensure_partition(session.connection(), table, first, following)
        first = following


def partitions(session: Session, table: str) -> list[date]:
    """The months that have a partition of this table, oldest first."""
    names = session.connection().execute(
        text(
            "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
            " WHERE inhparent = to_regclass(:table) ORDER BY child.relname"
        ),
        {"table": table},
    )
    dated = (name.removeprefix(f"{table}_").split("_") for name in names.scalars())
    return [date(int(year), int(month), 1) for year, *rest in dated if year.isdigit() for month in rest]


def drop_partition(session: Session, table: str, month: date) -> bool:
    """Forget a month of series or logs at once; False when there is no such partition.

    Raises OperationalError where somebody reads the table for longer than two seconds: ask again later.
    """
    if table not in PARTITIONED:
        raise ValueError(f"{table} is not partitioned by month: choose one of {', '.join(PARTITIONED)}.")
    name = _partition_name(table, month.replace(day=1))
    known = _exists(session.connection(), name)
    if known:
        session.connection().execute(text(f"SET LOCAL {_IMPATIENTLY}"))
        session.connection().execute(text(f"DROP TABLE {name}"))
    return known


def _ensure_partition(connection: Connection, table: str, first: date, following: date) -> None:
    name = _partition_name(table, first)
    if _exists(connection, name):
        return
    connection.execute(text(f"SET LOCAL {_IMPATIENTLY}"))
    # Writers wait before they choose a partition: one that had chosen the default one would be refused by it afterwards.
    connection.execute(text(f"LOCK TABLE ONLY {table} IN SHARE ROW EXCLUSIVE MODE"))
    bounds = {"first": first, "following": following}
    # Taken before anything is moved: a writer who has its rows in hand is waited for, not the other way round.
    connection.execute(text(f"LOCK TABLE {table}_default IN ACCESS EXCLUSIVE MODE"))
    connection.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)"))
    connection.execute(  # what fell into the default partition before its month was made
        text(
            f"WITH moved AS (DELETE FROM {table}_default WHERE at >= :first AND at < :following RETURNING *) "  # noqa: S608
            f"INSERT INTO {name} SELECT * FROM moved"
        ),
        bounds,
    )
    # DDL takes no parameters; the bounds are our own dates.
    connection.execute(
        text(
            f"ALTER TABLE {table} ATTACH PARTITION {name} "
            f"FOR VALUES FROM ('{first} 00:00+00') TO ('{following} 00:00+00')"
        )
    )


def _partition_name(table: str, first: date) -> str:
    return f"{table}_{first:%Y_%m}"


def _exists(connection: Connection, table: str) -> bool:
    return connection.execute(text("SELECT to_regclass(:name)"), {"name": table}).scalar() is not None


def _month_after(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


def _engine(
    url: str, *, pool_size: int, patience: float, connect_args: Mapping[str, int] | None = None
) -> Engine:
    engine = create_engine(
        url,
        connect_args=dict(connect_args or {}),
        pool_pre_ping=True,
        pool_size=pool_size,
        max_overflow=2 * pool_size,
        hide_parameters=True,  # errors are logged, what people wrote must not be
    )

    @event.listens_for(engine, "do_connect")
    def connect_patiently(_dialect: Any, _record: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
        return connect(*args, patience=patience, **kwargs)

    return engine
