"""`python -m peerproto COMMAND ...`: the same as `peerproto COMMAND ...`."""

from __future__ import annotations

import sys

from peerproto.cli import main

if __name__ == "__main__":
    sys.exit(main())
