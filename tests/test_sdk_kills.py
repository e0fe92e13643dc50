"""How a training process ended is known within a second or two, and nothing it logged is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sdk_children as children
from fake_server import FakeServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from patience import stretched

COUNTING = """
run = runlore.init()
step = 0
while True:
    run.log({"loss": 1.0 / (step + 1)}, step=step)
    os.write(7, b"%d\\n" % step) if step % 50 == 0 else None
    step += 1
    time.sleep(0.0005)
"""


def ended(server: FakeServer, code: str, tmp_path: Path, **more: str) -> dict[str, object]:
    children.run(code, children.environment(tmp_path / "spool", server.url, **more))
    return server.wait_for("exit", 8.0)


def test_a_killed_process_is_reported_within_two_seconds_with_its_signal(tmp_path: Path) -> None:
    with FakeServer() as server:
        child = children.start(
            "run = runlore.init()\nprint('last words', flush=True)\nrun.log({'x': 1})\ntime.sleep(60)",
            children.environment(tmp_path / "spool", server.url),
        )
        server.wait_for("log")
        child.kill()
        killed_at = time.monotonic()
        child.wait()
        event = server.wait_for("exit", 5.0)
        assert time.monotonic() - killed_at < stretched(2)
        assert (event["state"], event["signal"], event["cause"]) == ("killed", 9, "killed by SIGKILL")
        assert event["last_lines"] == ["last words"]
        assert "RUNLORE_RESUME=allow" in event["resume"]
        children.finish(child)


def test_a_process_killed_right_after_init_still_leaves_its_signal(tmp_path: Path) -> None:
    with FakeServer() as server:
        event = ended(server, "runlore.init()\nos.kill(os.getpid(), 9)", tmp_path)
        assert (event["state"], event["signal"]) == ("killed", 9)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(moment=st.floats(0.0, 0.7))
def test_no_logged_point_is_lost_when_the_process_is_killed_at_any_moment(
    tmp_path_factory: pytest.TempPathFactory, moment: float
) -> None:
    spool = tmp_path_factory.mktemp("kill") / "spool"
    read, write = os.pipe()
    with FakeServer() as server:
        child = _start_with_pipe(COUNTING, children.environment(spool, server.url), write)
        os.close(write)
        os.read(read, 3)
        time.sleep(moment)
        child.kill()
        child.communicate()
        told = os.read(read, 1 << 20).split()
        os.close(read)
        server.wait_for("exit", 8.0)
        steps = [step for step, _, _ in server.points("loss")]
        assert steps == list(range(len(steps)))
        assert not told or len(steps) > int(told[-1])


def _start_with_pipe(code: str, env: dict[str, str], write: int) -> subprocess.Popen[bytes]:
    script = f"import os, time, runlore\nos.dup2({write}, 7)\n{code}"
    return subprocess.Popen([sys.executable, "-c", script], env=env, pass_fds=[write], stderr=subprocess.PIPE)


def test_when_sidecar_and_process_die_at_once_sync_has_everything_and_says_cause_unknown(
    tmp_path: Path,
) -> None:
    spool = tmp_path / "spool"
    with FakeServer() as server:
        env = children.environment(spool, server.url)
        server.fault = "500"
        child = children.start(
            "run = runlore.init()\nfor step in range(500): run.log({'loss': step})\nprint('ready', flush=True)\ntime.sleep(60)",
            env,
        )
        assert children.until(lambda: children.sidecars_of(spool))
        assert children.until(lambda: any(spool.glob("*/*.spool")) and _size(spool) > 500 * 37)
        os.kill(child.pid, signal.SIGSTOP)
        for pid in children.sidecars_of(spool):
            os.kill(pid, signal.SIGKILL)
        child.kill()
        children.finish(child)
        server.fault = None
        done = children.command("sync", env=env)
        assert done.returncode == 0, done.stderr
        assert len(server.points("loss")) == 500
        event = server.events("exit")[-1]
        assert (event["state"], event["cause"]) == ("killed", "killed, cause unknown")
        assert children.command("sync", env=env).stdout.strip() == "nothing to send"


def _size(spool: Path) -> int:
    return sum(path.stat().st_size for path in spool.glob("*/*.spool"))


def test_an_exception_is_reported_with_its_traceback(tmp_path: Path) -> None:
    with FakeServer() as server:
        event = ended(server, "runlore.init()\nraise KeyError('no such column')", tmp_path)
        assert (event["state"], event["exit_code"], event["cause"]) == (
            "failed",
            1,
            "KeyError: 'no such column'",
        )
        assert "raise KeyError" in event["error"]["traceback"] or "KeyError" in event["error"]["traceback"]  # type: ignore[index]


def test_an_exception_inside_the_with_block_ends_the_run_as_failed(tmp_path: Path) -> None:
    with FakeServer() as server:
        code = "try:\n    with runlore.init() as run:\n        1 / 0\nexcept ZeroDivisionError:\n    pass"
        event = ended(server, code, tmp_path)
        assert (event["state"], event["cause"]) == ("failed", "ZeroDivisionError: division by zero")
        assert server.events("finish")[0]["failed"] is True


@pytest.mark.parametrize(
    ("code", "state", "cause"),
    [
        ("os._exit(7)", "failed", "exit code 7"),
        ("sys.exit(3)", "failed", "exit code 3"),
        ("os._exit(0)", "finished", "finished"),
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)", "killed", "killed by SIGTERM"),
        ("os.kill(os.getpid(), signal.SIGSEGV); time.sleep(9)", "killed", "killed by SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(9)", "killed", "interrupted (Ctrl-C)"),
        ("pass", "finished", "finished"),
    ],
)
def test_every_way_to_end_is_told_apart(tmp_path: Path, code: str, state: str, cause: str) -> None:
    with FakeServer() as server:
        event = ended(server, f"runlore.init()\n{code}", tmp_path)
        assert (event["state"], event["cause"]) == (state, cause)


def test_a_scheduler_s_sigterm_is_a_preemption(tmp_path: Path) -> None:
    with FakeServer() as server:
        event = ended(
            server,
            "runlore.init()\nos.kill(os.getpid(), signal.SIGTERM); time.sleep(9)",
            tmp_path,
            SLURM_JOB_ID="77",
        )
        assert (event["state"], event["cause"]) == ("preempted", "preempted by Slurm (SIGTERM)")


def test_running_out_of_address_space_is_out_of_memory(tmp_path: Path) -> None:
    code = """
    import resource
    runlore.init()
    resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
    data = bytearray(1 << 30)
    """
    with FakeServer() as server:
        event = ended(server, code, tmp_path)
        assert (event["state"], event["oom"]) == ("failed", True)
        assert str(event["cause"]).startswith("out of memory: MemoryError")


KILL = "runlore.init()\ntime.sleep(0.3)\nos.kill(os.getpid(), 9)"
RAISE = "runlore.init()\nraise ValueError('boo')"


@pytest.mark.parametrize(
    ("rungs", "code", "state", "evidence"),
    [
        ("pidfd", KILL, "killed", "pidfd"),
        ("zombie", KILL, "killed", "zombie"),
        ("markers", RAISE, "failed", "markers"),
        ("markers", "runlore.init()", "finished", "markers"),
        ("markers", KILL, "killed", "none"),
        ("", KILL, "killed", "none"),
        ("", RAISE, "killed", "none"),
    ],
)
def test_each_rung_of_the_ladder_carries_alone(
    tmp_path: Path, rungs: str, code: str, state: str, evidence: str
) -> None:
    with FakeServer() as server:
        env = children.environment(tmp_path / "spool", server.url, RUNLORE_EVIDENCE=rungs)
        child = children.start(code, env)
        if rungs == "zombie":
            # Nobody reaps it for a while.
            event = server.wait_for("exit", 8.0)
            children.finish(child)
        else:
            children.finish(child)
            event = server.wait_for("exit", 8.0)
        assert (event["state"], event["evidence"]) == (state, evidence)


def test_the_command_run_knows_the_end_as_the_parent_does(tmp_path: Path) -> None:
    with FakeServer() as server:
        env = children.environment(tmp_path / "spool", server.url)
        done = children.command("run", "--", "sh", "-c", "echo working; kill -9 $$", env=env)
        event = server.wait_for("exit", 8.0)
        assert done.returncode == 137
        assert (event["state"], event["signal"], event["evidence"]) == ("killed", 9, "parent")
        assert event["last_lines"] == ["working"]
        assert "working" in done.stdout


@pytest.mark.parametrize(("command", "state"), [("kill -9 $$", "killed"), ("exit 5", "failed")])
def test_the_parent_s_word_carries_alone(tmp_path: Path, command: str, state: str) -> None:
    with FakeServer() as server:
        env = children.environment(tmp_path / "spool", server.url, RUNLORE_EVIDENCE="parent")
        children.command("run", "--", "sh", "-c", command, env=env)
        event = server.wait_for("exit", 8.0)
        assert (event["state"], event["evidence"]) == (state, "parent")


def test_what_a_command_s_own_hook_names_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_text("weights")
    script = "import runlore; run = runlore.init(config={'lr': 0.1}); run.log({'loss': 1.0}); run.artifact('model.pt')"
    with FakeServer() as server:
        env = children.environment(tmp_path / "spool", server.url)
        done = children.command("run", "--", sys.executable, "-c", script, env=env, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert server.wait_for("exit", 8.0)["state"] == "finished"
        assert server.wait_for("artifact")["name"] == "model.pt"
        assert len(server.points("loss")) == len(server.events("start")) == 1


def test_the_newest_checkpoint_that_survived_is_named(tmp_path: Path) -> None:
    code = f"""
    run = runlore.init()
    for step in (100, 200, 300):
        path = {str(tmp_path)!r} + f"/model-{{step}}.pt"
        open(path, "w").write("weights")
        run.log({{"loss": 1.0}}, step=step)
        run.artifact(path, kind="checkpoint")
    os.remove(path)
    time.sleep(1)
    os.kill(os.getpid(), 9)
    """
    with FakeServer() as server:
        event = ended(server, code, tmp_path)
        assert event["checkpoint"]["path"].endswith("model-200.pt")  # type: ignore[index]
        assert event["checkpoint"]["step"] == 200  # type: ignore[index]
        assert {artifact["name"] for artifact in server.events("artifact")} >= {
            "model-100.pt",
            "model-200.pt",
        }


def test_the_whole_group_killed_at_random_moments_loses_nothing_after_sync(tmp_path: Path) -> None:
    chooser = random.Random(7)
    for trial in range(3):
        spool = tmp_path / f"spool{trial}"
        with FakeServer() as server:
            env = children.environment(spool, server.url)
            read, write = os.pipe()
            child = _start_with_pipe(COUNTING, env, write)
            os.close(write)
            os.read(read, 3)
            time.sleep(chooser.uniform(0.1, 0.6))
            for pid in [*children.sidecars_of(spool), child.pid]:
                os.kill(pid, signal.SIGKILL)
            child.communicate()
            told = os.read(read, 1 << 20).split()
            os.close(read)
            assert children.command("sync", env=env).returncode == 0
            steps = [step for step, _, _ in server.points("loss")]
            assert steps == list(range(len(steps)))
            assert not told or len(steps) > int(told[-1])
