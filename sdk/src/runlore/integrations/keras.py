"""`model.fit(callbacks=[RunloreCallback()])`: the metrics of each epoch of a Keras model."""

from collections.abc import Mapping
from typing import Any

import keras  # type: ignore[import-not-found, unused-ignore] # may be absent

from runlore import api
from runlore.recorder import Run


class RunloreCallback(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore] # untyped where Keras is absent
    """Starts a run when training begins, unless there is one, and ends only what it has started."""

    def __init__(self, run: Run | None = None, log_batches: bool = False, **arguments: Any) -> None:
        super().__init__()
        self._run = run
        self._log_batches = log_batches
        self._arguments = arguments
        self._own = False
        self._batches = 0

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """The optimiser's settings and the model's size become params."""
        self._run = self._run or api.current()
        if self._run is None:
            self._own = True
            self._run = api.init(**self._arguments)
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is not None:
            self._run.config.update({"optimizer": optimizer.get_config()})
        self._run.config.update(
            {"model_parameters": self.model.count_params(), "fit": dict(self.params or {})}
        )

    def on_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """With `log_batches`, each batch too."""
        if self._log_batches and self._run is not None:
            self._run.log(
                {f"batch/{name}": value for name, value in (logs or {}).items()}, step=self._batches
            )
            self._batches += 1

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Keras's own names: `loss`, `val_loss` …"""
        if self._run is not None:
            self._run.log(dict(logs or {}), step=epoch)
            self._run.progress(epoch + 1, (self.params or {}).get("epochs"))

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """End what was started here."""
        if self._run is not None and self._own:
            self._run.finish()
            self._run, self._own = None, False
