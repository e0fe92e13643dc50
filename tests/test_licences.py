"""Every package that the bot needs to run is listed with its licence, and none of them binds what is built on it."""

import os
import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution

import pytest
from local_workspace import ROOT
from packaging.requirements import Requirement

PAGE = ROOT / "docs" / "licences.md"
HEAD = """# Licences of what the bot needs to run

The hook `runlore` needs nothing but Python. For the bot, as installed by `constraints.txt` (a test keeps this list true; RUNLORE_REWRITE_GOLDEN=1 writes it anew):

| package | licence |
|---|---|
"""
# Weak copyleft: used as libraries, unchanged, and replaceable; said by name so that a new one is noticed.
LIBRARIES_ONLY = {"psycopg", "psycopg-binary", "psycopg-pool"}
BINDING = re.compile(r"\bA?GPL", re.I)


def needed() -> dict[str, Distribution]:
    """The bot's own packages and all that they need, on this platform."""
    found: dict[str, Distribution] = {}
    waiting = [(one, "") for one in distribution("runlore-bot").requires or []]
    while waiting:
        line, extra = waiting.pop()
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = requirement.name.lower().replace("_", "-").replace(".", "-")
        try:
            known = distribution(requirement.name)
        except PackageNotFoundError:
            continue  # for another platform
        if name not in found:
            found[name] = known
            waiting += [(one, "") for one in known.requires or []]
        waiting += [
            (one, extra) for extra in requirement.extras for one in known.requires or [] if "extra" in one
        ]
    return found


def licence(of: Distribution) -> str:
    """What its metadata says, in a line."""
    told = {name: of.metadata[name] for name in ("License-Expression", "License") if name in of.metadata}
    said = told.get("License-Expression", "")
    if not said:
        kinds = [
            one.rsplit(" :: ", 1)[-1]
            for one in of.metadata.get_all("Classifier") or []
            if one.startswith("License ::")
        ]
        said = ", ".join(kind for kind in kinds if kind != "OSI Approved")
    if not said:
        said = told.get("License", "").strip().split("\n")[0]
    return said[:80] or "see its files"


@pytest.fixture(scope="module")
def rows() -> dict[str, str]:
    return {name: licence(found) for name, found in sorted(needed().items())}


def test_the_list_of_licences_is_true(rows: dict[str, str]) -> None:
    page = HEAD + "".join(f"| {name} | {said} |\n" for name, said in rows.items())
    if os.environ.get("RUNLORE_REWRITE_GOLDEN"):
        PAGE.write_text(page, encoding="utf-8")
    listed = set(re.findall(r"^\| ([a-z0-9-]+) \|", PAGE.read_text(encoding="utf-8"), re.M)) - {"package"}
    assert set(rows) - listed == set()


def test_nothing_binds_what_is_built_on_it(rows: dict[str, str]) -> None:
    binding = {name: said for name, said in rows.items() if BINDING.search(said) and "LGPL" not in said}
    assert binding == {}
    weak = {name for name, said in rows.items() if "Lesser" in said or "LGPL" in said}
    assert weak <= LIBRARIES_ONLY
