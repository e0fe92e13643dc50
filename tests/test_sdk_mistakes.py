"""Mistakes that people make with the hook: each is said in one line, and costs nothing but what was wrong itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sdk_children as children
from fake_server import FakeServer

from runlore import places


def trained(code: str, tmp_path: Path) -> tuple[FakeServer, str]:
    """What a script's run told the server, and what stood on its stderr."""
    with FakeServer() as server:
        env = children.environment(tmp_path / "spool", server.url)
        status, _, err = children.run(code, env, tmp_path)
        assert status == 0, err
        server.wait_for("exit")
        return server, err


def told(server: FakeServer, kind: str, field: str) -> dict[str, Any]:
    """All that was told of params or summary, the latest on top."""
    found: dict[str, Any] = {}
    for event in [*server.events("start"), *server.events(kind)] if kind == "config" else server.events(kind):
        found |= event[field]
    return found


def test_a_step_that_is_none_costs_its_own_call_and_no_other(tmp_path: Path) -> None:
    code = """
    run = runlore.init()
    run.log({"loss": 1.0})
    for wrong in ("abc", float("nan"), 2**70):
        run.log({"loss": -1.0}, step=wrong)
        run.log({"text": "wrong"}, step=wrong)
        run.log({"loss": 2.0})
    run.log({"loss": 3.0}, step=7.0)
    run.log({"text": "right"}, step=7.0)
    run.log({"loss": 4.0}, step="9")
    assert run.step == 9
    run.finish()
    """
    server, err = trained(code, tmp_path)
    assert [(step, value) for step, _, value in server.points("loss")] == [
        (0, 1.0), (1, 2.0), (2, 2.0), (3, 2.0), (7, 3.0), (9, 4.0),
    ]  # fmt: skip
    assert [(event["s"], event["v"]) for event in server.events("text")] == [(7, "right")]
    assert err.count("was left out") >= 3


def test_a_value_that_cannot_be_read_costs_only_itself(tmp_path: Path) -> None:
    code = """
    class Broken:
        size = 1
        def item(self): raise RuntimeError("no data: a meta tensor, a tracer")
        def __repr__(self): raise RuntimeError("not even this")
    run = runlore.init(config={"lr": 0.1, "odd": Broken(), "deep": [{"odd": Broken(), "depth": 3}]})
    run.log({"good": 1.0, "odd": Broken(), "lr": [0.5]})
    run.config["late"] = Broken()
    run.config.wd = 0.2
    run.config.update(42)
    run.summary.update({"odd": Broken(), "best": 0.9})
    run.tags = "one"
    run.tags = 5
    run.name = Broken()
    run.notes = Broken()
    run.name = "renamed"
    run.finish("badly")
    """
    server, err = trained(code, tmp_path)
    assert told(server, "config", "config") == {
        "lr": 0.1, "odd": "Broken", "deep": [{"odd": "Broken", "depth": 3}], "late": "Broken", "wd": 0.2,
    }  # fmt: skip
    assert told(server, "summary", "summary") == {"odd": "Broken", "best": 0.9}
    assert [value for _, _, value in server.points("good")] == [1.0]
    assert [value for _, _, value in server.points("lr")] == [0.5]
    assert [event["add"] for event in server.events("tags")] == [["one"]]
    assert [event["name"] for event in server.events("name")] == ["renamed"]
    assert server.events("exit")[0]["state"] == "failed"
    assert err.count("odd: a Broken is neither") == err.count("a int has no fields to keep") == 1


class Unfinished(Mapping[str, object]):
    """As OmegaConf has it: a name may be there whose value is still to be set."""

    def __getitem__(self, name: str) -> object:
        if name == "missing":
            raise ValueError("Missing mandatory value: missing")
        return {"lr": 0.1}[name]

    def __iter__(self) -> Iterator[str]:
        return iter(("lr", "missing"))

    def __len__(self) -> int:
        return 2


def test_config_objects_of_many_kinds_are_shown_as_people_write_them(tmp_path: Path) -> None:
    source = (
        (Path(__file__)).read_text(encoding="utf-8").split("class Unfinished")[1].split("\n\n\ndef test_")[0]
    )
    (tmp_path / "unfinished.py").write_text(
        f"from collections.abc import Iterator, Mapping\n\n\nclass Unfinished{source}\n"
    )
    code = """
    import argparse, collections, enum, pathlib, sys
    sys.path.insert(0, os.getcwd())
    from unfinished import Unfinished
    class Options(argparse.Namespace): pass
    class Colour(enum.Enum): RED = 1
    Point = collections.namedtuple("Point", "lr wd")
    run = runlore.init(config=Options(data=pathlib.Path("/data"), colour=Colour.RED, late=Unfinished()))
    run.config.update(Point(0.1, 0.2))
    run.config.update(Unfinished())
    run.config["layers"] = collections.UserList([1, collections.UserList([2])])
    run.finish()
    """
    server, _ = trained(code, tmp_path)
    assert told(server, "config", "config") == {
        "data": "/data", "colour": "Colour.RED", "late": {"lr": 0.1, "missing": "<ValueError>"},
        "lr": 0.1, "wd": 0.2, "missing": "<ValueError>", "layers": [1, [2]],
    }  # fmt: skip


def test_arguments_that_init_does_not_know_are_answered_with_where_they_belong(tmp_path: Path) -> None:
    _, err = trained('runlore.init(params={"lr": 1}, tag=["a"], note="x").finish()', tmp_path)
    assert "no argument 'params': left out; what a run is made with goes into config={'params': …}" in err
    assert "no argument 'tag': left out; did you mean tags=?" in err
    assert "no argument 'note': left out; did you mean notes=?" in err


def test_a_second_init_says_whose_run_it_gave_back(tmp_path: Path) -> None:
    code = """
    first = runlore.init(project="vision", name="first")
    assert runlore.init() is first
    assert runlore.init(project="speech", config={"lr": 0.2}) is first
    runlore.finish()
    runlore.log({"late": 1.0})
    runlore.note("late")
    """
    server, err = trained(code, tmp_path)
    assert err.count("run first in project vision is still open: init() gave it back") == 1
    assert "reinit='create_new'" in err
    assert err.count("what comes after finish() is left out") == 1
    assert server.points("late") == [] == server.events("note")


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"RUNLORE_URL": "http://127.0.0.1:9"}, "cannot reach"), ({"RUNLORE_TOKEN": "wrong"}, "not logged in")],
)
def test_why_a_run_stays_here_is_said_once_and_the_end_does_not_say_that_it_is_being_sent(
    tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    with FakeServer() as server:
        env = children.environment(tmp_path / "spool", server.url, RUNLORE_LINGER="0") | settings
        status, _, err = children.run("runlore.init().finish()", env)
    assert status == 0
    assert err.count(words) == 1
    assert "still sending" not in err


def test_before_any_init_a_call_says_what_is_missing(tmp_path: Path) -> None:
    env = children.environment(tmp_path / "spool")
    status, _, err = children.run("runlore.log({'x': 1})", env)
    assert status == 1
    assert "there is no run yet: call runlore.init() first" in err


def test_a_metric_s_direction_may_be_told_for_many_names_and_a_wrong_one_is_said(tmp_path: Path) -> None:
    code = """
    run = runlore.init()
    run.log({"val/acc": 0.1})
    runlore.define_metric("val/*", "epoch", summary="max")
    runlore.define_metric("loss", goal="minimize")
    runlore.define_metric("f1", goal="higher")
    runlore.define_metric("epoch")
    for step in range(3):
        run.log({"val/f1": 0.5, "loss": 1.0, "train/acc": 1.0})
    run.finish()
    """
    server, err = trained(code, tmp_path)
    goals = {event["metric"]: event["goal"] for event in server.events("define")}
    assert goals == {"val/acc": "max", "val/f1": "max", "loss": "min"}
    assert "define_metric('f1', goal='higher'): it is 'min' or 'max'" in err


@pytest.mark.parametrize(
    ("code", "state", "cause"),
    [
        ("with runlore.init(): sys.exit(3)", "failed", "exit code 3"),
        ("with runlore.init(): sys.exit('no data')", "failed", "SystemExit: no data"),
        ("with runlore.init(): sys.exit(0)", "finished", "finished"),
        ("with runlore.init(): sys.exit(-1)", "failed", "exit code 255"),
        ("with runlore.init(): raise KeyboardInterrupt", "killed", "interrupted (Ctrl-C)"),
    ],
)
def test_leaving_a_with_block_is_told_as_leaving_the_script_is(
    tmp_path: Path, code: str, state: str, cause: str
) -> None:
    with FakeServer() as server:
        children.run(code, children.environment(tmp_path / "spool", server.url))
        end = server.wait_for("exit")
        assert (end["state"], end["cause"]) == (state, cause)


def test_ctrl_c_ends_a_script_by_the_signal_as_it_would_without_the_hook(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "import os, signal, time, runlore\nrunlore.init()\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)\n"
    )
    code = f"import subprocess; print(subprocess.run([sys.executable, {str(script)!r}]).returncode)"
    status, out, err = children.run(code, children.environment(tmp_path / "spool"))
    assert status == 0, err
    assert int(out) == -signal.SIGINT


def test_a_user_without_a_home_gets_no_folder_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert all(Path(place).is_absolute() for place in places.candidates(None))
