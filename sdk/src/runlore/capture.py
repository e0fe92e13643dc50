"""Capture what it takes to repeat a run: the commit and what differs from it, the environment, the machine."""

import contextlib
import importlib.metadata
import json
import os
import platform
import shlex
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from runlore import redact
from runlore.readings import Gpus, machine_memory

BUDGET_SECONDS = 10.0
MAX_DIFF = 1024 * 1024
MAX_UNTRACKED = 200 * 1024
MAX_NOTEBOOK = 10 * 1024 * 1024
NOTEBOOKS = "*.ipynb"
UNTRACKED = ("ls-files", "--others", "--exclude-standard", "-z")
CONTAINER_HINTS = (
    "CONTAINER_IMAGE", "SINGULARITY_CONTAINER", "APPTAINER_CONTAINER", "IMAGE_NAME", "DOCKER_IMAGE",
    "NVIDIA_PYTORCH_VERSION", "KUBERNETES_SERVICE_HOST", "SLURM_JOB_ID", "CONDA_DEFAULT_ENV",
)  # fmt: skip
SEED_NAMES = ("PYTHONHASHSEED", "PL_GLOBAL_SEED", "SEED")


class Git:
    """A repository asked within a time budget; every question may stay unanswered."""

    def __init__(self, folder: str, budget: float = BUDGET_SECONDS) -> None:
        self._folder = folder
        self._end = time.monotonic() + budget

    def ask(self, *words: str) -> str | None:
        """What git says, or None when it fails or the time is up."""
        left = self._end - time.monotonic()
        if left <= 0:
            return None
        environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        try:
            done = subprocess.run(
                ["git", "-C", self._folder, "-c", "core.quotepath=off", "-c", "core.fsmonitor=false", *words],
                capture_output=True, timeout=left, env=environment, stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def code(description: Mapping[str, Any]) -> dict[str, Any] | None:
    """The `code` event; without a repository only the entry point and the command."""
    git = Git(description["cwd"])
    command = shlex.join(description["argv"])
    found: dict[str, Any] = {"entry": description["entry"], "command": command, "cwd": description["cwd"]}
    # Jupyter's server names the notebook to its kernel in this variable.
    running = os.path.join(description["cwd"], os.environ.get("JPY_SESSION_NAME", ""))
    root = (git.ask("rev-parse", "--show-toplevel") or "").strip()
    if not root:
        cells = _cells(os.path.basename(running), notebook_source(running))
        return {**found, "diff": cells} if cells else found
    git = Git(root)
    remote = git.ask("config", "--get", "remote.origin.url")
    # Without `HEAD` the repository has no commit yet and everything in it is untracked.
    log = git.ask("log", "-1", "--format=%H%n%s")
    commit, _, subject = (log or "").partition("\n")
    branch = (git.ask("symbolic-ref", "--short", "-q", "HEAD") or "").strip()
    options = ("--no-color", "--no-ext-diff", "--binary", "--", ".", f":(exclude){NOTEBOOKS}")
    diff = git.ask("diff", "HEAD", *options) if commit else ""
    untracked = _untracked(git, root)
    whole = (diff or "") + untracked
    cells = _notebooks(git, root, running)
    clean = redact.text(whole) + cells
    found.update({
        "commit": commit or None, "branch": branch or None, "subject": redact.text(subject.strip()) or None,
        "remote": _without_credentials(remote.strip()) if remote else None, "dirty": bool((whole + cells).strip()),
        "diff": clean if len(clean) <= MAX_DIFF else None, "diff_redacted": clean != whole + cells,
        "diff_too_large": len(clean) > MAX_DIFF, "folder": os.path.relpath(description["cwd"], root),
    })  # fmt: skip
    return found


def _without_credentials(remote: str) -> str:
    scheme, separator, rest = remote.partition("://")
    if not separator:
        return remote
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _untracked(git: Git, root: str) -> str:
    """Files git does not know yet, as a diff that creates them; large ones and binary ones are left out."""
    listed = git.ask(*UNTRACKED, "--", ".", f":(exclude){NOTEBOOKS}")
    parts: list[str] = []
    size = 0
    for name in (listed or "").split("\0"):
        path = os.path.join(root, name)
        try:
            if not name or os.path.islink(path) or os.path.getsize(path) > MAX_UNTRACKED:
                continue
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError):
            continue
        size += len(text)
        if size > MAX_DIFF // 2:
            break
        parts.append(_new_file(name, text))
    return "".join(parts)


def _notebooks(git: Git, root: str, running: str) -> str:
    """The code of the notebook that runs and of all that differ from the commit's, as new files: outputs hold data."""
    this = os.path.relpath(running, root)
    this = os.path.basename(this) if this.startswith("..") else this
    parts = [_cells(this, notebook_source(running))]
    size = len(parts[0])
    changed = git.ask("diff", "HEAD", "--name-only", "-z", "--", NOTEBOOKS) or ""
    listed = changed + (git.ask(*UNTRACKED, "--", NOTEBOOKS) or "")
    for name in sorted({*listed.split("\0")} - {"", this}):
        source = notebook_source(os.path.join(root, name))
        # One that was only run again and saved is no change.
        if source != cells_of(git.ask("show", f"HEAD:{name}") or ""):
            parts.append(_cells(name, source))
            size += len(parts[-1])
        if size > MAX_DIFF // 2:
            break
    return "".join(parts)


def _cells(name: str, source: str | None) -> str:
    return _new_file(f"{name}.py", source + "\n") if source else ""


def _new_file(name: str, text: str) -> str:
    head = f"diff --git a/{name} b/{name}\nnew file mode 100644\n"
    if not text:
        return head
    lines = text.split("\n")
    complete = lines[-1] == ""
    lines = lines[:-1] if complete else lines
    body = "".join(f"+{line}\n" for line in lines)
    end = "" if complete else "\\ No newline at end of file\n"
    return f"{head}--- /dev/null\n+++ b/{name}\n@@ -0,0 +1,{len(lines)} @@\n{body}{end}"


def environment(description: Mapping[str, Any]) -> dict[str, Any]:
    """The `env` event: Python, every installed distribution, hardware, host."""
    gpus = Gpus()
    total, _ = machine_memory()
    hardware: dict[str, Any] = {
        "cpu": _cpu(), "cores": os.cpu_count(), "memory_bytes": total or None, "gpus": gpus.names(), **gpus.driver(),
    }  # fmt: skip
    with contextlib.suppress(AttributeError, OSError):
        hardware["cores_allowed"] = len(os.sched_getaffinity(description["pid"]))
    hints = {name: redact.text(os.environ[name]) for name in CONTAINER_HINTS if os.environ.get(name)}
    if os.path.exists("/.dockerenv"):
        hints["docker"] = "yes"
    seeds = {name: os.environ[name] for name in SEED_NAMES if os.environ.get(name)}
    hardware |= {"system": platform.platform(), "container": hints, "seeds": seeds}
    return {
        "python": description["python"], "libraries": libraries(description["sys_path"]), "hardware": hardware,
        "host": socket.gethostname(),
    }  # fmt: skip


def libraries(path: Sequence[str]) -> dict[str, str]:
    """Every distribution that the training process can import, with its version."""
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions(path=[place or os.getcwd() for place in path]):
        with contextlib.suppress(KeyError, TypeError, ValueError, OSError):
            name = distribution.metadata["Name"]
            if name:
                # The first on the path is the one that is imported.
                found.setdefault(name.lower().replace("_", "-"), distribution.version)
    return dict(sorted(found.items()))


def notebook_source(path: str) -> str | None:
    """The code cells of a notebook's file; None for any other file and for one too large to read in passing."""
    try:
        if not path.endswith(".ipynb") or os.path.getsize(path) > MAX_NOTEBOOK:
            return None
        with open(path, encoding="utf-8") as file:
            return cells_of(file.read())
    except (OSError, UnicodeDecodeError):
        return None


def cells_of(notebook: str) -> str | None:
    """The code cells of a notebook, without outputs and secrets."""
    try:
        cells = json.loads(notebook)["cells"]
        sources = ["".join(cell.get("source", [])) for cell in cells if cell.get("cell_type") == "code"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return redact.text("\n\n".join(sources))[:MAX_DIFF]


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
