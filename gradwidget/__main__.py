"""``python -m gradwidget``: the demonstration, in a terminal."""

from __future__ import annotations

from gradwidget.demonstration import demo

if __name__ == "__main__":
    demo()
