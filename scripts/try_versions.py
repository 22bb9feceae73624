"""Runs the quick tests on other versions of Python and PyTorch than the ones developed with.

``.venv/bin/python scripts/try_versions.py [PYTHON[=TORCH] …]``, such as ``3.10=2.4.0 3.13``;
without arguments, ``MATRIX``. Where no torch is named it is the one of constraints.txt. Each Python
has to be installed (``python3.13`` on the path, or by pyenv). An environment takes gigabytes where
pip brings PyTorch with CUDA; it lies in ``build/versions`` and is used again.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "build" / "versions"

MATRIX = ("3.10=2.4.0", "3.10", "3.11", "3.12", "3.13")
"""The oldest Python with the oldest torch that is allowed, then every Python."""

VERSIONS = """
import platform, numpy, torch
print(f"Python {platform.python_version()}, torch {torch.__version__}, numpy {numpy.__version__}")
"""


def main() -> int:
    """Tries each pair and prints a line for it; 1 where one failed."""
    lines, failed = [], False
    with tempfile.TemporaryDirectory() as folder:
        _run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ".")
        wheel = next(Path(folder).glob("*.whl"))
        for pair in sys.argv[1:] or MATRIX:
            python, _, torch = pair.partition("=")
            interpreter = _environment(python, torch, wheel)
            passed, summary = _tests(interpreter)
            failed |= not passed
            lines.append(f"{_run(interpreter, '-c', VERSIONS)}: {summary}")
            print(lines[-1], flush=True)
    print("\n".join(["", *lines]))
    return int(failed)


def _environment(python: str, torch: str, wheel: Path) -> Path:
    """The interpreter of an environment with the wheel and what its tests import."""
    folder = FOLDER / (f"{python}-{torch}" if torch else python)
    interpreter = folder / "bin" / "python"
    if not interpreter.exists():
        _run(_found(python), "-m", "venv", folder)
    install = (interpreter, "-m", "pip", "install", "--quiet")
    chosen = [f"torch=={torch}"] if torch else ["--constraint", "constraints.txt"]
    _run(*install, "--upgrade", "pip")
    _run(*install, *chosen, "--group", "test", wheel)
    return interpreter


def _found(python: str) -> str | Path:
    """The command of a Python of this version, such as 3.13."""
    by_pyenv = sorted((Path.home() / ".pyenv" / "versions").glob(f"{python}.*/bin/python"))
    found = by_pyenv[-1] if by_pyenv else shutil.which(f"python{python}")
    if found is None:
        message = f"There is no Python {python} here: install it, or name the others."
        raise SystemExit(message)
    return found


def _tests(interpreter: Path) -> tuple[bool, str]:
    """Whether the quick tests passed, and pytest's last line; all of it lies in tests.txt."""
    command = [
        *("-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", "-p", "no:cacheprovider"),
        *("-m", "not browser and not zoo and not slow", "--loops", "5"),
    ]
    log = interpreter.parent.parent / "tests.txt"
    with log.open("w") as output:
        ran = subprocess.run([interpreter, *command], cwd=ROOT, check=False, stdout=output)  # noqa: S603 - our own tests
    return ran.returncode == 0, log.read_text().strip().splitlines()[-1].strip("= ")


def _run(*command: str | Path) -> str:
    ran = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - the fixed commands above
    return ran.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
