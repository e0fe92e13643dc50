"""Runs from an MLflow store (a server, a database or a folder), read through mlflow's own package."""

from collections.abc import Iterator
from typing import Any

from runlore.past import PastRun

STATES = {
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "killed",
    "RUNNING": "lost",
    "SCHEDULED": "lost",
}
PAGE = 200


def _client(source: str) -> Any:
    from mlflow import MlflowClient  # type: ignore[import-not-found, unused-ignore] # the user's own

    return MlflowClient(tracking_uri=source)


def _runs(client: Any) -> Iterator[tuple[str, Any]]:
    for experiment in client.search_experiments():
        token = None
        while True:
            page = client.search_runs([experiment.experiment_id], max_results=PAGE, page_token=token)
            for run in page:
                yield experiment.name, run
            token = page.token
            if not token:
                break


def count(source: str) -> int | None:
    """How many runs there are."""
    return sum(1 for _ in _runs(_client(source)))


def read(source: str) -> Iterator[PastRun]:
    """Each run of each experiment."""
    client = _client(source)
    parents: dict[str, str] = {}
    for experiment, run in _runs(client):
        yield _run(client, experiment, run, parents)


def _group(client: Any, parent: str | None, parents: dict[str, str]) -> str | None:
    """The name of the run that this one is nested in."""
    if parent and parent not in parents:
        parents[parent] = client.get_run(parent).info.run_name or parent
    return parents[parent] if parent else None


def _typed(text: str) -> Any:
    """MLflow keeps params as text: a number is one again, so that it can be compared."""
    try:
        number = float(text)
    except ValueError:
        return {"True": True, "False": False, "None": None}.get(text, text)
    return int(text) if text.lstrip("+-").isdigit() else number


def _run(client: Any, experiment: str, run: Any, parents: dict[str, str]) -> PastRun:
    points: list[tuple[int, float, dict[str, float]]] = []
    for name in run.data.metrics:
        for metric in client.get_metric_history(run.info.run_id, name):
            points.append((metric.step, metric.timestamp / 1000, {name: metric.value}))
    tags = run.data.tags
    note = tags.get("mlflow.note.content")
    started = (run.info.start_time or 0) / 1000
    return PastRun(
        source=f"mlflow:{run.info.run_id}", project="uncategorized" if experiment == "Default" else experiment,
        name=run.info.run_name or run.info.run_id[:8], started=started,
        ended=run.info.end_time / 1000 if run.info.end_time else None, state=STATES.get(run.info.status, "lost"),
        config={**{name: _typed(value) for name, value in run.data.params.items()}, **_model(tags)}, points=sorted(points, key=lambda point: point[1]),
        tags=[f"{name}={value}" for name, value in tags.items() if not name.startswith("mlflow.")],
        notes=[note] if note else [], summary={}, group=_group(client, tags.get("mlflow.parentRunId"), parents), login=tags.get("mlflow.user"),
        entry=tags.get("mlflow.source.name"), commit=tags.get("mlflow.source.git.commit"),
    )  # fmt: skip


def _model(tags: dict[str, str]) -> dict[str, str]:
    dataset = tags.get("mlflow.data.context")
    return {"data_context": dataset} if dataset else {}
