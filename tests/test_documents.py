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
from runlore.settings import Settings as HookSettings

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


def spelled(name: str) -> str:
    """A setting as it stands in the environment."""
    return (
        name.upper() if name.startswith("slack_") and name != "slack_base_url" else f"RUNLORE_{name.upper()}"
    )


def test_the_example_environment_has_every_setting_and_nothing_else_with_its_default_and_meaning() -> None:
    example = (ROOT / "deploy" / "env.example").read_text(encoding="utf-8")
    there = {
        name: (words, value)
        for words, name, value in re.findall(r"^# (.+)\n(?:# )?([A-Z_]+)=(.*)$", example, re.M)
    }
    assert len(there) == len(re.findall(r"^(?:# )?[A-Z_]+=", example, re.M))
    del there["POSTGRES_PASSWORD"]  # compose's own
    expected = {}
    for name, field in Settings.model_fields.items():
        default = "" if field.default_factory or field.default is None else str(field.default)
        expected[spelled(name)] = (field.description, default)
    assert there == expected


def test_every_variable_that_is_named_anywhere_is_read_by_something() -> None:
    """A name that nothing reads would be set in vain: in a manifest, a document or a message."""
    files = [ROOT / "README.md", ROOT / "Makefile", *(ROOT / "docs").glob("*.md")]
    for folder, pattern in (
        ("bot", "*.py"),
        ("nlp", "*.py"),
        ("storage", "*.py"),
        ("localslack", "*.py"),
        ("deploy", "*"),
    ):
        files += [one for one in (ROOT / folder).rglob(pattern) if one.is_file() and one.suffix != ".pyc"]
    hook = "".join(one.read_text(encoding="utf-8") for one in (ROOT / "sdk" / "src").rglob("*.py"))
    read = {spelled(name) for name in Settings.model_fields} | set(re.findall(r'"(RUNLORE_[A-Z_]+)"', hook))
    read |= {f"RUNLORE_{name.upper()}" for name in HookSettings._fields}
    read |= {f"RUNLORE_{name}" for name in read if name.startswith("SLACK_")}
    read |= {
        "RUNLORE_REWRITE_GOLDEN",
        "RUNLORE_FUZZ",
        "RUNLORE_DATA_",
    }  # of the tests; the beginning of several
    said = {
        name for one in files for name in re.findall(r"\bRUNLORE_[A-Z_]+", one.read_text(encoding="utf-8"))
    }
    assert len(said) > 40
    assert said - read == set()


def test_every_subcommand_of_the_command_line_is_in_the_readme_or_its_page() -> None:
    documented = README + (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    names = [
        command.name or (command.callback.__name__ if command.callback else "")
        for command in app.registered_commands
    ]
    assert names
    assert [name for name in names if f"runlore-bot {name}" not in documented] == []
