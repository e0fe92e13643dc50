"""Who may import whom, how long a module may be, and that no download lies among the sources."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("bot", "nlp", "storage", "localslack", "sdk/src/runlore")
OURS = {"bot", "nlp", "storage", "localslack", "runlore"}
MAY_IMPORT = {
    "bot": {"bot", "nlp", "storage"},
    "nlp": {"nlp"},
    "storage": {"storage"},
    "localslack": {"localslack"},
    "sdk/src/runlore": {"runlore"},
}
# Heavy or foreign libraries, each behind one adapter file.
CONFINED = {
    "apscheduler": {"bot/schedule.py"},
    "av": {"nlp/audio.py"},
    "ctranslate2": {"nlp/faster_whisper_engine.py"},
    "fastapi": {"bot/http.py"},
    "faster_whisper": {"nlp/faster_whisper_engine.py"},
    "huggingface_hub": {"nlp/models.py"},
    "matplotlib": {"bot/charts.py"},
    "prometheus_client": {"bot/figures.py"},
    "pyarrow": {"bot/parquet.py"},
    "onnxruntime": {"nlp/voice.py"},
    "procrastinate": {"bot/jobs.py"},
    "sklearn": {"nlp/training.py"},
    "slack_bolt": {"bot/http.py", "bot/slack_app.py"},
    "slack_sdk": {"bot/doctor.py", "bot/home.py", "bot/local.py", "bot/messenger.py", "bot/slack_app.py"},
    "spacy": {"nlp/sentences.py"},
    "torch": {"nlp/embedding.py", "nlp/openai_whisper_engine.py", "nlp/tuning.py"},
    "transformers": {"nlp/embedding.py"},
    "uvicorn": {"bot/serve.py", "localslack/__main__.py"},
    "whisper": {"nlp/openai_whisper_engine.py"},
}
# Inside `bot`, edges come first and are imported by no use case.
EDGES = {
    "bot.slack_app",
    "bot.http",
    "bot.schedule",
    "bot.serve",
    "bot.cli",
    "bot.cli_text",
    "bot.cli_operate",
    "bot.cli_eval",
    "bot.demo",
}
MAY_IMPORT_EDGES = {
    "slack_app",
    "http",
    "schedule",
    "serve",
    "cli",
    "cli_text",
    "cli_operate",
    "cli_eval",
    "demo",
    "home",
    "doctor",
}
LONGEST = 400  # lines
LARGEST = 2_000_000  # bytes of a tracked file: whoever clones pays for it for ever


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Full names of the modules a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_its_allowed_neighbours(package: str) -> None:
    offenders = {
        str(path.relative_to(ROOT)): sorted(forbidden)
        for path in modules(package)
        if (forbidden := (roots(path) & OURS) - MAY_IMPORT[package])
    }
    assert modules(package)
    assert offenders == {}


@pytest.mark.parametrize("library", CONFINED)
def test_a_library_is_imported_only_by_its_adapter(library: str) -> None:
    importers = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in modules(package)
        if library in roots(path)
    }
    importers = {path for path in importers if not path.startswith("sdk/")}
    assert importers <= CONFINED[library]
    assert importers, f"{library} is a dependency that nothing uses"


def test_use_cases_never_import_an_edge() -> None:
    offenders = {
        path.name: sorted(reached)
        for path in modules("bot")
        if path.stem not in MAY_IMPORT_EDGES and (reached := imports(path) & EDGES)
    }
    assert offenders == {}


def test_the_hook_needs_nothing_but_the_standard_library_when_it_is_imported() -> None:
    program = (
        "import sys; before = set(sys.modules); import runlore; "
        "new = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - set(sys.stdlib_module_names) - {'runlore'}))"
    )
    import_path = str(ROOT / "sdk" / "src")
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], env={"PYTHONPATH": import_path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    folders = [*PACKAGES, "tests", "benchmarks", "examples"]
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in folders
        for path in modules(folder)
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    }
    assert long == {}


def test_no_download_lies_among_the_sources() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("Not a git checkout: what is tracked is unknown.")
    large = {
        name: size
        for name in filter(None, listed.stdout.split("\0"))
        if (ROOT / name).is_file() and (size := (ROOT / name).stat().st_size) > LARGEST
    }
    assert large == {}
