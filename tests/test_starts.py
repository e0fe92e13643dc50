"""What a start costs the database, when the run is found by what it says of itself, and what a ready process leaves alone."""

import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from local_workspace import LocalWorkspace
from patience import stretched
from running_bot import RunningBot, running_bot
from sqlalchemy import event
from sqlmodel import col, select

from bot import jobs
from bot.plain_text import plain_text
from bot.serve import settle
from nlp.terms import terms
from storage.database import Database
from storage.memory import Outbox
from storage.run_search import held_by
from storage.tables import Run

MOST_STATEMENTS = 50  # seventy, before earlier runs were read for what they set alone


@pytest.fixture
def bot(database: Database, workspace: LocalWorkspace, tmp_path: Path) -> Iterator[RunningBot]:
    """Nobody else asks the database."""
    with running_bot(database, workspace, tmp_path, workers=False, socket=False) as started:
        yield started


@contextmanager
def statements(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """What is asked of the database meanwhile: statements with their parameters."""
    asked: list[tuple[str, Any]] = []

    def listen(*told: Any) -> None:  # noqa: ANN401
        asked.append((told[2], told[3]))

    event.listen(database.engine, "before_cursor_execute", listen)
    try:
        yield asked
    finally:
        event.remove(database.engine, "before_cursor_execute", listen)


def runs_read(asked: list[tuple[str, Any]]) -> list[int]:
    """Of how many runs the numbers are read, by each statement that does."""
    told = [given for statement, given in asked if "FROM metric_summary" in statement]
    return [sum(name.startswith("run_id") for name in given) for given in told]


def row(bot: RunningBot, uid: str) -> Run:
    with bot.services.database.session() as session:
        return session.exec(select(Run).where(Run.uid == uid)).one()


def test_a_start_reads_of_earlier_runs_only_what_they_set(bot: RunningBot) -> None:
    earlier = [bot.start("sober", config={"lr": 0.1, "depth": depth}) for depth in range(1, 4)]
    for run in earlier:
        bot.log("sober", run, "loss", 1.0, 0.5)
        bot.finish("sober", run)
    with statements(bot.services.database) as asked:
        latest = bot.start("sober", config={"lr": 0.2, "depth": 3})
    assert row(bot, latest).parent_id == row(bot, earlier[-1]).id
    assert len(asked) <= MOST_STATEMENTS
    assert max(runs_read(asked)) == 2  # the run and its parent


def test_an_end_reads_of_earlier_runs_only_those_that_repeat_it(bot: RunningBot) -> None:
    for place in range(3):  # five would be a sweep
        run = bot.start("repeated", config={"lr": 0.1, "depth": max(0, place - 1), "seed": place})
        bot.log("repeated", run, "val_acc", 0.9 - place / 100)
        bot.finish("repeated", run)
    last = bot.start("repeated", config={"lr": 0.1, "depth": 0, "seed": 77})
    bot.log("repeated", last, "val_acc", 0.92)
    with statements(bot.services.database) as asked:
        bot.finish("repeated", last)
    assert sorted(runs_read(asked))[-2:] == [2, 2]  # it and its parent; the two of the same settings
    with bot.services.database.session() as session:
        told = session.exec(select(Outbox).where(col(Outbox.key).endswith(":ended:finished"))).all()[-1]
    assert "over 3 runs" in plain_text(told.body["text"], told.body["blocks"])


def test_a_run_is_found_by_its_words_and_by_code_told_after_its_start(bot: RunningBot) -> None:
    run = bot.start("worded", notes="cosine warmup", config={"lr": 0.1})
    bot.report("worded", run, {"t": "code", "commit": "a" * 40, "branch": "gradient-clipping"})
    database = bot.services.database
    run_id = row(bot, run).id or 0
    jobs.tasks(bot.services)["find_similar"](run_id=run_id)
    asked = terms("warmup gradient-clipping")
    with database.session() as session:
        assert held_by(session, [run_id], asked)[run_id] == frozenset(asked)
        assert session.exec(select(Run.recipe).where(col(Run.id) == run_id)).one()


def test_a_run_is_made_findable_while_another_start_names_it_as_its_parent(bot: RunningBot) -> None:
    run_id = row(bot, bot.start("named", config={"lr": 0.1})).id or 0
    with bot.services.database.session() as session, ThreadPoolExecutor(1) as pool:
        named = select(Run).where(Run.id == run_id).with_for_update(read=True, key_share=True)
        session.exec(named).one()  # as the foreign key of a run that has it for a parent does
        looking = pool.submit(jobs.tasks(bot.services)["find_similar"], run_id=run_id)
        waited = wait([looking], timeout=stretched(10))
        session.rollback()
    assert waited.done == {looking}
    looking.result()


def test_what_a_ready_process_has_loaded_is_left_alone_by_the_collector_of_cycles() -> None:
    before = gc.get_threshold()
    try:
        settle()
        assert gc.get_freeze_count() > 1000
        assert len(gc.get_objects()) < gc.get_freeze_count()
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
