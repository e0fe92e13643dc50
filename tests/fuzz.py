"""Coverage-guided fuzzing of the parsers that read what strangers wrote; anything but the refusal that each promises is a finding.

In an environment that has atheris beside the bot (`pip install atheris`):
python tests/fuzz.py spool|wire|slack|words|archive -atheris_runs=1000000
"""

import base64
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import atheris
from pydantic import BaseModel

sys.path += [str(Path(__file__).parents[1] / "sdk" / "src"), str(Path(__file__).parents[1])]

with atheris.instrument_imports(include=["bot", "runlore", "storage"]):
    from bot import export, forms, grammar, import_notes, inbox, ingest_together, redact, slack_text, wire
    from bot.errors import BadInput
    from runlore import batches, records
    from storage import open_format

PLACE = Path(
    tempfile.mkdtemp(prefix="runlore-fuzz-", dir="/dev/shm")
)  # in memory: a file is written for each input
COLUMNS = [pair for columns in open_format.schema().values() for pair in columns.items()]
ABOUT = {"project": "fuzz", "run": "r" * 12}
KINDS = sorted(wire.KINDS)
MODELS: list[type[BaseModel]] = [*wire.KINDS.values(), wire.Batch, wire.Series, wire.Heartbeat]
WIRE = sorted({name for kind in MODELS for name in kind.model_fields})
# Their fields that people type into, and those that they choose in (Slack sends only what was offered).
FORMS: dict[str, tuple[list[str], dict[str, str]]] = {
    "note_edit": (["text:0:1:0", "fact:0:1", "text:1::0", "fact:1:"], {"role:0:1": "change", "role:1:": "problem"}),
    "digest_status": (["text"], {}),
    "answer_ask": (["text"], {"whom": "1,2"}),
    "note_new": (["text"], {}),
    "project_settings": (["aliases", "gpu_price", "goals"], {
        "log_tail": "last", "language": "en", "at": "09:00", "threading": "thread", "key_metric": "loss", "baseline": "1",
        "openness": "open", "digest": "brief", "days": "mon"}),
}  # fmt: skip
SLACK = ["event", "type", "user", "id", "channel", "ts", "message", "previous_message", "deleted_ts", "item", "files", "name", "mimetype",
         "subtype", "value", "selected_option", "selected_options", "text"]  # fmt: skip
ARCHIVE = sorted({name for name, _ in COLUMNS} | set(import_notes.Line.model_fields))


def spool(data: bytes) -> None:
    """A spool file as it may be left: raw bytes, then the same bytes as payloads of whole records."""
    given = atheris.FuzzedDataProvider(data)
    content = b""
    while given.remaining_bytes():
        if given.ConsumeBool():
            content += given.ConsumeBytes(given.ConsumeIntInRange(0, 60))
        else:
            kind = given.PickValueInList(sorted(records.KINDS))
            content += records.frame(kind, given.ConsumeBytes(given.ConsumeIntInRange(0, 60)))
    (PLACE / "fuzz-000000.spool").write_bytes(content)
    source = batches.Source(str(PLACE), "fuzz", {})
    expected = 0
    while found := source.take(final=True):
        body, end = batches.batch(ABOUT, "fuzz", found)
        assert body["first"] == expected
        assert end - body["first"] == body["count"] > 0
        json.dumps(body).encode()
        wire.parse_columns(body["series"])
        source.ack(end)
        expected = end
    source._close()
    batches.marks(str(PLACE / "fuzz-000000.spool"))


def read_wire(data: bytes) -> None:
    """A request's body: as it is, as one event of each kind, as one series."""
    value = read_json(data, WIRE)
    whole = {"v": 1, **ABOUT, "stream": "f" * 16, "first": 0, "count": 9, "sent_at": 0.0, "at": 0.0}
    for body in (
        data,
        json.dumps(value).encode(),
        json.dumps({**whole, **value} if isinstance(value, dict) else value).encode(),
    ):
        ingest_together.read_batch(body, None)
        ingest_together.read_beat(body, None)
    with suppress(BadInput):
        wire.parse_batch(value)
    with suppress(BadInput):
        wire.parse_series(value)
    if isinstance(value, dict):
        for kind in [*KINDS, "newer"]:
            with suppress(BadInput):
                stored(wire.parse_event({**value, "t": kind}).model_dump(mode="json"))
        redact.redact_all(wire.flatten(storable(value)))


def slack(data: bytes) -> None:
    """What Slack signs holds what people chose and typed: deliveries, forms, message texts and files."""
    value = read_json(data, SLACK)
    if not isinstance(value, dict):
        return
    inbox._who(value)
    inbox._subject(value)
    event = value.get("event")
    if isinstance(event, dict):
        inbox.is_own(event, "U0BOT")
        for file in slack_text.files_of(event):
            slack_text.is_memo(file), slack_text.is_audio(file), slack_text.artifact_kind(file)
    typed = [one for one in value.values() if isinstance(one, str)]
    for name, (fields, chosen) in FORMS.items():
        texts = {field: typed[place % len(typed)] if typed else None for place, field in enumerate(fields)}
        values = {field: {"it": {"value": text}} for field, text in (texts | chosen).items()}
        about = "1|C1" if name == "project_settings" else "1"
        with suppress(BadInput):
            forms.check_submission(
                {"callback_id": name, "private_metadata": about, "state": {"values": values}}
            )


def words(data: bytes) -> None:
    """What people type after `/runs`, in messages, and what a program logs."""
    text = atheris.FuzzedDataProvider(data).ConsumeUnicode(200)
    with suppress(grammar.GrammarError):
        grammar.parse(text, here="vision/1")
    plain = slack_text.plain(text)
    slack_text.without_mention(text, "U0BOT"), slack_text.run_refs(text), slack_text.permalinks(text)
    slack_text.links(text), redact.redact(text), redact.redact(plain)


def archive(data: bytes) -> None:
    """A line of an export, read as every table; a line of notes from elsewhere."""
    line = data.decode("utf-8", "replace")
    bad: list[import_notes.BadLine] = []
    list(import_notes._parse([(1, line)], bad))
    value = read_json(data, ARCHIVE)
    list(import_notes._parse([(1, json.dumps(value))], bad))
    if isinstance(value, dict):
        for name, kind in COLUMNS:
            with suppress(*export.NOT_AN_EXPORT):
                open_format._closed(kind, value.get(name))


def made(given: atheris.FuzzedDataProvider, names: list[str], room: int = 4) -> Any:  # noqa: ANN401
    """JSON of any shape whose objects have known names: mutated bytes alone would hardly ever be JSON."""
    kind = given.ConsumeIntInRange(0, 9 if room else 6)
    if kind == 0:
        return given.ConsumeInt(given.ConsumeIntInRange(1, 12))
    if kind == 1:
        return given.ConsumeFloat()
    if kind == 2:
        return given.PickValueInList([None, True, False, "", "nan", -1, 0, 2**63, 1e308])
    if kind in (3, 4, 5):
        return given.ConsumeUnicode(given.ConsumeIntInRange(0, 40))
    if kind == 6:
        return base64.b64encode(given.ConsumeBytes(16)).decode()
    many = range(given.ConsumeIntInRange(0, 5))
    if kind == 7:
        return [made(given, names, room - 1) for _ in many]
    return {given.PickValueInList(names): made(given, names, room - 1) for _ in many}


def read_json(data: bytes, names: list[str]) -> Any:  # noqa: ANN401
    """The bytes as `http` reads them; those that are no JSON as what one can be made of."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        given = atheris.FuzzedDataProvider(data)
        return {
            given.PickValueInList(names): made(given, names) for _ in range(given.ConsumeIntInRange(0, 8))
        }


def storable(value: Any) -> Any:  # noqa: ANN401
    """Nothing where it is refused."""
    try:
        return wire.storable(value)
    except BadInput:
        return {}


def stored(value: Any) -> None:  # noqa: ANN401
    """What is kept must be text that PostgreSQL takes."""
    assert "\x00" not in json.dumps(value, ensure_ascii=False)
    json.dumps(value, ensure_ascii=False).encode()


TARGETS: dict[str, Callable[[bytes], None]] = {
    "spool": spool,
    "wire": read_wire,
    "slack": slack,
    "words": words,
    "archive": archive,
}


def main(arguments: Iterable[str]) -> None:
    """Try until the number of runs, or the time, that libFuzzer was given."""
    name, *options = arguments
    atheris.Setup([sys.argv[0], *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    os.environ.setdefault("TZ", "UTC")
    main(sys.argv[1:])
