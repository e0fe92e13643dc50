"""Every RUNLORE_* setting, in one place: argument, then environment, then what `runlore login` stored."""

import json
import os
from typing import Any, NamedTuple

MODES = ("online", "offline", "disabled")
TRUE = ("1", "true", "yes", "on")


class Settings(NamedTuple):
    """What a run was started with."""

    url: str | None
    token: str | None
    project: str | None
    mode: str
    directory: str | None
    name: str | None
    tags: list[str]
    notes: str | None
    group: str | None
    run_id: str | None
    resume: str | None
    silent: bool
    console: str
    capture: bool
    exit_wait: float
    linger: float


def _config_home() -> str:
    return os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")


def credentials_path() -> str:
    """Where `runlore login` keeps tokens, one for each server."""
    return os.path.join(_config_home(), "runlore", "credentials")


def read_credentials() -> dict[str, Any]:
    """The stored servers and tokens; empty when there are none."""
    try:
        with open(credentials_path(), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def address(url: str) -> str:
    """A server's address as it is stored and asked: https unless it says otherwise or is this machine."""
    plain = url.strip().rstrip("/")
    if not plain or "://" in plain:
        return plain
    return f"{'http' if plain.startswith(('localhost', '127.0.0.1')) else 'https'}://{plain}"


def token_for(url: str) -> str | None:
    """The token of a server: from the environment, else from the stored login."""
    from_environment = os.environ.get("RUNLORE_TOKEN")
    if from_environment:
        return from_environment
    server = read_credentials().get("servers", {}).get(url.rstrip("/"), {})
    token = server.get("token") if isinstance(server, dict) else None
    return token if isinstance(token, str) else None


def load(**arguments: Any) -> Settings:
    """Settings as they hold now; an argument that is None gives way to the environment."""
    environment = os.environ

    def pick(name: str) -> str | None:
        given = arguments.get(name)
        return given if given is not None else environment.get(f"RUNLORE_{name.upper()}") or None

    url, project = (
        address(str(pick("url") or read_credentials().get("default") or "")) or None,
        pick("project"),
    )
    tags = arguments.get("tags")
    if tags is None:
        tags = [tag.strip() for tag in environment.get("RUNLORE_TAGS", "").split(",") if tag.strip()]
    mode = pick("mode") or "online"
    resume = arguments.get("resume")
    return Settings(
        url=url,
        token=arguments.get("token") or (token_for(url) if url else environment.get("RUNLORE_TOKEN")),
        project=None if project is None else str(project),
        mode=mode,
        directory=pick("dir"),
        name=pick("name"),
        tags=[tags] if isinstance(tags, str) else list(tags),
        notes=pick("notes"),
        group=pick("group"),
        run_id=str(arguments.get("id") or environment.get("RUNLORE_RUN_ID") or "") or None,
        resume=_resume(resume if resume is not None else environment.get("RUNLORE_RESUME")),
        silent=environment.get("RUNLORE_SILENT", "").lower() in TRUE,
        console=environment.get("RUNLORE_CONSOLE", "auto").lower(),
        capture=environment.get("RUNLORE_CAPTURE", "1").lower() in TRUE,
        exit_wait=_seconds(environment.get("RUNLORE_EXIT_WAIT"), 5.0),
        linger=_seconds(environment.get("RUNLORE_LINGER"), 600.0),
    )


def _resume(value: Any) -> str | None:
    """wandb's resume: True means "allow", a word means itself."""
    word = "" if value is None else str(value).lower()
    if word in ("", "0", "false", "never"):
        return None
    return "allow" if word in TRUE else word


def _seconds(value: str | None, default: float) -> float:
    try:
        return max(0.0, float(value)) if value else default
    except ValueError:
        return default
