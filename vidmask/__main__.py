"""Run the command line: ``python -m vidmask``."""

import sys

from vidmask.cli import main

if __name__ == "__main__":
    sys.exit(main())
