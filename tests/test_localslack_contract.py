"""The local workspace's tables agree with Slack's machine-readable facts."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from local_workspace import MANIFEST

from localslack import limits
from localslack.methods import METHODS

SHARED = Path(os.environ.get("RUNLORE_SHARED", Path(__file__).parents[2] / "shared"))
FACTS = SHARED / "data" / "slack"

needs_facts = pytest.mark.skipif(
    not FACTS.exists(), reason="Slack's machine-readable facts are not beside the project"
)


def documented(name: str) -> Any:  # noqa: ANN401
    return json.loads((FACTS / "methods" / f"{name}.json").read_text(encoding="utf-8"))


# Methods whose specification is not among the stored ones.
UNSTORED = {"canvases.access.set"}


@needs_facts
@pytest.mark.parametrize("name", sorted(set(METHODS) - UNSTORED))
def test_a_method_has_slacks_arguments_scopes_and_tier(name: str) -> None:
    facts, ours = documented(name), METHODS[name]
    arguments = set(facts["args"]["properties"]) - {"token", "team_id"}
    assert (ours.required | ours.optional) - {"team_id"} == arguments
    assert ours.required == set(facts["args"].get("required", [])) - {"token"}
    assert set(ours.scopes) == set((facts.get("scope") or {}).get("bot", []))
    assert ours.tier == facts.get("rate_limits", "t4")
    assert ours.json == facts.get("json_input_supported", False)
    assert ours.get == (facts["http_method"] == "GET")


@needs_facts
def test_every_method_the_bot_needs_is_known_except_those_left_out_on_purpose() -> None:
    described = {path.stem for path in (FACTS / "methods").glob("*.json")}
    assert described - set(METHODS) == {"entity.presentDetails"}


@needs_facts
def test_block_kit_limits_are_slacks() -> None:
    facts = json.loads((FACTS / "blockkit_limits.json").read_text(encoding="utf-8"))
    pairs = [
        (limits.TEXT, facts["section"]["text"]["max_length"]),
        (limits.ID, facts["action_id"]["max_length"]),
        (limits.BUTTON_TEXT, facts["button"]["text"]["max_length"]),
        (limits.BUTTON_VALUE, facts["button"]["value"]["max_length"]),
        (limits.CONFIRM_TITLE, facts["confirmation"]["title"]["max_length"]),
        (limits.CONFIRM_TEXT, facts["confirmation"]["text"]["max_length"]),
        (limits.CONFIRM_CHOICE, facts["confirmation"]["deny"]["max_length"]),
        (limits.OPTION_TEXT, facts["option"]["text"]["max_length"]),
        (limits.OPTION_VALUE, facts["option"]["value"]["max_length"]),
        (limits.OPTIONS, facts["select"]["options"]["max_items"]),
        (limits.PLACEHOLDER, facts["select"]["placeholder"]["max_length"]),
        (limits.OVERFLOW_OPTIONS, facts["overflow"]["options"]["max_items"]),
        (limits.CHECKBOX_OPTIONS, facts["checkboxes"]["options"]["max_items"]),
        (limits.INPUT_LENGTH, facts["plain_text_input"]["max_length"]["max"]),
        (limits.ACTIONS, facts["actions"]["elements"]["max_items"]),
        (limits.CONTEXT_ELEMENTS, facts["context"]["elements"]["max_items"]),
        (limits.CONTEXT_ACTIONS, facts["context_actions"]["elements"]["max_items"]),
        (limits.SECTION_FIELDS, facts["section"]["fields"]["max_items"]),
        (limits.SECTION_FIELD, facts["section"]["fields"]["item_max_length"]),
        (limits.HEADER, facts["header"]["text"]["max_length"]),
        (limits.LABEL, facts["input"]["label"]["max_length"]),
        (limits.ALT_TEXT, facts["image"]["alt_text"]["max_length"]),
        (limits.MARKDOWN, facts["markdown"]["text"]["max_length"]),
        (limits.ALERT, facts["alert"]["text"]["max_length"]),
        (limits.CARD_TITLE, facts["card"]["title"]["max_length"]),
        (limits.CARD_BODY, facts["card"]["body"]["max_length"]),
        (limits.CARD_ACTIONS, facts["card"]["actions"]["max_items"]),
        (limits.CAROUSEL_CARDS, facts["carousel"]["elements"]["max_items"]),
        (limits.CONTAINER_TITLE, facts["container"]["title"]["max_length"]),
        (limits.CONTAINER_BLOCKS, facts["container"]["child_blocks"]["max_items"]),
        (limits.DATA_TABLE_ROWS, facts["data_table"]["rows"]["max_items"]),
        (limits.DATA_TABLE_COLUMNS, facts["data_table"]["columns"]["max_items"]),
        (limits.DATA_TABLE_CHARACTERS, facts["data_table"]["content"]["max_length"]),
        (limits.DATA_TABLE_PAGE, facts["data_table"]["page_size"]["max"]),
        (limits.CHART_TITLE, facts["data_visualization"]["title"]["max_length"]),
        (limits.CHART_SERIES, facts["data_visualization"]["series"]["max_items"]),
        (limits.CHART_POINTS, facts["data_visualization"]["data"]["max_items"]),
        (limits.CHART_LABEL, facts["data_visualization"]["point_label"]["max_length"]),
        (limits.AXIS_LABEL, facts["data_visualization"]["axis_label"]["max_length"]),
        (limits.VIEW_BLOCKS, facts["view"]["blocks"]["max_items"]),
        (limits.VIEW_TITLE, facts["view"]["title"]["max_length"]),
        (limits.PRIVATE_METADATA, facts["view"]["private_metadata"]["max_length"]),
    ]
    assert [pair for pair in pairs if pair[0] != pair[1]] == []


@needs_facts
def test_the_manifest_is_valid() -> None:
    schema = json.loads((FACTS / "manifest.schema.2.0.0.json").read_text(encoding="utf-8"))
    jsonschema.validate(yaml.safe_load(MANIFEST.read_text(encoding="utf-8")), schema)


@needs_facts
def test_every_event_in_the_manifest_has_its_scope() -> None:
    manifest = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    scopes = set(manifest["oauth_config"]["scopes"]["bot"])
    for event in manifest["settings"]["event_subscriptions"]["bot_events"]:
        path = FACTS / "events" / f"{event}.json"
        if path.exists():
            needed = {
                each.replace("app_mentions.read", "app_mentions:read")
                for each in json.loads(path.read_text())["scopes"]
            }
            assert not needed or needed & scopes, event
