"""Writes the image's locks: every package at the version constraints.txt names, with the SHA-256 of its file.

Run by `make lock` with the image's Python and platform (3.11, linux, x86_64), for others have other files. pip looks where
it is told to; nothing is installed.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = {
    "requirements.lock": [*PROJECT["dependencies"], "hatchling"],  # the last builds the bot's own wheel
    "requirements-cuda.lock": ["nvidia-cublas-cu12==12.*", "nvidia-cudnn-cu12==9.*"],
}
HEAD = "# Made by `make lock` for {}, from pyproject.toml and constraints.txt: change those. Where torch comes from: README.md.\n"


def main() -> None:
    """Ask pip what it would install, and write that down."""
    for name, needed in LOCKS.items():
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        command += ["--report", "-", "-c", str(ROOT / "constraints.txt"), *needed]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603  what pyproject.toml names
        report = json.loads(done.stdout)
        about = report["environment"]
        head = HEAD.format(
            f"Python {about['python_version']}, {about['sys_platform']}, {about['platform_machine']}"
        )
        lines = sorted(_pinned(one) for one in report["install"])
        (ROOT / "deploy" / name).write_text(head + "".join(lines), encoding="utf-8")


def _pinned(one: dict[str, Any]) -> str:
    name = re.sub(r"[-_.]+", "-", one["metadata"]["name"]).lower()
    digest = one["download_info"]["archive_info"]["hashes"]["sha256"]
    return f"{name}=={one['metadata']['version']} --hash=sha256:{digest}\n"


if __name__ == "__main__":
    main()
