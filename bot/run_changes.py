"""What a run's owner may change of it: its name, its state, whether it is there at all."""

from datetime import datetime

from sqlalchemy import delete, text, update
from sqlmodel import Session, col

from bot import outbox, runs, search_index, threads
from bot.asking import Asking
from bot.blocks import actions, button, escape, fit, flat, line, section
from bot.errors import Forbidden, RunloreError
from bot.grammar import Command, GrammarError
from bot.sight import Sight
from bot.values import Message
from bot.views import run_view
from storage import ingest_queries
from storage.memory import NoteRun, Thread
from storage.run_queries import message_key
from storage.tables import RUN_STATES, Project, Run, RunDataset, Verdict

LONGEST_NAME = 120
ENDS = tuple(state for state in RUN_STATES if state != "running")


def rename(asking: Asking, command: Command) -> Message:
    """`rename 42 warm-otter`."""
    run = _own(asking, command)
    name = flat(command.text, LONGEST_NAME)
    if not name:
        raise GrammarError("Rename it to what?", suggestion="rename 42 warm-otter")
    before, run.name = run.name, name
    asking.session.flush()
    search_index.index_runs(asking.session, [run.id or 0])
    runs.refresh(asking.session, run, now=asking.now)
    ref = escape(run_view(asking.session, run.id or 0).ref)
    return Message(text=f"{ref} is {line(name, 80)} from now on; it was {line(before, 80)}.")


def restate(asking: Asking, command: Command) -> Message:
    """`restate 42 failed the labels were wrong`: how it really ended, where the machine got it wrong."""
    run = _own(asking, command)
    state, _, why = command.text.partition(" ")
    if state.lower() not in ENDS:
        raise GrammarError(
            f"A run ended as {', '.join(ENDS[:-1])} or {ENDS[-1]}.",
            suggestion="restate 42 failed the labels were wrong",
        )
    if run.state == "running" and run.expected_by is not None and run.expected_by > asking.now:
        raise RunloreError("It is still running. End it on its machine, and its end is told by itself.")
    before, run.state = run.state, state.lower()
    run.ended_at, run.expected_by = run.ended_at or asking.now, None
    told = dict(run.ending or {}) | {"restated_from": before}
    if why.strip():
        told["cause"] = flat(why, 200)
    run.ending = told
    asking.session.flush()
    search_index.index_runs(asking.session, [run.id or 0])
    runs.refresh(asking.session, run, now=asking.now, urgent=True)
    ref = escape(run_view(asking.session, run.id or 0).ref)
    return Message(text=f"{ref} counts as {run.state} from now on; it was {before}.")


def ask_to_delete(asking: Asking, command: Command) -> Message:
    """`delete 42`: asked once more, because nothing brings it back."""
    run = _own(asking, command)
    _check_ended(run)
    view = run_view(asking.session, run.id or 0)
    words = f"Delete {escape(view.ref)} {line(view.name, 60)} with its numbers and output, for ever?"
    told = f"{words}\nNotes on it stay, as notes of the project."
    sure = button("Delete for ever", "run_delete", str(run.id), style="danger")
    return fit(
        Message(text=words, blocks=[section(told), actions(sure, button("Keep it", "run_delete_not", "no"))])
    )


def remove(session: Session, run: Run, *, now: datetime) -> str:
    """Delete a run with everything that is only its own; returns what it was called."""
    _check_ended(run)
    ref, run_id = run_view(session, run.id or 0).ref, run.id or 0
    project = session.get(Project, run.project_id)
    place = threads.place_of(session, run)
    if place is not None:
        outbox.remove(session, message_key(run_id), place.channel, now=now)
    if project is not None and project.baseline_run_id == run_id:
        project.baseline_run_id = None
    session.execute(update(Run).where(col(Run.parent_id) == run_id).values(parent_id=None))
    own = col(Thread.run_id) == run_id
    session.execute(delete(Thread).where(own, col(Thread.outbox_key) == message_key(run_id)))
    session.execute(
        update(Thread).where(own).values(run_id=None)
    )  # a message it shares with other runs stays
    session.execute(delete(NoteRun).where(col(NoteRun.run_id) == run_id))
    for table in (Verdict, RunDataset):
        session.execute(delete(table).where(col(table.run_id) == run_id))
    for chunks in ("metric_chunk", "log_chunk"):  # partitioned, so without a foreign key
        session.execute(text(f"DELETE FROM {chunks} WHERE run_id = :run"), {"run": run_id})  # noqa: S608  fixed names
    ingest_queries.bury(session, run.uid, now=now)
    session.delete(run)
    session.flush()
    if project is not None:
        threads.refresh_board(session, project, now=now)
    return ref


def check_owner(run: Run, sight: Sight) -> None:
    """Only its owner changes a run. Raises Forbidden."""
    if not sight.operator and (run.owner_id is None or run.owner_id != sight.person_id):
        raise Forbidden("Only the run's owner can change it.")


def _own(asking: Asking, command: Command) -> Run:
    run = asking.run(command.runs[0])
    owner = asking.person is not None and run.owner_id == asking.person.id
    if not owner and not asking.sight.operator:
        raise Forbidden("Only the run's owner can change it.")
    return run


def _check_ended(run: Run) -> None:
    if run.state == "running":
        raise RunloreError("It is still running. End it first.")
