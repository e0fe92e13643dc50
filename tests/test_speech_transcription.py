"""A memo becomes words with times, by either engine."""

import threading
from pathlib import Path

import ctranslate2  # type: ignore[import-untyped]
import numpy as np
import pytest
import sounds
import whisper
from fakes import ParrotRecogniser

from nlp import openai_whisper_engine
from nlp.audio import decode
from nlp.loader import ENGINES, load_transcriber
from nlp.models import whisper_directory
from nlp.normalise import normalise
from nlp.transcription import SpeechTranscriber
from nlp.values import AudioError, Context, Transcriber


def memo(path: Path, *, times: int = 1, before: float = 0.0) -> Path:
    talk = np.concatenate([sounds.silence(before), *[decode(sounds.CLIP)] * times])
    return sounds.write(path / "memo.wav", talk)


def test_words_carry_their_time_in_the_recording(tmp_path: Path) -> None:
    parrot = SpeechTranscriber(ParrotRecogniser(" Loss", " is", " 0", ".1."))
    transcript = parrot.transcribe(memo(tmp_path, before=10.0))
    assert transcript.text == "Loss is 0.1."
    assert [word.text for word in transcript.words] == ["Loss", "is", "0.1."]
    assert 9.0 < transcript.words[0].start < 10.5
    assert transcript.words[2].end - transcript.words[2].start == pytest.approx(1.5)
    assert transcript.duration == pytest.approx(17.1, abs=0.2)


def test_a_long_memo_tells_how_far_it_is(tmp_path: Path) -> None:
    recogniser = ParrotRecogniser(" One", " passage.")
    shares: list[float] = []
    SpeechTranscriber(recogniser).transcribe(memo(tmp_path, times=12), progress=shares.append)
    assert [asked[0] for asked in recogniser.asked] == [2, 2]
    assert shares == sorted(shares)
    assert 0.3 < shares[0] < 0.8
    assert shares[-1] == 1.0


def test_an_ending_that_the_prompt_made_whisper_drop_is_heard_without_it(tmp_path: Path) -> None:
    recogniser = ParrotRecogniser(" One", " thing.")
    biased = Context(metrics={"val_acc": 0.9})
    transcript = SpeechTranscriber(recogniser).transcribe(memo(tmp_path), context=biased)
    assert [prompt is None for _, _, prompt in recogniser.asked] == [False, True]
    assert transcript.text == "One thing. One thing."
    assert 1.0 < transcript.words[2].start < 3.0


def test_the_language_is_detected_unless_it_is_given(tmp_path: Path) -> None:
    recogniser = ParrotRecogniser(" Ja.")
    transcriber = SpeechTranscriber(recogniser)
    assert transcriber.transcribe(memo(tmp_path)).language == "de"
    assert transcriber.transcribe(memo(tmp_path), language="en").language == "en"
    assert [asked[1] for asked in recogniser.asked] == ["de", "en"]


def test_the_runs_words_reach_the_engine(tmp_path: Path) -> None:
    recogniser = ParrotRecogniser(" Yes.")
    SpeechTranscriber(recogniser).transcribe(memo(tmp_path), context=Context(metrics={"val_acc": 0.9}))
    prompt = recogniser.asked[0][2]
    assert prompt is not None
    assert "val acc" in prompt


def test_silence_never_reaches_the_engine(tmp_path: Path) -> None:
    recogniser = ParrotRecogniser(" Invented.")
    shares: list[float] = []
    quiet = sounds.write(tmp_path / "quiet.wav", sounds.silence(5.0))
    transcript = SpeechTranscriber(recogniser).transcribe(quiet, progress=shares.append)
    assert (transcript.text, transcript.words, transcript.duration) == ("", (), 5.0)
    assert recogniser.asked == []
    assert shares == [1.0]


def test_a_recording_over_the_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="may last up to 0:05"):
        SpeechTranscriber(ParrotRecogniser(" Yes."), limit=5.0).transcribe(memo(tmp_path))


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def engines(models_dir: Path) -> dict[str, Transcriber]:
    return {engine: load_transcriber(engine, "base", models_dir) for engine in ENGINES}


@pytest.mark.models
def test_both_engines_agree_word_for_word_on_the_same_weights(engines: dict[str, Transcriber]) -> None:
    heard = {
        engine: transcriber.transcribe(sounds.CLIP, language="en") for engine, transcriber in engines.items()
    }
    texts = {normalise(transcript.text).text.lower().replace(",", "") for transcript in heard.values()}
    assert texts == {"i lowered the learning rate from 3e-4 to 1e-4. validation accuracy is 92%."}
    for transcript in heard.values():
        assert transcript.words[0].start < 0.5
        assert 6.0 < transcript.words[-1].end < 7.2
        assert all(0.0 < word.probability <= 1.0 for word in transcript.words)
        assert all(word.start <= word.end for word in transcript.words)
    first, second = ([word.start for word in transcript.words] for transcript in heard.values())
    assert first == pytest.approx(second, abs=0.3)


@pytest.mark.models
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # openai-whisper leaves its vocabulary's file open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_both_engines_compute_the_same_from_the_same_weights(models_dir: Path) -> None:
    """In full precision: what the encoder makes of a clip, and the words that greedy decoding then finds."""
    directory = whisper_directory("base", models_dir=models_dir)
    fast = ctranslate2.models.Whisper(str(directory), compute_type="float32", intra_threads=1)
    reference = openai_whisper_engine.network(directory)
    mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(decode(sounds.CLIP).copy()))[None]
    ours = fast.encode(ctranslate2.StorageView.from_array(mel.numpy()))
    theirs = reference.encoder(mel).detach()
    assert np.abs(np.array(ours) - theirs.numpy()).max() < 0.02 * theirs.abs().max()
    told = whisper.DecodingOptions(language="en", without_timestamps=True, fp16=False)
    tokens = whisper.decode(reference, theirs[0], told).tokens
    prompt = [50258, 50259, 50359, 50363]  # start, English, transcribe, no times
    (found,) = fast.generate(ours, [prompt], beam_size=1, suppress_tokens=[-1])
    assert [token for token in found.sequences_ids[0] if token < 50257] == tokens


@pytest.mark.models
@pytest.mark.parametrize("engine", ENGINES)
def test_english_is_recognised_as_english(engines: dict[str, Transcriber], engine: str) -> None:
    assert engines[engine].transcribe(sounds.CLIP).language == "en"


@pytest.mark.models
def test_passages_heard_together_read_as_when_heard_alone(
    engines: dict[str, Transcriber], tmp_path: Path
) -> None:
    transcript = engines["faster-whisper"].transcribe(memo(tmp_path, times=5), language="en")
    assert normalise(transcript.text).text.count("3e-4 to 1e-4") == 5
    assert transcript.text.count("92%") == 5
    starts = [word.start for word in transcript.words]
    assert starts == sorted(starts)
    assert 33.0 < transcript.words[-1].end < 36.0


@pytest.mark.models
def test_a_gpu_that_cannot_be_used_leaves_hearing_to_the_cpu(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # As where a card is found, but CUDA's libraries are of another version; seen on an H200 with CUDA 13.
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)
    hearing = load_transcriber(model="tiny.en", models_dir=models_dir)
    assert "gpu_not_usable_for_speech" in caplog.messages
    assert hearing.transcribe(sounds.CLIP).text


@pytest.mark.models
def test_the_small_english_model_hears_too(models_dir: Path) -> None:
    tiny = load_transcriber("faster-whisper", "tiny.en", models_dir)
    assert "learning rate" in tiny.transcribe(sounds.CLIP).text


@pytest.mark.models
def test_several_threads_may_share_one_transcriber(engines: dict[str, Transcriber]) -> None:
    heard: list[str] = []
    shared = engines["faster-whisper"]
    threads = [
        threading.Thread(target=lambda: heard.append(shared.transcribe(sounds.CLIP, language="en").text))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(heard) == 3
    assert len(set(heard)) == 1


@pytest.mark.models
def test_words_of_the_run_are_not_heard_where_nobody_said_them(engines: dict[str, Transcriber]) -> None:
    unsaid = Context(
        metrics={"val_wer": 0.1}, words=("wav2vec2", "librispeech"), runs=("brave-otter",), people=("Priya",)
    )
    text = engines["faster-whisper"].transcribe(sounds.CLIP, context=unsaid, language="en").text
    assert not [
        word for word in ("val_wer", "wav2vec2", "librispeech", "brave-otter", "Priya") if word in text
    ]
