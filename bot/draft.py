"""The why without a word: a run's draft rationale from its parent, its differences and its numbers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from bot.better import Judgement, is_seed, judge
from bot.numbers import count, setting
from bot.values import CodeView, DatasetView, RunView
from bot.verdicts import standing

Kind = Literal["param", "code", "data", "environment"]

# Params that say where and how to run or what is thought of it, not what was tried: told last, and no distance to a parent.
HOUSEKEEPING = re.compile(
    r"(?:^|[._/])(?:device|(?:num_?)?workers|verbose|host|port|notes?|comments?|description|"
    r"(?:output|out|log|logging|save|run|exp|experiment|checkpoint|ckpt|data|cache|work)_?"
    r"(?:dir|path|file|name|id|root|every|steps|interval))$",
    re.IGNORECASE,
)
QUICK = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One difference to the parent: `before` or `after` is None where the thing was added or removed."""

    kind: Kind
    name: str
    before: str | None
    after: str | None

    @property
    def words(self) -> str:
        """lr 3e-4 → 1e-4, dropout added (0.1), warmup removed."""
        if self.before is None:
            return f"{self.name} added ({self.after})"
        if self.after is None:
            return f"{self.name} removed (was {self.before})"
        return f"{self.name} {self.before} → {self.after}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A rationale nobody wrote: shown as a draft until a person says more."""

    parent: RunView | None
    parent_source: str | None  # fork_of | inferred | person
    change: tuple[Change, ...]
    hypothesis: str | None
    judgement: Judgement

    @property
    def outcome(self) -> str | None:
        """val_acc 0.942, +0.8 points on #41."""
        return standing(self.judgement)

    @property
    def question(self) -> str:
        """The one concrete question: lr 3e-4 → 1e-4, warmup 0 → 500: why?"""
        if not self.change:
            return (
                f"The same as #{self.parent.number}: why again?"
                if self.parent
                else "What was this run to find out?"
            )
        return f"{summary(self.change)}: why?"


def draft(run: RunView, parent: RunView | None, *, judgement: Judgement | None = None) -> Draft:
    """What a run changed, why it probably did, and what came out."""
    return Draft(
        parent=parent,
        parent_source=run.parent_source if parent else None,
        change=tuple(differences(parent, run)) if parent else (),
        hypothesis=run.intent or (run.code.subject if run.code else None),
        judgement=judgement or judge(run),
    )


def summary(changes: Sequence[Change], most: int = 3) -> str:
    """The changes on one line: the first few in words, the rest counted."""
    shown = ", ".join(change.words for change in changes[:most])
    rest = len(changes) - most
    return f"{shown} and {count(rest, 'more change')}" if rest > 0 else shown


def differences(before: RunView, after: RunView) -> list[Change]:
    """All that differs between two runs, what was tried first and housekeeping last."""
    told = holding_the_note(before) | holding_the_note(after)
    changes = [
        Change(kind="param", name=name, before=one, after=other)
        for name in {**before.params, **after.params}
        if name not in told and (one := shown(before, name)) != (other := shown(after, name))
    ]
    changes.sort(key=lambda change: is_seed(change.name) or bool(HOUSEKEEPING.search(change.name)))
    changes += data_changes(before.datasets, after.datasets)
    changes += code_changes(before.code, after.code)
    changes += library_changes(before, after)
    return changes


def holding_the_note(run: RunView) -> set[str]:
    """Params that only repeat the run's own note, as scripts that log all their arguments have them."""
    return {name for name, value in run.params.items() if value and value == run.intent}


def shown(run: RunView, param: str) -> str | None:
    """A param's value in words; None where the run has no such param."""
    return setting(run.params[param]) if param in run.params else None


def code_changes(before: CodeView | None, after: CodeView | None) -> list[Change]:
    """Another commit, or other uncommitted changes on the same one."""
    if before is None or after is None:
        return []
    if before.commit != after.commit:
        return [Change(kind="code", name="code", before=commit_words(before), after=commit_words(after))]
    if (before.diff or "") != (after.diff or ""):
        return [Change(kind="code", name="code", before=uncommitted(before), after=uncommitted(after))]
    return []


def commit_words(code: CodeView) -> str:
    """3f2a91c, with a + for uncommitted changes."""
    return f"{code.commit[:7]}{'+' if code.dirty else ''}" if code.commit else "no commit"


def uncommitted(code: CodeView) -> str:
    """How much of the code is in no commit."""
    edits = [text for text in (code.diff or "").splitlines() if re.match(r"[+-](?![+-])", text)]
    return f"{count(len(edits), 'uncommitted line')}" if edits else "as committed"


def data_changes(before: Sequence[DatasetView], after: Sequence[DatasetView]) -> list[Change]:
    """Datasets that were added, left out, or are no longer the same."""
    old = {dataset.name: dataset for dataset in before}
    new = {dataset.name: dataset for dataset in after}
    found = []
    for name in {**old, **new}:
        one, other = old.get(name), new.get(name)
        if one and other and one.fingerprint == other.fingerprint:
            continue
        was, now = dataset_words(one), dataset_words(other)
        if one and other and was == now:  # as many rows and columns, other content
            was, now = f"{was} ({one.fingerprint[:7]})", f"{now} ({other.fingerprint[:7]})"
        found.append(Change(kind="data", name=f"data {name}", before=was, after=now))
    return found


def dataset_words(dataset: DatasetView | None) -> str | None:
    """60,000 rows, label != 0; the fingerprint where nothing else is known."""
    if dataset is None:
        return None
    known = [count(dataset.rows, "row")] if dataset.rows is not None else []
    if dataset.columns is not None:
        known.append(count(dataset.columns, "column"))
    if dataset.filters:
        known.append(dataset.filters)
    return ", ".join(known) or dataset.fingerprint[:7]


def library_changes(before: RunView, after: RunView) -> list[Change]:
    """Versions that moved; libraries only one side reported are left out (the capture may have been cut short)."""
    found = []
    if before.python and after.python and before.python != after.python:
        found.append(Change(kind="environment", name="Python", before=before.python, after=after.python))
    for name in sorted(before.libraries.keys() & after.libraries.keys()):
        if before.libraries[name] != after.libraries[name]:
            one, other = before.libraries[name], after.libraries[name]
            found.append(Change(kind="environment", name=name, before=one, after=other))
    return found


def infer_parent(run: RunView, candidates: Sequence[RunView]) -> RunView | None:
    """The run this one was probably made from: same person, project and entry point, nearest config.

    Of equally near ones the latest; a quick failure only where nothing else is as near as to be a parent.
    """
    possible = [
        other
        for other in candidates
        if other.id != run.id
        and other.project == run.project
        and other.started_at < run.started_at
        and (other.owner and other.owner.name) == (run.owner and run.owner.name)
        and entry_of(other) == entry_of(run)
        and distance(other, run) <= max(1, len(run.params) // 2)
    ]
    return min(
        possible,
        key=lambda other: (quick_failure(other), distance(other, run), run.started_at - other.started_at),
        default=None,
    )


def distance(one: RunView, other: RunView) -> int:
    """How many params that matter differ."""
    return sum(
        shown(one, name) != shown(other, name)
        for name in {**one.params, **other.params}
        if not is_seed(name) and not HOUSEKEEPING.search(name)
    )


def quick_failure(run: RunView) -> bool:
    """Whether a run ended badly before it had begun."""
    if run.state in ("running", "finished") or run.ended_at is None:
        return False
    return run.ended_at - run.started_at < QUICK


def entry_of(run: RunView) -> str | None:
    """The script, without the folders it lies in on this machine."""
    if run.entry:
        return run.entry.rsplit("/", 1)[-1]
    command = run.code.command if run.code else None
    script = re.search(r"[\w./-]+\.(?:py|sh|ipynb)\b", command or "")
    return script.group().rsplit("/", 1)[-1] if script else None
