"""The HTTP API: training machines report here, programs ask, operators look; Slack's signed requests come in too."""

import asyncio
import json
import logging
import re
import zlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Annotated, Any, TypeVar

import psycopg
from fastapi import Depends, FastAPI, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, ValidationError
from slack_bolt import App, BoltRequest
from sqlalchemy import text
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session
from starlette.routing import request_response

from bot import api, figures, ingest, logins
from bot.errors import BadInput, Forbidden, NotFound, RunloreError
from bot.group_commit import GroupCommit
from bot.ingest_together import read_batch, read_beat
from bot.logs import also_about, kind_of
from bot.requests import Requests
from bot.tokens import Bearer, check
from bot.wire import Batch, Heartbeat, describe, parse_batch
from bot.wiring import Services

log = logging.getLogger(__name__)

TIMESTAMP = re.compile(r"[0-9]{1,12}")
LARGEST_BODY = 32 << 20
LARGEST_ARTIFACT = 64 << 20
# Starts and ends take many statements; more of them at a time would keep live runs from a turn and a connection.
ALONE_AT_ONCE = 8
AUTHORIZATION = {"name": "authorization", "in": "header", "required": False, "schema": {"type": "string"}}
READ_AT_ONCE = 16 << 10  # longer bodies are read in a thread: others are answered meanwhile


class TooLarge(RunloreError):
    """More was sent than is taken at once."""


class Unauthorised(RunloreError):
    """No valid token came with the request."""


class Frequent(APIRoute):
    """What every live run asks each second: its endpoint takes the request as it is, past FastAPI's third of the cost."""

    def __init__(self, path: str, endpoint: Callable[[Request], Awaitable[Response]], **more: Any) -> None:  # noqa: ANN401
        super().__init__(path, endpoint, **more)
        self.app = request_response(endpoint)


async def raw_body(request: Request) -> bytes:
    """The body as sent, unpacked if gzip; never more than the limit in memory, bombs included."""
    limit = LARGEST_ARTIFACT if "/artifacts/" in request.url.path else LARGEST_BODY
    packed = bytearray()
    async for chunk in request.stream():
        packed += chunk
        if len(packed) > limit:
            raise TooLarge(f"The body is larger than {limit >> 20} MiB: send smaller batches.")
    if request.headers.get("content-encoding", "").lower() != "gzip":
        return bytes(packed)
    unpacker = zlib.decompressobj(wbits=31)
    try:
        body = unpacker.decompress(bytes(packed), limit + 1)
    except zlib.error as error:
        raise BadInput(f"The body is not gzip: {error}.") from error
    if len(body) > limit:
        raise TooLarge(f"The body unpacks to more than {limit >> 20} MiB: send smaller batches.")
    if not unpacker.eof:
        raise BadInput("The gzip body is cut off.")
    return body


Parsed = TypeVar("Parsed", bound=BaseModel)
Body = Annotated[bytes, Depends(raw_body)]
Authorization = Annotated[str | None, Header()]


class NoteIn(BaseModel):
    """A note for a run, named as people name it."""

    run: str = Field(max_length=300)
    text: str = Field(min_length=1, max_length=20_000)


def build_http(services: Services, bolt: App | None = None) -> FastAPI:
    """The web application; `bolt` adds Slack's signed requests."""
    web = FastAPI(title="Runlore", version="1", summary="The shared memory of a machine-learning team.")

    def bearer(session: Session, header: str | None, scope: str) -> Bearer:
        found = check(session, header, scope=scope, now=services.now())
        if found is None:
            raise Unauthorised("No valid token: run `runlore login`, or set RUNLORE_TOKEN.")
        return found

    @contextmanager
    def reading(header: str | None) -> Iterator[tuple[Session, Bearer]]:
        """The token is checked where it was written; what is asked may be read from a replica."""
        with services.database.session() as session:
            who = bearer(session, header, "read")
        with services.database.read_session() as session:
            yield session, who

    together = GroupCommit(services)
    apart = ThreadPoolExecutor(ALONE_AT_ONCE, thread_name_prefix="alone")

    async def alone(
        take: Callable[[bytes, str | None], dict[str, Any]], body: bytes, header: str | None
    ) -> dict[str, Any]:
        within = copy_context().run  # what its log lines are about
        return await asyncio.get_running_loop().run_in_executor(apart, within, take, body, header)

    def take_alone(body: bytes, authorization: str | None) -> dict[str, Any]:
        with services.database.session() as session:
            who = bearer(session, authorization, "write")
            batch = parse_batch(_json(body))
            also_about(run=batch.run)
            return ingest.take(session, batch, who, services)

    def beat_alone(body: bytes, authorization: str | None) -> dict[str, Any]:
        heartbeat = _parsed(Heartbeat, body)
        also_about(run=heartbeat.run)
        with services.database.session() as session:
            return ingest.beat(session, heartbeat, bearer(session, authorization, "write"), services)

    async def take_batch(request: Request) -> Response:
        """A batch of records of one stream (docs/wire.md); a batch seen before changes nothing."""
        body, authorization = await raw_body(request), request.headers.get("authorization")
        small = len(body) <= READ_AT_ONCE
        plain = (
            read_batch(body, authorization)
            if small
            else await run_in_threadpool(read_batch, body, authorization)
        )
        if plain:
            also_about(run=plain.run)
        answer = await together.take(plain) if plain else None
        if answer is None:
            answer = await alone(take_alone, body, authorization)
        return JSONResponse(answer, status_code=409 if set(answer) == {"next"} else 200)

    async def take_heartbeat(request: Request) -> Response:
        """A sign of life, with a promise of the next."""
        body, authorization = await raw_body(request), request.headers.get("authorization")
        plain = read_beat(body, authorization) if len(body) <= READ_AT_ONCE else None
        if plain:
            also_about(run=plain.run)
        answer = await together.take(plain) if plain else None
        if answer is None:
            answer = await alone(beat_alone, body, authorization)
        return JSONResponse(answer)

    for path, endpoint, taken in (("ingest", take_batch, Batch), ("heartbeat", take_heartbeat, Heartbeat)):
        web.router.add_api_route(
            f"/api/v1/{path}",
            endpoint,
            methods=["POST"],
            tags=["training"],
            openapi_extra=_takes(taken) | {"parameters": [AUTHORIZATION]},
            route_class_override=Frequent,
        )

    @web.put("/api/v1/runs/{uid}/artifacts/{name}", tags=["training"])
    def take_artifact(uid: str, name: str, body: Body, authorization: Authorization = None) -> dict[str, str]:
        """A file of a run, kept in the home by its content."""
        with services.database.session() as session:
            return api.keep_artifact(
                session, services, bearer(session, authorization, "write"), uid, name, body
            )

    @web.get("/api/v1/runs/{project}/{ref}", tags=["reading"])
    def get_run(project: str, ref: str, authorization: Authorization = None) -> dict[str, Any]:
        """All of a run: `ref` is its number, name or `latest`."""
        with reading(authorization) as (session, who):
            return api.run(session, services, who, project, ref)

    @web.get("/api/v1/runs/{project}/{ref}/logs", tags=["reading"])
    def get_logs(
        project: str,
        ref: str,
        source: str | None = None,
        first: Annotated[int, Query(alias="from", ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
        authorization: Authorization = None,
    ) -> dict[str, Any]:
        """A run's output, line by line."""
        with reading(authorization) as (session, who):
            return api.logs(session, services, who, project, ref, source=source, first=first, limit=limit)

    @web.post("/api/v1/notes", tags=["training"], openapi_extra=_takes(NoteIn))
    def add_note(body: Body, authorization: Authorization = None) -> dict[str, Any]:
        """A note from a program or the command line."""
        note = _parsed(NoteIn, body)
        with services.database.session() as session:
            return api.add_note(
                session, services, bearer(session, authorization, "write"), note.run, note.text
            )

    @web.get("/api/v1/ask", tags=["reading"])
    def get_answer(
        q: Annotated[str, Query(min_length=1, max_length=2000)], authorization: Authorization = None
    ) -> dict[str, Any]:
        """Who has tried it?"""
        with reading(authorization) as (session, who):
            return api.ask(session, services, who, q)

    @web.get("/api/v1/search", tags=["reading"])
    def get_notes(
        q: Annotated[str, Query(min_length=1, max_length=2000)],
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        authorization: Authorization = None,
    ) -> dict[str, Any]:
        """Notes close to the words and the meaning of `q`."""
        with reading(authorization) as (session, who):
            return api.search(session, services, who, q, limit=limit)

    @web.post("/api/v1/login/start", tags=["login"])
    def start_login(body: Body) -> dict[str, Any]:
        """A code for a person to confirm in Slack."""
        with services.database.session() as session:
            return logins.start(session, _object(body), now=services.now())

    @web.post("/api/v1/login/poll", tags=["login"])
    def poll_login(body: Body) -> dict[str, Any]:
        """The token, once the person confirmed the code."""
        with services.database.session() as session:
            return logins.poll(session, _object(body), now=services.now())

    @web.get("/healthz", tags=["operating"], response_class=PlainTextResponse)
    def healthy() -> str:
        """The process answers."""
        return "ok"

    @web.get("/readyz", tags=["operating"])
    def ready() -> dict[str, str]:
        """The database answers too."""
        with services.database.session() as session:
            session.execute(text("SELECT 1"))
        return {"database": "ok"}

    @web.get("/metrics", tags=["operating"])
    def metrics() -> Response:
        """For Prometheus: what this process counted, and what the database holds; the former alone when it is away."""
        try:
            with services.database.read_session() as session:
                shown = figures.exposition(session)
        except (DBAPIError, PoolTimeout):
            shown = figures.exposition(None)
        return Response(shown, media_type=figures.CONTENT_TYPE)

    if bolt is not None and services.settings.slack_signing_secret is not None:  # else by Socket Mode alone
        _add_slack(web, bolt)
    for kind, status in STATUSES.items():
        web.add_exception_handler(kind, _answer(status))
    web.add_middleware(Requests, per_second=services.settings.requests_per_second)
    return web


STATUSES: dict[type[Exception], int] = {
    Unauthorised: 401,
    Forbidden: 403,
    NotFound: 404,
    TooLarge: 413,
    BadInput: 422,
    RunloreError: 400,
    DataError: 422,  # a value no column can hold; sending it again would not help
    OperationalError: 503,
    DBAPIError: 503,
    psycopg.DataError: 422,  # of statements that are written past SQLAlchemy
    psycopg.Error: 503,
    PoolTimeout: 503,
}


def _answer(status: int) -> Callable[[Request, Exception], Response]:
    def answer(request: Request, error: Exception) -> Response:
        if status == 503:
            log.error("database_did_not_answer", extra={"path": request.url.path, "reason": kind_of(error)})
            words = "The database does not answer. Nothing was taken; send it again."
            return JSONResponse({"error": words}, status_code=503, headers={"Retry-After": "2"})
        if isinstance(error, DataError | psycopg.DataError):
            log.error("value_out_of_range", extra={"path": request.url.path})
            return JSONResponse({"error": "A number or text in it is out of range."}, status_code=status)
        return JSONResponse({"error": str(error)}, status_code=status)

    return answer


def _takes(model: type[BaseModel]) -> dict[str, Any]:
    """What the body is, for the API's description: it is read by `raw_body`, inside its limit."""
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": model.model_json_schema()}},
        }
    }


def _parsed(model: type[Parsed], body: bytes) -> Parsed:
    try:
        return model.model_validate(_json(body))
    except ValidationError as error:
        raise BadInput(describe(error)) from error


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadInput("The body is not JSON.") from error


def _object(body: bytes) -> dict[str, Any]:
    data = _json(body)
    if not isinstance(data, dict):
        raise BadInput("The body is not a JSON object.")
    return data


def _add_slack(web: FastAPI, bolt: App) -> None:
    @web.post("/slack/events", include_in_schema=False)
    def slack(request: Request, body: Body) -> Response:
        """A plain function: Bolt's own adapter would dispatch inside the event loop and block it."""
        if not TIMESTAMP.fullmatch(request.headers.get("x-slack-request-timestamp", "")):
            return PlainTextResponse("no signature", status_code=401)  # slack_sdk would raise on it
        headers: dict[str, str | Sequence[str]] = {name: [value] for name, value in request.headers.items()}
        answer = bolt.dispatch(BoltRequest(body=body.decode("utf-8", "replace"), headers=headers))
        kept = {
            name: values[0] for name, values in answer.headers.items() if name.lower() != "content-length"
        }
        return Response(content=answer.body, status_code=answer.status, headers=kept)
