"""A run's output in Slack: the last lines, or those with a word in them."""

from collections.abc import Sequence

from bot.blocks import Block, actions, button, code_block, context, escape, fit, section
from bot.values import Message, RunView


def log_lines(run: RunView, lines: Sequence[str], *, words: str | None = None) -> Message:
    """Lines of a run's output, the newest last."""
    what = f"with “{words}”" if words else "last lines"
    if not lines:
        text = f"{run.ref} has no output {what}." if words else f"{run.ref} has printed nothing so far."
        return Message(text=escape(text), blocks=[section(escape(text))])
    blocks: list[Block] = [section(f"*{escape(run.ref)}* {escape(what)}"), section(code_block(lines, 2800))]
    blocks.append(
        context(f"`logs {run.number} grep KeyError` searches, *File* has everything; kept for ever.")
    )
    blocks.append(actions(button("File", "run_log_file", str(run.id))))
    return fit(Message(text=f"{escape(run.ref)}: {escape(lines[-1][:150])}", blocks=blocks))
