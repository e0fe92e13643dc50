"""`python -m localslack --port N --data DIR --config workspace.json`: serves the workspace."""

import argparse
import sys
from pathlib import Path

import uvicorn

from localslack.config import ConfigError, load
from localslack.server import build


def main() -> int:
    parser = argparse.ArgumentParser(prog="localslack", description=__doc__)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--data", type=Path, required=True, help="where messages and files are kept")
    parser.add_argument("--config", type=Path, required=True, help="workspace.json")
    options = parser.parse_args()
    try:
        config = load(options.config)
    except (OSError, ValueError, KeyError, ConfigError) as error:
        sys.stderr.write(f"localslack cannot read {options.config}: {error}\n")
        return 2
    # Only this machine may reach it: it has no login.
    uvicorn.run(
        build(config, data=options.data, port=options.port),
        host="127.0.0.1",
        port=options.port,
        log_level="warning",
        access_log=False,
        ws="websockets-sansio",
        ws_max_size=16_000_000,
        timeout_graceful_shutdown=1,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
