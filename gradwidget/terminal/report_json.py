"""The report of a run file for machines: bounded in size, by the schema in the documentation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from gradwidget.diagnose.summary.layer_state import LayerState, layer_states
from gradwidget.metrics import METRICS
from gradwidget.report.headline import headline
from gradwidget.report.shown_rows import shown_rows
from gradwidget.run.format.encode import finding_data, number
from gradwidget.wording import cut

if TYPE_CHECKING:
    from gradwidget.diagnose.finding import Finding
    from gradwidget.run.run import Run

FORMAT = 1
MOST_LAYERS = 100
MOST_LISTED = 50
"""Findings, changes, problems and damaged places, each; of long lists the first ones are given."""
MOST_NAMES = 20
"""Layers named in one finding."""
LONGEST = 2_000
"""Characters of one text."""

Data = dict[str, object]


def report_json(run: Run, findings: Sequence[Finding]) -> str:
    """The report as JSON of at most 4 MB.

    Layers that something is wrong with come first. What was left out is counted.
    """
    history = run.history
    with np.errstate(all="ignore"):
        states = layer_states(history, findings)
        first = headline(history, findings, states, run.problems, run.thresholds.window)
    last = history.last
    return json.dumps(
        {
            "format": FORMAT,
            "run": {
                "file": run.path.name,
                "model": run.model_class,
                "versions": dict(run.versions),
                "closed": run.closed,
                "frames": history.version,
                "first_step": history.first_step,
                "last_step": None if last is None else last.step,
                "damage": run.damage[:MOST_LISTED],
            },
            "headline": first,
            **_listed("findings", [_finding(finding) for finding in findings]),
            **_layers(run, states),
            "scalars": _scalars(run),
            **_listed("changes", [asdict(change) for change in run.changes]),
            **_listed(
                "problems",
                [
                    {"where": one.where, "message": one.message, "step": one.step}
                    for one in run.problems
                ],
            ),
        }
    )


def _listed(name: str, rows: list[Data]) -> Data:
    kept = [
        {key: _cut(one) if isinstance(one, str) else one for key, one in row.items()}
        for row in rows[:MOST_LISTED]
    ]
    return {name: kept, f"{name}_left_out": len(rows) - len(kept)}


def _cut(text: str) -> str:
    return cut(text, LONGEST)


def _finding(finding: Finding) -> Data:
    data = finding_data(finding)
    data["title"] = finding.title
    data["layers"] = [_cut(name) for name in finding.layers[:MOST_NAMES]]
    data["layers_left_out"] = max(0, len(finding.layers) - MOST_NAMES)
    data["remedies"] = [
        {"title": _cut(one.title), "why": _cut(one.why), "code": _cut(one.code)}
        for one in finding.remedies[:5]
    ]
    return data


def _layers(run: Run, states: Sequence[LayerState]) -> Data:
    layers = run.history.layers
    newest = {name: run.history.newest(name) for name in METRICS if name in run.history}
    rows: list[Data] = [
        {
            "name": _cut(layers[place].name),
            "kind": _cut(layers[place].kind),
            "parameters": layers[place].parameter_count,
            "state": str(states[place]),
            "values": {
                name: number(values[place])
                for name, values in newest.items()
                if not np.isnan(values[place])
            },
        }
        for place in shown_rows(states, MOST_LAYERS)
    ]
    return {"layers": rows, "layers_left_out": len(layers) - len(rows)}


def _scalars(run: Run) -> Data:
    given: Data = {}
    for name, values in run.scalars.items():
        seen = values[run.history.scalars_measured[name]]
        finite = seen[np.isfinite(seen)]
        given[_cut(name)] = {
            "last": number(seen[-1]) if seen.size else None,
            "low": number(finite.min()) if finite.size else None,
            "high": number(finite.max()) if finite.size else None,
        }
    return given
