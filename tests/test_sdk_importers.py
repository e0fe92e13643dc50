"""Other trackers' runs are taken in whole, with times and notes, and twice changes nothing."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest
import sdk_children as children
from fake_server import FakeServer
from test_sdk_frameworks import needs


def take_in(server: FakeServer, tmp_path: Path, *words: str) -> dict[str, int]:
    env = children.environment(tmp_path / "spool", server.url)
    done = children.command("import", *words, "--json", env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr + done.stdout
    answer: dict[str, int] = json.loads(done.stdout)
    return answer


def make(code: str, tmp_path: Path) -> None:
    status, _, err = children.run(code, children.environment(tmp_path / "other"), tmp_path, 120)
    assert status == 0, err


def test_a_csv_of_histories_becomes_runs_with_params_and_notes(tmp_path: Path) -> None:
    (tmp_path / "sweep.csv").write_text(
        "run,step,loss,lr,optimizer,note\n"
        "a,0,1.0,0.1,adam,warmup was too short\na,1,0.5,0.1,adam,\nb,0,2.0,0.01,sgd,\nb,1,1.5,0.01,sgd,\n"
    )
    with FakeServer() as server:
        assert take_in(server, tmp_path, "csv", "sweep.csv", "--project", "vision")["taken"] == 2
        assert sorted((step, value) for step, _, value in server.points("loss")) == [
            (0, 1),
            (0, 2),
            (1, 0.5),
            (1, 1.5),
        ]
        configs = {start["name"]: start["config"] for start in server.events("start")}
        assert configs == {"a": {"lr": 0.1, "optimizer": "adam"}, "b": {"lr": 0.01, "optimizer": "sgd"}}
        assert [note["text"] for note in server.events("note")] == ["warmup was too short"]
        before = sum(len(stream.events) for stream in server.streams.values())
        assert take_in(server, tmp_path, "csv", "sweep.csv", "--project", "vision")["known"] == 2
        assert sum(len(stream.events) for stream in server.streams.values()) == before


def test_a_person_at_a_terminal_sees_how_far_it_is(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("name;params.lr;acc\none;0.1;0.9\ntwo;0.2;0.8\n")
    ours, theirs = pty.openpty()
    with FakeServer() as server:
        env = children.environment(tmp_path / "spool", server.url)
        words = [*children.CLI, "import", "csv", "table.csv"]
        done = subprocess.run(
            words, env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs, check=False
        )
    os.close(theirs)
    seen = os.read(ours, 10_000).decode()
    os.close(ours)
    assert done.returncode == 0, seen
    assert [line.split("]")[1].strip() for line in seen.split("\r") if "[" in line] == ["1/2", "2/2"]
    assert b"2 runs taken in" in done.stdout


def test_a_table_of_runs_is_a_run_a_row(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("name;params.lr;acc\none;0.1;0.9\ntwo;0.2;0.8\n")
    with FakeServer() as server:
        take_in(server, tmp_path, "csv", "table.csv")
        assert {s["name"]: s["config"] for s in server.events("start")} == {
            "one": {"lr": 0.1},
            "two": {"lr": 0.2},
        }
        assert sorted(value for _, _, value in server.points("acc")) == [0.8, 0.9]


@pytest.mark.parametrize("source", ["absent.csv", "empty.csv"])
def test_what_cannot_be_read_is_said_in_one_line(tmp_path: Path, source: str) -> None:
    (tmp_path / "empty.csv").write_text("run,step\n")
    env = children.environment(tmp_path / "spool")
    done = children.command("import", "csv", source, env=env, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"runlore: cannot read {source}")
    assert "Traceback" not in done.stderr


@needs("tensorboard", "torch")
def test_tensorboard_s_event_files_become_runs(tmp_path: Path) -> None:
    make(
        """
        from torch.utils.tensorboard import SummaryWriter
        for name in ("a", "b"):
            writer = SummaryWriter(f"logs/{name}")
            for step in range(50): writer.add_scalar("loss", 1 / (step + 1), step)
            writer.close()
        """,
        tmp_path,
    )
    with FakeServer() as server:
        assert take_in(server, tmp_path, "tensorboard", "logs")["taken"] == 2
        assert sorted(step for step, _, _ in server.points("loss")) == sorted([*range(50)] * 2)
        assert {start["name"] for start in server.events("start")} == {"a", "b"}
        assert take_in(server, tmp_path, "tensorboard", "logs")["known"] == 2


@needs("wandb")
def test_wandb_s_offline_folders_become_runs(tmp_path: Path) -> None:
    make(
        """
        import wandb
        run = wandb.init(project="theirs", name="offline-one", mode="offline", config={"lr": 0.1, "m": {"d": 3}},
            tags=["base"], notes="does warmup help?", group="g")
        for step in range(300): run.log({"loss": 1 / (step + 1), "bad": float("nan")})
        run.finish()
        """,
        tmp_path,
    )
    with FakeServer() as server:
        assert take_in(server, tmp_path, "wandb", "wandb")["taken"] == 1
        (start,) = server.events("start")
        assert (start["name"], start["tags"], start["group"]) == ("offline-one", ["base"], "g")
        assert start["config"] == {"lr": 0.1, "m": {"d": 3}}
        assert [step for step, _, _ in server.points("loss")] == list(range(300))
        assert {value for _, _, value in server.points("bad")} == {"nan"}
        assert [note["text"] for note in server.events("note")] == ["does warmup help?"]
        assert server.events("exit")[0]["state"] == "finished"


@needs("mlflow")
def test_an_mlflow_store_becomes_runs(tmp_path: Path) -> None:
    make(
        """
        import mlflow
        mlflow.set_tracking_uri("sqlite:///store.db")
        mlflow.set_experiment("vision")
        for number in range(3):
            with mlflow.start_run(run_name=f"run-{number}", description="long warmup" if number == 0 else None):
                mlflow.log_params({"lr": 0.1})
                for step in range(10): mlflow.log_metric("loss", step / 10, step=step)
        """,
        tmp_path,
    )
    with FakeServer() as server:
        assert take_in(server, tmp_path, "mlflow", "sqlite:///store.db")["taken"] == 3
        assert len(server.points("loss")) == 30
        assert [note["text"] for note in server.events("note")] == ["long warmup"]
        assert take_in(server, tmp_path, "mlflow", "sqlite:///store.db")["known"] == 3
