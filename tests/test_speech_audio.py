"""Any recording Slack may deliver is read, and every broken one gets a clear answer."""

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sounds

from nlp.audio import RATE, decode
from nlp.values import AudioError


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("clip.m4a", "aac", 44_100),
        ("clip.mp4", "aac", 48_000),
        ("clip.webm", "libopus", 48_000),
        ("clip.ogg", "libopus", 24_000),
        ("clip.opus", "libopus", 48_000),
        ("clip.mp3", "libmp3lame", 44_100),
        ("clip.wav", "pcm_s16le", 8_000),
        ("clip.flac", "flac", 22_050),
        ("clip.aiff", "pcm_s16be", 44_100),
        ("clip.aac", "aac", 44_100),
        ("clip.caf", "pcm_s16le", 16_000),
    ],
)
def test_every_container_gives_the_same_sound(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    sound = sounds.music(2.0)
    samples = decode(sounds.write(tmp_path / name, sound, codec, rate=rate))
    assert samples.dtype == np.float32
    assert abs(len(samples) - 2 * RATE) < 0.15 * RATE
    assert 0.5 < np.std(samples) / np.std(sound) < 1.5


@pytest.mark.parametrize("name", ["audio_message.webm", "audio_message", "audio_message.txt"])
def test_the_name_of_a_file_says_nothing(tmp_path: Path, name: str) -> None:
    clip = sounds.write(tmp_path / "clip.m4a", sounds.music(1.0), "aac")
    assert len(decode(clip.rename(tmp_path / name))) > 0.9 * RATE


def test_the_sound_of_a_video_is_heard(tmp_path: Path) -> None:
    film = sounds.write(tmp_path / "film.mp4", sounds.music(2.0), "aac", video=True)
    assert abs(len(decode(film)) - 2 * RATE) < 0.15 * RATE


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    (tmp_path / "clip.m4a").touch()
    with pytest.raises(AudioError, match="empty"):
        decode(tmp_path / "clip.m4a")


@pytest.mark.parametrize("page", ["<!DOCTYPE html><html>Sign in</html>", "\n <html lang=en>", "\ufeff<HTML>"])
def test_a_login_page_is_called_a_web_page(tmp_path: Path, page: str) -> None:
    (tmp_path / "clip.mp4").write_text(page, encoding="utf-8")
    with pytest.raises(AudioError, match="web page"):
        decode(tmp_path / "clip.mp4")


@pytest.mark.parametrize(
    "content",
    [b"%PDF-1.7 ...", b"step,loss\n1,0.3\n", b"\x89PNG\r\n\x1a\n", b"\x00", b"#EXTM3U\n/etc/passwd"],
)
def test_what_is_no_audio_is_called_that(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clip.wav").write_bytes(content)
    with pytest.raises(AudioError, match="not audio"):
        decode(tmp_path / "clip.wav")


def test_a_video_without_sound_is_called_that(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no audio track"):
        decode(sounds.write_silent_film(tmp_path / "film.mp4"))


@pytest.mark.parametrize(("name", "codec"), [("clip.m4a", "aac"), ("clip.mp4", "aac")])
def test_an_mp4_without_its_end_cannot_be_played(tmp_path: Path, name: str, codec: str) -> None:
    clip = sounds.write(tmp_path / name, sounds.music(5.0), codec)
    clip.write_bytes(clip.read_bytes()[:-2000])
    with pytest.raises(AudioError, match="damaged or cut off"):
        decode(clip)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("clip.flac", "flac"),
        ("clip.webm", "libopus"),
        ("clip.wav", "pcm_s16le"),
        ("clip.aiff", "pcm_s16be"),
        ("clip.mp3", "libmp3lame"),
    ],
)
def test_a_recording_that_ends_before_it_should_is_called_cut_off(
    tmp_path: Path, name: str, codec: str
) -> None:
    clip = sounds.write(tmp_path / name, sounds.music(20.0), codec)
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match=r"cut off: 0:(09|1\d) of 0:20 arrived"):
        decode(clip)


@pytest.mark.parametrize(("name", "codec"), [("clip.ogg", "libopus"), ("clip.oga", "flac")])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_an_ogg_that_ends_inside_a_page_is_called_cut_off(
    tmp_path: Path, name: str, codec: str, share: float
) -> None:
    clip = sounds.write(tmp_path / name, sounds.music(20.0), codec)
    content = clip.read_bytes()
    page = content.rindex(b"OggS", 0, int(share * len(content)))
    # In its body, in its table, in its head.
    for end in (page + 400, page + 30, page + 10):
        clip.write_bytes(content[:end])
        with pytest.raises(AudioError, match=r"cut off: only its first 0:[01]\d arrived"):
            decode(clip)


def test_an_ogg_whose_last_page_is_not_marked_is_read(tmp_path: Path) -> None:
    """As recorders that are stopped leave it."""
    clip = sounds.write(tmp_path / "clip.ogg", sounds.music(5.0), "libopus")
    content = clip.read_bytes()
    clip.write_bytes(content[: content.rindex(b"OggS")])
    assert len(decode(clip)) > RATE


def test_an_mp3_without_its_first_count_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """A stream's copy: nothing says how long it should be."""
    clip = sounds.write(tmp_path / "clip.mp3", sounds.music(20.0), "libmp3lame")
    content = clip.read_bytes().replace(b"Xing", bytes(4)).replace(b"Info", bytes(4))
    clip.write_bytes(content[: len(content) // 2])
    assert 8 * RATE < len(decode(clip)) < 12 * RATE


def test_a_stream_that_never_knew_its_length_is_read(tmp_path: Path) -> None:
    clip = sounds.write(tmp_path / "clip.wav", sounds.music(3.0))
    content = bytearray(clip.read_bytes())
    struct.pack_into("<I", content, 4, 0xFFFFFFFF)
    struct.pack_into("<I", content, content.index(b"data") + 4, 0xFFFFFFFF)
    clip.write_bytes(content)
    assert abs(len(decode(clip)) - 3 * RATE) < 0.15 * RATE


@pytest.mark.parametrize(
    ("name", "codec"), [("clip.m4a", "aac"), ("clip.ogg", "libopus"), ("clip.wav", "pcm_s16le")]
)
def test_a_recording_over_the_limit_is_called_too_long(tmp_path: Path, name: str, codec: str) -> None:
    clip = sounds.write(tmp_path / name, sounds.silence(90.0), codec)
    with pytest.raises(AudioError, match="a memo may last up to 1:00"):
        decode(clip, limit=60.0)


def two_hours_of_wav(path: Path) -> Path:
    """Zeros that take no space on the disk."""
    header = sounds.write(path, sounds.silence(1.0)).read_bytes()
    start, size = header.index(b"data"), 2 * 60 * 60 * RATE * 2
    with path.open("wb") as file:
        file.write(header[:start] + b"data" + struct.pack("<I", size))
        file.truncate(start + 8 + size)
    return path


_REFUSED = """
import resource, sys
from pathlib import Path
from nlp.audio import decode
from nlp.values import AudioError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode(Path(sys.argv[1]))
except AudioError as refused:
    print(refused)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    ("name", "make"), [("clip.wav", two_hours_of_wav), ("clip.mp3", sounds.two_hours)], ids=["wav", "mp3"]
)
def test_two_hours_are_refused_without_filling_the_memory(
    tmp_path: Path, name: str, make: Callable[[Path], Path]
) -> None:
    """In a process of its own, whose peak is this file's; an mp3 is only known to be too long once half an hour is read."""
    command = [sys.executable, "-c", _REFUSED, str(make(tmp_path / name))]
    told, kilobytes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "a memo may last up to 30 minutes" in told
    assert int(kilobytes) < 250_000


def test_random_bytes_behind_a_true_beginning_are_called_damaged(tmp_path: Path) -> None:
    clip = sounds.write(tmp_path / "clip.webm", sounds.music(3.0), "libopus")
    junk = np.random.default_rng(1).bytes(20_000)
    clip.write_bytes(clip.read_bytes()[:40] + junk)
    with pytest.raises(AudioError, match=r"damaged or cut off|no audio track"):
        decode(clip)
