"""`runlore status` and `runlore env`: what this machine holds and which settings apply."""

import os

from runlore import batches, exits, places, records, settings, sync
from runlore.cli import say, show

SHOWN = 20


def status(chosen: str | None, *, json_answer: bool) -> None:
    """The login, and every run kept here with its state."""
    found = settings.load()
    server = settings.read_credentials().get("servers", {}).get(found.url or "", {})
    runs = [_row(directory) for directory in sync.directories(chosen)]
    if json_answer:
        show(
            {
                "server": found.url,
                "logged_in": bool(found.token),
                "person": server.get("person"),
                "runs": runs,
            }
        )
        return
    who = f" as {server['person']}" if server.get("person") else ""
    say(f"server {found.url or 'none'}: {'logged in' + who if found.token else 'not logged in'}")
    sent = [row for row in runs if row["state"] == "sent"]
    kept = [row for row in runs if row["state"] == "kept"]
    if len(sent) > SHOWN:
        say(f"          {len(sent) - SHOWN} sent before these")
    for row in [*sent[-SHOWN:], *[row for row in runs if row not in sent]]:
        say(
            f"{row['state']:>8}  {row['project']}/{row['run']}  {row['name']}  {row['bytes']:,} bytes  {row['directory']}"
        )
    if kept:
        say(f"{len(kept)} kept on this machine: `runlore sync` sends them")


def _row(directory: str) -> dict[str, object]:
    description = sync.describe(directory) or {}
    state = batches.read_state(directory)
    running = exits.alive(description.get("pid", 0), description.get("started", 0))
    size = sum(entry.stat().st_size for entry in os.scandir(directory) if entry.name.endswith(records.SUFFIX))
    return {
        "run": description.get("run"), "project": description.get("project"), "name": description.get("name"),
        "state": "running" if running else "sent" if state.get("complete") else "kept", "bytes": size,
        "directory": directory,
    }  # fmt: skip


def env(*, json_answer: bool) -> None:
    """Every setting; a token is shown by its first letters only."""
    found = settings.load()
    values = found._asdict()
    values["token"] = f"{found.token[:6]}…" if found.token else None
    values["directory"] = places.candidates(found.directory)[0]
    stored = settings.read_credentials()
    logged_in = {
        name
        for name, kept in (("url", stored.get("default")), ("token", found.url in stored.get("servers", {})))
        if kept
    }
    if json_answer:
        show({**values, "credentials": settings.credentials_path()})
        return
    for name, value in values.items():
        variable = {"run_id": "RUNLORE_RUN_ID", "directory": "RUNLORE_DIR"}.get(
            name, f"RUNLORE_{name.upper()}"
        )
        shown = "-" if value in (None, []) else value
        origin = "environment" if os.environ.get(variable) else "login" if name in logged_in else "default"
        say(f"{variable:<20} {shown}  ({origin})")
