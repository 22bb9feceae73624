"""``enum.StrEnum``, which the standard library has from Python 3.11."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 11):
    from enum import StrEnum as StrEnum  # noqa: PLC0414 - the repeated name marks a re-export for type checkers
else:
    from enum import Enum

    class StrEnum(str, Enum):
        """Members are strings, and print as such."""

        __str__ = str.__str__
