"""`study.optimize(objective, callbacks=[RunloreCallback()])`: a study is a sweep, each trial a run of it."""

import atexit
from typing import Any

from runlore import past, settings

STATES = {"COMPLETE": "finished", "PRUNED": "finished", "FAIL": "failed"}


class RunloreCallback:
    """Keeps every trial when it ends, and sends it in the background: the study waits for nothing."""

    def __init__(
        self, project: str | None = None, metric_name: str = "value", tags: list[str] | None = None
    ) -> None:
        self._project = project
        self._metric_name = metric_name
        self._tags = tags or []
        self._base: str | None = None

    def __call__(self, study: Any, trial: Any) -> None:
        """One trial that has ended."""
        if self._base is None:
            self._base = past.base_directory()
            atexit.register(past.send_in_background, self._base, last=True)
        started = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
        ended = trial.datetime_complete.timestamp() if trial.datetime_complete else started
        steps = sorted(trial.intermediate_values.items())
        points = [(step, ended, {self._metric_name: float(value)}) for step, value in steps]
        summary: dict[str, Any] = {"trial": trial.number}
        if trial.values:
            names = [self._metric_name] if len(trial.values) == 1 else self._names(study, len(trial.values))
            found = dict(zip(names, (float(value) for value in trial.values), strict=True))
            points.append((steps[-1][0] + 1 if steps else 0, ended, found))
            summary.update(found)
        run = past.PastRun(
            source=f"optuna:{study.study_name}:{started}:{trial.number}",
            project=self._project or settings.load().project or "uncategorized",
            name=f"{study.study_name}-{trial.number}", started=started, ended=ended,
            state=STATES.get(trial.state.name, "failed"), config=dict(trial.params), points=points,
            tags=[*self._tags, *(["pruned"] if trial.state.name == "PRUNED" else [])], notes=[], summary=summary,
            group=study.study_name, cause=trial.state.name.lower(), entry=f"optuna:{study.study_name}",
        )  # fmt: skip
        past.write(run, base=self._base)
        past.send_in_background(self._base)

    def _names(self, study: Any, count: int) -> list[str]:
        given = getattr(study, "metric_names", None)
        return list(given) if given else [f"{self._metric_name}_{index}" for index in range(count)]
