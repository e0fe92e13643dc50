"""What the bot asks a channel on its own: which way a metric is better, whether a new project's name was meant so."""

import json

from bot.blocks import actions, bold, button, code, fit, line, section
from bot.values import Message

WAYS = {"max": "higher is better", "min": "lower is better"}


def goal_question(project_id: int, project: str, metric: str) -> Message:
    """Nobody can win a metric whose name does not say which way is up."""
    text = f"{line(project, 36)}: which way is {line(metric, 60)} better?"
    value = json.dumps({"project": project_id, "metric": metric})
    words = f"🧭 {bold(line(project, 36))}: which way is {code(metric, 80)} better? Asked once."
    choices = (("Higher is better", "goal_max"), ("Lower is better", "goal_min"))
    buttons = actions(*(button(label, action, value) for label, action in choices))
    return fit(Message(text=text, blocks=[section(words), buttons]))


def goal_known(project: str, metric: str, goal: str, who: str) -> Message:
    """The answer in place of the question."""
    words = f"{line(project, 36)}: {line(metric, 60)}, {WAYS[goal]} (said by {line(who, 40)})"
    return fit(Message(text=words, blocks=[section(f"🧭 {words}")]))


def spelling_question(project: str, nearest: str, run_id: int, nearest_id: int) -> Message:
    """A name never seen before is taken as it is; perhaps another was meant."""
    name, other = line(project, 36), line(nearest, 36)
    text = f"{name} is a new project. Did you mean {other}?"
    value = json.dumps({"run": run_id, "project": nearest_id})
    buttons = actions(
        button(f"Move to {nearest}"[:75], "project_move", value),
        button("No, it is new", "project_new", value),
    )
    return fit(
        Message(
            text=text,
            blocks=[section(f"🆕 {bold(name)} is a new project. Did you mean {bold(other)}?"), buttons],
        )
    )
