"""Threats of docs/security.md that have no better place: each is tried, and nothing comes of it."""

import ast
import csv
import io
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from local_workspace import ANA, BEN, ROOT, RUNS, VISION
from running_bot import RunningBot, shown
from sqlalchemy import text
from sqlmodel import select

from bot import export, tokens
from bot.errors import SlackRefused
from bot.files import runs_csv
from bot.http import LARGEST_BODY
from bot.messenger import SlackMessenger
from bot.people import by_slack_id
from storage.memory import Note, SlackEvent
from storage.tables import Artifact, Project, Run

SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
SECRET = "sk-" + "a1B2" * 8
HOSTILE_NAMES = [
    "../../etc/passwd",
    "..",
    "a/../../b",
    "%2e%2e%2fetc",
    ".hidden",
    "a\x00b",
    "a" * 201,
    "C:\\x",
]


def headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_every_threat_of_the_page_has_tests_that_exist() -> None:
    rows = [line for line in SECURITY.splitlines() if line.startswith("| ") and "test_" in line]
    assert len(rows) >= 20
    for module, name in re.findall(r"`(test_\w+)\.py::(test_\w+)`", SECURITY):
        code = (ROOT / "tests" / f"{module}.py").read_text(encoding="utf-8")
        assert f"def {name}(" in code, f"{module}.py has no {name}"
    assert all(re.search(r"`test_\w+\.py::test_\w+`", row) for row in rows)


def test_a_token_does_only_what_its_scopes_say_until_it_is_revoked_or_too_old(bot: RunningBot) -> None:
    now = bot.clock()
    run = bot.start("scopes")
    with bot.services.database.session() as session:
        ana = by_slack_id(session, ANA, now=now)
        reading = tokens.create(session, now=now, person=ana, scopes=("read",))
        writing = tokens.create(session, now=now, person=ana, scopes=("write",))
        brief = tokens.create(session, now=now, person=ana, lasts=timedelta(minutes=5))
    note = {"run": run, "text": "may I?"}
    assert bot.web.post("/api/v1/notes", json=note, headers=headers(reading)).status_code == 403
    assert bot.web.get("/api/v1/runs/scopes/1", headers=headers(reading)).status_code == 200
    assert bot.web.get("/api/v1/runs/scopes/1", headers=headers(writing)).status_code == 403
    assert bot.web.get("/api/v1/runs/scopes/1", headers=headers(brief)).status_code == 200
    with bot.services.database.session() as session:
        tokens.revoke(session, reading[:8], now=now)
    assert bot.web.get("/api/v1/runs/scopes/1", headers=headers(reading)).status_code == 401
    bot.clock.advance(minutes=6)
    assert bot.web.get("/api/v1/runs/scopes/1", headers=headers(brief)).status_code == 401


def test_no_token_is_kept_that_could_be_used(bot: RunningBot) -> None:
    token = bot.token()
    with bot.services.database.session() as session:
        rows = session.execute(text("SELECT whole::text FROM api_token whole")).scalars().all()
    assert rows
    assert token not in " ".join(rows)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_an_artifacts_name_leads_nowhere(bot: RunningBot, name: str) -> None:
    run = bot.start("paths")
    home = bot.services.settings.home
    before = {path for path in home.parent.rglob("*") if path.is_file()}
    quoted = "".join(f"%{byte:02x}" for byte in name.encode())
    answer = bot.web.put(f"/api/v1/runs/{run}/artifacts/{quoted}", content=b"x", headers=headers(bot.token()))
    assert answer.status_code in (404, 405, 422)
    assert {path for path in home.parent.rglob("*") if path.is_file()} == before


def test_an_artifact_lies_under_its_content_whatever_it_is_called(bot: RunningBot) -> None:
    run = bot.start("content")
    for name in ("model.pt", "model 2.pt"):
        answer = bot.web.put(
            f"/api/v1/runs/{run}/artifacts/{name}", content=b"same", headers=headers(bot.token())
        )
        assert answer.status_code == 200
    with bot.services.database.session() as session:
        places = session.exec(select(Artifact.location).where(Artifact.size == 4)).all()
    assert len(set(places)) == 1
    kept = bot.services.settings.home / "artifacts"
    assert [path.name for path in kept.rglob("*") if path.is_file()] == [places[0].removeprefix("home:")]


def test_links_in_an_import_are_not_followed(tmp_path: Path) -> None:
    outside, source, home = tmp_path / "outside", tmp_path / "export", tmp_path / "home"
    outside.write_text("another's")
    (source / "artifacts" / "ab").mkdir(parents=True)
    (source / "artifacts" / "ab" / "link").symlink_to(outside)
    (source / "artifacts" / "up").symlink_to(tmp_path)
    (source / "artifacts" / "ab" / "good").write_text("ours")
    export.copy_files(source, home)
    assert [path.name for path in home.rglob("*") if not path.is_dir()] == ["good"]


@pytest.mark.parametrize(
    "path", ["/api/v1/notes", "/api/v1/heartbeat", "/api/v1/ingest", "/api/v1/login/start"]
)
def test_no_body_is_read_beyond_its_limit(bot: RunningBot, path: str) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while taken < 4 * LARGEST_BODY:
            taken += 1 << 20
            yield bytes(1 << 20)

    answer = bot.web.post(path, content=endless(), headers=headers(bot.token()))
    assert answer.status_code == 413
    assert bot.web.get("/healthz").status_code == 200


def test_a_body_nested_without_end_is_refused(bot: RunningBot) -> None:
    deep = b"[" * 200_000 + b"]" * 200_000
    for path in ("/api/v1/ingest", "/api/v1/notes", "/api/v1/login/poll"):
        assert bot.web.post(path, content=deep, headers=headers(bot.token())).status_code == 422


def test_a_field_is_bounded(bot: RunningBot) -> None:
    run = bot.start("bounds")
    too_long = {"run": run, "text": "x" * 20_001}
    assert bot.web.post("/api/v1/notes", json=too_long, headers=headers(bot.token())).status_code == 422
    question = {"q": "x" * 2001}
    assert bot.web.get("/api/v1/ask", params=question, headers=headers(bot.token())).status_code == 422
    told = bot.report("bounds", run, {"t": "config", "config": {"n" * 5000: 1}})
    with bot.services.database.session() as session:
        longest = session.execute(text("SELECT max(length(name)) FROM param")).scalar()
    assert told["errors"] or (longest or 0) <= 250


def tables_with(bot: RunningBot, words: str) -> list[str]:
    with bot.services.database.session() as session:
        named = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        tables = session.execute(text(named)).scalars().all()
        holds = 'SELECT EXISTS (SELECT FROM "{}" whole WHERE whole::text LIKE :words)'
        return [
            one
            for one in tables
            if session.execute(text(holds.format(one)), {"words": f"%{words}%"}).scalar()
        ]


def test_secrets_are_taken_out_of_notes_argv_env_and_diffs(bot: RunningBot) -> None:
    run = bot.start("redacted")
    at = bot.clock().timestamp()
    bot.report(
        "redacted", run,
        {"t": "code", "at": at, "commit": "a" * 40, "command": f"train.py --api-key={SECRET}", "diff": f"+key = '{SECRET}'"},
        {"t": "env", "at": at, "python": "3.11", "libraries": {"x": SECRET}, "hardware": {"note": SECRET}},
        {"t": "log", "at": at, "source": "stdout", "first_line": 0, "lines": [f"using {SECRET}"]},
        {"t": "note", "at": at, "text": f"the key is {SECRET}"},
        {"t": "summary", "summary": {"key": SECRET}},
        {"t": "link", "url": f"https://user:{SECRET}@example.org/", "title": SECRET},
        {"t": "artifact", "at": at, "name": "model", "location": f"https://example.org/m?key={SECRET}"},
        {"t": "alert", "at": at, "title": SECRET, "text": SECRET, "level": "INFO"},
    )  # fmt: skip
    bot.web.post("/api/v1/notes", json={"run": run, "text": f"token {SECRET}"}, headers=headers(bot.token()))
    assert tables_with(bot, SECRET) == []
    lines = bot.web.get("/api/v1/runs/redacted/1/logs", headers=headers(bot.token())).json()["lines"]
    assert SECRET not in str(lines)
    assert "[redacted]" in str(lines)


def test_secrets_in_lines_that_are_taken_with_others_are_taken_out(bot: RunningBot) -> None:
    run, at = "run-with-a-secret", bot.clock().timestamp()
    batch = {"v": 1, "project": "redacted", "run": run, "stream": "f1" * 16, "count": 1, "sent_at": at}
    start = batch | {"first": 0, "events": [{"seq": 0, "t": "start", "at": at}]}
    lines = batch | {"first": 1, "events": [{"seq": 1, "t": "log", "at": at, "lines": [f"using {SECRET}"]}]}
    told = [
        bot.web.post("/api/v1/ingest", json=body, headers=headers(bot.token())).json()
        for body in (start, lines)
    ]
    shown_there = bot.web.get(
        f"/api/v1/runs/{told[1]['run']['ref']}/logs", headers=headers(bot.token())
    ).json()
    assert "using [redacted]" in str(shown_there["lines"])
    assert SECRET not in str(shown_there)


def test_no_cell_of_a_table_begins_like_a_formula(bot: RunningBot) -> None:
    hostile = ["=HYPERLINK(1)", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1"]
    bot.start(
        "formulas",
        name=hostile[0],
        tags=hostile[:1],
        config={f"p{place}": value for place, value in enumerate(hostile)},
    )
    bot.start("formulas", name="harmless", config={"lr": -0.5})
    with bot.services.database.session() as session:
        ids = session.exec(select(Run.id).join(Project).where(Project.name == "formulas")).all()
        table = list(csv.reader(io.StringIO(runs_csv(session, [one or 0 for one in ids]), newline="")))
    cells = [cell for row in table for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == ["-0.5"]
    assert {f"'{one}" for one in hostile} <= set(cells)


def test_a_secret_typed_in_slack_is_not_kept(bot: RunningBot) -> None:
    run = bot.start("typed")
    bot.settle()
    parent = next(one for one in bot.workspace.messages(RUNS) if "typed" in shown(one))
    bot.workspace.reply(BEN, RUNS, str(parent["ts"]), f"#1 I left {SECRET} in the config")
    bot.settle()
    with bot.services.database.session() as session:
        said = " ".join(session.exec(select(Note.text)).all())
        kept = str([row.body for row in session.exec(select(SlackEvent))])
    assert "I left [redacted] in the config" in said
    assert SECRET not in kept
    assert run


def test_a_secret_that_was_spoken_is_not_kept(bot: RunningBot) -> None:
    bot.own_channel("spoken", VISION)
    thread = str(bot.message(VISION, bot.start("spoken"))["ts"])
    said = f"We lowered lr and I left {SECRET} in the config."
    bot.workspace.upload_memo(ANA, VISION, "audio_message.m4a", content=said.encode(), thread_ts=thread)
    card = bot.reply(VISION, thread, "🎙")
    bot.settle()
    assert "I left [redacted] in the config" in shown(card)
    assert tables_with(bot, "[redacted]")
    assert tables_with(bot, SECRET) == []


class Elsewhere(BaseHTTPRequestHandler):
    """A host that is none of the workspace's; it notes down what it was told."""

    heard: ClassVar[list[str | None]] = []
    redirect: str = ""

    def do_GET(self) -> None:
        type(self).heard.append(self.headers.get("Authorization"))
        if self.redirect:
            self.send_response(302)
            self.send_header("Location", self.redirect)
        else:
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def hosts() -> Iterator[tuple[str, str]]:
    """The addresses of the workspace, which redirects, and of somebody else."""
    heard: list[str | None] = []
    inner = type("Inner", (Elsewhere,), {"heard": heard})
    other = ThreadingHTTPServer(("127.0.0.1", 0), inner)
    there = f"http://127.0.0.1:{other.server_address[1]}"
    outer = type("Outer", (Elsewhere,), {"heard": [], "redirect": f"{there}/stolen"})
    ours = ThreadingHTTPServer(("127.0.0.1", 0), outer)
    for server in (other, ours):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{ours.server_address[1]}", there
    assert heard == []  # neither called nor shown a token
    for server in (other, ours):
        server.shutdown()
        server.server_close()


def test_files_are_fetched_and_answers_sent_only_where_slack_is(
    hosts: tuple[str, str], tmp_path: Path
) -> None:
    ours, there = hosts
    messenger = SlackMessenger(token="xoxb-secret", base_url=f"{ours}/api/")
    for address in (
        there,
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "https://slack.com.evil.example/x",
    ):
        with pytest.raises(SlackRefused):
            messenger.download(f"{address}/audio" if address == there else address, tmp_path / "f", limit=100)
        with pytest.raises(SlackRefused):
            messenger.respond(address, {"text": "hello"})
    with pytest.raises(SlackRefused, match="redirected"):
        messenger.download(f"{ours}/file", tmp_path / "f", limit=100)


def test_nothing_else_of_the_bot_opens_addresses() -> None:
    """Links and artifacts are names here; what a run names is fetched by `data_web` alone, from public hosts."""
    allowed = {
        "messenger",
        "doctor",
        "home",
        "local",
        "demo",
        "demo_people",
        "demo_bot",
        "slack_app",
        "figures",
        "data_web",
    }
    reaching = {"urllib.request", "http.client", "requests", "httpx", "socket", "aiohttp", "websockets"}
    offenders = set()
    for path in (ROOT / "bot").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if reaching & set(names) and path.stem not in allowed:
                offenders.add(path.stem)
    assert offenders == set()


def test_hidden_and_missing_cannot_be_told_apart_by_any_way_of_asking(bot: RunningBot) -> None:
    hidden = bot.start("very-hidden", who=ANA)
    with bot.services.database.session() as session:
        project = session.exec(select(Project).where(Project.name == "very-hidden")).one()
        project.openness, project.channel_id = "private", "C0SECRET"
    stranger = headers(bot.token(who="U0CHLOE"))
    pairs = [
        ("/api/v1/runs/very-hidden/1", "/api/v1/runs/not-there/1"),
        ("/api/v1/runs/very-hidden/1/logs", "/api/v1/runs/not-there/1/logs"),
        (f"/api/v1/runs/very-hidden/{hidden}", "/api/v1/runs/very-hidden/run-999999"),
    ]
    for there, missing in pairs:
        seen, unseen = bot.web.get(there, headers=stranger), bot.web.get(missing, headers=stranger)
        assert (seen.status_code, seen.json()) == (404, unseen.json())
        assert unseen.status_code == 404
    for run in (hidden, "run-999999"):
        answer = bot.web.post("/api/v1/notes", json={"run": run, "text": "x"}, headers=stranger)
        assert (answer.status_code, answer.json()["error"]) == (404, "No such run.")
        put = bot.web.put(f"/api/v1/runs/{run}/artifacts/a.txt", content=b"x", headers=stranger)
        assert (put.status_code, put.json()["error"]) == (404, "No such run.")


def test_figures_name_nobody_and_nothing(bot: RunningBot) -> None:
    bot.start("unspeakable-project")
    told = bot.web.get("/metrics").text
    bot.web.get("/api/v1/runs/unspeakable-project/1", headers=headers(bot.token()))
    told += bot.web.get("/metrics").text
    assert "unspeakable" not in told
    assert ANA not in told
