"""Whatever people hand to the hook, the server takes each record that it writes: nothing is lost for being long or odd."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sdk_children as children
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import runlore
from bot import wire
from runlore import names, past, records
from runlore.batches import LOCAL_KINDS, Source
from runlore.recorder import Run
from runlore.spool import Spool

texts = st.text(max_size=30) | st.sampled_from(
    ["", " ", "\0", "x" * 300, "ü" * 21_000, "https://a.example/" + "x" * 3000]
)
odd = texts | st.none() | st.booleans() | st.integers() | st.floats() | st.lists(st.integers(), max_size=3) | st.dictionaries(texts, st.floats(), max_size=3)  # fmt: skip


def refused(directory: str, stream: str) -> list[str]:
    """What the server would say of the records that it leaves out."""
    source, errors = Source(directory, stream, {}), []
    while part := source.take(final=True):
        for record in part:
            if record.kind == records.EVENT and record.value["t"] not in LOCAL_KINDS:
                try:
                    wire.parse_event(json.loads(json.dumps({"seq": record.seq, **record.value})))
                except ValueError as error:
                    errors.append(f"{record.value['t']}: {error}")
        source.ack(part[-1].seq + 1)
    return errors


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_server_takes_whatever_is_said(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = str(tmp_path_factory.mktemp("spool"))
    spool = Spool(folder, run="r" * 12, project="vision", warn=lambda text: None)
    run = Run(
        run_id="r" * 12,
        project="vision",
        name="n",
        mode="offline",
        spool=spool,
        silent=True,
        directory=folder,
    )

    def any_of(strategy: st.SearchStrategy[object]) -> object:
        return data.draw(strategy)

    run.note(any_of(odd))  # type: ignore[arg-type]
    run.alert(any_of(odd), any_of(odd), any_of(odd))  # type: ignore[arg-type]
    run.progress(any_of(odd), any_of(odd), expect_next_in=any_of(odd))  # type: ignore[arg-type]
    run.link(any_of(texts), any_of(odd))  # type: ignore[arg-type]
    run.define_metric(any_of(texts.filter(lambda text: text.strip("\0"))), goal=any_of(odd))  # type: ignore[arg-type]
    run.dataset([1, 2], name=any_of(texts.filter(lambda text: text != "\0")) or "d", filters=any_of(odd))  # type: ignore[arg-type]
    run.tags = [any_of(odd), any_of(texts)]  # type: ignore[list-item]
    run.notes = any_of(odd)  # type: ignore[assignment]
    run.config.update({str(any_of(texts)): any_of(odd)})
    run.summary.update({str(any_of(texts)): any_of(odd)})
    run.log({str(any_of(texts)): any_of(odd)}, step=1)
    assert refused(folder, spool.stream) == []


def test_a_start_is_taken_however_long_its_words_are(tmp_path: Path) -> None:
    long = "ünï🚀 " * 200_000
    code = f"""
    long = {long!r}
    run = runlore.init(name=long, notes=long, group=7, tags=[3, long, ""], config={{"prompt": long, "parts": [long] * 900}})
    run.finish()
    """
    (tmp_path / "train.py").write_text("")
    env = children.environment(tmp_path / "spool", RUNLORE_MODE="offline")
    script = tmp_path / "script.py"
    script.write_text("import runlore\n" + "\n".join(line.strip() for line in code.strip().splitlines()))
    status, _, err = children.run(f"exec(open({str(script)!r}).read())", env)
    assert (status, "the config is too large" in err) == (0, True), err[-1000:]
    (directory,) = (path.parent for path in (tmp_path / "spool").glob("*/run.json"))
    started = False
    for stream in records.segments(str(directory)):
        assert refused(str(directory), stream) == []
        found = Source(str(directory), stream, {}).take(final=True)
        started |= any(
            r.kind == records.EVENT and r.value["t"] == "start" and r.value["group"] == "7" for r in found
        )
    assert started


@given(st.text(max_size=200))
def test_any_project_of_another_tracker_has_a_name_here(name: str) -> None:
    nearest = names.project_name(name)
    body = {"project": nearest, "run": "r" * 12, "stream": "0" * 16, "first": 0, "count": 0, "sent_at": 0.0}
    assert wire.parse_batch(wire.storable(body)).project == wire.storable(nearest)
    assert names.project_name(nearest) == nearest


def test_a_project_that_cannot_be_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="without / # @ < >, such as 'Users-ana-vision'"):
        runlore.init(project="/Users/ana/vision", mode="disabled")
    env = children.environment(tmp_path / "spool")
    done = children.command("run", "--project", "a/b", "--", "true", env=env)
    assert (done.returncode, "such as 'a-b'" in done.stderr) == (1, True)


def test_a_past_run_of_a_project_with_slashes_is_kept(tmp_path: Path) -> None:
    run = past.PastRun(
        source="mlflow:1", project="/Users/ana/vision", name="n" * 300, started=1.0, ended=2.0, state="finished", config={},
        points=[(0, 1.0, {"loss": 1.0})], tags=["a=" + "b" * 300], notes=["long " * 10_000], summary={},
    )  # fmt: skip
    directory = past.write(run, base=str(tmp_path))
    assert directory is not None
    assert json.loads(Path(directory, "run.json").read_text())["project"] == "Users-ana-vision"
    (stream,) = records.segments(directory)
    assert refused(directory, stream) == []
