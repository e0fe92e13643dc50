"""Packaged weights are found, checked and joined; what cannot be used is refused with the way out."""

from pathlib import Path

import pytest

from nlp.loader import load_transcriber
from nlp.models import PACKAGED_MINILM, PackagedModel, packaged_file, whisper_directory
from nlp.values import ModelError


def test_the_parts_of_base_are_joined_once(tmp_path: Path) -> None:
    directory = whisper_directory("base", models_dir=tmp_path)
    assert {path.name for path in directory.iterdir()} == {
        "model.bin",
        "config.json",
        "tokenizer.json",
        "vocabulary.txt",
    }
    written = (directory / "model.bin").stat().st_mtime_ns
    assert whisper_directory("base", models_dir=tmp_path) == directory
    assert (directory / "model.bin").stat().st_mtime_ns == written


def test_weights_that_were_cut_off_are_joined_again(tmp_path: Path) -> None:
    (tmp_path / "whisper-base").mkdir()
    (tmp_path / "whisper-base" / "model.bin").write_bytes(b"half")
    directory = whisper_directory("base", models_dir=tmp_path)
    assert (directory / "model.bin").stat().st_size > 140_000_000


def test_weights_that_were_changed_are_refused(tmp_path: Path) -> None:
    weights = whisper_directory("base", models_dir=tmp_path) / "model.bin"
    with weights.open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"not these")
    with pytest.raises(ModelError, match="not the expected ones"):
        whisper_directory("base", models_dir=tmp_path)


def test_a_model_in_one_package_is_used_where_it_lies(tmp_path: Path) -> None:
    assert (whisper_directory("tiny.en", models_dir=tmp_path) / "model.bin").is_file()
    assert packaged_file(PACKAGED_MINILM).name == "model.safetensors"
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_named() -> None:
    with pytest.raises(ModelError, match="absent-model"):
        packaged_file(PackagedModel(parts=(("absent_model", "model.bin"),), sha256="0"))


def test_a_directory_may_be_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no model\.bin"):
        whisper_directory(str(tmp_path))
    (tmp_path / "model.bin").touch()
    assert whisper_directory(str(tmp_path)) == tmp_path


def test_an_unknown_model_or_engine_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"tiny\.en, base"):
        whisper_directory("huge")
    with pytest.raises(ModelError, match="faster-whisper, openai-whisper"):
        load_transcriber("slower-whisper")
