"""Reads `workspace.json` and the apps' manifests."""

import json
from dataclasses import fields
from pathlib import Path

import yaml

from localslack.values import App, Config, Json, Timings


class ConfigError(Exception):
    """The workspace's configuration cannot be used."""


def load(path: Path) -> Config:
    """Read the configuration; manifests are paths relative to it, or objects in place."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    for name in ("team", "users", "channels", "apps"):
        if name not in raw:
            raise ConfigError(f"{path} lacks {name!r}: see localslack/README.md for its form")
    timings = dict(raw.get("timings", {}))
    unknown = timings.keys() - {each.name for each in fields(Timings)}
    if unknown:
        raise ConfigError(f"{path} has unknown timings: {', '.join(sorted(unknown))}")
    if "retry_delays" in timings:
        timings["retry_delays"] = tuple(timings["retry_delays"])
    return Config(
        team=raw["team"],
        users=tuple(raw["users"]),
        channels=tuple(raw["channels"]),
        apps=tuple(_app(each, path.parent) for each in raw["apps"]),
        timings=Timings(**timings),
    )


def _app(raw: Json, folder: Path) -> App:
    manifest = raw["manifest"]
    if isinstance(manifest, str):
        manifest = yaml.safe_load((folder / manifest).read_text(encoding="utf-8"))
    features = manifest.get("features", {})
    home = features.get("app_home", {})
    granted = manifest.get("oauth_config", {}).get("scopes", {})
    events = manifest.get("settings", {}).get("event_subscriptions", {})
    return App(
        key=raw["key"],
        id=raw["id"],
        name=features.get("bot_user", {}).get("display_name") or manifest["display_information"]["name"],
        bot_user=raw["bot_user"],
        bot_id=raw["bot_id"],
        bot_token=raw["bot_token"],
        app_token=raw["app_token"],
        signing_secret=raw["signing_secret"],
        request_url=raw.get("request_url"),
        scopes=frozenset([*granted.get("bot", []), *granted.get("bot_optional", [])]),
        events=frozenset(events.get("bot_events", [])),
        commands=tuple(features.get("slash_commands", [])),
        shortcuts=tuple(features.get("shortcuts", [])),
        home_tab=bool(home.get("home_tab_enabled")),
        messages_tab=bool(home.get("messages_tab_enabled")),
        agent_view=features.get("agent_view"),
    )
