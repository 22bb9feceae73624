"""A run in a file: as a page, as an image, as a table.

A table has one row a step, and one column a scalar or a layer's metric, named ``scalar:loss`` and
``grad_rms:body.0``. Of a step that was not sampled the loss alone is known. A row may stand for
several steps of a long run; then it has their mean. What was not measured is empty, a NaN of the
run is ``nan``.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradwidget.metrics import METRICS
from gradwidget.record.every_step import EveryStep, every_step
from gradwidget.run.format.encode import number
from gradwidget.run.run_file_error import RunFileError
from gradwidget.view.export.write import write_page, write_png, write_svg
from gradwidget.wording import visible

if TYPE_CHECKING:
    from gradwidget.run.run import Run

Column = tuple[str, NDArray[Any], NDArray[np.bool_]]
"""Its name, its values, and where they were measured."""


def _rows(run: Run) -> EveryStep:
    losses = run.history.losses
    return every_step(run.history.steps, losses.steps, losses.means)


def _columns(run: Run, rows: EveryStep) -> Iterator[Column]:
    history, at = run.history, rows.of_columns

    def spread(name: str, values: NDArray[Any], known: NDArray[np.bool_]) -> Column:
        is_known = np.zeros(len(rows.steps), np.bool_)
        is_known[at] = known
        return name, rows.spread(values), is_known

    measured = history.scalars_measured
    for name, values in sorted(run.scalars.items()):
        if name == "loss" and rows.has_loss.any():
            yield "scalar:loss", rows.loss, rows.has_loss
        else:
            yield spread(f"scalar:{visible(name)}", values, measured[name])
    for metric in METRICS:
        if metric in history:
            table, known = history[metric], history.measured(metric)
            for place, layer in enumerate(history.layers):
                name = f"{metric}:{visible(layer.name)}"
                yield spread(name, table[:, place], known[:, place])


def to_csv(run: Run, path: str) -> None:
    """Writes the table as CSV.

    Raises:
        OSError: the file cannot be written.
    """
    rows = _rows(run)
    columns = list(_columns(run, rows))
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["step", *(name for name, _, _ in columns)])
        for row, step in enumerate(rows.steps.tolist()):
            cells = (values[row] if known[row] else "" for _, values, known in columns)
            writer.writerow([step, *cells])


def to_json(run: Run, path: str) -> None:
    """Writes the table as JSON, column by column; null where nothing was measured.

    Raises:
        OSError: the file cannot be written.
    """
    rows = _rows(run)
    table = {
        "steps": rows.steps.tolist(),
        "columns": {
            name: [
                number(value) if is_known else None
                for value, is_known in zip(values.tolist(), known.tolist(), strict=True)
            ]
            for name, values, known in _columns(run, rows)
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

        rows = _rows(run)
        columns = _columns(run, rows)
        table = {name: np.where(known, values, math.nan) for name, values, known in columns}
        index = pd.Index(rows.steps, name="step")
        pd.DataFrame(table, index=index).to_parquet(path)
    except ImportError:
        message = "Parquet takes two packages more: pip install pandas pyarrow. --csv takes none."
        raise ImportError(message) from None


def to_html(run: Run, path: str) -> None:
    """Writes the run as one page, as ``GradMonitor.to_html`` does.

    Raises:
        OSError: the file cannot be written.
    """
    write_page(path, run, run.model_class, run.changes)


def to_svg(run: Run, path: str) -> None:
    """Writes the last state as an image, as ``GradMonitor.to_svg`` does.

    Raises:
        OSError: the file cannot be written.
        RunFileError: nothing was measured yet.
    """
    _to_image(write_svg, run, path)


def to_png(run: Run, path: str) -> None:
    """Writes the same image as PNG, as ``GradMonitor.to_png`` does.

    Raises:
        ImportError: resvg-py is not installed.
        OSError: the file cannot be written.
        RunFileError: nothing was measured yet.
    """
    _to_image(write_png, run, path)


def _to_image(write: Callable[[str, Run, str], None], run: Run, path: str) -> None:
    try:
        write(path, run, run.model_class)
    except ValueError as error:
        raise RunFileError(str(error)) from None


FORMATS = {
    "html": to_html,
    "svg": to_svg,
    "png": to_png,
    "csv": to_csv,
    "json": to_json,
    "parquet": to_parquet,
}
"""What writes each format."""
