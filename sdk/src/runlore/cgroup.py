"""The memory limit that this process really has, and how often the kernel killed for it (cgroup version 2 and 1)."""

import os
import re

ROOT = "/sys/fs/cgroup"
NO_LIMIT = 1 << 60


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def directories(pid: int | str = "self", root: str = ROOT) -> list[str]:
    """Where this process's memory is accounted, innermost first; in a container the root itself."""
    found = []
    for line in _read(f"/proc/{pid}/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            bases = [root, os.path.join(root, "unified")]
        elif "memory" in controllers.split(","):
            bases = [os.path.join(root, "memory")]
        else:
            continue
        while True:
            found += [base + path.rstrip("/") for base in bases]
            if path in ("", "/"):
                break
            path = os.path.dirname(path)
    return [place for place in found if os.path.isdir(place)]


def memory(places: list[str]) -> tuple[int | None, int | None]:
    """Bytes used and the limit, from the tightest group there is; None where the system does not say."""
    best: tuple[int | None, int | None] = (None, None)
    for place in places:
        used = _number(f"{place}/memory.current") or _number(f"{place}/memory.usage_in_bytes")
        limit = _number(f"{place}/memory.max") or _number(f"{place}/memory.limit_in_bytes")
        if used is None or limit is None or limit >= NO_LIMIT:
            continue
        # Page cache that can be dropped at once is not pressure: without it every data loader looks full.
        cache = re.search(r"^(?:total_)?inactive_file (\d+)$", _read(f"{place}/memory.stat"), re.MULTILINE)
        used = max(0, used - int(cache[1])) if cache else used
        if best[1] is None or limit - used < best[1] - (best[0] or 0):
            best = (used, limit)
    return best


def oom_kills(places: list[str]) -> int | None:
    """How often the kernel killed a process of the innermost group; None where the system does not say."""
    for place in places:
        for name in ("memory.events.local", "memory.events", "memory.oom_control"):
            found = re.search(r"^oom_kill (\d+)$", _read(f"{place}/{name}"), re.MULTILINE)
            if found:
                return int(found[1])
    return None


def _number(path: str) -> int | None:
    value = _read(path).strip()
    return int(value) if value.isdigit() else None
