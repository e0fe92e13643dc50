"""The settings of a project as a form, how to read it, and the settings as one message."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any

from bot.blocks import (
    OPTION_VALUE,
    Block,
    actions,
    answers,
    bold,
    button,
    checkboxes,
    code,
    context,
    divider,
    fields,
    fit,
    flat,
    header,
    input_block,
    length,
    line,
    modal,
    option,
    section,
    select,
    text_input,
)
from bot.errors import BadInput
from bot.project_settings import LANGUAGES, LOG_TAILS, PRICE, TOLD, ProjectSettings
from bot.values import Message

THREADING = {"run": "A thread for each run", "project": "One thread for the project"}
OPENNESS = {
    "open": "Open: who sees its channel sees it",
    "discoverable": "Discoverable: others learn that it exists",
    "private": "Private: only members of its channel",
}
DEPTHS = {"off": "No digest", "brief": "Brief", "full": "Full", "manager": "With a Markdown report"}
CONSENTS = {
    "keep": "Keep a copy of the sound",
    "feedback": "Corrections may be exported to improve the reading",
}
DAYS = {"mon": "Mo", "tue": "Tu", "wed": "We", "thu": "Th", "fri": "Fr", "sat": "Sa", "sun": "Su"}
GOAL = re.compile(r"(?P<name>\S.*?)\s*[:=]\s*(?P<goal>min|max)\w*", re.IGNORECASE)
ALIAS = re.compile(r"(?P<alias>\S.*?)\s*=\s*(?P<name>\S.*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """Everything that can be set of a project."""

    channel: str | None
    threading: str
    settings: ProjectSettings
    key_metric: str | None
    goals: Mapping[str, str]
    baseline: int | None
    openness: str
    digest: str  # of DEPTHS
    at: time
    days: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """What there is to choose from."""

    project_id: int
    project: str
    metrics: Sequence[str]
    runs: Sequence[tuple[int, str]]  # key and label


def settings_modal(now: Chosen, choices: Choices, *, place: str) -> Block:
    """The form; `place` is the channel it was asked for in."""
    channel: Block = {
        "type": "conversations_select",
        "action_id": "channel",
        "placeholder": {"type": "plain_text", "text": "The shared channel"},
        "filter": {"include": ["public", "private"], "exclude_bot_users": True},
    }
    if now.channel:
        channel["initial_conversation"] = now.channel
    kept = now.settings
    goals = "\n".join(f"{name}: {goal}" for name, goal in now.goals.items())
    aliases = "\n".join(f"{alias} = {name}" for alias, name in kept.aliases.items())
    # A name too long for an option would come back cut.
    names = [one for one in choices.metrics if one.strip(" -") and length(one) <= OPTION_VALUE]
    metrics = [option("Read from the runs", "-"), *(option(one, one) for one in names[:99])]
    runs = [option("None", "-"), *(option(label, str(ident)) for ident, label in choices.runs[:99])]
    languages = [option("Heard from the recording", "-"), *_options(LANGUAGES)]
    blocks = [
        header("Where"),
        input_block("channel", "Channel", channel, hint="Moving needs you and me in both channels."),
        input_block("threading", "Threads", select("threading", _options(THREADING), chosen=now.threading), optional=False),
        input_block("openness", "Who learns of it", select("openness", _options(OPENNESS), chosen=now.openness), optional=False),
        input_block("told", "Said aloud", checkboxes("told", _options(TOLD), ticked=kept.told)),
        divider(),
        header("What counts"),
        input_block("key_metric", "Key metric", select("key_metric", metrics, chosen=now.key_metric or "-"), optional=False),
        input_block("goals", "Goals", text_input("goals", goals, hint="val_loss: min"), hint="One a line: a metric, min or max."),
        input_block("baseline", "Baseline", select("baseline", runs, chosen=str(now.baseline or "-")), optional=False),
        input_block("aliases", "Other names", text_input("aliases", aliases, hint="valid/acc = val_acc"), hint="One a line. A param or metric logged under another name counts as the one on the right."),
        divider(),
        header("Digest of its channel"),
        input_block("digest", "Digest", select("digest", _options(DEPTHS), chosen=now.digest), optional=False),
        input_block("at", "At", {"type": "timepicker", "action_id": "at", "initial_time": f"{now.at:%H:%M}"}, optional=False),
        input_block("days", "On", checkboxes("days", _options(DAYS), ticked=now.days)),
        input_block("gpu_price", "Price of a GPU-hour", text_input("gpu_price", kept.gpu_price or "", multiline=False, hint="2.50 €"), hint="Digests then tell what runs cost."),
        divider(),
        header("Private things"),
        input_block("log_tail", "Last lines of the output", select("log_tail", _options(LOG_TAILS), chosen=kept.log_tail), optional=False),
        input_block("audio", "Memos and notes", checkboxes("audio", _options(CONSENTS), ticked=[key for key, given in (("keep", kept.keep_audio), ("feedback", kept.share_feedback)) if given])),
        input_block("language", "Language of memos", select("language", languages, chosen=kept.language or "-"), optional=False),
    ]  # fmt: skip
    return modal(
        "project_settings",
        flat(f"Settings: {choices.project}", 24),
        blocks,
        about=f"{choices.project_id}|{place}",
    )


def read_settings(view: Mapping[str, Any]) -> tuple[int, str, Chosen]:
    """(project, where it was asked for, what was chosen). Raises BadInput that names the field."""
    project, _, place = str(view["private_metadata"]).partition("|")
    said = answers(view)
    told = ProjectSettings(
        told=frozenset(_several(said.get("told"))),
        log_tail=said["log_tail"],
        keep_audio="keep" in _several(said.get("audio")),
        share_feedback="feedback" in _several(said.get("audio")),
        language=_chosen(said["language"]),
        aliases=_aliases(said.get("aliases", "")),
        gpu_price=_price(said.get("gpu_price", "")),
    )
    hour, _, minute = said["at"].partition(":")
    chosen = Chosen(
        channel=said.get("channel") or None,
        threading=said["threading"],
        settings=told,
        key_metric=_chosen(said["key_metric"]),
        goals=_goals(said.get("goals", "")),
        baseline=int(number) if (number := _chosen(said["baseline"])) else None,
        openness=said["openness"],
        digest=said["digest"],
        at=time(int(hour), int(minute)),
        days=tuple(_several(said.get("days"))),
    )
    if chosen.digest != "off" and not chosen.days:
        raise BadInput("On which days?", field="days")
    return int(project), place, chosen


def settings_message(now: Chosen, choices: Choices) -> Message:
    """What is set, and the way to change it."""
    kept = now.settings
    name = line(choices.project, 60)
    baseline = dict(choices.runs).get(now.baseline or 0)
    days = " ".join(DAYS[day] for day in now.days if day in DAYS)
    digest = DEPTHS[now.digest]
    price = f"; a GPU-hour costs {line(kept.gpu_price, 20)}" if kept.gpu_price else ""
    rows = [
        ("Channel", f"<#{now.channel}>" if now.channel else "the shared one"),
        ("Threads", THREADING[now.threading]),
        ("Key metric", code(now.key_metric, 60) if now.key_metric else "read from the runs"),
        ("Goals", ", ".join(f"{code(metric, 40)} {goal}" for metric, goal in list(now.goals.items())[:8]) or "read from the names"),
        ("Baseline", line(baseline, 60) if baseline else "none"),
        ("Other names", ", ".join(f"{code(alias, 30)} = {code(meant, 30)}" for alias, meant in list(kept.aliases.items())[:8]) or "none"),
        ("Digest", f"{digest if now.digest == 'off' else f'{digest.lower()}, {days} at {now.at:%H:%M}'}{price}"),
        ("Output", LOG_TAILS[kept.log_tail].lower()),
        ("Memos", f"{LANGUAGES.get(kept.language or '', 'any language')}, sound {'kept' if kept.keep_audio else 'deleted once heard'}"),
        ("Who learns of it", OPENNESS[now.openness].partition(":")[0].lower()),
    ]  # fmt: skip
    silent = [words for key, words in TOLD.items() if key not in kept.told]
    blocks = [
        section(f"⚙️ {bold(f'Settings of {name}')}"),
        fields([f"{bold(what)}\n{value}" for what, value in rows]),
    ]
    if silent:
        blocks.append(context(f"Not said: {', '.join(silent)}"))
    blocks.append(actions(button("Change…", "settings_open", str(choices.project_id))))
    return fit(Message(text=f"Settings of {name}", blocks=blocks))


def _options(labels: Mapping[str, str]) -> list[Block]:
    return [option(label, value) for value, label in labels.items()]


def _several(value: str | None) -> list[str]:
    return [one for one in (value or "").split(",") if one]


def _chosen(value: str) -> str | None:
    return None if value in ("-", "") else value


def _goals(text: str) -> dict[str, str]:
    found = {}
    for row in filter(None, map(str.strip, text.splitlines())):
        told = GOAL.fullmatch(row)
        if told is None:
            raise BadInput(
                f"“{flat(row, 40)}” is no goal. Write val_loss: min or val_acc: max.", field="goals"
            )
        found[told["name"]] = told["goal"].lower()
    return found


def _price(text: str) -> str | None:
    if not text.strip():
        return None
    if PRICE.fullmatch(text.strip()) is None:
        raise BadInput(f"“{flat(text, 20)}” is no price. Write 2.50 €.", field="gpu_price")
    return text.strip()


def _aliases(text: str) -> dict[str, str]:
    found = {}
    for row in filter(None, map(str.strip, text.splitlines())):
        told = ALIAS.fullmatch(row)
        if told is None:
            raise BadInput(f"“{flat(row, 40)}” is no other name. Write valid/acc = val_acc.", field="aliases")
        found[told["alias"].lower()] = told["name"].strip()
    return found
