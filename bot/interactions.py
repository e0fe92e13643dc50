"""Slash commands, buttons, forms, shortcuts and App Home, once they were acknowledged."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from bot import ask_people, commands, corrections, likes, notes, outbox, people, runs, settings_changes
from bot.asking import sees_run, sight_of
from bot.blocks import own_words, quote, section, split_text
from bot.buttons import ACTIONS
from bot.digest_status import add_status, read_status
from bot.errors import NotFound, RunloreError, SlackBusy, SlackDoubtful, SlackRefused
from bot.forms import read_compare, read_parent
from bot.note_forms import read_edit, read_note
from bot.note_messages import note_card, read_move
from bot.settings_form import read_settings
from bot.sight import person_sight
from bot.taps import Tap
from bot.threads import place_of, thread_at
from bot.values import Message
from bot.views import note_view, run_view
from bot.wiring import Services
from storage.memory import Note, NoteRun
from storage.tables import Person, Project, Run

log = logging.getLogger(__name__)


def command(session: Session, services: Services, body: Mapping[str, Any]) -> None:
    """`/runs …`: the answer is seen by its asker only."""
    message = commands.answer(
        session,
        services,
        str(body.get("text") or ""),
        person=str(body["user_id"]),
        channel=str(body["channel_id"]),
        public=False,
        with_models=bool(body.get("_with_models")),
    )
    answer = {"response_type": "ephemeral", "text": message.text, "blocks": message.blocks}
    try:
        services.messenger.respond(str(body["response_url"]), answer)
    except SlackRefused as refusal:
        log.warning("answer_refused", extra={"reason": refusal.error, "details": refusal.details})
        if refusal.error.endswith(("invalid_blocks", " 400")):  # the words at least
            services.messenger.respond(
                str(body["response_url"]), {name: it for name, it in answer.items() if name != "blocks"}
            )
        # Else asked too long ago; what the command did stays done.


def action(session: Session, services: Services, body: Mapping[str, Any]) -> None:
    """A button was pressed."""
    pressed = (body.get("actions") or [{}])[0]
    handler = ACTIONS.get(str(pressed.get("action_id")))
    if handler is None:
        return  # a field of a form, or a link
    person = people.by_slack_id(session, str(body["user"]["id"]), now=services.now())
    chosen = pressed.get("selected_option") or {}
    tap = Tap(
        session=session,
        services=services,
        person=person,
        value=str(pressed.get("value") or chosen.get("value") or ""),
        body=body,
        now=services.now(),
    )
    try:
        handler(tap)
    except (SlackBusy, SlackDoubtful):
        raise  # tried again
    except RunloreError as problem:
        refused = problem.error if isinstance(problem, SlackRefused) else ""
        if refused == "exchanged_trigger_id":
            return  # its form was opened by an attempt whose answer was lost
        if refused in ("expired_trigger_id", "trigger_expired"):
            problem = RunloreError("That took me too long; please press it once more.")
        elif refused == "missing_scope":
            problem = RunloreError(
                "Slack does not let me do that: a permission is missing. `runlore-bot doctor --slack` says which."
            )
        try:
            tap.answer(Message(text=own_words(str(problem))))
        except SlackRefused as refusal:
            log.warning("answer_refused", extra={"reason": refusal.error})


def submission(session: Session, services: Services, body: Mapping[str, Any]) -> None:
    """A form was filled in; where it comes too late, what was written goes back to its writer."""
    view, now = body["view"], services.now()
    person = people.by_slack_id(session, str(body["user"]["id"]), now=now)
    if view.get("callback_id") == "project_settings":
        _change_settings(session, person, view, now=now)
        return
    written = ""
    try:
        match view.get("callback_id"):
            case "note_edit":
                edit = read_edit(view)
                written = edit.text
                note = session.get(Note, edit.note_id)
                if note is None or not corrections.may_edit(session, note, person):
                    raise NotFound(_NOTE_GONE)
                if corrections.apply(session, edit, person, now=now) is None:
                    raise NotFound(_NOTE_GONE)
            case "note_move":
                note_id, run_id = read_move(view)
                note, run = session.get(Note, note_id), _seen(session, person, run_id, now=now)
                if note is None or note.deleted_at or not corrections.may_edit(session, note, person):
                    raise NotFound(_NOTE_GONE)
                notes.move(session, note, run, now=now)
            case "note_new":
                run_id, written = read_note(view)
                _say_for(session, services, person, _seen(session, person, run_id, now=now), written)
            case "digest_status":
                project_id, written = read_status(view)
                if not person_sight(session, person, now=now).sees(project_id):
                    raise NotFound(settings_changes.GONE)
                add_status(session, project_id, written, person, now=now)
            case "answer_ask":
                note_ids, written = ask_people.read(view)
                sight = person_sight(session, person, now=now)
                if not ask_people.send(
                    session, f"ask:{view['id']}", person, note_ids, written, sight=sight, now=now
                ):
                    raise NotFound("Nobody of them can be asked any more.")
            case "run_parent":
                run_id, parent_id = read_parent(view)
                run = _seen(session, person, run_id, now=now)
                run.parent_id = _seen(session, person, parent_id, now=now).id if parent_id else None
                run.parent_source = "person"
                runs.refresh(session, run, now=now, urgent=True)
            case "run_compare":
                _compare(session, person, view, now=now)
    except NotFound as problem:
        told = f"{own_words(str(problem))} Your form changed nothing."
        parts = split_text(written, 2_000)
        head = section(f"{told} You wrote:" if parts else told)
        blocks = [head, *(section(quote(part, 2_900)) for part in parts)]
        key = f"form:{view['id']}:{view.get('hash')}"
        outbox.post(session, key, person.slack_id or "", Message(text=told, blocks=blocks), now=now)


_NOTE_GONE = "That note is gone, or not yours to change."


def _compare(session: Session, person: Person, view: Mapping[str, Any], *, now: datetime) -> None:
    one, other, place = read_compare(view)
    channel, _, ts = place.partition(":")
    compared = [_seen(session, person, run_id, now=now) for run_id in (one, other)]
    message = commands.compare_runs(session, [other, one])
    audience = sight_of(session, person, channel, public=True, now=now)
    if not all(sees_run(audience, run) for run in compared):
        # Asked for where not everybody may see these runs: it goes to who asked.
        channel, ts = person.slack_id or channel, ""
    key = f"compare:{view['id']}"
    outbox.post(session, key, channel, message, now=now, thread_ts=ts or None)


def _seen(session: Session, person: Person, run_id: int, *, now: datetime) -> Run:
    """The run a form names, if who fills it in may still see it: a form can stay open for long. Raises NotFound."""
    sight = person_sight(session, person, now=now)
    run = session.get(Run, run_id)
    if run is None or not sees_run(sight, run):
        raise NotFound("That run is gone, or not yours to see.")
    return run


def shortcut(session: Session, services: Services, body: Mapping[str, Any]) -> None:
    """“Save as run note” and “Show run note” in a message's menu."""
    if body.get("callback_id") == "show_note":
        _show_note(session, services, body)
    if body.get("callback_id") == "save_note":
        save_message(
            session,
            services,
            channel=str(body["channel"]["id"]),
            ts=str(body["message"]["ts"]),
            message=body["message"],
        )


def _show_note(session: Session, services: Services, body: Mapping[str, Any]) -> None:
    """The card of a message that is a note, to whoever asks for it."""
    channel, ts = str(body["channel"]["id"]), str(body["message"]["ts"])
    person = people.by_slack_id(session, str(body["user"]["id"]), now=services.now())
    note = notes.at(session, channel, ts)
    told = Message(text="This is no note yet. 📝 on it, or “Save as run note”, makes it one.")
    if note is not None and person_sight(session, person, now=services.now()).sees(note.project_id):
        about = notes.runs_of(session, note.id or 0)
        told = note_card(
            note_view(notes.bundle_of(session, note)), run_view(session, about[0].id or 0) if about else None
        )
    answer = {"response_type": "ephemeral", "replace_original": False, "text": told.text}
    services.messenger.respond(str(body["response_url"]), answer | {"blocks": told.blocks})


def save_message(
    session: Session,
    services: Services,
    *,
    channel: str,
    ts: str,
    note: Note | None = None,
    message: Mapping[str, Any] | None = None,
) -> None:
    """📝 on any message makes it a note of its author, about the run whose thread it is in or that it names."""
    found = message or _fetch(services, channel, ts)
    author = found.get("user")
    if not author or found.get("bot_id"):
        return  # a bot's words are nobody's note
    if note is not None:
        session.delete(note)  # taken back before: made anew
        session.flush()
    thread_ts = str(found.get("thread_ts") or ts)
    thread = thread_at(session, channel, thread_ts)
    project = None if thread else _project_of(session, channel)
    kept = notes.keep(
        session,
        dict(found),
        thread=thread,
        channel=channel,
        ts=ts,
        author_id=str(author),
        now=services.now(),
        project=project,
    )
    if kept is not None:
        kept.permalink = kept.permalink or services.messenger.permalink(channel, ts)
        outbox.react(session, channel, ts, "memo", now=services.now())


def like_message(
    session: Session, services: Services, *, channel: str, ts: str, person: str, note: Note | None
) -> None:
    """⭐ on a run's message likes the run, on a note the note."""
    del note
    found = liked(session, channel=channel, ts=ts, person=person, now=services.now())
    if found is not None:
        likes.add(session, found, now=services.now())


def liked(session: Session, *, channel: str, ts: str, person: str, now: datetime) -> likes.Liked | None:
    """What a ⭐ on this message means."""
    who = people.by_slack_id(session, person, now=now)
    return likes.at_message(session, channel=channel, ts=ts, person_id=who.id or 0)


def _change_settings(session: Session, person: Person, view: Mapping[str, Any], *, now: datetime) -> None:
    """Put a project's settings into effect, and say so to who changed them."""
    project_id, asked_in, chosen = read_settings(view)
    project, sight = session.get(Project, project_id), person_sight(session, person, now=now)
    try:
        if project is None:  # said in the words that one out of sight gets
            raise NotFound(settings_changes.GONE)
        told = settings_changes.saved(
            project, settings_changes.apply(session, project, chosen, person, sight, now=now)
        )
    except RunloreError as problem:
        told = Message(text=own_words(str(problem)))
    place = settings_changes.place_for(asked_in, person)
    key = f"settings:{view['id']}:{view.get('hash')}"
    if place == person.slack_id:
        outbox.post(session, key, place, told, now=now)
    else:
        outbox.whisper(session, key, place, person.slack_id or "", told, now=now)


def _say_for(session: Session, services: Services, person: Person, run: Run, text: str) -> None:
    """A note written in a form: kept, and shown in the run's thread with its reading."""
    now = services.now()
    note = Note(project_id=run.project_id, author_id=person.id, kind="text", text=text, said_at=now)
    session.add(note)
    session.flush()
    session.add(NoteRun(note_id=note.id or 0, run_id=run.id or 0))
    session.flush()
    notes.read_again(session, note)
    place = place_of(session, run)
    if place is not None:
        message = note_card(note_view(notes.bundle_of(session, note)), run_view(session, run.id or 0))
        key = notes.CARD.format(note.id)
        outbox.post(session, key, place.channel, message, now=now, parent_key=place.parent_key)
    runs.refresh(session, run, now=now)


def _fetch(services: Services, channel: str, ts: str) -> Mapping[str, Any]:
    """One message, wherever it is."""
    query = {"channel": channel, "ts": ts, "latest": ts, "oldest": ts, "inclusive": True, "limit": 10}
    answer = services.messenger.call("conversations.replies", query)
    return next((one for one in answer.get("messages", []) if one.get("ts") == ts), {})


def _project_of(session: Session, channel: str) -> Project | None:
    projects = session.exec(select(Project).where(Project.channel_id == channel).limit(2)).all()
    return projects[0] if len(projects) == 1 else None
