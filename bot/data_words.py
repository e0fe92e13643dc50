"""In words: what a dataset's source holds now, against what a run read from it."""

from collections.abc import Mapping
from typing import Any

from bot.blocks import flat
from bot.numbers import count, percent, size

NAMED = 3  # columns


def changed_since(looks: Mapping[str, Any] | None, *, changed: bool) -> str | None:
    """What changed since a version was read; None where nothing is known to have."""
    if not changed:
        return None
    return change_words(looks["first"], looks["last"]) if looks else "other content"


def change_words(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """60,000 → 61,200 rows (+2 %), column x added, 1.2 GB → 1.3 GB."""
    told = []
    one, two = before.get("rows"), now.get("rows")
    if one is not None and two is not None:
        told.append(f"{one:,} → {count(two, 'row')}{_share(one, two)}" if one != two else "as many rows")
    gone, new = _columns(before, now)
    told += [f"{_named(gone)} removed"] if gone else []
    told += [f"{_named(new)} added"] if new else []
    if not (gone or new) and before.get("columns") != now.get("columns") and before.get("columns"):
        told += [f"{before['columns']} → {count(now['columns'], 'column')}"] if now.get("columns") else []
    small, large = before.get("size"), now.get("size")
    if (one is None or one == two) and small is not None and large is not None:
        told.append(
            f"{size(small)} → {size(large)}{_share(small, large)}" if small != large else "of the same size"
        )
    return ", ".join(told) or "other content"


def _columns(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    old, new = before.get("names") or [], now.get("names") or []
    if not old or not new:
        return [], []
    return [name for name in old if name not in new], [name for name in new if name not in old]


def _named(names: list[str]) -> str:
    shown = ", ".join(flat(str(name), 40) for name in names[:NAMED])
    rest = len(names) - NAMED
    return f"{'column' if len(names) == 1 else 'columns'} {shown}{f' and {rest} more' if rest > 0 else ''}"


def _share(before: float, now: float) -> str:
    """(+2 %); nothing where that says nothing."""
    if not before or abs(now - before) / before < 0.005:
        return ""
    share = (now - before) / before
    return f" ({'+' if share > 0 else '−'}{percent(abs(share))})"
