"""Makes spoken memos full of numbers and names, with the truth beside each: seeded, in several synthetic voices.

Needs `espeak-ng`; uses `flite` and Piper (a Python with `piper-tts`, named by PIPER_PYTHON, and PIPER_VOICE, an .onnx file)
where they are there. The recordings are made where the benchmark wants them and are not part of the project.
"""

import os
import random
import shutil
import subprocess
import wave
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nlp.values import Context

SEED = 20240611
Voice = Callable[[str, Path, float], None]


@dataclass(frozen=True, kw_only=True)
class SpokenMemo:
    """What is said, and the numbers and names that an engineer would have typed."""

    text: str
    truth: tuple[str, ...]
    context: Context


CONTEXTS = (
    Context(
        params={
            "lr": 3e-4,
            "batch_size": 128,
            "dropout": 0.1,
            "weight_decay": 0.01,
            "optimizer": "AdamW",
            "warmup_steps": 500,
        },
        metrics={"val_acc": 0.91, "val_loss": 0.31, "train_loss": 0.2},
        runs=("brave-otter", "vision/41", "vision/42"),
        datasets=("cifar10",),
        words=("resnet50",),
    ),
    Context(
        params={
            "learning_rate": 1e-3,
            "num_epochs": 20,
            "label_smoothing": 0.0,
            "hidden_size": 256,
            "precision": "bf16",
        },
        metrics={"accuracy": 0.9, "f1": 0.8},
        runs=("calm-heron", "text/7", "text/19"),
        datasets=("squad",),
        words=("lora",),
    ),
    Context(
        params={"optimizer.lr": 5e-5, "data.batch_size": 64, "model.depth": 12, "grad_clip": 1.0, "seed": 3},
        metrics={"val/wer": 0.12, "val/loss": 0.4, "train/loss": 0.3},
        runs=("swift-maple", "speech/108"),
        datasets=("librispeech",),
        words=("conformer",),
    ),
)

# What is said and what it means. {a}, {b} are filled from the lists below.
_SMALL = {
    "three e minus four": "3e-4", "one e minus three": "1e-3", "five e minus five": "5e-5", "two e minus four": "2e-4",
    "one e minus five": "1e-5", "six e minus four": "6e-4", "zero point zero zero one": "0.001",
    "point oh one": "0.01", "zero point zero three": "0.03", "two point five e minus four": "2.5e-4",
    "eight e minus six": "8e-6", "one times ten to the minus four": "1e-4", "point zero zero five": "0.005",
}  # fmt: skip
_SHARES = {
    "zero point one": "0.1", "point two": "0.2", "zero point three five": "0.35", "point oh five": "0.05",
    "zero point five": "0.5", "point one five": "0.15",
}  # fmt: skip
_PERCENTS = {
    "eighty two and a half percent": "82.5%", "ninety seven point two percent": "97.2%", "ninety one percent": "91%",
    "seventy six point four percent": "76.4%", "eighty eight point oh five percent": "88.05%",
    "ninety four and a half percent": "94.5%", "sixty three point nine percent": "63.9%",
}  # fmt: skip
_SIZES = {
    "thirty two": "32", "sixty four": "64", "one twenty eight": "128", "two fifty six": "256", "five twelve": "512",
    "ten twenty four": "1024", "two hundred and fifty six": "256", "ninety six": "96", "seven sixty eight": "768",
}  # fmt: skip
_COUNTS = {
    "ten": "10", "twenty": "20", "forty": "40", "one hundred": "100", "fifteen": "15", "thirty": "30", "twelve": "12",
}  # fmt: skip
_STEPS = {
    "five hundred": "500", "two thousand": "2000", "ten thousand": "10000", "fifty k": "50k", "twelve hundred": "1200",
    "one hundred thousand": "100000", "five thousand": "5000",
}  # fmt: skip
_LOSSES = {
    "zero point three one": "0.31", "one point seven": "1.7", "zero point two four": "0.24", "two point oh five": "2.05",
    "point four two": "0.42", "three point one": "3.1",
}  # fmt: skip
_PATTERNS: tuple[tuple[tuple[str, Mapping[str, str], tuple[str, ...]], ...], ...] = (
    (
        ("I lowered the learning rate from {a} to {b}.", _SMALL, ("lr",)),
        ("Batch size is {a} now, it was {b} before.", _SIZES, ("batch_size",)),
        ("Validation accuracy went up to {a}.", _PERCENTS, ("val_acc",)),
        ("The val loss ended at {a}, and the train loss at {b}.", _LOSSES, ("val_loss", "train_loss")),
        ("I set dropout to {a}.", _SHARES, ("dropout",)),
        ("Weight decay of {a} was too much, so I went back to {b}.", _SMALL, ("weight_decay",)),
        ("We used {a} warmup steps.", _STEPS, ("warmup_steps",)),
        ("It is better than run forty two, val acc is {a}.", _PERCENTS, ("vision/42", "val_acc")),
        ("Compared to brave otter we trained for {a} epochs.", _COUNTS, ("brave-otter",)),
        ("With adam w and res net fifty we got {a} on cifar ten.", _PERCENTS, ("AdamW", "resnet50", "cifar10")),
    ),
    (
        ("I tried a learning rate of {a}, then {b}.", _SMALL, ("learning_rate",)),
        ("Label smoothing of {a} helped a little.", _SHARES, ("label_smoothing",)),
        ("Hidden size went from {a} to {b}.", _SIZES, ("hidden_size",)),
        ("Accuracy dropped from {a} to {b}.", _PERCENTS, ("accuracy",)),
        ("After {a} epochs the f one was {b} lower.", {**_COUNTS}, ("f1",)),
        ("We switched to b f sixteen and it took {a} steps.", _STEPS, ("bf16",)),
        ("I stopped the run after {a} epochs.", _COUNTS, ()),
        ("It looks like run nineteen, only the accuracy is {a}.", _PERCENTS, ("text/19", "accuracy")),
    ),
    (
        ("The learning rate was {a} and I changed it to {b}.", _SMALL, ("optimizer.lr",)),
        ("I doubled the batch size from {a} to {b}.", _SIZES, ("data.batch_size",)),
        ("Validation loss is {a}, the training loss is {b}.", _LOSSES, ("val/loss", "train/loss")),
        ("The word error rate is down to {a}.", _PERCENTS, ()),
        ("I clipped the gradients at {a}.", _LOSSES, ()),
        ("It crashed after {a} steps.", _STEPS, ()),
        ("Compared to run one oh eight it needs {a} more epochs.", _COUNTS, ("speech/108",)),
        ("Next I will try {a} steps of warm up and a depth of {b}.", {**_STEPS, **_COUNTS}, ()),
    ),
)  # fmt: skip


def spoken_memos(count: int = 60, seed: int = SEED) -> list[SpokenMemo]:
    """Memos of three sentences each."""
    chance = random.Random(seed)
    return [_memo(chance, index) for index in range(count)]


def _memo(chance: random.Random, index: int) -> SpokenMemo:
    context = CONTEXTS[index % len(CONTEXTS)]
    said, truth = [], []
    for sentence, values, names in chance.sample(_PATTERNS[index % len(CONTEXTS)], 3):
        forms = chance.sample(sorted(values), 2)
        said.append(sentence.format(a=forms[0], b=forms[1]))
        truth += [
            *names,
            *(values[form] for form, mark in zip(forms, ("{a}", "{b}"), strict=True) if mark in sentence),
        ]
    return SpokenMemo(text=" ".join(said), truth=tuple(truth), context=context)


def voices() -> dict[str, Voice]:
    """The voices that this machine has."""
    found = {f"espeak {name}": _espeak(name) for name in ("en-us", "en-us+f3", "en-us+m7")}
    if shutil.which("flite"):
        found |= {f"flite {name}": _flite(name) for name in ("slt", "rms", "awb")}
    if "PIPER_PYTHON" in os.environ and "PIPER_VOICE" in os.environ:
        takes = [(noise, pitch) for noise in (0.333, 0.667, 0.9) for pitch in (0.94, 1.06)]
        found |= {f"piper noise {noise} pitch {pitch}": _piper(noise, pitch) for noise, pitch in takes}
    return found


def record(
    memos: list[SpokenMemo], directory: Path, seed: int = SEED
) -> Iterator[tuple[SpokenMemo, str, Path]]:
    """Each memo as a wav file, with its voice: speed and background noise differ from memo to memo."""
    chance = random.Random(seed)
    directory.mkdir(parents=True, exist_ok=True)
    available = voices()
    for index, memo in enumerate(memos):
        name = list(available)[index % len(available)]
        speed, signal_to_noise = chance.uniform(0.85, 1.15), chance.choice((15.0, 20.0, 25.0, None))
        path = directory / f"memo{index:02}.wav"
        if not path.exists():
            available[name](memo.text, path, speed)
            if signal_to_noise is not None:
                _add_noise(path, signal_to_noise, index)
        yield memo, name, path


def _espeak(voice: str) -> Voice:
    def speak(text: str, path: Path, speed: float) -> None:
        _run(["espeak-ng", "-v", voice, "-s", str(round(150 * speed)), "-w", str(path), text])

    return speak


def _flite(voice: str) -> Voice:
    def speak(text: str, path: Path, speed: float) -> None:
        _run(
            [
                "flite",
                "-voice",
                voice,
                "--setf",
                f"duration_stretch={1 / speed:.2f}",
                "-t",
                text,
                "-o",
                str(path),
            ]
        )

    return speak


def _piper(noise: float, pitch: float) -> Voice:
    def speak(text: str, path: Path, speed: float) -> None:
        command = [
            os.environ["PIPER_PYTHON"],
            "-m",
            "piper",
            "-m",
            os.environ["PIPER_VOICE"],
            "-f",
            str(path),
        ]
        _run([*command, "--length-scale", f"{pitch / speed:.2f}", "--noise-scale", str(noise)], text)
        samples, rate = read_wav(path)
        write_wav(path, samples, round(rate * pitch))  # played faster or slower: another throat

    return speak


def _run(command: list[str], text: str | None = None) -> None:
    subprocess.run(command, input=text, text=True, check=True, capture_output=True)


def read_wav(path: Path) -> tuple[npt.NDArray[np.int16], int]:
    """Samples and rate of a 16-bit mono file."""
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16), file.getframerate()


def write_wav(path: Path, samples: npt.NDArray[np.int16], rate: int) -> None:
    """A 16-bit mono file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


def _add_noise(path: Path, decibels: float, seed: int) -> None:
    samples, rate = read_wav(path)
    speech = samples.astype(np.float64)
    noise = np.cumsum(np.random.default_rng(seed).standard_normal(len(speech)))  # brown: fans and streets
    noise = noise - np.convolve(noise, np.ones(800) / 800, mode="same")
    noise *= np.sqrt(np.mean(speech**2) / np.mean(noise**2)) / 10 ** (decibels / 20)
    write_wav(path, np.clip(speech + noise, -32768, 32767).astype(np.int16), rate)
