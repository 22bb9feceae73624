"""What the page of this kernel's Jupyter server lacks to show the live picture.

Server and kernel often run in two environments. The page is made from the server's: what is
installed beside the kernel alone, it does not have.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gradwidget.wording import names

PARTS = {
    "ipywidgets": "@jupyter-widgets/jupyterlab-manager",
    "anywidget": "anywidget",
    "bqplot": "bqplot",
}
"""Packages whose part in the page the picture uses, and the folder of that part."""

SERVERS = re.compile(
    r"(jupyter[-_ ])?(lab|notebook|server|labhub)|jupyterlab|jupyterhub-singleuser"
)
"""What a command is called that serves pages: ``jupyter-lab``, ``-m notebook``, ``jupyter lab``."""


def lacking() -> str:
    """What to install where, in a sentence; empty where nothing lacks or nothing can be known.

    The server is the process that has started the kernel: a remote one cannot be asked.
    """
    try:
        import psutil  # noqa: PLC0415 - comes with ipykernel, and only where that runs is it needed

        server = psutil.Process(int(os.environ["JPY_PARENT_PID"]))
        command, environment = server.cmdline(), server.environ()
    except Exception:  # noqa: BLE001 - whatever is not to be known of another process
        return ""
    return sentence(command, environment)


def sentence(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """As ``lacking``, of a process with this command line and these variables.

    Example:
        >>> sentence(["/usr/bin/python3", "-m", "nbconvert"], {})
        ''
    """
    if not any(SERVERS.fullmatch(Path(word).stem) for word in command[:4]):
        return ""
    python = Path(command[0])
    prefix = python.parent.parent if python.stem.startswith("python") else None
    if prefix is None or not (prefix / "share" / "jupyter").is_dir():
        return ""
    folders = list(_folders(prefix, environment))
    missing = [
        package
        for package, part in PARTS.items()
        if not any((folder / "labextensions" / part).is_dir() for folder in folders)
    ]
    if not missing:
        return ""
    return (
        f"No live picture yet: this page's Jupyter server runs in {prefix}, which lacks "
        f"{names(missing)}. Run there: {python} -m pip install {' '.join(missing)}; "
        "then reload the page."
    )


def _folders(prefix: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """Where Jupyter looks for parts of the page, as ``jupyter --paths`` tells."""
    for listed in environment.get("JUPYTER_PATH", "").split(os.pathsep):
        if listed:
            yield Path(listed)
    own = environment.get("JUPYTER_DATA_DIR")
    yield Path(own) if own else Path.home() / ".local" / "share" / "jupyter"
    yield prefix / "share" / "jupyter"
    yield Path("/usr/local/share/jupyter")
    yield Path("/usr/share/jupyter")
