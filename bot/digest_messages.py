"""A digest as messages: the headline first and at most twelve lines on a phone, the rest in its thread."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.better import is_share
from bot.blocks import (
    CHART_LABEL,
    CHART_POINTS,
    CHART_TITLE,
    Block,
    actions,
    bold,
    button,
    clip,
    code,
    context,
    escape,
    fit,
    flat,
    line,
    link,
    section,
)
from bot.digest_facts import ProjectDigest
from bot.draft import summary
from bot.numbers import count, number, percent, points, signed, thin
from bot.run_messages import metric_line
from bot.values import Message, RunView
from bot.verdicts import gpu_words, title
from storage.digest_queries import Said

LINES = 12
SHOWN = 6  # rows of one kind in the thread
STEPS = 8  # open next steps with a button each
WIDTH = 100  # characters of a row
FEWEST_POINTS = 3
BAD = ("failed", "killed", "lost", "preempted")


def digest_message(
    told: Sequence[ProjectDigest],
    *,
    since: datetime,
    until: datetime,
    zone: ZoneInfo,
    late: bool = False,
    whole: bool = False,
) -> Message:
    """The digest itself: what leads, then each project in the room that twelve lines leave; `whole` adds its thread's part."""
    headline = "; ".join(_headline(one) for one in told[:3])
    if len(told) > 3:
        headline += f"; {len(told) - 3} more"
    room = LINES - 1  # the period takes a line
    blocks: list[Block] = []
    for place, one in enumerate(told):
        left = len(told) - place
        if room < 2 and left > 1:
            blocks.append(context(f"… and {count(left, 'more project')} in the thread"))
            break
        lines = [*_statuses(one), bold(escape(_headline(one))), *_brief(one)][: max(1, room // left)]
        room -= len(lines)
        blocks.append(section("\n".join(lines)))
    if whole:
        blocks += details(told).blocks
    local = f"{since.astimezone(zone):%a %d %b %H:%M} – {until.astimezone(zone):%a %d %b %H:%M} {zone.key}"
    blocks.append(context(f"{local}{' · late: I was away at the time' if late else ''}"))
    ids = ",".join(str(one.project_id) for one in told)
    blocks.append(actions(button("Add status", "digest_status", ids)))
    return fit(Message(text=escape(headline), blocks=blocks))


def details(told: Sequence[ProjectDigest]) -> Message:
    """The rest, for the digest's thread: course, causes, what people said, open next steps, what runs now."""
    blocks: list[Block] = []
    for one in told:
        rows = _rows(one)
        if rows:
            blocks.append(section("\n".join([bold(escape(one.project)), *rows])))
        if chart := course_chart(one):
            blocks.append(chart)
        for step in one.next_steps[:STEPS]:
            done = button("Done", "digest_done", str(step.item_id))
            blocks.append(section(_said("➡️", step), accessory=done))
        if len(one.next_steps) > STEPS:
            blocks.append(context(f"… {count(len(one.next_steps) - STEPS, 'more open next step')}"))
    text = f"Details: {', '.join(escape(one.project) for one in told[:5])}"
    return fit(Message(text=text, blocks=blocks))


def nothing_moved(since: datetime) -> Message:
    """A quiet time."""
    return Message(text=f"Nothing moved since {since:%a %d %b %H:%M} UTC.")


def course_chart(one: ProjectDigest) -> Block | None:
    """The best of each day as a small line; None for fewer than three days."""
    if one.metric is None or len(one.course) < FEWEST_POINTS:
        return None
    chosen = thin(list(one.course), CHART_POINTS)
    labels = [f"{day.day} {day:%b}" for day, _ in chosen]
    name = flat(one.metric, CHART_LABEL) or "metric"
    data = [{"label": label, "value": value} for label, (_, value) in zip(labels, chosen, strict=True)]
    return {
        "type": "data_visualization",
        "title": clip(flat(f"{one.project}: {one.metric}, best of the day"), CHART_TITLE),
        "chart": {
            "type": "line",
            "series": [{"name": name, "data": data}],
            "axis_config": {
                "categories": labels,
                "x_label": "day",
                "y_label": flat(one.metric, 50) or "value",
            },
        },
    }


def best_words(one: ProjectDigest) -> str:
    """val_acc 0.942, +0.8 points on the best before: lr 3e-4 → 1e-4."""
    words = f"{flat(one.metric or '', 60)} {number(one.best_value)}"
    if one.before is not None and one.best_value is not None:
        gap = one.best_value - one.before
        moved = points(gap) if is_share(one.metric or "", one.best_value, one.before) else signed(gap)
        words += f", {moved} on the best before" if gap else ", as good as the best before"
    if one.is_record and one.moved_by:
        words += f": {summary(one.moved_by, 2)}"
    return words


def success_words(one: ProjectDigest) -> str:
    """7 of 9 runs finished (78 %), 1 out of memory, 1 KeyError."""
    finished = one.ended.get("finished", 0)
    told = [f"{finished} of {count(one.runs, 'run')} finished ({percent(one.success or 0.0)})"]
    told += [f"{amount} {flat(cause, 40)}" for cause, amount in one.causes[:3]]
    rest = sum(amount for _, amount in one.causes[3:])
    return ", ".join([*told, *([f"{rest} other"] if rest else [])])


def _headline(one: ProjectDigest) -> str:
    words = [count(one.runs, "run")] if one.runs else []
    if one.is_record and one.best and one.metric:
        words.insert(0, f"new best {flat(one.metric, 30)} {number(one.best_value)} (#{one.best.number})")
    bad = sum(one.ended.get(state, 0) for state in BAD)
    if bad:
        words.append(f"{bad} ended badly")
    if one.running:
        words.append(f"{len(one.running)} running")
    return f"{flat(one.project, 30)}: {', '.join(words) or 'notes'}"


def _statuses(one: ProjectDigest) -> list[str]:
    """What people put on top, the latest three."""
    return [
        f"💬 {line(status.text, 200)}{f' ({line(status.author, 30)})' if status.author else ''}"
        for status in one.statuses[-3:]
    ]


def _brief(one: ProjectDigest) -> list[str]:
    """What matters most first: it is cut from its end."""
    lines = []
    if one.best and one.best_value is not None:
        lines.append(f"🏆 {_run(one.best)} {line(best_words(one), WIDTH)}")
    if one.causes:
        lines.append(f"⚠️ {line(success_words(one), WIDTH)}")
    lines += [_verdict(run, name, choice) for run, name, choice in one.verdicts[:2]]
    lines += [_said("✅", item) for item in one.decisions[:2]]
    lines += [_said("🧱", item) for item in one.problems[:2]]
    lines += [f"🗃️ data {line(name, 60)} changed" for name in one.changed_data[:2]]
    lines += [_said("➡️", item) for item in one.next_steps[:1]]
    if one.gpu_hours >= 1:
        lines.append(f"⏱️ {gpu_words(one.gpu_hours)}")
    return lines


def _rows(one: ProjectDigest) -> list[str]:
    rows = [f"📊 {line(success_words(one), 200)}"] if one.runs else []
    if one.gpu_hours >= 0.01:
        rows.append(f"⏱️ {gpu_words(one.gpu_hours)}")
    if one.best and one.moved_by:
        rows.append(f"🏆 {_run(one.best)} changed {line(summary(one.moved_by, 5), 300)}")
        rows += [
            f"   “{line(item.text, 200)}”"
            for note in one.best.notes[-3:]
            for item in note.items
            if item.role in ("hypothesis", "change", "outcome")
        ][:3]
    rows += [_verdict(run, name, choice) for run, name, choice in one.verdicts[:SHOWN]]
    rows += [_said("✅", item) for item in one.decisions[:SHOWN]]
    rows += [_said("🧱", item) for item in one.problems[:SHOWN]]
    rows += [f"🗃️ data {code(name, 60)} changed since runs read it" for name in one.changed_data[:SHOWN]]
    for run in one.running[:SHOWN]:
        rows.append(f"🏃 {_run(run)} {metric_line(run) or ''}".rstrip())
    if len(one.running) > SHOWN:
        rows.append(f"… {len(one.running) - SHOWN} more running")
    return rows


def _verdict(run: RunView, name: str, choice: str) -> str:
    kept = choice == "keep"
    return f"{'👍' if kept else '👎'} {line(name, 30)} {'kept' if kept else 'dropped'} {_run(run)}"


def _run(run: RunView) -> str:
    return link(run.permalink, line(title(run), 60))


def _said(sign: str, item: Said) -> str:
    who = f"{line(item.author, 30)}: " if item.author else ""
    return f"{sign} {who}{link(item.permalink, '“' + line(item.text, WIDTH) + '”')}"
