"""Sounds for the tests: one spoken clip, silence, noise and music, in any container."""

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

RATE = 16_000
CLIP = Path(__file__).parent / "data" / "audio" / "learning_rate.ogg"
SAID = (
    "I lowered the learning rate from three e minus four to one e minus four. "
    "Validation accuracy is ninety two percent."
)

Sound = npt.NDArray[np.float32]


def silence(seconds: float) -> Sound:
    """Digital silence."""
    return np.zeros(round(seconds * RATE), np.float32)


def noise(seconds: float, *, loudness: float = 0.05, seed: int = 0) -> Sound:
    """White noise."""
    return (loudness * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def music(seconds: float, *, seed: int = 0) -> Sound:
    """Chords with an envelope, four a second."""
    chance = np.random.default_rng(seed)
    time = np.arange(RATE // 4) / RATE
    chords = []
    for _ in range(round(seconds * 4)):
        root = 110 * 2 ** (chance.integers(0, 24) / 12)
        chord = sum(np.sin(2 * np.pi * root * ratio * time) for ratio in (1, 1.26, 1.5, 2))
        chords.append(0.08 * chord * np.exp(-4 * time))
    return np.concatenate(chords).astype(np.float32)


def write(
    path: Path, sound: Sound, codec: str = "pcm_s16le", *, video: bool = False, rate: int = RATE
) -> Path:
    """The sound as a file; the suffix names the container. With `video`, black pictures come with it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        pictures = container.add_stream("mpeg4", rate=5) if video else None
        if pictures:
            pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
            for _ in range(round(len(sound) / RATE * 5)):
                black = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
                container.mux(pictures.encode(black))
            container.mux(pictures.encode(None))
        queue = av.AudioFifo()
        resampler = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=rate)
        frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate = RATE
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            part.pts = None
            queue.write(part)
        size, at = stream.codec_context.frame_size or 1024, 0
        while (part := queue.read(size, partial=True)) is not None:
            part.pts, at = at, at + part.samples
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def write_silent_film(path: Path) -> Path:
    """A video without an audio track."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(10):
            black = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(black))
        container.mux(stream.encode(None))
    return path


def two_hours(path: Path) -> Path:
    """Two hours of noise in a format whose header says no length: a minute, 120 times."""
    minute = write(path, noise(60.0), "libmp3lame").read_bytes()
    path.write_bytes(minute * 120)
    return path


def claiming(seconds: int, clip: Path) -> bytes:
    """A FLAC file whose header says that it lasts so long."""
    content = bytearray(clip.read_bytes())
    samples = (seconds * RATE).to_bytes(5, "big")  # the last 36 bits of these 40
    content[21:26] = bytes([content[21] & 0xF0 | samples[0] & 0x0F]) + samples[1:]
    return bytes(content)
