"""Tells a run's thread, once, that somebody tried much the same before, and how that ended."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sqlmodel import Session, col, select

from bot import threads
from bot.asking import DIRECT
from bot.recipes import Closeness, Customs, Recipe, recipe, tokens_of
from bot.sight import Sight, audience_sight, person_sight
from bot.similar_messages import Named, similar_runs
from bot.views import run_view, run_views
from storage import similar_queries as queries
from storage.jobs import defer
from storage.memory import Channel
from storage.similar_queries import Found
from storage.tables import Person, Run

SOON = timedelta(seconds=4)  # the sidecar tells code and data in the meantime
STALE = timedelta(minutes=2)  # a run told of later than that needs no advice

RECENT = timedelta(days=14)  # the author's own line of work: known to them
SHARE = 0.6  # of what either run tries is the same
WEIGHT = 2.0  # and how rare that is, words included
SETTINGS_WEIGHT = 1.6  # and settings alone: one that one run in ten deviates in, or rarer ones
SHOWN = 3
TELLING = 6  # tokens looked for
# At most one hint in ten runs: two among a person's last twenty.
WINDOW, MOST_HINTS = 20, 2
REMEMBERED = 60  # runs of a person after which the same run may be named to them again
ANCESTORS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Similar:
    """An earlier run worth naming."""

    recipe: Recipe
    exact: bool
    closeness: Closeness


def expect(session: Session, run: Run, *, now: datetime) -> None:
    """A run has started: soon it is made findable, and somebody looks whether it was tried before."""
    defer(session, "find_similar", queue="posts", schedule_at=now + SOON, run_id=run.id)


def remember(session: Session, run_ids: Sequence[int]) -> None:
    """Keep what runs try, so that later ones can be compared with them."""
    tokens = {view.id: tokens_of(view) for view in run_views(session, run_ids)}
    for run in session.exec(select(Run).where(col(Run.id).in_(run_ids))):
        queries.store_recipe(session, run, tokens.get(run.id or 0, []))


def find_similar(session: Session, run_id: int, *, now: datetime) -> int:
    """Look once for a run that is remembered, and tell its thread where something was found; returns how many runs are named."""
    # Whoever names it as a parent may go on meanwhile: it may want this row next, and would wait for us.
    run = session.exec(select(Run).where(Run.id == run_id).with_for_update(key_share=True)).first()
    if run is None or "similar" in run.announced:
        return 0
    place = threads.place_of(session, run)
    if place is None or now - run.started_at > STALE:
        return 0
    named = look(session, run, sight=_audience(session, run, place.channel, now=now))
    run.announced = run.announced | {"similar": [one.recipe.run_id for one in named]}
    if not named:
        return 0
    views = {view.id: view for view in run_views(session, [one.recipe.run_id for one in named], notes=True)}
    told = [
        Named(run=views[one.recipe.run_id], exact=one.exact, settings=one.closeness.settings)
        for one in named
        if one.recipe.run_id in views
    ]
    message = similar_runs(run_view(session, run_id), told, now=now)
    threads.reply(session, place, f"run:{run_id}:similar", message, now=now)
    return len(told)


def look(session: Session, run: Run, *, sight: Sight) -> list[Similar]:
    """The runs worth naming, of those that everybody who will read it may see."""
    before = queries.named_before(session, run, most=REMEMBERED)
    if sum(bool(named) for named in before[: WINDOW - 1]) >= MOST_HINTS:
        return []
    me = _recipe(dict(zip(queries.COLUMNS, (getattr(run, name) for name in queries.COLUMNS), strict=True)))
    entry = f"@entry={me.entry}" if me.entry else None
    usual = queries.usual(session, run, entry=entry)
    customs = Customs(usual.tokens, runs=usual.runs, own=usual.own)
    recent = queries.own_lately(session, run, since=run.started_at - RECENT)
    ancestors = _ancestors(session, run)
    if run.parent_id and run.parent_source != "inferred":
        recent = [*recent, *queries.of_runs(session, [run.parent_id])]
    mine = [token for token in run.recipe if not token.startswith("~")]
    found = {row["id"]: row for row in queries.holding(session, run, mine)} if me.settings else {}
    telling = customs.telling(me, TELLING)
    found |= {row["id"]: row for row in queries.sharing(session, run, telling, project_ids=sight.project_ids)}
    return choose(
        me,
        [_recipe(row) for row in found.values() if sight.sees(row["project_id"])],
        customs=customs,
        recent=[_recipe(row) for row in recent],
        known={*ancestors, *(run_id for named in before for run_id in named)},
    )


def choose(
    run: Recipe,
    candidates: Iterable[Recipe],
    *,
    customs: Customs,
    recent: Sequence[Recipe],
    known: Collection[int] = (),
) -> list[Similar]:
    """The few earlier runs worth naming to whoever started this one.

    `recent` are the author's own of the last days and the run this one was forked from; what was close to one of
    them when it started is no news. `known` were named to the author before, or are its ancestors.
    """
    found = []
    for other in candidates:
        if other.run_id == run.run_id or other.run_id in known or _sibling(run, other):
            continue
        if _own(run, other) and run.started_at - other.started_at < RECENT:
            if run.certain_duplicate(other) and other.state == "finished":
                found.append(Similar(recipe=other, exact=True, closeness=customs.closeness(run, other)))
            continue
        told = compare(run, other, customs)
        if told is not None and (run.project_id == other.project_id or _same_subject(run, told)):
            found.append(told)
    found.sort(key=lambda one: (one.exact, one.closeness.share, one.recipe.started_at), reverse=True)
    # The dearest question is asked last, and only until there is enough to say.
    return list(islice((one for one in found if not _known_by(recent, run, one, customs)), SHOWN))


def _known_by(recent: Sequence[Recipe], run: Recipe, told: Similar, customs: Customs) -> bool:
    """Whether it was close already to what the author did since; a duplicate of their own is news in any case."""
    other = told.recipe
    if _own(run, other) and run.started_at - other.started_at < RECENT:
        return False
    return any(one.started_at > other.started_at and compare(one, other, customs) for one in recent)


def compare(run: Recipe, other: Recipe, customs: Customs) -> Similar | None:
    """How another run is close to this one; None where it is not, or only repeats it under another seed."""
    closeness = customs.closeness(run, other)
    if run.repeats(other):
        exact = run.duplicates(other)
        return Similar(recipe=other, exact=True, closeness=closeness) if exact else None
    enough = closeness.weight >= WEIGHT and closeness.settings_weight >= SETTINGS_WEIGHT
    if enough and closeness.share >= SHARE:
        return Similar(recipe=other, exact=False, closeness=closeness)
    return None


def _recipe(row: Found) -> Recipe:
    return recipe(
        row["recipe"],
        run_id=row["id"],
        project_id=row["project_id"],
        owner_id=row["owner_id"],
        started_at=row["started_at"],
        state=row["state"],
        group=row["group"],
    )


def _audience(session: Session, run: Run, channel: str, *, now: datetime) -> Sight:
    """What all who will read it may see; a private run's thread is read by its owner alone."""
    if channel.startswith(DIRECT):
        return person_sight(session, session.get(Person, run.owner_id) if run.owner_id else None, now=now)
    if channel.startswith("#"):
        known = session.exec(select(Channel.id).where(Channel.name == channel[1:])).first()
        channel = known or channel
    return audience_sight(session, channel, now=now)


def _ancestors(session: Session, run: Run) -> set[int]:
    """The runs this one came from, which its author knows."""
    found: set[int] = set()
    parent = run.parent_id if run.parent_source != "inferred" else None
    while parent is not None and len(found) < ANCESTORS:
        found.add(parent)
        older = session.get(Run, parent)
        parent = older.parent_id if older and older.parent_id not in found else None
    return found


def _same_subject(run: Recipe, told: Similar) -> bool:
    """Whether a run of another project is about the same: equal data, or the intent in the same words too."""
    return bool(run.data & told.recipe.data) or told.closeness.weight > told.closeness.settings_weight


def _sibling(run: Recipe, other: Recipe) -> bool:
    return run.group is not None and (run.group, run.project_id) == (other.group, other.project_id)


def _own(run: Recipe, other: Recipe) -> bool:
    return run.owner_id == other.owner_id  # nobody's runs are taken for one person's
