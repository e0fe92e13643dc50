"""Which libraries differ between a run and the one it is measured against, and which of the main ones have newer releases."""

from sqlmodel import Session

from bot.draft import Change, library_changes, summary
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
SHOWN = 6
_RANK = {name: place for place, name in enumerate(("python", *MAIN))}


def reference(session: Session, run: Run) -> tuple[str, RunView] | None:
    """What a run is measured against: the project's baseline, else its best other run; None where there is neither."""
    project = session.get(Project, run.project_id)
    if project is None:
        return None
    baseline = session.get(Run, project.baseline_run_id) if project.baseline_run_id else None
    if baseline is not None and baseline.id != run.id and baseline.visibility == "project":
        return "baseline", run_view(session, baseline.id or 0)
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
    return sorted(found, key=lambda change: (rank(change.name), change.name))


def rank(name: str) -> int:
    """The main libraries by how much they move results, all others after them."""
    return _RANK.get(_plain(name), len(_RANK))


def is_main(name: str) -> bool:
    """Whether a library is one of the main ones."""
    return _plain(name) in MAIN


def difference_words(session: Session, run: Run) -> str | None:
    """against baseline #3: torch 2.9.0 → 2.13.0; None where nothing differs or there is nothing to compare with."""
    known = reference(session, run)
    if known is None:
        return None
    label, other = known
    found = changes(other, run_view(session, run.id or 0))
    return f"against {label} #{other.number}: {summary(found, SHOWN)}" if found else None


def main_libraries(run: RunView) -> dict[str, str]:
    """The main libraries of a run and their versions."""
    return {name: version for name, version in run.libraries.items() if is_main(name)}


def newer(used: str, newest: str) -> bool:
    """Whether a release is newer than the one used; local parts (+cu128) are left out, odd versions never newer."""
    one, other = _numbers(used), _numbers(newest)
    return one is not None and other is not None and other > one


def _numbers(version: str) -> list[int] | None:
    parts = version.partition("+")[0].split(".")
    return [int(part) for part in parts] if all(part.isdigit() for part in parts) else None


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")
