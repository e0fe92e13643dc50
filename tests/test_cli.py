"""The operator's command line: exact lines for programs, and words instead of tracebacks."""

import fcntl
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from local_workspace import LocalWorkspace
from sounds import CLIP
from typer.testing import CliRunner, Result

from bot.cli import app, main
from storage.database import Database, migrate
from storage.embedded_place import empty_home
from storage.ingest_queries import take_project
from storage.memory import Correction, Note
from storage.tables import Person

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


@pytest.fixture
def at_home(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of one's own on a fresh database."""
    monkeypatch.setenv("RUNLORE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RUNLORE_DATABASE_URL", database_url)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str | Path, said: str | bytes = "") -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], input=said)


def rows(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def refusal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What is said when the whole command line fails."""
    monkeypatch.setattr(sys, "argv", ["runlore-bot", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def test_notes_are_read_line_by_line_and_what_is_none_is_named_and_skipped() -> None:
    lines = b'{"id":7,"text":"Lowered lr from 3e-4 to 1e-4. Val loss fell to 0.31."}\n\xff\n[1]\n{"id":8}\n\n'
    lines += b'{"id":"half","text":"\\ud83d"}\n{"id":"last","text":""}\n'
    result = run("analyze", "--jsonl", said=lines)
    first, last = rows(result)
    assert first["id"] == 7
    assert first["role"] == "change"
    assert {"role", "text", "start", "end", "confidence"} == set(first["items"][0])
    assert {"name": "lr", "kind": "param", "from": "3e-4", "to": "1e-4"} in first["facts"]
    assert (last["id"], last["role"], last["items"]) == ("last", "other", [])
    for number in (2, 3, 4, 6):
        assert f"line {number}: " in result.stderr


def test_a_recording_that_cannot_be_heard_gives_its_error_and_the_rest_go_on(at_home: Path) -> None:
    odd = at_home / "[b].wav"
    odd.write_text("no sound")
    result = run("transcribe", "--jsonl", "--model", "tiny.en", "gone.wav", odd, at_home, CLIP)
    gone, bad, directory, heard = rows(result)
    assert gone == {"file": "gone.wav", "error": "Cannot be read: No such file or directory."}
    assert bad["file"] == str(odd)
    assert "not audio" in bad["error"]
    assert set(directory) == {"file", "error"}
    assert {"file", "text", "language", "duration", "seconds", "words"} <= set(heard)
    assert "learning rate" in heard["text"]
    assert {"start", "end"} <= set(heard["words"][0])
    said = run("transcribe", "--model", "tiny.en", odd)
    assert (said.exit_code, str(odd) in said.stderr) == (1, True)


def test_notes_are_brought_in_once_and_asked_about(at_home: Path) -> None:
    note = {"note_id": "n1", "project": "vision", "run": "r1", "author": "ana", "date": "2026-10-01"}
    good = json.dumps(
        {
            **note,
            "metrics": {"val_acc": 0.93},
            "params": {"lr": 1e-3},
            "text": "Label smoothing of 0.1 helped.",
        }
    )
    file = at_home / "notes.jsonl"
    file.write_bytes(good.encode() + b'\nnot json\n{"text": "\xff"}\n{"note_id": "n2"}\n')
    first = run("import", file)
    assert first.exit_code == 0, first.output
    assert "1 new, 0 changed, 0 known already, 3 skipped." in first.stderr
    assert [f"line {number}: " in first.stderr for number in (1, 2, 3, 4)] == [False, True, True, True]
    assert "0 new, 0 changed, 1 known already" in run("import", file).stderr
    asked = '{"qid":"a","query":"who has tried label smoothing?"}\njunk\n{"qid":"b","query":"who tried distillation?"}\n'
    found, nobody = rows(run("ask", "--jsonl", said=asked))
    assert {"qid", "note_ids", "none", "answer"} <= set(found)
    assert (found["qid"], found["note_ids"], found["none"]) == ("a", ["n1"], False)
    assert (nobody["qid"], nobody["none"]) == ("b", True)
    assert "[👍]" not in found["answer"]  # nothing can be pressed here
    assert "There is no project speech." in str(run("digest", "speech").exception)
    told = run("digest", "--days", "90").stdout
    assert ("vision" in told, "[Add status]" in told) == (True, False)


def test_a_token_is_shown_once_listed_by_its_owner_and_revoked(at_home: Path) -> None:
    made = run("token", "create", "--project", "vision", "--label", "[ci]", "--days", "3").stdout.strip()
    (listed,) = json.loads(run("token", "list", "--json").stdout)
    assert (listed["project"], listed["label"], listed["scopes"]) == ("vision", "[ci]", ["write", "read"])
    assert made.startswith(listed["hint"])
    assert made not in run("token", "list").stdout
    assert run("token", "revoke", listed["hint"]).exit_code == 0
    assert json.loads(run("token", "list", "--json").stdout) == []
    for wrong in ("", "a/b"):
        assert run("token", "create", "--project", wrong).exit_code == 2


def test_what_goes_wrong_is_said_in_a_line(
    at_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "gone.jsonl: No such file or directory" in refusal(monkeypatch, capsys, "import", "gone.jsonl")
    assert "is no export" in refusal(monkeypatch, capsys, "import", str(at_home))
    assert "There is no token 99" in refusal(monkeypatch, capsys, "token", "revoke", "99")
    monkeypatch.setenv("RUNLORE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    assert "the database does not answer" in refusal(monkeypatch, capsys, "token", "list")
    monkeypatch.setenv("RUNLORE_PORT", "many")
    assert "RUNLORE_PORT: Input should be a valid integer" in refusal(monkeypatch, capsys, "token", "list")


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("RUNLORE_PORT", "70000", "65535"),
        ("RUNLORE_LOG_LEVEL", "loud", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("RUNLORE_SPEECH_ENGINE", "whisperx", "'faster-whisper' or 'openai-whisper'"),
        (
            "RUNLORE_DATABASE_URL",
            "mysql://me:hunter2@db/x",
            "RUNLORE_DATABASE_URL: it begins with postgresql://",
        ),
    ],
)
def test_a_wrong_setting_is_said_at_the_start_with_what_it_can_be(
    at_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    setting: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv(setting, value)
    told = refusal(monkeypatch, capsys, "serve", "--role", "scheduler")
    assert setting in told
    assert said in told
    assert "hunter2" not in told


def test_a_queue_that_there_is_not_is_no_queue_to_serve(at_home: Path) -> None:
    result = run("serve", "--role", "worker", "--queues", "speach")
    assert (result.exit_code, "unknown queue speach" in result.stderr) == (2, True)


def test_doctor_says_which_home_and_which_token_are_wrong(
    at_home: Path, workspace: LocalWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNLORE_HOME", "/proc/nowhere")
    home = run("doctor", "--slack")
    assert (home.exit_code, "home: /proc/nowhere" in home.stderr) == (1, True)
    monkeypatch.setenv("RUNLORE_SLACK_BASE_URL", workspace.base_url)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-wrong")
    (wrong,) = json.loads(run("doctor", "--slack", "--json").stdout)
    assert (wrong["ok"], wrong["seen"]) == (False, "the bot token is refused: invalid_auth")
    assert "SLACK_BOT_TOKEN" in wrong["mend"]


@pytest.mark.parametrize(
    ("app_token", "ok", "seen"),
    [
        (None, False, "there is none: neither a socket nor signed requests"),
        ("xapp-wrong", False, "the app token is refused: invalid_auth"),
        ("right", True, "Socket Mode"),
    ],
)
def test_doctor_says_how_slack_reaches_the_bot(
    at_home: Path,
    workspace: LocalWorkspace,
    monkeypatch: pytest.MonkeyPatch,
    app_token: str | None,
    ok: bool,
    seen: str,
) -> None:
    monkeypatch.setenv("RUNLORE_SLACK_BASE_URL", workspace.base_url)
    monkeypatch.setenv("SLACK_BOT_TOKEN", workspace.bot_token)
    if app_token:
        monkeypatch.setenv("SLACK_APP_TOKEN", workspace.app_token if app_token == "right" else app_token)
    told = {one["name"]: one for one in json.loads(run("doctor", "--slack", "--json").stdout)}
    assert (told["Slack's way to the bot"]["ok"], told["Slack's way to the bot"]["seen"]) == (ok, seen)


def test_a_second_demo_leaves_the_first_alone(at_home: Path) -> None:
    (at_home / ".demo").mkdir()
    first = os.open(at_home / ".demo", os.O_RDONLY)
    fcntl.flock(first, fcntl.LOCK_EX)
    (at_home / ".demo" / "kept").touch()
    assert "A demo already runs in" in str(run("demo").exception)
    assert (at_home / ".demo" / "kept").exists()
    os.close(first)


def test_a_home_is_emptied_with_its_database_wherever_that_lies(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    (home / "log").mkdir(parents=True)
    (elsewhere / "data").mkdir(parents=True)
    (home / "postgres").symlink_to(elsewhere)
    empty_home(home)
    assert list(home.iterdir()) == []
    assert not elsewhere.exists()


def test_feedback_is_exported_of_projects_that_agreed_alone(at_home: Path, database_url: str) -> None:
    migrate(database_url)
    database = Database(database_url)
    with database.session() as session:
        for name, agreed in (("agreed", True), ("asked-not", False)):
            project, _ = take_project(session, name, now=NOW)
            project.settings = {"share_feedback": agreed}
            session.add(person := Person(name=f"somebody of {name}", created_at=NOW))
            session.flush()
            note = Note(
                project_id=project.id or 0, author_id=person.id, kind="text", text="We keep it.", said_at=NOW
            )
            session.add(note)
            session.flush()
            read, meant = {"role": "decision"}, {"role": "outcome"}
            session.add(
                Correction(
                    note_id=note.id or 0,
                    person_id=person.id or 0,
                    sentence=f"We keep {name}.",
                    was=read,
                    now=meant,
                    at=NOW,
                )
            )
    told = rows(run("export-feedback"))
    assert [row["sentence"] for row in told] == ["We keep agreed."]
    assert "somebody" not in str(told)
    assert run("export-feedback", at_home / "corrections.jsonl").exit_code == 0
    lines = (at_home / "corrections.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == told
    with database.session() as session:  # and an agreement taken back counts for what was corrected before
        take_project(session, "agreed", now=NOW)[0].settings = {}
    assert rows(run("export-feedback")) == []
    database.close()


def test_a_slack_that_cannot_reach_the_bot_is_said_at_the_start(
    at_home: Path,
    workspace: LocalWorkspace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", workspace.bot_token)
    monkeypatch.setenv("RUNLORE_SLACK_BASE_URL", workspace.base_url)
    said = refusal(monkeypatch, capsys, "serve", "--role", "web")
    assert "SLACK_APP_TOKEN" in said
    assert "SLACK_SIGNING_SECRET" in said
