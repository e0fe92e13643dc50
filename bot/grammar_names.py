"""How people name a run: #42, vision/42, brave-otter, latest, best, baseline, @ana, a permalink."""

import re
from dataclasses import dataclass
from typing import Literal

RunNameKind = Literal["number", "ref", "name", "latest", "best", "baseline", "person", "permalink"]

NUMBER = re.compile(r"#?(\d{1,9})")
REF = re.compile(r"([^\s/#<>]{1,100})[/#](\d{1,9})")
PERMALINK = re.compile(r"https?://\S+/archives/([A-Z0-9]+)/p(\d{10})(\d{6})(?:\?(\S*))?")
THREAD = re.compile(r"thread_ts=(\d+\.\d+)")
NAME = re.compile(r"[A-Za-z][\w.-]{1,99}")
SLACK_ID = re.compile(r"[UW][A-Z0-9]{5,30}")
WORDS: dict[str, RunNameKind] = {
    "latest": "latest",
    "last": "latest",
    "newest": "latest",
    "best": "best",
    "baseline": "baseline",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RunName:
    """A run as somebody named it; `text` is as written, the rest what it says."""

    kind: RunNameKind
    text: str
    project: str | None = None
    number: int | None = None
    person: str | None = None  # Slack id where Slack gave one, else a name
    channel: str | None = None
    ts: str | None = None  # of the message, or of its thread's parent


def read_run(text: str) -> RunName | None:
    """The run that a word names; None for a word that can name none."""
    text = text.strip().strip(",;")
    if found := NUMBER.fullmatch(text):
        return RunName(kind="number", text=f"#{found[1]}", number=int(found[1]))
    if found := PERMALINK.fullmatch(text):
        thread = THREAD.search(found[4] or "")
        ts = thread[1] if thread else f"{found[2]}.{found[3]}"
        return RunName(kind="permalink", text=text, channel=found[1], ts=ts)
    if found := REF.fullmatch(text):
        return RunName(kind="ref", text=f"{found[1]}/{found[2]}", project=found[1], number=int(found[2]))
    if kind := WORDS.get(text.lower()):
        return RunName(kind=kind, text=text.lower())
    project, slash, word = text.partition("/")
    if slash and project and (kind := WORDS.get(word.lower())):
        return RunName(kind=kind, text=f"{project}/{word.lower()}", project=project)
    if text.startswith("@") and len(text) > 1:
        return RunName(kind="person", text=text, person=text[1:])
    if NAME.fullmatch(text):
        return RunName(kind="name", text=text)
    if slash and project and NAME.fullmatch(word):
        return RunName(kind="name", text=word, project=project)
    return None
