"""What somebody needs to begin: the two lines for a training script, and the word that a channel is connected."""

from bot.blocks import Block, bold, code, code_block, context, escape, fit, section
from bot.values import Message


def how_to_report(project: str, url: str) -> Message:
    """The two lines to paste."""
    text = f"To report to {escape(project)}, add two lines to your training script."
    blocks: list[Block] = [
        section(f"{bold('Report runs from your training script')}"),
        section(code_block(["import runlore", f'run = runlore.init(project="{project}", config=config)'])),
        section(f"then {code('run.log({...}, step=step)')} as you train. Once per machine:"),
        section(code_block(["pip install runlore", f"runlore login {url}"])),
        context("No change at all: `runlore run -- python train.py`"),
    ]
    return fit(Message(text=text, blocks=blocks))


def connected(project: str, channel: str, url: str) -> Message:
    """The channel has its project."""
    text = f"{escape(project)} is connected to #{escape(channel)}: one thread per run, a digest on weekdays at 9."
    rest = how_to_report(project, url)
    return fit(Message(text=text, blocks=[section(f"✅ {text}"), *rest.blocks]))
