"""`lightgbm.train(callbacks=[RunloreCallback()])`: the evaluation of each round, with each metric's goal."""

from typing import Any

from runlore import api
from runlore.recorder import Run


class RunloreCallback:
    """Starts a run at the first round, unless there is one; `finish` it with the run's own method or `with`."""

    before_iteration = False
    order = 20

    def __init__(self, run: Run | None = None, **arguments: Any) -> None:
        self._run = run
        self._arguments = arguments
        self._begun = False
        self._own = False

    def __call__(self, env: Any) -> None:
        """One round."""
        run = self._run = self._run or api.current()
        if run is None:
            self._own = True
            run = self._run = api.init(**self._arguments)
        if not self._begun:
            self._begun = True
            run.config.update({"lightgbm": dict(env.params)})
            for data, metric, _, higher, *_ in env.evaluation_result_list:
                run.define_metric(f"{data}/{metric}", goal="max" if higher else "min")
        run.log(
            {f"{entry[0]}/{entry[1]}": entry[2] for entry in env.evaluation_result_list}, step=env.iteration
        )
        if self._own and env.iteration + 1 >= env.end_iteration:
            run.finish()
            self._run, self._own, self._begun = None, False, False
