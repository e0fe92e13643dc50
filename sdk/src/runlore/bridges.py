"""`runlore.mirror("wandb")` and its kin: a script written for another tracker reports here too, without an edit."""

import functools
import sys
from collections.abc import Callable
from typing import Any

from runlore import api
from runlore.recorder import Run

TRACKERS = ("wandb", "mlflow", "tensorboard")
_mirrored: set[str] = set()


def mirror(tracker: str, **arguments: Any) -> None:
    """From now on, what goes to this tracker goes here as well; call it before the script begins to log."""
    if tracker not in TRACKERS:
        raise ValueError(f"mirror({tracker!r}): it is one of {', '.join(TRACKERS)}")
    if tracker not in _mirrored:
        _mirrored.add(tracker)
        {"wandb": _wandb, "mlflow": _mlflow, "tensorboard": _tensorboard}[tracker](arguments)


def autolog(**arguments: Any) -> None:
    """Record every `fit` of scikit-learn."""
    from runlore.integrations import sklearn

    sklearn.autolog(**arguments)


def _after(owner: Any, name: str, act: Callable[..., None]) -> None:
    """Call `act` with the result and the arguments after each call of a function, whatever becomes of `act`."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def called(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        try:
            act(result, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the mirror must not disturb the script or its tracker
            sys.stderr.write(f"runlore: not mirrored: {type(error).__name__}: {error}\n")
        return result

    setattr(owner, name, called)


def _wandb(arguments: dict[str, Any]) -> None:
    import wandb  # type: ignore[import-not-found, unused-ignore] # may be absent

    runs: dict[str, Run] = {}

    def started(run: Any, *_: Any, **__: Any) -> None:
        if run is None or run.id in runs:
            return
        given = {
            "project": run.project, "name": run.name, "tags": list(run.tags or ()), "notes": run.notes,
            "group": run.group or None, "config": dict(run.config), "reinit": "create_new", **arguments,
        }  # fmt: skip
        runs[run.id] = api.init(**given)

    def logged(_: Any, run: Any, data: Any, step: Any = None, commit: Any = None, **__: Any) -> None:
        if run.id in runs:
            runs[run.id].log(data, step, commit)

    def alerted(_: Any, run: Any, title: str, text: str = "", level: Any = "INFO", **__: Any) -> None:
        if run.id in runs:
            runs[run.id].alert(title, text, level)

    def finished(_: Any, run: Any, exit_code: int | None = None, *__: Any, **___: Any) -> None:
        mirrored = runs.pop(run.id, None)
        if mirrored is not None:
            mirrored.config.update(dict(run.config))
            mirrored.finish(exit_code)

    _after(wandb, "init", started)
    _after(wandb.Run, "log", logged)
    _after(wandb.Run, "alert", alerted)
    _after(wandb.Run, "finish", finished)


def _mlflow(arguments: dict[str, Any]) -> None:
    from mlflow import MlflowClient  # type: ignore[import-not-found, unused-ignore] # may be absent

    runs: dict[str, Run] = {}

    def started(run: Any, client: Any, experiment_id: str, *_: Any, **__: Any) -> None:
        experiment = client.get_experiment(experiment_id).name
        project = "uncategorized" if experiment == "Default" else experiment
        given = {"project": project, "name": run.info.run_name, "reinit": "create_new", **arguments}
        runs[run.info.run_id] = api.init(**given)

    def metric(
        _: Any,
        client: Any,
        run_id: str,
        key: str,
        value: float,
        timestamp: Any = None,
        step: Any = None,
        *__: Any,
        **___: Any,
    ) -> None:
        if run_id in runs:
            runs[run_id].log({key: value}, step=step or 0)

    def param(_: Any, client: Any, run_id: str, key: str, value: Any, *__: Any, **___: Any) -> None:
        if run_id in runs:
            runs[run_id].config[key] = value

    def batch(
        _: Any, client: Any, run_id: str, metrics: Any = (), params: Any = (), *__: Any, **___: Any
    ) -> None:
        if run_id not in runs:
            return
        for one in metrics:
            runs[run_id].log({one.key: one.value}, step=one.step)
        if params:
            runs[run_id].config.update({one.key: one.value for one in params})

    def ended(_: Any, client: Any, run_id: str, status: str | None = None, *__: Any, **___: Any) -> None:
        run = runs.pop(run_id, None)
        if run is not None:
            run.finish(exit_code=0 if status in (None, "FINISHED") else 1)

    _after(MlflowClient, "create_run", started)
    _after(MlflowClient, "log_metric", metric)
    _after(MlflowClient, "log_param", param)
    _after(MlflowClient, "log_batch", batch)
    _after(MlflowClient, "set_terminated", ended)


def _tensorboard(arguments: dict[str, Any]) -> None:
    from torch.utils.tensorboard import SummaryWriter

    def begin() -> Run:
        return api.current() or api.init(**arguments)

    def scalar(
        _: Any, writer: Any, tag: str, scalar_value: Any, global_step: int | None = None, *__: Any, **___: Any
    ) -> None:
        begin().log({tag: scalar_value}, step=global_step)

    def hyperparameters(
        _: Any, writer: Any, hparam_dict: Any, metric_dict: Any, *__: Any, **___: Any
    ) -> None:
        begin().config.update(hparam_dict)

    _after(SummaryWriter, "add_scalar", scalar)
    _after(SummaryWriter, "add_hparams", hyperparameters)
