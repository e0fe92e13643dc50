"""The buttons of App Home and of a project's settings."""

from collections.abc import Callable, Mapping

from bot import app_home, digest_status, reports, settings_changes
from bot.errors import NotFound
from bot.settings_form import settings_modal
from bot.taps import Tap
from bot.values import Message
from storage.tables import Project


def _project(tap: Tap) -> None:
    """What was chosen in a project card's menu, or *Unmute* beside a muted one."""
    if tap.value.startswith("settings:"):
        open_settings(tap, int(tap.value.partition(":")[2]))
        return
    if tap.value.startswith("report:"):
        reports.post_to_reader(tap.session, tap, int(tap.value.partition(":")[2]))
        tap.answer(Message(text="The report is in your messages with me."))
        return
    app_home.change(tap.session, tap.person, tap.sight(), tap.value, now=tap.now)
    app_home.publish(tap.session, tap.services, tap.person.slack_id or "")


def _done(tap: Tap) -> None:
    digest_status.close_step(tap.session, int(tap.value), tap.sight(), now=tap.now)
    tap.session.flush()
    app_home.publish(tap.session, tap.services, tap.person.slack_id or "")


def _settings(tap: Tap) -> None:
    open_settings(tap, int(tap.value))


def open_settings(tap: Tap, project_id: int) -> None:
    """The form, for who sees the project."""
    project = tap.session.get(Project, project_id)
    if project is None or not tap.sight().sees(project_id):
        raise NotFound("That project is gone, or not yours to see.")
    chosen, choices = settings_changes.form_of(tap.session, project)
    tap.open(settings_modal(chosen, choices, place=tap.channel))


HOME_ACTIONS: Mapping[str, Callable[[Tap], None]] = {
    "home_project": _project,
    "home_mute": _project,
    "home_done": _done,
    "settings_open": _settings,
}
