"""Data in S3 and what is compatible with it is looked at by s3fs, with AWS's own settings; a change is one line in the digest."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from s3_store import Objects, s3_store
from s3fs import S3FileSystem
from sqlmodel import Session, select
from test_data_watch import DAY, Lake

from bot import digests
from bot.data_libraries import object_state
from bot.digest_facts import collect
from bot.digest_messages import digest_message
from bot.plain_text import plain_text
from storage.database import Database
from storage.tables import DatasetVersion, Project


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> Iterator[Objects]:
    """The store that the bot's environment names."""
    with s3_store() as found:
        for name, value in found.environment().items():
            monkeypatch.setenv(name, value)
        S3FileSystem.clear_instance_cache()  # one of an earlier test knows its store
        yield found
        S3FileSystem.clear_instance_cache()


def digest(session: Session, lake: Lake, since: timedelta) -> str:
    project = session.get(Project, lake.project_id)
    assert project is not None
    told = collect(session, project, since=lake.now - since, until=lake.now + timedelta(seconds=1))
    message = digest_message(
        [told], since=lake.now - since, until=lake.now, zone=digests.zone_of("UTC"), whole=True
    )
    return plain_text("", message.blocks)


def test_a_changed_object_is_one_line_in_the_digest(
    database: Database, tmp_path: Path, objects: Objects
) -> None:
    lake = Lake(database, tmp_path)
    objects.held["lake/day one/digits.csv"] = b"image,label\nx,1\n"
    with database.session() as session:
        for version in session.exec(select(DatasetVersion)):
            version.source, version.fingerprint = "s3://lake/day one/digits.csv", "url:digits"
    assert [lake.look(), lake.look(later=DAY)] == [0, 0]
    with database.session() as session:
        assert "🗃️" not in digest(session, lake, DAY)
    objects.held["lake/day one/digits.csv"] += b"y,2\n"
    assert lake.look(later=DAY) == 1
    assert lake.look(later=DAY) == 0
    with database.session() as session:
        assert digest(session, lake, 2 * DAY).count("🗃️ data digits changed") == 1
        assert set(lake.told(session)) == {"run:2:parent"}  # the best alone is told in its thread
    assert objects.refused == 0


def test_all_under_a_prefix_counts_as_one_however_many_pages_it_fills(objects: Objects) -> None:
    objects.page = 2
    for number in range(5):
        objects.held[f"lake/day/{number} & more.csv"] = b"x" * number
    objects.held["lake/daylight.csv"] = b"no part of it"
    before = object_state("s3://lake/day")
    assert before is not None
    assert before["size"] == 10
    objects.held["lake/daylight.csv"] = b"changed"
    assert object_state("s3://lake/day/") == before
    objects.held["lake/day/4 & more.csv"] = b"yyyy"
    after = object_state("s3://lake/day")
    assert after is not None
    assert after["tag"] != before["tag"]


def test_what_is_not_there_or_not_ours_is_silence(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    objects.held["lake/digits.csv"] = b"x"
    assert object_state("s3://lake/none.csv") is None
    assert object_state("s3://lake/digits.csv") is not None
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    S3FileSystem.clear_instance_cache()
    assert object_state("s3://lake/digits.csv") is None
    assert objects.refused
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    S3FileSystem.clear_instance_cache()
    assert object_state("s3://lake/digits.csv") is None


@pytest.mark.parametrize(
    "address", ["s3://169.254.169.254/latest", "s3://user@10.0.0.1:80/x", "s3://../../etc/passwd"]
)
def test_an_address_chooses_no_host(objects: Objects, address: str) -> None:
    """Whatever stands for the bucket is a name at the operator's endpoint, or is refused before anybody is asked."""
    asked: list[str] = []
    objects.held = _Watched(asked)
    assert object_state(address) is None
    assert bool(asked) is ("@" not in address)


class _Watched(dict[str, bytes]):
    def __init__(self, asked: list[str]) -> None:
        super().__init__()
        self.asked = asked

    def get(self, key: str, default: object = None) -> None:  # type: ignore[override]
        self.asked.append(key)
