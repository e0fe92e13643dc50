"""What training machines send (docs/wire.md), parsed into types at the edge; a bad record never spoils the good ones."""

import base64
import math
import re
import struct
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import accumulate
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints, ValidationError

from bot.errors import BadInput

NAME_LIMIT = 250
VALUE_LIMIT = 20_000
NESTING_LIMIT = 100  # levels; the SDK sends at most a dozen
RUN_ID = r"^[A-Za-z0-9_-]{8,64}$"
STREAM_ID = r"^[0-9a-f]{16,64}$"

ProjectName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^/#@<>\x00-\x1f]+$"),
]
Whole = Annotated[int, Field(ge=0, lt=2**63)]
ShortText = Annotated[str, StringConstraints(max_length=VALUE_LIMIT)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=NAME_LIMIT)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Series(_Wire):
    """Points of one metric, in columns: steps and milliseconds as differences, values as numbers or packed."""

    k: Name
    s: list[int]
    ms: list[int]
    v: list[float | Literal["nan", "inf", "-inf"]] | str


class Batch(_Wire):
    """Records `first` to `first + count` of one stream."""

    v: int = 1
    project: ProjectName
    run: Annotated[str, StringConstraints(pattern=RUN_ID)]
    stream: Annotated[str, StringConstraints(pattern=STREAM_ID)]
    first: int = Field(ge=0)
    count: int = Field(ge=0)
    sent_at: FiniteFloat
    events: list[dict[str, Any]] = []
    series: list[Any] = []


class Heartbeat(_Wire):
    """A sign of life and the promise of the next."""

    project: ProjectName
    run: Annotated[str, StringConstraints(pattern=RUN_ID)]
    at: FiniteFloat
    next_in: float = Field(default=30, ge=0, le=86_400)
    readings: dict[str, Any] = {}


class Start(_Wire):
    at: FiniteFloat
    name: Name | None = None
    config: dict[str, Any] = {}
    tags: list[Name] = []
    notes: ShortText | None = None
    group: Name | None = None
    fork_of: Name | None = None
    resumed: bool = False
    visibility: Literal["project", "me"] = "project"
    entry: ShortText | None = None
    host: Name | None = None
    login: Name | None = None
    next_in: float = Field(default=30, ge=0, le=86_400)


class Config(_Wire):
    config: dict[str, Any]


class Summary(_Wire):
    summary: dict[str, Any]


class Tags(_Wire):
    add: list[Name] = []
    remove: list[Name] = []


class Renamed(_Wire):
    name: Name


class Define(_Wire):
    metric: Name
    goal: Literal["min", "max"] | None = None


class Alert(_Wire):
    at: FiniteFloat
    title: ShortText
    text: ShortText = ""
    level: str = "INFO"


class NoteSaid(_Wire):
    at: FiniteFloat
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=VALUE_LIMIT)]


class Progress(_Wire):
    done: float
    total: float | None = None
    expect_next_in: float | None = Field(default=None, ge=0, le=30 * 86_400)


class Dataset(_Wire):
    at: FiniteFloat
    name: Name
    fingerprint: Name
    source: ShortText | None = None
    format: Name | None = None
    rows: Whole | None = None
    columns: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    types: dict[str, str] = {}
    size: Whole | None = None
    filters: ShortText | None = None


class ArtifactSaid(_Wire):
    at: FiniteFloat
    name: Name
    kind: Name = "file"
    location: ShortText
    size: Whole | None = None
    sha256: Name | None = None


class LinkSaid(_Wire):
    at: FiniteFloat
    url: Annotated[str, StringConstraints(max_length=3000, pattern=r"^https?://")]
    title: Name | None = None


class Code(_Wire):
    commit: Name | None = None
    branch: Name | None = None
    remote: ShortText | None = None
    subject: ShortText | None = None
    dirty: bool = False
    diff: Annotated[str, StringConstraints(max_length=2_000_000)] | None = None
    entry: ShortText | None = None
    command: ShortText | None = None


class Env(_Wire):
    python: Name | None = None
    libraries: dict[str, str] = {}
    hardware: dict[str, Any] = {}
    host: Name | None = None


class LogLines(_Wire):
    at: FiniteFloat
    source: Literal["stdout", "stderr"] = "stdout"
    first_line: Whole = 0
    lines: list[str]


class Warning_(_Wire):
    at: FiniteFloat
    resource: Name
    text: ShortText
    used: float | None = None
    limit: float | None = None


class Finish(_Wire):
    at: FiniteFloat
    exit_code: int | None = 0
    failed: bool = False


class Exit(_Wire):
    model_config = ConfigDict(extra="allow", frozen=True)

    at: FiniteFloat
    state: Literal["finished", "failed", "killed", "preempted"]
    cause: ShortText | None = None
    signal: int | str | None = None
    exit_code: int | None = None
    oom: bool | None = None
    error: dict[str, Any] | None = None
    last_lines: list[str] = []
    checkpoint: dict[str, Any] | None = None
    resume: ShortText | None = None
    evidence: ShortText | None = None


class Unknown(_Wire):
    """An event of a newer SDK: kept as it came."""

    model_config = ConfigDict(extra="allow", frozen=True)

    t: str = "?"
    at: float = 0.0


KINDS: Mapping[str, type[_Wire]] = {
    "start": Start,
    "config": Config,
    "summary": Summary,
    "tags": Tags,
    "define": Define,
    "name": Renamed,
    "alert": Alert,
    "note": NoteSaid,
    "progress": Progress,
    "dataset": Dataset,
    "artifact": ArtifactSaid,
    "link": LinkSaid,
    "code": Code,
    "env": Env,
    "log": LogLines,
    "warning": Warning_,
    "finish": Finish,
    "exit": Exit,
}

Event = _Wire


def parse_batch(data: object) -> Batch:
    """A batch, or BadInput that names the first thing wrong with it."""
    try:
        return Batch.model_validate(data)
    except ValidationError as error:
        raise BadInput(describe(error)) from error


def parse_event(data: Mapping[str, Any]) -> Event:
    """One event of any kind; raises BadInput with what is wrong."""
    try:
        return KINDS.get(str(data.get("t")), Unknown).model_validate(storable(data))
    except ValidationError as error:
        raise BadInput(describe(error)) from error


def parse_series(data: object) -> tuple[str, list[float], list[float], list[float]]:
    """(name, steps, seconds, values) of equal length. Raises BadInput."""
    try:
        series = Series.model_validate(data)
    except ValidationError as error:
        raise BadInput(describe(error)) from error
    values = _unpacked(series.k, series.v) if isinstance(series.v, str) else [float(v) for v in series.v]
    if not len(series.s) == len(series.ms) == len(values):
        raise BadInput(f"{series.k}: s, ms and v differ in length")
    steps, moments = list(accumulate(series.s)), list(accumulate(series.ms))
    if max(map(abs, steps + moments), default=0) >= 2**63:
        raise BadInput(f"{series.k}: steps and times must fit into 64 bits")
    times = [moment / 1000 for moment in moments]
    return storable(series.k), [float(step) for step in steps], times, values


Columns = tuple[list[float], list[float], list[float]]  # steps, seconds of the trainer's clock, values


def parse_columns(series: Iterable[object]) -> tuple[dict[str, Columns], list[str]]:
    """The points of each metric of a batch, and what is wrong with the series that were left out."""
    columns: dict[str, Columns] = {}
    wrong: list[str] = []
    for raw in series:
        try:
            name, *more = parse_series(raw)
        except BadInput as problem:
            wrong.append(str(problem))
            continue
        steps, times, values = more
        if name in columns:
            for have, one in zip(columns[name], (steps, times, values), strict=True):
                have.extend(one)
        else:
            columns[name] = (steps, times, values)
    return columns, wrong


def answer(
    next_seq: int, *, project: str, number: int, name: str, state: str, channel: str | None, permalink: str | None
) -> dict[str, Any]:  # fmt: skip
    """docs/wire.md's answer about a run of a known project, all of whose records were good."""
    ref = f"{project}/{number}"
    return {
        "next": next_seq,
        "errors": [],
        "run": {
            "ref": ref,
            "number": number,
            "name": name,
            "state": state,
            "channel": f"#{channel}" if channel else None,
            "permalink": permalink,
            "message": f"{ref} → #{channel}" if channel else ref,
            "new_project": False,
            "nearest_project": None,
        },
    }


def _unpacked(name: str, packed: str) -> list[float]:
    """Doubles from base64 of their bytes: all first bytes, all second ones, and so on."""
    try:
        planes = base64.b64decode(packed, validate=True)
    except ValueError as error:
        raise BadInput(f"{name}: v is neither a list nor base64") from error
    count, rest = divmod(len(planes), 8)
    if rest:
        raise BadInput(f"{name}: packed values take eight bytes each")
    raw = bytearray(len(planes))
    for place in range(8):
        raw[place::8] = planes[place * count : (place + 1) * count]
    return list(struct.unpack(f"<{count}d", raw))


def describe(error: ValidationError) -> str:
    """The first problem of a validation in one line, without the offending value."""
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested names joined with dots: {"opt": {"lr": 1}} becomes {"opt.lr": 1}."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{path}.")
        else:
            flat[path[:NAME_LIMIT]] = value
    return flat


def moment(seconds: float, offset: float = 0.0) -> datetime:
    """Unix seconds of a trainer's clock as an aware time of ours; nonsense becomes the epoch's nearest bound."""
    there = seconds + offset
    bounded = min(max(there, 0.0), 4_102_444_800.0) if math.isfinite(there) else 0.0
    return datetime.fromtimestamp(bounded, UTC)


_NUL = re.compile("\x00")


def promise(raw: Mapping[str, Any]) -> float:
    """Seconds to the next sign of life that a raw start event promises; 0 of any other."""
    told = raw.get("next_in")
    return min(float(told), 86_400.0) if raw.get("t") == "start" and isinstance(told, int | float) else 0.0


def storable(value: Any, room: int = NESTING_LIMIT) -> Any:  # noqa: ANN401  JSON of any shape
    """PostgreSQL's text cannot hold NUL, and lone surrogates cannot be encoded. Raises BadInput for what is nested without end."""
    if isinstance(value, str):
        return _NUL.sub("", value).encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping | list) and not room:
        raise BadInput(f"it is nested deeper than {NESTING_LIMIT} levels")
    if isinstance(value, Mapping):
        return {storable(str(name)): storable(one, room - 1) for name, one in value.items()}
    if isinstance(value, list):
        return [storable(one, room - 1) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON columns hold no NaN
    return value
