"""`report vision`: the story drafted, shared, taken away as Markdown with its curves, or as a canvas where the plan has them."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from sqlmodel import Session

from bot import charts, outbox, settings_changes
from bot.asking import DIRECT, Asking, sight_of
from bot.blocks import escape
from bot.errors import Forbidden, NotFound, SlackRefused
from bot.grammar import Command, GrammarError
from bot.story import Story, tell
from bot.story_messages import curve_name, read_key, story_markdown, story_message
from bot.taps import Tap
from bot.values import Message
from bot.wiring import Services
from storage.tables import Project

log = logging.getLogger(__name__)

MOST_CURVES = 6


def command(asking: Asking, asked: Command) -> Message:
    """The report on the project named, else on the channel's or thread's."""
    told = asked.filter("project")
    name = asked.text or (str(told.value) if told else "")
    project = settings_changes.named(asking.session, asking.sight, name) if name else asking.home
    if project is None or not asking.sight.sees(project.id or 0):
        raise GrammarError("The report on which project?", suggestion="report vision")
    which = asking.filter(asked, only_home=False)
    return story_message(tell(asking.session, project, since=which.since, now=asking.now))


def _story(tap: Tap, *, public: bool) -> Story:
    """The story of a button, if its presser, or with `public` everybody there, may see it."""
    project_id, since = read_key(tap.value)
    project = tap.session.get(Project, project_id)
    sight = sight_of(tap.session, tap.person, tap.channel, public=public, now=tap.now)
    if project is None or not tap.sight().sees(project_id):
        raise NotFound("That project is gone, or not yours to see.")
    if not sight.sees(project_id):
        raise Forbidden("Not everybody here may see that project. Ask me in a direct message.")
    at = datetime.fromtimestamp(since, UTC) if since else None
    return tell(tap.session, project, since=at, now=tap.now)


def _file(tap: Tap) -> None:
    """The Markdown file and its curves: where the report stands, or to its reader alone where only they see it."""
    channel, thread_ts = tap.file_place()
    story = _story(tap, public=not channel.startswith(DIRECT))
    share_story(tap.services, story, channel=channel, thread_ts=thread_ts)
    if channel != tap.channel:
        tap.answer(Message(text="The report is in your messages with me."))


def share_story(services: Services, story: Story, *, channel: str, thread_ts: str | None) -> None:
    """Upload the story as Markdown, with the curves that it names."""
    name = escape(story.project).replace("/", "-")[:60]
    services.messenger.upload(
        f"{name}-report.md",
        story_markdown(story).encode(),
        channel=channel,
        thread_ts=thread_ts,
        comment=None,
    )
    drawn: set[str] = set()
    for result in story.results:
        file = curve_name(story, result)
        png = charts.curves(result.curves, result.metric) if result.curves and result.metric else None
        if png is not None and file not in drawn and len(drawn) < MOST_CURVES:
            drawn.add(file)
            services.messenger.upload(file, png, channel=channel, thread_ts=thread_ts, comment=None)


def _canvas(tap: Tap) -> None:
    """A canvas of one's own; where the plan or the permission lacks, the file instead."""
    story = _story(tap, public=False)
    content = {"type": "markdown", "markdown": story_markdown(story, files=False)}
    try:
        made = tap.services.messenger.call(
            "canvases.create", {"title": f"Report on {story.project}"[:150], "document_content": content}
        )
        access = {"canvas_id": made["canvas_id"], "access_level": "write", "user_ids": [tap.person.slack_id]}
        tap.services.messenger.call("canvases.access.set", access)
        info = tap.services.messenger.call("files.info", {"file": made["canvas_id"]}).get("file") or {}
    except SlackRefused as refusal:
        log.info("canvas_refused", extra={"reason": refusal.error})
        _file(tap)
        tap.answer(Message(text="Slack makes no canvas here, so the Markdown file has come instead."))
        return
    where = str(info.get("permalink") or "")
    tap.answer(Message(text=f"The canvas is made: {where}" if where else "The canvas is made."))


def _share(tap: Tap) -> None:
    message = story_message(_story(tap, public=True))
    outbox.post(tap.session, f"share:{tap.body['trigger_id']}", tap.channel, message, now=tap.now)


def post_to_reader(session: Session, tap: Tap, project_id: int) -> None:
    """Asked for on Home: the report comes into the person's messages."""
    project = session.get(Project, project_id)
    if project is None or not tap.sight().sees(project_id):
        raise NotFound("That project is gone, or not yours to see.")
    message = story_message(tell(session, project, since=None, now=tap.now))
    outbox.post(session, f"report:{tap.body['trigger_id']}", tap.person.slack_id or "", message, now=tap.now)


REPORT_ACTIONS: Mapping[str, Callable[[Tap], None]] = {
    "report_file": _file,
    "report_canvas": _canvas,
    "report_share": _share,
}
