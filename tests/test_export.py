"""Everything is exported in open formats and comes back into an empty home as it was; nobody's token goes along."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from every_table import SAID, fill
from sqlalchemy import text
from sqlmodel import select
from typer.testing import CliRunner

from bot import export, parquet
from bot.cli import app
from bot.errors import RunloreError
from bot.settings import Settings
from storage import open_format
from storage.backup import contents
from storage.database import Database
from storage.logs import read_log
from storage.series import read_series
from storage.tables import Project

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


def silent(table: str, count: int) -> None:
    """Progress nobody looks at."""


@pytest.fixture
def filled(database: Database) -> Database:
    with database.session() as session:
        fill(session)
    return database


def test_an_export_comes_back_row_by_row(filled: Database, second_database_url: str, tmp_path: Path) -> None:
    settings, target = Settings(home=tmp_path / "home"), tmp_path / "export"
    (settings.home / "artifacts" / "ab").mkdir(parents=True)
    (settings.home / "artifacts" / "ab" / "abcdef").write_bytes(b"weights")
    counts = export.export(filled, settings, target, now=NOW, progress=silent)
    assert set(counts) == {table.name for table in open_format.exported()}
    assert len([name for name, count in counts.items() if count]) >= 30
    other, home = Database(second_database_url), Settings(home=tmp_path / "other")
    assert export.bring_in(other, home, target, progress=silent) == counts
    assert (home.home / "artifacts" / "ab" / "abcdef").read_bytes() == b"weights"
    with filled.session() as here, other.session() as there:
        mine, theirs = contents(here), contents(there)
        same = [name for name in counts if name != "log_chunk"]  # compressed anew
        assert {name: theirs[name] for name in same} == {name: mine[name] for name in same}
        assert read_log(there, 1, source="stdout") == read_log(here, 1, source="stdout")
        values = read_series(there, 1, "train/loss").values
        assert values[0] == 1.5
        assert [math.isnan(values[1]), math.isinf(values[2])] == [True, True]
        # The next row continues the numbering.
        there.add(Project(name="next", created_at=NOW))
        there.flush()
        assert there.exec(select(Project.id).where(Project.name == "next")).one() == 2
        waiting = text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'read_note'")
        assert there.execute(waiting).scalar() == 1  # the typed note was never read
    other.close()


def test_no_secret_goes_along(filled: Database, tmp_path: Path) -> None:
    export.export(filled, Settings(home=tmp_path), tmp_path / "export", now=NOW, progress=silent)
    names = {file.stem for file in (tmp_path / "export").iterdir()}
    assert names & {"api_token", "login_request"} == set()
    whole = "".join(file.read_text(encoding="utf-8") for file in (tmp_path / "export").iterdir())
    assert "d" * 64 not in whole
    assert SAID in whole


def test_what_is_there_is_not_written_over(filled: Database, tmp_path: Path) -> None:
    settings, target = Settings(home=tmp_path), tmp_path / "export"
    export.export(filled, settings, target, now=NOW, progress=silent)
    with pytest.raises(RunloreError, match="exists already"):
        export.export(filled, settings, target, now=NOW, progress=silent)
    with pytest.raises(RunloreError, match="empty home"):
        export.bring_in(filled, settings, target, progress=silent)


@pytest.mark.parametrize("line", ["{broken", "[1]", '{"id": "x"}', '{"started_at": "noon"}', '{"number": 1}'])
def test_a_damaged_export_is_refused_in_words_and_leaves_nothing(
    filled: Database, second_database_url: str, tmp_path: Path, line: str
) -> None:
    export.export(filled, Settings(home=tmp_path), tmp_path / "all", now=NOW, progress=silent)
    with (tmp_path / "all" / "run.jsonl").open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    empty = Database(second_database_url)
    with pytest.raises(RunloreError, match=r"run\.jsonl is damaged"):
        export.bring_in(empty, Settings(home=tmp_path / "new"), tmp_path / "all", progress=silent)
    with empty.session() as session:
        assert open_format.is_empty(session)
    empty.close()
    assert not (tmp_path / "new").exists()


def test_parquet_holds_the_same_typed(filled: Database, tmp_path: Path) -> None:
    target = tmp_path / "export"
    counts = export.export(
        filled, Settings(home=tmp_path), target, now=NOW, parquet=parquet.write, progress=silent
    )
    for name, count in counts.items():
        assert pq.read_table(target / f"{name}.parquet").num_rows == count
    chunks = pq.read_table(target / "metric_chunk.parquet").to_pylist()
    assert chunks[0]["steps"] == [0.0, 1.0, 2.0]
    assert math.isinf(chunks[0]["values"][2])
    runs = pq.read_table(target / "run.parquet")
    assert str(runs.schema.field("started_at").type) == "timestamp[us, tz=UTC]"
    assert len(runs.column("vector").to_pylist()[1]) == 384


def test_the_command_line_exports_and_imports(
    filled: Database, database_url: str, second_database_url: str, tmp_path: Path
) -> None:
    target = tmp_path / "export"
    here = {"RUNLORE_DATABASE_URL": database_url, "RUNLORE_HOME": str(tmp_path / "here")}
    there = here | {"RUNLORE_DATABASE_URL": second_database_url}
    assert CliRunner().invoke(app, ["export", str(target)], env=here).exit_code == 0
    assert json.loads((target / "export.json").read_text())["columns"]["note"]["vector"] == "vector"
    done = CliRunner().invoke(app, ["import", str(target)], env=there)
    assert done.exit_code == 0, done.output
    other = Database(second_database_url)
    with other.session() as session:
        assert session.execute(text("SELECT count(*) FROM note")).scalar() == 2
    other.close()
