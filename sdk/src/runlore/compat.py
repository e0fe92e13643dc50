"""The rest of wandb's names, so that `import runlore as wandb` runs a script written for it."""

import enum
import sys
from collections.abc import Callable
from typing import Any

from runlore import api


class AlertLevel(enum.Enum):
    """wandb's alert levels."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


class Media:
    """Stands for a picture, table or the like: taken without complaint, not kept; logging one warns once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: None


class Artifact:
    """wandb's artifact: a name, a kind and files, each of which becomes an artifact of the run."""

    def __init__(self, name: str, type: str = "file", **_: Any) -> None:
        self.name = name
        self.type = type
        self.paths: list[str] = []

    def add_file(self, local_path: str, name: str | None = None, **_: Any) -> None:
        """One file."""
        self.paths.append(str(local_path))

    def add_dir(self, local_path: str, name: str | None = None, **_: Any) -> None:
        """One folder."""
        self.paths.append(str(local_path))


class Settings(dict[str, Any]):
    """wandb's settings object: taken, and left."""


def log_artifact(artifact_or_path: Any, name: str | None = None, type: str = "file", **_: Any) -> None:
    """wandb's log_artifact."""
    if isinstance(artifact_or_path, Artifact):
        for path in artifact_or_path.paths:
            api.artifact(path, kind=artifact_or_path.type, name=artifact_or_path.name)
    else:
        api.artifact(artifact_or_path, kind=type, name=name)


def save(glob_str: Any = None, **_: Any) -> None:
    """wandb's save: the file becomes an artifact."""
    if glob_str is not None:
        api.artifact(glob_str)


def login(**_: Any) -> bool:
    """wandb's login: `runlore login` does it once for a machine; nothing happens here."""
    return True


def _message(text: str) -> None:
    sys.stderr.write(f"runlore: {text}\n")


def _nothing(*_: Any, **__: Any) -> None:
    """Taken and left."""


MEDIA = frozenset(
    "Image Audio Video Table Histogram Html Object3D Molecule Plotly Graph Classes BoxSet Box3D plot data_types".split()
)
NAMES: dict[str, Any] = {
    "AlertLevel": AlertLevel, "Artifact": Artifact, "Settings": Settings, "log_artifact": log_artifact,
    "save": save, "login": login, "termwarn": _message, "termlog": _message, "termerror": _message,
    "setup": _nothing, "teardown": _nothing, "unwatch": _nothing, "mark_preempting": _nothing,
}  # fmt: skip


def attribute(name: str) -> Any:
    """What `runlore.<name>` is, for the names that are not always there."""
    if name == "run":
        return api.current()
    if name in ("config", "summary"):
        run = api.current()
        if run is None:
            raise AttributeError(f"runlore.{name} is there once runlore.init() was called")
        return getattr(run, name)
    if name in ("mirror", "autolog"):
        from importlib import import_module

        return getattr(import_module("runlore.bridges"), name)
    if name in MEDIA:
        return Media
    if name in NAMES:
        return NAMES[name]
    raise AttributeError(f"module 'runlore' has no attribute {name!r}")
