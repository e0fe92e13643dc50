"""What an operator sees and sets: figures, log lines, status, how often one may ask, the replica, what is kept for how long."""

import io
import json
import logging
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from fakes import FakeModels
from fastapi.testclient import TestClient
from local_workspace import ANA, ROOT, VISION, _free_port
from psycopg.errors import DiskFull
from pydantic import SecretStr
from running_bot import BOT, RunningBot
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlmodel import select
from typer.testing import CliRunner

from bot import doctor, figures, retention, runs, tokens
from bot.cli import app
from bot.errors import SlackRefused
from bot.http import build_http
from bot.logs import JsonLines, about, kind_of
from bot.messenger import SlackMessenger
from bot.notes import LATER
from bot.rates import Allowance, Rates
from bot.settings import Settings
from bot.wiring import Services
from storage.database import Database, ensure_partitions, partitions
from storage.ingest_queries import take_project, take_run
from storage.jobs import defer
from storage.memory import Outbox, SlackEvent
from storage.tables import ApiToken

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


def services_on(database: Database, home: Path, **settings: object) -> Services:
    """Services without Slack: nothing here speaks to it."""
    chosen = Settings(home=home, **settings)  # type: ignore[arg-type]
    nobody = SlackMessenger(token="none", base_url="http://127.0.0.1:9/api/")
    return Services(
        settings=chosen, database=database, messenger=nobody, models=FakeModels(chosen), bot_user=BOT
    )


def series(exposition: str, name: str) -> dict[str, float]:
    """The samples of one figure by their labels."""
    found = re.findall(rf"^{name}(\{{[^}}]*\}})? (\S+)$", exposition, re.M)
    return {labels: float(value) for labels, value in found}


def test_figures_tell_what_was_taken_in_and_what_waits(bot: RunningBot) -> None:
    before = series(bot.web.get("/metrics").text, "runlore_ingest_points_total").get("", 0.0)
    run = bot.start("figures")
    bot.log("figures", run, "loss", 3.0, 2.0, 1.0)
    bot.web.get("/api/v1/ask", params={"q": "who tried it?"}, headers={"Authorization": "Bearer x"})
    with bot.services.database.session() as session:
        soon = bot.clock() + timedelta(hours=1)
        defer(session, "read_note", queue="nobody", note_id=0)
        defer(session, "read_note", queue="later", schedule_at=soon, note_id=0)
        defer(session, "read_note", queue="import", priority=LATER, note_id=0)
    shown = bot.web.get("/metrics").text
    assert series(shown, "runlore_ingest_points_total")[""] == before + 3
    assert series(shown, "runlore_runs")['{name="live",state="running"}'] >= 1
    queues = series(shown, "runlore_queue")
    assert queues['{name="nobody",state="todo"}'] == 1
    assert '{name="later",state="todo"}' not in queues  # it is not its time yet
    assert queues['{name="import",state="todo"}'] == 1
    ages = series(shown, "runlore_queue_oldest_seconds")
    assert ages['{name="nobody",state="todo"}'] >= 0
    assert '{name="import",state="todo"}' not in ages  # what waits on purpose is no alarm
    assert 'route="/api/v1/ask",status="401"' in shown
    with bot.services.database.session() as session:
        session.execute(
            text("DELETE FROM procrastinate_jobs WHERE queue_name IN ('nobody', 'later', 'import')")
        )


COUNTED = ("runlore_ingest_points_total", "runlore_ingest_lag_seconds_count", "runlore_slack_seconds_count", "runlore_slack_refusals_total",
           "runlore_transcription_real_time_factor_count", "runlore_transcribed_audio_seconds_total", "runlore_ask_seconds_count",
           "runlore_runs_lost_total", "runlore_http_seconds_count")  # fmt: skip


def test_every_figure_moves_with_what_it_counts(bot: RunningBot) -> None:
    def counts() -> dict[str, float]:
        told = bot.web.get("/metrics").text
        return {name: sum(series(told, name).values()) for name in COUNTED}

    before = counts()
    run = bot.start("moving")
    bot.own_channel("moving", VISION)
    bot.start("moving")
    bot.log("moving", run, "loss", 3.0)
    bot.settle()
    thread = str(bot.message(VISION, "moving")["ts"])
    bot.workspace.upload_memo(ANA, VISION, "audio_message.m4a", content=b"We keep it.", thread_ts=thread)
    headers = {"Authorization": f"Bearer {bot.token()}"}
    assert bot.web.get("/api/v1/ask", params={"q": "who tried it?"}, headers=headers).status_code == 200
    bot.settle()
    with pytest.raises(SlackRefused):
        bot.services.messenger.call("chat.update", {"channel": "C0RUNS", "ts": "1.1", "text": "x"})
    bot.clock.advance(hours=3)
    with bot.services.database.session() as session:
        runs.sweep_lost(session, now=bot.clock())
    bot.wait(lambda: all(value > before[name] for name, value in counts().items()), str(counts()))


def test_slacks_time_and_refusals_are_counted(bot: RunningBot) -> None:
    bot.services.messenger.permalink("C0RUNS", "1.1")  # there is no such message
    shown = bot.web.get("/metrics").text
    assert series(shown, "runlore_slack_seconds_count")['{method="chat.getPermalink"}'] >= 1
    refused = series(shown, "runlore_slack_refusals_total")
    assert refused['{error="message_not_found",method="chat.getPermalink"}'] >= 1


def test_every_figure_of_the_dashboard_and_of_the_alarms_is_one_the_bot_has() -> None:
    dashboard = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text(encoding="utf-8"))
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
        for name in re.findall(r"\brunlore_\w+", target["expr"])
    }
    counted = {sample.name for one in figures.REGISTRY.collect() for sample in one.samples}
    counted |= {f"{one.name}{end}" for one in figures.REGISTRY.collect() for end in ("_bucket", "_total", "_sum", "_count")}  # fmt: skip
    levels = {f"runlore_{part}" for part in figures.PARTS} | {f"runlore_{part}_oldest_seconds" for part in figures.PARTS}  # fmt: skip
    alarms = set(re.findall(r"\brunlore_\w+", (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")))
    assert len(asked) > 10
    assert len(alarms) >= 5
    assert (asked | alarms) - counted - levels == set()


def test_a_process_without_a_web_shows_its_figures_and_whether_it_is_well() -> None:
    port, well = _free_port(), threading.Event()
    well.set()
    with figures.shown("127.0.0.1", port, alive=well.is_set):
        assert get(port, "/healthz") == (200, "ok")
        status, body = get(port, "/metrics")
        assert status == 200
        assert "runlore_transcription_real_time_factor" in body
        assert get(port, "/other")[0] == 404
        well.clear()
        assert get(port, "/healthz")[0] == 503


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""


@contextmanager
def logged(level: int = logging.DEBUG) -> Iterator[io.StringIO]:
    """What the bot logs, as its operator reads it."""
    lines, ours = io.StringIO(), logging.getLogger("bot")
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonLines())
    before = ours.level
    ours.addHandler(handler)
    ours.setLevel(level)
    try:
        yield lines
    finally:
        ours.removeHandler(handler)
        ours.setLevel(before)


def test_log_lines_name_the_request_and_never_what_was_said(bot: RunningBot) -> None:
    secret = "my private idea about warmup"
    run = bot.start("logging")
    headers = {"Authorization": f"Bearer {bot.token()}", "X-Request-ID": "req-42"}
    with logged() as lines:
        answer = bot.web.post("/api/v1/notes", json={"run": run, "text": secret}, headers=headers)
        assert answer.status_code == 200
        bot.settle()
    assert answer.headers["x-request-id"] == "req-42"
    rows = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert any(row["event"] == "request" and row["request"] == "req-42" for row in rows)
    assert secret not in lines.getvalue()
    assert bot.token() not in lines.getvalue()


def test_log_lines_name_the_run_that_is_reported(bot: RunningBot) -> None:
    headers, at, run = (
        {"Authorization": f"Bearer {bot.token()}"},
        bot.clock().timestamp(),
        "run-named-in-logs",
    )
    batch = {
        "v": 1,
        "project": "named",
        "run": run,
        "stream": "f0" * 16,
        "first": 0,
        "count": 1,
        "sent_at": at,
    }
    start = batch | {"events": [{"seq": 0, "t": "start", "at": at}]}
    points = batch | {
        "first": 1,
        "series": [{"k": "loss", "s": [1], "ms": [1], "v": [1.0]}],
    }  # taken with others
    beat = {"project": "named", "run": run, "at": at, "readings": {"x": 1.0}}
    with logged() as lines:
        for path, body in (("ingest", start), ("ingest", points), ("heartbeat", beat)):
            assert bot.web.post(f"/api/v1/{path}", json=body, headers=headers).status_code == 200
        bot.web.get("/healthz")
    rows = [json.loads(line) for line in lines.getvalue().splitlines()]
    asked = [(row["route"], row.get("run")) for row in rows if row["event"] == "request"]
    assert asked == [*[("/api/v1/ingest", run)] * 2, ("/api/v1/heartbeat", run), ("/healthz", None)]


def test_a_made_up_request_id_is_replaced(bot: RunningBot) -> None:
    answer = bot.web.get("/healthz", headers={"X-Request-ID": '"} {"event": "forged'})
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])


def test_a_failure_is_logged_by_its_place_without_its_words() -> None:
    with logged() as lines:
        try:
            raise ValueError("quotes what ana wrote")
        except ValueError:
            with about(run="run-1"):
                logging.getLogger("bot.test").exception("it_failed", extra={"token": "xoxb-1234567890-abc"})
    row = json.loads(lines.getvalue())
    assert (row["event"], row["error"], row["run"]) == ("it_failed", "ValueError", "run-1")
    assert row["trace"][-1].startswith("test_operate.py:")
    assert "ana wrote" not in lines.getvalue()
    assert "xoxb" not in lines.getvalue()


LIBRARIES = """
import logging, warnings
from bot.logs import configure_logging
configure_logging("DEBUG")
bolt = logging.getLogger("slack_bolt.App")
bolt.setLevel(logging.DEBUG)  # as slack_bolt does itself
bolt.debug("body: what ana wrote")
bolt.warning("authorize has been used")
bolt.error("Failed to run (what ana wrote)")
warnings.warn("a row: what ana wrote")
logging.getLogger("bot.test").info("ready", extra={"run": "run-1"})
"""


def test_libraries_are_heard_from_warnings_on_and_never_in_their_own_words() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIBRARIES], cwd=ROOT, capture_output=True, text=True, check=True
    )
    rows = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(row["logger"], row["event"]) for row in rows] == [
        ("slack_bolt.App", "library_said"), ("py.warnings", "library_said"), ("bot.test", "ready"),
    ]  # fmt: skip
    assert (rows[0]["at"], rows[1]["at"], rows[2]["run"]) == ("<string>:9", "<string>:10", "run-1")
    assert "ana wrote" not in done.stderr


def test_status_tells_what_waits_too_long(database: Database, database_url: str, tmp_path: Path) -> None:
    environment = {"RUNLORE_DATABASE_URL": database_url, "RUNLORE_HOME": str(tmp_path)}
    well = CliRunner().invoke(app, ["status", "--json"], env=environment)
    assert (well.exit_code, json.loads(well.stdout)["well"]) == (0, True)
    with database.session() as session:
        session.add(
            Outbox(key="old", lane="C0", method="chat.postMessage", created_at=NOW - timedelta(days=1))
        )
    late = CliRunner().invoke(app, ["status", "--json"], env=environment)
    (outbox,) = (one for one in json.loads(late.stdout)["levels"] if one["part"] == "outbox")
    assert (late.exit_code, outbox["number"], outbox["late"]) == (1, 1, True)


def test_a_bucket_refills_and_forgets_the_oldest() -> None:
    rates, allowance = Rates(), Allowance(per_second=2, burst=2)
    assert [rates.take("ana", allowance, now=0.0) for _ in range(3)] == [0.0, 0.0, 0.5]
    assert rates.take("ben", allowance, now=0.0) == 0.0
    assert rates.take("ana", allowance, now=0.5) == 0.0


def test_who_asks_too_often_is_put_off_and_others_are_not(database: Database, tmp_path: Path) -> None:
    services = services_on(database, tmp_path, requests_per_second=2)
    with database.session() as session:
        ours, theirs = (
            tokens.create(session, now=NOW, project=take_project(session, name, now=NOW)[0])
            for name in ("ours", "theirs")
        )
    with TestClient(build_http(services)) as web:
        beat = {"project": "ours", "run": "never-heard-of", "at": NOW.timestamp()}

        def send(token: str) -> int:
            return web.post(
                "/api/v1/heartbeat", json=beat, headers={"Authorization": f"Bearer {token}"}
            ).status_code

        answers = [send(ours) for _ in range(40)]
        put_off = web.post("/api/v1/heartbeat", json=beat, headers={"Authorization": f"Bearer {ours}"})
        assert 429 in answers
        assert answers[:4] == [200] * 4
        assert put_off.status_code != 429 or int(put_off.headers["retry-after"]) >= 1
        assert send(theirs) == 200
        assert web.get("/healthz").status_code == 200


def test_questions_are_read_from_the_replica_and_tokens_checked_at_home(
    database_url: str, second_database_url: str, tmp_path: Path
) -> None:
    replica, split = Database(second_database_url), Database(database_url, second_database_url)
    with split.session() as session:
        project, _ = take_project(session, "vision", now=NOW)
        token = tokens.create(session, now=NOW, project=project)
    with replica.session() as session:
        project, _ = take_project(session, "vision", now=NOW)
        take_run(session, project, "only-there", name="only-there", now=NOW)
    with TestClient(build_http(services_on(split, tmp_path))) as web:
        answer = web.get("/api/v1/runs/vision/1", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["name"]) == (200, "only-there")
    with split.session() as session:
        assert session.exec(select(ApiToken.last_used_at)).one() is not None
    split.close()
    replica.close()


def test_what_is_older_than_the_settings_say_is_dropped_as_a_whole(
    database: Database, tmp_path: Path
) -> None:
    services = services_on(database, tmp_path, keep_logs_months=2, keep_events_days=7)
    long_ago = (services.now().replace(day=1) - timedelta(days=400)).date()
    with database.session() as session:
        ensure_partitions(session, long_ago, ahead=0)
        for name, days, handled in (("old", 9, True), ("waiting", 9, False), ("new", 1, True)):
            at = services.now() - timedelta(days=days)
            session.add(
                SlackEvent(event_id=name, kind="message", received_at=at, handled_at=at if handled else None)
            )
    assert retention.apply(services) == 1
    with database.session() as session:
        assert long_ago.replace(day=1) not in partitions(session, "log_chunk")
        assert long_ago.replace(day=1) in partitions(session, "metric_chunk")  # kept for ever
        assert set(session.exec(select(SlackEvent.event_id))) == {"waiting", "new"}
    assert retention.apply(services) == 0


def test_the_months_before_a_day() -> None:
    day = datetime(2026, 2, 28, tzinfo=UTC).date()
    assert [f"{retention.months_before(day, back):%Y-%m}" for back in (0, 1, 2, 14)] == [
        "2026-02",
        "2026-01",
        "2025-12",
        "2024-12",
    ]


def test_the_scrape_file_of_the_operations_page_is_yaml() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.S)
    assert blocks
    assert all(yaml.safe_load(block) for block in blocks)


def test_a_failure_of_the_database_is_logged_as_the_database_calls_it() -> None:
    full = OperationalError("INSERT INTO note …", {}, DiskFull("could not extend file"))
    assert (kind_of(full), kind_of(ValueError("x"))) == ("DiskFull", "ValueError")


def test_doctor_says_when_the_disk_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path / "to" / "come", slack_bot_token=SecretStr("xoxb-1"))
    assert next(doctor.examine(settings)).ok
    monkeypatch.setattr(doctor, "LEAST_ROOM", 1e18)
    room = next(doctor.examine(settings))
    assert (room.name, room.ok, "GB free in" in room.seen, "Make room" in room.mend) == (
        "room",
        False,
        True,
        True,
    )
