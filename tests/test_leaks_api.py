"""Over HTTP, a forbidden project is answered as one that was never made, with as much work, by every operation there is.

The operations are read from the API's own description: one that is added later is asked as well, and if it takes something
whose forbidden value is not known here, this fails until that is said.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from fastapi.testclient import TestClient
from memory_of_a_team import NOW
from sqlmodel import select
from two_worlds import PROJECTS, World, counted, worlds

from bot import tokens
from bot.http import build_http
from storage.database import Database
from storage.embedded import EmbeddedPostgres
from storage.tables import Person, Project

Json = dict[str, Any]
HIDDEN = "secretly"
# What is asked for: something forbidden, wherever a parameter or a field can name one.
FORBIDDEN: dict[str, list[Any]] = {
    "project": [HIDDEN],
    "ref": ["1", "latest", "best", "baseline", f"{HIDDEN}-otter-0", f"uid-{HIDDEN}-1"],
    "uid": [f"uid-{HIDDEN}-1"],
    "run": [f"uid-{HIDDEN}-3", f"{HIDDEN}/1", f"{HIDDEN}-otter-3"],
    "q": ["who tried secretly dropout", "warmup in secretly", "secretly_width"],
}
OTHERWISE: Json = {"name": "a.txt", "text": "we saw it too", "at": NOW.timestamp(), "sent_at": NOW.timestamp(), "stream": "f" * 32,
                   "first": 0, "count": 0, "limit": 10, "from": 0, "source": "stdout"}  # fmt: skip
# They name no run and no project: figures are counts for operators, a login is confirmed by its person.
OF_NOTHING = {"/healthz", "/readyz", "/metrics", "/api/v1/login/start", "/api/v1/login/poll"}
# What it is for is to make what is not there; what it tells of what is there has its own tests below.
MAKES = {"/api/v1/ingest"}


@pytest.fixture(scope="module")
def world(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with worlds(postgres, tmp_path_factory.mktemp("leaks-api")) as made:
        yield made


def web(world: World, database: Database) -> TestClient:
    return TestClient(build_http(replace(world.services, database=database)))


def token(database: Database, *, person: str | None = None, project: str | None = None) -> Json:
    with database.session() as session:
        who = session.exec(select(Person).where(Person.name == person)).first()
        of = session.exec(select(Project).where(Project.name == project)).first()
        made = tokens.create(session, now=NOW, person=who, project=of)
    return {"Authorization": f"Bearer {made}"}


def requests(path: str, operation: Json) -> Iterator[Json]:
    """Every way in which this operation can be asked for what is forbidden."""
    given = {
        one["name"]: (one["in"], one["required"])
        for one in operation.get("parameters", ())
        if one["in"] != "header"
    }
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    fields = body.get("required", [])
    needed = [name for name, (_, required) in given.items() if required] + fields
    unknown = set(needed) - FORBIDDEN.keys() - OTHERWISE.keys()
    assert not unknown, f"{path}: say in FORBIDDEN what a forbidden value of {unknown} is"
    named = [name for name in needed if name in FORBIDDEN]
    assert named, f"{path}: it names nothing that may be forbidden; if that is right, add it to OF_NOTHING"
    for chosen in product(*(FORBIDDEN[name] for name in named)):
        values = {
            **{name: OTHERWISE[name] for name in needed if name in OTHERWISE},
            **dict(zip(named, chosen, strict=True)),
        }
        filled = path.format(
            **{name: value for name, value in values.items() if given.get(name, ("",))[0] == "path"}
        )
        query = {name: value for name, value in values.items() if given.get(name, ("",))[0] == "query"}
        yield {
            "url": filled,
            "params": query,
            "json": {name: values[name] for name in fields} if fields else {},
        }


def operations(world: World) -> Iterator[tuple[str, str, Json]]:
    for path, methods in web(world, world.database).get("/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


@pytest.mark.parametrize("who", [{"person": "ben"}, {"person": "chloe"}, {"project": "openly"}], ids=str)
def test_every_operation_answers_for_a_forbidden_project_as_for_none(
    world: World, who: dict[str, str]
) -> None:
    hidden = set(PROJECTS) - {"openly"} if "project" in who else {HIDDEN}
    there, without = world.database, world.in_which(frozenset(hidden & {HIDDEN}))
    asked: set[str] = set()
    for path, method, operation in operations(world):
        if path in OF_NOTHING | MAKES:
            continue
        for request in requests(path, operation):
            told = []
            for database in (there, without):
                client, header = web(world, database), token(database, **who)
                with counted(database) as work:
                    answer = client.request(method, headers=header, **request)
                told.append((answer.status_code, answer.text, len(work)))
            assert told[0] == told[1], (method, request)
            assert HIDDEN not in told[0][1] or HIDDEN in str(request["params"]), (method, request)
            asked.add(path)
    assert len(asked) >= 6


def test_the_operations_that_are_left_out_are_there(world: World) -> None:
    assert {path for path, _, _ in operations(world)} >= OF_NOTHING | MAKES


START = {"seq": 0, "t": "start", "at": NOW.timestamp()}


def batch(run: str, project: str, **more: Any) -> Json:  # noqa: ANN401  fields of the batch
    body = {
        "v": 1,
        "project": project,
        "run": run,
        "stream": run.encode().hex()[:64].rjust(16, "0"),
        "first": 0,
        "count": 1,
    }
    return body | {"sent_at": NOW.timestamp(), "events": [START], "series": []} | more


@pytest.mark.parametrize("who", ["ben", "chloe"])
def test_who_reports_to_a_hidden_project_is_not_told_where(world: World, who: str) -> None:
    client, header = web(world, world.database), token(world.database, person=who)
    run = f"new-of-{who}-1"
    begun = client.post("/api/v1/ingest", json=batch(run, HIDDEN), headers=header).json()
    points: Json = {"events": [], "series": [{"k": "loss", "s": [1], "ms": [1], "v": [1.0]}], "first": 1}
    goes_on = client.post("/api/v1/ingest", json=batch(run, HIDDEN, **points), headers=header).json()
    asks = client.post(
        "/api/v1/ingest",
        json=batch(run, HIDDEN, **points | {"first": 2, "count": 0, "series": []}),
        headers=header,
    )
    for told in (begun, goes_on, asks.json()):
        assert told["errors"] == []
        assert (told["run"]["channel"], told["run"]["permalink"]) == (None, None)
    seen = token(world.database, person="dev")
    mine = client.post("/api/v1/ingest", json=batch("new-of-dev-1", HIDDEN), headers=seen).json()
    assert mine["run"]["channel"] == "#secret"


@pytest.mark.parametrize("who", [{"person": "ben"}, {"project": "openly"}], ids=str)
def test_a_run_of_others_that_is_not_seen_cannot_be_reported_to(world: World, who: dict[str, str]) -> None:
    client, header = web(world, world.database), token(world.database, **who)
    theirs = f"uid-{HIDDEN}-3"
    told = client.post("/api/v1/ingest", json=batch(theirs, "openly"), headers=header)
    assert told.status_code == 403
    assert HIDDEN not in told.text
    beat = {"project": HIDDEN, "run": theirs, "at": NOW.timestamp()}
    assert client.post("/api/v1/heartbeat", json=beat, headers=header).json() == {"state": "unknown"}
