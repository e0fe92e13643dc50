"""What is written down is true: commands, settings, events and words stand where they are said to stand."""

import re
from pathlib import Path

import pytest
import yaml

from bot.cli import app
from bot.commands import HANDLERS
from bot.grammar import COMMANDS, MAIN
from bot.inbox import EVENTS
from bot.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/commands.md",
    "docs/slack-setup.md",
    "docs/operations.md",
    "docs/security.md",
    "docs/scale.md",
    "SECURITY.md",
    "deploy/README.md",
)
MANIFEST = yaml.safe_load((ROOT / "deploy" / "slack-manifest.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_inside_the_project_leads_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", text)
    missing = [target for target in targets if not (ROOT / name).parent.joinpath(target).exists()]
    assert missing == []


def test_every_command_that_can_be_asked_is_answered_and_documented() -> None:
    documented = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert set(COMMANDS) == set(HANDLERS)
    assert [name for name in COMMANDS if f"`{name}" not in documented] == []


def test_the_readme_shows_the_six_commands() -> None:
    assert [name for name in MAIN if f"/runs {name}" not in README] == []


def test_every_event_of_the_manifest_has_a_handler() -> None:
    subscribed = MANIFEST["settings"]["event_subscriptions"]["bot_events"]
    assert subscribed
    assert [event for event in subscribed if event.split(".")[0] not in EVENTS] == []


def test_every_handler_has_its_event_in_the_manifest() -> None:
    subscribed = {event.split(".")[0] for event in MANIFEST["settings"]["event_subscriptions"]["bot_events"]}
    assert set(EVENTS) - subscribed == set()


def test_every_setting_is_in_the_example_environment() -> None:
    example = (ROOT / "deploy" / "env.example").read_text(encoding="utf-8")
    names = {name: (f"RUNLORE_{name.upper()}", name.upper()) for name in Settings.model_fields}
    assert [name for name, spelled in names.items() if not any(f"{one}=" in example for one in spelled)] == []


def test_every_subcommand_of_the_command_line_is_in_the_readme_or_its_page() -> None:
    documented = README + (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    names = [
        command.name or (command.callback.__name__ if command.callback else "")
        for command in app.registered_commands
    ]
    assert names
    assert [name for name in names if f"runlore-bot {name}" not in documented] == []
