"""What is raised where a framework or a client that somebody asks for is not installed."""

from __future__ import annotations


def missing(package: str) -> ImportError:
    """The error that names it, and says how to get it.

    Args:
        package: the name under which pip knows it.
    """
    return ImportError(f"this needs {package}, which is not installed: pip install {package}")
