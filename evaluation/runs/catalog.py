"""Every run, read from the files of the architectures and of the causes."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from evaluation.runs import causes, opened, opened_again, opened_later, unseen
from evaluation.runs.run import RUNS, Run

ARCHITECTURES = (
    "mlp_sick",
    "mlp_healthy",
    "cnn",
    "recurrent",
    "transformer",
    "autoencoder",
    "gan",
)


def all_runs() -> dict[str, Run]:
    """The runs by name: by architecture first, then by cause."""
    for name in ARCHITECTURES:
        import_module(f"evaluation.runs.{name}")
    for folder in (causes, opened, opened_later, opened_again, unseen):
        for module in iter_modules(folder.__path__, f"{folder.__name__}."):
            import_module(module.name)
    return RUNS
