"""Measures speech: word errors, speed, spoken numbers, silence, biasing and memory; prints Markdown tables.

`python -m benchmarks.speech [TABLE …] --data DIR` with DIR holding `manifest.tsv` and its clips.
"""

import argparse
import csv
import re
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from whisper.normalizers import EnglishTextNormalizer

from benchmarks.spoken_memos import SpokenMemo, record, spoken_memos, write_wav
from benchmarks.spoken_notes import spoken_notes
from benchmarks.unspoken import UNRELATED, unrelated_clips, wordless_sounds
from nlp.audio import RATE, Samples, decode
from nlp.faster_whisper_engine import FasterWhisper
from nlp.models import whisper_directory
from nlp.normalise import normalise
from nlp.openai_whisper_engine import OpenAIWhisper
from nlp.transcription import Recogniser, SpeechTranscriber

ENGINES: dict[str, Callable[..., Recogniser]] = {
    "faster-whisper": FasterWhisper,
    "openai-whisper": OpenAIWhisper,
}
_THREADS = 2


def recogniser(engine: str, beam: int = 5, model: str = "base") -> Recogniser:
    """An engine on the packaged weights."""
    return ENGINES[engine](whisper_directory(model), model=model, threads=_THREADS, beam=beam)


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """Wrong, missing and invented words, and how many were said, after Whisper's own English normaliser."""
    plain = EnglishTextNormalizer()
    truth, guess = plain(said).split(), plain(heard).split()
    row = list(range(len(guess) + 1))
    for index, word in enumerate(truth, start=1):
        before, row[0] = row[0], index
        for place, other in enumerate(guess, start=1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (word != other))
    return row[-1], len(truth)


def clips(data: Path) -> list[tuple[Path, str]]:
    """The recordings of a manifest with what is said in them."""
    with (data / "manifest.tsv").open(encoding="utf-8", newline="") as file:
        return [(data / line["file"], line["transcript"]) for line in csv.DictReader(file, delimiter="\t")]


def measure_errors(data: Path) -> None:
    """Both engines on the same weights, settings and passages; and how far they are from each other."""
    print("| engine | word errors | words | rate |\n|---|---|---|---|")
    heard: dict[str, list[str]] = {}
    for engine in ENGINES:
        transcriber = SpeechTranscriber(recogniser(engine))
        heard[engine] = [transcriber.transcribe(path, language="en").text for path, _ in clips(data)]
        pairs = [word_errors(said, text) for (_, said), text in zip(clips(data), heard[engine], strict=True)]
        wrong, words = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
        print(f"| {engine} | {wrong} | {words} | {wrong / words:.1%} |", flush=True)
    apart = [word_errors(theirs, ours)[0] for ours, theirs in zip(*heard.values(), strict=True)]
    print(f"\n{sum(apart)} words differ between the two, in {sum(map(bool, apart))} of {len(apart)} clips")


def measure_speed(data: Path) -> None:
    """All clips in one recording, word times on; loading and a first warm-up clip are not counted."""
    pause = np.zeros(RATE // 3, np.float32)
    talk: Samples = np.concatenate([piece for path, _ in clips(data) for piece in (decode(path), pause)])
    seconds = len(talk) / RATE
    print(
        f"{seconds:.0f} s of speech, {_THREADS} threads\n\n| beam | engine | wall s | CPU s | real-time factor |"
    )
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as directory:
        path, short = Path(directory) / "talk.wav", Path(directory) / "short.wav"
        write_wav(path, (talk * 32767).astype(np.int16), RATE)
        write_wav(short, (talk[: 4 * RATE] * 32767).astype(np.int16), RATE)
        for beam in (5, 1):
            walls = []
            for engine in ENGINES:
                transcriber = SpeechTranscriber(recogniser(engine, beam))
                transcriber.transcribe(short, language="en")
                wall, cpu = time.perf_counter(), time.process_time()
                transcriber.transcribe(path, language="en")
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                walls.append(cpu)
                print(f"| {beam} | {engine} | {wall:.1f} | {cpu:.1f} | {wall / seconds:.3f} |", flush=True)
            print(f"| {beam} | | | ratio {walls[1] / walls[0]:.1f} | |", flush=True)


def found(truth: Sequence[str], text: str) -> int:
    """How many of the expected numbers and names stand in the text as words of their own."""
    words = [word.strip(".,;:!?'\"()$").lower() for word in re.sub(r"(?<=\d),(?=\d{3})", "", text).split()]
    return (Counter(words) & Counter(name.lower() for name in truth)).total()


def measure_numbers(memos: list[SpokenMemo], directory: Path) -> None:
    """Numbers and names exact: raw Whisper, with the run's words, and normalised."""
    transcriber = SpeechTranscriber(recogniser("faster-whisper"))
    counts: dict[str, Counter[str]] = {}
    for memo, voice, path in record(memos, directory):
        heard = transcriber.transcribe(path, context=memo.context, language="en").text
        raw = transcriber.transcribe(path, language="en").text
        row = counts.setdefault(voice, Counter())
        row["expected"] += len(memo.truth)
        row["raw"] += found(memo.truth, raw)
        row["biased"] += found(memo.truth, heard)
        row["normalised"] += found(memo.truth, normalise(heard, memo.context).text)
        missing = len(memo.truth) - found(memo.truth, normalise(heard, memo.context).text)
        if missing:
            (directory / f"{path.stem}.txt").write_text(
                f"{voice}\n{memo.text}\n{heard}\n{normalise(heard, memo.context).text}\n", encoding="utf-8"
            )
    total = sum(counts.values(), Counter())
    print(
        "| voice | numbers and names | raw Whisper | with the run's words | normalised |\n|---|---|---|---|---|"
    )
    for voice, row in [*counts.items(), ("**all**", total)]:
        shares = " | ".join(
            f"{row[column] / row['expected']:.1%}" for column in ("raw", "biased", "normalised")
        )
        print(f"| {voice} | {row['expected']} | {shares} |", flush=True)


def measure_silence(directory: Path) -> None:
    """Words written for sounds in which nobody speaks: raw Whisper and ours."""
    engine = recogniser("faster-whisper")
    transcriber = SpeechTranscriber(engine)
    invented: Counter[str] = Counter()
    files: Counter[str] = Counter()
    sounds = list(wordless_sounds(directory))
    for path in sounds:
        (phrases,) = engine.recognise([decode(path)], language="en", prompt=None)
        for name, words in (
            ("raw", sum(len(phrase.words) for phrase in phrases)),
            ("ours", len(transcriber.transcribe(path, language="en").words)),
        ):
            invented[name] += words
            files[name] += words > 0
    print("| | recordings | with words | words |\n|---|---|---|---|")
    for name in ("raw", "ours"):
        print(f"| {name} | {len(sounds)} | {files[name]} | {invented[name]} |", flush=True)


def _as_words(text: str) -> str:
    """In lower case, with spaces for the signs that join a name."""
    return re.sub(r"[\W_]+", " ", text.lower()).strip()


def measure_bias(data: Path, directory: Path) -> None:
    """Words of a run that nobody said: how often biasing makes Whisper write them, and what it costs in word errors."""
    transcriber = SpeechTranscriber(recogniser("faster-whisper"))
    pairs = [*clips(data), *unrelated_clips(directory)][:50]
    own = (*UNRELATED.words, *UNRELATED.metrics, *UNRELATED.runs, *UNRELATED.people, *UNRELATED.datasets)
    names = [_as_words(name) for name in own]
    appeared, wrong = 0, [0, 0]
    for path, said in pairs:
        plain = transcriber.transcribe(path, language="en").text
        biased = transcriber.transcribe(path, language="en", context=UNRELATED).text
        wrong[0] += word_errors(said, plain)[0]
        wrong[1] += word_errors(said, biased)[0]
        appeared += sum(name in _as_words(biased) and name not in _as_words(said) for name in names)
    print("| clips | unsaid words of the run | word errors without | with biasing |\n|---|---|---|---|")
    print(f"| {len(pairs)} | {appeared} | {wrong[0]} | {wrong[1]} |", flush=True)


def measure_memory(data: Path) -> None:
    """The most memory this process has held, and the time of a minute's memo."""
    transcriber = SpeechTranscriber(recogniser("faster-whisper"))
    talk = np.concatenate([decode(path) for path, _ in clips(data)])[: 60 * RATE]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "minute.wav"
        write_wav(path, (talk * 32767).astype(np.int16), RATE)
        start = time.perf_counter()
        transcriber.transcribe(path)
        wall = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"| a 60 s memo, language detected | {wall:.1f} s |\n|---|---|\n| peak memory with base | {peak:.2f} GB |"
    )


def main() -> None:
    """Prints the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    tables = ("memory", "errors", "speed", "numbers", "notes", "silence", "bias")
    parser.add_argument("tables", nargs="*", help=", ".join(tables), metavar="TABLE")
    parser.add_argument("--data", type=Path, required=True, help="directory with manifest.tsv and its clips")
    parser.add_argument("--made", type=Path, help="where synthetic recordings are kept between runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        made = options.made or Path(temporary)
        for table in options.tables or tables:
            print(f"\n## {table}\n", flush=True)
            match table:
                case "memory":
                    measure_memory(options.data)
                case "errors":
                    measure_errors(options.data)
                case "speed":
                    measure_speed(options.data)
                case "numbers":
                    measure_numbers(spoken_memos(), made / "memos")
                case "notes":
                    measure_numbers(spoken_notes(), made / "notes")
                case "silence":
                    measure_silence(made / "wordless")
                case "bias":
                    measure_bias(options.data, made / "unrelated")
                case _:
                    parser.error(f"no table is called {table}")


if __name__ == "__main__":
    main()
