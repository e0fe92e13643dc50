"""What people said and what Slack was told: notes, rationale, threads, outbox, subscriptions."""

from datetime import date, datetime, time
from typing import Any

from sqlalchemy import BigInteger, Column, Float, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
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
)

ROLES = ("hypothesis", "change", "outcome", "problem", "decision", "next_step", "other")


class Note(SQLModel, table=True):
    """What a person said about a run (or a project), typed or spoken."""

    __table_args__ = (UniqueConstraint("channel_id", "ts"), terms_index("note"), nearest_index("note"))

    id: int | None = key()
    external_id: str | None = Field(default=None, unique=True)  # importer's note_id
    project_id: int = reference("project.id")
    author_id: int | None = reference("person.id", optional=True)
    kind: str = "text"  # "text" | "memo" | "sdk" | "import" | "status"
    text: str = Field(sa_type=Text)  # normalised for memos
    heard: str | None = Field(default=None, sa_type=Text)  # a memo's untouched transcript
    title: str | None = None
    language: str | None = None
    channel_id: str | None = None
    ts: str | None = None  # Slack message
    permalink: str | None = None
    memo: dict[str, Any] | None = json_optional()  # file id, duration, words with times, spoken spans
    said_at: datetime = moment(optional=False, index=True)
    edited_at: datetime | None = moment()
    edited_by_id: int | None = reference("person.id", optional=True)
    deleted_at: datetime | None = moment()
    read_at: datetime | None = moment()  # the rationale reading is done
    length: int = 0  # number of terms, for BM25
    terms: Any = search_terms()
    vector: Any = embedding()


class NoteRun(SQLModel, table=True):
    """A note is about a run; a note naming several runs belongs to all."""

    __tablename__ = "note_run"

    note_id: int = Field(primary_key=True, foreign_key="note.id", sa_type=BigInteger, ondelete="CASCADE")
    run_id: int = Field(
        primary_key=True, foreign_key="run.id", sa_type=BigInteger, index=True, ondelete="CASCADE"
    )


class RationaleItem(SQLModel, table=True):
    """One part of the structured reading of a note: a role and the quoted sentence."""

    __tablename__ = "rationale_item"
    __table_args__ = (nearest_index("rationale_item"),)

    id: int | None = key()
    note_id: int = reference("note.id", cascade=True)
    role: str = Field(index=True)
    text: str = Field(sa_type=Text)
    start: int  # character span in note.text
    end: int
    start_time: float | None = None  # seconds into the memo
    end_time: float | None = None
    confidence: float
    source: str = "model"  # "model" | "person": people's words win
    edited_by_id: int | None = reference("person.id", optional=True)
    closed_at: datetime | None = moment()  # a next step done, by a person's tap
    vector: Any = embedding()


class Fact(SQLModel, table=True):
    """Something stated in a note: a param change, a metric value, a technique, a dataset, another run."""

    id: int | None = key()
    note_id: int = reference("note.id", cascade=True)
    item_id: int | None = reference("rationale_item.id", optional=True, cascade=True)
    kind: str  # "param" | "metric" | "comparison" | "technique" | "dataset" | "model" | "run" | "duration" | "cost"
    name: str = Field(index=True)  # as the run calls it, when linked
    from_value: str | None = None
    to_value: str | None = None
    unit: str | None = None
    linked: bool = False  # the name is one of the run's own
    confirmed: bool = True  # False: heard, matches nothing logged; no fact until a person confirms
    start: int | None = None
    end: int | None = None


class TermCount(SQLModel, table=True):
    """In how many notes a term occurs: BM25's document frequency."""

    __tablename__ = "term_count"
    __table_args__ = (ROOM_FOR_UPDATES,)

    term: str = Field(primary_key=True)
    notes: int = Field(sa_type=BigInteger)


class Channel(SQLModel, table=True):
    """What is known of a Slack channel; visibility needs `synced_at` younger than two hours."""

    id: str = Field(primary_key=True)
    name: str
    is_private: bool = False
    is_shared: bool = False  # Slack Connect
    is_archived: bool = False
    is_member: bool = False  # the bot is in it
    synced_at: datetime | None = moment()


class Membership(SQLModel, table=True):
    """A person is in a channel."""

    channel_id: str = Field(primary_key=True)
    slack_id: str = Field(primary_key=True, index=True)


class Thread(SQLModel, table=True):
    """A Slack thread that belongs to a run or, in a shared channel, to a project."""

    id: int | None = key()
    project_id: int = reference("project.id")
    run_id: int | None = reference("run.id", optional=True)
    channel_id: str
    outbox_key: str = Field(unique=True)  # the outbox post that is the thread's parent
    ts: str | None = Field(default=None, index=True)  # known once it was sent
    opened_at: datetime = moment(optional=False)
    closed_at: datetime | None = moment()
    replies: int = 0


class Outbox(SQLModel, table=True):
    """A message to Slack, written with the data it tells about; sent in order per channel."""

    __table_args__ = (
        UniqueConstraint("key"),
        # Small however many messages were ever sent: the dispatcher reads nothing else.
        Index("ix_outbox_unsent", "lane", "id", postgresql_where=text("state IN ('waiting', 'sending')")),
    )

    id: int | None = key()
    key: str  # business key: the same thing is never told twice
    lane: str  # channel id: order is kept inside a lane
    method: str  # "chat.postMessage" | "chat.update" | "reactions.add" | …
    body: dict[str, Any] = json_map()  # arguments, less what is resolved at sending
    parent_key: str | None = None  # thread parent: its ts is looked up at sending
    target_key: str | None = None  # message to update/react to: its ts is looked up at sending
    state: str = "waiting"  # waiting | sending | sent | refused | dropped
    attempts: int = 0
    not_before: datetime | None = moment()
    result: dict[str, Any] | None = json_optional()  # {"channel", "ts", …}
    error: str | None = None
    created_at: datetime = moment(optional=False)
    sent_at: datetime | None = moment()


class SlackEvent(SQLModel, table=True):
    """An event as Slack delivered it, persisted before it is acknowledged."""

    __tablename__ = "slack_event"

    event_id: str = Field(primary_key=True)
    kind: str
    body: dict[str, Any] = json_map()
    received_at: datetime = moment(optional=False, index=True)
    handled_at: datetime | None = moment()


class Subscription(SQLModel, table=True):
    """A digest somebody gets; `next_due_at` is the truth, APScheduler only ticks."""

    id: int | None = key()
    channel_id: str = Field(unique=True)  # a channel or a person's direct messages
    person_id: int | None = reference("person.id", optional=True)
    project_ids: list[int] = Field(
        default_factory=list, sa_column=Column(ARRAY(BigInteger), nullable=False, server_default="{}")
    )  # empty: every project of the channel
    local_time: time = Field(default=time(9, 0))
    weekdays: list[str] = json_list()  # ["mon", "tue", …]
    time_zone: str = "UTC"
    depth: str = "brief"  # "brief" | "full" | "manager"
    next_due_at: datetime | None = moment(index=True)
    last_covered_until: datetime | None = moment()
    active: bool = True


class Digest(SQLModel, table=True):
    """A digest that was sent: one per subscription and local date."""

    __table_args__ = (UniqueConstraint("subscription_id", "local_date"),)

    id: int | None = key()
    subscription_id: int = reference("subscription.id", cascade=True)
    local_date: date
    since: datetime = moment(optional=False)
    until: datetime = moment(optional=False)
    made_at: datetime = moment(optional=False)


class Correction(SQLModel, table=True):
    """What a person changed in a reading: feedback that never leaves the home without opt-in."""

    id: int | None = key()
    note_id: int = reference("note.id", cascade=True)
    person_id: int | None = reference("person.id", optional=True)
    sentence: str = Field(sa_type=Text)
    was: dict[str, Any] = json_map()
    now: dict[str, Any] = json_map()
    at: datetime = moment(optional=False)


class AnswerRating(SQLModel, table=True):
    """Whether an answer helped: 👍 or 👎 of its asker, kept here and nowhere else."""

    __tablename__ = "answer_rating"

    id: int | None = key()
    person_id: int = reference("person.id")
    question: str = Field(sa_type=Text)
    good: bool
    at: datetime = moment(optional=False)


class Bucket(SQLModel, table=True):
    """A token bucket of Slack's limits, shared by all replicas: one a channel, one a method."""

    __table_args__ = (ROOM_FOR_UPDATES,)

    name: str = Field(primary_key=True)
    tokens: float = Field(sa_type=Float)
    filled_at: datetime = moment(optional=False)
    blocked_until: datetime | None = moment()
