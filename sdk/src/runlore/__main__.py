"""`python -m runlore` is the command `runlore`."""

import sys

from runlore.cli import main

if __name__ == "__main__":
    sys.exit(main())
