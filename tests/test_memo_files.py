"""Any file Slack may deliver for a memo, through the bot: what can be heard gets its card, each broken one a clear answer."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import sounds
from fakes import ParrotRecogniser
from local_workspace import ANA, VISION
from running_bot import RunningBot, shown
from test_notes_kept import thread_of

from bot.slack_text import is_audio, is_memo
from nlp.audio import decode
from nlp.transcription import SpeechTranscriber
from nlp.vocabulary import PROMPT_TOKENS

FILES = {
    "m4a": "aac", "mp4": "aac", "webm": "libopus", "ogg": "libopus", "mp3": "libmp3lame", "wav": "pcm_s16le",
    "flac": "flac",
}  # fmt: skip

PROJECTS = count()  # one each: many runs alike in one project share a message


@pytest.fixture
def parrot() -> ParrotRecogniser:
    return ParrotRecogniser(" I", " lowered", " lr", " from", " 0.1", " to", " 0.01.")


@pytest.fixture
def ears(bot: RunningBot, parrot: ParrotRecogniser) -> Iterator[RunningBot]:
    """The bot with the real way from file to passages; only the words are a parrot's."""
    bot.models.transcriber = SpeechTranscriber(parrot)
    yield bot
    bot.models.transcriber = bot.models.hearing


@pytest.fixture
def thread(ears: RunningBot) -> str:
    return thread_of(ears, f"memo-file-{next(PROJECTS)}", config={"lr": 0.01})


def answer(bot: RunningBot, thread: str, name: str, content: bytes, words: str) -> str:
    """What the bot says in the thread to this memo, once it holds the words."""
    seen = {one["ts"] for one in bot.workspace.thread(VISION, thread)}
    bot.workspace.upload_memo(ANA, VISION, name, content=content, thread_ts=thread)

    def told() -> str | None:
        new = [one for one in bot.workspace.thread(VISION, thread) if one["ts"] not in seen]
        return next((shown(one) for one in new if words in shown(one)), None)

    return bot.wait(told, f"an answer with {words!r} to {name}")


@pytest.mark.parametrize("ending", FILES)
def test_every_container_becomes_a_card(ears: RunningBot, thread: str, ending: str, tmp_path: Path) -> None:
    clip = sounds.write(
        tmp_path / f"clip.{ending}", decode(sounds.CLIP), FILES[ending], video=ending == "mp4"
    )
    assert "0.1 → 0.01" in answer(ears, thread, f"audio_message.{ending}", clip.read_bytes(), "🎙")


@pytest.mark.parametrize(
    "name", ["audio_message", "audio_message.txt", "audio_message.html", "audio_message.png"]
)
def test_neither_name_nor_mimetype_decides(ears: RunningBot, thread: str, name: str, tmp_path: Path) -> None:
    clip = sounds.write(tmp_path / "clip.webm", decode(sounds.CLIP), "libopus")
    assert "0.1 → 0.01" in answer(ears, thread, name, clip.read_bytes(), "🎙")


def broken(kind: str, folder: Path) -> bytes:
    match kind:
        case "a login page":
            return b"<!DOCTYPE html><html><title>Sign in</title></html>"
        case "no audio":
            return b"%PDF-1.7 1 0 obj"
        case "cut off":
            return sounds.write(folder / "a.m4a", sounds.music(5.0), "aac").read_bytes()[:-2000]
        case "half of it":
            whole = sounds.write(folder / "a.flac", sounds.music(20.0), "flac").read_bytes()
            return whole[: len(whole) // 2]
        case "no sound":
            return sounds.write_silent_film(folder / "a.mp4").read_bytes()
        case "two hours":
            return sounds.claiming(2 * 60 * 60, sounds.write(folder / "a.flac", sounds.music(1.0), "flac"))
        case "nobody speaks":
            return sounds.write(folder / "a.wav", sounds.music(3.0)).read_bytes()
    raise AssertionError(kind)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("a login page", "A web page came instead of the recording"),
        ("no audio", "This file is not audio"),
        ("cut off", "This m4a or mp4 file is damaged or cut off"),
        ("half of it", "This recording is cut off: 0:"),
        ("no sound", "there is no audio track in it"),
        (
            "two hours",
            "This recording is 2:00:00 long; a memo may last up to 30 minutes. Please send the part that matters",
        ),
        ("nobody speaks", "I heard no words in it"),
    ],
)
def test_every_broken_file_gets_a_clear_answer(
    ears: RunningBot, thread: str, kind: str, said: str, tmp_path: Path
) -> None:
    told = answer(ears, thread, "audio_message.m4a", broken(kind, tmp_path), "🔇")
    assert said in told
    assert "a reply is kept as well" in told


def test_an_empty_file_is_told_as_empty(ears: RunningBot, thread: str) -> None:
    assert "0 bytes" in answer(ears, thread, "audio_message.m4a", b"", "🔇")


@pytest.mark.parametrize(
    ("file", "memo", "audio"),
    [
        ({"name": "audio_message.m4a", "mimetype": "", "subtype": "slack_audio"}, True, True),
        ({"name": "audio_message.webm", "mimetype": "video/webm"}, True, True),
        ({"name": "clip", "mimetype": "application/octet-stream", "subtype": "slack_audio"}, True, False),
        ({"name": "Talk.MP4", "mimetype": ""}, False, True),
        ({"name": "screen.mov", "mimetype": None}, False, True),
        ({"name": "talk", "mimetype": "audio/mpeg"}, False, True),
        ({"name": "notes.txt", "mimetype": "text/plain"}, False, False),
        ({"name": "audio.csv", "mimetype": "text/csv"}, False, False),
    ],
)
def test_a_memo_is_known_whatever_its_mimetype_says(file: dict[str, object], memo: bool, audio: bool) -> None:
    assert (is_memo(file), is_audio(file)) == (memo, audio)


def test_thousands_of_names_leave_the_prompt_within_its_limit(
    ears: RunningBot, parrot: ParrotRecogniser, tmp_path: Path
) -> None:
    """The words go from the run through the bot to the engine; what does not fit is left out, of each kind alike."""
    config = {f"model.layers.{index}.width": index for index in range(1_500)} | {"lr": 0.1}
    thread = thread_of(ears, "memo-many-names", config=config)
    clip = sounds.write(tmp_path / "clip.wav", decode(sounds.CLIP))
    answer(ears, thread, "audio_message.wav", clip.read_bytes(), "🎙")
    prompt = next(asked[2] for asked in parrot.asked[::-1] if asked[2])
    assert parrot.count_tokens(prompt) <= PROMPT_TOKENS
    assert "model layers" in prompt
    assert "memo many names" in prompt
    assert "ana, " in prompt
