"""How often one token or address may ask one web process: buckets in memory, the oldest forgotten."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

MOST_KNOWN = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """So many a second, and so many at once."""

    per_second: float
    burst: float


class Rates:
    """Token buckets by name; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # name -> (tokens, when)

    def take(self, name: str, allowance: Allowance, *, now: float) -> float:
        """0 when one more may come; else the seconds to wait, and nothing was taken. `now` never goes back."""
        with self._lock:
            tokens, since = self._buckets.pop(name, (allowance.burst, now))
            tokens = min(allowance.burst, tokens + (now - since) * allowance.per_second)
            wait = 0.0 if tokens >= 1 else (1 - tokens) / allowance.per_second
            self._buckets[name] = (tokens if wait else tokens - 1, now)
            if len(self._buckets) > MOST_KNOWN:
                self._buckets.popitem(last=False)
            return wait
