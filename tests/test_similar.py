"""A run that repeats what somebody tried is told so, once and soon; repeats that are meant are left in peace."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from local_workspace import BEN, VISION
from memory_of_a_team import NOW, Team
from running_bot import RunningBot, shown
from similar_team import Replay, score, simulate
from sqlmodel import Session, col, select

from bot import runs, similar
from bot.plain_text import plain_text
from storage.memory import Membership, Outbox
from storage.tables import CodeVersion, Person, Project, Run, Verdict

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
USUAL = {"lr": 1e-3, "model": "resnet50", "warmup": 500, "label_smoothing": 0.0, "dropout": 0.0, "seed": 0}
SMOOTH = {"label_smoothing": 0.1, "dropout": 0.3}


class Lab:
    """A project where everybody trains alike, so that what is set otherwise tells."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.team = Team(session)
        self.ana, self.ben = self.team.person("ana"), self.team.person("ben")
        self.mei = self.team.person("mei")
        self.channel = self.team.channel("vision", self.ana, self.ben)
        self.vision = self.team.project("vision", self.channel, threading="run")
        self.code = CodeVersion(fingerprint="c", commit="0123456789abcdef")
        session.add(self.code)
        session.flush()
        for place in range(24):
            self.past({"lr": 1e-3 * (1 + place % 6), "seed": place}, by=self.mei, ago=(40 + place) * DAY)

    def past(
        self,
        params: Mapping[str, Any],
        *,
        by: Person | None = None,
        ago: timedelta = 20 * DAY,
        project: Project | None = None,
        **values: Any,  # noqa: ANN401  any column
    ) -> Run:
        return self.team.run(
            project or self.vision,
            by or self.ana,
            params={**USUAL, **params},
            metrics={"val_acc": 0.93},
            started_at=NOW - ago,
            **{"entry": "train.py", "code_id": self.code.id} | values,
        )

    def starts(
        self,
        params: Mapping[str, Any],
        *,
        by: Person | None = None,
        at: datetime = NOW,
        **values: Any,  # noqa: ANN401
    ) -> Run:
        run = self.past(params, by=by or self.ben, ago=NOW - at, **values)
        run.state, run.ended_at = "running", None
        runs.announce(self.session, run, default_channel="C0RUNS", now=at)
        return run

    def hint(self, run: Run, *, at: datetime = NOW + similar.SOON) -> str:
        """What the run's thread is told; nothing where nothing is found."""
        similar.find_similar(self.session, run.id or 0, now=at)
        rows = self.session.exec(select(Outbox).where(Outbox.key == f"run:{run.id}:similar")).all()
        assert all(row.parent_key == f"run:{run.id}:parent" for row in rows)
        return "\n".join(f"{row.body['text']}\n{plain_text('', row.body['blocks'])}" for row in rows)


@pytest.fixture
def lab(session: Session) -> Lab:
    return Lab(session)


def test_what_somebody_else_tried_is_named_with_how_it_ended_and_in_what_it_is_the_same(lab: Lab) -> None:
    before = lab.past(SMOOTH | {"lr": 3e-4})
    lab.session.add(Verdict(run_id=before.id or 0, person_id=lab.ana.id or 0, choice="keep", at=NOW - DAY))
    text = lab.hint(lab.starts(SMOOTH))
    assert f"ana tried something close: vision/{before.number} finished: val_acc 0.93" in text
    assert "label_smoothing 0.1, dropout 0.3" in text.replace("`", "")
    assert "kept by ana" in text


def test_it_is_said_once_and_soon(lab: Lab) -> None:
    lab.past(SMOOTH)
    run = lab.starts(SMOOTH | {"lr": 5e-3})
    jobs = lab.session.connection().exec_driver_sql(
        "SELECT scheduled_at FROM procrastinate_jobs WHERE task_name = 'find_similar' AND args->>'run_id' = %s",
        (str(run.id),),
    )
    [due] = jobs.scalars()
    assert due - NOW <= timedelta(seconds=5)
    lab.hint(run)
    assert lab.hint(run, at=NOW + timedelta(seconds=30)).count("something close") == lab.hint(run).count(
        "something close"
    )
    posts = select(Outbox).where(col(Outbox.key).endswith(":similar"))
    assert len(lab.session.exec(posts).all()) == 1


def test_a_run_told_of_long_after_its_start_gets_no_advice(lab: Lab) -> None:
    lab.past(SMOOTH)
    assert lab.hint(lab.starts(SMOOTH | {"lr": 2e-3}, at=NOW - DAY)) == ""


def test_what_everybody_sets_alike_is_no_likeness(lab: Lab) -> None:
    lab.past({"lr": 7e-3})
    assert lab.hint(lab.starts({"lr": 8e-3})) == ""


def test_an_exact_duplicate_is_told_even_to_its_own_author(lab: Lab) -> None:
    first = lab.past({"lr": 7e-3}, by=lab.ben, ago=DAY)
    assert f"you ran exactly this: vision/{first.number} finished" in lab.hint(lab.starts({"lr": 7e-3}))


def test_starting_again_what_failed_is_no_duplicate(lab: Lab) -> None:
    lab.past({"lr": 7e-3}, by=lab.ben, ago=DAY, state="failed")
    assert lab.hint(lab.starts({"lr": 7e-3})) == ""


def test_other_code_makes_no_duplicate(lab: Lab) -> None:
    other = CodeVersion(fingerprint="d", commit="fedcba9876543210")
    lab.session.add(other)
    lab.session.flush()
    lab.past({"lr": 7e-3}, by=lab.ben, ago=DAY, code_id=other.id)
    assert lab.hint(lab.starts({"lr": 7e-3})) == ""


@pytest.mark.parametrize("owner", ["ana", "ben"])
def test_a_repeat_with_another_seed_is_meant(lab: Lab, owner: str) -> None:
    lab.past(SMOOTH, by=getattr(lab, owner), ago=30 * DAY)
    assert lab.hint(lab.starts(SMOOTH | {"seed": 7})) == ""


def test_the_authors_recent_line_is_known_to_them_and_their_old_one_is_not(lab: Lab) -> None:
    lab.past(SMOOTH, by=lab.ben, ago=13 * DAY)
    assert lab.hint(lab.starts(SMOOTH | {"lr": 2e-3})) == ""
    old = lab.past({"label_smoothing": 0.2, "dropout": 0.5}, by=lab.ben, ago=30 * DAY)
    text = lab.hint(lab.starts({"label_smoothing": 0.2, "dropout": 0.5, "lr": 2e-3}))
    assert f"you tried something close: vision/{old.number}" in text


def test_siblings_of_a_sweep_are_no_news(lab: Lab) -> None:
    lab.past(SMOOTH, ago=DAY, group="sweep-1")
    assert lab.hint(lab.starts(SMOOTH | {"lr": 2e-3}, group="sweep-1")) == ""


def test_the_second_run_of_a_line_hears_nothing_more(lab: Lab) -> None:
    lab.past(SMOOTH)
    assert lab.hint(lab.starts(SMOOTH | {"lr": 2e-3})) != ""
    assert lab.hint(lab.starts(SMOOTH | {"lr": 3e-3}, at=NOW + HOUR), at=NOW + HOUR) == ""


def test_the_run_one_forked_from_is_known(lab: Lab) -> None:
    first = lab.past(SMOOTH)
    assert lab.hint(lab.starts(SMOOTH | {"lr": 2e-3}, parent_id=first.id, parent_source="fork_of")) == ""


def test_at_most_two_hints_among_twenty_runs_of_a_person(lab: Lab) -> None:
    said = []
    for place in range(6):
        rare = {f"idea_{place}": 1.0, f"twist_{place}": 2.0}
        lab.past(rare)
        moment = NOW + place * timedelta(minutes=9)
        said.append(lab.hint(lab.starts(rare | {"lr": 2e-3}, at=moment), at=moment) != "")
    assert said == [True, True, False, False, False, False]


def test_what_not_everybody_in_the_channel_may_see_is_not_told(lab: Lab) -> None:
    secret = lab.team.project("secret", lab.team.channel("secret", lab.ben, lab.mei, private=True))
    lab.past(SMOOTH, by=lab.mei, project=secret, intent="smooth targets help calibration")
    words = "smooth targets help calibration"
    assert lab.hint(lab.starts(SMOOTH | {"lr": 2e-3}, by=lab.ana, intent=words)) == ""
    lab.session.add(Membership(channel_id="C0SECRET", slack_id=lab.ana.slack_id or ""))
    lab.channel.is_private = True  # now all who read there may see it
    lab.session.flush()
    assert "secret/" in lab.hint(lab.starts(SMOOTH | {"lr": 3e-3}, intent=words))


def test_private_runs_are_never_named(lab: Lab) -> None:
    lab.past(SMOOTH, visibility="me")
    assert lab.hint(lab.starts(SMOOTH | {"lr": 2e-3})) == ""


def test_over_five_hundred_runs_nine_in_ten_of_what_is_shown_is_right_and_one_run_in_ten_hears_it(
    session: Session,
) -> None:
    runs, replay = simulate(105, runs=520), Replay(session=session)
    replay.play(runs)
    found = score(runs, replay.told)
    assert found.runs >= 500
    assert found.precision >= 0.9
    assert found.hints <= found.runs / 10
    assert found.caught >= 15  # it does speak where there is something to say
    by_number = {run.number: run for run in runs}
    for one, others in replay.told.items():
        for other in (by_number[number] for number in others):
            me = by_number[one]
            assert me.group is None or me.group != other.group
            old = me.started - other.started >= similar.RECENT
            assert me.person != other.person or old or me.params == other.params


def test_the_hint_comes_by_itself_in_the_thread_and_its_button_compares(bot: RunningBot) -> None:
    bot.own_channel("same-again", VISION)
    config = {"lr": 0.001, "layers": 4}
    first = bot.start("same-again", config=config)
    bot.log("same-again", first, "val_acc", 0.9)
    bot.finish("same-again", first)
    again = bot.start("same-again", who=BEN, config=config)
    parent = bot.message(VISION, again, user=BEN)
    hint = bot.reply(VISION, parent["ts"], "ana ran exactly this", user=BEN)
    assert "same-again/1 finished: val_acc 0.9" in shown(hint)
    assert float(hint["ts"]) - float(parent["ts"]) < 60  # seconds; it is four where nothing else goes on
    bot.workspace.click(BEN, VISION, hint["ts"], "Compare these")
    compared = bot.whisper(BEN, VISION, "same-again/1", thread=parent["ts"])
    assert "same-again/2" in shown(compared)
