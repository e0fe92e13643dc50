"""Asks the package index that pip is set up for which release of a library is the newest."""

import re
import subprocess
import sys

SECONDS = 30.0


def newest_release(name: str) -> str | None:
    """Its version; None where pip, the index or the library cannot be reached."""
    command = [sys.executable, "-m", "pip", "index", "versions", name]
    command += ["--disable-pip-version-check", "--no-input", "--retries", "0", "--timeout", "8"]
    try:
        told = subprocess.run(  # noqa: S603  the name comes from our own list
            command, capture_output=True, text=True, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(rf"{re.escape(name)} \(([^)\s]+)\)", told.stdout)
    return found[1] if told.returncode == 0 and found else None
