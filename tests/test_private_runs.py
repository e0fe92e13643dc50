"""A private run is its owner's, by whatever name or way it is asked for; a file goes only where everybody may see it."""

from typing import Any

import pytest
from local_workspace import ANA, BEN, DEV, RUNS, SECRET, VISION
from running_bot import RunningBot, shown
from sqlmodel import select

from bot import commands, files
from bot.errors import Forbidden, NotFound
from bot.people import by_slack_id
from bot.taps import Tap
from storage.memory import NoteRun
from storage.tables import Run


def asked(bot: RunningBot, who: str | None, words: str, *, public: bool = False) -> str:
    with bot.services.database.session() as session:
        answer = commands.answer(
            session, bot.services, words, person=who, channel=RUNS, public=public, with_models=True
        )
    return shown({"text": answer.text, "blocks": answer.blocks})


def row(bot: RunningBot, uid: str) -> Run:
    with bot.services.database.session() as session:
        return session.exec(select(Run).where(Run.uid == uid)).one()


def test_a_private_run_is_found_by_its_owner_alone(bot: RunningBot) -> None:
    bot.start("shy", config={"lr": 1})
    mine = bot.start("shy", visibility="me", config={"hidden_lr": 2}, tags=["hidden"])
    for words in ("show latest project:shy", f"show {mine}", "show shy/2", "list project:shy"):
        assert "hidden" not in asked(bot, BEN, words), words
        assert "hidden" not in asked(bot, ANA, words, public=True), words
    assert "hidden" in asked(bot, ANA, "show shy/2")
    assert mine in asked(bot, ANA, "list project:shy")
    assert "1 run" in asked(bot, BEN, "tree shy/1")


def test_the_latest_run_is_the_latest_one_may_see(bot: RunningBot) -> None:
    open_run = bot.start("latest-one")
    bot.start("latest-one", visibility="me")
    assert open_run in asked(bot, BEN, "show latest-one/latest")


def test_a_private_run_of_nobody_is_nobodys(bot: RunningBot) -> None:
    run = bot.start("nobodys", visibility="me")
    with bot.services.database.session() as session:
        session.get_one(Run, row(bot, run).id).owner_id = None
    for public in (True, False):
        assert run not in asked(bot, ANA, "list project:nobodys", public=public)


def test_a_start_that_is_wrong_elsewhere_still_keeps_its_run_private(bot: RunningBot) -> None:
    answer = bot.report("wrong-start", "wrong-start-1", {"t": "start", "name": "", "visibility": "me"})
    assert answer["errors"]
    bot.settle()
    assert row(bot, "wrong-start-1").visibility == "me"
    assert not any("wrong-start" in shown(one) for one in bot.workspace.messages(RUNS, BEN))


def test_a_button_that_carries_anothers_private_run_opens_nothing(bot: RunningBot) -> None:
    run = row(bot, bot.start("button-run", visibility="me"))
    with bot.services.database.session() as session:
        tap = Tap(
            session=session,
            services=bot.services,
            person=by_slack_id(session, BEN, now=bot.clock()),
            value=str(run.id),
            body={"container": {"channel_id": RUNS}},
            now=bot.clock(),
        )
        with pytest.raises(NotFound):
            tap.run()


def test_a_file_is_shared_only_where_everybody_may_see_its_runs(bot: RunningBot) -> None:
    bot.own_channel("filed", SECRET)
    run = bot.start("filed", who=DEV)
    bot.report("filed", run, {"t": "log", "lines": ["a secret line"]}, who=DEV)
    direct = bot.workspace.open_dm(DEV)
    for words in (f"logs {run} file", "export project:filed"):
        assert "in your messages with me" in asked(bot, DEV, words), words
        assert "in your messages with me" not in asked(bot, DEV, words, public=True), words
    shared = bot.workspace.calls("files.completeUploadExternal")
    assert [call["args"]["channel_id"] for call in shared] == [direct, direct]
    before = len(shared)
    with bot.services.database.session() as session:
        given: dict[str, Any] = {"channel": RUNS, "thread_ts": None}
        with pytest.raises(Forbidden):
            files.share_diff(session, bot.services, [row(bot, run).id or 0], **given)
        files.share_csv(session, bot.services, [row(bot, run).id or 0], channel=SECRET, thread_ts=None)
    assert len(bot.workspace.calls("files.completeUploadExternal")) == before + 1


def test_a_question_that_takes_models_leaves_nothing_half_done(bot: RunningBot) -> None:
    bot.start("modelled")
    bot.workspace.command(BEN, RUNS, "/runs", "who tried modelled warmup")
    bot.settle()
    answers = [shown(one) for one in bot.workspace.ephemerals(BEN, RUNS)]
    assert answers
    assert bot.waiting() == {"outbox": 0, "events": 0, "jobs": 0}


@pytest.mark.parametrize(
    "record",
    [
        {"t": "dataset", "name": "d", "fingerprint": "f", "rows": 10**30},
        {"t": "artifact", "name": "a", "location": "/a", "size": 10**30},
        {"t": "note", "text": "x", "at": "nan"},
        {"t": "log", "lines": ["x"], "first_line": 10**30},
        {"t": "config", "config": {"\ud800": 10**400}},
    ],
)
def test_a_value_no_column_can_hold_spoils_nothing_else(bot: RunningBot, record: dict[str, Any]) -> None:
    uid = f"spoiled-{abs(hash(str(record))) % 10**9}"
    answer = bot.report("spoiled", uid, {"t": "start"}, record, {"t": "tags", "add": ["kept"]})
    assert answer["next"] == 3
    assert "kept" in asked(bot, ANA, f"show {uid}")


def test_an_unknown_record_with_a_time_beyond_all_bounds_is_kept(bot: RunningBot) -> None:
    answer = bot.report("beyond", "beyond-bounds", {"t": "newer", "at": float("inf")}, {"t": "start"})
    assert answer["next"] == 2


def test_a_series_whose_name_no_database_can_hold_is_mended_or_named(bot: RunningBot) -> None:
    columns = {"s": [0], "ms": [round(bot.clock().timestamp() * 1000)], "v": [1.0]}
    told = [{**columns, "k": "loss\x00"}, {**columns, "k": "half\ud800"}]
    errors = bot.report("half", "half-a-char", series=told)["errors"]
    assert [error["error"].partition(":")[0] for error in errors] == ["k"]


def test_a_form_left_open_does_nothing_to_a_run_that_became_private(bot: RunningBot) -> None:
    bot.own_channel("form-left-open", VISION)
    run = bot.start("form-left-open")
    bot.workspace.click(BEN, VISION, bot.message(VISION, run)["ts"], "Add note")
    view = bot.wait(lambda: next(iter(bot.workspace.views(BEN)), None), "the form")
    with bot.services.database.session() as session:
        session.get_one(Run, row(bot, run).id).visibility = "me"
    said = {"text": {"text": {"type": "plain_text_input", "value": "I lowered lr from 0.1 to 0.01."}}}
    bot.workspace.submit_view(BEN, view["id"], said)
    bot.settle()
    with bot.services.database.session() as session:
        assert session.exec(select(NoteRun).where(NoteRun.run_id == row(bot, run).id)).all() == []
