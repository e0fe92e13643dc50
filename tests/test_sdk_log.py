"""What people log: every kind of number and text is kept, everything else costs one warning, and nothing raises."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import sdk_children as children
import torch
from fake_server import FakeServer

import runlore
from runlore import places, records, settings, watchers
from runlore.batches import Source


class Kept:
    """A run in this process without a sidecar's help: what it wrote, read back."""

    def __init__(self, run: runlore.Run) -> None:
        self.run = run

    def records(self) -> list[records.Record]:
        (stream,) = [s for s in records.segments(self.run.dir) if s == self.run._spool.stream]  # type: ignore[union-attr]
        source, found = Source(self.run.dir, stream, {}), []
        while part := source.take(final=True):
            found += part
            source.ack(part[-1].seq + 1)
        return found

    def points(self) -> list[tuple[int, str, float]]:
        return [
            (r.value[0], name, value)
            for r in self.records()
            if r.kind == records.POINTS
            for name, value in r.value[2]
        ]

    def events(self, kind: str) -> list[dict[str, object]]:
        return [r.value for r in self.records() if r.kind == records.EVENT and r.value["t"] == kind]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    for name in [name for name in os.environ if name.startswith("RUNLORE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RUNLORE_CONSOLE", "off")
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")
    run = runlore.init(project="vision", mode="offline", dir=tmp_path / "spool", reinit="create_new")
    yield Kept(run)
    run.finish()


def test_numbers_of_every_library_are_taken_without_importing_it(kept: Kept) -> None:
    values = [
        1,
        2.5,
        True,
        np.float32(0.5),
        np.int64(3),
        np.array(4.0),
        torch.tensor(5.0),
        torch.tensor([6.0]),
        10**400,
    ]
    for value in values:
        kept.run.log({"x": value})
    assert [value for _, _, value in kept.points()] == [1, 2.5, 1, 0.5, 3, 4, 5, 6, math.inf]


def test_not_a_number_and_infinity_are_kept(kept: Kept) -> None:
    for value in (math.nan, math.inf, -math.inf):
        kept.run.log({"x": value})
    found = [value for _, _, value in kept.points()]
    assert math.isnan(found[0])
    assert found[1:] == [math.inf, -math.inf]


def test_steps_count_by_themselves_or_are_given(kept: Kept) -> None:
    kept.run.log({"a": 1.0})
    kept.run.log({"a": 1.0}, commit=False)
    kept.run.log({"b": 1.0})
    kept.run.log({"a": 1.0}, step=10)
    kept.run.log({"b": 1.0})
    kept.run.log({"a": 1.0}, step=5)
    assert [(step, name) for step, name, _ in kept.points()] == [
        (0, "a"), (1, "a"), (1, "b"), (10, "a"), (10, "b"), (5, "a"),
    ]  # fmt: skip


def test_nested_names_are_joined_and_values_of_one_call_share_a_step(kept: Kept) -> None:
    kept.run.log({"train": {"loss": 1.0, "parts": {"kl": 2}}, "lr": 0.1})
    assert kept.points() == [(0, "train.loss", 1.0), (0, "train.parts.kl", 2.0), (0, "lr", 0.1)]


def test_text_is_a_series_of_its_own(kept: Kept) -> None:
    kept.run.log({"sample": "ünïcode 🚀\x00\x1b"}, step=3)
    (event,) = kept.events("text")
    assert (event["k"], event["s"], event["v"]) == ("sample", 3, "ünïcode 🚀\x00\x1b")


def test_what_cannot_be_kept_costs_one_warning_for_each_name(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(5):
        kept.run.log({"picture": object(), "many": np.zeros(3), "good": 1.0, "n" * 300: 1.0})
    kept.run.log(None)  # type: ignore[arg-type]
    kept.run.log({"bad step": 1.0}, step="later")  # type: ignore[arg-type]
    errors = capsys.readouterr().err
    assert errors.count("picture:") == errors.count("many:") == errors.count("longer than 250") == 1
    assert [name for _, name, _ in kept.points()] == ["good"] * 5


def test_a_megabyte_of_text_and_ten_thousand_names(kept: Kept) -> None:
    kept.run.log({"long": "x" * 1_000_000})
    kept.run.log({f"metric/{number}": number for number in range(10_000)})
    assert len(str(kept.events("text")[0]["v"])) == 1_000_000
    assert len(kept.points()) == 10_000


def test_every_method_takes_nonsense_without_raising(kept: Kept) -> None:
    run, odd = kept.run, object()
    run.alert(odd, odd, odd, odd)  # type: ignore[arg-type]
    run.note(odd)  # type: ignore[arg-type]
    run.progress(odd, odd)  # type: ignore[arg-type]
    run.dataset(odd)
    run.dataset("/there/is/no/such/file")
    run.artifact(odd)
    run.link(odd)  # type: ignore[arg-type]
    run.define_metric(odd, goal=odd)  # type: ignore[arg-type]
    run.config["x"] = odd
    run.summary.update({"y": {1: {2, 3}}})
    run.tags = [odd, "b"]  # type: ignore[list-item]
    assert run.config["x"] is odd
    assert len(kept.events("note")) == 1


def test_an_alert_of_one_title_is_sent_once_a_minute(kept: Kept) -> None:
    for _ in range(10):
        kept.run.alert("loss is rising", "now", level="warn")
    kept.run.alert("loss is rising", wait_duration=0)
    kept.run.alert("another")
    assert [event["title"] for event in kept.events("alert")] == [
        "loss is rising",
        "loss is rising",
        "another",
    ]


def test_config_is_a_dictionary_with_attributes(kept: Kept) -> None:
    kept.run.config.lr = 0.1
    kept.run.config.update({"model": {"depth": 3}}, allow_val_change=True)
    assert kept.run.config.lr == kept.run.config["lr"] == 0.1
    assert [event["config"] for event in kept.events("config")] == [{"lr": 0.1}, {"model": {"depth": 3}}]
    with pytest.raises(AttributeError, match="never set"):
        _ = kept.run.config.momentum


def test_a_clock_that_jumps_back_loses_nothing(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.run.log({"x": 1.0})
    now = runlore.recorder._now()
    monkeypatch.setattr("runlore.recorder._now", lambda: now - 86400)
    kept.run.log({"x": 2.0})
    assert [value for _, _, value in kept.points()] == [1.0, 2.0]


def test_what_is_said_after_the_end_is_left_out_with_one_warning(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.run.finish()
    for step in range(3):
        kept.run.log({"late": 1.0}, step=step)
        kept.run.note("late")
    assert capsys.readouterr().err.count("what comes after finish() is left out") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "sideways"}, "mode="),
        ({"id": "short"}, "8 to 64"),
        ({"resume": "must"}, "needs the id"),
        ({"visibility": "world"}, "'project' or 'me'"),
    ],
)
def test_init_says_what_is_wrong_with_its_arguments(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        runlore.init(project="vision", reinit="create_new", **arguments)


def test_a_decorated_function_is_a_run_a_call(tmp_path: Path) -> None:
    code = """
    @runlore.watch(project="vision", name="watched")
    def train(lr):
        runlore.log({"loss": lr})
        return lr * 2
    assert train(0.5) == 1.0
    """
    with FakeServer() as server:
        status, _, err = children.run(code, children.environment(tmp_path / "spool", server.url))
        assert status == 0, err
        assert server.wait_for("exit")["state"] == "finished"
        assert [value for _, _, value in server.points("loss")] == [0.5]


def test_a_disabled_run_does_nothing_and_looks_alike(tmp_path: Path) -> None:
    code = "run = runlore.init(mode='disabled')\nrun.log({'x': 1}); run.note('a'); run.config.a = 1; run.finish()"
    status, out, err = children.run(code, children.environment(tmp_path / "spool"))
    assert (status, out, err) == (0, "", "")
    assert not (tmp_path / "spool").exists()


def test_a_read_only_directory_is_left_for_another_with_one_warning(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    with FakeServer() as server:
        env = children.environment(blocked / "spool", server.url, TMPDIR=str(tmp_path))
        code = "run = runlore.init()\nrun.log({'x': 1})\nrun.finish()"
        status, _, err = children.run(children.IN_TMPDIR + code, env)
        assert status == 0
        assert err.count("cannot write to") == 1
        assert str(tmp_path / f"runlore-{os.getuid()}") in err
        server.wait_for("exit")
        assert len(server.points("x")) == 1


def test_a_full_disk_mid_run_costs_nothing_that_fits_into_memory(tmp_path: Path) -> None:
    code = """
    run = runlore.init()
    for step in range(200): run.log({"loss": step}, step=step)
    os.dup2(os.open("/dev/full", os.O_WRONLY), run._spool.segment.fd)
    for step in range(200, 1000): run.log({"loss": step}, step=step)
    time.sleep(0.5)
    run.finish()
    """
    with FakeServer() as server:
        env = children.environment(tmp_path / "spool", server.url, RUNLORE_CONSOLE="off")
        status, _, err = children.run(code, env)
        assert status == 0
        assert err.count("keeping up to") == 1
        server.wait_for("exit")
        assert sorted(step for step, _, _ in server.points("loss")) == list(range(1000))


def test_spools_move_off_network_file_systems(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text("1 0 0:1 / / rw - ext4 /dev/a rw\n2 1 0:2 / /home rw shared:1 - nfs4 server:/home rw\n")
    assert places.file_system("/home/ana/.local", str(mounts)) in places.NETWORK
    assert places.file_system("/mnt/fast", str(mounts)) == "ext4"


def test_the_spool_is_private_and_ignores_itself_in_git(kept: Kept) -> None:
    base = Path(kept.run.dir).parent
    assert base.stat().st_mode & 0o777 == 0o700
    assert (base / ".gitignore").read_text() == "*\n"
    assert next(Path(kept.run.dir).glob("*.spool")).stat().st_mode & 0o077 == 0


def test_a_warning_comes_before_the_limit_once_with_its_trend() -> None:
    told: list[dict[str, object]] = []
    limits = watchers.Limits(lambda kind, fields: told.append(fields))
    for minute, used in enumerate((50, 70, 92, 95, 80, 93)):
        limits.check({"memory_bytes": used * 1e9, "memory_limit_bytes": 100e9}, minute * 60.0)
    assert len(told) == 2
    assert str(told[0]["text"]).startswith("memory at 92 % of its limit of 93 GiB, growing 20 GiB a minute")


def test_login_stores_the_person_s_token_for_this_user_alone(tmp_path: Path) -> None:
    with FakeServer() as server:
        env = children.environment(tmp_path / "spool")
        done = children.command("login", server.url, env=env)
        assert "Your code is KX4-9PD" in done.stdout
        assert "as ana" in done.stdout
        path = tmp_path / "config" / "runlore" / "credentials"
        assert path.stat().st_mode & 0o777 == 0o600
        # The next run needs no setting at all.
        children.run("run = runlore.init()\nrun.log({'x': 1})\nrun.finish()", env)
        assert server.wait_for("exit")["state"] == "finished"
        note = children.command("note", "vision/42", "warmup", "was", "short", env=env)
        assert (note.returncode, server.notes) == (0, [{"run": "vision/42", "text": "warmup was short"}])


def test_every_server_logged_in_to_keeps_its_own_token_and_the_last_is_the_default(tmp_path: Path) -> None:
    with FakeServer("rl_first_token_0123456789") as first, FakeServer("rl_second_token_0123456789") as second:
        env = children.environment(tmp_path / "spool")
        train = "run = runlore.init()\nrun.log({'x': 1})\nrun.finish()"
        for server in (first, second):
            assert children.command("login", f"{server.url}/", env=env).returncode == 0
        for chosen, arrives in ((env, second), (env | {"RUNLORE_URL": first.url}, first)):
            _, _, err = children.run(train, chosen)
            assert arrives.wait_for("exit")["state"] == "finished", err
        assert [len(server.events("start")) for server in (first, second)] == [1, 1]
        status = json.loads(children.command("status", "--json", env=env).stdout)
        assert (status["server"], status["logged_in"], status["person"]) == (second.url, True, "ana")
        # A run that was kept for a server goes to that one, whoever is the default.
        first.fault = "down"
        children.run(train, env | {"RUNLORE_URL": first.url, "RUNLORE_LINGER": "0"})
        first.fault = None
        assert children.command("sync", env=env).returncode == 0
        assert [len(server.events("start")) for server in (first, second)] == [2, 1]


def test_commands_say_what_to_do(tmp_path: Path) -> None:
    env = children.environment(tmp_path / "spool")
    (tmp_path / "train.py").write_text("print(1)")
    for words, cure in (
        (["note", "vision/1", "x"], "runlore login"),
        (["sync", "nowhere"], "is no directory"),
        (["run"], "nothing to run"),
        (["run", "train.py"], "try `runlore run -- python train.py`"),
        (["run", "--metric", "loss", "--", "true"], "write NAME=REGEX"),
        (["login"], "which server? runlore login https://"),
        (["login", "localhost:1"], "the server does not begin a login: Connection refused — is the server's address right?"),
        (["import", "csv", "absent.csv"], "cannot read absent.csv: No such file or directory"),
        (["checkout", "nowhere"], "name it like vision/42"),
    ):  # fmt: skip
        done = children.command(*words, env=env, cwd=tmp_path)
        assert done.returncode == 1
        assert cure in done.stderr
        assert "Traceback" not in done.stderr
        as_json = children.command(words[0], "--json", *words[1:], env=env, cwd=tmp_path)
        assert cure in json.loads(as_json.stdout)["error"]


def test_the_command_shows_what_this_machine_holds_and_which_settings_apply(tmp_path: Path) -> None:
    env = children.environment(tmp_path / "spool", TMPDIR=str(tmp_path), RUNLORE_TAGS="a, b")
    children.run("run = runlore.init(name='first', mode='offline')\nrun.log({'x': 1})\nrun.finish()", env)
    (row,) = json.loads(children.command("status", str(tmp_path / "spool"), "--json", env=env).stdout)["runs"]
    assert (row["name"], row["project"], row["state"]) == ("first", "vision", "kept")
    assert "1 kept on this machine: `runlore sync` sends them" in children.command("status", env=env).stdout
    found = json.loads(children.command("env", "--json", env=env).stdout)
    assert (found["tags"], found["project"], found["directory"]) == (
        ["a", "b"],
        "vision",
        str(tmp_path / "spool"),
    )
    with_token = children.command("env", env=env | {"RUNLORE_TOKEN": "rl_secret_token_0123456789"}).stdout
    assert "rl_sec…  (environment)" in with_token
    assert "secret_token" not in with_token
    helped = subprocess.run(
        [sys.executable, "-m", "runlore"], env=env, capture_output=True, text=True, check=True
    )
    assert "usage: runlore" in helped.stdout


def test_settings_come_from_argument_then_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNLORE_PROJECT", "from-environment")
    monkeypatch.setenv("RUNLORE_TAGS", "a, b")
    assert settings.load(project="given").project == "given"
    assert settings.load().project == "from-environment"
    assert settings.load().tags == ["a", "b"]
    assert settings.load(url="runlore.example.com/").url == "https://runlore.example.com"
    assert settings.load(url="localhost:8700").url == "http://localhost:8700"


def test_the_sdk_imports_nothing_but_the_standard_library() -> None:
    code = "import sys, runlore; print([m for m in sys.modules if m.split('.')[0] not in sys.stdlib_module_names | {'runlore', '__main__', 'sitecustomize', '_distutils_hack', '_virtualenv', '__editable___runlore'}])"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(children.SDK)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_the_wheel_is_small_and_has_no_dependency(tmp_path: Path) -> None:
    sdk = children.SDK.parent
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=sdk,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size <= 150_000
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith("METADATA")]
        assert "Requires-Dist" not in archive.read(metadata).decode()
        assert all(name.startswith(("runlore/", "runlore-")) for name in archive.namelist())
