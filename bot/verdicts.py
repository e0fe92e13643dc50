"""How a run stands or ended, in one line of plain words."""

import math
import re
from collections.abc import Mapping
from datetime import datetime

from bot.better import Against, Judgement, is_share
from bot.blocks import flat
from bot.numbers import as_number, duration, number, points, signed
from bot.values import RunView

SIGNS = {
    "running": "🔵",
    "finished": "✅",
    "failed": "❌",
    "killed": "💥",
    "preempted": "⏏️",
    "lost": "❔",
}
CAUSE = 160


def ref(run: RunView) -> str:
    """`vision/42`, short enough to leave room for the verdict."""
    return f"{flat(run.project, 36)}/{run.number}"


def title(run: RunView) -> str:
    """vision/42 brave-otter."""
    return f"{ref(run)} {flat(run.name, 60)}".strip()


def sign(run: RunView) -> str:
    """The state as a picture."""
    return SIGNS.get(run.state, "▫️")


def lasted(run: RunView, now: datetime | None = None) -> float | None:
    """Seconds the run took, or has taken until now."""
    until = run.ended_at or (now if run.state == "running" else None)
    return max(0.0, (until - run.started_at).total_seconds()) if until else None


def gpu_hours(run: RunView) -> float | None:
    """What it cost, where the number of GPUs is known."""
    seconds = lasted(run)
    return run.gpus * seconds / 3600 if run.gpus and seconds is not None else None


def cost(run: RunView) -> str:
    """12 min; 0.3 GPU-h."""
    seconds, hours = lasted(run), gpu_hours(run)
    told = [duration(seconds)] if seconds is not None else []
    return "; ".join([*told, gpu_words(hours)] if hours else told)


def gpu_words(hours: float) -> str:
    """0.3 GPU-h."""
    return f"{number(float(f'{hours:.2g}'))} GPU-h" if hours >= 0.01 else "under 0.01 GPU-h"


def last_step(run: RunView) -> float | None:
    """The last step of training that was logged."""
    steps = [
        metric.last_step
        for name, metric in run.metrics.items()
        if metric.last_step is not None and math.isfinite(metric.last_step) and not name.startswith("system/")
    ]
    return max(steps, default=None)


def metric_words(judgement: Judgement) -> str | None:
    """val_acc 0.942; with ± where the run was repeated under other seeds."""
    if judgement.metric is None or judgement.value is None:
        return None
    words = f"{flat(judgement.metric, 60)} {number(judgement.value)}"
    if judgement.average is not None and judgement.spread is not None:
        spread = f" ± {number(judgement.spread, 1)}" if judgement.spread else ""
        words += f" ({number(judgement.average)}{spread} over {judgement.repeats} runs)"
    return words


def against_words(against: Against, judgement: Judgement) -> str:
    """+0.8 points on baseline; within seed noise of #41."""
    numbered = f"#{against.run.number}"
    other = {"baseline": "baseline", "parent": numbered}.get(against.label, f"the best {numbered}")
    if against.label == "best" and judgement.is_new_best:
        other = f"the old best {numbered}"
    if against.noise:
        return f"within seed noise of {other}"
    if against.change == 0:
        return f"the same as {other}"
    share = is_share(judgement.metric or "", judgement.value)
    words = f"{points(against.change) if share else signed(against.change)} on {other}"
    # Where less is better the sign alone would mislead.
    if judgement.goal == "min":
        words += " (better)" if against.better else " (worse)"
    return words


def standing(judgement: Judgement) -> str | None:
    """val_acc 0.942, +0.8 points on baseline, new best."""
    words = metric_words(judgement)
    if words is None:
        return None
    told = [words, *(against_words(each, judgement) for each in judgement.against[:2])]
    if judgement.is_new_best:
        told.append("new best")
    if judgement.last is not None and not math.isfinite(judgement.last):
        told.insert(1, f"diverged (last {number(judgement.last)})")
    return ", ".join(told)


def cause(run: RunView) -> str | None:
    """Why it ended badly, in one line: the stated cause, else the error, the signal, the exit code."""
    ending = run.ending or {}
    signal = one_line(ending.get("signal"))
    if stated := one_line(ending.get("cause")):
        return stated if not signal or signal in stated else f"{stated} ({signal})"
    error = ending.get("error")
    if isinstance(error, Mapping) and (kind := one_line(error.get("type"))):
        message = one_line(error.get("message"))
        return f"{kind}: {message}" if message else kind
    if ending.get("oom"):
        return f"out of memory ({signal})" if signal else "out of memory"
    if signal:
        return signal
    code = ending.get("exit_code")
    return f"exit code {code}" if isinstance(code, int) and code else None


def one_line(value: object) -> str | None:
    """A field of an event as one short line; None where it says nothing."""
    return flat(str(value), CAUSE) or None if value is not None else None


def ending(run: RunView, judgement: Judgement | None = None) -> str:
    """The verdict line: vision/42 failed at step 6,210: out of memory."""
    if run.state in ("finished", "running"):
        words = standing(judgement) if judgement else None
        told = "; ".join(part for part in (words, cost(run)) if part)
        return f"{ref(run)} {run.state}{': ' + told if told else ''}"
    step = last_step(run)
    place = f" at step {number(step)}" if step is not None else ""
    why = cause(run) or ("no sign of life" if run.state == "lost" else None)
    if why:  # "killed: killed by SIGKILL" says it twice
        why = re.sub(rf"^{run.state}(,| by) ", "", why)
    return f"{ref(run)} {run.state}{place}{': ' + why if why else ''}"


def last_lines(run: RunView) -> list[str]:
    """What the run printed last."""
    lines = (run.ending or {}).get("last_lines")
    return [str(line) for line in lines] if isinstance(lines, list | tuple) else []


def rescue(run: RunView) -> str | None:
    """The checkpoint that survived."""
    checkpoint = (run.ending or {}).get("checkpoint")
    if not isinstance(checkpoint, Mapping) or not (path := one_line(checkpoint.get("path"))):
        return None
    step = as_number(checkpoint.get("step"))
    return f"{path} (step {number(step)})" if step is not None else path


def resume(run: RunView) -> str | None:
    """How to go on from it."""
    return one_line((run.ending or {}).get("resume"))


def error_name(run: RunView) -> str | None:
    """The short name of what went wrong: KeyError, out of memory, SIGTERM."""
    why = cause(run)
    named = re.match(r"([\w.]*(?:Error|Exception|Interrupt|Exit))\b", why or "")
    return named.group(1).rsplit(".", 1)[-1] if named else why
