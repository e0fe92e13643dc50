"""Data in S3 and what is compatible with it is looked at with the keys of the environment; a change is one line in the digest."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from memory_of_a_team import NOW
from s3_store import Objects, s3_store
from sqlmodel import Session, select
from test_data_watch import DAY, Lake

from bot import digests
from bot.data_s3 import EMPTY, Store, authorization, object_state, store_of
from bot.digest_facts import collect
from bot.digest_messages import digest_message
from bot.plain_text import plain_text
from storage.database import Database
from storage.tables import DatasetVersion, Project


@pytest.fixture
def objects() -> Iterator[Objects]:
    with s3_store() as found:
        yield found


def store(objects: Objects, **values: str) -> Store:
    found = store_of(objects.environment(**values))
    assert found is not None
    return found


def digest(session: Session, lake: Lake, since: timedelta) -> str:
    project = session.get(Project, lake.project_id)
    assert project is not None
    told = collect(session, project, since=lake.now - since, until=lake.now + timedelta(seconds=1))
    message = digest_message(
        [told], since=lake.now - since, until=lake.now, zone=digests.zone_of("UTC"), whole=True
    )
    return plain_text("", message.blocks)


def test_a_changed_object_is_one_line_in_the_digest(
    database: Database, tmp_path: Path, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(database, tmp_path)
    for name, value in objects.environment().items():
        monkeypatch.setenv(name, value)
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
    before = object_state("s3://lake/day", store(objects), now=NOW)
    assert before is not None
    assert before["size"] == 10
    objects.held["lake/daylight.csv"] = b"changed"
    assert object_state("s3://lake/day/", store(objects), now=NOW) == before
    objects.held["lake/day/4 & more.csv"] = b"yyyy"
    after = object_state("s3://lake/day", store(objects), now=NOW)
    assert after is not None
    assert after["tag"] != before["tag"]


def test_what_is_not_there_or_not_ours_is_silence(objects: Objects) -> None:
    objects.held["lake/digits.csv"] = b"x"
    assert object_state("s3://lake/none.csv", store(objects), now=NOW) is None
    assert object_state("s3://lake/digits.csv", store(objects, secret="another"), now=NOW) is None
    assert objects.refused == 1
    assert object_state("s3://lake/digits.csv", store(objects), now=NOW) is not None
    nowhere = Store(endpoint="http://127.0.0.1:9", region="us-east-1", key="k", secret="s")
    assert object_state("s3://lake/digits.csv", nowhere, now=NOW) is None


@pytest.mark.parametrize(
    "address", ["s3://169.254.169.254/latest", "s3://user@10.0.0.1:80/x", "s3://../../etc/passwd"]
)
def test_an_address_chooses_no_host(objects: Objects, address: str) -> None:
    """Whatever stands for the bucket is a name at the operator's endpoint."""
    asked: list[str] = []
    objects.held = _Watched(asked)
    assert object_state(address, store(objects), now=NOW) is None
    assert asked


class _Watched(dict[str, bytes]):
    def __init__(self, asked: list[str]) -> None:
        super().__init__()
        self.asked = asked

    def get(self, key: str, default: object = None) -> None:  # type: ignore[override]
        self.asked.append(key)


def test_without_keys_there_is_no_store() -> None:
    assert store_of({}) is None
    assert store_of({"AWS_ACCESS_KEY_ID": "k"}) is None
    kept = store_of(
        {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "eu-west-1"}
    )
    assert kept is not None
    assert kept.endpoint == "https://s3.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("path", "query", "more", "signature"),
    [
        (
            "/test.txt",
            "",
            {"range": "bytes=0-9"},
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        ("/", "max-keys=2&prefix=J", {}, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)
def test_requests_are_signed_as_in_the_examples_that_aws_publishes(
    path: str, query: str, more: dict[str, str], signature: str
) -> None:
    example = Store(
        endpoint="https://examplebucket.s3.amazonaws.com", region="us-east-1", key="AKIAIOSFODNN7EXAMPLE",
        secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )  # fmt: skip
    headers = {
        "host": "examplebucket.s3.amazonaws.com",
        "x-amz-content-sha256": EMPTY,
        "x-amz-date": "20130524T000000Z",
    }
    assert authorization(example, "GET", path, query, headers | more).endswith(signature)
