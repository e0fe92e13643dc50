"""Writes the image's locks and their licences: every package at the version constraints.txt names, with the SHA-256 of its file.

Run by `make lock` with the image's Python and platform (3.11, linux, x86_64), for others have other files. pip looks where
it is told to; nothing is installed.
"""

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = {
    "requirements.lock": [
        *PROJECT["dependencies"],
        *PROJECT["optional-dependencies"]["s3"],
        "hatchling",  # builds the bot's own wheel
    ],
    "requirements-cuda.lock": ["nvidia-cublas-cu12==12.*", "nvidia-cudnn-cu12==9.*"],
}
LICENCES = ROOT / "docs" / "licences.md"
ABOUT = """# Licences of what the bot's image installs

The hook `runlore` needs nothing but Python. For the bot, made by `make lock` from the files that the locks name, by what those say of themselves; the last column begins the SHA-256 of each:

| package | version | licence | file |
|---|---|---|---|
"""
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
    LICENCES.write_text(ABOUT + "".join(sorted(_licences())), encoding="utf-8")


def _pinned(one: dict[str, Any]) -> str:
    name, digest = one["metadata"]["name"], one["download_info"]["archive_info"]["hashes"]["sha256"]
    return f"{_plain(name)}=={one['metadata']['version']} --hash=sha256:{digest}\n"


def _licences() -> Iterator[str]:
    """A row for each file that the locks name, fetched by its hash and read."""
    with tempfile.TemporaryDirectory() as folder:
        for lock in LOCKS:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
            command += ["-d", folder, "-r", str(ROOT / "deploy" / lock)]
            subprocess.run(command, check=True)  # noqa: S603  what the locks name
        for file in Path(folder).iterdir():
            about, digest = _about(file), hashlib.sha256(file.read_bytes()).hexdigest()
            yield f"| {_plain(about['Name'])} | {about['Version']} | {licence(about)} | {digest[:16]} |\n"


def _about(file: Path) -> Message:
    """The metadata inside a wheel or a source archive."""
    if file.suffix == ".whl":
        with zipfile.ZipFile(file) as wheel:
            return message_from_bytes(
                wheel.read(next(one for one in wheel.namelist() if one.endswith(".dist-info/METADATA")))
            )
    with tarfile.open(file) as archive:
        inner = archive.extractfile(
            next(one for one in archive.getnames() if one.count("/") == 1 and one.endswith("/PKG-INFO"))
        )
        return message_from_bytes(inner.read() if inner else b"")


def licence(about: Message) -> str:
    """What a package's metadata says, in a line."""
    kinds = [
        one.rsplit(" :: ", 1)[-1] for one in about.get_all("Classifier", []) if one.startswith("License ::")
    ]
    classified = ", ".join(kind for kind in kinds if kind != "OSI Approved")
    written = str(about.get("License", "")).strip().split("\n")[0]
    return str(about.get("License-Expression") or classified or written)[:80] or "see its files"


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main()
