"""Whether the bot of this container lives: the web answers with its database, other roles where they show their figures."""

import os
import sys
from urllib.error import URLError
from urllib.request import urlopen

PLACES = (("RUNLORE_PORT", "8700", "readyz"), ("RUNLORE_METRICS_PORT", "8701", "healthz"))


def answers(port: str, path: str) -> bool:
    """Whether this process's own port says that all is well."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/{path}", timeout=4) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


if __name__ == "__main__":
    found = any(answers(os.environ.get(name, port), path) for name, port, path in PLACES)
    sys.exit(0 if found else 1)
