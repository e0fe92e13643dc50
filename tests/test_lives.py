"""Runs that go on, end twice or are told of long after; people and channels that turn out to be others than thought."""

from datetime import timedelta

from local_workspace import ANA, BEN, SECRET, VISION
from running_bot import RunningBot, shown
from sqlmodel import select

from bot import directory, people, runs
from bot.sight import person_sight
from storage.memory import Channel, Note, NoteRun
from storage.tables import Person, Project, Run


def row(bot: RunningBot, uid: str) -> Run:
    with bot.services.database.session() as session:
        return session.exec(select(Run).where(Run.uid == uid)).one()


def replies(bot: RunningBot, words: str) -> list[str]:
    bot.settle(seconds=60)
    parent = bot.message(VISION, words)
    return [shown(one) for one in bot.workspace.thread(VISION, parent["ts"])[1:]]


def test_a_resumed_run_that_ends_again_is_told_again(bot: RunningBot) -> None:
    bot.own_channel("again", VISION)
    run = bot.start("again")
    for _ in range(2):
        bot.clock.advance(minutes=3)
        bot.finish("again", run, "failed", error={"type": "KeyError", "message": "x"})
        bot.finish("again", run, "failed", error={"type": "KeyError", "message": "x"})
        bot.report("again", run, {"t": "start", "name": run, "resumed": True})
    assert len([one for one in replies(bot, run) if "failed" in one]) == 2


def test_a_run_lost_twice_is_told_twice_and_each_return_edits_its_own(bot: RunningBot) -> None:
    bot.own_channel("twice-lost", VISION)
    run = bot.start("twice-lost")
    for _ in range(2):
        bot.clock.advance(minutes=6)
        for _ in range(2):
            with bot.services.database.session() as session:
                runs.sweep_lost(session, now=bot.clock())
                runs.tell_lost(session, now=bot.clock())
            bot.clock.advance(minutes=11)
        bot.log("twice-lost", run, "loss", 1.0)
    told = replies(bot, run)
    assert ["is back" in one for one in told] == [True, True]


def test_finish_and_exit_tell_one_end(bot: RunningBot) -> None:
    bot.own_channel("one-end", VISION)
    run = bot.start("one-end")
    bot.report("one-end", run, {"t": "finish", "exit_code": 0})
    bot.report("one-end", run, {"t": "exit", "state": "finished", "exit_code": 0})
    failing = bot.start("one-end")
    bot.clock.advance(minutes=3)
    bot.report("one-end", failing, {"t": "finish", "exit_code": 1, "failed": True})
    bot.report(
        "one-end",
        failing,
        {"t": "exit", "state": "failed", "exit_code": 1, "error": {"type": "OSError", "message": "disk"}},
    )
    assert len(replies(bot, run)) == 1
    (told,) = replies(bot, failing)
    assert "OSError" in told


def test_a_failure_whose_cause_never_came_is_told_all_the_same(bot: RunningBot) -> None:
    bot.own_channel("no-cause", VISION)
    run = bot.start("no-cause")
    bot.report("no-cause", run, {"t": "finish", "exit_code": 3, "failed": True})
    bot.clock.advance(minutes=2)
    with bot.services.database.session() as session:
        runs.sweep_lost(session, now=bot.clock())
    assert row(bot, run).state == "failed"


def test_a_run_reported_after_the_fact_took_as_long_as_it_took(bot: RunningBot) -> None:
    began = bot.clock().timestamp() - 7200
    run = "offline-run-1"
    bot.report(
        "offline",
        run,
        {"t": "start", "at": began, "name": run},
        {"t": "exit", "at": began + 600, "state": "finished", "exit_code": 0},
    )
    found = row(bot, run)
    assert found.ended_at is not None
    assert found.ended_at - found.started_at == timedelta(seconds=600)


def test_who_was_known_from_a_machine_alone_becomes_the_person_in_slack(bot: RunningBot) -> None:
    with bot.services.database.session() as session:
        now = bot.clock()
        early = people.by_slack_id(session, "U0NEWCOMER", now=now)
        machine = people.by_login(session, "newcomer", now=now)
        assert machine is not None
        assert machine.id != early.id
        project = session.exec(select(Project)).first()
        assert project is not None
        run = Run(
            uid="newcomers-run",
            project_id=project.id or 0,
            number=9999,
            name="x",
            owner_id=machine.id,
            started_at=now,
            last_seen_at=now,
        )
        note = Note(project_id=project.id or 0, author_id=machine.id, text="x", said_at=now)
        session.add_all([run, note])
        session.flush()
        session.add(NoteRun(note_id=note.id or 0, run_id=run.id or 0))
        people.learn(session, [{"id": "U0NEWCOMER", "name": "newcomer"}], now=now)
    with bot.services.database.session() as session:
        person = session.exec(select(Person).where(Person.slack_id == "U0NEWCOMER")).one()
        assert row(bot, "newcomers-run").owner_id == person.id
        assert session.get_one(Note, note.id).author_id == person.id
        assert people.by_login(session, "newcomer", now=bot.clock()) == person


def test_a_channel_we_left_is_not_seen_into_any_more(bot: RunningBot) -> None:
    bot.own_channel("left-behind", SECRET)
    with bot.services.database.session() as session:
        project = session.exec(select(Project).where(Project.name == "left-behind")).one()
        ana = people.by_slack_id(session, ANA, now=bot.clock())
        ben = people.by_slack_id(session, BEN, now=bot.clock())
        assert person_sight(session, ana, now=bot.clock()).sees(project.id or 0)
        assert not person_sight(session, ben, now=bot.clock()).sees(project.id or 0)
        directory.gone(session, SECRET)
        session.flush()
        assert not person_sight(session, ana, now=bot.clock()).sees(project.id or 0)
        assert not session.get_one(Channel, SECRET).is_member
    directory.reconcile(bot.services)
