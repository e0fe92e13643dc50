"""`Trainer(callbacks=[RunloreCallback()])`: metrics, arguments, checkpoints and progress of a Hugging Face Trainer."""

from typing import Any

from transformers import TrainerCallback

from runlore import api
from runlore.past import rank_zero
from runlore.recorder import Run

PREFIXES = {"eval_": "eval/", "test_": "test/", "predict_": "predict/"}


class RunloreCallback(TrainerCallback):  # type: ignore[misc, unused-ignore] # untyped where transformers is absent
    """Starts a run when training begins, unless there is one, and ends only what it has started."""

    def __init__(self, run: Run | None = None, **arguments: Any) -> None:
        self._run = run
        self._arguments = arguments
        self._own = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The arguments and the model's own config become params."""
        if not rank_zero() or not state.is_world_process_zero:
            return
        self._run = self._run or api.current()
        if self._run is None:
            self._own = True
            self._run = api.init(**{"name": getattr(args, "run_name", None), **self._arguments})
        model: Any = kwargs.get("model")
        config: dict[str, Any] = args.to_sanitized_dict()
        if getattr(model, "config", None) is not None:
            config["model"] = model.config.to_diff_dict() if hasattr(model.config, "to_diff_dict") else None
        if hasattr(model, "num_parameters"):
            config["model_parameters"] = model.num_parameters()
        self._run.config.update(config)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """What the trainer logs, under `train/` and `eval/`."""
        if self._run is None or not state.is_world_process_zero:
            return
        self._run.log({_renamed(name): value for name, value in (logs or {}).items()}, step=state.global_step)
        if state.max_steps > 0:
            self._run.progress(state.global_step, state.max_steps)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Each checkpoint: what a killed run can go on from."""
        if self._run is not None and state.is_world_process_zero:
            self._run.artifact(f"{args.output_dir}/checkpoint-{state.global_step}", kind="checkpoint")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The best metric the trainer knows of."""
        if self._run is None:
            return
        if state.best_metric is not None:
            self._run.summary["best_metric"] = state.best_metric
        if self._own:
            self._run.finish()
            self._run, self._own = None, False


def _renamed(name: str) -> str:
    for prefix, better in PREFIXES.items():
        if name.startswith(prefix):
            return better + name.removeprefix(prefix)
    return name if name == "epoch" else f"train/{name}"
