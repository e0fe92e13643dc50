"""A digest as messages: the headline first and at most twelve lines on a phone, the rest in its thread."""

from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from math import ceil
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
from bot.note_messages import packed
from bot.numbers import count, number, percent, points, signed, thin
from bot.plain_text import readable
from bot.problem_causes import by_cause
from bot.run_messages import metric_line
from bot.values import Message, RunView
from bot.verdicts import gpu_words, ref, title
from storage.digest_queries import Said

LINES = 12
PHONE = 44  # characters on a line of a phone; longer lines wrap
SHOWN = 6  # rows of one kind in the thread; at full depth three times as many
STEPS = 8  # open next steps with a button each
WIDTH = 76  # characters quoted in a row
HEADLINES = 3
FEWEST_POINTS = 3
STEP = "➡️"
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
    headline = "; ".join(_headline(one) for one in told[:HEADLINES])
    if len(told) > HEADLINES:
        headline += f"; {len(told) - HEADLINES} more"
    footer = period_words(since, until, zone=zone, late=late)
    room = LINES - phone_lines(footer)
    blocks: list[Block] = []
    shown: list[str] = []
    for place, one in enumerate(told):
        left = len(told) - place
        head = bold(escape(_headline(one)))
        share = room // left if left > 1 else room
        if room - phone_lines(head) < (1 if left > 1 else 0):
            blocks.append(context(f"… and {count(left, 'more project')} in the thread"))
            break
        brief = [row for row in _brief(one) if not (whole and row.startswith(STEP))]
        lines = fitting([*_statuses(one), head, *brief], max(share, phone_lines(head)), keep=head)
        shown += lines
        room -= sum(map(phone_lines, lines))
        blocks.append(section("\n".join(lines)))
    if whole:
        blocks += [block for one in told for block in details(one, above=shown).blocks]
    blocks.append(context(footer))
    ids = ",".join(str(one.project_id) for one in told)
    blocks.append(actions(button("Add status", "digest_status", ids)))
    return fit(Message(text=escape(headline), blocks=blocks))


def phone_lines(text: str) -> int:
    """How many lines a row takes on a phone: what is shown of it, wrapped."""
    return max(1, ceil(len(readable(text)) / PHONE))


def fitting(rows: Sequence[str], room: int, *, keep: str) -> list[str]:
    """The rows that fit into so many lines of a phone, the first ones first; `keep` in any case."""
    room -= phone_lines(keep)
    chosen = []
    for row in rows:
        if row is not keep and (needed := phone_lines(row)) > room:
            continue
        room -= 0 if row is keep else needed
        chosen.append(row)
    return chosen


def details(one: ProjectDigest, *, shown: int = SHOWN, above: Sequence[str] = ()) -> Message:
    """The rest of one project, for the digest's thread: course, causes, what people said, open next steps, what runs now.

    `above` are rows that stand in the same message already.
    """
    blocks: list[Block] = []
    known = {_unsigned(row) for row in above}
    if rows := [row for row in _rows(one, shown) if _unsigned(row) not in known]:
        blocks += packed([bold(escape(one.project)), *rows])
    if chart := course_chart(one):
        blocks.append(chart)
    steps = one.next_steps[: max(STEPS, shown)]
    for step in steps:
        done = button("Done", "digest_done", str(step.item_id))
        blocks.append(section(_said(STEP, step), accessory=done))
    if len(one.next_steps) > len(steps):
        blocks.append(context(f"… {count(len(one.next_steps) - len(steps), 'more open next step')}"))
    return fit(Message(text=f"Details: {escape(one.project)}", blocks=blocks))


def nothing_moved(since: datetime) -> Message:
    """A quiet time."""
    return Message(text=f"Nothing moved since {since:%a %d %b %H:%M} UTC.")


def course_chart(one: ProjectDigest) -> Block | None:
    """The key metric over time as a small line: the best of each day, in the first days the best so far run by run; none
    where it never moved, as the number says all of that."""
    if one.metric is None:
        return None
    if len(one.course) >= FEWEST_POINTS:
        what, unit = "best of the day", "day"
        labelled = [(f"{day.day} {day:%b}", value) for day, value in one.course]
    else:
        what, unit = "best so far", "run"
        better = min if one.goal == "min" else max
        values = list(accumulate((value for _, value in one.by_run), better))
        labelled = [(f"#{number}", value) for (number, _), value in zip(one.by_run, values, strict=True)]
    if len(labelled) < (FEWEST_POINTS if unit == "day" else 2) or len({value for _, value in labelled}) == 1:
        return None
    chosen = thin(labelled, CHART_POINTS)
    name = flat(one.metric, CHART_LABEL) or "metric"
    return {
        "type": "data_visualization",
        "title": clip(flat(f"{one.project}: {one.metric}, {what}"), CHART_TITLE),
        "chart": {
            "type": "line",
            "series": [{"name": name, "data": [{"label": label, "value": value} for label, value in chosen]}],
            "axis_config": {
                "categories": [label for label, _ in chosen],
                "x_label": unit,
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
    return f"{flat(one.project, 30)}: {', '.join(words) or ('data changed' if one.changed_data else 'notes')}"


def period_words(since: datetime, until: datetime, *, zone: ZoneInfo, late: bool) -> str:
    """Mon 23 Nov 09:00 – Tue 24 Nov 09:00 Berlin, and whether it comes late."""
    begun, ended = since.astimezone(zone), until.astimezone(zone)
    place = zone.key.rpartition("/")[2].replace("_", " ")
    words = f"{begun:%a %d %b %H:%M} – {ended:%a %d %b %H:%M} {place}"
    return f"{words} · late: I was away at the time" if late else words


def _statuses(one: ProjectDigest) -> list[str]:
    """What people put on top, the latest two."""
    return [
        f"💬 {line(status.text, 120)}{f' ({line(status.author, 30)})' if status.author else ''}"
        for status in one.statuses[-2:]
    ]


def cost_words(one: ProjectDigest) -> str:
    """12 GPU-h, 30 €."""
    words = gpu_words(one.gpu_hours)
    return f"{words}, {one.cost}" if one.cost else words


def worth_words(run: RunView, worth: str) -> str:
    """vision/7 is worth 30 k€ a year."""
    return f"{ref(run)} is worth {flat(worth, 80)}"


def library_words(one: ProjectDigest, most: int) -> str | None:
    """#42 against #41: torch 2.9.0 → 2.10.0."""
    if not one.libraries or one.best is None or one.measured_against is None:
        return None
    return f"#{one.best.number} against #{one.measured_against.number}: {summary(one.libraries, most)}"


def _brief(one: ProjectDigest) -> list[str]:
    """What matters most first: what does not fit is left to the thread."""
    lines = []
    if one.best and one.best_value is not None:
        lines.append(f"🏆 {_run(one.best)} {line(best_words(one), WIDTH)}")
    if one.causes:
        lines.append(f"⚠️ {line(success_words(one), WIDTH)}")
    lines += [_verdict(run, name, choice) for run, name, choice in one.verdicts[:2]]
    lines += [_said("✅", item) for item in one.decisions[:2]]
    lines += [_cause(cause, items) for cause, items in by_cause(one.problems)[:2]]
    lines += [f"🗃️ {line(words, WIDTH)}" for words in one.changed_data[:2]]
    if words := library_words(one, 2):
        lines.append(f"📦 {line(words, WIDTH)}")
    lines += [f"📦 {line(words, WIDTH)}" for words in one.releases[:1]]
    lines += [_said(STEP, item) for item in one.next_steps[:1]]
    if one.gpu_hours >= 1 or one.cost:
        lines.append(f"⏱️ {escape(cost_words(one))}")
    lines += [f"💶 {line(worth_words(run, worth), WIDTH)}" for run, worth in one.worth[:1]]
    return lines


def _rows(one: ProjectDigest, shown: int) -> list[str]:
    rows = [f"📊 {line(success_words(one), 200)}"] if one.runs else []
    if one.gpu_hours >= 0.01:
        rows.append(f"⏱️ {escape(cost_words(one))}")
    rows += [f"💶 {line(worth_words(run, worth), 200)}" for run, worth in one.worth[:shown]]
    if one.best and one.moved_by:
        rows.append(f"🏆 {_run(one.best)} changed {line(summary(one.moved_by, 5), 300)}")
        rows += [
            f"   {link(note.permalink, '“' + line(item.text, 200) + '”')}"
            for note in one.best.notes[-3:]
            for item in note.items
            if item.role in ("hypothesis", "change", "outcome")
        ][:3]
    rows += [_verdict(run, name, choice) for run, name, choice in one.verdicts[:shown]]
    rows += [_said("✅", item) for item in one.decisions[:shown]]
    for cause, items in by_cause(one.problems)[:shown]:
        rows.append(_cause(cause, items))
        rows += [f"      {_said('·', item)}" for item in items[1:3]]
    rows += [f"🗃️ {line(words, 300)}" for words in one.changed_data[:shown]]
    if words := library_words(one, 5):
        rows.append(f"📦 {line(words, 300)}")
    rows += [f"📦 {line(words, 200)}" for words in one.releases[:shown]]
    for run in one.running[:shown]:
        rows.append(f"🏃 {_run(run)} {metric_line(run) or ''}".rstrip())
    if len(one.running) > shown:
        rows.append(f"… {len(one.running) - shown} more running")
    return rows


def _unsigned(row: str) -> str:
    """A row without the sign it begins with."""
    return row.strip().partition(" ")[2]


def _cause(cause: str | None, items: Sequence[Said]) -> str:
    """🧱 diverged, 3 times: ben: “the loss went to nan”."""
    if cause is None:
        return _said("🧱", items[0])
    often = f", {len(items)} times" if len(items) > 1 else ""
    return _said(f"🧱 {cause}{often}:", items[0])


def _verdict(run: RunView, name: str, choice: str) -> str:
    kept = choice == "keep"
    return f"{'👍' if kept else '👎'} {line(name, 30)} {'kept' if kept else 'dropped'} {_run(run)}"


def _run(run: RunView) -> str:
    return link(run.permalink, line(title(run), 60))


def _said(sign: str, item: Said) -> str:
    who = f"{line(item.author, 30)}: " if item.author else ""
    return f"{sign} {who}{link(item.permalink, '“' + line(item.text, WIDTH) + '”')}"
