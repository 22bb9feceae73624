"""What a run file has to say besides its frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gradwidget.control.control import Change
from gradwidget.problem import Problem
from gradwidget.report.processes import ALONE, Processes


class News(NamedTuple):
    """All of it so far.

    Example:
        >>> News().processes.ranks
        ()
    """

    changes: Sequence[Change] = ()
    """Made to the loop by its picture."""

    problems: Sequence[Problem] = ()
    """Failures that were contained."""

    processes: Processes = ALONE
    """What each process of the training has told last."""
