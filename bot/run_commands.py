"""The commands under *more* that are about one run or one project: like, tree, fork, value, archive, export."""

from datetime import UTC

from sqlmodel import col, func, select

from bot import app_home, files, likes, people, runs, settings_changes
from bot.asking import Asking
from bot.blocks import bold, code_block, context, escape, fit, line, section
from bot.errors import NotFound, RunloreError
from bot.grammar import Command, GrammarError
from bot.numbers import count
from bot.pictures import picture
from bot.tree import drawn, grown, tree_message
from bot.values import Message
from bot.views import run_view, run_views
from storage.run_list import page_of_runs
from storage.tables import Person, Project, Run

TREE_RUNS = 60


def like(asking: Asking, command: Command) -> Message:
    """⭐ a run or a part of it, or take the ⭐ back."""
    run = asking.run(command.runs[0])
    if asking.person is None:
        raise RunloreError("Likes are given by people, in Slack.")
    name = command.text.strip()
    try:
        kind, target, what = likes.part_of(asking.session, run, name) if name else ("run", "", "")
    except NotFound as missing:
        view = run_view(asking.session, run.id or 0)
        some = next(iter(view.metrics), "val_acc")
        raise GrammarError(str(missing), suggestion=f"like {view.ref} {some}") from None
    given = likes.Liked(person_id=asking.person.id or 0, run_id=run.id or 0, kind=kind, target=target)
    liked = likes.toggle(asking.session, given, now=asking.now)
    runs.refresh(asking.session, run, now=asking.now)
    ref = escape(run_view(asking.session, run.id or 0).ref) + (f", {line(what, 80)}," if what else "")
    return Message(
        text=f"⭐ {ref} is liked: it will be in the report." if liked else f"{ref} is no longer liked."
    )


def tree(asking: Asking, command: Command) -> Message:
    """Which run was made from which, and why."""
    if command.runs:
        project = asking.session.get(Project, asking.run(command.runs[0]).project_id)
    elif command.text:
        project = settings_changes.named(asking.session, asking.sight, command.text)
    else:
        project = asking.home
    if project is None or not asking.sight.sees(project.id or 0):
        raise GrammarError("The tree of which project?", suggestion="tree vision")
    runs_of = (Run.project_id == project.id, Run.visibility == "project")
    total = asking.session.exec(select(func.count()).select_from(Run).where(*runs_of)).one()
    newest = select(Run.id).where(*runs_of).order_by(col(Run.started_at).desc()).limit(TREE_RUNS)
    views = run_views(asking.session, [one for one in asking.session.exec(newest) if one], parents=True)
    leaves = grown(views)
    shown = picture(
        asking.services.messenger, f"{project.name}-tree.png", drawn(leaves), title=f"Runs of {project.name}"
    )
    return tree_message(project.name, leaves, shown, older=total - len(views))


def fork(asking: Asking, command: Command) -> Message:
    """How to start a new run from this one."""
    view = run_view(asking.session, asking.run(command.runs[0]).id or 0)
    lines = [f'run = runlore.init(project="{view.project}", fork_of="{view.ref}", config=config)']
    if view.code and view.code.commit:
        lines += ["", f"# its code, in a worktree of its own: runlore checkout {view.ref}"]
    text = f"Fork {escape(view.ref)}"
    return fit(Message(text=text, blocks=[section(f"{bold(text)}\n{code_block(lines)}")]))


def value(asking: Asking, command: Command) -> Message:
    """What a model is worth, kept beside what it cost."""
    run = asking.run(command.runs[0])
    if not command.text:
        raise GrammarError("Worth what?", suggestion="value 42 30 k€ a year")
    run.summary = run.summary | {"value": command.text[:200]}
    run.announced = run.announced | {"valued": asking.now.astimezone(UTC).isoformat()}
    ref = escape(run_view(asking.session, run.id or 0).ref)
    return Message(text=f"{ref} is worth {line(command.text, 200)}.")


def archive(asking: Asking, command: Command) -> Message:
    """Put a project away; a new run brings it back."""
    project = _meant(asking, command, "archive")
    away = app_home.archive(project, now=asking.now)
    said = "is archived: its runs stay and can be asked for" if away else "is back"
    return Message(text=f"{escape(project.name)} {said}.")


def prioritise(asking: Asking, command: Command) -> Message:
    """Put a project first on one's Home, or back among the others."""
    project, person = _meant(asking, command, "prioritise"), _somebody(asking)
    said = "stands first on your Home" if people.put_first(person, project) else "is back among the others"
    return Message(text=f"{escape(project.name)} {said}.")


def mute(asking: Asking, command: Command) -> Message:
    """Hear nothing of a project, or hear of it again."""
    project, person = _meant(asking, command, "mute"), _somebody(asking)
    if people.mute(person, project):
        text = "is muted: it calls you no more and is in no digest of yours. The same again brings it back."
    else:
        text = "is heard again."
    return Message(text=f"{escape(project.name)} {text}")


def export(asking: Asking, command: Command) -> Message:
    """Runs as a CSV file: with the answer, so for a private one in the asker's messages."""
    place, thread_ts = asking.file_place()
    ids, total = page_of_runs(asking.session, asking.filter(command), limit=files.MOST_RUNS)
    files.share_csv(asking.session, asking.services, ids, channel=place, thread_ts=thread_ts)
    text = f"{count(total, 'run')} as CSV" + (
        "." if place == asking.channel else ", in your messages with me."
    )
    return Message(
        text=text, blocks=[section(text), context("Narrow it with filters: `export since:2w by:@ana`.")]
    )


def _meant(asking: Asking, command: Command, what: str) -> Project:
    """The project named, else the channel's or thread's."""
    name = command.text.strip()
    project = settings_changes.named(asking.session, asking.sight, name) if name else asking.home
    if project is None or not asking.sight.sees(project.id or 0):
        raise GrammarError(f"{what.capitalize()} which project?", suggestion=f"{what} vision")
    return project


def _somebody(asking: Asking) -> Person:
    if asking.person is None:
        raise RunloreError("That is for people, in Slack.")
    return asking.person
