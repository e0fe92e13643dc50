"""The methods and properties of wandb's run that ours would not have otherwise."""

import os
from typing import Any

from runlore.spoken import Spoken


class AsInWandb(Spoken):
    """So that `run.log_artifact(…)` and its kin run as they are; what the hook has no use for is taken and left."""

    id: str
    project: str
    mode: str
    entity = ""
    job_type: str | None = None
    sweep_id: str | None = None

    @property
    def url(self) -> str | None:
        raise NotImplementedError

    def log_artifact(
        self, artifact_or_path: Any, name: str | None = None, type: str = "file", **_: Any
    ) -> Any:
        """Each file of the artifact becomes an artifact of the run; gives the artifact back."""
        paths = getattr(artifact_or_path, "paths", None)
        if paths is None:
            self.artifact(artifact_or_path, kind=type, name=name)
        for path in paths or ():
            self.artifact(path, kind=artifact_or_path.type, name=artifact_or_path.name)
        return artifact_or_path

    def log_model(self, path: Any, name: str | None = None, **_: Any) -> None:
        """A checkpoint or model file."""
        self.artifact(path, kind="model", name=name)

    def save(self, glob_str: Any = None, *_: Any, **__: Any) -> None:
        """The files that fit become artifacts; one that is not there yet is looked for when the run is over."""
        if glob_str is not None:
            self._safely(lambda: self._save(os.fspath(glob_str)))

    def _save(self, pattern: str) -> None:
        import glob

        for path in sorted(glob.glob(pattern)) or [pattern]:
            self.artifact(path)

    def get_url(self) -> str | None:
        """Where the run is in Slack, once that is known."""
        return self.url

    def project_name(self) -> str:
        """The project."""
        return self.project

    @property
    def path(self) -> str:
        """Project and id."""
        return f"{self.project}/{self.id}"

    @property
    def offline(self) -> bool:
        """Whether what is logged stays on this machine until `runlore sync`."""
        return self.mode == "offline"

    def _taken_and_left(self, *_: Any, **__: Any) -> None:
        """Nothing to do: the sidecar captures the code, and gradients and graphs are not kept."""

    log_code = watch = unwatch = mark_preempting = _taken_and_left
