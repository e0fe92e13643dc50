"""⭐ by button: on a run, on a metric, param or file of it, on a note, on a comparison; once more takes it back."""

from collections.abc import Callable, Mapping

from bot import likes, runs
from bot.blocks import line
from bot.errors import NotFound
from bot.taps import Tap
from bot.values import Message


def _run(tap: Tap) -> None:
    run = tap.run()
    likes.toggle(tap.session, _liked(tap, run.id or 0, "run"), now=tap.now)
    runs.refresh(tap.session, run, now=tap.now)


def _part(tap: Tap) -> None:
    """Chosen from the menu under everything about a run."""
    run_id, _, name = tap.value.partition(":")
    run = tap.run(int(run_id))
    kind, target, what = likes.part_of(tap.session, run, name)
    told = likes.toggle(tap.session, _liked(tap, run.id or 0, kind, target), now=tap.now)
    runs.refresh(tap.session, run, now=tap.now)
    said = "will be in the report." if told else "is no longer liked."
    tap.answer(Message(text=f"⭐ {line(what, 80)} {said}"))


def _note(tap: Tap) -> None:
    given = likes.of_note(tap.session, tap.note().id or 0, person_id=tap.person.id or 0)
    if given is None:
        raise NotFound("A note of the whole project is in its report anyway.")
    told = likes.toggle(tap.session, given, now=tap.now)
    tap.answer(Message(text="⭐ It will be in the report." if told else "It is no longer liked."))


def _comparison(tap: Tap) -> None:
    ids = [tap.run(int(one)).id or 0 for one in tap.value.split(",") if one.isdigit()]
    given = _liked(tap, ids[0], "chart", ",".join(map(str, ids)))
    told = likes.toggle(tap.session, given, now=tap.now)
    tap.answer(Message(text="⭐ These runs will be in the report." if told else "No longer liked."))


def _liked(tap: Tap, run_id: int, kind: str, target: str = "") -> likes.Liked:
    return likes.Liked(person_id=tap.person.id or 0, run_id=run_id, kind=kind, target=target)


LIKE_ACTIONS: Mapping[str, Callable[[Tap], None]] = {
    "run_like": _run,
    "part_like": _part,
    "note_like": _note,
    "compare_like": _comparison,
}
