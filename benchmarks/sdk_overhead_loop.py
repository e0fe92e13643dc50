"""A small PyTorch loop learns scikit-learn's digits, in turns with and without logging each step, in one process.

`sdk_overhead.py` runs it: `sdk_overhead_loop.py NET PAIRS [stopped]`. NET is `tiny` (8 × 8 pictures, two convolutions, 10,000
weights) or `example` (28 × 28 pictures and the net of PyTorch's own MNIST example, 1.2 million weights); batches of 64, one
thread. The two turns of a pair follow each other at once, so that what else the machine does strikes both alike: 28 steps of
the tiny net, one of the example's. With `stopped` the sidecar stands still, which leaves the cost of the call alone.
"""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn

import runlore


def net(name: str) -> nn.Module:
    if name == "tiny":
        return nn.Sequential(
            nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10)
        )
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
    )  # fmt: skip


def pictures(name: str) -> torch.utils.data.TensorDataset:
    images, labels = load_digits(return_X_y=True)
    scaled = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    if name == "example":
        scaled = nn.functional.interpolate(scaled, size=28, mode="bilinear")
    return torch.utils.data.TensorDataset(scaled, torch.tensor(labels))


class Loop:
    """The training."""

    def __init__(self, name: str, run: runlore.Run) -> None:
        self._run = run
        self._model = net(name)
        self._optimizer = torch.optim.Adam(self._model.parameters(), 0.001)
        self._loader = torch.utils.data.DataLoader(
            pictures(name), batch_size=64, shuffle=True, drop_last=True
        )
        self._batches = self._endless()
        self._steps = len(self._loader) if name == "tiny" else 1
        self._step = 0

    def _endless(self) -> Iterator[list[torch.Tensor]]:
        while True:
            yield from self._loader

    def turn(self, log: bool) -> tuple[float, float]:
        """Seconds a step: on the clock, and of this process's CPU time."""
        model, optimizer, run, step = self._model, self._optimizer, self._run, self._step
        before = time.perf_counter(), time.process_time()
        for x, y in islice(self._batches, self._steps):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            value = loss.item()
            if log:
                run.log({"loss": value}, step=step)
            step += 1
        taken = time.perf_counter() - before[0], time.process_time() - before[1]
        self._step = step
        return taken[0] / self._steps, taken[1] / self._steps


def sidecar() -> int:
    """The process id of this run's sidecar."""
    while True:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if (
                    b"runlore.sidecar" in (line := path.read_bytes())
                    and os.fsencode(os.environ["RUNLORE_DIR"]) in line
                ):
                    return int(path.parent.name)
            except OSError:
                continue
        time.sleep(0.05)


def cpu_seconds(pid: int) -> float:
    """What a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def interval(values: list[float], draws: int = 2000) -> list[float]:
    """The median, and where it lies in 95 of 100 samples drawn from these values."""
    found = sorted(statistics.median(random.choices(values, k=len(values))) for _ in range(draws))
    return [statistics.median(values), found[draws // 40], found[-draws // 40]]


def main(name: str, pairs: int, stopped: bool) -> None:
    torch.set_num_threads(1)
    run = runlore.init(project="bench")
    loop, beside = Loop(name, run), sidecar()
    if stopped:
        os.kill(beside, signal.SIGSTOP)
    for warm in range(4):
        loop.turn(log=bool(warm % 2))
    used, began = cpu_seconds(beside), time.perf_counter()
    bare: list[tuple[float, float]] = []
    logged: list[tuple[float, float]] = []
    for pair in range(pairs):
        for log in (True, False) if pair % 2 else (False, True):
            (logged if log else bare).append(loop.turn(log))
    share = (cpu_seconds(beside) - used) / (time.perf_counter() - began)
    os.kill(beside, signal.SIGCONT)
    run.finish()
    answer = {
        "step_ms": 1000 * statistics.median(clock for clock, _ in bare),
        "sidecar_percent": 100 * share,
    } | {
        kind: interval(
            [100 * (one[place] / other[place] - 1) for one, other in zip(logged, bare, strict=True)]
        )
        for place, kind in enumerate(("clock", "cpu"))
    }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), stopped="stopped" in sys.argv)
