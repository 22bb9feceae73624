"""``python -m gradwidget``: the command ``gradwidget``; by default its demonstration."""

from __future__ import annotations

import sys

from gradwidget.terminal.main import main

if __name__ == "__main__":
    sys.exit(main())
