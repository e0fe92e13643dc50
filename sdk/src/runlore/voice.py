"""What the sidecar says: to people on the training process's stderr, and to that process through its pipe."""

import contextlib
import json
import os
from collections.abc import Callable
from typing import Any

from runlore import launch

# A run's message is posted a moment after the run was taken in: its permalink is asked for so often.
PLACE_TRIES = 4


class Voice:
    """Turns what the shipper reports into words, each said once; `problem` is why waiting for the server is no use."""

    def __init__(self, url: str, *, silent: bool) -> None:
        self.problem = ""
        self._url = url
        self._silent = silent
        self._announced = False
        self._place, self._place_asked = dict[str, Any](), 0

    def say(self, text: str) -> None:
        """A line for people."""
        if not self._silent and text:
            with contextlib.suppress(OSError):
                os.write(2, f"runlore: {text}\n".encode())

    def answer(self, word: str, value: Any) -> None:
        """A word for the training process, which may be waiting for it."""
        with contextlib.suppress(OSError):
            os.write(launch.BACK_FD, json.dumps({word: value}).encode() + b"\n")

    def hear(self, kind: str, body: dict[str, Any]) -> None:
        """What the shipper has to report."""
        if kind == "record_error":
            self.say(f"the server left out record {body.get('seq')}: {body.get('error')}")
        elif kind == "damaged":
            self.say(f"{body['bytes']} bytes of the spool were damaged and are left out")
        elif kind == "problem":
            self.say(explain(body, self._url))
            if body["status"] in (0, 401, 403):
                # Waiting will not help: whoever waits for us may go.
                self.problem = body["reason"]
                self.answer("problem", self.problem)
        elif kind == "run":
            if self.problem:
                self.problem = ""
                self.answer("problem", "")
            # Only the first answer knows that the project is new.
            self._place = {**body, **{k: v for k, v in self._place.items() if k.endswith("_project")}}

    @property
    def place_is_due(self) -> bool:
        """Whether the server has the run and people do not know yet where it is."""
        return bool(self._place) and not self._announced

    def find_place(self, ask: Callable[[], None], *, last: bool) -> None:
        """Say where the run is, with its permalink if there is one within a moment."""
        if not self.place_is_due:
            return
        self._place_asked += 1
        if not self._place.get("permalink"):
            ask()
        if self._place.get("permalink") or self._place_asked >= PLACE_TRIES or last:
            self.tell_place()

    def tell_place(self) -> None:
        """Say where the run is, once."""
        if self.place_is_due:
            self._announced = True
            self.answer("run", self._place)
            self.say(where(self._place))

    def close(self) -> None:
        """Whoever reads the run's output through a pipe must not have to wait for us."""
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (1, 2):
            os.dup2(null, fd)
        self._silent = True


def where(run: dict[str, Any]) -> str:
    """The line that tells people where their run is."""
    line = " ".join(str(run[part]) for part in ("message", "permalink") if run.get(part))
    line = line or f"{run.get('ref', '')}"
    if run.get("new_project"):
        near = run.get("nearest_project")
        line += f" (a new project{f'; did you mean {near}?' if near else ''})"
    return line


def explain(problem: dict[str, Any], url: str) -> str:
    """Why the server does not take the run, in words that help."""
    status, reason = problem["status"], problem["reason"]
    if status == 401:
        return (
            f"not logged in to {url} ({reason}): kept on this machine; `runlore login`, then `runlore sync`"
        )
    if status == 403:
        return f"{url} does not let this token in ({reason}): kept on this machine"
    if status == 0:
        return f"cannot reach {url} ({reason}): kept on this machine and sent when it answers"
    return f"{url} answers {status} ({reason}): kept on this machine and tried again"
