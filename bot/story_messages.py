"""A project's story as a message with its curves, and as a Markdown file."""

import re
from collections.abc import Iterator, Sequence

from bot.better import judge
from bot.blocks import (
    CHARTS,
    Block,
    actions,
    bold,
    button,
    code,
    context,
    fit,
    flat,
    line,
    link,
    name_of,
    section,
)
from bot.compare import Column, Measure
from bot.compare_messages import chart
from bot.draft import differences, summary
from bot.note_messages import packed
from bot.numbers import count, day, number, sparkline
from bot.story import Line, Result, Story
from bot.values import Message, RunView
from bot.verdicts import metric_words, ref, sign, title

MARKS = re.compile(r"([\\`*_\[\]<>#|])")
FILE_NAME = re.compile(r"[^\w.-]+")


def story_message(story: Story) -> Message:
    """The draft of a report, to be read, shared, or taken away as a file."""
    name = line(story.project, 60)
    told = (
        f"from {count(story.likes, 'like')}" if story.likes else "from the notes: nobody has given a ⭐ yet"
    )
    text = f"Report on {name}: {count(len(story.tried), 'run')}, {told}"
    blocks: list[Block] = [section(f"📖 {bold(text)}")]
    if not (story.tried or story.steps):
        blocks.append(context("Reply to runs, or give a ⭐ to what should be told, and ask again."))
        return fit(Message(text=text, blocks=blocks))
    blocks += _headed("Question", [*_said(story.questions), *_intents(story)])
    blocks += _headed("What was tried", [*map(_tried, story.tried), *_said(story.changes)])
    blocks += _results(story)
    decided = [
        f"{'👍 kept' if choice == 'keep' else '👎 dropped'} {_run(run)} · {line(who, 40)}"
        for run, who, choice in story.verdicts
    ]
    blocks += _headed("What was decided", [*decided, *_said(story.decisions)])
    blocks += _headed("What is next", [_step(one.text, one.owner, one.permalink) for one in story.steps])
    gaps = sum(result.lacks_picture for result in story.results)
    if gaps:
        blocks.append(
            context(f"🖼️ {count(gaps, 'picture')} missing: reply to the note with it, and ask again.")
        )
    blocks.append(
        actions(
            button("Markdown file", "report_file", _key(story)),
            button("Canvas", "report_canvas", _key(story)),
            button("Share", "report_share", _key(story)),
        )
    )
    return fit(Message(text=text, blocks=blocks))


def _key(story: Story) -> str:
    since = int(story.since.timestamp()) if story.since else ""
    return f"{story.project_id}:{since}"


def read_key(value: str) -> tuple[int, float | None]:
    """(project, since as unix seconds) of a report's button."""
    project, _, since = value.partition(":")
    return int(project), float(since) if since else None


def _headed(heading: str, rows: Sequence[str]) -> list[Block]:
    return packed([bold(heading), *rows]) if rows else []


def _said(lines: Sequence[Line]) -> list[str]:
    return [_sentence(one) for one in lines]


def _sentence(one: Line) -> str:
    source = link(one.note.permalink, f"{name_of(one.note.author)}, {day(one.note.said_at)}")
    return f"“{line(one.text, 300)}” {source} on {_run(one.run)}"


def _intents(story: Story) -> list[str]:
    known = {one.text for one in story.questions}
    return [f"{_run(run)}: {line(run.intent or '', 200)}" for run in story.intents if run.intent not in known]


def _run(run: RunView) -> str:
    return link(run.permalink, f"#{run.number}")


def _tried(run: RunView) -> str:
    changed = summary(differences(run.parent, run)) if run.parent else ""
    told = metric_words(judge(run))
    words = f"{sign(run)} {link(run.permalink, line(title(run), 60))}"
    words += f" {bold(line(told, 60))}" if told else ""
    return f"{words}: {line(changed, 160)}" if changed else words


def _results(story: Story) -> list[Block]:
    """Each result with its curve beside it: drawn for the first two, as a line of bars for the rest."""
    blocks: list[Block] = []
    heading: list[str] = [bold("What came out")]
    if story.best is not None and (told := metric_words(judge(story.best))):
        heading.append(f"🏆 {_run(story.best)} {line(story.best.name, 60)}: {bold(line(told, 80))}")
    for run, name in story.liked_values:
        value = number(run.metrics[name].best) if name in run.metrics else line(str(run.params.get(name, "")))
        heading.append(f"⭐ {_run(run)} {code(name, 60)} {bold(value)}")
    for run, image in story.liked_images:
        heading.append(f"⭐ {_run(run)} {link(image.location, line(image.name, 80))}")
    drawn: set[tuple[int, str]] = set()
    rows = heading
    for result in story.results:
        rows.append(_sentence(result.line))
        rows += [f"🖼️ {link(image.location, line(image.name, 80))}" for image in result.images]
        if result.lacks_picture:
            rows.append("🖼️ _a picture is missing here_")
        shown = (result.line.run.id, result.metric or "")
        if not result.curves or result.metric is None or shown in drawn:
            continue
        block = native_chart(result) if len(drawn) < CHARTS else None
        drawn.add(shown)
        if block is not None:
            blocks += [*packed(rows), block]
            rows = []
        else:
            rows.append(f"{code(result.metric, 60)} {_bars(result)}")
    found = [*blocks, *packed(rows)]
    return found if len(rows) > 1 or blocks else []


def _bars(result: Result) -> str:
    run = result.curves[-1]
    return sparkline([value for _, value in run.series[result.metric or ""]])


def native_chart(result: Result) -> Block | None:
    """Slack's own chart of a result's metric: the run beside what it came from."""
    columns = [Column(label=f"#{run.number}", runs=(run,)) for run in result.curves]
    nothing = tuple(None for _ in columns)
    measure = Measure(
        name=result.metric or "", goal=None, best=nothing, spread=nothing, step=nothing, last=nothing
    )
    return chart(columns, measure, least=1)


def curve_name(story: Story, result: Result) -> str:
    """What the picture of a result's curve is called."""
    name = FILE_NAME.sub("-", f"{story.project}-{result.line.run.number}-{result.metric}")
    return f"{name[:80]}.png"


def story_markdown(story: Story, *, files: bool = True) -> str:
    """The whole story as Markdown; curves by the names of the `files` that come with it, else as bars."""
    span = f"{day(story.since)} to {day(story.until)}" if story.since else f"up to {day(story.until)}"
    parts = [f"# {_plain(story.project)}", f"_{span}; {len(story.tried)} runs, drafted {_source(story)}_"]
    for heading, rows in _sections(story, files=files):
        if rows:
            parts.append("\n".join([f"## {heading}", "", *rows]))
    return "\n\n".join(parts) + "\n"


def _source(story: Story) -> str:
    return f"from {count(story.likes, 'like')}" if story.likes else "from the notes"


def _sections(story: Story, *, files: bool) -> Iterator[tuple[str, list[str]]]:
    asked = [_md(one) for one in story.questions]
    yield (
        "Question",
        asked + [f"- {ref(run)}: {_plain(run.intent or '', 300)}" for run in story.intents],
    )
    tried = []
    for run in story.tried:
        changed = summary(differences(run.parent, run), 6) if run.parent else ""
        told = metric_words(judge(run))
        words = f"- **{_plain(title(run))}** ({run.state}{', ' + _plain(told) if told else ''})"
        tried.append(f"{words}: {_plain(changed, 300)}" if changed else words)
    yield "What was tried", [*tried, *(_md(one) for one in story.changes)]
    came: list[str] = []
    if story.best is not None and (told := metric_words(judge(story.best))):
        came.append(f"- Best: **{_plain(title(story.best))}**, {_plain(told)}")
    for run, name in story.liked_values:
        value = number(run.metrics[name].best) if name in run.metrics else str(run.params.get(name, ""))
        came.append(f"- {ref(run)}: {_plain(name)} **{_plain(value)}**")
    came += [
        f"- {ref(run)}: [{_plain(image.name)}]({_address(image.location)})"
        for run, image in story.liked_images
    ]
    drawn: set[str] = set()
    for result in story.results:
        came.append(_md(result.line))
        if result.curves and result.metric and curve_name(story, result) not in drawn:
            drawn.add(curve_name(story, result))
            shown = f"{_plain(result.metric)} of {ref(result.line.run)}"
            picture = f"![{shown}]({curve_name(story, result)})"
            came += ["", f"  {picture}", ""] if files else [f"  - {shown}: {_bars(result)}"]
        came += [f"  - [{_plain(image.name)}]({_address(image.location)})" for image in result.images]
        if result.lacks_picture:
            came.append("  - **[picture missing here]**")
    yield "What came out", came
    decided = [
        f"- {ref(run)} {'kept' if choice == 'keep' else 'dropped'} by {_plain(who)}"
        for run, who, choice in story.verdicts
    ]
    yield "What was decided", [*decided, *(_md(one) for one in story.decisions)]
    yield (
        "What is next",
        [
            f"- {_plain(one.text, 300)}{' (' + _plain(one.owner) + ')' if one.owner else ''}"
            for one in story.steps
        ],
    )


def _md(one: Line) -> str:
    who = _plain(one.note.author.name) if one.note.author else "somebody"
    source = f"[{who}]({_address(one.note.permalink)})" if one.note.permalink else who
    return f"- “{_plain(one.text, 400)}” {source}, {ref(one.run)}"


def _step(text: str, owner: str | None, permalink: str | None) -> str:
    who = line(owner, 40) if owner else ""
    return f"➡️ {line(text, 300)}" + (f" {link(permalink, who)}" if who else "")


def _plain(text: str, limit: int = 120) -> str:
    """Anybody's words on one line, none of them a mark."""
    return MARKS.sub(r"\\\1", flat(text, limit))


def _address(url: str | None) -> str:
    return re.sub(r"[\s()<>]", "", url or "")
