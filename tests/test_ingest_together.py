"""Batches of many runs in one transaction: every guarantee of one batch alone, whoever else is in its group."""

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from random import Random
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_workspace import ANA
from running_bot import RunningBot
from sqlalchemy import text
from sqlalchemy.exc import DataError
from sqlmodel import Session, col, select
from whole_run import everything, orders, spooled

from bot import ingest_together
from bot.http import build_http
from bot.ingest_together import read_batch, read_beat, take_together
from runlore import batches
from runlore.records import Record
from storage import ingest_together as rows
from storage.database import Database
from storage.memory import Outbox
from storage.series import read_series
from storage.tables import MetricSummary, Run

Json = dict[str, Any]
_numbers = count(1)


def batch(project: str, run: str, first: int, *values: float, metric: str = "loss", **more: Any) -> Json:  # noqa: ANN401
    """A batch of points as a live run sends it."""
    later = len(values) - 1
    series = [{"k": metric, "s": [first] + [1] * later, "ms": [1000] + [0] * later, "v": list(values)}]
    stream = run.encode().hex().rjust(32, "0")[:64]
    body = {"v": 1, "project": project, "run": run, "stream": stream, "first": first, "count": len(values)}
    return body | {"sent_at": time.time(), "events": [], "series": series} | more


def plain(body: Json, token: str) -> ingest_together.Plain:
    read = read_batch(json.dumps(body).encode(), f"Bearer {token}")
    assert read is not None
    return read


def started(bot: RunningBot, project: str, token: str) -> str:
    """A run that was announced, its stream at record 1."""
    run = f"together-{next(_numbers):06d}"
    at = time.time()
    start = batch(project, run, 0, events=[{"t": "start", "at": at, "seq": 0}], count=1, series=[])
    answer = bot.web.post("/api/v1/ingest", json=start, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    return run


def values(bot: RunningBot, run: str, metric: str = "loss") -> list[float]:
    with bot.services.database.session() as session:
        return list(read_series(session, row(session, run).id or 0, metric).values)


def row(session: Session, run: str) -> Run:
    return session.exec(select(Run).where(Run.uid == run)).one()


def test_each_in_a_group_gets_its_own_answer_and_the_odd_ones_are_left_to_be_taken_alone(
    bot: RunningBot,
) -> None:
    token, other = bot.token(project="group"), bot.token(project="group-of-others")
    runs = [started(bot, "group", token) for _ in range(6)]
    bot.report("group", runs[5], {"t": "exit", "state": "finished"}, who=ANA)
    theirs = started(bot, "group-of-others", other)
    stolen = batch("group", runs[0], 1, 9.0)["stream"]
    group = [
        plain(batch("group", runs[0], 1, 0.5, 0.25), token),
        plain(batch("group", runs[1], 1, 7.0), other),  # a token of another project
        plain(batch("group", runs[2], 1, 7.0, stream=stolen), token),  # a stream of another run
        plain(batch("group", runs[3], 5, 7.0), token),  # not the next
        plain(batch("group", runs[4], 0, 7.0), token),  # seen before
        plain(batch("group", runs[5], 2, 7.0), token),  # it has ended
        plain(batch("group", "together-unknown", 0, 7.0), token),
        plain(batch("group-of-others", theirs, 1, 7.0), "rl_nonsense"),
    ]
    with bot.services.database.session() as session:
        answers = take_together(session, group, bot.services)
    assert [answer and answer["next"] for answer in answers] == [3, None, None, 1, 1, None, None, None]
    assert (
        answers[0]
        == bot.web.post(
            "/api/v1/ingest",
            json=batch("group", runs[0], 1, 0.5, 0.25),
            headers={"Authorization": f"Bearer {token}"},
        ).json()
    )
    assert (set(answers[3] or {}), set(answers[4] or {})) == ({"next"}, {"next", "errors", "run"})
    assert [values(bot, run) for run in (*runs, theirs)] == [[0.5, 0.25], [], [], [], [], [], []]


def test_a_heartbeat_in_a_group_keeps_its_run_alive_and_only_its_own(bot: RunningBot) -> None:
    token, other = bot.token(project="beats"), bot.token(project="beats-of-others")
    runs = [started(bot, "beats", token) for _ in range(3)]

    def beat(run: str, header: str, **readings: object) -> ingest_together.Beat | None:
        told = {"project": "beats", "run": run, "at": time.time(), "next_in": 500, "readings": readings}
        return read_beat(json.dumps(told).encode(), f"Bearer {header}")

    assert beat(runs[0], token, memory_bytes="a\x00b") is None  # what a column may refuse never joins a group
    group = [beat(runs[0], token, memory_bytes=5), beat(runs[1], other), beat("beats-unknown", token)]
    with bot.services.database.session() as session:
        answers = take_together(session, [one for one in group if one], bot.services)
    assert answers == [{"state": "running"}, None, None]
    with bot.services.database.session() as session:
        promised = [row(session, run).expected_by for run in runs]
        readings = row(session, runs[0]).readings
    assert readings is not None
    assert readings["memory_bytes"] == 5
    assert [(at - bot.clock()).total_seconds() > 400 for at in promised if at] == [True, False, False]


def test_a_row_that_somebody_holds_is_passed_over_and_its_batch_waits_alone(bot: RunningBot) -> None:
    token = bot.token(project="held")
    held, free = started(bot, "held", token), started(bot, "held", token)
    with bot.services.database.session() as holding:
        holding.exec(select(Run).where(Run.uid == held).with_for_update()).one()
        group = [plain(batch("held", run, 1, 0.5), token) for run in (held, free)]
        with bot.services.database.session() as session:
            answers = take_together(session, group, bot.services)
        assert [answer is None for answer in answers] == [True, False]
    assert (values(bot, held), values(bot, free)) == ([], [0.5])


def test_an_edit_that_waits_keeps_its_age_and_one_that_was_sent_waits_again(bot: RunningBot) -> None:
    token = bot.token(project="edits")
    runs = [started(bot, "edits", token) for _ in range(2)]
    bot.settle()

    def take(first: int) -> None:
        with bot.services.database.session() as session:
            take_together(
                session, [plain(batch("edits", run, first, 0.5), token) for run in runs], bot.services
            )

    def edit(session: Session, run: str) -> Outbox:
        key = f"edit:{row(session, run).told_in}"
        return session.exec(select(Outbox).where(col(Outbox.key) == key)).one()

    take(1)
    bot.settle()
    with bot.services.database.session() as session:
        sent, waits = (edit(session, run) for run in runs)
        asked = sent.created_at
        waits.state, waits.not_before = "waiting", bot.clock().replace(year=2100)
    take(2)
    with bot.services.database.session() as session:
        again, waited = (edit(session, run) for run in runs)
        assert (again.created_at > asked, waited.created_at) == (True, asked)
        waited.not_before = None
    bot.settle()


def test_whoever_sends_an_edit_waits_for_the_points_it_is_to_show(bot: RunningBot) -> None:
    """Else the points of a group that found the edit waiting would not be shown until the next ones."""
    token = bot.token(project="shown")
    run = started(bot, "shown", token)
    bot.settle()
    with bot.services.database.session() as session:
        key = f"edit:{row(session, run).told_in}"
        take_together(session, [plain(batch("shown", run, 1, 0.5), token)], bot.services)
    with bot.services.database.session() as session:
        session.execute(text("UPDATE outbox SET state = 'waiting', not_before = '2100-01-01' WHERE key = :key"), {"key": key})  # fmt: skip
    with bot.services.database.session() as session:
        take_together(session, [plain(batch("shown", run, 2, 0.5), token)], bot.services)
        with bot.services.database.session() as dispatcher:
            taken = select(Outbox).where(col(Outbox.key) == key).with_for_update(skip_locked=True)
            assert dispatcher.exec(taken).first() is None
    with bot.services.database.session() as session:
        session.execute(text("UPDATE outbox SET not_before = NULL WHERE key = :key"), {"key": key})


async def all_at_once(app: Any, token: str, bodies: list[Json]) -> list[httpx.Response]:  # noqa: ANN401  an ASGI application
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        headers = {"Authorization": f"Bearer {token}"}
        posts = [client.post("/api/v1/ingest", json=body, headers=headers) for body in bodies]
        return list(await asyncio.gather(*posts))


def test_a_group_that_the_database_refuses_is_taken_in_one_by_one(
    bot: RunningBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = bot.token(project="refused")
    runs = [started(bot, "refused", token) for _ in range(5)]

    def refuse(*_: object, **__: object) -> None:
        raise DataError("UPDATE", {}, Exception("out of range"))

    monkeypatch.setattr(rows, "live_on", refuse)
    bodies = [batch("refused", run, 1, 0.5) for run in runs]
    answers = asyncio.run(all_at_once(build_http(bot.services), token, bodies))
    assert [answer.status_code for answer in answers] == [200] * 5
    assert [values(bot, run) for run in runs] == [[0.5]] * 5


def test_a_group_whose_connection_is_cut_before_its_commit_leaves_nothing_and_is_sent_again(
    bot: RunningBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = bot.token(project="cut")
    runs = [started(bot, "cut", token) for _ in range(5)]
    app = build_http(bot.services)
    bodies = [batch("cut", run, 1, 0.5) for run in runs]

    def cut(session: Session, *_: object, **__: object) -> None:
        session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with monkeypatch.context() as patch:
        patch.setattr(rows, "live_on", cut)
        answers = asyncio.run(all_at_once(app, token, bodies))
    assert {answer.status_code for answer in answers} == {503}
    assert [values(bot, run) for run in runs] == [[]] * 5
    answers = asyncio.run(all_at_once(app, token, bodies + bodies))
    assert [answer.json()["next"] for answer in answers] == [2] * 10
    assert [values(bot, run) for run in runs] == [[0.5]] * 5


@pytest.fixture
def processes(bot: RunningBot) -> Iterator[list[Any]]:
    """Two web applications that share nothing but the database."""
    other = Database(bot.services.database.dsn)
    alike = {name: getattr(bot.services, name) for name in bot.services.__dataclass_fields__}
    yield [build_http(bot.services), build_http(type(bot.services)(**alike | {"database": other}))]
    other.close()


Part = tuple[str, str, str, list[Record]]  # project, run, stream, records


def body_of(part: Part) -> Json:
    project, run, stream, records = part
    made, _ = batches.batch({"project": project, "run": run}, stream, records)
    return dict(made)


async def sent(apps: list[Any], token: str, parts: list[Part]) -> list[int]:
    """What the server expects next of each part's stream; parts go to either process, all at once."""
    answers: list[int] = [0] * len(parts)
    for turn, app in enumerate(apps):
        chosen = list(range(turn, len(parts), len(apps)))
        found = await all_at_once(app, token, [body_of(parts[place]) for place in chosen])
        for place, answer in zip(chosen, found, strict=True):
            assert answer.status_code in (200, 409), answer.text
            answers[place] = int(answer.json()["next"])
    return answers


async def both(apps: list[Any], token: str, parts: list[Part]) -> None:
    await asyncio.gather(*(sent([app], token, parts[turn::2]) for turn, app in enumerate(apps)))


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(chooser=st.randoms(use_true_random=False))
def test_runs_through_two_processes_at_once_end_as_they_do_one_by_one(
    bot: RunningBot, processes: list[Any], tmp_path_factory: pytest.TempPathFactory, chooser: Random
) -> None:
    token, began = bot.token(), time.time() - 60
    spools = tmp_path_factory.mktemp("spools")

    def whole(number: int) -> Part:
        project, run = f"at-once-{number}", f"at-once-{number:06d}"
        (spools / run).mkdir()
        return project, run, *spooled(spools / run, project, run, began)

    alone = whole(next(_numbers))
    asyncio.run(sent(processes[:1], token, [alone]))
    runs = [whole(next(_numbers)) for _ in range(3)]
    # Of every run a first batch alone, as its hook sends it; then everything at once, doubled and in any order.
    asyncio.run(sent(processes, token, [(*run, stream, records[:1]) for *run, stream, records in runs]))  # type: ignore[misc]
    pile = [(*run, stream, part) for *run, stream, records in runs for part in orders(chooser, records)]
    chooser.shuffle(pile)
    asyncio.run(both(processes, token, pile))  # type: ignore[arg-type]
    wanted = dict.fromkeys(range(len(runs)), 0)
    while open_ := [place for place in wanted if wanted[place] < len(runs[place][3])]:
        parts = []
        for place in open_:
            project, run, stream, records = runs[place]
            start = wanted[place] or 1
            parts.append((project, run, stream, records[start : start + chooser.randint(1, 9)]))
        chooser.shuffle(processes)
        for place, following in zip(open_, asyncio.run(sent(processes, token, parts)), strict=True):
            wanted[place] = following
    expected = everything(bot, *alone[:3])
    for one in runs:
        found = everything(bot, *one[:3])
        found["told"] = expected["told"]  # a job's: whether it has looked for similar runs already
        assert {name: (found[name], kept) for name, kept in expected.items() if found[name] != kept} == {}


def test_a_row_that_somebody_holds_for_long_fails_nobody(
    bot: RunningBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group gives up waiting, by an error of psycopg's own; its batches are taken in alone."""
    monkeypatch.setattr(rows, "LOCK_TIMEOUT", 100)
    token = bot.token(project="held")
    run = started(bot, "held", token)
    headers = {"Authorization": f"Bearer {token}"}
    assert bot.web.post("/api/v1/ingest", json=batch("held", run, 1, 1.0), headers=headers).status_code == 200
    with bot.services.database.session() as holder, ThreadPoolExecutor(1) as pool:
        summary = select(MetricSummary).where(MetricSummary.run_id == row(holder, run).id)
        holder.exec(summary.with_for_update()).one()
        asked = pool.submit(bot.web.post, "/api/v1/ingest", json=batch("held", run, 2, 2.0), headers=headers)
        time.sleep(1)  # longer than the group waits
        holder.rollback()
        answer = asked.result()
    assert (answer.status_code, answer.json()["next"]) == (200, 3)
    assert values(bot, run) == [1.0, 2.0]
