"""Help and refusals: six commands with an example each, the rest under *more*, what to write instead."""

from collections.abc import Sequence

from bot.blocks import actions, bold, button, code, context, fit, line, link, section
from bot.grammar import ALIASES, COMMANDS, MAIN
from bot.grammar_filters import GrammarError
from bot.numbers import count
from bot.values import Message, RunView
from bot.verdicts import sign, title

EXAMPLES: dict[str, tuple[str, str]] = {
    "list": (
        "list failed by:@ana lr<1e-3 since:2w",
        "runs, filtered by people, time, state, tag, params and metrics",
    ),
    "show": ("show 42", "everything about one run"),
    "compare": ("compare 41 42", "what differs, and who wins; up to ten runs"),
    "who": ("who label smoothing", "who has tried it, how it ended, in their own words"),
    "note": (
        "note 42 the warmup was too short",
        "keep a thought with a run; replies and voice memos do the same",
    ),
    "digest": ("digest yesterday", "what moved"),
    "now": ("now", "who runs what at this moment"),
    "logs": ("logs 42 grep KeyError", "a run's output: tail, grep, or all of it as a file"),
    "best": ("best val_acc project:vision", "the best run by a metric"),
    "tree": ("tree vision", "which run was made from which, and why"),
    "tag": ("tag 42 promising -old", "put words on a run, take them off with a minus"),
    "fork": ("fork 42", "how to start a new run from this one"),
    "link": ("link 42 https://… the paper", "keep an address with a run"),
    "like": ("like 42", "⭐ a run for the report"),
    "value": ("value 42 30 k€ a year", "what a model is worth, beside what it cost"),
    "baseline": ("baseline 41", "the run that others are measured against"),
    "connect": ("connect vision", "give a project this channel, and get the two lines for your script"),
    "mute": ("mute vision", "hear nothing of a project any more; `mute` alone: no digest here"),
    "archive": ("archive vision", "put a project away, or bring it back"),
    "prioritise": ("prioritise vision", "put a project first on your Home"),
    "settings": ("settings vision", "channel, what is said aloud, key metric, goals, digest, privacy"),
    "report": (
        "report vision since:8w",
        "its story: question, tried, came out, decided, next; from ⭐ or notes",
    ),
    "rename": ("rename 42 warm-otter", "another name for a run of yours"),
    "restate": ("restate 42 failed the labels were wrong", "how a run of yours really ended"),
    "delete": ("delete 42", "a run of yours, with its numbers and output, for ever"),
    "export": ("export project:vision since:4w", "runs as a CSV file"),
    "iam": ("iam asilva", "runs started by this login are mine"),
    "login": ("login ABCD-EFGH", "confirm `runlore login` on a training machine"),
    "help": ("help compare", "how to use a command"),
    "search": ("search warmup by:@ana", "notes and runs with these words"),
}
NAMING = "A run is `#42`, `vision/42`, its name or the beginning of it, `latest`, `best`, `baseline`, `@ana` or a link."


def help_message(topic: str = "") -> Message:
    """The six commands; all of them for *more*; one for its name."""
    word = topic.strip().lower().removeprefix("/runs").strip()
    topic = ALIASES.get(word, word) if word != "more" else word
    if topic in EXAMPLES:
        example, what = EXAMPLES[topic]
        text = f"{topic}: {what}. Example: {code(example)}"
        return fit(
            Message(
                text=text,
                blocks=[section(f"{bold(topic)}: {what}\n{code('/runs ' + example)}"), context(NAMING)],
            )
        )
    names = COMMANDS if topic == "more" else MAIN
    text = f"Ask me: {', '.join(names)}. In a channel write /runs, in a thread mention me."
    blocks = [
        section(
            "In a channel write `/runs …`; in a thread mention me, and its run is understood. I read these:"
        )
    ]
    for start in range(0, len(names), 10):
        blocks.append(section("\n".join(example_row(name) for name in names[start : start + 10])))
    blocks.append(context(NAMING))
    if topic != "more":
        blocks.append(actions(button("More commands", "help_more", "more")))
    return fit(Message(text=text, blocks=blocks))


def example_row(name: str) -> str:
    """A command by its example."""
    example, what = EXAMPLES[name]
    return f"{code(example)}  {what}"


def wrong_command(error: GrammarError) -> Message:
    """What is wrong with a command, and the nearest right one."""
    problem, right = line(error.problem, 400), code(error.suggestion, 300)
    joint = "" if problem.endswith(":") else " Try"
    text = f"{problem}{joint} {right}"
    more = [context("`help` shows what I can do.")] if error.suggestion != "help" else []
    return fit(Message(text=text, blocks=[section(text), *more]))


def ambiguous(name: str, candidates: Sequence[RunView]) -> Message:
    """A name that fits several runs."""
    text = f"{line(name, 60)} fits {count(len(candidates), 'run')}. Which one?"
    rows = [
        f"{sign(run)} {link(run.permalink, line(title(run), 120))} · write {code(run.ref, 80)}"
        for run in candidates[:10]
    ]
    if len(candidates) > 10:
        rows.append(f"… and {len(candidates) - 10} more")
    return fit(Message(text=text, blocks=[section("\n".join([text, *rows]))]))


def not_found(name: str) -> Message:
    """Nothing by that name; the same words whether it is missing or not to be seen."""
    text = f"I find no run {code(name, 80)} among those you can see."
    return fit(Message(text=text, blocks=[section(text), context(f"{NAMING} `list` shows the latest.")]))
