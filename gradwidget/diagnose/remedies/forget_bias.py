"""Biases of an LSTM or GRU that start by keeping the state."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.layer_names import listing
from gradwidget.frame import Layer


def forget_bias(layers: Sequence[Layer]) -> Remedy | None:
    """Raises the bias of the gate that keeps the state; None where there is no LSTM or GRU."""
    gated = [
        layer.name for layer in layers if layer.kind in ("LSTM", "GRU") and layer.name != "(root)"
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
        for key, bias in layer.named_parameters():
            if key.startswith("bias_ih"):
                # The second of the gates: forget in an LSTM, update (keep) in a GRU.
                bias[hidden : 2 * hidden] = 3.0
""",
    )
