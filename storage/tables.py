"""What a run is: projects, runs, their numbers, code, data, environment and people.

Tables do not validate (SQLModel): parse what arrives with plain pydantic models first.
Partitioned tables (`metric_chunk`, `log_chunk`) are created by the migration, by month of `at`.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    DateTime,
    Float,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from storage.columns import (
    ROOM_FOR_UPDATES,
    embedding,
    json_list,
    json_map,
    json_optional,
    key,
    moment,
    nearest_index,
    reference,
    search_terms,
    terms_index,
    text_list,
)

RUN_STATES = ("running", "finished", "failed", "killed", "preempted", "lost")


class Person(SQLModel, table=True):
    """Somebody who runs, writes or asks; known by Slack id, by name where Slack is not known."""

    id: int | None = key()
    slack_id: str | None = Field(default=None, unique=True)
    name: str = Field(index=True)  # display name, as people write it
    time_zone: str | None = None
    logins: list[str] = json_list()  # operating-system users that mean this person (`iam`)
    is_bot: bool = False
    is_guest: bool = False  # of this workspace, or somebody of another one (Slack Connect)
    is_gone: bool = False  # deactivated in Slack
    settings: dict[str, Any] = json_map()  # "first" and "muted": ids of projects
    created_at: datetime = moment(optional=False)


class Project(SQLModel, table=True):
    """A named line of work; belongs to one Slack channel (its own, or the shared default one)."""

    id: int | None = key()
    name: str = Field(unique=True)
    channel_id: str | None = Field(default=None, index=True)
    threading: str = "project"  # "run": one thread per run; "project": one thread per project
    key_metric: str | None = None
    goals: dict[str, str] = json_map()  # metric name -> "min" | "max", as declared or tapped
    baseline_run_id: int | None = Field(default=None, sa_type=BigInteger)
    settings: dict[str, Any] = json_map()
    openness: str = "open"  # "open" | "discoverable" | "private"
    next_number: int = 1
    created_at: datetime = moment(optional=False)
    archived_at: datetime | None = moment()


class Run(SQLModel, table=True):
    """One execution of training code.

    Signs of life rewrite a live run's row every second, so no index may contain what they change
    (`last_seen_at`, `expected_by`, `progress_*`, `readings`): such updates then touch no index at all.
    """

    __table_args__ = (
        UniqueConstraint("project_id", "number"),
        Index("ix_run_project_id_started_at", "project_id", "started_at"),
        Index("ix_run_live", "project_id", postgresql_where=text("state = 'running'")),
        Index("ix_run_private", "owner_id", postgresql_where=text("visibility = 'me'")),
        terms_index("run"),
        nearest_index("run"),
        Index("ix_run_recipe", "recipe", postgresql_using="gin"),
        ROOM_FOR_UPDATES,
    )

    id: int | None = key()
    uid: str = Field(unique=True)  # chosen by the SDK, or by the importer
    project_id: int = reference("project.id", index=False)
    number: int
    name: str = Field(index=True)
    state: str = "running"
    owner_id: int | None = reference("person.id", optional=True)
    group: str | None = Field(default=None, index=True)  # a sweep
    parent_id: int | None = reference("run.id", optional=True)
    parent_source: str | None = None  # "fork_of" | "inferred" | "person"
    visibility: str = "project"  # "project" | "me"
    intent: str | None = None  # `notes=` of init: the guess before the run
    summary: dict[str, Any] = json_map()  # run.summary, as the user set it
    entry: str | None = None  # entry point, for inferring parents and sweeps
    host: str | None = None
    login: str | None = None
    code_id: int | None = reference("code_version.id", optional=True)
    environment_id: int | None = reference("environment.id", optional=True)
    started_at: datetime = moment(optional=False, index=True)
    ended_at: datetime | None = moment(index=True)
    last_seen_at: datetime = moment(optional=False)
    expected_by: datetime | None = moment()  # promised sign of life; past it + 60 s: lost
    progress_done: float | None = None
    progress_total: float | None = None
    ending: dict[str, Any] | None = json_optional()  # the exit event: cause, signal, error, last lines …
    readings: dict[str, Any] | None = json_optional()  # last resource readings (evidence for `lost`)
    announced: dict[str, Any] = json_map()  # what Slack was told already (best, end, question …)
    recipe: list[str] = (
        text_list()
    )  # what it sets, means to do and is made of, to find runs that try the same
    told_in: str | None = Field(default=None, index=True)  # outbox key of the message that shows it
    terms: Any = search_terms()
    vector: Any = embedding()


class Stream(SQLModel, table=True):
    """One spool file's place in the acknowledged sequence: the key to idempotent ingest."""

    __table_args__ = (ROOM_FOR_UPDATES,)

    id: str = Field(primary_key=True)
    run_id: int = reference("run.id", cascade=True)
    next_seq: int = Field(default=0, sa_type=BigInteger)
    clock_offset: float = 0.0  # server time minus the trainer's clock, seconds


class Param(SQLModel, table=True):
    """A hyperparameter; nested names joined with dots."""

    __table_args__ = (Index("ix_param_name_number", "name", "number"),)

    run_id: int = Field(primary_key=True, foreign_key="run.id", sa_type=BigInteger, ondelete="CASCADE")
    name: str = Field(primary_key=True)
    value: Any = json_optional()  # as logged
    number: float | None = None  # the same when it is a number


class MetricSummary(SQLModel, table=True):
    """What lists, filters, compare and digests need of a metric, so that they never touch series.

    Rewritten with every batch: indexed by name alone, for an index on a value would be rewritten as often.
    """

    __tablename__ = "metric_summary"
    __table_args__ = (ROOM_FOR_UPDATES,)

    run_id: int = Field(primary_key=True, foreign_key="run.id", sa_type=BigInteger, ondelete="CASCADE")
    name: str = Field(primary_key=True, index=True)
    count: int = Field(default=0, sa_type=BigInteger)
    last: float | None = None
    last_step: float | None = None
    last_at: datetime | None = moment()
    min: float | None = None
    min_step: float | None = None
    max: float | None = None
    max_step: float | None = None
    goal: str | None = None  # define_metric(goal=…) of this run


class MetricChunk(SQLModel, table=True):
    """A piece of one metric's series of one run; partitioned by month of `at`."""

    __tablename__ = "metric_chunk"
    __table_args__ = (
        Index("ix_metric_chunk_run_id_name", "run_id", "name"),
        {"postgresql_partition_by": "RANGE (at)"},
    )

    id: int | None = Field(
        default=None, primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": True}
    )
    at: datetime = Field(primary_key=True, sa_type=DateTime(timezone=True))
    run_id: int = Field(sa_type=BigInteger)
    name: str
    steps: list[float] = Field(sa_column=Column(ARRAY(Float), nullable=False))
    times: list[float] = Field(sa_column=Column(ARRAY(Float), nullable=False))  # unix seconds
    values: list[float] = Field(sa_column=Column(ARRAY(Float), nullable=False))


class LogChunk(SQLModel, table=True):
    """A compressed (zlib) piece of a run's output; partitioned by month of `at`, kept for ever."""

    __tablename__ = "log_chunk"
    __table_args__ = (
        Index("ix_log_chunk_run_id_at", "run_id", "at"),
        {"postgresql_partition_by": "RANGE (at)"},
    )

    id: int | None = Field(
        default=None, primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": True}
    )
    at: datetime = Field(primary_key=True, sa_type=DateTime(timezone=True))
    run_id: int = Field(sa_type=BigInteger)
    source: str  # "stdout" | "stderr"
    first_line: int = Field(sa_type=BigInteger)
    lines: int
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class RunEvent(SQLModel, table=True):
    """Anything else a run said, as it came: alerts, text values, unknown kinds of newer SDKs."""

    __tablename__ = "run_event"

    id: int | None = key()
    run_id: int = reference("run.id", cascade=True)
    kind: str
    at: datetime = moment(optional=False)
    data: dict[str, Any] = json_map()


class CodeVersion(SQLModel, table=True):
    """Git commit, branch, remote, dirty flag, the uncommitted diff, entry point, command line."""

    __tablename__ = "code_version"

    id: int | None = key()
    fingerprint: str = Field(unique=True)
    commit: str | None = Field(default=None, index=True)
    branch: str | None = None
    remote: str | None = None
    subject: str | None = None  # the commit's first line
    dirty: bool = False
    diff: str | None = Field(default=None, sa_type=Text)
    entry: str | None = None
    command: str | None = None


class Environment(SQLModel, table=True):
    """Python and library versions, host, hardware."""

    id: int | None = key()
    fingerprint: str = Field(unique=True)
    python: str | None = None
    libraries: dict[str, str] = json_map()
    hardware: dict[str, Any] = json_map()
    host: str | None = None


class DatasetVersion(SQLModel, table=True):
    """Fingerprint of a dataset as read by a run."""

    __tablename__ = "dataset_version"
    __table_args__ = (UniqueConstraint("project_id", "name", "fingerprint"),)

    id: int | None = key()
    project_id: int = reference("project.id")
    name: str
    fingerprint: str  # content hash with filters
    source: str | None = None
    format: str | None = None
    rows: int | None = Field(default=None, sa_type=BigInteger)
    columns: int | None = None
    column_types: dict[str, str] = json_map()
    size: int | None = Field(default=None, sa_type=BigInteger)
    filters: str | None = None
    first_seen_at: datetime = moment(optional=False)
    changed_at: datetime | None = moment()  # the source no longer has this content
    checked_at: datetime | None = moment(index=True)  # when the source was looked at last
    looks: dict[str, Any] | None = json_optional()  # what it held at the "first" look and at the "last"


class LibraryRelease(SQLModel, table=True):
    """The newest release of a library that the package index knows."""

    __tablename__ = "library_release"

    name: str = Field(primary_key=True)
    version: str
    seen_at: datetime = moment(optional=False)  # this version, for the first time
    checked_at: datetime = moment(optional=False)


class RunDataset(SQLModel, table=True):
    """A run read a dataset version."""

    __tablename__ = "run_dataset"

    run_id: int = Field(primary_key=True, foreign_key="run.id", sa_type=BigInteger, ondelete="CASCADE")
    dataset_id: int = Field(primary_key=True, foreign_key="dataset_version.id", sa_type=BigInteger)


class Artifact(SQLModel, table=True):
    """A file of a run: where it lies, not its bytes, unless it was uploaded."""

    id: int | None = key()
    run_id: int = reference("run.id", cascade=True)
    name: str
    kind: str = "file"  # "file" | "checkpoint" | "image" | "table" | "model"
    note_id: int | None = reference("note.id", optional=True, cascade=True)  # whose message it came with
    location: str  # path on the training machine, Slack permalink, or "home:<sha256>"
    size: int | None = Field(default=None, sa_type=BigInteger)
    sha256: str | None = None
    at: datetime = moment(optional=False)


class Link(SQLModel, table=True):
    """An address that belongs to a run."""

    id: int | None = key()
    run_id: int = reference("run.id", cascade=True)
    note_id: int | None = reference("note.id", optional=True, cascade=True)  # in whose words it stands
    url: str
    title: str | None = None
    at: datetime = moment(optional=False)


class Tag(SQLModel, table=True):
    """A word on a run."""

    run_id: int = Field(primary_key=True, foreign_key="run.id", sa_type=BigInteger, ondelete="CASCADE")
    name: str = Field(primary_key=True, index=True)


class Like(SQLModel, table=True):
    """A star on any part of a run; liked parts flow into the report."""

    __table_args__ = (UniqueConstraint("person_id", "run_id", "kind", "target"),)

    id: int | None = key()
    person_id: int = reference("person.id")
    run_id: int = reference("run.id", cascade=True)
    kind: str  # "run" | "note" | "metric" | "param" | "artifact" | "chart"
    target: str = ""
    at: datetime = moment(optional=False)


class Verdict(SQLModel, table=True):
    """What a person decided about a run by a tap: the only thing ever counted as kept or dropped."""

    run_id: int = Field(primary_key=True, foreign_key="run.id", sa_type=BigInteger, ondelete="CASCADE")
    person_id: int = Field(primary_key=True, foreign_key="person.id", sa_type=BigInteger)
    choice: str  # "keep" | "drop" | "unsure"
    at: datetime = moment(optional=False)


class ApiToken(SQLModel, table=True):
    """A bearer token, stored hashed (SHA-256 of 32 random bytes); of a person or of a project."""

    __tablename__ = "api_token"

    id: int | None = key()
    digest: str = Field(unique=True)
    hint: str  # first characters, to tell tokens apart in a list
    project_id: int | None = reference("project.id", optional=True)
    person_id: int | None = reference("person.id", optional=True)
    scopes: list[str] = json_list()  # "write", "read"
    label: str | None = None
    created_at: datetime = moment(optional=False)
    expires_at: datetime | None = moment()
    revoked_at: datetime | None = moment()
    last_used_at: datetime | None = moment()


class DeletedRun(SQLModel, table=True):
    """A run that was deleted: a spool that still holds it must not bring it back."""

    __tablename__ = "deleted_run"

    digest: str = Field(primary_key=True)  # SHA-256 of its uid, which may name somebody
    at: datetime = moment(optional=False)


class JobCrash(SQLModel, table=True):
    """How often a worker died over a job: it is retried once, then given up."""

    __tablename__ = "job_crash"

    job_id: int = Field(primary_key=True, sa_type=BigInteger)
    crashes: int = 1


class LoginRequest(SQLModel, table=True):
    """`runlore login` waits for a person to confirm its code by a button in Slack."""

    __tablename__ = "login_request"

    device: str = Field(primary_key=True)  # SHA-256 of the secret only the waiting machine has
    code: str = Field(unique=True)  # what the person types
    host: str | None = None
    login: str | None = None
    created_at: datetime = moment(optional=False)
    expires_at: datetime = moment(optional=False)
    person_id: int | None = reference("person.id", optional=True)  # who confirmed
    taken_at: datetime | None = moment()  # the token was handed out
