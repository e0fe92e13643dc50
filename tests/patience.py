"""How long tests wait: as long as is promised on a quiet machine, and longer where every core is asked for by many."""

import os


def stretched(seconds: float) -> float:
    """The limit on this machine, as loaded as it is now."""
    cores = len(os.sched_getaffinity(0))
    return seconds * max(1.0, os.getloadavg()[0] / cores)
