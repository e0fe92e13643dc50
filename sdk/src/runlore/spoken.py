"""What people say about a run besides its metrics: alerts, notes, progress, data, files, links, its name and tags."""

import math
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runlore import limits, values

ALERT_SECONDS = 60.0
LONGEST_SILENCE = 30 * 86_400.0
LONGEST_ADDRESS = 3000
LEVELS = ("INFO", "WARN", "ERROR")


class Spoken:
    """The part of a run that its author speaks through; `Run` keeps what is said."""

    def __init__(self, *, name: str, notes: str | None, tags: Iterable[str]) -> None:
        self._name = name
        self._notes = notes
        self._tags = tuple(tags)
        self._step = 0
        self._alerted: dict[str, float] = {}
        self._last: dict[str, Any] = {}
        self._goals: dict[str, str] = {}

    def _event(self, kind: str, /, **fields: Any) -> None:
        raise NotImplementedError

    def _safely(self, act: Callable[[], Any]) -> None:
        raise NotImplementedError

    def _wake(self) -> None:
        raise NotImplementedError

    def alert(
        self,
        title: str,
        text: str = "",
        level: Any = "INFO",
        wait_duration: Any = None,
    ) -> None:
        """Tell the channel; the same title is sent once per `wait_duration` (60 s)."""
        self._safely(lambda: self._alert(title, text, level, wait_duration))

    def _alert(self, title: str, text: str, level: Any, wait_duration: Any) -> None:
        wait = getattr(wait_duration, "total_seconds", lambda: wait_duration)()
        now = time.monotonic()
        before = self._alerted.get(str(title))
        if before is not None and now - before < (ALERT_SECONDS if wait is None else float(wait)):
            return
        self._alerted[str(title)] = now
        word = str(getattr(level, "value", level)).upper()
        heading = limits.visible(title).strip() or "alert"
        self._event("alert", title=heading, text=str(text), level=word if word in LEVELS else "INFO")
        self._wake()

    def note(self, text: str) -> None:
        """Why this run is done, or what was seen: kept and found like a note typed in Slack."""
        self._safely(lambda: self._note(limits.said(text)))

    def _note(self, text: str) -> None:
        if limits.visible(text).strip():
            self._event("note", text=text)

    def progress(
        self, done: float, total: float | None = None, *, expect_next_in: float | None = None
    ) -> None:
        """How far the run is, and when the next sign of life is due (before a long checkpoint, say)."""
        self._safely(lambda: self._progress(done, total, expect_next_in))

    def _progress(self, done: float, total: float | None, expect_next_in: float | None) -> None:
        far, next_in = values.number(done), values.number(expect_next_in)
        if far is None or not math.isfinite(far):
            raise TypeError(f"progress: a {type(done).__name__} is no number")
        self._event(
            "progress", done=far, total=values.number(total),
            expect_next_in=min(max(next_in, 0.0), LONGEST_SILENCE) if next_in is not None else None,
        )  # fmt: skip

    def define_metric(
        self,
        name: str,
        step_metric: str | None = None,
        goal: str | None = None,
        summary: str | None = None,
        **_: Any,
    ) -> None:
        """Which way is better: `goal="min"` or `"max"` (wandb's "minimize", "maximize" and `summary=` too)."""
        self._safely(lambda: self._define(name, goal, summary))

    def _define(self, name: str, goal: str | None, summary: str | None) -> None:
        word = str(goal if goal is not None else summary or "").lower()[:3]
        if word in ("min", "max"):
            self._goals[str(name)] = word
            for metric in list(self._last):
                self._tell_goal(metric, {str(name): word})
            if "*" not in str(name) and name not in self._last:
                self._event("define", metric=name, goal=word)
        elif goal is not None:
            raise ValueError(f"define_metric({name!r}, goal={goal!r}): it is 'min' or 'max'")

    def _tell_goal(self, metric: str, goals: Mapping[str, str]) -> None:
        """Which way is better for a metric whose name one of these fits; `*` stands for any characters, as in wandb."""
        from fnmatch import fnmatchcase

        for pattern, goal in goals.items():
            if metric == pattern or ("*" in pattern and fnmatchcase(metric, pattern)):
                self._event("define", metric=metric, goal=goal)

    def link(self, url: str, title: str | None = None) -> None:
        """A page that belongs to this run."""
        self._safely(lambda: self._link(str(url), title))

    def _link(self, url: str, title: str | None) -> None:
        if not url.startswith(("http://", "https://")) or len(url) > LONGEST_ADDRESS:
            raise ValueError(
                f"link: {url[:60]} is no http(s) address of at most {LONGEST_ADDRESS} characters"
            )
        self._event("link", url=url, title=title)

    def dataset(
        self,
        data: Any,
        name: str | None = None,
        filters: Any = None,
    ) -> None:
        """Which data this run read: its fingerprint, schema and the filters applied, never its values."""
        self._safely(lambda: self._dataset(data, name, filters))

    def _dataset(self, data: Any, name: str | None, filters: Any) -> None:
        from runlore import fingerprints

        if isinstance(data, str) and "://" in data:
            # Training waits for no network: the server looks at what lies behind an address.
            self._event("dataset", **fingerprints.describe_address(data, name), filters=filters)
        elif isinstance(data, (str, os.PathLike)):
            # The sidecar reads the files, so that training does not wait for it.
            self._event(
                "read_dataset",
                path=os.path.abspath(os.fspath(data)),
                name=name,
                filters=filters,
            )
        else:
            self._event("dataset", **fingerprints.describe(data, name=name), filters=filters)

    def artifact(self, path: Any, kind: str = "file", name: str | None = None) -> None:
        """A file this run made, such as a checkpoint: its place, size and hash are kept."""
        self._safely(lambda: self._artifact(path, kind, name))

    def _artifact(self, path: Any, kind: str, name: str | None) -> None:
        whole = os.path.abspath(os.fspath(path))
        self._event(
            "read_artifact", path=whole, name=name or os.path.basename(whole), kind=kind, step=int(self._step)
        )

    @property
    def name(self) -> str:
        """What people call the run; it may be set at any time."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._safely(lambda: self._rename(str(value)))

    def _rename(self, value: str) -> None:
        self._name = value
        self._event("name", name=value)

    @property
    def notes(self) -> str | None:
        """What the run is for; it may be set at any time."""
        return self._notes

    @notes.setter
    def notes(self, value: str) -> None:
        self._safely(lambda: self._explain(str(value)))

    def _explain(self, value: str) -> None:
        self._notes = value
        self.note(value)

    @property
    def tags(self) -> tuple[str, ...]:
        """Words to find the run by; assign to change them."""
        return self._tags

    @tags.setter
    def tags(self, value: Iterable[str]) -> None:
        self._safely(lambda: self._retag([value] if isinstance(value, str) else value))

    def _retag(self, value: Iterable[str]) -> None:
        new = tuple(str(tag) for tag in value)
        add, remove = [t for t in new if t not in self._tags], [t for t in self._tags if t not in new]
        self._tags = new
        self._event("tags", add=add, remove=remove)
