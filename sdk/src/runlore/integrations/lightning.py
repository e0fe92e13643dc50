"""`Trainer(logger=RunloreLogger(project=…))` for Lightning 2, by either of its names."""

from collections.abc import Mapping
from typing import Any

from runlore import api
from runlore.recorder import Run

try:
    from lightning.pytorch.loggers.logger import Logger  # type: ignore[import-not-found, unused-ignore] # may be absent
    from lightning.pytorch.utilities.rank_zero import rank_zero_only  # type: ignore[import-not-found, unused-ignore] # same
except ImportError:
    from pytorch_lightning.loggers.logger import Logger  # type: ignore[import-not-found, no-redef, unused-ignore] # same
    from pytorch_lightning.utilities.rank_zero import (  # type: ignore[import-not-found, no-redef, unused-ignore] # same
        rank_zero_only,
    )


class RunloreLogger(Logger):  # type: ignore[misc, unused-ignore] # untyped where Lightning is absent
    """Starts its run at the first use; `finalize` ends it with the state that Lightning reports."""

    def __init__(self, run: Run | None = None, **arguments: Any) -> None:
        super().__init__()
        self._run = run
        self._own = run is None
        self._arguments = arguments

    @property
    def experiment(self) -> Run:
        """The run itself."""
        if self._run is None:
            self._run = api.init(**{"reinit": "create_new", **self._arguments})
        return self._run

    @property
    def name(self) -> str:
        """The project."""
        return self.experiment.project

    @property
    def version(self) -> str:
        """The run's id."""
        return self.experiment.id

    @rank_zero_only  # type: ignore[untyped-decorator, unused-ignore] # as above
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """What `self.log` collected."""
        self.experiment.log(dict(metrics), step=step)

    @rank_zero_only  # type: ignore[untyped-decorator, unused-ignore] # as above
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """What `save_hyperparameters` collected."""
        self.experiment.config.update(params)

    @rank_zero_only  # type: ignore[untyped-decorator, unused-ignore] # as above
    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """The newest checkpoint: what a killed run can go on from."""
        path = checkpoint_callback.last_model_path or checkpoint_callback.best_model_path
        if path:
            self.experiment.artifact(path, kind="checkpoint")

    @rank_zero_only  # type: ignore[untyped-decorator, unused-ignore] # as above
    def finalize(self, status: str) -> None:
        """Lightning says "success", "finished", "failed" or "interrupted"."""
        if self._run is not None and self._own:
            self._run.finish(exit_code=0 if status in ("success", "finished") else 1)
