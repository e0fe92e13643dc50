"""`runlore checkout RUN`: a run's commit, uncommitted changes, environment file and command in a worktree of its own."""

import os
import subprocess
from typing import Any

from runlore import batches, redact, sync
from runlore.batches import Source
from runlore.cli import Problem, checked, say, server, show
from runlore.records import EVENT, segments


def checkout(run: str, *, into: str | None, json_answer: bool) -> None:
    """Recreate; what cannot be recreated is said, and the rest is still done."""
    code, env = _local(run) or _from_server(run)
    if not code.get("commit"):
        raise Problem(
            f"{run} was not started in a git repository with a commit: there is no code to recreate"
        )
    root = _git(None, "rev-parse", "--show-toplevel")
    if root is None:
        raise Problem(
            "this is no git repository: run it in a clone of " + str(code.get("remote") or "the run's code")
        )
    root = root.strip()
    if _git(root, "cat-file", "-e", f"{code['commit']}^{{commit}}") is None:
        raise Problem(
            f"commit {code['commit'][:12]} is not in this clone: `git fetch --all` in a clone of {code.get('remote')}"
        )
    name = run.replace("/", "-").replace("#", "").removeprefix(f"{os.path.basename(root)}-")
    target = os.path.abspath(into or f"{root}-{name}")
    if os.path.exists(target):
        raise Problem(f"{target} exists already: choose another place with --into")
    if _git(root, "worktree", "add", "--detach", target, code["commit"]) is None:
        raise Problem(f"git could not make a worktree at {target}")
    problems = _apply(target, code)
    _write_environment(target, env)
    answer = {
        "worktree": target, "commit": code["commit"], "command": code.get("command"), "folder": code.get("folder"),
        "environment": "runlore-requirements.txt" if env.get("libraries") else None, "problems": problems,
    }  # fmt: skip
    if json_answer:
        show(answer)
        return
    say(
        f"{run} is in {target}, at commit {code['commit'][:12]}"
        + ("" if problems else " with its uncommitted changes" if code.get("diff") else "")
    )
    for problem in problems:
        say(f"not the same: {problem}")
    if env.get("libraries"):
        say(f"environment: Python {env.get('python')}, `pip install -r runlore-requirements.txt`")
    say(f"command: {code.get('command')}")


def _apply(target: str, code: dict[str, Any]) -> list[str]:
    problems = []
    diff = code.get("diff")
    if code.get("diff_too_large"):
        problems.append("the uncommitted changes were larger than 1 MiB and were not kept")
    if not diff:
        return problems
    redacted = code.get("diff_redacted") or redact.MARK in diff
    done = subprocess.run(
        ["git", "-C", target, "apply", "--whitespace=nowarn", "-"],
        input=diff.encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        with open(os.path.join(target, "runlore.diff"), "w", encoding="utf-8") as file:
            file.write(diff)
        why = (
            ": secrets were taken out of it"
            if redacted
            else f": {done.stderr.decode('utf-8', 'replace').strip()[:200]}"
        )
        problems.append(f"the uncommitted changes no longer apply{why}; they are in runlore.diff")
    elif redacted:
        problems.append(f"secrets were taken out of the changes: look for {redact.MARK} and put yours in")
    return problems


def _write_environment(target: str, env: dict[str, Any]) -> None:
    libraries = env.get("libraries") or {}
    if libraries:
        with open(os.path.join(target, "runlore-requirements.txt"), "w", encoding="utf-8") as file:
            file.write(f"# Python {env.get('python')}\n")
            file.writelines(f"{name}=={version}\n" for name, version in sorted(libraries.items()))


def _local(run: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """From the spool, when the run was started on this machine."""
    for directory in sync.directories(None):
        description = sync.describe(directory) or {}
        if run not in (description.get("run"), description.get("name")):
            continue
        found: dict[str, dict[str, Any]] = {}
        for stream in segments(directory):
            first = batches.read_state(directory).get("streams", {}).get(stream, {})
            source = Source(directory, stream, {**first, "next": first.get("first", 0)})
            while part := source.take(final=True):
                found.update(
                    {
                        r.value["t"]: r.value
                        for r in part
                        if r.kind == EVENT and r.value["t"] in ("code", "env")
                    }
                )
                source.ack(part[-1].seq + 1)
        if "code" in found:
            return found["code"], found.get("env", {})
    return None


def _from_server(run: str) -> tuple[dict[str, Any], dict[str, Any]]:
    project, slash, ref = run.rpartition("/")
    if not slash:
        raise Problem(f"there is no run {run} on this machine: name it like vision/42")
    body = checked(server().get(f"/api/v1/runs/{project}/{ref.removeprefix('#')}"), f"cannot get {run}")
    return body.get("code") or {}, body.get("environment") or body.get("env") or {}


def _git(folder: str | None, *words: str) -> str | None:
    where = ["-C", folder] if folder else []
    done = subprocess.run(["git", *where, *words], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None
