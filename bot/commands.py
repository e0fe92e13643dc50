"""The commands: one grammar for `/runs` in channels, mentions in threads and direct messages; each answers with a message."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil

from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select

from bot import (
    dependencies,
    digest_commands,
    digests,
    log_files,
    logins,
    notes,
    releases,
    reports,
    run_changes,
    run_commands,
    runs,
    search_index,
    settings_changes,
)
from bot.answer_messages import answer_message
from bot.ask import ask
from bot.asking import DIRECT, Asking, RunAmbiguous, RunNotFound, place_of, sight_of
from bot.better import infer_goal
from bot.blocks import code, escape, own_words
from bot.compare import compare
from bot.compare_messages import comparison
from bot.errors import NeedsModels, RunloreError
from bot.grammar import Command, GrammarError, parse
from bot.grammar_names import RunName
from bot.grammar_sentences import ASKS, DOES
from bot.help_messages import ambiguous, help_message, not_found, wrong_command
from bot.list_messages import PAGE, run_list, run_show
from bot.log_messages import log_lines
from bot.note_messages import noted
from bot.people import by_slack_id
from bot.project_settings import settings_of
from bot.setup_messages import connected, how_to_report
from bot.values import Message
from bot.views import run_view, run_views
from bot.wiring import Services
from storage import ingest_queries, run_queries
from storage.logs import grep_log, tail_log
from storage.memory import Channel, Thread
from storage.run_list import page_of_runs
from storage.tables import Link, Person, Project, Run

log = logging.getLogger(__name__)

TAIL_LINES = 30


def answer(
    session: Session,
    services: Services,
    text: str,
    *,
    person: str | None,
    channel: str | None,
    public: bool,
    thread: Thread | None = None,
    message_ts: str | None = None,
    with_models: bool = False,
) -> Message:
    """The answer to what somebody wrote; `channel` None is the operator at the command line.

    Raises NeedsModels when it takes models and this is not their process.
    """
    now = services.now()
    asker: Person | None = by_slack_id(session, person, now=now) if person else None
    here, home = place_of(session, channel, thread)
    sight = sight_of(session, asker, channel, public=public, now=now)
    asking = Asking(
        session=session,
        services=services,
        person=asker,
        channel=channel,
        sight=sight,
        now=now,
        here=here,
        home=home,
        with_models=with_models,
        public=public,
        thread_ts=thread.ts if thread else None,
        message_ts=message_ts,
    )
    try:
        command = parse(text, here=_ref(session, asking) if here else None)
        return _handle(asking, command)
    except GrammarError as error:
        return wrong_command(error)
    except RunNotFound as error:
        return not_found(error.name)
    except RunAmbiguous as error:
        return ambiguous(error.name, run_views(session, error.run_ids))
    except NeedsModels:
        raise
    except RunloreError as error:
        return Message(text=own_words(str(error)))


def _handle(asking: Asking, command: Command) -> Message:
    """What only reads is read from the replica; who may see it was decided on the primary, which also helps out."""
    handler, database = HANDLERS[command.name], asking.services.database
    reads = command.name in READING and "file" not in command.options
    if not (reads and database.has_replica):
        return handler(asking, command)
    try:
        with database.read_session() as reading:
            return handler(replace(asking, session=reading), command)
    except OperationalError:  # it went, or took back what was being read
        log.warning("replica_failed", extra={"command": command.name})
        return handler(asking, command)


def _ref(session: Session, asking: Asking) -> str | None:
    project = session.get(Project, asking.here.project_id) if asking.here else None
    return f"{project.name}/{asking.here.number}" if project and asking.here else None


def _list(asking: Asking, command: Command) -> Message:
    page = int(float(str(told.value))) if (told := command.filter("page")) else 1
    which = asking.filter(command)
    ids, total = page_of_runs(asking.session, which, limit=PAGE, offset=(page - 1) * PAGE)
    if total and not ids:
        last = f"{_written(command)} page:{ceil(total / PAGE)}"
        raise GrammarError(f"There is no page {page}.", suggestion=last)
    views = run_views(asking.session, ids, parents=True, notes=True)
    title = f"{asking.home.name}: runs" if asking.home else "Runs"
    return run_list(views, title=title, page=page, pages=max(1, ceil(total / PAGE)), query=_written(command))


def _written(command: Command) -> str:
    """The command again without its page, for the buttons that turn pages."""
    words = [each.words for each in command.filters if each.key != "page"]
    return " ".join([command.name, *words, command.text]).strip()


def _show(asking: Asking, command: Command) -> Message:
    run = asking.run(command.runs[0])
    return _whole(asking, run)


def _whole(asking: Asking, run: Run) -> Message:
    view = run_view(asking.session, run.id or 0, notes=True, curves=True, parents=True)
    differ = dependencies.difference_words(asking.session, run)
    libraries = [*([differ] if differ else []), *releases.newer_words(asking.session, view)]
    return run_show(view, now=asking.now, libraries=libraries)


def _compare(asking: Asking, command: Command) -> Message:
    ids = [asking.run(name).id or 0 for name in command.runs]
    if not ids:
        ids, _ = page_of_runs(asking.session, asking.filter(command), limit=10)
    return compare_runs(asking.session, ids)


def compare_runs(session: Session, run_ids: list[int]) -> Message:
    """What differs between runs, with their curves."""
    unique = list(dict.fromkeys(run_ids))
    if len(unique) < 2:
        return Message(text="Comparing takes two different runs.")
    return comparison(compare(run_views(session, unique, notes=True, curves=True, parents=True)))


def _who(asking: Asking, command: Command) -> Message:
    if not asking.with_models:
        raise NeedsModels
    question = " ".join([command.text, *(each.words for each in command.filters)])
    if not ASKS.match(question):  # `who label smoothing` asks who tried it, in so many words
        question = f"who {question}" if DOES.match(question) else f"who tried {question}"
    found = ask(asking.session, asking.services.models.embedder, question, asker=asking.sight, now=asking.now)
    return answer_message(found)


def _note(asking: Asking, command: Command) -> Message:
    run = asking.run(command.runs[0])
    message = (asking.channel, asking.message_ts) if asking.channel and asking.message_ts else None
    note = notes.tell(asking.session, run, command.text, asking.person, message=message, now=asking.now)
    if message and note.permalink is None and not message[0].startswith(DIRECT):
        note.permalink = asking.services.messenger.permalink(*message)
    runs.refresh(asking.session, run, now=asking.now)
    return noted(run_view(asking.session, run.id or 0), command.text)


def _digest(asking: Asking, command: Command) -> Message:
    return digest_commands.command(asking, command)


def _now(asking: Asking, command: Command) -> Message:
    running = Command(name="list", filters=command.filters, text=command.text)
    which = replace(asking.filter(running, only_home=False), states=("running",))
    ids, _ = page_of_runs(asking.session, which, limit=PAGE * 2)
    if not ids:
        return Message(text="Nothing that you can see runs at this moment. `list` shows the latest runs.")
    views = run_views(asking.session, ids, parents=True)
    return run_list(views, title="Running now", page=1, pages=1)


def _logs(asking: Asking, command: Command) -> Message:
    run = asking.run(command.runs[0])
    view = run_view(asking.session, run.id or 0)
    log_files.check(asking.session, asking.sight, run)
    mode = command.options[0] if command.options else "tail"
    if mode == "file":
        place, thread_ts = asking.file_place()
        log_files.share(asking.session, asking.services, run, channel=place, thread_ts=thread_ts)
        where = "here" if place == asking.channel else "in your messages with me"
        return Message(text=f"The whole output of {escape(view.ref)} is {where}.")
    lines = (
        grep_log(asking.session, run.id or 0, command.text)
        if mode == "grep"
        else tail_log(asking.session, run.id or 0, TAIL_LINES)
    )
    return log_lines(view, [line.text for line in lines], words=command.text if mode == "grep" else None)


def _tag(asking: Asking, command: Command) -> Message:
    run = asking.run(command.runs[0])
    gone = [word[1:] for word in command.options if word.startswith("-")]
    new = [word for word in command.options if not word.startswith("-")]
    ingest_queries.put_tags(asking.session, run.id or 0, add=new, remove=gone)
    search_index.index_runs(asking.session, [run.id or 0])
    runs.refresh(asking.session, run, now=asking.now)
    view = run_view(asking.session, run.id or 0)
    return Message(text=f"{escape(view.ref)} is tagged {escape(', '.join(view.tags)) or 'nothing now'}.")


def _link(asking: Asking, command: Command) -> Message:
    run = asking.run(command.runs[0])
    url, _, title = command.text.strip("<>").partition(" ")
    url = url.partition("|")[0]
    if not url.startswith(("http://", "https://")):
        raise GrammarError("A link begins with http.", suggestion="link 42 https://example.org/paper")
    asking.session.add(Link(run_id=run.id or 0, url=url, title=title or None, at=asking.now))
    return Message(text=f"Linked to {escape(run_view(asking.session, run.id or 0).ref)}.")


def _baseline(asking: Asking, command: Command) -> Message:
    run = asking.run(command.runs[0])
    project = asking.session.get(Project, run.project_id)
    if project is not None:
        project.baseline_run_id = run.id
    return Message(text=f"{escape(run_view(asking.session, run.id or 0).ref)} is the baseline from now on.")


def _best(asking: Asking, command: Command) -> Message:
    metric = command.text.split(" ")[0]
    if not metric:
        return _show(asking, Command(name="show", runs=(RunName(kind="best", text="best"),)))
    project = asking.home or _only_project(asking, command)
    names = settings_of(project)
    metric = names.name(metric)
    goal = project.goals.get(metric) or infer_goal(metric)
    if goal is None:
        raise GrammarError(
            f"Nobody said whether {metric} should be high or low.", suggestion=f"settings {project.name}"
        )
    run = run_queries.best(asking.session, project.id or 0, names.names(metric), goal)
    if run is None:
        raise RunloreError(f"No run of {project.name} logged {metric}.")
    return _whole(asking, run)


def _only_project(asking: Asking, command: Command) -> Project:
    seen = select(Project).where(col(Project.archived_at).is_(None))
    ids = asking.project_ids(command)
    projects = asking.session.exec(seen if ids is None else seen.where(col(Project.id).in_(ids))).all()
    if len(projects) != 1:
        raise GrammarError("The best of which project?", suggestion="best val_acc project:vision")
    return projects[0]


def _connect(asking: Asking, command: Command) -> Message:
    return connect_project(asking, command.text)


def connect_project(asking: Asking, name: str) -> Message:
    """Bind a project to this channel: one thread per run from now on, and a digest."""
    session, channel = asking.session, asking.channel
    known = session.get(Channel, channel) if channel else None
    if known is None:
        raise RunloreError("Connect from a channel I am in: invite me there first with /invite @Runlore.")
    bare = name.strip().strip("`\"'")
    if not bare:
        project = session.exec(
            select(Project).where(Project.channel_id == channel, Project.threading == "run")
        ).first()
        return how_to_report(project.name if project else "my-project", asking.services.settings.url)
    project, _ = ingest_queries.take_project(session, bare, now=asking.now)
    if project.channel_id and not asking.sight.sees(project.id or 0):
        raise RunloreError(
            "That project belongs to a channel you are not in. Ask someone there to connect it."
        )
    if project.channel_id and project.channel_id != known.id and asking.person is not None:
        settings_changes.check_move(session, project, known.id, asking.person)
        settings_changes.move(session, project, known.id, asking.person, now=asking.now)
    project.channel_id, project.threading = known.id, "run"
    session.flush()
    digests.subscribe(session, channel or "", person=asking.person, now=asking.now)
    return connected(project.name, known.name, asking.services.settings.url)


def _iam(asking: Asking, command: Command) -> Message:
    login = command.text.strip().split(" ")[0]
    if not login or asking.person is None:
        raise GrammarError("Which login is you on the training machines?", suggestion="iam asilva")
    if login == "root":
        return Message(text="Everybody is root somewhere. Use `runlore login` on that machine instead.")
    taken = session_owner(asking.session, login)
    if taken is not None and taken.id != asking.person.id:
        return Message(
            text=f"{code(login, 60)} already means {escape(taken.name)}. Use `runlore login` instead."
        )
    if login not in asking.person.logins:
        asking.person.logins = [*asking.person.logins, login]
    return Message(text=f"Runs that {code(login, 60)} starts are yours from now on.")


def session_owner(session: Session, login: str) -> Person | None:
    """Who claimed a login."""
    return session.exec(select(Person).where(col(Person.logins).contains([login]))).first()


def _login(asking: Asking, command: Command) -> Message:
    if asking.person is None:
        raise RunloreError("Logins are confirmed in Slack.")
    return logins.question(asking.session, command.text, now=asking.now)


def _help(asking: Asking, command: Command) -> Message:
    return help_message(command.text)


def _mute(asking: Asking, command: Command) -> Message:
    return run_commands.mute(asking, command) if command.text else digest_commands.mute(asking)


Handler = Callable[[Asking, Command], Message]
READING = {"list", "show", "compare", "who", "search", "now", "logs", "best", "tree"}
HANDLERS: Mapping[str, Handler] = {
    "list": _list,
    "show": _show,
    "compare": _compare,
    "who": _who,
    "search": _who,
    "note": _note,
    "digest": _digest,
    "now": _now,
    "logs": _logs,
    "tag": _tag,
    "link": _link,
    "baseline": _baseline,
    "best": _best,
    "connect": _connect,
    "iam": _iam,
    "login": _login,
    "mute": _mute,
    "like": run_commands.like,
    "tree": run_commands.tree,
    "fork": run_commands.fork,
    "value": run_commands.value,
    "archive": run_commands.archive,
    "prioritise": run_commands.prioritise,
    "settings": settings_changes.command,
    "report": reports.command,
    "rename": run_changes.rename,
    "restate": run_changes.restate,
    "delete": run_changes.ask_to_delete,
    "export": run_commands.export,
    "help": _help,
}
