"""The hook on a machine that gives out: memory limits, full and read-only disks, clocks; with real ones where we may make them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import sdk_children as children
from fake_server import FakeServer

GROUPS = Path("/sys/fs/cgroup")
# Fills memory until the kernel ends it.
GREEDY = "data = []\nwhile True: data.append(b'x' * (8 << 20))"


@contextlib.contextmanager
def memory_group(name: str, limit: int) -> Iterator[Path]:
    """A control group whose memory is limited; processes enter it by their own hand."""
    second = (GROUPS / "cgroup.controllers").exists()
    place = (GROUPS if second else GROUPS / "memory") / f"runlore-{name}-{os.getpid()}"
    try:
        place.mkdir()
        (place / ("memory.max" if second else "memory.limit_in_bytes")).write_text(str(limit))
    except OSError:
        with contextlib.suppress(OSError):
            place.rmdir()
        pytest.skip("control groups cannot be made here: needs root and a memory controller")
    try:
        yield place
    finally:
        children.until(lambda: not (place / "cgroup.procs").read_text().split(), 30.0)
        place.rmdir()


@contextlib.contextmanager
def small_disk(place: Path, options: str) -> Iterator[Path]:
    """A file system of its own."""
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", place], capture_output=True)
    if made.returncode:
        pytest.skip("file systems cannot be mounted here: needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def entering(group: Path, code: str) -> str:
    return f"open({str(group / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))\n{code}"


@pytest.mark.parametrize(
    ("rungs", "evidence"),
    [("cgroup", "cgroup"), ("kernel", "kernel"), ("zombie,cgroup", "zombie+cgroup"), (None, None)],
)
def test_a_process_killed_for_memory_is_told_from_any_other_kill(
    tmp_path: Path, rungs: str | None, evidence: str | None
) -> None:
    if rungs == "kernel":
        try:
            os.close(os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK))
        except OSError:
            pytest.skip("the kernel's log may not be read here")
    more = {} if rungs is None else {"RUNLORE_EVIDENCE": rungs}
    with FakeServer() as server, memory_group("oom", 160 << 20) as group:
        env = children.environment(tmp_path / "spool", server.url, **more)
        child = children.start(
            entering(group, f"run = runlore.init()\nrun.log({{'loss': 1.0}})\n{GREEDY}"), env
        )
        event = server.wait_for("exit", 30.0)
        children.finish(child)
        assert (event["state"], event["signal"], event["oom"]) == ("killed", 9, True)
        assert event["cause"] == "out of memory (killed by the kernel)"
        assert evidence is None or event["evidence"] == evidence
        assert len(server.points("loss")) == 1


def test_the_warning_comes_while_memory_is_still_growing(tmp_path: Path) -> None:
    code = """
    run = runlore.init()
    data = [b"x" * (150 << 20)]
    for step in range(60):
        data.append(b"x" * (4 << 20))
        run.log({"size": len(data)}, step=step)
        time.sleep(0.4)
    """
    with FakeServer() as server, memory_group("warn", 256 << 20) as group:
        env = children.environment(tmp_path / "spool", server.url)
        child = children.start(entering(group, textwrap.dedent(code)), env)
        warning = server.wait_for("warning", 30.0)
        assert warning["resource"] == "memory"
        assert "of its limit of 256 MiB" in warning["text"]
        assert not server.events("exit")
        children.finish(child)
        assert server.wait_for("exit")["oom"] is True
        # The server has the last reading as evidence should everything die at once.
        assert server.heartbeats[-1]["readings"]["memory_limit_bytes"] == 256 << 20


def test_a_full_disk_ends_neither_training_nor_the_story(tmp_path: Path) -> None:
    code = """
    run = runlore.init()
    for step in range(100): run.log({"loss": step}, step=step)
    with open(os.environ["RUNLORE_DIR"] + "/ballast", "wb", buffering=0) as ballast:
        try:
            while True: ballast.write(b"x" * 4096)
        except OSError:
            pass
    for step in range(100, 3000): run.log({"loss": step}, step=step)
    run.note("written on a full disk")
    raise KeyError("no such column")
    """
    with FakeServer() as server, small_disk(tmp_path / "disk", "size=256k") as disk:
        env = children.environment(disk, server.url)
        status, _, err = children.run(code, env)
        assert (status, err.count("keeping up to")) == (1, 1)
        event = server.wait_for("exit", 20.0)
        assert sorted(step for step, _, _ in server.points("loss")) == list(range(3000))
        assert [note["text"] for note in server.events("note")] == ["written on a full disk"]
        assert event["cause"] == "KeyError: 'no such column'"


def test_a_disk_full_from_the_start_costs_nothing_either(tmp_path: Path) -> None:
    with FakeServer() as server, small_disk(tmp_path / "disk", "size=16k") as disk:
        (disk / "ballast").write_bytes(b"x" * 8192)
        with contextlib.suppress(OSError):
            (disk / "more").write_bytes(b"x" * 8192)
        env = children.environment(disk, server.url, TMPDIR=str(tmp_path), HOME=str(tmp_path))
        code = "run = runlore.init()\nfor step in range(50): run.log({'loss': step})\nrun.finish()"
        status, _, err = children.run(children.IN_TMPDIR + code, env)
        assert (status, err.count("cannot write to")) == (0, 1)
        server.wait_for("exit")
        assert len(server.points("loss")) == 50


def test_a_read_only_file_system_is_left_for_another_with_one_warning(tmp_path: Path) -> None:
    with FakeServer() as server, small_disk(tmp_path / "disk", "size=1m,ro") as disk:
        env = children.environment(disk / "spool", server.url, TMPDIR=str(tmp_path), HOME=str(tmp_path))
        code = "run = runlore.init()\nrun.log({'x': 1})\nrun.finish()"
        status, _, err = children.run(children.IN_TMPDIR + code, env)
        assert (status, err.count("cannot write to")) == (0, 1)
        server.wait_for("exit")
        assert len(server.points("x")) == 1


def test_a_clock_set_back_mid_run_loses_and_reorders_nothing(tmp_path: Path) -> None:
    code = """
    run = runlore.init()
    for step in range(20): run.log({"loss": step})
    real = time.time
    time.time = runlore.recorder._now = lambda: real() - 7200
    for step in range(20): run.log({"loss": 20 + step})
    run.note("an hour ago")
    """
    with FakeServer() as server:
        env = children.environment(tmp_path / "spool", server.url)
        status, _, err = children.run(code, env)
        assert (status, server.wait_for("exit")["state"]) == (0, "finished"), err
        told = server.points("loss")
        assert [value for _, _, value in told] == list(range(40))
        assert told[20][1] - told[19][1] < -7000


def test_the_hook_speaks_with_whatever_names_and_words_it_is_given(tmp_path: Path) -> None:
    code = r"""
    odd = "\x00\x07\x1b[31m🦦\u202e\ud800\n\t" + "ß" * 10
    run = runlore.init(name=odd, tags=[odd], notes=odd, config={odd: odd})
    run.log({odd: 1.0, "text": odd})
    run.alert(odd, odd)
    run.note(odd)
    run.config.update({"more": {odd: [odd]}})
    run.link("https://example.com/" + odd, odd)
    print("🦦\x1b[31m\x07 ende")
    run.finish()
    """
    with FakeServer() as server:
        env = children.environment(tmp_path / "spool", server.url, PYTHONIOENCODING="utf-8")
        status, _, err = children.run(code, env)
        assert (status, server.wait_for("exit")["state"]) == (0, "finished"), err
        assert {event["t"] for event in server.events()} >= {
            "start",
            "text",
            "alert",
            "note",
            "config",
            "link",
            "log",
        }
        assert "🦦" in server.events("start")[0]["name"]
        assert [line for event in server.events("log") for line in event["lines"]][-1] == "🦦 ende"


def test_every_process_of_the_job_killed_at_once_is_sent_by_sync(tmp_path: Path) -> None:
    """As a container's end does it: `cgroup.kill`, or a signal to every process in the group."""
    spool = tmp_path / "spool"
    with FakeServer() as server, memory_group("all", 1 << 30) as group:
        server.fault = "500"
        env = children.environment(spool, server.url)
        code = "run = runlore.init()\nfor step in range(500): run.log({'loss': step})\nprint('ready', flush=True)\ntime.sleep(60)"
        child = children.start(entering(group, code), env)
        procs = group / "cgroup.procs"
        assert children.until(lambda: len(procs.read_text().split()) >= 2 and children.sidecars_of(spool))
        assert children.until(lambda: sum(p.stat().st_size for p in spool.glob("*/*.spool")) > 500 * 37)
        for pid in procs.read_text().split():
            os.kill(int(pid), 9)
        children.finish(child)
        server.fault = None
        assert children.command("sync", env=env).returncode == 0
        assert len(server.points("loss")) == 500
        assert server.events("exit")[-1]["cause"] == "killed, cause unknown"


if sys.platform != "linux":
    pytestmark = pytest.mark.skip("control groups and tmpfs are Linux's")
