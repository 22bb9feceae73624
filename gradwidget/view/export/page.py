"""A run as one page: the picture with travel in time, for a browser and nothing else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gradwidget.view.export.packing import packed
from gradwidget.view.export.rounding import rounded_arrays
from gradwidget.view.protocol.arrays import TICK_COLUMNS
from gradwidget.view.protocol.codec import decode, encode
from gradwidget.view.protocol.messages import ControlState, Snapshot
from gradwidget.view.protocol.to_messages import change_info
from gradwidget.view.updates import Source, Updates
from gradwidget.wording import visible

if TYPE_CHECKING:
    from gradwidget.control.control import Change

STATIC = Path(__file__).parents[2] / "static"

LAYER_BYTES = 6_000
"""What the packed history may take for each layer: some hundred steps of every metric."""
LEAST_BYTES = 640_000
"""What it may take however few the layers are: as base64, and with the picture, that is 0.95 MB."""
SLACK = 0.95

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main></main>
<noscript><p>This page draws its picture with JavaScript, which is switched off here.</p></noscript>
<script type="text/plain" id="gradwidget-run">{run}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def html_page(source: Source, model: str, changes: Sequence[Change] = ()) -> str:
    """One page that needs no network, and lets nothing in it reach one.

    It has the messages in it that a live page gets on opening, with fewer digits and, where there
    are many layers, fewer columns; and the same front end.

    Args:
        source: what the picture reads: of a session, or of a recorded run.
        model: class name of its model.
        changes: what was changed in the loop.

    Raises:
        FileNotFoundError: gradwidget was installed without its front end.
    """
    style, script = _front_end("exported.css"), _front_end("exported.js")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; connect-src 'none'; base-uri 'none'; form-action 'none'"
    )
    with np.errstate(all="ignore"):
        run = _packed_run(source, model, changes)
    return PAGE.format(
        policy=policy,
        title=escape(f"gradwidget: {visible(model)}"),
        style=style,
        run=b64encode(run).decode(),
        script=script,
    )


def _packed_run(source: Source, model: str, changes: Sequence[Change]) -> bytes:
    control = ControlState(
        kind="control",
        mode="closed",
        left=0,
        step=None,
        reason="",
        changes=[change_info(change) for change in changes],
        responses=[],
    )
    columns = len(source.history.steps)
    while True:
        snapshot, data = Updates(source, model, ()).snapshot(columns)
        blocks, fewer = encode(rounded_arrays(decode(snapshot["blocks"], data)))
        run = packed({**snapshot, "blocks": blocks}, fewer, control)
        most = max(LEAST_BYTES, LAYER_BYTES * len(snapshot["layers"]))
        found = _columns(snapshot)
        if len(run) <= most or found <= TICK_COLUMNS:
            return run
        columns = max(TICK_COLUMNS, int(found * SLACK * most / len(run)))


def _columns(snapshot: Snapshot) -> int:
    """Steps at which layers were measured, or stretches of such steps."""
    shapes = [block["shape"][0] for block in snapshot["blocks"] if block["part"] == "sampled"]
    return shapes[0] if shapes else 0


def _front_end(name: str) -> str:
    try:
        return (STATIC / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        message = f"the page needs gradwidget's front end, and {STATIC / name} is not there"
        raise FileNotFoundError(message) from None


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
