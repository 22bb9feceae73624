"""Biases of an LSTM or GRU that start by keeping the state."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.action import KEEPING
from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import listing
from gradwidget.frame import ROOT, Layer

GATED_KINDS = ("LSTM", "GRU", "LSTMCell", "GRUCell")
"""Layers with a gate that keeps the state: no other has a bias that could open it."""


def forget_bias(layers: Sequence[Layer]) -> Remedy | None:
    """Raises the bias of the gate that keeps the state; None where there is none with biases."""
    gated = [
        layer.name
        for layer in layers
        if layer.kind in GATED_KINDS
        and layer.name != ROOT
        and any(key.startswith("bias_ih") for key in layer.shapes)
    ]
    if not gated:
        return None
    return Remedy(
        title="Start by remembering: raise the forget gate bias",
        why="A gate that starts half open halves the state at each time step; a bias of 3 keeps "
        "95% (Jozefowicz 2015).",
        code=f"""\
for name in {listing(gated)}:
    layer = model.get_submodule(name)
    hidden = layer.hidden_size
    with torch.no_grad():
        for key, bias in layer.named_parameters(recurse=False):
            if key.startswith("bias"):
                # The second of the gates: forget in an LSTM, update (keep) in a GRU. Of its two
                # biases, which are added, one is enough.
                bias[hidden : 2 * hidden] = {KEEPING} if key.startswith("bias_ih") else 0.0
                optimizer.state.pop(bias, None)
""",
        action={"kind": "raise_forget_bias", "layers": gated},
    )
