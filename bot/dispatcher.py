"""Sends the outbox: one dispatcher per database, in order per channel, inside Slack's limits, once in effect.

Slack has no idempotency key. Each post carries its business key in the message's metadata; before a doubtful post
(an answer was lost, a dispatcher died while sending) is repeated, the channel is searched for that key.
"""

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

from bot import limits
from bot.errors import SlackBusy, SlackDoubtful, SlackRefused
from bot.logs import kind_of
from bot.messenger import Messenger
from bot.outbox import NOTIFY, NotYet
from bot.values import Message
from storage.database import Database, conninfo
from storage.memory import Outbox, Thread

log = logging.getLogger(__name__)

LEADER_LOCK = 0x52554E4C  # "RUNL"
IDLE_SECONDS = 0.25
# Longer than a call can take: a row that is being sent is nobody else's until then, also when its sender died.
HELD = timedelta(seconds=20)
CLOCKS_APART = 60.0  # seconds between Slack's clock and ours when an earlier post is looked for
LOOKED_AT = 5  # pages of 200 messages
# Slack will not speak to us at all: nothing is lost, it waits for a new token (`doctor` says so).
LOCKED_OUT = {"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"}
LOCKED_OUT_SECONDS = 60.0
# Words that the app may not write now wait until it may again; a sign on a message is not worth that.
WAITS_FOR_SCOPE = {"chat.postMessage", "chat.update", "chat.delete"}
DONE_ALREADY = {"already_reacted", "no_reaction", "message_not_found", "already_pinned"}

PARENT_GONE = "cannot_reply_to_message"

Render = Callable[[Session, Mapping[str, Any], datetime], Message | None]


class Dispatcher:
    """Sends what waits; `run` until `stop`, or `send_due` once, for tests and simulations."""

    def __init__(self, database: Database, messenger: Messenger, *, render: Render) -> None:
        self._database = database
        self._messenger = messenger
        self._render = render
        self._stopping = threading.Event()

    def run(self) -> None:
        """Lead when nobody else does; wake up on NOTIFY; survive the database going away."""
        while not self._stopping.is_set():
            try:
                with psycopg.connect(conninfo(self._database.url), autocommit=True) as connection:
                    if not self._lead(connection):
                        continue
                    connection.execute(f"LISTEN {NOTIFY}")
                    while not self._stopping.is_set():
                        if not self.send_due(datetime.now(UTC)):
                            for _ in connection.notifies(timeout=IDLE_SECONDS, stop_after=1):
                                pass
            except (psycopg.Error, DBAPIError) as error:
                log.warning("dispatcher_database_lost", extra={"reason": kind_of(error)})
                self._stopping.wait(1)

    def stop(self) -> None:
        """Finish the message in hand and end."""
        self._stopping.set()

    def _lead(self, connection: psycopg.Connection[Any]) -> bool:
        while not self._stopping.is_set():
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", (LEADER_LOCK,)).fetchone()
            if row and row[0]:
                return True
            self._stopping.wait(1)
        return False

    def send_due(self, now: datetime) -> int:
        """Send one message of every channel that may be sent now, then one edit; returns how many were tried."""
        with self._database.session() as session:
            heads = list(
                session.execute(
                    text(
                        "SELECT id FROM (SELECT DISTINCT ON (lane) id, not_before FROM outbox"
                        " WHERE state IN ('waiting', 'sending') AND lane NOT LIKE 'edit:%' ORDER BY lane, id) heads"
                        " WHERE not_before IS NULL OR not_before <= :now"
                    ),
                    {"now": now},
                ).scalars()
            )
            # Nothing is looked for that cannot be sent: a thousand live runs have an edit each that waits.
            room = limits.room(session, limits.buckets_of("chat.update", ""), now=now)
            edits = _edits_due(session, now) if room else []
        tried = sum(self._send(row_id, now) for row_id in heads)
        for row_id in edits:
            if self._send(row_id, now):
                return tried + 1
        return tried

    def _send(self, row_id: int, now: datetime) -> bool:
        """Send one row; False when it cannot go yet."""
        with self._database.session() as session:
            row = session.get(Outbox, row_id, with_for_update=True)
            if row is None or row.state not in ("waiting", "sending"):
                return False
            if row.not_before is not None and row.not_before > now:
                return False  # another leads too, for a moment after PostgreSQL was away, and has taken it in hand
            doubtful = row.state == "sending" and row.method == "chat.postMessage"
            try:
                body = self._resolve(session, row, now)
            except NotYet:
                return False
            except SlackRefused as refusal:
                row.state, row.error = "dropped", refusal.error
                return True
            if body is None:  # nothing new to show
                row.state, row.sent_at = "sent", now
                return True
            wait = limits.take(session, limits.buckets_of(row.method, str(body.get("channel", ""))), now=now)
            if wait > 0:
                if not row.lane.startswith("edit:"):
                    row.not_before = now + timedelta(seconds=wait)
                return False
            row.state, row.attempts, row.not_before = "sending", row.attempts + 1, now + HELD
            tried_before, row.sent_at = row.sent_at, now
            written = row.created_at
        since = (tried_before or row.created_at) if doubtful else None
        outcome = self._deliver(row, body, doubtful_since=since)
        with self._database.session() as session:
            fresh = session.get(Outbox, row_id, with_for_update=True)
            if fresh is not None:
                self._settle(session, fresh, outcome, written, now)
        return True

    def _resolve(self, session: Session, row: Outbox, now: datetime) -> dict[str, Any] | None:
        """The arguments as they are sent: thread, target and rendered content filled in."""
        body = dict(row.body)
        body.pop("urgent", None)  # ours, not Slack's
        if row.parent_key:
            body["thread_ts"] = _place(session, row.parent_key)["ts"]
        if row.target_key:
            place = _place(session, row.target_key)
            body |= {"ts": place["ts"], "channel": place["channel"]}
        spec = body.pop("render", None)
        if spec is not None:
            message = self._render(session, spec, now)
            if message is None:
                return None
            body |= {"text": message.text, "blocks": message.blocks}
            if row.result and row.result.get("digest") == _digest(body):
                return None
        if row.method == "chat.postMessage":
            body["metadata"] = {"event_type": "runlore_post", "event_payload": {"key": row.key}}
            body |= {"unfurl_links": False, "unfurl_media": False}
        return body

    def _deliver(self, row: Outbox, body: dict[str, Any], *, doubtful_since: datetime | None) -> "_Outcome":
        try:
            if doubtful_since is not None:
                try:
                    found = self._find_sent(row, body, doubtful_since)
                except SlackBusy as busy:
                    return _Outcome(retry_in=busy.seconds)  # as doubtful as before
                if found is not None:
                    return _Outcome(result=found)
            try:
                answer = self._messenger.call(row.method, body)
            except SlackRefused as refusal:
                if not refusal.error.startswith("invalid_blocks") or "blocks" not in body:
                    raise
                log.error("blocks_refused", extra={"key": row.key, "details": refusal.details})
                answer = self._messenger.call(row.method, {**body, "blocks": []})
            result = {
                "channel": answer.get("channel", body.get("channel")),
                "ts": answer.get("ts", body.get("ts")),
            }
            if row.method == "chat.update":
                result["digest"] = _digest(body)
            if row.method == "chat.postMessage" and row.key.endswith(":parent"):
                result["permalink"] = self._messenger.permalink(str(result["channel"]), str(result["ts"]))
            return _Outcome(result=result)
        except SlackBusy as busy:
            return _Outcome(retry_in=busy.seconds, unsent=True)
        except SlackDoubtful:
            return _Outcome(retry_in=min(60.0, 2.0 ** min(row.attempts, 6) * 0.25))
        except SlackRefused as refusal:
            withheld = refusal.error == "missing_scope" and row.method in WAITS_FOR_SCOPE
            if refusal.error in LOCKED_OUT or withheld:
                return _Outcome(retry_in=LOCKED_OUT_SECONDS, unsent=True, error=refusal.error)
            if refusal.error in DONE_ALREADY:
                return _Outcome(result={"channel": body.get("channel"), "ts": body.get("ts")})
            log.error("slack_refused", extra={"key": row.key, "method": row.method, "reason": refusal.error})
            return _Outcome(refused=refusal.error)

    def _find_sent(self, row: Outbox, body: Mapping[str, Any], since: datetime) -> dict[str, Any] | None:
        """Our earlier post with this key, if Slack did take it."""
        thread, channel = body.get("thread_ts"), str(body["channel"])
        if channel.startswith(("U", "W")):  # only posting takes a person for a channel
            opened = self._messenger.call("conversations.open", {"users": channel})
            channel = str(opened["channel"]["id"])
        query: dict[str, Any] = {
            "channel": channel,
            "include_all_metadata": True,
            "limit": 200,
            "oldest": f"{since.timestamp() - CLOCKS_APART:.6f}",
            "ts": thread,
        }
        for _ in range(LOOKED_AT):
            method = "conversations.replies" if thread else "conversations.history"
            answer = self._messenger.call(method, query)
            for message in answer.get("messages", []):
                if message.get("metadata", {}).get("event_payload", {}).get("key") == row.key:
                    found = {"channel": channel, "ts": message["ts"]}
                    if row.key.endswith(":parent"):
                        found["permalink"] = self._messenger.permalink(found["channel"], found["ts"])
                    return found
            query["cursor"] = (answer.get("response_metadata") or {}).get("next_cursor")
            if not query["cursor"]:
                break
        return None

    def _settle(
        self, session: Session, row: Outbox, outcome: "_Outcome", written: datetime, now: datetime
    ) -> None:
        if outcome.result is not None:
            row.result, row.error, row.sent_at = (row.result or {}) | outcome.result, None, now
            row.not_before = None
            # What was renewed while it was being sent waits again.
            row.state = "sent" if row.created_at == written else "waiting"
            if row.method == "chat.postMessage":
                for thread in session.exec(select(Thread).where(col(Thread.outbox_key) == row.key)):
                    thread.ts, thread.channel_id = outcome.result["ts"], outcome.result["channel"]
        elif outcome.refused is not None:
            row.state, row.error, row.not_before = "refused", outcome.refused, None
            if outcome.refused == PARENT_GONE and row.parent_key:
                closed = update(Thread).where(col(Thread.outbox_key) == row.parent_key)
                session.execute(closed.values(closed_at=now))  # the project's next run opens a new one
        else:
            row.state = "waiting" if outcome.unsent else "sending"
            row.not_before, row.error = now + timedelta(seconds=outcome.retry_in), outcome.error
            if outcome.unsent:
                limits.block(session, row.method, until=row.not_before)


class _Outcome:
    """What became of one attempt."""

    def __init__(
        self,
        *,
        result: dict[str, Any] | None = None,
        refused: str | None = None,
        retry_in: float = 0.0,
        unsent: bool = False,
        error: str | None = None,
    ) -> None:
        self.result, self.refused, self.retry_in, self.unsent = result, refused, retry_in, unsent
        self.error = error


def _edits_due(session: Session, now: datetime) -> list[int]:
    """The first few edits: urgent ones, then those of messages that were not edited for longest."""
    found = session.execute(
        text(
            "SELECT id FROM outbox WHERE state IN ('waiting', 'sending') AND lane LIKE 'edit:%'"
            " AND (not_before IS NULL OR not_before <= :now)"
            # Not before their post is in Slack: waiting ones would keep others from their turn.
            " AND NOT EXISTS (SELECT FROM outbox target WHERE target.key = outbox.target_key"
            " AND target.state IN ('waiting', 'sending'))"
            " ORDER BY (body->>'urgent')::bool DESC, sent_at NULLS FIRST, created_at LIMIT 8"
        ),
        {"now": now},
    )
    return list(found.scalars())


def _place(session: Session, key: str) -> dict[str, Any]:
    row = session.exec(select(Outbox).where(Outbox.key == key)).first()
    if row is None or row.state in ("refused", "dropped"):
        raise SlackRefused("its thread could not be posted")
    if not row.result or not row.result.get("ts"):
        raise NotYet
    return row.result


def _digest(body: Mapping[str, Any]) -> str:
    shown = json.dumps([body.get("text"), body.get("blocks")], sort_keys=True, default=str)
    return hashlib.sha256(shown.encode()).hexdigest()[:16]
