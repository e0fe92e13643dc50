"""Report training runs to Runlore: `runlore.init(project=…)`, `run.log({…})`, `run.finish()`."""

from typing import Any

from runlore.api import (
    alert,
    artifact,
    attach,
    dataset,
    define_metric,
    finish,
    init,
    link,
    log,
    note,
    progress,
    watch,
)
from runlore.recorder import Run
from runlore.version import VERSION as __version__

__all__ = [
    "Run",
    "__version__",
    "alert",
    "artifact",
    "attach",
    "dataset",
    "define_metric",
    "finish",
    "init",
    "link",
    "log",
    "note",
    "progress",
    "watch",
]


# Names of wandb, and names whose value changes: looked up when they are asked for.
_LATER = frozenset(
    "run config summary mirror autolog AlertLevel Artifact Settings log_artifact save login setup teardown unwatch "
    "mark_preempting require util log_model termwarn termlog termerror Image Audio Video Table Histogram Html Object3D Molecule Plotly "
    "Graph Classes BoxSet Box3D plot data_types".split()
)


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'runlore' has no attribute {name!r}")
    import runlore.compat as compat

    return compat.attribute(name)
