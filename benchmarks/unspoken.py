"""Makes recordings without the words one might invent: wordless sounds, and talk about anything but machine learning."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.spoken_memos import voices, write_wav
from nlp.values import Context

RATE = 16_000
_SECONDS = 5.0

UNRELATED = Context(
    metrics={"val_wer": 0.1, "perplexity": 12.0, "mean_iou": 0.6},
    runs=("brave-otter", "calm-heron"),
    datasets=("librispeech", "imagenet-1k"),
    people=("Priya", "Anselm"),
    words=(
        "wav2vec2",
        "conformer",
        "AdamW",
        "SpecAugment",
        "mixup",
        "label_smoothing",
        "warmup_steps",
        "LoRA",
        "bf16",
    ),
)

_TALK = (
    "The bakery on the corner opens at seven, but the bread is gone by nine.",
    "My neighbour keeps bees, and in August he gives everybody a jar of honey.",
    "We took the slow train along the coast because the view is worth it.",
    "Could you water the plants while I am away next week?",
    "It rained all morning, so the children built a castle out of boxes.",
    "The library closed early and I had to leave my book behind.",
    "Grandmother still writes letters by hand and waits for the postman.",
    "After dinner we walked to the harbour and counted the boats.",
    "The old bridge is being painted green this summer.",
    "She learned to play the cello when she was already forty.",
    "Please remind me to buy onions, rice and a lemon.",
)


def wordless_sounds(directory: Path) -> Iterator[Path]:
    """Fifty recordings: silence, clicks, hums, noises, chords and drums, some of them very short."""
    directory.mkdir(parents=True, exist_ok=True)
    for index in range(50):
        chance = np.random.default_rng(index)
        seconds = 0.2 if index % 10 == 9 else _SECONDS
        sound = _SOUNDS[index % len(_SOUNDS)](chance, seconds) * chance.choice((0.02, 0.1, 0.4))
        path = directory / f"sound{index:02}.wav"
        write_wav(path, np.clip(sound * 32767, -32768, 32767).astype(np.int16), RATE)
        yield path


def unrelated_clips(directory: Path) -> list[tuple[Path, str]]:
    """Everyday sentences in the voices of this machine."""
    directory.mkdir(parents=True, exist_ok=True)
    found = []
    for index, speak in enumerate([*voices().values()] * 6):
        path, text = directory / f"talk{index:02}.wav", _TALK[(index * 5) % len(_TALK)]
        if not path.exists():
            speak(text, path, 0.95 + 0.05 * (index % 3))
        found.append((path, text))
    return found


Sound = npt.NDArray[np.float64]


def _time(seconds: float) -> Sound:
    return np.arange(round(seconds * RATE)) / RATE


def _silence(chance: np.random.Generator, seconds: float) -> Sound:
    return np.zeros(round(seconds * RATE))


def _white(chance: np.random.Generator, seconds: float) -> Sound:
    return chance.standard_normal(round(seconds * RATE)) / 3


def _brown(chance: np.random.Generator, seconds: float) -> Sound:
    noise = np.cumsum(chance.standard_normal(round(seconds * RATE)))
    noise -= np.convolve(noise, np.ones(1600) / 1600, mode="same")
    return np.asarray(noise / (np.abs(noise).max() + 1e-9))


def _hum(chance: np.random.Generator, seconds: float) -> Sound:
    time = _time(seconds)
    return (
        np.asarray(sum(np.sin(2 * np.pi * 50 * n * time) / n for n in (1, 2, 3, 5)))
        + _white(chance, seconds) / 20
    )


def _keyboard(chance: np.random.Generator, seconds: float) -> Sound:
    sound = np.zeros(round(seconds * RATE))
    for at in chance.integers(0, max(1, len(sound) - 400), round(seconds * 6)):
        burst = chance.standard_normal(400) * np.exp(-np.arange(400) / 60)
        sound[at : at + 400] += burst[: len(sound) - at]
    return sound


def _chords(chance: np.random.Generator, seconds: float) -> Sound:
    time = _time(0.4)
    parts: list[Sound] = []
    while len(parts) * 0.4 < seconds:
        root = 110 * 2 ** (chance.integers(0, 24) / 12)
        parts.append(
            sum(np.sin(2 * np.pi * root * ratio * time) for ratio in (1, 1.26, 1.5, 2))
            * np.exp(-3 * time)
            / 4
        )
    return np.concatenate(parts)[: round(seconds * RATE)]


def _melody(chance: np.random.Generator, seconds: float) -> Sound:
    time = _time(0.25)
    parts: list[Sound] = []
    while len(parts) * 0.25 < seconds:
        pitch = 220 * 2 ** (chance.integers(0, 20) / 12)
        vibrato = np.sin(2 * np.pi * 6 * time) * 3
        tones = [np.sin(2 * np.pi * n * (pitch * time + vibrato / 100)) / n for n in (1, 2, 3, 4)]
        parts.append(np.sum(tones, axis=0) / 3)
    return np.concatenate(parts)[: round(seconds * RATE)]


def _drums(chance: np.random.Generator, seconds: float) -> Sound:
    sound = np.zeros(round(seconds * RATE) + RATE)
    for beat in np.arange(0, seconds, 0.25):
        at, decay = round(beat * RATE), np.exp(-np.arange(3000) / 500)
        tone = (
            np.sin(2 * np.pi * 80 * np.arange(3000) / RATE)
            if chance.random() < 0.5
            else chance.standard_normal(3000)
        )
        sound[at : at + 3000] += tone * decay
    return sound[: round(seconds * RATE)]


_SOUNDS = (_silence, _white, _brown, _hum, _keyboard, _chords, _melody, _drums)
