"""The one error of a file that is no readable run."""

from __future__ import annotations


class RunFileError(ValueError):
    """The file is no run, or nothing of it can be read; says what is wrong and what to do."""
