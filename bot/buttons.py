"""What each button does, once its press was acknowledged."""

import json
from collections.abc import Callable, Mapping

from sqlalchemy import delete
from sqlmodel import col

from bot import (
    ask_people,
    commands,
    compare_more,
    corrections,
    digest_status,
    files,
    log_files,
    logins,
    notes,
    outbox,
    questions,
    run_changes,
    runs,
)
from bot.answer_messages import answer_message
from bot.ask import ask
from bot.asking import sees_run, sight_of
from bot.blocks import escape
from bot.errors import NeedsModels, NotFound
from bot.forms import compare_modal, parent_modal
from bot.help_messages import help_message
from bot.home_buttons import HOME_ACTIONS
from bot.like_buttons import LIKE_ACTIONS
from bot.log_messages import log_lines
from bot.note_forms import edit_modal, note_modal
from bot.note_messages import move_modal, read_pick
from bot.numbers import count
from bot.reports import REPORT_ACTIONS
from bot.taps import Tap
from bot.threads import thread_at
from bot.values import Message
from bot.views import note_view, run_view, run_views
from storage.jobs import defer
from storage.logs import tail_log
from storage.memory import AnswerRating, Note
from storage.run_list import RunFilter, page_of_runs
from storage.tables import Run, Verdict

CHOICES = 100
TAIL_LINES = 30


def _compare(tap: Tap) -> None:
    run = tap.run()
    ids, _ = page_of_runs(
        tap.session, RunFilter(project_ids=[run.project_id], seen_by=tap.person.id), limit=CHOICES
    )
    others = [view for view in run_views(tap.session, ids) if view.id != run.id]
    place = f"{tap.channel}:{tap.thread_ts or ''}"
    tap.open(compare_modal(run_view(tap.session, run.id or 0), others, thread=place))


def _add_note(tap: Tap) -> None:
    tap.open(note_modal(run_view(tap.session, tap.run().id or 0)))


def _logs(tap: Tap) -> None:
    run = tap.run()
    log_files.check(tap.session, tap.sight(), run)
    lines = [line.text for line in tail_log(tap.session, run.id or 0, TAIL_LINES)]
    tap.answer(log_lines(run_view(tap.session, run.id or 0), lines))


def _log_file(tap: Tap) -> None:
    run = tap.run()
    log_files.check(tap.session, tap.sight(), run)
    channel, thread_ts = tap.file_place()
    log_files.share(tap.session, tap.services, run, channel=channel, thread_ts=thread_ts)
    if channel != tap.channel:
        tap.answer(Message(text="The output is in your messages with me."))


def _decide(choice: str) -> Callable[[Tap], None]:
    def decide(tap: Tap) -> None:
        """A tap is the only thing that ever counts as kept or dropped."""
        run = tap.run()
        known = tap.session.get(Verdict, (run.id, tap.person.id))
        if known is None:
            tap.session.add(
                Verdict(run_id=run.id or 0, person_id=tap.person.id or 0, choice=choice, at=tap.now)
            )
        else:
            known.choice, known.at = choice, tap.now
        tap.session.flush()
        runs.refresh(tap.session, run, now=tap.now, urgent=True)
        said = {"keep": "kept", "drop": "dropped", "unsure": "not decided"}[choice]
        tap.answer(
            Message(text=f"{run_view(tap.session, run.id or 0).ref}: {said}. Why? Reply in the thread.")
        )

    return decide


def _edit(tap: Tap) -> None:
    note = tap.note()
    _check_editor(tap, note)
    tap.open(edit_modal(note_view(notes.bundle_of(tap.session, note))))


def _move(tap: Tap) -> None:
    note = tap.note()
    _check_editor(tap, note)
    ids, _ = page_of_runs(
        tap.session, RunFilter(project_ids=[note.project_id], seen_by=tap.person.id), limit=CHOICES
    )
    tap.open(move_modal(note_view(notes.bundle_of(tap.session, note)), run_views(tap.session, ids)))


def _remove(tap: Tap) -> None:
    note = tap.note()
    _check_editor(tap, note)
    notes.forget(tap.session, note, home=tap.services.settings.home, now=tap.now)


def _confirm(tap: Tap) -> None:
    note = tap.note()
    _check_editor(tap, note)
    corrections.confirm_facts(tap.session, note, tap.person, now=tap.now)


def _pick(tap: Tap) -> None:
    note_id, run_id = read_pick(tap.value)
    note = tap.session.get(Note, note_id)
    run = tap.run(run_id) if run_id is not None else None
    if note is not None and note.author_id != tap.person.id:
        note = None  # nobody else's concern
    if note is not None and note.deleted_at is not None:
        raise NotFound("That note is gone.")
    if note is not None and run is not None:
        notes.move(tap.session, note, run, now=tap.now)
        tap.answer(Message(text=f"Noted on {run_view(tap.session, run.id or 0).ref}."), replace=True)
    else:
        tap.answer(Message(text="Kept as a note of the project."), replace=True)


def _transcribe(tap: Tap) -> None:
    note = tap.note()
    if note.author_id != tap.person.id:
        raise NotFound("Only its poster can ask for that.")
    if note.kind == "memo":
        return  # pressed twice
    note.kind = "memo"
    defer(tap.session, "hear_memo", queue="speech", lock=f"note:{note.id}", note_id=note.id)
    if note.channel_id and note.ts:
        outbox.react(tap.session, note.channel_id, note.ts, "ear", now=tap.now)
    tap.answer(Message(text="Listening…"), replace=True)


def _ignore(tap: Tap) -> None:
    tap.answer(Message(text="All right, left as it is."), replace=True)


def _help_more(tap: Tap) -> None:
    tap.answer(help_message("more"))


def _turn(tap: Tap) -> None:
    page, _, query = tap.value.partition(":")
    # What takes the place of a message that all can read may hold only what all may see.
    tap.answer(_again(tap, f"{query} page:{page}", public=not tap.is_ephemeral), replace=True)


def _share_list(tap: Tap) -> None:
    page, _, query = tap.value.partition(":")
    message = _again(tap, f"{query} page:{page}", public=True)
    outbox.post(tap.session, f"share:{tap.body['trigger_id']}", tap.channel, message, now=tap.now)


def _compare_ticked(tap: Tap) -> None:
    values = (tap.body.get("state") or {}).get("values") or {}
    ticked = [
        int(chosen["value"])
        for fields in values.values()
        for field in fields.values()
        for chosen in field.get("selected_options") or []
    ]
    seen = [tap.run(run_id).id or 0 for run_id in ticked]
    tap.answer(commands.compare_runs(tap.session, seen))


def _share_compare(tap: Tap) -> None:
    ids = [int(one) for one in tap.value.split(",") if one.isdigit()]
    sight = sight_of(tap.session, tap.person, tap.channel, public=True, now=tap.now)
    shown = [one for one in ids if (run := tap.session.get(Run, one)) and sees_run(sight, run)]
    left_out = len(ids) - len(shown)
    if len(shown) < 2:
        raise NotFound("Not everybody here may see these runs, so there is nothing to share.")
    message = commands.compare_runs(tap.session, shown)
    outbox.post(tap.session, f"share:{tap.body['trigger_id']}", tap.channel, message, now=tap.now)
    if left_out:
        tap.answer(Message(text=f"Shared without {count(left_out, 'run')} that not everybody here may see."))


def _diff(tap: Tap) -> None:
    ids = [tap.run(int(one)).id or 0 for one in tap.value.split(",") if one.isdigit()]
    channel, thread_ts = tap.file_place()
    files.share_diff(tap.session, tap.services, ids, channel=channel, thread_ts=thread_ts)
    if channel != tap.channel:
        tap.answer(Message(text="The difference is in your messages with me."))


def _delete(tap: Tap) -> None:
    run = tap.run()
    run_changes.check_owner(run, tap.sight())
    ref = run_changes.remove(tap.session, run, now=tap.now)
    tap.answer(Message(text=f"{escape(ref)} is deleted."), replace=True)


def _more_of_comparison(tap: Tap) -> None:
    ids = [tap.run(int(one)).id or 0 for one in tap.value.split(",") if one.isdigit()]
    tap.answer(compare_more.more(tap.session, tap.services.messenger, ids))


def _csv(tap: Tap) -> None:
    _, _, query = tap.value.partition(":")
    tap.answer(_again(tap, f"export {query.partition(' ')[2]}"))


def _other_parent(tap: Tap) -> None:
    run = tap.run()
    ids, _ = page_of_runs(
        tap.session, RunFilter(project_ids=[run.project_id], seen_by=tap.person.id), limit=CHOICES
    )
    earlier = [view for view in run_views(tap.session, ids) if view.started_at < run.started_at]
    tap.open(parent_modal(run_view(tap.session, run.id or 0), earlier))


def _more_answers(tap: Tap) -> None:
    """The next findings of an answer, to whoever asks for them; it takes models, so another process may do it."""
    if not tap.body.get("_with_models"):
        raise NeedsModels
    asked = json.loads(tap.value)
    sight = sight_of(tap.session, tap.person, tap.channel, public=False, now=tap.now)
    found = ask(tap.session, tap.services.models.embedder, str(asked["q"]), asker=sight, now=tap.now)
    tap.answer(answer_message(found, first=int(asked["first"])))


def _compare_answers(tap: Tap) -> None:
    seen = [tap.run(int(one)).id or 0 for one in json.loads(tap.value)]
    tap.answer(commands.compare_runs(tap.session, seen))


def _ask_people(tap: Tap) -> None:
    tap.open(ask_people.form(tap.session, tap.value, tap.sight()))


def _rate(*, good: bool) -> Callable[[Tap], None]:
    def rate(tap: Tap) -> None:
        question = str(json.loads(tap.value)["q"])
        mine = (col(AnswerRating.person_id) == tap.person.id, col(AnswerRating.question) == question)
        tap.session.execute(delete(AnswerRating).where(*mine))  # the last press counts
        tap.session.add(AnswerRating(person_id=tap.person.id or 0, question=question, good=good, at=tap.now))
        tap.answer(Message(text="Thank you, noted." if good else "Noted, thank you. Ask it in other words?"))

    return rate


def _add_status(tap: Tap) -> None:
    tap.open(digest_status.status_form(tap.session, tap.value, tap.sight()))


def _step_done(tap: Tap) -> None:
    words = digest_status.close_step(tap.session, int(tap.value), tap.sight(), now=tap.now)
    tap.answer(Message(text=f"Done: {escape(words[:200])}"))


def _goal(goal: str) -> Callable[[Tap], None]:
    def choose(tap: Tap) -> None:
        tap.answer(questions.set_goal(tap.session, tap.value, goal, tap.person, tap.sight()), replace=True)

    return choose


def _move_project(tap: Tap) -> None:
    run, project = questions.move(tap.session, tap.value, tap.person, tap.sight(), now=tap.now)
    runs.announce(tap.session, run, default_channel=tap.services.default_channel, now=tap.now)
    tap.answer(Message(text=f"Moved: it is {escape(project.name)}/{run.number} now."), replace=True)


def _new_project(tap: Tap) -> None:
    tap.answer(Message(text="All right, a new project."), replace=True)


def _compare_sweep(tap: Tap) -> None:
    seen = [tap.run(int(one)).id or 0 for one in tap.value.split(",") if one.isdigit()]
    tap.answer(commands.compare_runs(tap.session, seen))


def _confirm_login(tap: Tap) -> None:
    tap.answer(logins.confirm(tap.session, tap.value, tap.person, now=tap.now), replace=True)


def _again(tap: Tap, text: str, *, public: bool = False) -> Message:
    thread = thread_at(tap.session, tap.channel, tap.thread_ts or "")
    return commands.answer(
        tap.session,
        tap.services,
        text,
        person=tap.person.slack_id,
        channel=tap.channel,
        public=public,
        thread=thread,
    )


def _check_editor(tap: Tap, note: Note) -> None:
    if not corrections.may_edit(tap.session, note, tap.person):
        raise NotFound("Only the note's author and the run's owner can change it.")


ACTIONS: Mapping[str, Callable[[Tap], None]] = {
    "run_compare": _compare,
    "run_note": _add_note,
    "run_logs": _logs,
    "run_log_file": _log_file,
    "verdict_keep": _decide("keep"),
    "verdict_drop": _decide("drop"),
    "verdict_unsure": _decide("unsure"),
    "note_edit": _edit,
    "note_move": _move,
    "note_remove": _remove,
    "note_confirm": _confirm,
    "note_pick_1": _pick,
    "note_pick_2": _pick,
    "note_pick_3": _pick,
    "note_pick_none": _pick,
    "memo_transcribe": _transcribe,
    "memo_ignore": _ignore,
    "help_more": _help_more,
    "list_newer": _turn,
    "list_older": _turn,
    "list_share": _share_list,
    "list_compare": _compare_ticked,
    "compare_share": _share_compare,
    "run_delete": _delete,
    "run_delete_not": _ignore,
    "compare_diff": _diff,
    "compare_more": _more_of_comparison,
    "answer_more": _more_answers,
    "answer_compare": _compare_answers,
    "answer_ask": _ask_people,
    "answer_good": _rate(good=True),
    "answer_bad": _rate(good=False),
    "list_csv": _csv,
    "run_parent": _other_parent,
    "digest_status": _add_status,
    "digest_done": _step_done,
    "login_confirm": _confirm_login,
    "goal_max": _goal("max"),
    "goal_min": _goal("min"),
    "project_move": _move_project,
    "project_new": _new_project,
    "sweep_compare": _compare_sweep,
    **HOME_ACTIONS,
    **LIKE_ACTIONS,
    **REPORT_ACTIONS,
}
