"""More than one process: forks, pools, distributed ranks, two runs of one id, and a sidecar that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sdk_children as children
from fake_server import FakeServer
from patience import stretched


def test_a_forked_child_logs_into_a_stream_of_its_own_and_ends_nothing(tmp_path: Path) -> None:
    code = """
    run = runlore.init()
    run.log({"loss": 1.0})
    pid = os.fork()
    if pid == 0:
        run.log({"child": 5.0})
        run.log({"loss": 7.0}, step=9)
        sys.exit(0)
    os.waitpid(pid, 0)
    run.log({"loss": 2.0})
    run.finish()
    """
    with FakeServer() as server:
        status, _, err = children.run(code, children.environment(tmp_path / "spool", server.url))
        assert status == 0, err
        server.wait_for("exit")
        assert sorted(value for _, _, value in server.points("loss")) == [1.0, 2.0, 7.0]
        assert [value for _, _, value in server.points("child")] == [5.0]
        assert len(server.events("start")) == len(server.events("exit")) == 1
        assert server.events("exit")[0]["state"] == "finished"


def test_a_run_handed_to_spawned_workers_collects_what_they_log(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        """
import multiprocessing
import runlore

def work(job):
    run, number = job
    run.log({f"worker/{number}": float(number)})

if __name__ == "__main__":
    run = runlore.init()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(work, [(run, number) for number in range(4)])
    run.finish()
"""
    )
    with FakeServer() as server:
        env = children.environment(tmp_path / "spool", server.url)
        done = subprocess.run(
            [sys.executable, str(script)], env=env, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        server.wait_for("exit")
        for number in range(4):
            assert [value for _, _, value in server.points(f"worker/{number}")] == [number]
        assert len(server.events("start")) == 1


def test_files_named_by_any_process_and_after_any_rotation_are_read(tmp_path: Path) -> None:
    (tmp_path / "late.pt").write_text("weights")
    (tmp_path / "child.csv").write_text("a,b\n1,2\n")
    code = f"""
    import runlore.spool
    runlore.spool.ROTATE_BYTES = 2000
    run = runlore.init()
    run._spool._rotate_bytes = run._spool._disk.left = 2000
    for step in range(300):
        run.log({{"loss": step, "acc": 1.0}}, step=step)
        time.sleep(0.002)
    run.artifact({str(tmp_path / "late.pt")!r}, kind="checkpoint")
    if os.fork() == 0:
        run.dataset({str(tmp_path / "child.csv")!r})
        os._exit(0)
    os.wait()
    run.finish(exit_code=3)
    """
    with FakeServer() as server:
        status, _, err = children.run(code, children.environment(tmp_path / "spool", server.url))
        assert status == 0, err
        event = server.wait_for("exit")
        assert event["checkpoint"]["path"].endswith("late.pt")
        assert server.wait_for("artifact")["name"] == "late.pt"
        assert server.wait_for("dataset")["rows"] == 1
        assert len(server.points("loss")) == 300


RANKED = """
import os, sys, time
import runlore
import torch.distributed as dist

dist.init_process_group("gloo")
run = runlore.init()
run.log({"loss": float(dist.get_rank())})
dist.barrier()
if len(sys.argv) > 1 and dist.get_rank() == 1:
    raise RuntimeError("rank one is unhappy")
if len(sys.argv) > 1:
    time.sleep(30)
run.finish()
dist.destroy_process_group()
"""


def _torchrun(tmp_path: Path, server: FakeServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "ranked.py"
    script.write_text(RANKED)
    env = children.environment(tmp_path / "spool", server.url, OMP_NUM_THREADS="1")
    words = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone", str(script), *arguments]
    return subprocess.run([sys.executable, *words], env=env, capture_output=True, text=True, timeout=120)


def test_under_torchrun_rank_0_reports_one_run(tmp_path: Path) -> None:
    with FakeServer() as server:
        done = _torchrun(tmp_path, server)
        assert done.returncode == 0, done.stderr
        server.wait_for("exit")
        assert [value for _, _, value in server.points("loss")] == [0.0]
        assert len(server.events("start")) == 1
        assert server.events("exit")[0]["state"] == "finished"


def test_under_torchrun_the_failure_of_another_rank_is_the_cause(tmp_path: Path) -> None:
    with FakeServer() as server:
        done = _torchrun(tmp_path, server, "fail")
        assert done.returncode != 0
        event = server.wait_for("exit", 10.0)
        assert event["state"] == "failed"
        assert event["cause"] == "rank 1 failed: RuntimeError: rank one is unhappy"
        alert = server.wait_for("alert", 10.0)
        assert alert["title"].startswith("rank 1 failed")
        assert len({run for run, _ in server.streams}) == 1


def test_two_processes_with_one_run_id_never_look_like_a_replay(tmp_path: Path) -> None:
    code = "run = runlore.init(id='same-run-id')\nfor i in range(50): run.log({'loss': i})\nrun.finish()"
    with FakeServer() as server:
        env = children.environment(tmp_path / "spool", server.url)
        pair = [children.start(code, env), children.start(code, env)]
        for child in pair:
            assert children.finish(child)[0] == 0
        assert children.until(lambda: len(server.events("exit")) == 2)
        assert len(server.points("loss", "same-run-id")) == 100


def test_a_run_resumed_on_a_new_disk_goes_on_under_its_id(tmp_path: Path) -> None:
    with FakeServer() as server:
        for number, spool in enumerate(("one", "two")):
            code = f"run = runlore.init(id='long-training', resume='allow')\nrun.log({{'loss': {number}}}, step={number})"
            children.run(code, children.environment(tmp_path / spool / "spool", server.url))
        assert children.until(lambda: len(server.events("exit")) == 2)
        assert sorted(value for _, _, value in server.points("loss", "long-training")) == [0, 1]
        assert [event["resumed"] for event in server.events("start")] == [True, True]


def test_a_killed_sidecar_is_replaced_by_the_next_log(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    code = """
    import runlore.recorder
    runlore.recorder.CHECK_SECONDS = 0.5
    run = runlore.init()
    run._check_at = 0
    for step in range(60):
        run.log({"loss": step}, step=step)
        print("line", step, flush=True)
        time.sleep(0.05)
    run.finish()
    """
    with FakeServer() as server:
        child = children.start(code, children.environment(spool, server.url))
        server.wait_for("start")
        for pid in children.sidecars_of(spool):
            os.kill(pid, signal.SIGKILL)
        status, _, err = children.finish(child)
        assert status == 0, err
        assert server.wait_for("exit")["state"] == "finished"
        assert [step for step, _, _ in server.points("loss")] == list(range(60))


def test_the_sidecar_ends_by_itself_and_leaves_no_child_behind(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    with FakeServer() as server:
        code = "run = runlore.init()\ntry: print(os.wait())\nexcept ChildProcessError: print('no children')\nrun.finish()"
        _, out, _ = children.run(code, children.environment(spool, server.url))
        assert out.strip() == "no children"
        server.wait_for("exit")
        assert children.until(lambda: not children.sidecars_of(spool), 5.0)


def test_a_reader_of_the_output_does_not_wait_for_the_sidecar(tmp_path: Path) -> None:
    with FakeServer() as server:
        server.fault = "hanging"
        env = children.environment(tmp_path / "spool", server.url, RUNLORE_EXIT_WAIT="0.2")
        child = children.start("runlore.init()\nprint('done')\nos._exit(0)", env)
        began = time.monotonic()
        _, out, _ = children.finish(child)
        assert out == "done\n"
        assert time.monotonic() - began < stretched(4)
        for pid in children.sidecars_of(tmp_path / "spool"):
            os.kill(pid, signal.SIGKILL)


def test_native_output_and_that_of_children_is_kept_and_echoed(tmp_path: Path) -> None:
    code = """
    run = runlore.init()
    os.write(1, b"from the descriptor\\n")
    os.system("echo from a child; echo to stderr >&2")
    print("\\x1b[31mred\\x1b[0m", flush=True)
    for n in range(5): print(f"\\r{n}/5", end="", flush=True)
    print()
    run.finish()
    print("after the run")
    """
    with FakeServer() as server:
        _, out, err = children.run(code, children.environment(tmp_path / "spool", server.url))
        server.wait_for("exit")
        lines = [
            line for event in server.events("log") if event["source"] == "stdout" for line in event["lines"]
        ]
        assert lines == ["from the descriptor", "from a child", "red", "4/5"]
        assert "to stderr" in err
        assert out.startswith("from the descriptor\nfrom a child\n")
        assert out.endswith("after the run\n")


def test_runs_that_overlap_leave_every_line_where_it_would_have_gone(tmp_path: Path) -> None:
    code = """
    first = runlore.init(name="first")
    print("one", flush=True)
    second = runlore.init(name="second", reinit="create_new")
    print("two", flush=True)
    first.finish()
    print("three", flush=True)
    second.finish()
    print("four", flush=True)
    """
    with FakeServer() as server:
        status, out, err = children.run(code, children.environment(tmp_path / "spool", server.url))
        assert (status, out) == (0, "one\ntwo\nthree\nfour\n"), err
        lines = [line for event in server.events("log") for line in event["lines"]]
        assert [line for line in lines if line in ("one", "two", "three", "four")] == ["one", "two"]


@pytest.mark.parametrize("console", ["fd", "stream"])
def test_runs_one_after_the_other_hold_no_more_descriptors(tmp_path: Path, console: str) -> None:
    code = """
    counts = []
    for _ in range(14):
        run = runlore.init(mode="offline")
        run.log({"loss": 1.0})
        run.finish()
        counts.append(len(os.listdir("/proc/self/fd")))
    print(counts[-1] - counts[8])
    """
    env = children.environment(tmp_path / "spool", RUNLORE_CONSOLE=console)
    status, out, err = children.run(code, env)
    assert (status, out.strip()) == (0, "0"), err


def test_a_run_handed_over_with_each_job_opens_one_stream_in_a_process(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        """
import multiprocessing
import runlore

def work(job):
    run, number = job
    run.log({"worker": float(number)}, step=number)
    run.finish() if number == 9 else None

if __name__ == "__main__":
    run = runlore.init()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.map(work, [(run, number) for number in range(30)], chunksize=5)
    run.log({"loss": 1.0})
"""
    )
    with FakeServer() as server:
        env = children.environment(tmp_path / "spool", server.url)
        done = subprocess.run(
            [sys.executable, str(script)], env=env, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, server.wait_for("exit")["state"]) == (0, "finished"), done.stderr
        assert sorted(step for step, _, _ in server.points("worker")) == list(range(30))
        assert server.events("finish") == []
        writing = [stream for stream in server.streams.values() if "worker" in stream.series]
        assert len(writing) <= 3
