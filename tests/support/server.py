"""A real Jupyter server on a free port, with settings of its own, and a line to its kernel."""

from __future__ import annotations

import ast
import json
import os
import secrets
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from jupyter_client.blocking.client import BlockingKernelClient

from gradwidget.view.kernel.server import PARTS

App = Literal["lab", "notebook"]

MODULES: dict[App, str] = {"lab": "jupyterlab", "notebook": "notebook"}
PATHS: dict[App, str] = {"lab": "lab/tree", "notebook": "notebooks"}
# The one setting that differs from a user's first start: no question whether to fetch news from the
# network.
SETTINGS = {
    "@jupyterlab/apputils-extension/notification.jupyterlab-settings": {"fetchNews": "false"}
}


Value = TypeVar("Value")


def wait_until(condition: Callable[[], Value | None], what: str, seconds: float = 120) -> Value:
    """What ``condition`` returns once it is true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            message = f"Waited {seconds:.0f} s in vain for {what}."
            raise TimeoutError(message)
        time.sleep(0.05)  # between two looks; how long it takes in all, the condition decides
    return value


class JupyterServer:
    """A running server that serves ``folder``.

    Args:
        app: what it shows notebooks in.
        folder: the notebooks.
        state: a folder for all that it keeps.
        without: packages that its environment has no page parts of.
    """

    def __init__(self, app: App, folder: Path, state: Path, without: Sequence[str] = ()) -> None:
        self.app = app
        self.folder = folder
        self._runtime = state / "runtime"
        self._token = secrets.token_hex(8)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        settings = state / "settings"
        for name, content in SETTINGS.items():
            (settings / name).parent.mkdir(parents=True, exist_ok=True)
            (settings / name).write_text(json.dumps(content), encoding="utf-8")
        python = environment_without(without, state / "env") if without else sys.executable
        command = [
            str(python),
            "-m",
            MODULES[app],
            "--no-browser",
            "--allow-root",
            f"--port={self._port}",
        ]
        command += [
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self._token}",
            str(folder),
        ]
        env = {
            **os.environ,
            "JUPYTER_CONFIG_DIR": str(state / "config"),
            "JUPYTER_DATA_DIR": str(state / "data"),
            "JUPYTER_RUNTIME_DIR": str(self._runtime),
            "JUPYTERLAB_SETTINGS_DIR": str(settings),
            "JUPYTERLAB_WORKSPACES_DIR": str(state / "workspaces"),
            "IPYTHONDIR": str(state / "ipython"),
        }
        self.log = state / "server.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=env)

    def url(self, notebook: str) -> str:
        """Address under which a person opens a notebook of the folder."""
        return f"http://127.0.0.1:{self._port}/{PATHS[self.app]}/{notebook}?token={self._token}"

    def is_up(self) -> bool:
        """Whether the server answers.

        Raises:
            RuntimeError: it ended; with its log.
        """
        if self._process.poll() is not None:
            raise RuntimeError(self.log.read_text(encoding="utf-8"))
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self._port}/api/status?token={self._token}", timeout=5
            ):
                return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def kernel_state(self) -> str:
        """What the server takes its only kernel to be doing."""
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self._port}/api/kernels?token={self._token}", timeout=30
        ) as answer:
            (kernel,) = json.load(answer)
        return str(kernel["execution_state"])

    def stop(self) -> None:
        """Ends the server and its kernels."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def connection_file(self) -> str:
        """That of the newest kernel."""
        return str(max(self._runtime.glob("kernel-*.json"), key=lambda path: path.stat().st_mtime))

    def evaluate(self, expression: str) -> Any:
        """Value of a Python expression in the newest kernel, by way of JSON; waits for a cell."""
        client = BlockingKernelClient(connection_file=self.connection_file())
        client.load_connection_file()
        client.start_channels()
        try:
            client.wait_for_ready(60)
            request = client.execute(
                "",
                silent=True,
                user_expressions={"value": f"__import__('json').dumps({expression})"},
            )
            reply = client.get_shell_msg(timeout=120)
            while reply["parent_header"].get("msg_id") != request:
                reply = client.get_shell_msg(timeout=120)
            answer = reply["content"]["user_expressions"]["value"]
            assert answer["status"] == "ok", answer
            return json.loads(ast.literal_eval(answer["data"]["text/plain"]))
        finally:
            client.stop_channels()


def environment_without(packages: Sequence[str], folder: Path) -> Path:
    """The Python of an environment that has what this one has, but for these packages' page parts.

    A server that runs there and a kernel that has everything are two environments to the page.
    """
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    here = sysconfig.get_path("purelib")
    # As a site directory: only of those the files are read that make packages editable.
    (site / "here.pth").write_text(f"import site; site.addsitedir({here!r})")
    there = Path(sys.prefix) / "share" / "jupyter"
    missing = {PARTS[package] for package in packages}
    for part in (*there.glob("labextensions/*"), *there.glob("labextensions/@*/*"), there / "lab"):
        name = part.relative_to(there)
        if str(name).removeprefix("labextensions/") in missing or part.name == "@jupyter-widgets":
            continue
        (folder / "share" / "jupyter" / name).parent.mkdir(parents=True, exist_ok=True)
        if not (folder / "share" / "jupyter" / name).exists():
            (folder / "share" / "jupyter" / name).symlink_to(part)
    return folder / "bin" / "python"


@contextmanager
def serving(app: App, state: Path, without: Sequence[str] = ()) -> Iterator[JupyterServer]:
    """A server that answers; it is stopped at the end.

    Args:
        app: what it shows notebooks in.
        state: a folder for all that it keeps, in which ``served`` is made for its notebooks.
        without: as for ``JupyterServer``.
    """
    folder = state / "served"
    folder.mkdir()
    server = JupyterServer(app, folder, state, without)
    try:
        wait_until(server.is_up, f"{MODULES[app]} to start")
        yield server
    finally:
        server.stop()
