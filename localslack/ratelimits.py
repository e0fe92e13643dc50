"""Slack's rate limits: calls a minute by method tier, and one message a second and channel."""

import math
import time
from collections import defaultdict, deque

from localslack.methods import METHODS, TIERS
from localslack.values import App, Timings

WINDOW = 60.0


class RateLimits:
    """Counts what each app does; answers the seconds to wait, or None where a call may go on."""

    def __init__(self, timings: Timings) -> None:
        self._factor = timings.rate_factor
        self._burst = timings.post_burst
        self._calls: dict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def method(self, app: App, method: str) -> int | None:
        """A sliding minute per app and method."""
        if self._factor is None:
            return None
        now = time.monotonic()
        recent = self._calls[app.id, method]
        while recent and recent[0] <= now - WINDOW:
            recent.popleft()
        if len(recent) >= max(1, int(TIERS[METHODS[method].tier] * self._factor)):
            return max(1, math.ceil(recent[0] + WINDOW - now))
        recent.append(now)
        return None

    def posting(self, app: App, channel: str) -> int | None:
        """One message a second and channel, with short bursts: a token bucket."""
        if self._factor is None:
            return None
        now = time.monotonic()
        tokens, at = self._buckets.get((app.id, channel), (float(self._burst), now))
        tokens = min(float(self._burst), tokens + (now - at) * self._factor)
        if tokens < 1.0:
            self._buckets[app.id, channel] = (tokens, now)
            return max(1, math.ceil((1.0 - tokens) / self._factor))
        self._buckets[app.id, channel] = (tokens - 1.0, now)
        return None
