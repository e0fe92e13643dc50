"""When the data under a model changes, its runs say so: where it matters in their threads, else when one looks."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from fakes import services_with
from kept_slack import KeptSlack
from memory_of_a_team import NOW, Team
from sqlmodel import Session, col, select

from bot import data_watch, digests, runs
from bot.commands import compare_runs
from bot.data_files import look_at
from bot.data_libraries import object_state
from bot.data_web import NotAllowed, is_public, look_at_address
from bot.data_words import change_words
from bot.digest_facts import collect
from bot.digest_messages import digest_message
from bot.list_messages import run_show
from bot.plain_text import plain_text
from bot.run_messages import run_parent
from bot.views import run_view
from runlore.fingerprints import describe_address, describe_path
from storage.database import Database
from storage.ingest_queries import put_dataset
from storage.memory import Outbox
from storage.tables import DatasetVersion, Like, Project, Run

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TABLE = "image,label\n" + "x.png,1\n" * 50


class Lake:
    """A project of four runs that read a table, and a clock."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.now, self.folder = database, NOW, folder
        self.file = folder / "lake" / "digits.csv"
        self.file.parent.mkdir()
        self.file.write_text(TABLE)
        self.services = services_with(
            database, KeptSlack(), lambda: self.now, home=folder / "home", data_roots=str(folder)
        )
        with database.session() as session:
            team = Team(session)
            ana = team.person("ana")
            project = team.project("vision", team.channel("vision", ana), threading="run")
            self.project_id, self.ana_id = project.id or 0, ana.id or 0
            for value in (0.7, 0.9, 0.8, 0.6):
                run = team.run(project, ana, metrics={"val_acc": value}, started_at=NOW - 2 * DAY)
                run.ended_at = NOW - DAY
                self.reads(session, run)
                runs.announce(session, run, default_channel="C0VISION", now=NOW)

    def reads(self, session: Session, run: Run, *, source: str | None = None, content: str = TABLE) -> None:
        put_dataset(
            session,
            run,
            name="digits",
            fingerprint=f"sha256:{hashlib.sha256(content.encode()).hexdigest()}",
            now=NOW,
            source=source or str(self.file),
            rows=50,
            columns=2,
        )
        session.flush()

    def run(self, session: Session, number: int) -> Run:
        return session.exec(select(Run).where(Run.project_id == self.project_id, Run.number == number)).one()

    def look(self, *, later: timedelta = timedelta()) -> int:
        self.now += later
        return data_watch.look_again(self.services)

    def changes(self, content: str) -> int:
        """The table is written anew, and looked at a day later."""
        self.file.write_text(content)
        return self.look(later=DAY)

    def told(self, session: Session) -> dict[str, str]:
        """Replies about data: thread's parent -> text."""
        rows = session.exec(select(Outbox).where(col(Outbox.key).contains(":data:")))
        return {str(row.parent_key): str(row.body["text"]) for row in rows}


@pytest.fixture
def lake(database: Database, tmp_path: Path) -> Lake:
    found = Lake(database, tmp_path)
    assert found.look() == 0
    return found


LONGER = "image,label,split\n" + "x.png,1,train\n" * 60


def test_the_baseline_the_best_the_liked_and_the_forked_are_told_in_their_threads(lake: Lake) -> None:
    with lake.database.session() as session:
        session.add(Like(person_id=lake.ana_id, run_id=lake.run(session, 3).id or 0, kind="run", at=NOW))
    assert lake.changes(LONGER) == 1
    with lake.database.session() as session:
        threads = {f"run:{lake.run(session, number).id}:parent" for number in (2, 3)}  # the best, the liked
        told = lake.told(session)
        assert set(told) == threads
        assert set(told.values()) == {
            f"vision/{number}: its data digits changed: 50 → 60 rows (+20 %), column split added"
            for number in (2, 3)
        }


def test_a_change_is_told_once_and_the_next_one_again(lake: Lake) -> None:
    assert [lake.changes(LONGER), lake.look(later=DAY), lake.changes(TABLE * 2)] == [1, 0, 1]
    with lake.database.session() as session:
        assert len(session.exec(select(Outbox).where(col(Outbox.key).contains(":data:"))).all()) == 2


def test_all_others_show_it_when_somebody_looks(lake: Lake) -> None:
    lake.changes(LONGER)
    with lake.database.session() as session:
        one, other = lake.run(session, 1).id or 0, lake.run(session, 4).id or 0
        shown = run_show(run_view(session, one), now=NOW)
        assert "changed since: 50 → 60 rows (+20 %), column split added" in plain_text("", shown.blocks)
        compared = compare_runs(session, [one, other])
        assert "digits changed since: 50 → 60 rows" in plain_text("", compared.blocks).replace("`", "")


def test_the_digest_has_a_line_a_dataset(lake: Lake) -> None:
    lake.changes(LONGER)
    with lake.database.session() as session:
        project = session.get(Project, lake.project_id)
        assert project is not None
        told = collect(session, project, since=lake.now - HOUR, until=lake.now + HOUR)
        message = digest_message(
            [told], since=lake.now - HOUR, until=lake.now, zone=digests.zone_of("UTC"), whole=True
        )
        text = plain_text("", message.blocks)
        assert "🗃️ data digits changed: 50 → 60 rows (+20 %), column split added" in text


def test_data_that_is_as_it_was_again_has_not_changed(lake: Lake) -> None:
    assert [lake.changes(LONGER), lake.changes(TABLE)] == [1, 0]
    with lake.database.session() as session:
        assert session.exec(select(DatasetVersion.changed_at)).one() is None


def test_a_file_that_never_held_what_the_run_read_is_another_machines(
    database: Database, tmp_path: Path
) -> None:
    lake = Lake(database, tmp_path)
    lake.file.write_text("something,else\n1,2\n")
    assert [lake.look(), lake.changes(LONGER)] == [0, 0]
    with lake.database.session() as session:
        assert lake.told(session) == {}


def test_a_folder_has_the_same_fingerprint_as_the_hooks(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.csv").write_text(TABLE)
    (tmp_path / "two.bin").write_bytes(b"\x00\x01")
    for path in (tmp_path, tmp_path / "a" / "one.csv"):
        seen = look_at(path, most_bytes=1 << 20)
        assert seen is not None
        said = describe_path(str(path))
        assert (seen.fingerprint, seen.size) == (said["fingerprint"], said["size"])
        assert (seen.rows, seen.columns) == (said.get("rows"), said.get("columns"))


def test_the_hook_reads_no_address_and_tells_no_signature() -> None:
    told = describe_address("https://data.example.org/digits.csv?X-Amz-Signature=abc&version=2")
    assert (told["name"], told["source"]) == ("digits.csv", "https://data.example.org/digits.csv")
    assert told["fingerprint"].startswith("url:")
    versions = [describe_address(f"https://data.example.org/d?version={n}")["fingerprint"] for n in (1, 2)]
    assert versions[0] != versions[1]


def test_only_files_in_the_folders_that_may_be_read_are_read(lake: Lake, tmp_path: Path) -> None:
    settings = lake.services.settings
    (settings.home).mkdir()
    (settings.home / "secret").write_text("x")
    (tmp_path / "link").symlink_to("/etc/hostname")
    for source in (
        str(settings.home / "secret"),
        str(tmp_path / "link"),
        "/etc/hostname",
        "/proc/self/environ",
    ):
        assert data_watch.read(source, None, settings) is None
    everywhere = settings.model_copy(update={"data_roots": "/"})
    assert data_watch.read("/proc/self/environ", None, everywhere) is None
    assert data_watch.read(str(settings.home / "secret"), None, everywhere) is None


def test_looking_can_be_switched_off(lake: Lake) -> None:
    lake.services.settings.data_hours = 0
    assert lake.changes(LONGER) == 0


def test_a_run_on_other_data_than_its_parent_says_so_in_its_message(lake: Lake) -> None:
    with lake.database.session() as session:
        parent = lake.run(session, 1).id
        run = Run(uid="child", project_id=lake.project_id, number=5, name="child", parent_id=parent,
                  parent_source="fork_of", started_at=NOW, last_seen_at=NOW)  # fmt: skip
        session.add(run)
        session.flush()
        put_dataset(session, run, name="digits", fingerprint="sha256:other", now=NOW, rows=61, columns=2)
        session.flush()
        text = plain_text("", run_parent(run_view(session, run.id or 0, parents=True), now=NOW).blocks)
        assert "Other data than #1: data digits 50 rows, 2 columns → 61 rows, 2 columns" in text


def test_changes_are_told_in_words() -> None:
    assert change_words({"rows": 60_000}, {"rows": 61_200}) == "60,000 → 61,200 rows (+2 %)"
    assert change_words({"names": ["a", "b"]}, {"names": ["b", "c"]}) == "column a removed, column c added"
    assert change_words({"rows": 5, "size": 80}, {"rows": 5, "size": 80}) == "as many rows, of the same size"
    assert change_words({"size": 1000}, {"size": 2000}) == "1 kB → 2 kB (+100 %)"
    assert change_words({}, {}) == "other content"


class Shelf:
    """Data behind an address: its content and entity tag can be changed."""

    def __init__(self) -> None:
        self.content, self.tag, self.elsewhere = TABLE, "one", ""
        self.fetched, self.tagged = 0, True


@contextmanager
def served(shelf: Shelf) -> Iterator[str]:
    """The shelf on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shelf.fetched += 1
            if shelf.elsewhere:
                self.send_response(302)
                self.send_header("Location", shelf.elsewhere)
                self.end_headers()
                return
            body = shelf.content.encode()
            self.send_response(200)
            if shelf.tagged:
                self.send_header("ETag", shelf.tag)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/digits.csv"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_address_is_looked_at_only_where_its_host_is_public_or_allowed() -> None:
    shelf = Shelf()
    with served(shelf) as address, pytest.raises(NotAllowed):
        look_at_address(address, known=None, most_bytes=1 << 20, private_allowed=False)
    assert shelf.fetched == 0


@pytest.mark.parametrize(
    ("place", "public"),
    [
        ("93.184.215.14", True), ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True), ("127.0.0.1", False),
        ("10.1.2.3", False), ("169.254.169.254", False), ("100.64.0.1", False), ("224.0.0.251", False),
        ("::1", False), ("fe80::1", False), ("fd00::1", False), ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False), ("::", False),
    ],
)  # fmt: skip
def test_an_address_of_the_world_is_told_from_an_inner_one(place: str, public: bool) -> None:
    assert is_public(place) is public


@pytest.mark.parametrize(
    "inner", ["http://169.254.169.254/latest", "http://[::1]:1/", "http://10.0.0.1/", "file:///etc/passwd"]
)
def test_inner_addresses_are_refused_however_they_are_written(inner: str) -> None:
    try:
        assert look_at_address(inner, known=None, most_bytes=1 << 20, private_allowed=False) is None
    except NotAllowed:
        return
    assert inner.startswith("file:")


@pytest.mark.parametrize("tagged", [True, False])
def test_data_behind_an_address_is_seen_to_change(database: Database, tmp_path: Path, tagged: bool) -> None:
    shelf = Shelf()
    shelf.tagged = tagged
    with served(shelf) as address:
        lake = Lake(database, tmp_path)
        lake.services.settings.data_private_hosts = True
        with database.session() as session:
            for version in session.exec(select(DatasetVersion)):
                version.source, version.fingerprint = address, "url:digits"
        assert [lake.look(), lake.look(later=DAY)] == [0, 0]
        shelf.content, shelf.tag = LONGER, "two"
        assert lake.look(later=DAY) == 1
    with database.session() as session:
        assert list(lake.told(session).values()) == [
            "vision/2: its data digits changed: 50 → 60 rows (+20 %), column split added"
        ]


def test_a_redirect_inwards_is_refused() -> None:
    shelf, inner = Shelf(), Shelf()
    with served(inner) as secret, served(shelf) as address:
        shelf.elsewhere = secret.replace("127.0.0.1", "169.254.169.254")
        allowed = look_at_address(address, known=None, most_bytes=1 << 20, private_allowed=True)
        assert allowed is None  # nobody answers there
        shelf.elsewhere = "file:///etc/passwd"
        assert look_at_address(address, known=None, most_bytes=1 << 20, private_allowed=True) is None
        shelf.elsewhere = address  # in circles
        assert look_at_address(address, known=None, most_bytes=1 << 20, private_allowed=True) is None
    assert inner.fetched == 0


def test_what_is_too_large_is_not_read() -> None:
    shelf = Shelf()
    shelf.tagged = False
    with served(shelf) as address:
        assert look_at_address(address, known=None, most_bytes=100, private_allowed=True) is None


def test_an_object_store_is_asked_where_its_library_is_there(lake: Lake) -> None:
    fsspec = pytest.importorskip("fsspec")

    class Store(fsspec.AbstractFileSystem):  # type: ignore[misc, name-defined] # no types where it is absent
        """Holds one object, whose entity tag can be changed."""

        cachable = False
        tag = "one"

        def info(self, path: str, **_: object) -> dict[str, object]:
            if not path.endswith("bucket/digits.parquet"):
                raise FileNotFoundError(path)
            return {"name": path, "size": 1000, "ETag": Store.tag}

    fsspec.register_implementation("s3", Store, clobber=True)
    with lake.database.session() as session:
        for version in session.exec(select(DatasetVersion)):
            version.source, version.fingerprint = "s3://bucket/digits.parquet", "url:digits"
            version.looks = version.checked_at = None
    assert [lake.look(), lake.look(later=DAY)] == [0, 0]
    Store.tag = "two"
    assert lake.look(later=DAY) == 1
    for never in ("s3://bucket/none", "memory://x", "file:///etc/hostname", "nothing://x"):
        assert data_watch.read(never, None, lake.services.settings) is None


def test_all_objects_under_a_prefix_are_looked_at() -> None:
    fsspec = pytest.importorskip("fsspec")

    class Store(fsspec.AbstractFileSystem):  # type: ignore[misc, name-defined] # no types where it is absent
        """Holds two objects under one prefix, and an empty prefix."""

        cachable = False
        tags: ClassVar[dict[str, str]] = {"bucket/day/1.csv": "one", "bucket/day/2.csv": "two"}

        def info(self, path: str, **_: object) -> dict[str, object]:
            return {"name": path, "size": 0, "type": "directory"}

        def find(self, path: str, **_: object) -> dict[str, dict[str, object]]:
            found = {name: tag for name, tag in Store.tags.items() if name.startswith(path.split("://")[-1])}
            return {
                name: {"name": name, "size": 5, "ETag": tag, "type": "file"} for name, tag in found.items()
            }

    fsspec.register_implementation("s3", Store, clobber=True)
    before = object_state("s3://bucket/day")
    assert before is not None
    assert before["size"] == 10
    assert object_state("s3://bucket/day") == before
    Store.tags["bucket/day/2.csv"] = "three"
    assert object_state("s3://bucket/day") != before
    assert object_state("s3://bucket/none") is None
