"""The ids that Slack gives to blocks and elements where the app gave none."""

import hashlib
import json

from localslack.values import Json

_PLAIN = ("image", "mrkdwn", "plain_text")


def with_ids(blocks: list[Json]) -> list[Json]:
    return [_block(block, number) for number, block in enumerate(blocks)]


def _block(block: Json, number: int) -> Json:
    block = {**block, "block_id": block.get("block_id") or _short(block, number)}
    for field in ("elements", "actions"):
        if field in block and block["type"] in ("actions", "context_actions", "card"):
            block[field] = [_element(each, index) for index, each in enumerate(block[field])]
    for field in ("accessory", "element"):
        if field in block:
            block[field] = _element(block[field], number)
    if block["type"] == "container":
        block["child_blocks"] = with_ids(block["child_blocks"])
    if block["type"] == "carousel":
        block["elements"] = with_ids(block["elements"])
    return block


def _element(element: Json, number: int) -> Json:
    if element.get("type") in _PLAIN or element.get("action_id"):
        return element
    return {**element, "action_id": _short(element, number)}


def _short(thing: Json, number: int) -> str:
    text = json.dumps(thing, sort_keys=True) + str(number)
    return hashlib.sha256(text.encode()).hexdigest()[:5]
