"""The agent's side of Slack: prompts that fit the person, and a sign of work while an answer takes longer."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from bot.asking import sight_of
from bot.blocks import flat
from bot.errors import SlackBusy, SlackDoubtful, SlackRefused
from bot.people import by_slack_id
from bot.views import run_view
from bot.wiring import Services
from storage.run_list import RunFilter, page_of_runs

log = logging.getLogger(__name__)

PROMPTS = (
    ("What moved since yesterday?", "digest yesterday"),
    ("Who runs what now?", "now"),
    ("Who has tried…?", "who has tried label smoothing?"),
)
SEARCHING = ("Reading the notes…", "Looking at how the runs ended…")


def suggest(session: Session, services: Services, slack_id: str, channel: str) -> None:
    """Prompts in the Messages tab: about one's latest run where there is one."""
    person = by_slack_id(session, slack_id, now=services.now())
    sight = sight_of(session, person, channel, public=False, now=services.now())
    which = RunFilter(project_ids=sorted(sight.project_ids or ()), seen_by=person.id, owner_id=person.id or 0)
    latest, _ = page_of_runs(session, which, limit=1)
    prompts = [*PROMPTS]
    if latest:
        ref = run_view(session, latest[0]).ref
        prompts.insert(0, (flat(f"How did {ref} do?", 75), f"show {ref}"))
    told = [{"title": title, "message": message} for title, message in prompts[:4]]
    _kindly(services, "assistant.threads.setSuggestedPrompts", {"channel_id": channel, "prompts": told})


def working(services: Services, channel: str, thread_ts: str, status: str, steps: Sequence[str] = ()) -> None:
    """Show that an answer is on its way; Slack takes it back with the answer, or after two minutes."""
    body: dict[str, Any] = {"channel_id": channel, "thread_ts": thread_ts, "status": status}
    if steps:
        body["loading_messages"] = list(steps)
    _kindly(services, "assistant.threads.setStatus", body)


def _kindly(services: Services, method: str, body: Mapping[str, Any]) -> None:
    """A courtesy: where Slack cannot do it, the answer comes all the same."""
    try:
        services.messenger.call(method, body)
    except (SlackRefused, SlackBusy, SlackDoubtful) as problem:
        log.info("courtesy_refused", extra={"method": method, "reason": str(problem)})
