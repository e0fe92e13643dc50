"""The answer to "who has tried X?" as Slack shows it: the line that answers, then per person what, when and how it ended."""

import json
from collections.abc import Sequence
from datetime import datetime

from bot.ask import Answer
from bot.better import Judgement, judge
from bot.blocks import (
    Block,
    actions,
    bold,
    button,
    clip,
    code,
    context,
    escape,
    fit,
    line,
    link,
    name_of,
    quote,
    section,
)
from bot.findings import Finding, distinct, got_better
from bot.numbers import clock, count, day
from bot.values import Message, PersonView, RunView
from bot.verdicts import ending, ref, sign, standing

SHOWN = 5
QUOTE = 280
NAMED = 3  # so many people are counted, fewer are named
ASKED = 20  # notes whose authors can be asked


def answer_message(answer: Answer, *, first: int = 0) -> Message:
    """The answer, `SHOWN` findings from `first` on."""
    if answer.nobody:
        return nobody_message(answer)
    blocks: list[Block] = [section(bold(headline(answer)))] if first == 0 else []
    before: Finding | None = None
    for finding in answer.found[first : first + SHOWN]:
        blocks.append(section(finding_text(finding, answer.asked_at, before)))
        before = finding
    if answer.silent and first == 0:
        rows = [run_text(run, judge(run), by=True) for run in answer.silent[:SHOWN]]
        if len(answer.silent) > SHOWN:
            rows.append(f"… and {count(len(answer.silent) - SHOWN, 'more run')}")
        blocks.append(section("\n".join(["Runs that match by their own words:", *rows])))
    if answer.left_out and first == 0:
        others = (
            "got worse, failed or were dropped"
            if answer.question.outcome == "good"
            else "got better or were kept"
        )
        blocks.append(context(f"Left out: {count(answer.left_out, 'note')} whose runs {others}."))
    left = len(answer.found) - first - SHOWN
    if left > 0:
        comes = "" if answer.listed else " comes close" if left == 1 else " come close"
        blocks.append(context(f"{count(left, 'more note')}{comes}."))
    return fit(Message(text=headline(answer), blocks=[*blocks, answer_buttons(answer, first=first)]))


def headline(answer: Answer) -> str:
    """3 people tried label smoothing in 4 runs: 2 got better, 1 worse; Ana kept one.

    "Tried" rests on the runs' own words or on what was said to be done; else the notes only "mention" it, where they
    name what was asked for, or "come close": one in five is about a neighbouring matter (benchmarks/ask.md).
    """
    if answer.tried:
        return _tried(answer)
    speaking = [finding for finding in answer.found if finding.speaks] if answer.subject else []
    found = speaking or answer.found
    shown = runs_of(found) if speaking else answer.runs
    does = f" mention {line(answer.subject, 80)}" if speaking else "" if answer.listed else " come close"
    people = distinct(finding.note.author for finding in found)
    least = "at least " if answer.more and (speaking or answer.listed) else ""
    runs = f"{least}{count(len(shown), 'run')}"
    on = f"{'' if answer.listed else ','} on {runs}" if shown else ""
    if people:
        unsigned = ", and unsigned ones," if any(finding.note.author is None for finding in found) else ""
        told_by = f"Notes by {who(people, least=least)}{unsigned}{does}{on}"
    elif found:
        one = does.replace("mention", "mentions").replace("come", "comes")
        told_by = f"{count(len(found), 'unsigned note')}{does if len(found) > 1 else one}{on}"
    else:
        told_by = f"{runs} {'matches' if len(shown) == 1 else 'match'} this"
    # How a run ended that nobody is known to have tried it in says nothing to who asks that.
    return told_by + ("" if answer.trying else _ended(answer, shown)) + said(answer, people)


def _tried(answer: Answer) -> str:
    """Who ran it, and how those runs ended; then who else speaks of it."""
    runs = answer.tried
    had = {run.id for run in runs}
    people = distinct(run.owner for run in runs)
    subject = line(answer.subject, 80)
    others = [one for one in answer.found if one.speaks and had.isdisjoint(run.id for run in one.runs)]
    least = "at least " if answer.more or any(one.runs for one in others) else ""
    unknown = " and somebody unknown" if any(run.owner is None for run in runs) else ""
    named = len(people) < NAMED
    told = f"{who(people, least=least)}{unknown} tried {subject}" if people else f"{subject} was tried"
    told += f" in {least if named else ''}{count(len(runs), 'run')}{_ended(answer, runs)}"
    known = {person.id for person in people}
    more = [person for person in distinct(one.note.author for one in others) if person.id not in known]
    told += f"; notes by {who(more)} mention it" if more else ""
    return (told[:1].upper() + told[1:] if people and not named else told) + said(answer, people)


def who(people: Sequence[PersonView], *, least: str = "") -> str:
    """Ana; Ana and Ben; 3 people."""
    if len(people) < NAMED:
        return " and ".join(name_of(person) for person in people)
    return f"{least}{count(len(people), 'person', 'people')}"


def _ended(answer: Answer, runs: Sequence[RunView]) -> str:
    told = [text for text in (outcomes(answer, runs), verdicts(runs)) if text]
    return f": {'; '.join(told)}" if told else ""


def runs_of(found: Sequence[Finding]) -> list[RunView]:
    """Their runs, each once."""
    return list({run.id: run for finding in found for run in finding.runs}.values())


def said(answer: Answer, people: Sequence[PersonView] = ()) -> str:
    """The conditions that were understood, so that a wrong one is seen; whom the line names already is not said again."""
    known = {f"by {person.name}".lower() for person in people} if len(people) < NAMED else set()
    conditions = ", ".join(line(words, 60) for words in answer.question.said if words.lower() not in known)
    return f" ({conditions})" if conditions else ""


def outcomes(answer: Answer, runs: Sequence[RunView]) -> str:
    """2 got better, 1 worse: against their parent, as logged."""
    judged = {
        run.id: judgement
        for finding in answer.found
        for run, judgement in zip(finding.runs, finding.judgements, strict=True)
    }
    judged = {run.id: judged.get(run.id) or judge(run) for run in runs}
    better = sum(got_better(judgement) is True for judgement in judged.values())
    worse = sum(got_better(judgement) is False for judgement in judged.values())
    parts = [f"{better} got better" if better else "", f"{worse} worse" if better and worse else ""]
    if worse and not better:
        parts = [f"{worse} got worse"]
    return ", ".join(part for part in parts if part)


def verdicts(runs: Sequence[RunView]) -> str:
    """Ana kept it, Ben dropped it: only what people tapped."""
    told: list[str] = []
    for choice, word in (("keep", "kept"), ("drop", "dropped")):
        names = dict.fromkeys(name for run in runs for name, said in run.verdicts.items() if said == choice)
        if names:
            told.append(
                f"{', '.join(line(name, 40) for name in names)} {word} {'it' if len(runs) == 1 else 'one'}"
            )
    return ", ".join(told)


def finding_text(finding: Finding, now: datetime, before: Finding | None = None) -> str:
    """Who, where and when, as far as the one above does not say it; how each run ended; the words, and where they are."""
    note = finding.note
    who = f"{bold(name_of(note.author) if note.author else 'Author unknown')} · {line(finding.project, 60)}"
    same = before and note.author and (before.note.author, before.project) == (note.author, finding.project)
    when = day(note.said_at, now) if finding.dated else ""
    rows = [" · ".join(part for part in ("" if same else who, when) if part)]
    rows += [
        run_text(run, judgement) for run, judgement in zip(finding.runs, finding.judgements, strict=True)
    ]
    words = quote(clip(finding.quote, QUOTE), 2 * QUOTE)
    place = f"🎙️ {clock(finding.quote_time)}" if finding.quote_time is not None else "source"
    source = link(note.permalink, place)
    rows.append(f"{words} {source}" if note.permalink or finding.quote_time is not None else words)
    return "\n".join(filter(None, rows))


def run_text(run: RunView, judgement: Judgement, *, by: bool = False) -> str:
    """✅ vision/42 brave-otter: val_acc 0.942, +0.8 points on baseline; kept by Ana. With whose it is where asked `by` whom."""
    name = link(run.permalink, f"{escape(ref(run))} {line(run.name, 60)}")
    name += f" by {name_of(run.owner)}" if by and run.owner else ""
    how = standing(judgement) or ("" if run.state == "finished" else ending(run).removeprefix(f"{ref(run)} "))
    kept = [
        f"{'kept' if choice == 'keep' else 'dropped'} by {line(person, 40)}"
        for person, choice in run.verdicts.items()
        if choice in ("keep", "drop")
    ]
    told = "; ".join(text for text in (escape(how), *kept) if text)
    return f"{sign(run)} {name}: {told}" if told else f"{sign(run)} {name}"


def nobody_message(answer: Answer) -> Message:
    """Nobody in the 14 projects you can see, since 3 Nov; and what comes nearest, marked as such."""
    seen = count(answer.projects, "project")
    since = f", since {day(answer.since, answer.asked_at)}" if answer.since else ""
    nobody = f"Nobody in the {seen} you can see{since}{said(answer)}"
    if answer.listed:
        good, what = answer.question.outcome == "good", f"in the {seen} you can see{said(answer)}"
        known = "to have got better or been kept" if good else "to have got worse, failed or been dropped"
        nobody = f"No run {what} is known {known}" if answer.question.outcome else f"There is nothing {what}"
    if answer.listed and not answer.question.says_which:
        nobody = (
            f"What about? Name a technique, a person, a project or a time, such as {code('who tried mixup?')}"
        )
    if answer.projects == 0:
        nobody = "There is no project here that you can see"
    blocks: list[Block] = [section(bold(f"{nobody}."))]
    if answer.question.verdict:
        blocks.append(context("A run counts as kept or dropped only where somebody tapped that."))
    if answer.near:
        blocks.append(context("Not an answer, only what comes nearest:"))
        blocks += [section(finding_text(finding, answer.asked_at)) for finding in answer.near]
    for whom in answer.whom:
        people = ", ".join(name_of(person) for person in whom.people) or "its channel"
        blocks.append(context(f"{line(whom.project, 60)} is not open to you; ask {people}."))
    return fit(Message(text=f"{nobody}.", blocks=[*blocks, answer_buttons(answer)]))


def answer_buttons(answer: Answer, *, first: int = 0) -> Block:
    """Show more, compare, and whether it helped."""
    question = clip(answer.question.text, 500)
    row = []
    if len(answer.found) > first + SHOWN:
        row.append(button("Show more", "answer_more", json.dumps({"q": question, "first": first + SHOWN})))
    if len(answer.runs) > 1:
        row.append(button("Compare these", "answer_compare", json.dumps([run.id for run in answer.runs[:6]])))
    notes = [finding.note.id for finding in answer.found or answer.near if finding.note.author]
    if first == 0 and notes:
        row.append(button("Ask them", "answer_ask", json.dumps({"q": question, "notes": notes[:ASKED]})))
    row.append(button("👍", "answer_good", json.dumps({"q": question})))
    row.append(button("👎", "answer_bad", json.dumps({"q": question})))
    return actions(*row)
