"""Send a run's streams to the server until it has everything: retry, resume, and never a refusal repeated for nothing."""

import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from runlore import batches, records
from runlore.batches import Source
from runlore.client import Answer, Client

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
LONGEST_RETRY_AFTER = 300.0
Report = Callable[[str, dict[str, Any]], None]


class Shipper:
    """Ships one run's directory, and the streams that lie in memory (`reserves`: how each is opened).

    `report` hears `run` (the server's answer), `problem`, `record_error`, `damaged`.
    """

    def __init__(
        self,
        directory: str,
        description: dict[str, Any],
        client: Client,
        *,
        report: Report,
        token: Callable[[], str | None] | None = None,
        reserves: Mapping[str, str] | None = None,
    ) -> None:
        self._directory = directory
        self._description = description
        self._client = client
        self._report = report
        self._token = token
        self._reserves = reserves or {}
        self._state = batches.read_state(directory)
        self._sources: dict[str, Source] = {}
        self._lock = threading.Lock()
        self._failures = 0
        self._damaged = 0
        self._problem = ""
        self._limit = batches.BATCH_RECORDS
        self.not_before = 0.0
        self.sent_bytes = 0
        self.known = False

    def ship(self, *, final: bool = False) -> bool:
        """Send what there is, as long as the server takes it; True when nothing is left of what was there."""
        with self._lock:
            self._find_streams()
            left = False
            for source in list(self._sources.values()):
                while found := source.take(final=final):
                    if not self._send(source, found[: self._limit]):
                        return False
                    left = True
                    if not (final or source.behind):
                        # What was written meanwhile makes a better batch later.
                        break
            if left:
                self._save()
            damaged = sum(source.damaged for source in self._sources.values())
            if damaged > self._damaged:
                self._report("damaged", {"bytes": damaged - self._damaged})
                self._damaged = damaged
            return True

    def heartbeat(self, *, next_in: float, readings: dict[str, float]) -> None:
        """A sign of life, as soon as the server knows the run."""
        if not self.known or time.monotonic() < self.not_before:
            return
        description = self._description
        answer = self._client.post("/api/v1/heartbeat", {
            "run": description["run"], "project": description["project"], "stream": description["stream"],
            "at": round(time.time(), 3), "next_in": next_in, "readings": readings,
        })  # fmt: skip
        if not answer.ok:
            self._failed(answer)

    def ask_where(self) -> None:
        """Hear the run's place again: its message has its permalink only once it was posted."""
        main = self._sources.get(self._description["stream"])
        if main is None or not self.known or time.monotonic() < self.not_before:
            return
        body = batches.nothing(self._description, main.stream, main.next)
        answer = self._client.post("/api/v1/ingest", body)
        if answer.ok and isinstance(answer.body.get("run"), dict):
            self._report("run", answer.body["run"])

    def remember(self, **facts: Any) -> None:
        """Keep facts beside the positions, over a restart."""
        with self._lock:
            self._state.update(facts)
            self._save()

    def recall(self, fact: str) -> Any:
        """What `remember` kept."""
        return self._state.get(fact)

    def _find_streams(self) -> None:
        main = self._description["stream"]
        positions = self._state.get("streams", {})
        found = sorted(records.segments(self._directory), key=lambda stream: stream != main)
        for stream in found:
            if stream not in self._sources:
                self._sources[stream] = Source(self._directory, stream, positions.get(stream, {}))
        for stream, memory in self._reserves.items():
            if stream not in self._sources:
                self._sources[stream] = Source(
                    self._directory, stream, positions.get(stream, {}), memory=memory
                )

    def _send(self, source: Source, found: list[records.Record]) -> bool:
        if time.monotonic() < self.not_before:
            return False
        body, end = batches.batch(self._description, source.stream, found)
        answer = self._client.post("/api/v1/ingest", body)
        if answer.ok and isinstance(answer.body.get("next"), int):
            return self._taken(source, answer, end)
        if answer.status == 409 and isinstance(answer.body.get("next"), int):
            return self._reposition(source, answer.body["next"])
        if answer.status in (400, 413, 422):
            return self._too_much(source, found, answer)
        self._failed(answer)
        return False

    def _taken(self, source: Source, answer: Answer, end: int) -> bool:
        self._failures, self._problem, self.not_before, self.known = 0, "", 0.0, True
        self._limit = min(self._limit * 2, batches.BATCH_RECORDS)
        source.ack(max(end, answer.body["next"]))
        self._save()
        for error in answer.body.get("errors") or []:
            self._report("record_error", error)
        if isinstance(answer.body.get("run"), dict):
            self._report("run", answer.body["run"])
        return True

    def _reposition(self, source: Source, wanted: int) -> bool:
        if wanted == source.next or not source.seek(wanted):
            self._failed(
                Answer(409, {}, None, f"the server asks for record {wanted}, which is no longer here")
            )
            return False
        return True

    def _too_much(self, source: Source, found: list[records.Record], answer: Answer) -> bool:
        """Halve the batch until it fits; one record that never does gives way to a note of its absence."""
        if len(found) > 1:
            self._limit = max(1, len(found) // 2)
            return True
        seq = found[0].seq
        body = batches.skipped(
            self._description, source.stream, seq, f"refused by the server: {answer.reason}"
        )
        again = self._client.post("/api/v1/ingest", body)
        if again.ok:
            return self._taken(source, again, seq + 1)
        self._failed(again)
        return False

    def _failed(self, answer: Answer) -> None:
        self._failures += 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._failures, 10))
        pause = random.uniform(pause / 2, pause)  # noqa: S311 - jitter
        if answer.retry_after is not None:
            pause = max(pause, min(answer.retry_after, LONGEST_RETRY_AFTER))
        self.not_before = time.monotonic() + pause
        if answer.status in (401, 403):
            self._fresh_token()
        if answer.reason != self._problem:
            self._problem = answer.reason
            self._report("problem", {"status": answer.status, "reason": answer.reason})

    def _fresh_token(self) -> None:
        """`runlore login` may have happened meanwhile."""
        token = self._token() if self._token else None
        if token and token != self._client.token:
            self._client.token = token
            self.not_before = 0.0

    def _save(self) -> None:
        self._state["streams"] = {
            **self._state.get("streams", {}),
            **{stream: source.state for stream, source in self._sources.items()},
        }
        batches.write_state(self._directory, self._state)


def reserve_path(fd: int) -> str | None:
    """How to open the in-memory reserve that came as a descriptor; None when there is none."""
    path = f"/proc/self/fd/{fd}"
    try:
        return path if "runlore" in os.readlink(path) else None
    except OSError:
        return None
