"""Every run, read from the files of the architectures."""

from __future__ import annotations

from importlib import import_module

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
    """The runs by name."""
    for name in ARCHITECTURES:
        import_module(f"evaluation.runs.{name}")
    return RUNS
