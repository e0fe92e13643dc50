"""Runs at a glance: the list with its pages, and everything about one run on one message."""

from collections.abc import Sequence
from datetime import datetime

from bot.better import best_of, goal_of, judge, key_of
from bot.blocks import (
    OPTION_VALUE,
    Block,
    actions,
    bold,
    button,
    checkboxes,
    clip,
    code,
    code_block,
    context,
    escape,
    fields,
    fit,
    flat,
    length,
    line,
    link,
    moment,
    name_of,
    option,
    quote,
    section,
    select,
)
from bot.draft import differences, summary
from bot.note_forms import ROLES
from bot.note_messages import packed
from bot.numbers import ago, clock, count, day, duration, number, setting, size, sparkline
from bot.run_messages import changed_line, metric_line, name_of_verdict, progress_line, run_buttons, run_title
from bot.values import Blocks, Message, NoteView, RunView
from bot.verdicts import cost, ending, last_lines, lasted, metric_words, ref, rescue, resume, sign, title

PAGE = 10
SHOWN_PARAMS = 60
SHOWN_METRICS = 30
SHOWN_NOTES = 8


def run_list(
    runs: Sequence[RunView], *, title: str, page: int, pages: int, query: str | None = None
) -> Message:
    """A page of runs: number, state, key metric, what changed, tags, note; boxes to compare.

    `query` is the command that made the list; the buttons that repeat it (pages, CSV, Share) carry it.
    """
    heading = flat(title, 120)
    if not runs:
        text = f"{escape(heading)}: no runs"
        hint = context("Widen it: fewer filters, or a longer time such as `since:8w`.")
        return fit(Message(text=text, blocks=[section(f"{bold(escape(heading))}\nNo run fits."), hint]))
    first = f"{ref(runs[0])} {runs[0].state}"
    many = f"page {page} of {pages}" if pages > 1 else count(len(runs), "run")
    text = f"{escape(heading)}: {many}, first {escape(first)}"
    of = f"  page {page} of {pages}" if pages > 1 else ""
    blocks: Blocks = [section(f"{bold(escape(heading))}{of}")]
    buttons = list_buttons(query, page, pages) if query is not None else []
    if 1 < len(runs) <= PAGE:
        blocks += [section(list_row(run), accessory=box(run)) for run in runs]
        buttons.insert(0, button("Compare", "list_compare", "ticked", style="primary"))
    else:
        blocks += packed([list_row(run) for run in runs])
    return fit(Message(text=text, blocks=[*blocks, actions(*buttons)]))


def list_buttons(query: str, page: int, pages: int) -> list[Block]:
    """Turning pages, taking the list away, showing it to the channel."""
    turning = [("◀ Newer", "list_newer", page - 1)] if page > 1 else []
    turning += [("Older ▶", "list_older", page + 1)] if page < pages else []
    buttons = [button(label, action, f"{other}:{query}") for label, action, other in turning]
    return [
        *buttons,
        button("Download CSV", "list_csv", f"{page}:{query}"),
        button("Share", "list_share", f"{page}:{query}"),
    ]


def box(run: RunView) -> Block:
    """The check box of a row."""
    return checkboxes("list_choose", [option(f"#{run.number}", str(run.id))])


def list_row(run: RunView) -> str:
    """One run on two lines."""
    words = [f"{sign(run)} {bold(link(run.permalink, escape(title(run))))}", name_of(run.owner)]
    if told := metric_words(judge(run)):
        words.append(bold(line(told, 80)))
    words.append(duration(lasted(run)) if run.ended_at else run.state)
    words.append(day(run.started_at))
    details = []
    if run.parent is not None and (changes := differences(run.parent, run)):
        details.append(line(summary(changes), 160))
    details += [code(tag, 30) for tag in run.tags[:4]]
    if run.notes:
        latest = run.notes[-1]
        details.append(f"📝 {line(latest.title or latest.text, 80)}")
    return " · ".join(words) + (f"\n{' · '.join(details)}" if details else "")


def run_show(run: RunView, *, now: datetime, libraries: Sequence[str] = ()) -> Message:
    """Everything about a run; `libraries` says how its libraries stand to others'."""
    told = metric_words(judge(run)) if run.state == "running" else None
    text = f"{ref(run)} running: {told}" if told else ending(run, judge(run))
    blocks: Blocks = [section(overview(run, now)), fields(facts(run, now))]
    if run.intent:
        blocks.append(section(quote(run.intent, 400)))
    blocks += listed("Changed", [changed_line(run) or ""])
    blocks += listed("Params", [param_text(run)])
    blocks += listed("Metrics", metric_rows(run))
    blocks += listed("Data", data_rows(run))
    blocks += listed("Code", code_rows(run))
    blocks += listed("Libraries", [line(each, 600) for each in libraries])
    blocks += listed("Files and links", file_rows(run))
    blocks += listed("How it ended", end_rows(run))
    blocks += listed("Notes", [note_row(note) for note in run.notes[:SHOWN_NOTES]])
    if len(run.notes) > SHOWN_NOTES:
        blocks.append(context(f"… and {count(len(run.notes) - SHOWN_NOTES, 'more note')} in its thread"))
    buttons = run_buttons(run)
    buttons["elements"] += star_menu(run)
    return fit(Message(text=escape(text), blocks=[*blocks, buttons]))


def star_menu(run: RunView) -> list[Block]:
    """A menu of what can be liked by itself: metrics, the key one first, then pictures, then params."""
    key = key_of(run)
    metrics = sorted((m for m in run.metrics if not m.startswith("system/")), key=lambda name: name != key)
    pictures = [artifact.name for artifact in run.artifacts if artifact.kind == "image"]
    values = {f"{run.id}:{name}": name for name in [*metrics, *pictures, *run.params]}
    options = [option(name, value) for value, name in values.items() if length(value) <= OPTION_VALUE]
    return [select("part_like", options, hint="⭐ a part of it")] if options else []


def listed(heading: str, rows: Sequence[str]) -> Blocks:
    """A heading and its rows; nothing where there are none."""
    shown = [row for row in rows if row.strip()]
    return packed([bold(heading), *shown]) if shown else []


def overview(run: RunView, now: datetime) -> str:
    """Title, key metric, progress."""
    lines = [f"{sign(run)} {run_title(run)}", metric_line(run), progress_line(run, now)]
    return "\n".join(each for each in lines if each)


def facts(run: RunView, now: datetime) -> list[str]:
    """Who, when, how long, where, with what."""
    known = [
        ("State", run.state),
        ("Owner", name_of(run.owner)),
        ("Started", moment(run.started_at, ago(run.started_at, now))),
        ("Took", cost(run) or duration(lasted(run, now))),
        ("Host", line(run.host, 80) if run.host else ""),
        ("Python", line(run.python, 20) if run.python else ""),
        ("Group", line(run.group, 80) if run.group else ""),
        ("Tags", " ".join(code(tag, 40) for tag in run.tags[:8])),
        (
            "Verdict",
            ", ".join(
                f"{name_of_verdict(choice)} by {line(who, 40)}" for who, choice in run.verdicts.items()
            ),
        ),
    ]
    return [f"{bold(name)}\n{value}" for name, value in known if value]


def param_text(run: RunView) -> str:
    """All params, as many as are readable."""
    shown = [
        f"{code(name, 60)} {line(setting(value), 80)}"
        for name, value in list(run.params.items())[:SHOWN_PARAMS]
    ]
    if len(run.params) > SHOWN_PARAMS:
        shown.append(f"… and {len(run.params) - SHOWN_PARAMS} more")
    return clip(" · ".join(shown), 2800)


def metric_rows(run: RunView) -> list[str]:
    """Each metric: best@step, last, course; the key metric first."""
    key = key_of(run)
    names = sorted(
        (name for name in run.metrics if not name.startswith("system/")), key=lambda name: name != key
    )
    rows = []
    for name in names[:SHOWN_METRICS]:
        metric = run.metrics[name]
        value, step = best_of(metric)
        words = f"{code(name, 60)} {bold(number(value))}"
        if goal_of(metric) and step is not None:
            words += f" at step {number(step)}, last {number(metric.last)}"
        rows.append(f"{words}  {sparkline([each for _, each in run.series.get(name, ())])}".rstrip())
    if len(names) > SHOWN_METRICS:
        rows.append(f"… and {count(len(names) - SHOWN_METRICS, 'more metric')}")
    return rows


def data_rows(run: RunView) -> list[str]:
    """What it was trained on."""
    rows = []
    for dataset in run.datasets[:10]:
        known = [count(dataset.rows, "row")] if dataset.rows is not None else []
        known += [count(dataset.columns, "column")] if dataset.columns is not None else []
        known += [size(dataset.size)] if dataset.size is not None else []
        known += [line(dataset.filters, 200)] if dataset.filters else []
        rows.append(f"{code(dataset.name, 80)} {', '.join(known)} {code(dataset.fingerprint[:10])}")
        if dataset.changed:
            rows.append(f"      ⚠️ changed since: {line(dataset.changed, 300)}")
    return rows


def code_rows(run: RunView) -> list[str]:
    """What it was made of."""
    if run.code is None:
        return []
    commit = code(run.code.commit[:10]) if run.code.commit else "no commit"
    words = [commit, line(run.code.branch, 60) if run.code.branch else "", line(run.code.subject or "", 120)]
    if run.code.dirty:
        words.append("with uncommitted changes")
    rows = [" · ".join(word for word in words if word)]
    return [*rows, code(run.code.command, 300)] if run.code.command else rows


def file_rows(run: RunView) -> list[str]:
    """Artifacts and links."""
    rows = []
    for artifact in run.artifacts[:10]:
        amount = f" {size(artifact.size)}" if artifact.size is not None else ""
        rows.append(
            f"{link(artifact.location, line(artifact.name, 100))} ({line(artifact.kind, 20)}{amount})"
        )
    return rows + [link(each.url, line(each.title or each.url, 120)) for each in run.links[:10]]


def end_rows(run: RunView) -> list[str]:
    """Cause, last lines, checkpoint."""
    if run.state in ("running", "finished"):
        return []
    saved, again = rescue(run), resume(run)
    rows = [
        escape(ending(run)),
        f"Saved: {code(saved)}" if saved else "",
        f"Resume: {code(again)}" if again else "",
    ]
    return [*rows, code_block(last_lines(run)[-8:], 1000)]


def note_row(note: NoteView) -> str:
    """A note: what it decided or found, in its own words."""
    kind = "🎙️" if note.kind == "memo" else "📝"
    said = next(
        (item for role in ROLES for item in note.items if item.role == role and role != "other"), None
    )
    label = f" {ROLES[said.role]}" if said else ""
    when = f" `{clock(said.start_time)}`" if said and said.start_time is not None else ""
    head = f"{kind} {link(note.permalink, name_of(note.author))}, {day(note.said_at)}{label}{when}"
    return f"{head}\n{quote(note.text, 300)}"
