"""A run's history as a table in a file: one row a step, one column a scalar or a layer's metric.

The columns are named ``scalar:loss`` and ``grad_rms:body.0``. A row may stand for several steps of
a long run; then it has their mean. What was not measured is empty, a NaN of the run is ``nan``.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradwidget.metrics import METRICS
from gradwidget.run.format.encode import number
from gradwidget.wording import visible

if TYPE_CHECKING:
    from gradwidget.run.run import Run

Column = tuple[str, NDArray[Any], NDArray[np.bool_]]
"""Its name, its values, and where they were measured."""


def _columns(run: Run) -> Iterator[Column]:
    history = run.history
    measured = history.scalars_measured
    for name, values in sorted(run.scalars.items()):
        yield f"scalar:{visible(name)}", values, measured[name]
    for metric in METRICS:
        if metric in history:
            rows, known = history[metric], history.measured(metric)
            for place, layer in enumerate(history.layers):
                yield f"{metric}:{visible(layer.name)}", rows[:, place], known[:, place]


def to_csv(run: Run, path: str) -> None:
    """Writes the table as CSV.

    Raises:
        OSError: the file cannot be written.
    """
    columns = list(_columns(run))
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["step", *(name for name, _, _ in columns)])
        for row, step in enumerate(run.history.steps.tolist()):
            cells = (values[row] if known[row] else "" for _, values, known in columns)
            writer.writerow([step, *cells])


def to_json(run: Run, path: str) -> None:
    """Writes the table as JSON, column by column; null where nothing was measured.

    Raises:
        OSError: the file cannot be written.
    """
    table = {
        "steps": run.history.steps.tolist(),
        "columns": {
            name: [
                number(value) if is_known else None
                for value, is_known in zip(values.tolist(), known.tolist(), strict=True)
            ]
            for name, values, known in _columns(run)
        },
    }
    with Path(path).open("w", encoding="utf-8") as file:
        json.dump(table, file)


def to_parquet(run: Run, path: str) -> None:
    """Writes the table as Parquet.

    Raises:
        ImportError: pandas or what it writes Parquet with is not installed.
        OSError: the file cannot be written.
    """
    try:
        import pandas as pd  # type: ignore[import-untyped]  # noqa: PLC0415  # no types; nothing else here needs it

        table = {name: np.where(known, values, math.nan) for name, values, known in _columns(run)}
        index = pd.Index(run.history.steps, name="step")
        pd.DataFrame(table, index=index).to_parquet(path)
    except ImportError:
        message = "Parquet takes two packages more: pip install pandas pyarrow. --csv takes none."
        raise ImportError(message) from None


FORMATS = {"csv": to_csv, "json": to_json, "parquet": to_parquet}
"""What writes each format."""
