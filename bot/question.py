"""Reads the conditions out of a question: whom, where, when and how it ended; what is left is what it is about."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from bot.grammar_filters import Filter, GrammarError, read_filter
from bot.numbers import day
from bot.periods import find_period
from bot.question_numbers import bounds, key_bound
from bot.question_values import Known, Outcome, Question
from nlp.terms import topic_terms

NOWHERE = 0  # nobody's and no project's key: what is named and not known matches nothing

_STATES: tuple[tuple[str, str], ...] = (
    (
        r"(?:runs?\s+(?:that|which)\s+|(?:has|have|did)\s+\w+\s+runs?\s+)?crashed|failed(?=\s+(?:runs?|jobs?)\b)",
        "failed",
    ),
    (r"runs?\s+(?:(?:that|which|have|has)\s+)*failed", "failed"),
    (r"killed(?=\s+(?:runs?|jobs?)\b)|runs?\s+(?:that|which)\s+(?:was|were|got)\s+killed", "killed"),
    (r"preempted(?=\s+(?:runs?|jobs?)\b)|runs?\s+(?:that|which)\s+(?:was|were|got)\s+preempted", "preempted"),
    (r"lost(?=\s+(?:runs?|jobs?)\b)", "lost"),
    (r"(?:still|currently|now)\s+running|running(?=\s+(?:runs?|jobs?)\b)", "running"),
)
_VERDICTS: tuple[tuple[str, Literal["keep", "drop"]], ...] = (
    (
        r"\b(?:who|we|runs?|which|that|was|were|been|has|have|anybody|anyone|somebody)\s+(?:\w+\s+)?(?:kept|keep)\b",
        "keep",
    ),
    (
        r"\b(?:who|we|runs?|which|was|were|been|has|have|anybody|anyone|somebody)\s+(?:\w+\s+)?dropped\b",
        "drop",
    ),
)
_BAD = re.compile(
    r"\b(?:negative results?|(?:what|which|that|who) failed|failed (?:attempts?|ideas?|experiments?|tries)|did(?:n't| not) (?:work|help|improve|pan out)|(?:not|no) (?:help|work|gain|luck)"
    r"|dead ends?|made (?:it|things) worse|unsuccessful\w*|(?:what|which|that) (?:hurt|regressed))\b",
    re.IGNORECASE,
)
_GOOD = re.compile(
    r"\b(?:what worked|which worked|successful\w*|succe\w+|positive results?|what helped|got better|paid off|best)\b",
    re.IGNORECASE,
)


def read_question(text: str, known: Known, *, now: datetime) -> Question:
    """Take the conditions out of a question, one kind after the other."""
    question = Question(text=text, topic=text)
    for take in (
        _keyed,
        bounds,
        _times,
        key_bound,
        _without,
        _people,
        _projects,
        _domains,
        _datasets,
        _versions,
        _files,
        _tags,
        _states,
        _verdict,
        _role,
    ):
        question = take(question, known, now)
    outcome: Outcome | None = "bad" if _BAD.search(text) else "good" if _GOOD.search(text) else None
    topic = " ".join(question.topic.split()).strip(" ,;:?")
    named = topic or question.narrowed or question.role
    return replace(question, outcome=outcome, topic=topic if named else text)


def _cut(question: Question, found: re.Match[str]) -> str:
    return f"{question.topic[: found.start()]} {question.topic[found.end() :]}"


def _keyed(question: Question, known: Known, now: datetime) -> Question:
    """Conditions written as the commands' filters: project:vision, by:@ana, since:4w, state:failed, domain:speech."""
    for word in question.topic.split():
        try:
            told = read_filter(word.rstrip("?,;"), strict=False)
        except GrammarError:
            continue  # "since:ever" is a word like others
        if told is None or (taken := _filtered(question, told, known, now)) is None:
            continue
        question = replace(taken, topic=taken.topic.replace(word, " ", 1))
    return question


def _filtered(question: Question, told: Filter, known: Known, now: datetime) -> Question | None:
    """The question with this filter; None for one that is read elsewhere, or says nothing of notes."""
    value = told.value
    match told.key:
        case "since" | "until" if isinstance(value, date | timedelta):
            at = now - value if isinstance(value, timedelta) else datetime.combine(value, time(), UTC)
            question = replace(question, since=at) if told.key == "since" else replace(question, until=at)
            said = f"{told.key} {day(at, now)}"
        case "project":
            ids = (*question.project_ids, known.projects.get(str(value).lower(), NOWHERE))
            question, said = replace(question, project_ids=ids), f"in {value}"
        case "by":
            name = str(value).strip("<@>")
            other = known.people.get(name.lower(), known.people.get(f"@{name}".lower()))
            one = known.asker_id if name == "me" else other
            question = replace(question, people=(*question.people, one or NOWHERE))
            said = "by you" if name == "me" else f"by {known.called.get(one or NOWHERE, name)}"
        case "state":
            question, said = replace(question, states=(str(value),)), f"{value} runs"
        case "group":
            question, said = replace(question, groups=(str(value),)), f"of the group {value}"
        case "domain":
            question, said = replace(question, domains=(str(value),)), f"in the domain {value}"
        case _:
            return None
    return replace(question, said=(*question.said, said))


def _times(question: Question, known: Known, now: datetime) -> Question:
    found = find_period(question.topic, now=now)
    if found is None:
        return question
    words = question.topic[found.start : found.end]
    said = (*question.said, " ".join(words.split()))
    topic = found.left_of(question.topic)
    return replace(question, since=found.since, until=found.until, topic=topic, said=said)


def _people(question: Question, known: Known, now: datetime) -> Question:
    found_ids: list[int] = [*question.people]
    said: list[str] = []
    topic = question.topic
    for name in sorted(known.people, key=len, reverse=True):
        pattern = re.compile(
            rf"(?:\b(?:by|from|of)\s+)?(?<![\w@-])<?@?{re.escape(name)}>?(?![\w-])(?:'s|’s)?:?", re.IGNORECASE
        )
        if found := pattern.search(topic):
            one = known.people[name]
            found_ids.append(one)
            words = found[0].strip(" :@").removesuffix("’s").removesuffix("'s").removeprefix("by ")
            said.append(f"by {known.called.get(one, words)}")
            topic = f"{topic[: found.start()]} {topic[found.end() :]}"
    own = re.search(
        r"\b(?:did|have|had)\s+I\b|\bmy\s+(?:own\s+)?(?:runs?|notes?|experiments?)\b|\bmy\b(?=\s+\w+\s+(?:runs?|jobs?|notes?)\b)",
        topic,
    )
    if own and known.asker_id is not None:
        found_ids.append(known.asker_id)
        said.append("by you")
        topic = f"{topic[: own.start()]} {topic[own.end() :]}"
    return replace(question, people=tuple(found_ids), topic=topic, said=(*question.said, *said))


def _projects(question: Question, known: Known, now: datetime) -> Question:
    """A project is a condition where it is said to be one: "in vision", "project vision"; else it may be the topic."""
    ids: list[int] = [*question.project_ids]
    topic, said = question.topic, list(question.said)
    for name in sorted(known.projects, key=len, reverse=True):
        where = r"\b(?:in|on|within|from|for)\s+(?:the\s+)?(?:project\s+)?|\bproject\s+|#"
        pattern = re.compile(rf"(?:{where}){re.escape(name)}(?![\w-])(?:\s+project\b)?", re.IGNORECASE)
        if found := pattern.search(topic):
            ids.append(known.projects[name])
            said.append(f"in {name}")
            topic = f"{topic[: found.start()]} {topic[found.end() :]}"
    return replace(question, project_ids=tuple(ids), topic=topic, said=tuple(said))


def _tags(question: Question, known: Known, now: datetime) -> Question:
    for found in re.finditer(
        r"\b(?:tagged(?:\s+as)?|tags?)\s*[:=]?\s*[\"'“]?([\w./-]+)[\"'”]?", question.topic
    ):
        if tag := known.tags.get(found[1].lower()):
            return replace(
                question,
                tags=(tag,),
                topic=_cut(question, found),
                said=(*question.said, f"tagged {found[1]}"),
            )
    return question


_DOMAIN = re.compile(
    r"\b(?:in|for|of|within)\s+(?:the\s+)?(?:domain\s+(?:of\s+)?([\w-]+)|([\w-]+)\s+domain)\b", re.IGNORECASE
)


def _domains(question: Question, known: Known, now: datetime) -> Question:
    """In the speech domain: what a run is for, however its team marks that."""
    if found := _DOMAIN.search(question.topic):
        name = found[1] or found[2]
        said = (*question.said, f"in the domain {name}")
        return replace(question, domains=(name,), topic=_cut(question, found), said=said)
    return question


_ON_DATA = r"(?:\b(?:on|with|using|from|of|read|reading)\s+)?(?:\bthe\s+)?"


def _datasets(question: Question, known: Known, now: datetime) -> Question:
    """Data is a condition where it is said to be data: "on the dataset faces", "faces data"; else it may be the topic."""
    for name in sorted(known.datasets, key=len, reverse=True):
        own = re.escape(name)
        pattern = (
            rf"{_ON_DATA}(?:\bdata\s?set\s+{own}(?![\w-])|(?<![\w-]){own}\s+(?:data\s?set|data)(?![\w-]))"
        )
        if found := re.search(pattern, question.topic, re.IGNORECASE):
            return replace(
                question,
                datasets=(*question.datasets, known.datasets[name]),
                topic=_cut(question, found),
                said=(*question.said, f"on the data {name}"),
            )
    return question


VERSION = re.compile(r"(?<![\w.-])(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{6,64}(?![\w-]|\.\w)")
"""How a commit or a fingerprint is named: by its first digits, and no word nor number is made like them."""


def _versions(question: Question, known: Known, now: datetime) -> Question:
    """Of the commit 3fa92b1: runs of that code or on that data."""
    lead = r"(?:\b(?:of|at|on|from|with)\s+)?(?:\bthe\s+)?(?:\b(?:commit|code|version|data|dataset|fingerprint)\s+)*"
    for begins in known.versions:
        if found := re.search(rf"{lead}(?<![\w.-]){begins}(?![\w-])", question.topic, re.IGNORECASE):
            question = replace(
                question,
                versions=(*question.versions, begins),
                topic=_cut(question, found),
                said=(*question.said, f"of version {begins}"),
            )
    return question


def _files(question: Question, known: Known, now: datetime) -> Question:
    """Who changed train.py, what ran on the branch x: runs hold these names among their words, but not how one asks."""
    topic = re.sub(
        r"\b(?:chang|touch|edit|modif|patch)\w*\s+(?=(?:the\s+file\s+)?[\w./-]+\.[A-Za-z]\w*)|\b(?:on|from|of)\s+(?:the\s+)?branch\s+(?=\S)",
        " ",
        question.topic,
        flags=re.IGNORECASE,
    )
    return replace(question, topic=topic)


def _states(question: Question, known: Known, now: datetime) -> Question:
    for pattern, state in _STATES:
        if found := re.search(rf"\b(?:{pattern})\b", question.topic, re.IGNORECASE):
            return replace(
                question, states=(state,), topic=_cut(question, found), said=(*question.said, f"{state} runs")
            )
    return question


_WITHOUT = re.compile(
    r",?\s*\b(?:but\s+(?:not|without)|except(?:\s+for)?|excluding|apart\s+from|other\s+than)\s+"
    r"(?:(?:with|on|in|for|by|using|the|a|an)\s+)*(?P<what>\w[^,;?!]*)",
    re.IGNORECASE,
)


def _without(question: Question, known: Known, now: datetime) -> Question:
    """Mixup but not on resnet50: what speaks of that is no answer."""
    if found := _WITHOUT.search(question.topic):
        said = (*question.said, " ".join(found[0].strip(" ,").split()))
        return replace(question, without=(found["what"].strip(),), topic=_cut(question, found), said=said)
    return question


_ROLES: tuple[tuple[str, str], ...] = (
    (r"next\s+steps?|to-?dos?", "next_step"),
    (r"decisions?", "decision"),
    (r"problems?|issues", "problem"),
    (r"hypothes[ei]s|guess(?:es)?", "hypothesis"),
)


def _role(question: Question, known: Known, now: datetime) -> Question:
    """Any decisions last week: where nothing else is asked for, what was read as such; else these are words like others."""
    for pattern, role in _ROLES:
        if found := re.search(rf"\b(?:open\s+)?(?:{pattern})\b", question.topic, re.IGNORECASE):
            rest = _cut(question, found)
            if not topic_terms(rest):
                return replace(question, role=role, topic=rest, said=(*question.said, found[0].lower()))
    return question


def _verdict(question: Question, known: Known, now: datetime) -> Question:
    if re.match(r"\s*why\b", question.text, re.IGNORECASE):
        return question  # the reason is in people's words, whether or not somebody tapped
    for pattern, verdict in _VERDICTS:
        if found := re.search(pattern, question.topic, re.IGNORECASE):
            word = "kept" if verdict == "keep" else "dropped"
            return replace(
                question, verdict=verdict, topic=_cut(question, found), said=(*question.said, word)
            )
    return question
