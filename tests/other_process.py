"""Another process that uses a home, as a bot or a command would; told to leave through its standard input."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CODE = """
import sys
from pathlib import Path
from storage.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), settings={"fsync": "off"}) as postgres:
    print(postgres.pid, flush=True)
    sys.stdin.read()
"""


@contextmanager
def using(home: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The process and the process id of the server it uses."""
    with subprocess.Popen(
        [sys.executable, "-c", CODE, str(home)],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()
