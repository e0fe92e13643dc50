"""Slack's own description of its Web API, where it is at hand, against what the bot asks of it."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from block_limits import faults
from local_workspace import MANIFEST, Json

SLACK = Path(os.environ.get("RUNLORE_SHARED", Path(__file__).parents[2] / "shared")) / "data" / "slack"
# Bolt's own client sends it with every call; Slack reads it where it means something.
EVERYWHERE = {"team_id"}
WRONG_ON_PURPOSE = "no_such_block"  # what tests send to be refused
# What a socket is opened with is the app's token, not the bot's.
OF_THE_APP = {"apps.connections.open"}
NOT_DESCRIBED = {"canvases.access.set"}  # it exists; its description is not among those at hand


def at_hand() -> bool:
    """Whether Slack's description is on this machine."""
    return (SLACK / "methods").is_dir()


def broken(calls: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every way in which calls are not as Slack describes them; nothing where the description is not at hand."""
    return sorted({fault for call in calls for fault in _broken(call)}) if at_hand() else []


@cache
def granted() -> frozenset[str]:
    """The scopes that the manifest asks for, the optional ones too."""
    scopes = yaml.safe_load(MANIFEST.read_text())["oauth_config"]["scopes"]
    return frozenset([*scopes["bot"], *scopes["bot_optional"]])


@cache
def described(method: str) -> Json | None:
    """Slack's description of a method."""
    path = SLACK / "methods" / f"{method}.json"
    found: Json | None = json.loads(path.read_text()) if path.exists() else None
    return found


def _broken(call: Mapping[str, Any]) -> Iterator[str]:
    method, args = str(call["method"]), dict(call["args"])
    if method in NOT_DESCRIBED:
        return
    about = described(method)
    if about is None:
        yield f"{method} is no method that Slack describes"
        return
    known = about["args"]["properties"].keys() | EVERYWHERE
    for name in sorted(args.keys() - known):
        yield f"{method} has no argument {name}"
    for name in sorted(set(about["args"].get("required", ())) - args.keys() - {"token"}):
        yield f"{method} lacks {name}"
    scopes = set((about.get("scope") or {}).get("bot", ()))
    if scopes and not scopes & granted() and method not in OF_THE_APP:
        yield f"{method} needs one of {sorted(scopes)}, and the manifest asks for none"
    yield from (f"{method}: {fault}" for fault in _content(args))


def _content(args: Mapping[str, Any]) -> Iterator[str]:
    """What is shown, inside the limits of Block Kit."""
    blocks, view = _read(args.get("blocks")), _read(args.get("view"))
    if isinstance(blocks, list) and not any(block.get("type") == WRONG_ON_PURPOSE for block in blocks):
        yield from faults(blocks)
    if len(str(args.get("text") or "")) > 4000:
        yield "more than 4,000 characters of text"
    if isinstance(view, dict):
        yield from faults(view["blocks"], str(view["type"]))


def _read(value: object) -> Any:  # noqa: ANN401  any JSON
    return json.loads(value) if isinstance(value, str) and value else value
