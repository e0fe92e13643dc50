"""What the hook costs a training process, beside what a user would pick instead; peers need packages of their own.

`python benchmarks/sdk_overhead.py [--peers] [--trials 50] [--out FILE]`: with `--peers` run it in an environment that
has trackio, wandb, tensorboard and mlflow (sdk/test_frameworks.sh makes one; add trackio).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "sdk" / "src"), str(ROOT / "tests")]

from fake_server import TOKEN, FakeServer  # noqa: E402 - the path is set above

CALLS = 20_000
PEERS = {
    "bare os.write": ("import os; fd = os.open('bare', os.O_WRONLY | os.O_APPEND | os.O_CREAT); line = b'x' * 41",
                      "os.write(fd, line)", ""),
    "JSON line, flushed": ("import json; file = open('lines', 'a')",
                           "file.write(json.dumps({'loss': 1.0 / (i + 1), 'step': i}) + '\\n'); file.flush()", ""),
    "runlore": ("import runlore; run = runlore.init(project='bench', mode='offline')",
                "run.log({'loss': 1.0 / (i + 1)}, step=i)", "run.finish()"),
    "trackio": ("import trackio; trackio.init(project='bench')",
                "trackio.log({'loss': 1.0 / (i + 1)}, step=i)", "trackio.finish()"),
    "wandb offline": ("import wandb; run = wandb.init(project='bench', mode='offline', settings=wandb.Settings(silent=True))",
                      "run.log({'loss': 1.0 / (i + 1)}, step=i)", "run.finish()"),
    "tensorboard": ("from tensorboard.summary.writer.event_file_writer import EventFileWriter\n"
                    "from tensorboard.compat.proto.event_pb2 import Event\n"
                    "from tensorboard.compat.proto.summary_pb2 import Summary\nwriter = EventFileWriter('logs')",
                    "writer.add_event(Event(wall_time=time.time(), step=i, summary=Summary(value=[Summary.Value(tag='loss', "
                    "simple_value=1.0 / (i + 1))])))", "writer.close()"),
    "mlflow sqlite": ("import mlflow; mlflow.set_tracking_uri('sqlite:///m.db'); mlflow.start_run()",
                      "mlflow.log_metric('loss', 1.0 / (i + 1), step=i)", "mlflow.end_run()"),
}  # fmt: skip
NEEDS = {
    "trackio": "trackio",
    "wandb offline": "wandb",
    "tensorboard": "tensorboard",
    "mlflow sqlite": "mlflow",
}
FEWER = {"mlflow sqlite": 500, "wandb offline": 5000, "trackio": 5000}


def environment(folder: str, server: FakeServer | None = None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RUNLORE_")}
    kept |= {"PYTHONPATH": str(ROOT / "sdk" / "src"), "RUNLORE_DIR": f"{folder}/spool", "RUNLORE_SILENT": "1",
             "RUNLORE_CAPTURE": "0", "TRACKIO_DIR": f"{folder}/trackio", "OMP_NUM_THREADS": "1"}  # fmt: skip
    if server is not None:
        kept |= {"RUNLORE_URL": server.url, "RUNLORE_TOKEN": TOKEN}
    return kept


def child(code: str, folder: str, server: FakeServer | None = None, seconds: float = 300) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(folder, server), cwd=folder, capture_output=True, text=True,
        timeout=seconds, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return done.stdout.strip().splitlines()[-1]


def calls(setup: str, call: str, end: str, count: int) -> dict[str, float]:
    """Time each call by itself, in a process of its own."""
    code = f"""
import json, time
clock = time.perf_counter_ns
{setup}
taken = [0] * {count}
for i in range({count}):
    began = clock(); {call}; taken[i] = clock() - began
{end}
taken.sort()
print(json.dumps({{"p50": taken[{count // 2}] / 1e3, "p99": taken[{count * 99 // 100}] / 1e3, "max": taken[-1] / 1e6}}))
"""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found: dict[str, float] = json.loads(child(code, folder))
        return found


def overhead(*, peers: bool, repeats: int) -> list[tuple[str, dict[str, float]]]:
    rows = []
    for name, (setup, call, end) in PEERS.items():
        if name in NEEDS and not (peers and importlib.util.find_spec(NEEDS[name])):
            continue
        found = [calls(setup, call, end, FEWER.get(name, CALLS)) for _ in range(repeats)]
        rows.append((name, {key: statistics.median(one[key] for one in found) for key in found[0]}))
    setup, _, end = PEERS["runlore"]
    twenty = setup + "; names = [f'm{k}' for k in range(20)]"
    found = [
        calls(twenty, "run.log({name: 0.5 + i for name in names}, step=i)", end, 5000) for _ in range(repeats)
    ]
    rows.append(
        ("runlore, 20 scalars", {key: statistics.median(one[key] for one in found) for key in found[0]})
    )
    return rows


def lost_when_killed(trials: int, *, group: bool) -> int:
    """Kill at a random moment; the process tells, after each call, how far it was."""
    code = (
        "import os, sys, runlore\nrun = runlore.init(project='bench')\ni = 0\n"
        "while True:\n    run.log({'loss': float(i)}, step=i)\n    os.pwrite(9, b'%012d' % i, 0)\n    i += 1\n"
    )
    lost = 0
    for trial in range(trials):
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
            FakeServer() as server,
            Path(folder, "told").open("w+b") as told,
        ):
            env = environment(folder, server)
            process = subprocess.Popen(
                [sys.executable, "-c", f"import os; os.dup2({told.fileno()}, 9)\n{code}"],
                env=env,
                pass_fds=[told.fileno()],
            )
            while os.fstat(told.fileno()).st_size == 0:
                time.sleep(0.005)
            time.sleep(0.01 + 0.12 * (trial * 0.618 % 1))
            if group:
                for pid in _sidecars(folder):
                    os.kill(pid, signal.SIGKILL)
            process.kill()
            process.wait()
            words = [sys.executable, "-c", "from runlore.cli import main; main(['sync'])"]
            last = int(os.pread(told.fileno(), 12, 0))
            end = time.monotonic() + 30
            while time.monotonic() < end and not server.events("exit"):
                if group:
                    subprocess.run(words, env=env, capture_output=True, check=False)
                time.sleep(0.05)
            kept = {step for step, _, _ in server.points("loss")}
            lost += len(set(range(last + 1)) - kept)
    return lost


def _sidecars(folder: str) -> list[int]:
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                line = (path / "cmdline").read_bytes()
            except OSError:
                continue
            if b"runlore.sidecar" in line and folder.encode() in line:
                found.append(int(path.name))
    return found


def starting(repeats: int) -> dict[str, float]:
    code = (
        "import time; a = time.perf_counter(); import runlore; b = time.perf_counter()\n"
        "run = runlore.init(project='bench', mode='offline'); c = time.perf_counter(); run.finish()\n"
        "print((b - a) * 1e3, (c - b) * 1e3)"
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        pairs = [tuple(map(float, child(code, folder).split())) for _ in range(repeats)]
    # The best of them: the machine's other work only ever adds.
    return {"import": min(p[0] for p in pairs), "init": min(p[1] for p in pairs)}


def exits() -> dict[str, float]:
    """How long `finish` takes when the server misbehaves."""
    code = (
        "import time, runlore\nrun = runlore.init(project='bench')\nfor i in range(1000): run.log({'loss': float(i)})\n"
        "a = time.perf_counter(); run.finish(); print(time.perf_counter() - a)"
    )
    found = {}
    for fault in (None, "hanging", "down", "500", "slow"):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, FakeServer() as server:
            server.fault = fault
            found[fault or "well"] = float(child(code, folder, server))
            for pid in _sidecars(folder):
                os.kill(pid, signal.SIGKILL)
    return found


def sidecar_use(seconds: float) -> dict[str, float]:
    """CPU and memory of the sidecar at 100 points a second, and the bytes a point takes."""
    code = (
        "import math, time, random, runlore\nrun = runlore.init(project='bench')\nprint('begun', flush=True)\n"
        f"end = time.monotonic() + {seconds}\ni = 0\n"
        "while time.monotonic() < end:\n"
        "    run.log({'train/loss': 2.0 * math.exp(-i / 3000) + random.gauss(0, 0.05)}, step=i); i += 1; time.sleep(0.01)\n"
        "run.finish(); print(i)"
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, FakeServer() as server:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment(folder, server),
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        time.sleep(2.0)
        (pid,) = _sidecars(folder)
        before, began = _ticks(pid), time.monotonic()
        time.sleep(seconds - 4.0)
        used = (_ticks(pid) - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - began)
        status = Path(f"/proc/{pid}/status").read_text()
        memory = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024
        out, _ = process.communicate(timeout=60)
        points = int(out.split()[-1])
        loss = server.points("train/loss")
        spool = sum(path.stat().st_size for path in Path(folder).glob("spool/*/*.spool"))
        return {"cpu_percent": 100 * used, "memory_mb": memory, "disk_per_point": spool / points, "sent_per_point": server.sent_bytes / points,
                "arrived": len(loss) / points}  # fmt: skip


def sent_later(count: int) -> float:
    """Bytes a point when a run that was logged offline is sent afterwards."""
    code = (
        "import math, random, runlore\nrun = runlore.init(project='bench', mode='offline')\n"
        f"for i in range({count}): run.log({{'train/loss': 2.0 * math.exp(-i / 3000) + random.gauss(0, 0.05)}}, step=i)\n"
        "run.finish(); print(0)"
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, FakeServer() as server:
        child(code, folder)
        words = [sys.executable, "-c", "from runlore.cli import main; main(['sync', '--all'])"]
        subprocess.run(words, env=environment(folder, server), capture_output=True, check=True)
        assert len(server.points("train/loss")) == count, len(server.points("train/loss"))
        return server.sent_bytes / count


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def slowdown(net: str, pairs: int, *words: str) -> dict[str, Any] | None:
    """What sdk_overhead_loop.py measures; None without torch and scikit-learn."""
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("sklearn") is None:
        return None
    script = str(ROOT / "benchmarks" / "sdk_overhead_loop.py")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, FakeServer() as server:
        done = subprocess.run(
            [sys.executable, script, net, str(pairs), *words], env=environment(folder, server), cwd=folder,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def slowdowns(pairs: int) -> list[tuple[str, str, str]]:
    """The rows of the training loops: medians of paired epochs, with the interval that holds them in 95 of 100 samples."""
    rows = []
    for words, count, title in (
        (("tiny",), pairs, "PyTorch, toy net on 8 × 8 digits"),
        (("tiny", "stopped"), pairs, "the same, the sidecar stopped"),
        (("example",), 4 * pairs, "PyTorch, the MNIST example's net on 28 × 28 digits"),
    ):
        found = slowdown(words[0], count, *words[1:])
        if found is None:
            return [("PyTorch loop, logging each step", "< 1 %", "no torch")]
        told = "; ".join(
            f"{found[kind][0]:+.2f} % {kind} ({found[kind][1]:+.2f} to {found[kind][2]:+.2f})"
            for kind in ("cpu", "clock")
        )
        rows.append((f"{title}, {found['step_ms']:.2g} ms a step, each logged, {count} pairs", "< 1 %", told))
        if words == ("tiny",):
            rows.append(("the sidecar's CPU beside it", "", f"{found['sidecar_percent']:.1f} % of a core"))
    return rows


def wheel_size() -> int:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
            cwd=ROOT / "sdk",
            check=True,
            capture_output=True,
        )
        (path,) = Path(folder).glob("*.whl")
        return path.stat().st_size


def table(options: argparse.Namespace) -> list[str]:
    """Run everything and lay it out as Markdown."""
    note: Callable[[str], object] = lambda text: sys.stderr.write(text + "\n")  # noqa: E731 - a word of progress
    note("log calls")
    rows = overhead(peers=options.peers, repeats=options.repeats)
    lines = ["| call | p50 µs | p99 µs | max ms |", "|---|---|---|---|"]
    lines += [f"| {name} | {r['p50']:.2f} | {r['p99']:.1f} | {r['max']:.1f} |" for name, r in rows]
    named = dict(rows)
    ratio = named["runlore"]["p50"] / named["bare os.write"]["p50"]
    note("killed processes")
    alone, both = lost_when_killed(options.trials, group=False), lost_when_killed(options.trials, group=True)
    note("start, exit, sidecar")
    begun, ended, used, slow = starting(9), exits(), sidecar_use(options.seconds), slowdowns(options.pairs)
    lines += ["", "| figure | to reach | measured |", "|---|---|---|"]
    for figure, goal, value in (
        ("one scalar against a bare os.write", "≤ 3 ×", f"{ratio:.1f} ×"),
        (f"records lost, process killed, {options.trials} trials", "0", str(alone)),
        (f"records lost, sidecar killed too, {options.trials} trials, after sync", "0", str(both)),
        ("import runlore (best of 9)", "≤ 30 ms", f"{begun['import']:.0f} ms"),
        ("init (best of 9)", "≤ 50 ms", f"{begun['init']:.0f} ms"),
        *((f"finish, server {name}", "≤ 5 s", f"{value:.2f} s") for name, value in ended.items()),
        ("sidecar's CPU at 100 points/s", "≤ 2 % of a core", f"{used['cpu_percent']:.1f} %"),
        ("sidecar's memory (peak)", "≤ 40 MB", f"{used['memory_mb']:.0f} MB"),
        ("spool bytes a point, everything in it", "≤ 40 and events", f"{used['disk_per_point']:.0f}"),
        ("sent bytes a point at 100 points/s, everything in it", "≤ 12", f"{used['sent_per_point']:.1f}"),
        ("sent bytes a point, 20,000 points by `runlore sync`", "≤ 12", f"{sent_later(20_000):.1f}"),
        *slow,
        ("wheel", "≤ 150 kB", f"{wheel_size() / 1000:.0f} kB"),
    ):
        lines.append(f"| {figure} | {goal} | {value} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description="What the hook costs a training process.")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--pairs", type=int, default=150)
    parser.add_argument("--out")
    options = parser.parse_args()
    text = "\n".join(table(options)) + "\n"
    sys.stdout.write(text)
    if options.out:
        Path(options.out).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
