"""`runlore import`: bring runs from other trackers as if they had been logged here, each exactly once."""

import argparse
import importlib
import sys
from collections.abc import Iterator

from runlore import past, sync
from runlore.cli import Problem, say, show

KINDS = ("mlflow", "wandb", "tensorboard", "csv")
BAR = 30


def run(options: argparse.Namespace) -> int:
    """Read every run, keep those that are new, send them."""
    module = importlib.import_module(f"runlore.importers.{options.kind}")
    base = past.base_directory()
    taken, known = 0, 0
    try:
        total: int | None = module.count(options.source)
        for number, one in enumerate(_read(module, options.source), 1):
            # Runs of long ago are told in one message, not in hundreds.
            one = one._replace(group=one.group or f"imported from {options.kind}")
            if past.write(one, base=base, project=options.project) is None:
                known += 1
            else:
                taken += 1
            _progress(number, total, quiet=options.json)
    except ImportError as error:
        raise Problem(
            f"{error.name} is not installed here: its own package reads its data (pip install {error.name})"
        ) from None
    except (OSError, ValueError) as error:
        raise Problem(f"cannot read {options.source}: {getattr(error, 'strerror', None) or error}") from None
    except Exception as error:  # noqa: BLE001 - other trackers' packages have errors of their own (a wrong key, no such server)
        raise Problem(f"cannot read {options.source}: {type(error).__name__}: {error}") from None
    kept = (
        []
        if options.no_sync
        else [outcome for outcome in sync.sync(base, say=say) if outcome.state == "kept"]
    )
    if options.json:
        show({"taken": taken, "known": known, "not_sent": len(kept)})
    else:
        say(
            f"{taken} {'run' if taken == 1 else 'runs'} taken in"
            + (f", {known} here before" if known else "")
            + (f"; {len(kept)} not sent yet: `runlore sync`" if kept else "")
        )
    return int(bool(kept))


def _read(module: object, source: str) -> Iterator[past.PastRun]:
    reader = getattr(module, "read")  # noqa: B009 - every importer has one
    yield from reader(source)


def _progress(done: int, total: int | None, *, quiet: bool) -> None:
    if quiet or not sys.stderr.isatty():
        return
    share = f" [{'█' * (BAR * done // total):<{BAR}}] {done}/{total}" if total else f" {done}"
    sys.stderr.write(f"\rimporting{share}" + ("\n" if done == total else ""))
    sys.stderr.flush()
