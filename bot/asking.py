"""Who asks, where, and what they may see; and the run they mean by a name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, func, or_, select

from bot.errors import Forbidden, RunloreError
from bot.grammar import Command
from bot.grammar_names import RunName
from bot.project_settings import ProjectSettings, settings_of
from bot.sight import Sight, audience_sight, operator_sight, person_sight
from bot.views import run_views
from bot.wiring import Services
from storage import run_queries
from storage.memory import Thread
from storage.run_list import NumberIs, RunFilter, not_private
from storage.tables import Person, Project, Run

DIRECT = ("D", "U", "W")  # first letters of direct messages' ids


class RunNotFound(RunloreError):
    """No run by that name among those that can be seen."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no run {name} that you can see.")
        self.name = name


class RunAmbiguous(RunloreError):
    """The name fits several runs."""

    def __init__(self, name: str, run_ids: Sequence[int]) -> None:
        super().__init__(f"{name} fits {len(run_ids)} runs.")
        self.name, self.run_ids = name, run_ids


@dataclass(frozen=True, kw_only=True)
class Asking:
    """One question: who, where, with what sight; `here` is the run whose thread it was asked in."""

    session: Session
    services: Services
    person: Person | None
    channel: str | None
    sight: Sight
    now: datetime
    here: Run | None = None
    home: Project | None = None  # the project of the thread or channel
    with_models: bool = False
    public: bool = False  # the answer is seen by everybody there
    thread_ts: str | None = None
    message_ts: str | None = None  # of the message that asks, where it is one

    def project_ids(self, command: Command | None = None) -> Sequence[int] | None:
        """Where to look: the project named, else everything seen; None for the operator's all."""
        named = command.filter("project") if command else None
        if named is not None:
            project = self.session.exec(
                select(Project).where(func.lower(Project.name) == str(named.value).lower())
            ).first()
            return [project.id or 0] if project and self.sight.sees(project.id or 0) else []
        return None if self.sight.project_ids is None else sorted(self.sight.project_ids)

    def filter(self, command: Command, *, only_home: bool = True) -> RunFilter:
        """A command's conditions inside the sight; in a project's channel its runs are meant."""
        projects = self.project_ids(command)
        if (
            only_home
            and self.home
            and command.filter("project") is None
            and self.sight.sees(self.home.id or 0)
        ):
            projects = [self.home.id or 0]
        by, group = command.filter("by"), command.filter("group")
        chosen = self._names(projects)
        return RunFilter(
            project_ids=projects,
            seen_by=self.sight.person_id,
            everything=self.sight.operator,
            states=[str(each.value) for each in command.filters if each.key == "state"],
            owner_id=self.person_id(str(by.value)) if by else None,
            group=str(group.value) if group else None,
            since=self._time(command, "since"),
            until=self._time(command, "until"),
            tags=[str(each.value) for each in command.filters if each.key == "tag"],
            domains=[str(each.value) for each in command.filters if each.key == "domain"],
            numbers=[
                NumberIs(
                    name=chosen.name(each.name or ""),
                    op=each.op,
                    value=each.value,
                    others=chosen.names(chosen.name(each.name or ""))[1:],
                )
                for each in command.filters
                if each.key == "number" and isinstance(each.value, float | str)
            ],
            words=command.text,
        )

    def file_place(self) -> tuple[str, str | None]:
        """Where a file goes that was asked for: with the answer, which for a private one is the asker's messages."""
        if self.channel is None:
            raise RunloreError("Ask for the file in Slack.")
        if self.public or self.person is None or self.channel.startswith(DIRECT):
            return self.channel, self.thread_ts
        return direct_channel(self.services, self.person), None

    def _names(self, projects: Sequence[int] | None) -> ProjectSettings:
        """What params and metrics are called where one project is looked at."""
        project = self.session.get(Project, projects[0]) if projects and len(projects) == 1 else None
        return settings_of(project) if project else ProjectSettings()

    def person_id(self, name: str) -> int:
        """Somebody's key; 0, which is nobody's, when unknown."""
        if name == "me":
            return (self.person.id if self.person else None) or 0
        known = select(Person.id).where(or_(col(Person.slack_id) == name, col(Person.name).ilike(name)))
        return self.session.exec(known.order_by(col(Person.slack_id).is_(None))).first() or 0

    def run(self, name: RunName) -> Run:
        """The run somebody means. Raises RunNotFound or RunAmbiguous; what may not be seen is not found."""
        found = [run for run in self._candidates(name) if self._seen(run)]
        if not found:
            raise RunNotFound(name.text)
        if len(found) > 1:
            raise RunAmbiguous(name.text, [run.id or 0 for run in found])
        return found[0]

    def _candidates(self, name: RunName) -> list[Run]:
        scope = self.project_ids()
        home = [self.home.id or 0] if self.home and self.sight.sees(self.home.id or 0) else None
        if name.project:
            project = self._named_project(name.project)
            home = scope = [project.id or 0] if project else []
        match name.kind:
            case "number" | "ref":
                return self._numbered(name.number or 0, home, scope)
            case "latest":
                return _some(self._latest(home or scope))
            case "person":
                owner = self.person_id(name.person or "")
                return _some(self._latest(home or scope, owner_id=owner))
            case "best":
                return _some(self._best(home or scope))
            case "baseline":
                project = self.session.get(Project, home[0]) if home else None
                known = project.baseline_run_id if project else None
                return _some(self.session.get(Run, known) if known else None)
            case "permalink":
                return self._linked(name)
            case _:
                own = self._called(home, name.text) if home else []
                return own or self._called(scope, name.text)

    def _named_project(self, name: str) -> Project | None:
        """The project of this name, if anything in it is in sight; what is not costs no more than what is not there."""
        query = select(Project).where(Project.name == name)
        if self.sight.project_ids is not None:
            own = select(Run.id).where(Run.project_id == Project.id, Run.owner_id == self.sight.person_id)
            query = query.where(or_(col(Project.id).in_(self.sight.project_ids), own.exists()))
        return self.session.exec(query).first()

    def _numbered(self, number: int, home: Sequence[int] | None, scope: Sequence[int] | None) -> list[Run]:
        if home and (run := run_queries.by_number(self.session, home[0], number)):
            return [run]
        query = select(Run).where(Run.number == number, self._in_sight)
        if scope is not None:
            query = query.where(col(Run.project_id).in_(scope))
        return list(self.session.exec(query.order_by(col(Run.id).desc()).limit(6)))

    def _latest(self, scope: Sequence[int] | None, *, owner_id: int | None = None) -> Run | None:
        return run_queries.latest(self.session, scope, owner_id=owner_id, where=self._in_sight)

    def _called(self, scope: Sequence[int] | None, name: str) -> list[Run]:
        return run_queries.by_name(self.session, scope, name, where=self._in_sight)

    @property
    def _in_sight(self) -> ColumnElement[bool]:
        """`sees_run` inside a query, so that what is out of sight makes no more work than what is not there."""
        shared = not_private(self.sight.person_id, everything=self.sight.operator)
        if self.sight.project_ids is None:
            return shared
        own = col(Run.owner_id) == self.sight.person_id
        return and_(shared, or_(own, col(Run.project_id).in_(self.sight.project_ids)))

    def _best(self, scope: Sequence[int] | None) -> Run | None:
        newest = self._latest(scope)
        if newest is None:
            return None
        view = run_views(self.session, [newest.id or 0])[0]
        metric = view.metrics.get(view.key_metric or "")
        if metric is None or metric.goal is None:
            return None
        project = self.session.get(Project, newest.project_id)
        names = settings_of(project).names(metric.name) if project else (metric.name,)
        return run_queries.best(self.session, newest.project_id, names, metric.goal)

    def _linked(self, name: RunName) -> list[Run]:
        place = (Thread.channel_id == (name.channel or ""), Thread.ts == (name.ts or ""))
        query = select(Run).join(Thread, col(Thread.run_id) == col(Run.id)).where(*place, self._in_sight)
        return _some(self.session.exec(query.order_by(col(Thread.id).desc())).first())

    def _seen(self, run: Run) -> bool:
        return sees_run(self.sight, run)

    def _time(self, command: Command, key: str) -> datetime | None:
        told = command.filter(key)
        if told is None:
            return None
        if isinstance(told.value, timedelta):
            return self.now - told.value
        return datetime.combine(told.value, time(), UTC) if isinstance(told.value, date) else None


def direct_channel(services: Services, person: Person) -> str:
    """The conversation of somebody with the bot."""
    opened = services.messenger.call("conversations.open", {"users": person.slack_id})
    return str((opened.get("channel") or {}).get("id"))


def sees_run(sight: Sight, run: Run) -> bool:
    """One's own runs, and those of the projects in sight that are nobody's private ones."""
    own = run.owner_id is not None and run.owner_id == sight.person_id
    return sight.operator or own or (run.visibility == "project" and sight.sees(run.project_id))


def check_audience(session: Session, channel: str, run_ids: Iterable[int], *, now: datetime) -> None:
    """A file shared in a channel may be only of runs that everybody there may see. Raises Forbidden."""
    if channel.startswith(DIRECT):
        return
    audience = audience_sight(session, channel, now=now)
    shared = session.exec(select(Run).where(col(Run.id).in_(list(run_ids))))
    if not all(sees_run(audience, run) for run in shared):
        raise Forbidden("Not everybody here may see that. Ask me in a direct message, and you get it there.")


def sight_of(
    session: Session, person: Person | None, channel: str | None, *, public: bool, now: datetime
) -> Sight:
    """An answer to one person may use what that person sees; one that is posted, what everybody there sees."""
    if channel is None:
        return operator_sight()
    if public and not channel.startswith(DIRECT):
        return audience_sight(session, channel, now=now)
    return person_sight(session, person, now=now)


def place_of(
    session: Session, channel: str | None, thread: Thread | None
) -> tuple[Run | None, Project | None]:
    """The run and project that a thread, or else a channel, is about."""
    if thread is not None:
        return session.get(Run, thread.run_id) if thread.run_id else None, session.get(
            Project, thread.project_id
        )
    if channel is None:
        return None, None
    here = select(Project).where(
        Project.channel_id == channel, Project.threading == "run", col(Project.archived_at).is_(None)
    )
    projects = session.exec(here.limit(2)).all()
    return None, projects[0] if len(projects) == 1 else None


def _some(run: Run | None) -> list[Run]:
    return [run] if run else []
