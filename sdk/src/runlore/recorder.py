"""A run: what `init` returns. Nothing in here raises into training code, and nothing waits except `finish`."""

import os
import sys
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from runlore import hooks, values
from runlore.recorded import Recorded, Summary
from runlore.spool import Spool
from runlore.wandb_run import AsInWandb

if TYPE_CHECKING:
    from runlore.launch import Sidecar

CHECK_SECONDS = 5.0
CLOSING = 0.05  # seconds of a promised wait that are left for what follows it
_now = time.time


class Run(AsInWandb):
    """One execution of training code."""

    def __init__(
        self,
        *,
        run_id: str,
        project: str,
        name: str,
        mode: str,
        directory: str = "",
        spool: Spool | None = None,
        config: Mapping[str, Any] | None = None,
        tags: Iterable[str] = (),
        notes: str | None = None,
        group: str | None = None,
        resumed: bool = False,
        rank: int = 0,
        silent: bool = False,
        exit_wait: float = 5.0,
    ) -> None:
        super().__init__(name=name, notes=notes, tags=tags)
        self.id = run_id
        self.project = project
        self.mode = mode
        self.dir = directory
        self.resumed = resumed
        self.rank = rank
        self._url: str | None = None
        self.group = group
        self._spool = spool
        self._sidecar: Sidecar | None = None
        self._restart_sidecar: Any = None
        self._silent = silent
        self._exit_wait = max(0.0, exit_wait - CLOSING)
        self._pid = os.getpid()
        self._warned: set[str] = set()
        self._finished = False
        self._output: Any = None
        self._check_from = 0.0
        self._check_at = _now() + CHECK_SECONDS
        self.config = Recorded(lambda fields: self._event("config", config=fields), self._warn, config)
        self.summary = Summary(lambda fields: self._event("summary", summary=fields), self._warn, self._last)

    # -- metrics ------------------------------------------------------------------------------------------

    def log(self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
        """Record values at a step; one step further after each call without `step`, unless `commit=False`."""
        spool = self._spool
        if spool is None:
            self._unheard()
            return
        try:
            if step is None:
                step = self._step
                following = step if commit is False else step + 1
            else:
                following = step
                if commit:
                    following = step + 1
            at = _now()
            if not self._check_from < at < self._check_at:
                self._check(at)
            if len(data) == 1:
                for name, value in data.items():
                    if type(value) is float or type(value) is int:
                        spool.point(step, at, name, value)
                        self._last[name] = value
                        self._step = following
                        return
            self._log_all(spool, data, step, at)
            self._step = following
        except (KeyError, OSError):
            # A new name, or a disk that refuses: the slow path knows what to do.
            self._log_safely(data, step, following)
        except Exception as error:  # noqa: BLE001 - logging must never end a training run
            self._log_safely(data, step, following, error)

    def _log_safely(self, data: Any, step: Any, following: Any, error: Exception | None = None) -> None:
        try:
            if self._spool is not None:
                whole = int(step)
                self._log_all(self._spool, data, whole, _now())
                # Only a step that was kept counts: what is none must not spoil those that follow it.
                self._step = whole if following is step else whole + 1
        except Exception as again:  # noqa: BLE001 - logging must never end a training run
            self._warn(f"log({type(data).__name__}) was left out: {error or again}")

    def _log_all(self, spool: Spool, data: Mapping[str, Any], step: int, at: float) -> None:
        last = self._last
        pairs: list[tuple[str, float]] = []
        for name, value in data.items():
            kind = type(value)
            if kind is float and type(name) is str and name in last:
                pairs.append((name, value))
                last[name] = value
            else:
                for whole, inner in values.flatten({name: value}):
                    self._log_value(pairs, whole, inner, step, at)
        if pairs:
            spool.points(step, at, pairs)

    def _log_value(self, pairs: list[tuple[str, float]], name: str, value: Any, step: int, at: float) -> None:
        if not name.strip("\0"):
            self._warn("a metric without a name was left out")
            return
        if len(name) > values.MAX_NAME:
            self._warn(f"metric name longer than {values.MAX_NAME} characters was left out: {name[:60]}…")
            return
        if isinstance(value, (list, tuple)) and len(value) == 1:
            # `scheduler.get_last_lr()`; an array of one element is a scalar too.
            value = value[0]
        number = values.number(value)
        if number is not None:
            if self._goals and name not in self._last:
                self._tell_goal(name, self._goals)
            pairs.append((name, number))
            self._last[name] = number
            return
        text = values.text(value)
        if text is None:
            self._warn(f"{name}: a {type(value).__name__} is neither a number nor text and was left out")
            return
        self._last[name] = text
        self._event("text", k=name, s=values.step(step), v=text)

    # -- wandb's properties ---------------------------------------------------------------------------------

    @property
    def url(self) -> str | None:
        """Where the run is in Slack, once that is known."""
        if self._sidecar is not None and self._pid == os.getpid():
            self._sidecar.listen("", 0)
            self._url = self._sidecar.said.get("run", {}).get("permalink") or self._url
        return self._url

    @property
    def step(self) -> int:
        """The step that the next `log` without one goes to."""
        return self._step

    @property
    def disabled(self) -> bool:
        """Whether nothing is recorded."""
        return self._spool is None

    # -- the end --------------------------------------------------------------------------------------------

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """End the run; waits until the server has everything, at most five seconds."""
        # What is no number says by being there that something went wrong.
        self._safely(
            lambda: self._finish(int(exit_code if isinstance(exit_code, int) else bool(exit_code)), None)
        )

    def finish_as_marked(self) -> None:
        """End the run as the `status` mark says that its command ended."""
        self._safely(lambda: self._finish(None, None))

    def _finish(self, exit_code: int | None, error: dict[str, str] | None) -> None:
        if self._finished:
            return
        self._finished = True
        hooks.forget(self)
        if self._output is not None:
            self._output.restore()
        if self._spool is None or self._pid != os.getpid():
            return
        if error:
            self.mark("exception", **error)
        if exit_code is not None and self.mode != "attached":
            self.mark("finish", exit_code=exit_code)
            if self.rank == 0:
                self._event("finish", exit_code=exit_code, failed=bool(exit_code))
        self._spool.close()
        self._spool = None
        if self._sidecar is not None:
            self._sidecar.wake(b"f")
            self._await("done")
            self._sidecar.close()

    def about_to_exit(self) -> None:
        """The interpreter is leaving: let the sidecar send what there is, then let it watch how the process ends."""
        self._safely(self._about_to_exit)

    def _about_to_exit(self) -> None:
        if self._spool is None or self._pid != os.getpid():
            return
        self.mark("atexit")
        self._spool.report_dropped()
        if os.getpid() == 1 and self.rank == 0:
            # The sidecar ends with the container: this is the last word that anybody can send.
            failed = any(mark["t"] == "exception" for mark in hooks.read_markers(self.dir))
            self._event("finish", exit_code=int(failed), failed=failed)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        if self._sidecar is not None:
            self._sidecar.wake(b"a")
            self._await("flushed")

    def _await(self, word: str) -> None:
        assert self._sidecar is not None  # noqa: S101 - both callers have just looked
        heard = self._sidecar.listen(word, self._exit_wait)
        # Of a problem the sidecar has told already what becomes of the run.
        known = heard or not self._sidecar.alive or self._sidecar.said.get("problem")
        if not known and self.mode == "online":
            self._say(
                f"still sending; it goes on behind this process, and `runlore sync {self.dir}` repeats it"
            )

    def __enter__(self) -> "Run":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        code = getattr(error, "code", None) if kind is SystemExit else None
        if kind is None or error is None or (kind is SystemExit and (code is None or isinstance(code, int))):
            # As the operating system sees it: -1 is 255.
            self.finish(code and code & 0xFF)
        else:
            exception = kind, error
            self._safely(lambda: self._finish(1, hooks.describe(*exception, trace)))

    def forked(self) -> None:
        """This is a forked child: it may log, into a stream of its own, and never ends the run."""
        self._output = None
        self._sidecar = None
        if self._spool is not None:
            self._spool.forked()

    def mark(self, kind: str, /, **fields: Any) -> None:
        """Leave a line beside the spool for the sidecar, if this is the process that it watches."""
        watched = self.dir and self.mode != "attached" and self._pid == os.getpid()
        if watched and not hooks.mark(self.dir, kind, **fields):
            # The spool has a reserve in memory.
            self._event("mark", mark={"t": kind, **fields})

    def __reduce__(self) -> Any:
        from runlore import api

        return api.attach, (self.dir, self.id, self.project, self._name)

    # -- inside ---------------------------------------------------------------------------------------------

    def _event(self, kind: str, /, **fields: Any) -> None:
        spool = self._spool
        if spool is None:
            self._unheard()
        else:
            self._safely(lambda: spool.event(kind, fields))

    def _wake(self) -> None:
        if self._sidecar is not None and self._pid == os.getpid():
            self._sidecar.wake(b"w")

    def _unheard(self) -> None:
        if self._finished and self.mode != "disabled":
            self._warn("the run is over: what comes after finish() is left out")

    def _safely(self, act: Any) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - the tracker must never end a training run
            self._warn(f"{type(error).__name__}: {error}")

    def _check(self, at: float) -> None:
        """Every few seconds, and when the clock jumped: is the spool's segment full, is the sidecar still there?"""
        self._check_from, self._check_at = at - 1, at + CHECK_SECONDS
        if self._spool is not None:
            self._spool.look()
        if self._sidecar is not None and self._pid == os.getpid():
            self._sidecar.listen("", 0)
            if not self._sidecar.alive and self._restart_sidecar is not None:
                self._sidecar.close()
                self._sidecar = self._restart_sidecar()

    def _warn(self, text: str) -> None:
        key = text[:80]
        if key not in self._warned and len(self._warned) < 1000:
            self._warned.add(key)
            self._say(text)

    def _say(self, text: str) -> None:
        if not self._silent:
            try:
                sys.stderr.write(f"runlore: {text}\n")
                sys.stderr.flush()
            except (OSError, ValueError, AttributeError):
                # No stderr to speak to (closed, or a windowed program).
                self._silent = True
