"""What the bot says about one run while it runs and when it ends, and the board of a project's runs."""

import math
from collections.abc import Sequence
from datetime import datetime

from bot.better import Judgement, best_of, goal_of, judge, key_of
from bot.blocks import (
    Block,
    actions,
    bold,
    button,
    code,
    code_block,
    context,
    escape,
    fit,
    flat,
    line,
    link,
    name_of,
    quote,
    section,
)
from bot.blocks import mention as called
from bot.draft import Draft, data_changes, differences, quick_failure, summary
from bot.numbers import ago, as_number, count, duration, number, percent, progress_bar, size, sparkline
from bot.values import Blocks, Message, RunView
from bot.verdicts import (
    cost,
    ending,
    error_name,
    last_lines,
    last_step,
    lasted,
    metric_words,
    ref,
    rescue,
    resume,
    sign,
    standing,
    title,
)

LEVELS = {"INFO": "ℹ️", "WARN": "⚠️", "ERROR": "🚨"}
RESOURCES = {"memory": "memory", "gpu_memory": "GPU memory", "disk": "disk"}
BOARD_ROWS = 12
WORTH_SAVING = 120  # seconds after which a missing checkpoint is worth a word


def run_buttons(run: RunView, *names: str) -> Block:
    """The buttons of a run, each with the run's id."""
    labels = {
        "run_compare": "Compare with…",
        "run_note": "Add note",
        "run_logs": "Logs",
        "run_like": f"⭐ {run.likes}" if run.likes else "⭐",
    }
    return actions(*(button(labels[name], name, str(run.id)) for name in names or labels))


def run_title(run: RunView) -> str:
    """The run's name in bold, leading to its thread where one is known."""
    return bold(link(run.permalink, escape(title(run))))


def run_parent(
    run: RunView, *, now: datetime, note_count: int = 0, attempts: Sequence[RunView] = ()
) -> Message:
    """The message of a run, edited as it moves; `attempts` are the quick failures just before it."""
    state = [run.state, name_of(run.owner)]
    seconds = lasted(run, now)
    if seconds is not None:
        state.append(duration(seconds))
    lines = [f"{sign(run)} {run_title(run)}  {' · '.join(state)}"]
    judgement = judge(run)
    if metric := metric_line(run):
        lines.append(metric)
    if progress := progress_line(run, now):
        lines.append(progress)
    if run.state not in ("running", "finished"):
        how = ending(run).removeprefix(f"{ref(run)} ")
        lines.append(escape(how[:1].upper() + how[1:]))
    blocks: Blocks = [section("\n".join(lines))]
    if attempts:
        why = error_name(attempts[-1]) or attempts[-1].state
        blocks.append(context(f"After {count(len(attempts), 'quick attempt')}, last: {line(why, 120)}"))
    if quick_failure(run) and (printed := code_block(last_lines(run)[-6:], 800)):
        blocks.append(section(printed))
    if run.intent:
        blocks.append(section(quote(run.intent, 300)))
    if changed := changed_line(run, data=False):
        inferred = run.parent_source == "inferred"
        accessory = button("Another parent", "run_parent", str(run.id)) if inferred else None
        blocks.append(section(changed, accessory=accessory) if accessory else context(changed))
    if other := data_line(run):
        blocks.append(context(other))
    tags = " ".join(code(tag, 40) for tag in run.tags[:10])
    spoken = ", ".join(
        f"{name_of_verdict(choice)} by {line(who, 40)}" for who, choice in run.verdicts.items()
    )
    notes = f"📝 {count(note_count, 'note')}" if note_count else ""
    if any((tags, spoken, notes)):
        blocks.append(context(*(part for part in (notes, spoken, tags) if part)))
    blocks.append(run_buttons(run))
    told = standing(judgement) if run.state == "running" else None
    text = f"{ref(run)} running: {told}" if told else ending(run, judgement)
    known = ", ".join(part for part in (flat(run.name, 40), run.owner and flat(run.owner.name, 40)) if part)
    return fit(Message(text=escape(f"{text} ({known})"), blocks=blocks))


def name_of_verdict(choice: str) -> str:
    """kept, dropped, unsure."""
    return {"keep": "👍 kept", "drop": "👎 dropped", "unsure": "🤷 unsure"}.get(choice, line(choice, 20))


def metric_line(run: RunView) -> str | None:
    """The key metric: best@step, last, and its course."""
    name = key_of(run)
    if name is None:
        return None
    metric = run.metrics[name]
    value, step = best_of(metric)
    words = f"{code(name, 60)} *{number(value)}*"
    if goal_of(metric) and step is not None:
        words += f" at step {number(step)}"
        if metric.last is not None and metric.last != value:
            words += f", last {number(metric.last)}"
    course = sparkline([each for _, each in run.series.get(name, ())])
    return f"{words}  {course}" if course else words


def progress_line(run: RunView, now: datetime) -> str | None:
    """How far it is and how long it will take."""
    done, total = run.progress_done, run.progress_total
    if run.state != "running" or done is None or not total or not math.isfinite(done / total):
        return None
    share = min(1.0, max(0.0, done / total))
    words = f"{progress_bar(share)} {percent(share)}  {number(done)} of {number(total)}"
    seconds = lasted(run, now)
    if seconds and 0.02 < share < 1:
        words += f", about {duration(seconds / share - seconds)} left"
    return words


def changed_line(run: RunView, *, data: bool = True) -> str | None:
    """What it changed against its parent, and whether that parent is a guess; `data` False leaves its data to `data_line`."""
    if run.parent is None:
        return None
    found = differences(run.parent, run)
    changes = [change for change in found if data or change.kind != "data"]
    parent = link(run.parent.permalink, f"#{run.parent.number}")
    origin = f"Probably from {parent}" if run.parent_source == "inferred" else f"From {parent}"
    nothing = "nothing changed" if changes == found else "nothing but the data changed"
    return f"{origin}: {line(summary(changes, 4), 500) if changes else nothing}"


def data_line(run: RunView) -> str | None:
    """That it reads other data than its parent; what it has not read yet says nothing."""
    if run.parent is None:
        return None
    known = data_changes(run.parent.datasets, run.datasets)
    changes = [change for change in known if change.after is not None]
    if not changes:
        return None
    parent = link(run.parent.permalink, f"#{run.parent.number}")
    return f"🗃️ Other data than {parent}: {line(summary(changes, 3), 400)}"


def short_ending(run: RunView, judgement: Judgement | None = None) -> str:
    """The verdict line, escaped: vision/42 failed at step 6,210: out of memory."""
    return escape(ending(run, judgement))


def run_ended(run: RunView, judgement: Judgement, *, now: datetime, mention: bool = False) -> Message:
    """The end with its verdict; a bad one with its cause, last lines, and how to go on."""
    verdict = short_ending(run, judgement)
    owner = called(run.owner) if mention else name_of(run.owner)
    best = run.state == "finished" and judgement.is_new_best
    words = [f"{'🏆' if best else sign(run)} {bold(link(run.permalink, verdict))}"]
    if run.state == "finished":
        blocks: Blocks = [section(words[0]), context(" · ".join([line(run.name, 60), owner]))]
        if changed := changed_line(run):
            blocks.append(context(changed))
        return fit(
            Message(text=verdict, blocks=[*blocks, run_buttons(run, "run_compare", "run_note", "run_like")])
        )
    if "memory was" not in verdict and (evidence := evidence_words(run)):
        words.append(evidence)
    saved, again = rescue(run), resume(run)
    if saved:
        words.append(f"💾 Saved: {code(saved)}")
    if again:
        words.append(f"↩️ Resume: {code(again)}")
    elif not saved and (lasted(run) or 0) > WORTH_SAVING:
        words.append("No checkpoint was seen.")
    blocks = [section("\n".join(words))]
    if printed := code_block(last_lines(run)[-12:]):
        blocks.append(section(printed))
    after = f"after {cost(run)}" if cost(run) else ""
    blocks.append(context(" · ".join(part for part in (line(run.name, 60), owner, after) if part)))
    blocks.append(run_buttons(run, "run_logs", "run_note", "run_compare"))
    return fit(Message(text=f"{verdict} {owner}" if mention else verdict, blocks=blocks))


def evidence_words(run: RunView) -> str | None:
    """What the last readings say about a run nobody saw die."""
    readings = run.readings or {}
    used, limit = as_number(readings.get("memory_bytes")), as_number(readings.get("memory_limit_bytes"))
    if used is None or not limit:
        return None
    share = used / limit
    words = f"Memory was {percent(share)} of its limit ({size(used)} of {size(limit)}) at the last reading"
    return words + (": probably out of memory." if share >= 0.95 and run.state == "lost" else ".")


def run_alert(run: RunView, title: str, text: str, level: str) -> Message:
    """An alert that the training code raised."""
    shown = level.upper() if level.upper() in LEVELS else "INFO"
    head = f"{escape(ref(run))}: {line(title, 120) or 'alert'}"
    words = f"{LEVELS[shown]} {bold(head)}"
    if text.strip():
        words += f"\n{escape(text)}"
    return fit(Message(text=f"{head}. {line(text, 300)}".rstrip(". "), blocks=[section(words)]))


def run_warning(run: RunView, resource: str, text: str) -> Message:
    """A limit is near: said before it is hit."""
    words = f"{ref(run)}: {RESOURCES.get(resource, flat(resource, 30))} is running out"
    said = line(text, 400)
    blocks = [section(f"⚠️ {bold(escape(words))}\n{said}"), run_buttons(run, "run_logs", "run_note")]
    return fit(Message(text=f"{escape(words)}. {said}".strip(), blocks=blocks))


def new_best(run: RunView, judgement: Judgement) -> Message:
    """A run that goes on beats all before it."""
    text = escape(f"{ref(run)} is the new best: {standing(judgement) or ''}".removesuffix(", new best"))
    words = [f"🏆 {bold(link(run.permalink, text))}"]
    if changed := changed_line(run):
        words.append(changed)
    return fit(Message(text=text, blocks=[section("\n".join(words)), run_buttons(run)]))


def run_recovered(run: RunView, *, away: float | None = None) -> Message:
    """A run called lost is back; takes the place of the message that said so."""
    gap = f" after {duration(away)} of silence" if away is not None else ""
    text = escape(f"{ref(run)} is back{gap}: {'running' if run.state == 'running' else ending(run)}")
    step = last_step(run)
    detail = f"\nNow at step {number(step)}." if step is not None else ""
    return fit(Message(text=text, blocks=[section(f"{sign(run)} {bold(text)}{detail}")]))


def end_question(run: RunView, draft: Draft) -> Message:
    """The one question at the end of a run that matters."""
    question = line(draft.question, 600)
    text = f"{escape(ref(run))}: {question}"
    words = [f"🤔 {bold(question)}"]
    if draft.outcome:
        words.append(f"It came out at {line(draft.outcome, 300)}.")
    if draft.hypothesis:
        words.append(quote(draft.hypothesis, 300))
    choices = (("Keep", "verdict_keep"), ("Drop", "verdict_drop"), ("Unsure", "verdict_unsure"))
    blocks: Blocks = [
        section("\n".join(words)),
        actions(*(button(label, action, str(run.id)) for label, action in choices)),
        context("Reply here or send a voice memo: the why is kept with the run."),
    ]
    return fit(Message(text=text, blocks=blocks))


def attempts(runs: Sequence[RunView]) -> Message:
    """Runs that ended badly at once, folded into one message: 3 quick attempts, last: KeyError."""
    last = runs[-1]
    why = error_name(last)
    head = f"{ref(last)}: {count(len(runs), 'quick attempt')}, last: {why or last.state}"
    rows = [f"{sign(run)} {escape(ending(run))}" for run in runs[-8:]]
    hidden = [f"… and {count(len(runs) - 8, 'attempt')} before"] if len(runs) > 8 else []
    blocks: Blocks = [section(bold(escape(head))), context("\n".join([*hidden, *rows]))]
    if printed := code_block(last_lines(last)[-6:], 800):
        blocks.append(section(printed))
    return fit(Message(text=escape(head), blocks=[*blocks, run_buttons(last, "run_logs")]))


def project_board(
    project_name: str,
    runs: Sequence[RunView],
    *,
    now: datetime,
    earlier: str | None = None,
    later: str | None = None,
) -> Message:
    """The parent of a project's thread: what runs, what is best, what ended last; and the threads beside it."""
    running = [run for run in runs if run.state == "running"]
    ended = [run for run in runs if run.state != "running"]
    ended.sort(key=lambda run: run.ended_at or run.started_at, reverse=True)
    best = board_best(runs)
    told = f"{len(running)} running" if running else "nothing running"
    if best:
        told += f", best {line(metric_words(judge(best)) or '', 120)} (#{best.number})"
    name = line(project_name, 36)
    blocks: Blocks = [section(f"📌 {bold(name)}  {told}")]
    if later:
        blocks = [section(f"📌 {bold(name)}  {link(later, 'goes on in a new thread')}")]
        told = "goes on in a new thread"
    if rows := [board_row(run, now) for run in [*running, *ended][:BOARD_ROWS]]:
        blocks.append(section("\n".join(rows)))
    if (more := len(runs) - BOARD_ROWS) > 0:
        blocks.append(context(f"and {count(more, 'more run')}: {code(f'/runs list project:{project_name}')}"))
    if earlier:
        blocks.append(context(link(earlier, "Earlier runs")))
    return fit(Message(text=f"{name}: {told}", blocks=blocks))


def board_row(run: RunView, now: datetime) -> str:
    """One run on the board."""
    words = [f"{sign(run)} {link(run.permalink, f'#{run.number}')} {line(run.name, 40)}", name_of(run.owner)]
    if told := standing(judge(run)):
        words.append(line(told, 80))
    if run.state == "running":
        words.append(duration(lasted(run, now)))
    elif run.ended_at:
        words.append(ago(run.ended_at, now))
    return " · ".join(words)


def board_best(runs: Sequence[RunView]) -> RunView | None:
    """The run with the best key metric, where the runs share one that somebody can win."""
    names = [name for run in runs if (name := key_of(run)) and goal_of(run.metrics[name])]
    if not names:
        return None
    name = max(set(names), key=lambda each: (names.count(each), each))
    known = [run for run in runs if name in run.metrics and run.state in ("running", "finished")]
    scored = [(value, run) for run in known if (value := best_of(run.metrics[name])[0]) is not None]
    scored = [(value, run) for value, run in scored if math.isfinite(value)]
    if not scored:
        return None
    largest = goal_of(scored[0][1].metrics[name]) == "max"
    return (max if largest else min)(scored, key=lambda pair: (pair[0], -pair[1].number))[1]
