"""What is captured to repeat a run, what is never captured, and how a run is recreated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sdk_children as children
from fake_server import FakeServer

from runlore import capture, fingerprints, redact

SECRETS = [
    "AKIAIOSFODNN7EXAMPLE", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "xoxb-123456789012-abcdefghijkl",
    "hf_abcdefghijklmnopqrstuvwxyz123456", "sk-proj-abcdefghijklmnopqrstuvwx", "rl_0123456789abcdefghij",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
]  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS)
def test_known_shapes_of_secrets_are_redacted(secret: str) -> None:
    assert secret not in redact.text(f"using {secret} now")


@pytest.mark.parametrize(
    "line",
    [
        "password = 'hunter2hunter2'", "API_KEY: abcdef123456", "--db-password=correcthorse", '"auth_token": "abc123def456"',
        "postgresql://ana:correcthorse@db/x", "Authorization: Bearer abcdefghijklmnop", "blob = 'aB3dE5fG7hI9jK1lM3nO5pQ7rS9t'",
    ],
)  # fmt: skip
def test_assigned_secrets_are_redacted(line: str) -> None:
    clean = redact.text(line)
    assert redact.MARK in clean
    assert not any(word in clean for word in ("hunter2", "abcdef", "correcthorse", "abc123", "aB3dE5"))


@pytest.mark.parametrize(
    "line",
    [
        "commit = 9fceb02d0ae598e95dc970b74767f19372d61af8", "token_count: 123456", "tokenizer = AutoTokenizer",
        "loss: 0.123456789", "path = /data/imagenet/train/n01440764/n01440764_10026.JPEG", "max_tokens = 4096",
        "author: Anastasia",
    ],
)  # fmt: skip
def test_ordinary_lines_stay_as_they_are(line: str) -> None:
    assert redact.text(line) == line


def test_a_secret_that_follows_its_option_is_redacted() -> None:
    assert redact.arguments(["train.py", "--api-key", "abc", "--lr", "0.1"]) == [
        "train.py",
        "--api-key",
        redact.MARK,
        "--lr",
        "0.1",
    ]


def test_values_of_secret_environment_variables_are_found_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SERVICE_TOKEN", "plain-looking-words")
    assert redact.text("sent plain-looking-words along") == f"sent {redact.MARK} along"


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


def repository(folder: Path) -> Path:
    folder.mkdir()
    (folder / "train.py").write_text(
        "import runlore\nrun = runlore.init()\nrun.log({'x': 1})\nrun.finish()\n"
    )
    (folder / ".gitignore").write_text("ignored.txt\n")
    for words in (
        ["init", "-q", "-b", "main"], ["add", "."], ["remote", "add", "origin", "https://ana:secret@git.example.com/v.git"],
        ["-c", "user.name=Ana", "-c", "user.email=a@example.com", "commit", "-qm", "First version"],
    ):  # fmt: skip
        subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)
    return folder


def record(folder: Path, server: FakeServer, tmp_path: Path) -> dict[str, str]:
    env = children.environment(tmp_path / "spool", server.url, RUNLORE_CAPTURE="1")
    subprocess.run([sys.executable, "train.py"], cwd=folder, env=env, check=True, capture_output=True)
    server.wait_for("env")
    return env


def test_the_commit_the_changes_and_the_environment_are_captured(tmp_path: Path) -> None:
    folder = repository(tmp_path / "vision")
    with (folder / "train.py").open("a") as file:
        file.write("warmup = 500\n")
    (folder / "new.py").write_text("lr = 3e-4\n")
    (folder / "ignored.txt").write_text("not this\n")
    with FakeServer() as server:
        record(folder, server, tmp_path)
        code, env = server.wait_for("code"), server.wait_for("env")
        assert (code["branch"], code["subject"], code["dirty"]) == ("main", "First version", True)
        assert code["remote"] == "https://git.example.com/v.git"
        assert "+warmup = 500" in code["diff"]
        assert "+lr = 3e-4" in code["diff"]
        assert "not this" not in code["diff"]
        assert code["entry"] == "train.py"
        assert "pytest" in env["libraries"]
        assert env["hardware"]["cores"]


def notebook(source: str, output: str) -> str:
    cell = {"cell_type": "code", "source": source, "outputs": [{"output_type": "stream", "text": output}]}
    return json.dumps({"cells": [cell], "nbformat": 4, "metadata": {}})


def test_notebooks_that_were_not_committed_are_kept_without_their_outputs(tmp_path: Path) -> None:
    folder = repository(tmp_path / "vision")
    (folder / "deep").mkdir()
    for name in ("edited", "run again"):
        (folder / f"{name}.ipynb").write_text(notebook("lr = 1", ""))
    git(folder, "add", ".")
    git(folder, "-c", "user.name=Ana", "-c", "user.email=a@example.com", "commit", "-qm", "Explore")
    (folder / "edited.ipynb").write_text(notebook("lr = 2", "patient 17"))
    (folder / "run again.ipynb").write_text(notebook("lr = 1", "patient 18"))
    (folder / "deep" / "new.ipynb").write_text(notebook("lr = 3\nprint(lr)", "patient 19"))
    with FakeServer() as server:
        env = record(folder, server, tmp_path)
        code = server.wait_for("code")
        assert ("patient" in code["diff"], code["dirty"], code["diff_redacted"]) == (False, True, False)
        (run,) = {owner for owner, _ in server.streams}
        done = children.command(
            "checkout", run, "--into", str(tmp_path / "again"), "--json", env=env, cwd=folder
        )
        assert json.loads(done.stdout)["problems"] == [], done.stdout
        found = {
            str(p.relative_to(tmp_path / "again")): p.read_text()
            for p in (tmp_path / "again").rglob("*.ipynb.py")
        }
        assert found == {"edited.ipynb.py": "lr = 2\n", "deep/new.ipynb.py": "lr = 3\nprint(lr)\n"}


def test_checkout_recreates_the_run_in_a_worktree(tmp_path: Path) -> None:
    folder = repository(tmp_path / "vision")
    (folder / "train.py").write_text((folder / "train.py").read_text() + "warmup = 500\n")
    (folder / "new.py").write_text("no newline at the end")
    with FakeServer() as server:
        env = record(folder, server, tmp_path)
        (run,) = {run for run, _ in server.streams}
        subprocess.run(["git", "-C", str(folder), "checkout", "-q", "train.py"], check=True)
        done = children.command("checkout", run, "--into", str(tmp_path / "again"), env=env, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert "warmup = 500" in (tmp_path / "again" / "train.py").read_text()
        assert (tmp_path / "again" / "new.py").read_text() == "no newline at the end"
        assert "pytest==" in (tmp_path / "again" / "runlore-requirements.txt").read_text()
        assert "train.py" in done.stdout.splitlines()[-1]


def test_checkout_says_when_a_redacted_diff_no_longer_applies(tmp_path: Path) -> None:
    folder = repository(tmp_path / "vision")
    (folder / "train.py").write_text("api_key = 'abcdef1234567890'\n" + (folder / "train.py").read_text())
    subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-qam", "oops"],
        check=True,
    )
    (folder / "train.py").write_text((folder / "train.py").read_text() + "warmup = 1\n")
    (folder / "train.py").write_text((folder / "train.py").read_text().replace("abcdef", "uvwxyz"))
    with FakeServer() as server:
        env = record(folder, server, tmp_path)
        assert "uvwxyz1234567890" not in str(server.events("code"))
        (run,) = {run for run, _ in server.streams}
        done = children.command("checkout", run, "--into", str(tmp_path / "again"), env=env, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert "no longer apply: secrets were taken out" in done.stdout
        assert (tmp_path / "again" / "runlore.diff").exists()


def test_checkout_from_the_server_says_what_is_missing(tmp_path: Path) -> None:
    folder = repository(tmp_path / "vision")
    with FakeServer() as server:
        server.runs["vision/42"] = {"code": {"commit": "0" * 40, "remote": "https://git.example.com/v.git"}}
        env = children.environment(tmp_path / "spool", server.url)
        done = children.command("checkout", "vision/42", env=env, cwd=folder)
        assert done.returncode == 1
        assert "commit 000000000000 is not in this clone" in done.stderr


def test_a_hanging_git_costs_only_the_budget(tmp_path: Path) -> None:
    folder = repository(tmp_path / "vision")
    git = capture.Git(str(folder), budget=0.0)
    assert git.ask("status") is None


def test_a_folder_s_fingerprint_follows_content_and_names_not_times(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.csv").write_text("age,name\n31,x-secret\n,y\n")
    first = fingerprints.describe_path(str(data))
    (data / "a.csv").touch()
    assert fingerprints.describe_path(str(data))["fingerprint"] == first["fingerprint"]
    (data / "a.csv").rename(data / "b.csv")
    assert fingerprints.describe_path(str(data))["fingerprint"] != first["fingerprint"]
    table = fingerprints.describe_path(str(data / "b.csv"))
    assert (table["rows"], table["types"]) == (2, {"age": "integer", "name": "text"})
    assert table["summary"]["age"] == {"count": 2, "missing": 1, "distinct": 1}
    assert "x-secret" not in str(table)


def test_a_fingerprint_is_quick_the_second_time_and_right_after_a_change(tmp_path: Path) -> None:
    data, cache = tmp_path / "big.bin", str(tmp_path / "cache.json")
    data.write_bytes(b"x" * 1000)
    os.utime(data, (1_000_000, 1_000_000))
    first = fingerprints.describe_path(str(data), cache=cache)["fingerprint"]
    data.write_bytes(b"y" * 1000)
    os.utime(data, (1_000_000, 1_000_000))
    assert fingerprints.describe_path(str(data), cache=cache)["fingerprint"] == first
    os.utime(data, (1_000_001, 1_000_001))
    assert fingerprints.describe_path(str(data), cache=cache)["fingerprint"] != first
