"""What was said during chaos, and the final comparison with what is there: exactly once, and in order."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from local_workspace import GENERAL, RUNS, SECRET, VISION, LocalWorkspace
from running_bot import shown
from sqlalchemy import text
from sqlmodel import Session, col, select

from storage.database import Database
from storage.memory import Digest, Note, Outbox
from storage.series import read_series
from storage.tables import Run

Json = dict[str, Any]
CHANNELS = (RUNS, GENERAL, VISION, SECRET)
LEFT = {
    "posts": "SELECT count(*) FROM outbox WHERE state IN ('waiting', 'sending') AND lane NOT LIKE 'edit:%'",
    "edits": "SELECT count(*) FROM outbox WHERE state IN ('waiting', 'sending') AND lane LIKE 'edit:%'",
    "events": "SELECT count(*) FROM slack_event WHERE handled_at IS NULL",
    "jobs": "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')",
}


@dataclass
class Told:
    """What the team said and was acknowledged for."""

    runs: dict[str, int] = field(default_factory=dict)  # run -> points
    ended: set[str] = field(default_factory=set)
    alerts: dict[str, int] = field(default_factory=dict)
    code_notes: set[str] = field(default_factory=set)
    replies: list[str] = field(default_factory=list)
    memos: int = 0
    batches: int = 0
    sent_again: int = 0

    def summary(self) -> str:
        """In a line."""
        return (
            f"{len(self.runs)} runs, {sum(self.runs.values()):,} points in {self.batches:,} batches "
            f"({self.sent_again} sent again), {len(self.replies)} replies, {self.memos} memos"
        )

    @staticmethod
    def left(database: Database) -> dict[str, int]:
        """What is still to be done."""
        with database.session() as session:
            return {name: int(session.execute(text(query)).scalar() or 0) for name, query in LEFT.items()}


def compare(database: Database, workspace: LocalWorkspace, told: Told) -> bool:
    """Print every comparison; True when all are exact."""
    with database.session() as session:
        results = [
            ("runs: each once, each ended", lambda: _runs(session, told)),
            ("points: each once, in order", lambda: _points(session, told)),
            ("notes of code: each once", lambda: _notes(session, "sdk", sorted(told.code_notes))),
            ("notes of people: each once", lambda: _notes(session, "text", told.replies)),
            ("memos: each once, each heard", lambda: _memos(session, told)),
            ("messages: each once in Slack", lambda: _messages(session, workspace)),
            ("messages: in order, of each run", lambda: _order(session, workspace)),
            ("alerts: each once, in order", lambda: _alerts(workspace, told)),
            ("digests: each once", lambda: _digests(session)),
            ("jobs: none given up", lambda: _jobs(session)),
        ]
        said = [_say(name, check) for name, check in results]
        return all(said)


def _say(name: str, check: Callable[[], tuple[int, list[str]]]) -> bool:
    number, wrong = check()
    print(
        f"{'OK  ' if not wrong and number else 'WRONG' if wrong else 'NONE'} {name:36} {number:>8,}  {'; '.join(wrong[:5])}"
    )
    return bool(number) and not wrong


def _runs(session: Session, told: Told) -> tuple[int, list[str]]:
    there = Counter(run.uid for run in session.exec(select(Run)))
    states = {run.uid: run.state for run in session.exec(select(Run))}
    wrong = [f"{run} is there {there[run]} times" for run in told.runs if there[run] != 1]
    wrong += [f"{run} was never reported" for run in there if run not in told.runs]
    wrong += [f"{run} is {states.get(run)}" for run in told.ended if states.get(run) != "finished"]
    return len(there), wrong


def _points(session: Session, told: Told) -> tuple[int, list[str]]:
    wrong, total = [], 0
    ids = {run.uid: run.id or 0 for run in session.exec(select(Run))}
    for run, count in told.runs.items():
        if not count:
            continue
        series = read_series(session, ids.get(run, 0), "loss")
        total += len(series.steps)
        expected = [float(one) for one in range(count)]
        if list(series.steps) != expected or list(series.values) != expected:
            wrong.append(f"{run}: {len(series.steps)} of {count}")
    return total, wrong


def _notes(session: Session, kind: str, said: list[str]) -> tuple[int, list[str]]:
    there = Counter(
        session.exec(select(Note.text).where(Note.kind == kind, col(Note.deleted_at).is_(None))).all()
    )
    wrong = [f"{there[words]} times: {words}" for words in said if there[words] != 1]
    return len(said), wrong


def _memos(session: Session, told: Told) -> tuple[int, list[str]]:
    notes = session.exec(select(Note).where(Note.kind == "memo")).all()
    wrong = [f"{len(notes)} notes of {told.memos} memos"] if len(notes) != told.memos else []
    wrong += [f"memo {note.id} was not heard" for note in notes if not note.heard]
    return len(notes), wrong


def _keyed(workspace: LocalWorkspace) -> Iterator[tuple[str, Json]]:
    """Every message of the bot in Slack with its business key."""
    for channel in CHANNELS:
        for parent in workspace.messages(channel, user="U0ANA") if channel != SECRET else ():
            thread = workspace.thread(channel, str(parent["ts"])) if parent.get("reply_count") else [parent]
            for message in thread:
                if key := key_of(message):
                    yield key, {**message, "channel": channel}


def key_of(message: Json) -> str:
    """The business key of a message of the bot; nothing of others'."""
    return str(((message.get("metadata") or {}).get("event_payload") or {}).get("key") or "")


def _messages(session: Session, workspace: LocalWorkspace) -> tuple[int, list[str]]:
    told = session.exec(select(Outbox).where(Outbox.method == "chat.postMessage")).all()
    there = Counter(key for key, _ in _keyed(workspace))
    removed = {row.target_key for row in session.exec(select(Outbox).where(Outbox.method == "chat.delete"))}
    direct = {row.key for row in told if not str(row.lane).startswith("C")}
    wrong = [f"{row.key} is {row.state}: {row.error}" for row in told if row.state != "sent"]
    wrong += [
        f"{row.key} {there[row.key]} times"
        for row in told
        if row.key not in removed | direct and there[row.key] != 1
    ]
    wrong += [f"{key} {count} times" for key, count in there.items() if count > 1]
    return len(told), wrong


def _order(session: Session, workspace: LocalWorkspace) -> tuple[int, list[str]]:
    """What is told of one run, or of one note, stands in Slack in the order in which it was written."""
    written = session.exec(select(Outbox).where(Outbox.method == "chat.postMessage"))
    places = {row.key: row.id or 0 for row in written}
    subjects: dict[str, list[tuple[float, int, str]]] = {}
    for key, message in _keyed(workspace):
        if key in places:
            subject = ":".join(key.split(":")[:2])
            subjects.setdefault(subject, []).append((float(message["ts"]), places[key], key))
    wrong = []
    for told in subjects.values():
        for (_, before, first), (_, after, second) in pairwise(sorted(told)):
            if before > after:
                wrong.append(f"{second} came after {first}")
    return sum(map(len, subjects.values())), wrong


def _alerts(workspace: LocalWorkspace, told: Told) -> tuple[int, list[str]]:
    said = [shown(message) for _, message in sorted(_keyed(workspace), key=lambda one: float(one[1]["ts"]))]
    wrong, total = [], 0
    for run, count in told.alerts.items():
        titles = [f"{run} alert {number:02d}" for number in range(1, count + 1)]
        found = [title for words in said for title in titles if title in words]
        total += count
        if found != titles:
            wrong.append(f"{run}: {found}")
    return total, wrong


def _digests(session: Session) -> tuple[int, list[str]]:
    made = Counter((one.subscription_id, one.local_date) for one in session.exec(select(Digest)))
    return len(made), [f"{which} {count} times" for which, count in made.items() if count != 1]


def _jobs(session: Session) -> tuple[int, list[str]]:
    failed = session.execute(
        text("SELECT task_name, count(*) FROM procrastinate_jobs WHERE status = 'failed' GROUP BY 1")
    ).all()
    done = int(session.execute(text("SELECT last_value FROM procrastinate_jobs_id_seq")).scalar() or 0)
    return done, [f"{row[1]} of {row[0]}" for row in failed]
