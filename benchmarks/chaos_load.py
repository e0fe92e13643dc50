"""What a team does during chaos: trainers report as sidecars do, people answer in threads and send memos."""

import http.client
import json
import random
import threading
import time
import urllib.error
from typing import Any

from local_workspace import BEN, ROOT, RUNS, VISION, LocalWorkspace, SlackSaid
from running_bot import shown

from benchmarks.chaos_count import Told, key_of

Json = dict[str, Any]
LIFE_SECONDS = 40  # of a run
POINTS = 20  # a batch


class Trainer(threading.Thread):
    """One run after the other, each reported batch by batch to whichever web process answers."""

    def __init__(self, ports: list[int], token: str, told: Told, number: int) -> None:
        super().__init__(daemon=True, name=f"trainer-{number}")
        self._ports, self._token, self._told, self._number = ports, token, told, number
        self._leaving = threading.Event()

    def finish(self) -> None:
        """End the run in hand and stop."""
        self._leaving.set()
        self.join(120)

    def run(self) -> None:
        """Until `finish`."""
        life = 0
        while not self._leaving.is_set():
            self._train(f"chaos-{self._number}-{life:04d}", "chaos" if self._number % 2 else "vision")
            life += 1

    def _train(self, run: str, project: str) -> None:
        seq, step, begun = 0, 0, time.monotonic()
        start = {
            "t": "start",
            "name": run,
            "entry": f"train_{self._number}.py",
            "config": {"lr": 0.1, "run": run},
        }
        note = {"t": "note", "text": f"Said by the code of {run} at its start."}
        seq = self._send(run, project, seq, [start, note], 0, step)
        self._told.runs[run] = 0
        self._told.code_notes.add(str(note["text"]))
        alerts = 0
        while time.monotonic() - begun < LIFE_SECONDS and not self._leaving.is_set():
            events: list[Json] = []
            if step and step % (15 * POINTS) == 0:
                alerts += 1
                events = [{"t": "alert", "title": f"{run} alert {alerts:02d}", "text": "", "level": "WARN"}]
            seq = self._send(run, project, seq, events, POINTS, step)
            step += POINTS
            self._told.runs[run] = step
            self._told.alerts[run] = alerts
            self._leaving.wait(0.5)
        self._send(run, project, seq, [{"t": "exit", "state": "finished", "exit_code": 0}], 0, step)
        self._told.ended.add(run)

    def _send(self, run: str, project: str, first: int, events: list[Json], points: int, step: int) -> int:
        """Until it is acknowledged, by either process; a lost answer means that the same batch is sent again."""
        at = time.time()
        told = [{"at": at, **event, "seq": first + place} for place, event in enumerate(events)]
        series = [] if not points else [
            {"k": "loss", "s": [step, *[1] * (points - 1)], "ms": [int(at * 1000), *[1] * (points - 1)],
             "v": [float(one) for one in range(step, step + points)]}
        ]  # fmt: skip
        count = len(told) + points
        batch = {"v": 1, "project": project, "run": run, "stream": run.encode().hex().rjust(40, "0"), "first": first,
                 "count": count, "sent_at": at, "events": told, "series": series}  # fmt: skip
        body = json.dumps(batch).encode()
        headers = {"Authorization": f"Bearer {self._token}"}
        tries = 0
        while True:
            port = self._ports[(self._number + tries) % len(self._ports)]
            tries += 1
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                connection.request("POST", "/api/v1/ingest", body, headers)
                answer = connection.getresponse()
                said = json.loads(answer.read())
                if answer.status == 200 and not said["errors"]:
                    self._told.batches += 1
                    return int(said["next"])
                if answer.status in (401, 403, 422) or said.get("errors"):
                    raise SystemExit(f"A batch was refused: {answer.status} {said}")
            except (OSError, http.client.HTTPException, ValueError):
                self._told.sent_again += 1
            finally:
                connection.close()
            time.sleep(0.5)


class People(threading.Thread):
    """Ben answers in runs' threads; now and then he speaks."""

    def __init__(self, workspace: LocalWorkspace, told: Told, chance: random.Random) -> None:
        super().__init__(daemon=True, name="people")
        self._workspace, self._told, self._chance = workspace, told, chance
        self._leaving = threading.Event()

    def finish(self) -> None:
        """Stop talking."""
        self._leaving.set()
        self.join(60)

    def run(self) -> None:
        """Until `finish`."""
        turn = 0
        while not self._leaving.wait(3):
            turn += 1
            try:
                self._say(turn)
            except (SlackSaid, urllib.error.URLError, OSError):
                continue  # the workspace is busy with faults of its own

    def _say(self, turn: int) -> None:
        parents = [
            (channel, one)
            for channel in (RUNS, VISION)
            for one in self._workspace.messages(channel)
            # A digest is of many runs, and may name one: what is said under it is nobody's note.
            if one.get("bot_id") and not key_of(one).startswith("digest:")
            if any(run in shown(one) for run in list(self._told.runs))
        ]
        if not parents:
            return
        channel, parent = self._chance.choice(parents[-6:])
        thread = str(parent["ts"])
        names = [run for run in self._told.runs if run in shown(parent)]
        run = names[0] if names else self._chance.choice(list(self._told.runs))
        if turn % 8 == 0:
            self._workspace.upload_memo(
                BEN, channel, ROOT / "tests" / "data" / "audio" / "learning_rate.ogg", thread_ts=thread
            )
            self._told.memos += 1
            return
        words = f"Thought number {turn} about {run}: we lowered lr because it diverged."
        self._workspace.reply(BEN, channel, thread, words)
        self._told.replies.append(words)
