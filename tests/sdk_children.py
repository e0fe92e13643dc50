"""Real training processes for the SDK's tests: started with the SDK on their path and their own spool directory."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

from fake_server import TOKEN
from patience import stretched

SDK = Path(__file__).parents[1] / "sdk" / "src"
CLI = [sys.executable, "-c", "import sys; from runlore.cli import main; sys.exit(main())"]


def environment(spool: Path, url: str | None = None, **more: str) -> dict[str, str]:
    """A clean environment: no login, no job scheduler, nothing of this machine's own Runlore settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RUNLORE_", "SLURM_", "KUBERNETES_"))
    }
    kept |= {
        "PYTHONPATH": str(SDK),
        "RUNLORE_DIR": str(spool),
        "RUNLORE_PROJECT": "vision",
        "RUNLORE_CAPTURE": "0",
        "RUNLORE_LINGER": "20",
        "XDG_CONFIG_HOME": str(spool.parent / "config"),
    }
    if url:
        kept |= {"RUNLORE_URL": url, "RUNLORE_TOKEN": TOKEN}
    return kept | more


# The places shared by everybody where a run is kept whose own directory cannot be used: only the test's own.
IN_TMPDIR = "from runlore import places; places.SHARED = (os.environ['TMPDIR'],)\n"


def start(code: str, env: dict[str, str], cwd: Path | None = None) -> subprocess.Popen[str]:
    """Start a training script without waiting for it."""
    script = "import os, signal, sys, time, runlore\n" + textwrap.dedent(code)
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env=env,
        cwd=cwd,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(child: subprocess.Popen[str], seconds: float = 60.0) -> tuple[int, str, str]:
    """Wait for a training script: its status, output and errors."""
    out, err = child.communicate(timeout=stretched(seconds))
    return child.returncode, out, err


def run(
    code: str, env: dict[str, str], cwd: Path | None = None, seconds: float = 60.0
) -> tuple[int, str, str]:
    """Run a training script to its end."""
    return finish(start(code, env, cwd), seconds)


def command(*words: str, env: dict[str, str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command `runlore`."""
    return subprocess.run(
        [*CLI, *words], env=env, cwd=cwd, text=True, capture_output=True, timeout=60, check=False
    )


def until(true: Callable[[], object], seconds: float = 10.0) -> bool:
    """Wait for something to become true."""
    end = time.monotonic() + stretched(seconds)
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return bool(true())


def sidecars_of(spool: Path) -> list[int]:
    """The process ids of sidecars that work on a directory."""
    found = []
    for name in (path.name for path in Path("/proc").iterdir()):
        if name.isdigit():
            try:
                line = Path(f"/proc/{name}/cmdline").read_bytes()
            except OSError:
                continue
            if b"runlore.sidecar" in line and str(spool).encode() in line:
                found.append(int(name))
    return found
