"""Nobody speaks, nothing is written: silence, noise and music, captions' boilerplate, loops."""

from itertools import pairwise

import numpy as np
import pytest
import sounds

from nlp.audio import RATE, decode
from nlp.silence import Phrase, really_said
from nlp.values import Word
from nlp.voice import LONGEST_PASSAGE, VoiceDetector


@pytest.fixture(scope="module")
def detector() -> VoiceDetector:
    return VoiceDetector()


def phrase(text: str, *, probability: float = 0.9, silence: float = 0.1) -> Phrase:
    words = [Word(text=f" {word}", start=0.0, end=0.1, probability=probability) for word in text.split()]
    return Phrase(words=tuple(words), silence=silence)


def said(*phrases: Phrase) -> str:
    return "".join(word.text for word in really_said(phrases)).strip()


@pytest.mark.parametrize(
    "sound",
    [
        sounds.silence(0.0),
        sounds.silence(0.05),
        sounds.silence(10.0),
        sounds.noise(10.0),
        sounds.noise(10.0, loudness=0.4, seed=1),
        sounds.music(10.0),
        sounds.music(10.0, seed=1),
    ],
)
def test_no_voice_is_found_where_nobody_speaks(detector: VoiceDetector, sound: sounds.Sound) -> None:
    assert detector.passages(sound) == []


def test_a_voice_is_found_where_somebody_speaks(detector: VoiceDetector) -> None:
    clip = decode(sounds.CLIP)
    quiet = sounds.silence(8.0)
    (passage,) = detector.passages(np.concatenate([quiet, clip, quiet]))
    assert abs(passage.start - len(quiet)) < RATE
    assert abs(passage.end - len(quiet) - len(clip)) < RATE


def test_a_long_talk_is_cut_into_passages_that_hold_all_of_it(detector: VoiceDetector) -> None:
    talk = np.concatenate([decode(sounds.CLIP)] * 12)
    passages = detector.passages(talk)
    assert len(passages) > 2
    assert all(passage.end - passage.start <= LONGEST_PASSAGE for passage in passages)
    assert all(after.start >= before.end for before, after in pairwise(passages))
    assert sum(passage.end - passage.start for passage in passages) > 0.9 * len(talk)


def test_speech_without_a_pause_is_cut_all_the_same(detector: VoiceDetector) -> None:
    clip = decode(sounds.CLIP)[RATE // 4 : 4 * RATE]
    passages = detector.passages(np.concatenate([clip] * 20))
    assert len(passages) > 2
    assert all(passage.end - passage.start <= LONGEST_PASSAGE for passage in passages)


@pytest.mark.parametrize(
    "invented",
    [
        "Thanks for watching!",
        "Thank you for watching this video.",
        "Please like and subscribe.",
        "Don't forget to subscribe to my channel",
        "See you in the next video.",
        "So, we'll be right back.",
        "Subtitles by the Amara.org community",
        "Transcription by CastingWords",
        "[Music]",
        "(applause)",
        "♪ ♪",
        "...",
        "www.example.com",
    ],
)
def test_boilerplate_of_captions_is_dropped(invented: str) -> None:
    assert said(phrase("We keep it."), phrase(invented)) == "We keep it."


@pytest.mark.parametrize(
    "spoken",
    [
        "Thanks for watching the run overnight.",
        "Thank you.",
        "We subscribe to the idea that warmup helps.",
        "The loss (smoothed) is 0.3.",
        "See you tomorrow.",
        "You.",
    ],
)
def test_people_who_sound_like_captions_are_heard(spoken: str) -> None:
    assert said(phrase(spoken)) == spoken


def test_a_loop_is_said_once() -> None:
    assert said(phrase("it works " + "and the loss is " * 9)) == "it works and the loss is"
    assert said(phrase("no " * 30)) == "no"


@pytest.mark.parametrize(
    "spoken", ["No no no, that is wrong.", "zero zero zero one", "It went up, up, up and away."]
)
def test_people_repeat_themselves_a_little(spoken: str) -> None:
    assert said(phrase(spoken)) == spoken


def test_an_unsure_guess_at_a_noise_is_dropped() -> None:
    assert said(phrase("I'm so", probability=0.2, silence=0.9)) == ""
    assert said(phrase("I'm so", probability=0.9, silence=0.9)) == "I'm so"
    assert said(phrase("I'm so", probability=0.2, silence=0.1)) == "I'm so"
