"""Which libraries differ between a run and the one it is measured against, and which of the main ones have newer releases."""

from sqlmodel import Session

from bot.draft import Change, library_changes
from bot.project_settings import settings_of
from bot.values import RunView
from bot.views import run_view
from storage import run_queries
from storage.tables import Project, Run

# What moves results most, told before the rest.
MAIN = (
    "torch", "jax", "jaxlib", "flax", "tensorflow", "keras", "transformers", "accelerate", "lightning",
    "pytorch-lightning", "torchvision", "torchaudio", "datasets", "tokenizers", "peft", "trl", "deepspeed",
    "flash-attn", "triton", "xformers", "timm", "diffusers", "vllm", "numpy", "scipy", "pandas", "scikit-learn",
    "xgboost", "lightgbm", "catboost", "optuna",
)  # fmt: skip
_RANK = {name: place for place, name in enumerate(("python", *MAIN))}


def reference(session: Session, run: Run) -> tuple[str, RunView] | None:
    """What a run is measured against: the project's baseline, else its best other run; None where there is neither."""
    project = session.get(Project, run.project_id)
    if project is None:
        return None
    if project.baseline_run_id and project.baseline_run_id != run.id:
        return "baseline", run_view(session, project.baseline_run_id)
    view = run_view(session, run.id or 0)
    metric = view.metrics.get(view.key_metric or "")
    if metric is None or metric.goal is None:
        return None
    names = settings_of(project).names(metric.name)
    best = run_queries.best(session, run.project_id, names, metric.goal, except_run=run.id)
    return ("best", run_view(session, best.id or 0)) if best else None


def changes(before: RunView, after: RunView) -> list[Change]:
    """Versions that differ, the main libraries first."""
    found = library_changes(before, after)
    return sorted(found, key=lambda change: (_RANK.get(_plain(change.name), len(_RANK)), change.name))


def main_libraries(run: RunView) -> dict[str, str]:
    """The main libraries of a run and their versions."""
    return {name: version for name, version in run.libraries.items() if _plain(name) in MAIN}


def newer(used: str, newest: str) -> bool:
    """Whether a release is newer than the one used; local parts (+cu128) are left out, odd versions never newer."""
    one, other = _numbers(used), _numbers(newest)
    return one is not None and other is not None and other > one


def _numbers(version: str) -> list[int] | None:
    parts = version.partition("+")[0].split(".")
    return [int(part) for part in parts] if all(part.isdigit() for part in parts) else None


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")
