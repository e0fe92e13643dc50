"""Which libraries differ from the best or the baseline, and which have newer releases, where an index can be asked."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import services_with
from kept_slack import KeptSlack
from memory_of_a_team import NOW, Team
from sqlmodel import Session, select

from bot import package_index, releases
from bot.dependencies import difference_words, newer
from bot.digest_facts import collect
from bot.views import run_view
from bot.wiring import Services
from storage.database import Database
from storage.tables import Environment, LibraryRelease, Project, Run

DAY = timedelta(days=1)


class Bench:
    """A project whose runs had different libraries."""

    def __init__(self, session: Session) -> None:
        self.session, self.team = session, Team(session)
        self.project = self.team.project("vision", self.team.channel("vision"))

    def run(self, value: float, **libraries: str) -> Run:
        names = {name.replace("_", "-"): version for name, version in libraries.items()}
        kept = Environment(fingerprint=f"{value}", libraries=names)
        self.session.add(kept)
        self.session.flush()
        run = self.team.run(
            self.project, metrics={"val_acc": value}, environment_id=kept.id, started_at=NOW - DAY / 4
        )
        run.ended_at = NOW - DAY / 8
        self.session.flush()
        return run


@pytest.fixture
def bench(session: Session) -> Bench:
    return Bench(session)


def test_a_run_is_compared_with_the_best_and_with_the_baseline_once_there_is_one(bench: Bench) -> None:
    first = bench.run(0.8, torch="2.8.0", numpy="2.4.6", zlib_x="1")
    best = bench.run(0.9, torch="2.9.0", numpy="2.4.6", zlib_x="1")
    mine = bench.run(0.7, torch="2.13.0", numpy="2.4.6", zlib_x="2")
    told = f"against best #{best.number}: torch 2.9.0 → 2.13.0, zlib-x 1 → 2"
    assert difference_words(bench.session, mine) == told
    bench.project.baseline_run_id = first.id
    assert str(difference_words(bench.session, mine)).startswith(
        f"against baseline #{first.number}: torch 2.8.0"
    )
    assert difference_words(bench.session, first) is not None  # the baseline itself, against the best


def test_what_is_alike_is_not_told(bench: Bench) -> None:
    bench.run(0.9, torch="2.9.0")
    assert difference_words(bench.session, bench.run(0.7, torch="2.9.0")) is None


def test_a_private_baseline_is_named_to_nobody(bench: Bench) -> None:
    secret = bench.run(0.9, torch="1.0")
    secret.visibility = "me"
    bench.project.baseline_run_id = secret.id
    assert difference_words(bench.session, bench.run(0.7, torch="2.9.0")) is None


@pytest.mark.parametrize(
    ("used", "newest", "is_newer"),
    [
        ("2.9.0", "2.13.0", True),
        ("2.13.0+cu128", "2.13.0", False),
        ("2.9", "2.9.1", True),
        ("2.13.0", "2.9.0", False),
        ("2.9.0", "2.10.0rc1", False),
        ("main", "2.0", False),
    ],
)
def test_versions_are_ordered_as_numbers(used: str, newest: str, is_newer: bool) -> None:
    assert newer(used, newest) is is_newer


class Index:
    """A package index: what it knows, what it was asked."""

    def __init__(self, **known: str) -> None:
        self.known, self.asked = known, list[str]()

    def newest(self, name: str) -> str | None:
        self.asked.append(name)
        return self.known.get(name)


def services(database: Database, *, later: timedelta = timedelta(), check: bool = True) -> Services:
    return services_with(database, KeptSlack(), lambda: NOW + later, check_releases=check)


def test_newer_releases_of_main_libraries_are_looked_for_once_a_day(database: Database) -> None:
    with database.session() as session:
        Bench(session).run(0.9, torch="2.9.0", numpy="2.4.6", some_tool="1.0")
    index = Index(torch="2.13.0", numpy="2.4.6")
    for later in (timedelta(), timedelta(hours=3), DAY):
        releases.look(services(database, later=later), newest=index.newest)
    assert index.asked == ["torch", "numpy"] * 2
    with database.session() as session:
        view = run_view(session, 1)
        assert releases.newer_words(session, view) == ["torch 2.13.0 is out, #1 ran with 2.9.0"]
        project = session.exec(select(Project)).one()
        told = [
            collect(session, project, since=NOW - DAY + days * DAY, until=NOW + days * DAY).releases
            for days in (0, 1)
        ]
        assert list(told[0]) == []  # seen first at the very bound: the next one's
        assert collect(session, project, since=NOW - DAY, until=NOW + DAY / 2).releases == [
            "torch 2.13.0 is out, #1 ran with 2.9.0"
        ]


def test_no_index_in_reach_is_no_news(database: Database) -> None:
    with database.session() as session:
        Bench(session).run(0.9, torch="2.9.0", numpy="2.4.6")
    index = Index()
    assert releases.look(services(database), newest=index.newest) == 0
    assert index.asked == ["torch"]  # and nobody waits for the others
    assert releases.look(services(database, check=False), newest=Index(torch="9").newest) == 0
    with database.session() as session:
        assert session.exec(select(LibraryRelease)).all() == []


def test_pip_is_asked_and_its_failure_is_silence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pip = tmp_path / "python"
    pip.write_text("#!/bin/sh\necho 'torch (2.13.0)'; echo 'Available versions: 2.13.0, 2.12.0'\n")
    pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(pip))
    assert package_index.newest_release("torch") == "2.13.0"
    assert package_index.newest_release("torchvision") is None
    pip.write_text("#!/bin/sh\nexit 1\n")
    assert package_index.newest_release("torch") is None
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    assert package_index.newest_release("torch") is None
