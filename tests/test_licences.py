"""Every file that the image installs is listed with its licence, and none of them binds what is built on it."""

import re

import pytest
from local_workspace import ROOT

PAGE = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
# Weak copyleft: used as libraries, unchanged, and replaceable; said by name so that a new one is noticed.
LIBRARIES_ONLY = {"psycopg", "psycopg-binary", "psycopg-pool"}
BINDING = re.compile(r"\bA?GPL|General Public", re.I)


@pytest.fixture(scope="module")
def rows() -> list[list[str]]:
    """(package, version, licence, first digits of the file's SHA-256)."""
    found = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.splitlines()
        if line.startswith("| ")
    ]
    return found[1:]


def test_the_list_is_of_the_very_files_that_the_locks_name(rows: list[list[str]]) -> None:
    """When this fails: `make lock`."""
    locks = "".join(
        (ROOT / "deploy" / name).read_text(encoding="utf-8")
        for name in ("requirements.lock", "requirements-cuda.lock")
    )
    locked = re.findall(r"^(\S+)==(\S+) --hash=sha256:([0-9a-f]{16})", locks, re.M)
    assert len(locked) > 100
    assert [(name, version, digest) for name, version, _, digest in rows] == sorted(locked)


def test_every_package_says_under_which_licence_it_is(rows: list[list[str]]) -> None:
    assert [name for name, _, said, _ in rows if not said or said == "see its files"] == []


def test_nothing_binds_what_is_built_on_it(rows: list[list[str]]) -> None:
    weak = {name for name, _, said, _ in rows if "Lesser" in said or "LGPL" in said}
    binding = {name: said for name, _, said, _ in rows if BINDING.search(said) and name not in weak}
    assert binding == {}
    assert weak == LIBRARIES_ONLY
