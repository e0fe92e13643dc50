"""Fuzzers: whatever comes over HTTP is answered without a failure of ours, and what is refused leaves nothing behind.

RUNLORE_FUZZ says how many inputs each tries (docs/security.md tells what a long run found).
"""

import base64
import gzip
import json
import os
from itertools import count
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_workspace import ANA
from running_bot import RunningBot
from sqlalchemy import text

from bot import wire
from bot.errors import BadInput

TRIES = int(os.environ.get("RUNLORE_FUZZ", "15"))
CALM = settings(
    max_examples=TRIES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
OPERATIONS = [
    ("/api/v1/ingest", "POST"),
    ("/api/v1/heartbeat", "POST"),
    ("/api/v1/runs/{uid}/artifacts/{name}", "PUT"),
    ("/api/v1/runs/{project}/{ref}", "GET"),
    ("/api/v1/runs/{project}/{ref}/logs", "GET"),
    ("/api/v1/notes", "POST"),
    ("/api/v1/ask", "GET"),
    ("/api/v1/search", "GET"),
    ("/api/v1/login/start", "POST"),
    ("/api/v1/login/poll", "POST"),
    ("/healthz", "GET"),
    ("/readyz", "GET"),
    ("/metrics", "GET"),
]
TABLES = ("project", "run", "stream", "metric_summary", "param", "note", "outbox", "run_event", "log_chunk")

odd_text = st.text(max_size=30) | st.sampled_from(
    ["", "\x00", "\ud800", "a" * 300, "<@U0ANA>", "../..", "NaN", "\u202e"]
)
odd_number = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([0, -1, 1e308, 2**63, 2**53 + 1])
anything = st.recursive(
    st.none() | st.booleans() | odd_number | odd_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(odd_text, inner, max_size=4),
    max_leaves=12,
)
FIELDS = sorted({name for kind in wire.KINDS.values() for name in kind.model_fields} | {"seq", "extra"})
events = st.dictionaries(st.sampled_from(FIELDS), anything, max_size=6).flatmap(
    lambda fields: st.sampled_from([*wire.KINDS, "newer"]).map(lambda kind: {**fields, "t": kind})
)
packed = st.binary(max_size=40).map(lambda raw: base64.b64encode(raw).decode())
series = st.fixed_dictionaries(
    {"k": odd_text, "s": st.lists(st.integers(-5, 5) | odd_number, max_size=3),
     "ms": st.lists(st.integers(0, 2**42) | odd_number, max_size=3),
     "v": packed | odd_text | st.lists(odd_number | st.sampled_from(["nan", "inf", "x"]), max_size=3)}
) | anything  # fmt: skip
numbers = count()


@pytest.fixture(scope="module")
def token(running: RunningBot) -> str:
    return running.token(ANA)


def test_the_fuzzed_operations_are_all_there_are(running: RunningBot) -> None:
    described = running.web.get("/openapi.json").json()["paths"]
    there = {(path, method.upper()) for path, methods in described.items() for method in methods}
    assert there == set(OPERATIONS)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_no_request_that_the_description_allows_or_forbids_makes_the_bot_fail(
    running: RunningBot, token: str, path: str, method: str
) -> None:
    schema: Any = schemathesis.openapi.from_asgi("/openapi.json", running.web.app)
    operation = schema[path][method]
    strategy = operation.as_strategy() | operation.as_strategy(
        generation_mode=schemathesis.GenerationMode.NEGATIVE
    )

    @CALM
    @given(case=strategy)
    def try_it(case: Any) -> None:  # noqa: ANN401
        answer = case.call(headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code < 500, (answer.status_code, answer.text[:200])
        if answer.status_code >= 400 and path.startswith("/api/"):
            told = answer.json()
            assert "error" in told or "detail" in told or "next" in told

    try_it()


def held(bot: RunningBot) -> dict[str, int]:
    with bot.services.database.session() as session:
        return {
            table: int(session.execute(text(f'SELECT count(*) FROM "{table}"')).scalar() or 0)  # noqa: S608
            for table in TABLES
        }


@CALM
@given(some=st.lists(events, max_size=4), points=st.lists(series, max_size=3))
def test_any_records_are_taken_or_named_and_their_stream_goes_on(
    bot: RunningBot, some: list[dict[str, Any]], points: list[Any]
) -> None:
    """Bad records are left out one by one; the batch as a whole is taken, once."""
    number = next(numbers)
    told = [{**event, "seq": place} for place, event in enumerate(some)]
    size = len(told) + 10
    batch = {
        "v": 1, "project": "fuzz", "run": f"fuzz-run-{number:06d}", "stream": f"f022{number:028x}", "first": 0,
        "count": size, "sent_at": 1764000000.0, "events": told, "series": points,
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {bot.token(ANA)}"}
    body = json.dumps(batch).encode("utf-8", "surrogatepass")
    answer = bot.web.post("/api/v1/ingest", content=body, headers=headers)
    assert answer.status_code == 200, answer.text[:300]
    assert answer.json()["next"] == size
    before = held(bot)
    again = bot.web.post(
        "/api/v1/ingest", content=gzip.compress(body), headers=headers | {"Content-Encoding": "gzip"}
    )
    assert (again.status_code, again.json()["next"]) == (200, size)
    assert held(bot) == before


@CALM
@given(
    body=st.binary(max_size=60)
    | anything.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
)
def test_what_is_no_batch_leaves_nothing_behind(bot: RunningBot, body: bytes) -> None:
    before = held(bot)
    headers = {"Authorization": f"Bearer {bot.token(ANA)}"}
    for path in ("/api/v1/ingest", "/api/v1/heartbeat", "/api/v1/notes"):
        assert bot.web.post(path, content=body, headers=headers).status_code == 422
        packed_body = bot.web.post(path, content=body, headers=headers | {"Content-Encoding": "gzip"})
        assert packed_body.status_code == 422
    assert held(bot) == before


@settings(max_examples=20 * TRIES, deadline=None)
@given(event=events, points=series)
def test_the_parsers_refuse_in_one_way_only(event: dict[str, Any], points: Any) -> None:  # noqa: ANN401
    for parse, given_ in ((wire.parse_event, event), (wire.parse_series, points), (wire.parse_batch, points)):
        try:
            parse(given_)
        except BadInput:
            continue  # any other exception fails
