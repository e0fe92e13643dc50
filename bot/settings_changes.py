"""A project's settings: shown, changed by who sees the project, and told to those whom the change concerns."""

from collections.abc import Sequence
from datetime import datetime, time

from sqlmodel import Session, col, func, select, update

from bot import digests, outbox
from bot.asking import DIRECT, Asking
from bot.blocks import escape, line
from bot.errors import Forbidden, NotFound
from bot.grammar import Command, GrammarError
from bot.project_settings import TOLD, settings_of
from bot.settings_form import DAYS, OPENNESS, Choices, Chosen, settings_message
from bot.sight import Sight
from bot.values import Message
from storage import run_queries
from storage.memory import Channel, Membership, Subscription, Thread
from storage.tables import Person, Project, Run

RUNS = 99
NAMES = 8
GONE = "That project is gone, or not yours to see."


def command(asking: Asking, asked: Command) -> Message:
    """`settings vision`: what is set, with the button that changes it."""
    name = asked.text.strip()
    project = named(asking.session, asking.sight, name) if name else asking.home
    if project is None or not asking.sight.sees(project.id or 0):
        raise GrammarError("The settings of which project?", suggestion="settings vision")
    return settings_message(*form_of(asking.session, project))


def named(session: Session, sight: Sight, name: str) -> Project:
    """The project of that name, if it may be seen. Raises NotFound."""
    found = session.exec(select(Project).where(func.lower(Project.name) == name.lower())).first()
    if found is None or not sight.sees(found.id or 0):
        raise NotFound(f"There is no project {name} that you can see.")
    return found


def form_of(session: Session, project: Project) -> tuple[Chosen, Choices]:
    """What is set now, and what there is to choose."""
    query = select(Run).where(Run.project_id == project.id, Run.visibility == "project")
    newest = session.exec(query.order_by(col(Run.started_at).desc()).limit(RUNS)).all()
    baseline = session.get(Run, project.baseline_run_id) if project.baseline_run_id else None
    runs = list(newest) if baseline is None or baseline in newest else [baseline, *newest]
    subscription = _subscription(session, project)
    chosen = Chosen(
        channel=project.channel_id,
        threading=project.threading,
        settings=settings_of(project),
        key_metric=project.key_metric,
        goals=project.goals,
        baseline=baseline.id if baseline else None,
        openness=project.openness,
        digest=subscription.depth if subscription and subscription.active else "off",
        at=subscription.local_time if subscription else time(9),
        days=tuple((subscription.weekdays if subscription else None) or list(DAYS)[:5]),
    )
    metrics = run_queries.metric_names(session, [run.id or 0 for run in newest])
    if project.key_metric and project.key_metric not in metrics:
        metrics = [project.key_metric, *metrics]
    choices = Choices(
        project_id=project.id or 0,
        project=project.name,
        metrics=metrics,
        runs=[(run.id or 0, f"#{run.number} {run.name}") for run in runs],
    )
    return chosen, choices


def apply(
    session: Session, project: Project, chosen: Chosen, person: Person, sight: Sight, *, now: datetime
) -> list[str]:
    """Put settings into effect; returns in words what changed. Raises Forbidden and changes nothing."""
    if not sight.sees(project.id or 0):
        raise NotFound(GONE)
    before, choices = form_of(session, project)
    if chosen.channel and chosen.channel != before.channel:
        check_move(session, project, chosen.channel, person)
    if chosen.baseline is not None:
        run = session.get(Run, chosen.baseline)
        if run is None or run.project_id != project.id:
            raise NotFound("That run is none of this project.")
    project.threading, project.openness = chosen.threading, chosen.openness
    project.key_metric, project.goals = chosen.key_metric, dict(chosen.goals)
    project.baseline_run_id = chosen.baseline
    kept = chosen.settings
    project.settings = project.settings | {
        "told": sorted(kept.told),
        "log_tail": kept.log_tail,
        "keep_audio": kept.keep_audio,
        "share_feedback": kept.share_feedback,
        "language": kept.language,
        "aliases": dict(kept.aliases),
        "gpu_price": kept.gpu_price,
    }
    changed = _words(before, chosen, choices)
    if chosen.channel and chosen.channel != before.channel:
        move(session, project, chosen.channel, person, now=now)
    elif chosen.openness != before.openness and project.channel_id:
        text = f"{escape(person.name)} made {line(project.name, 60)} {_short(OPENNESS[chosen.openness])}."
        outbox.post(session, _key(project, now), project.channel_id, Message(text=text), now=now)
    _digest(session, project, before, chosen, person, now=now)
    session.flush()
    return changed


def check_move(session: Session, project: Project, channel: str, person: Person) -> None:
    """Moving a project takes membership of both channels, the bot's and the person's."""
    there = session.get(Channel, channel)
    if there is None or not there.is_member:
        raise Forbidden("I am not in that channel: /invite @Runlore there first. Nothing was changed.")
    for place in filter(None, (project.channel_id, channel)):
        if person.slack_id not in _members(session, place):
            raise Forbidden("A project moves only by who is in both channels. Nothing was changed.")


def move(session: Session, project: Project, channel: str, person: Person, *, now: datetime) -> None:
    """Talk elsewhere from now on; both channels learn it, and who sees the project now."""
    old, there = project.channel_id, session.get(Channel, channel)
    before = session.get(Channel, old) if old else None
    gain = sorted(_names(session, channel, except_in=old)) if there and there.is_private else []
    project.channel_id = channel
    session.execute(
        update(Thread)
        .where(col(Thread.project_id) == project.id, col(Thread.run_id).is_(None), col(Thread.closed_at).is_(None))
        .values(closed_at=now)
    )  # fmt: skip
    opened = there and not there.is_private and (before is None or before.is_private)
    sees = "everybody in the workspace" if opened else ", ".join(gain[:NAMES])
    if len(gain) > NAMES:
        sees += f" and {len(gain) - NAMES} more"
    seen = f" Now seen by {escape(sees)} too." if (sees and project.openness != "private") or gain else ""
    text = f"{escape(person.name)} moved the project {line(project.name, 60)} to <#{channel}>.{seen}"
    for place in filter(None, (old, channel)):
        outbox.post(session, f"{_key(project, now)}:{place}", place, Message(text=text), now=now)


def saved(project: Project, changed: Sequence[str]) -> Message:
    """The word to who changed them."""
    name = line(project.name, 60)
    if not changed:
        return Message(text=f"Nothing changed for {name}.")
    return Message(text=f"Saved for {name}: {'; '.join(escape(one) for one in changed)}.")


def _digest(
    session: Session, project: Project, before: Chosen, chosen: Chosen, person: Person, *, now: datetime
) -> None:
    """The digest belongs to the channel."""
    same = (before.digest, before.at, before.days) == (chosen.digest, chosen.at, chosen.days)
    if project.channel_id is None or (same and before.channel == chosen.channel):
        return
    if chosen.digest != "off":
        digests.subscribe(
            session,
            project.channel_id,
            person=person,
            now=now,
            at=chosen.at,
            depth=chosen.digest,
            weekdays=chosen.days,
        )
    elif (found := _subscription(session, project)) is not None:
        found.active = False


def _words(before: Chosen, chosen: Chosen, choices: Choices) -> list[str]:
    """What changed, shortly."""
    old, new = before.settings, chosen.settings
    runs = dict(choices.runs)
    told = [f"{TOLD[key].lower()}: {'said' if key in new.told else 'not said'}" for key in TOLD if (key in new.told) != (key in old.told)]  # fmt: skip
    pairs = [
        ("channel moved", before.channel, chosen.channel or before.channel, ""),
        ("threads", before.threading, chosen.threading, f": by {chosen.threading}"),
        ("key metric", before.key_metric, chosen.key_metric, f" {chosen.key_metric or 'read from the runs'}"),
        ("goals", dict(before.goals), dict(chosen.goals), ""),
        ("baseline", before.baseline, chosen.baseline, f" {runs.get(chosen.baseline or 0, 'none')}"),
        ("other names", dict(old.aliases), dict(new.aliases), ""),
        ("price of a GPU-hour", old.gpu_price, new.gpu_price, f": {new.gpu_price or 'none'}"),
        ("output", old.log_tail, new.log_tail, f": {new.log_tail}"),
        ("sound of memos", old.keep_audio, new.keep_audio, " kept" if new.keep_audio else " deleted once heard"),
        ("corrections", old.share_feedback, new.share_feedback, " may be exported" if new.share_feedback else " stay here"),
        ("language", old.language, new.language, f" {new.language or 'heard'}"),
        ("openness", before.openness, chosen.openness, f": {chosen.openness}"),
        ("digest", (before.digest, before.at, before.days), (chosen.digest, chosen.at, chosen.days), f" {chosen.digest}"),
    ]  # fmt: skip
    return [*(f"{what}{how}" for what, was, now, how in pairs if was != now), *told]


def _subscription(session: Session, project: Project) -> Subscription | None:
    if project.channel_id is None:
        return None
    return session.exec(select(Subscription).where(Subscription.channel_id == project.channel_id)).first()


def _members(session: Session, channel: str) -> set[str]:
    return set(session.exec(select(Membership.slack_id).where(Membership.channel_id == channel)))


def _names(session: Session, channel: str, *, except_in: str | None) -> list[str]:
    gain = _members(session, channel) - (_members(session, except_in) if except_in else set())
    query = select(Person.name).where(col(Person.slack_id).in_(gain), ~col(Person.is_bot))
    return list(session.exec(query))


def _short(words: str) -> str:
    return words.partition(":")[0].lower()


def _key(project: Project, now: datetime) -> str:
    return f"settings:{project.id}:{now.timestamp():.3f}"


def place_for(channel: str, person: Person) -> str:
    """Where a word to one person goes: unseen by others in the channel, else in direct messages."""
    return channel if channel and not channel.startswith(DIRECT) else person.slack_id or ""
