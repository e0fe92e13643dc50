"""Hand-written models for tests where the real ones would be slow: stateful, and predictable from their input."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from kept_slack import KeptSlack
from memory_of_a_team import WordEmbedder

from bot.settings import Settings
from bot.wiring import Models, Services
from nlp.audio import Samples
from nlp.silence import Phrase
from nlp.values import (
    AudioError,
    Context,
    Progress,
    Reading,
    Role,
    StatedFact,
    StatedItem,
    Transcript,
    Word,
)

ROLE_WORDS: Mapping[str, Role] = {
    "because": "hypothesis",
    "lowered": "change",
    "went": "outcome",
    "crashed": "problem",
    "keep": "decision",
    "next": "next_step",
}
FACT = re.compile(r"\b(\w+) from (\S+) to (\S+?)[.,]?(?=\s|$)")


class FakeTranscriber:
    """Hears the words that the file itself holds; `gate` holds it up, `heard` counts how often it was asked.

    A file that begins with LONG is told of at 40 %; words in round brackets are hard to hear.
    """

    def __init__(self) -> None:
        self.heard = 0
        self.gate = threading.Event()
        self.gate.set()

    def transcribe(
        self,
        audio: Path,
        *,
        context: Context | None = None,
        language: str | None = None,
        progress: Progress | None = None,
    ) -> Transcript:
        del context
        self.heard += 1
        said = audio.read_bytes().decode("utf-8", "replace").strip()
        if said.startswith("LONG") and progress:
            progress(0.4)
        self.gate.wait(30)
        said = said.removeprefix("LONG").strip()
        if said == "NOISE":
            raise AudioError("it is no audio")
        spoken = said.split()
        words = [word.strip("()") for word in spoken]
        return Transcript(
            text=" ".join(words),
            language=language or "en",
            duration=0.5 * len(words),
            words=tuple(
                Word(
                    text=word.strip("()"),
                    start=place * 0.5,
                    end=place * 0.5 + 0.4,
                    probability=0.3 if word.startswith("(") else 0.9,
                )
                for place, word in enumerate(spoken)
            ),
            engine="fake",
            model="fake",
        )


class ParrotRecogniser:
    """Hears the same in every passage and remembers how it was asked."""

    engine = "parrot"
    model = "grey"
    passages_at_once = 2

    def __init__(self, *pieces: str) -> None:
        self.pieces = pieces
        self.asked: list[tuple[int, str, str | None]] = []

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def language(self, samples: Samples) -> str:
        return "de"

    def recognise(
        self, passages: Sequence[Samples], *, language: str, prompt: str | None
    ) -> list[list[Phrase]]:
        self.asked.append((len(passages), language, prompt))
        words = tuple(
            Word(text=piece, start=index, end=index + 0.5, probability=0.9)
            for index, piece in enumerate(self.pieces)
        )
        return [[Phrase(words=words)] for _ in passages]


class FakeExtractor:
    """A sentence's role by one telling word; facts such as "lr from 1 to 2"."""

    def read(self, text: str, *, context: Context | None = None) -> Reading:
        logged = dict(context.params) if context else {}
        items = []
        for found in re.finditer(r"[^.!?\n]+[.!?]?(?:\d[^.!?\n]*[.!?]?)*", text):
            sentence = found.group().strip()
            if not sentence:
                continue
            start = text.index(sentence, found.start())
            told: Iterator[Role] = (role for word, role in ROLE_WORDS.items() if word in sentence.lower())
            role: Role = next(told, "other")
            facts = tuple(
                StatedFact(
                    kind="param",
                    name=fact[1],
                    from_value=fact[2],
                    to=fact[3],
                    linked=fact[1] in logged,
                    matches_log=str(logged[fact[1]]) == fact[3] if fact[1] in logged else None,
                    start=start + fact.start(),
                    end=start + fact.end(),
                )
                for fact in FACT.finditer(sentence)
            )
            items.append(
                StatedItem(
                    role=role,
                    text=sentence,
                    start=start,
                    end=start + len(sentence),
                    confidence=0.4 if role == "other" else 0.9,
                    facts=facts,
                )
            )
        return Reading(title=text[:80], summary=text[:200], items=tuple(items))


class FakeModels(Models):
    """The three of them, ready at once."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.hearing = FakeTranscriber()
        self.transcriber = self.hearing
        self.extractor = FakeExtractor()
        self.embedder = WordEmbedder()


def services_with(
    database: Any,  # noqa: ANN401  a database, or one that dies
    slack: KeptSlack,
    now: Callable[[], datetime],
    *,
    home: Path = Path(),
    **chosen: Any,  # noqa: ANN401
) -> Services:
    """What use cases get, with these models and a Slack that keeps what it is sent."""
    settings = Settings(home=home, **chosen)
    return Services(
        settings=settings, database=database, messenger=slack, models=FakeModels(settings), bot_user="U0BOT", now=now
    )  # fmt: skip
