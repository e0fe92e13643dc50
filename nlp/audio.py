"""Reads any memo Slack may deliver into samples Whisper hears: 16 kHz, mono, float32.

The container is read off the first bytes, never off a name or mimetype (Slack's are often wrong or empty), and
FFmpeg is pinned to it, so that a playlist or another clever file cannot make it open something else.
"""

from os import SEEK_CUR, SEEK_END
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from nlp.values import AudioError

Samples = npt.NDArray[np.float32]

RATE = 16_000
LONGEST = 30 * 60.0  # seconds; 115 MB of samples
_BYTES_PER_SECOND = RATE * 4
_HEAD = 4096
_SHORTFALL = 2.0  # seconds a file may lack against its header before it counts as cut off
_KNOWS_ITS_LENGTH = {"mov", "matroska", "flac", "aiff"}  # elsewhere FFmpeg guesses it from size and bit rate
_UNKNOWN_SIZE = 0xFFFFFFFF
_MP4_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp"}
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"RIFF", "wav"),
    (0, b"RF64", "wav"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (0, b"OggS", "ogg"),
    (0, b"fLaC", "flac"),
    (0, b"ID3", "mp3"),
    (0, b"FORM", "aiff"),
    (0, b"caff", "caf"),
    (0, b"#!AMR", "amr"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
)


class _NothingHeard(Exception):
    """Every packet of the file is broken."""


def decode(path: Path, *, limit: float = LONGEST) -> Samples:
    """The samples of a recording of at most `limit` seconds."""
    container = _container(path)
    try:
        with av.open(str(path), mode="r", format=container, metadata_errors="ignore") as media:
            samples = _samples(media, _promised(media, container, path), limit)
    except av.error.FFmpegError as error:
        raise AudioError(_damaged(container)) from error
    except _NothingHeard:
        raise AudioError(_damaged(container)) from None
    if container == "ogg" and _ends_inside_a_page(path):
        raise AudioError(
            f"This recording is cut off: only its first {_clock(len(samples) / RATE)} arrived. Please upload it again."
        )
    return samples


def _container(path: Path) -> str:
    """FFmpeg's name for what the first bytes say."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise AudioError("This recording is empty (0 bytes). Please record or upload it again.")
    if head[4:8] in _MP4_BOXES:
        return "mov"
    for offset, magic, name in _MAGIC:
        if head.startswith(magic, offset):
            return name
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "mp3" if head[1] & 0x06 else "aac"  # layer 0 is an ADTS header
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        raise AudioError(
            "A web page came instead of the recording: the download was not allowed. Whoever installed the app "
            "should check that it may read files (scope files:read) and is in this conversation."
        )
    raise AudioError(
        "This file is not audio. Send a voice clip, or an m4a, mp3, wav, ogg, webm, flac or mp4 file."
    )


def _promised(media: av.container.InputContainer, container: str, path: Path) -> float:
    """The seconds that the header says; 0 where it says nothing to rely on."""
    seconds = float((media.duration or 0) / av.time_base)
    if container in _KNOWS_ITS_LENGTH or (container == "mp3" and _counts_its_frames(path)):
        return seconds
    if (
        container == "wav"
    ):  # FFmpeg counts what is there; the header says what should be (or nothing, in a stream)
        with path.open("rb") as file:
            declared = int.from_bytes(file.read(8)[4:], "little") + 8
        if 8 < declared < _UNKNOWN_SIZE:
            return float(seconds * max(1.0, declared / path.stat().st_size))
    return 0.0


def _counts_its_frames(path: Path) -> bool:
    """Whether an mp3 begins with the frame in which encoders write how many there are ("Xing", "Info")."""
    with path.open("rb") as file:
        head = file.read(10)
        tagged = head.startswith(b"ID3")
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=False))
        file.seek(10 + size if tagged else 0)
        frame = file.read(_HEAD)
    mark = max(frame.find(b"Xing", 0, 64), frame.find(b"Info", 0, 64))
    return mark > 0 and bool(frame[mark + 7 : mark + 8] and frame[mark + 7] & 1)


def _ends_inside_a_page(path: Path) -> bool:
    """Whether an ogg file's last page is longer than what is left; some recorders never mark a page as the last."""
    with path.open("rb") as file:
        size = file.seek(0, SEEK_END)
        file.seek(0)
        while (head := file.read(27)).startswith(b"OggS"):
            lengths = file.read(head[26]) if len(head) == 27 else b""
            whole = len(head) == 27 and len(lengths) == head[26]
            if not whole or file.seek(sum(lengths), SEEK_CUR) > size:
                return True
    return False


def _samples(media: av.container.InputContainer, promised: float, limit: float) -> Samples:
    if not media.streams.audio:
        raise AudioError("This file has no sound: there is no audio track in it.")
    stream = media.streams.audio[0]
    if promised > limit:
        raise AudioError(_too_long(promised, limit))
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    heard = bytearray()  # grows in place; a list of arrays would need twice the memory at the end
    broken = 0
    for packet in media.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            broken += 1
            continue
        for frame in frames:
            for resampled in resampler.resample(frame):
                heard += resampled.to_ndarray().tobytes()
        if len(heard) > limit * _BYTES_PER_SECOND:
            raise AudioError(_too_long(None, limit))
    if heard:
        for resampled in resampler.resample(None):
            heard += resampled.to_ndarray().tobytes()
    seconds = len(heard) / _BYTES_PER_SECOND
    if not heard and broken:
        raise _NothingHeard
    if seconds < promised - max(_SHORTFALL, promised / 10):
        raise AudioError(
            f"This recording is cut off: {_clock(seconds)} of {_clock(promised)} arrived. Please upload it again."
        )
    return np.frombuffer(heard, dtype=np.float32)


def _damaged(container: str) -> str:
    kind = {"mov": "m4a or mp4", "matroska": "webm"}.get(container, container)
    return f"This {kind} file is damaged or cut off and cannot be played. Please record or upload it again."


def _too_long(seconds: float | None, limit: float) -> str:
    most = f"{limit / 60:.0f} minutes" if limit >= 2 * 60 else _clock(limit)  # "30:00" might be hours
    length = f"is {_clock(seconds)} long" if seconds else f"is longer than {most}"
    return f"This recording {length}; a memo may last up to {most}. Please send the part that matters."


def _clock(seconds: float) -> str:
    """1:05, or 2:00:00 from an hour on."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
