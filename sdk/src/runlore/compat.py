"""The rest of wandb's names, so that `import runlore as wandb` runs a script written for it."""

import enum
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from runlore import api, names


class AlertLevel(enum.Enum):
    """wandb's alert levels."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


class Media:
    """Stands for a picture, table or the like, and for what makes them: taken, not kept; logging one warns once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Callable[..., "Media"]:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: self


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

    def wait(self, *_: Any, **__: Any) -> "Artifact":
        """There is no upload to wait for."""
        return self


class Settings(dict[str, Any]):
    """wandb's settings object: taken, and left."""


def log_artifact(artifact_or_path: Any, name: str | None = None, type: str = "file", **_: Any) -> Any:
    """`run.log_artifact` of the current run."""
    return api.speaking().log_artifact(artifact_or_path, name, type)


def log_model(path: Any, name: str | None = None, **_: Any) -> None:
    """`run.log_model` of the current run."""
    api.speaking().log_model(path, name)


def save(glob_str: Any = None, *_: Any, **__: Any) -> None:
    """`run.save` of the current run."""
    api.speaking().save(glob_str)


def login(**_: Any) -> bool:
    """wandb's login: `runlore login` does it once for a machine; nothing happens here."""
    return True


def generate_id(length: int = 12) -> str:
    """wandb's util.generate_id: an id for `init(id=…)`, of at least the eight characters that it takes."""
    return "".join(names.new_id() for _ in range(length // 12 + 1))[: max(8, length)]


def _message(text: str) -> None:
    sys.stderr.write(f"runlore: {text}\n")


def _nothing(*_: Any, **__: Any) -> None:
    """Taken and left."""


MEDIA = {
    name: type(name, (Media,), {"__doc__": f"wandb's {name}: taken, not kept."})
    for name in "Image Audio Video Table Histogram Html Object3D Molecule Plotly Graph Classes BoxSet Box3D".split()
}
NAMES: dict[str, Any] = {
    **MEDIA, "plot": Media(), "data_types": SimpleNamespace(**MEDIA), "util": SimpleNamespace(generate_id=generate_id),
    "AlertLevel": AlertLevel, "Artifact": Artifact, "Settings": Settings, "log_artifact": log_artifact,
    "log_model": log_model, "require": _nothing, "save": save, "login": login, "termwarn": _message, "termlog": _message, "termerror": _message,
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
    if name in NAMES:
        return NAMES[name]
    raise AttributeError(f"module 'runlore' has no attribute {name!r}")
