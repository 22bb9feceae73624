"""Fresh weights for named layers, with the gain that fits their activation function."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.layer_names import listing
from gradwidget.frame import Layer
from gradwidget.wording import names

RECTIFIERS = ("relu", "leaky_relu", "gelu", "silu", "elu", "selu", "softplus", "mish", "hardswish")
"""Activation functions that pass half of their inputs: for Kaiming weights (arXiv 1502.01852)."""

RECURRENT = ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell")


def reinitialize(layers: Sequence[Layer], why: str) -> Remedy | None:
    """Kaiming for ReLU and its like, Xavier for tanh, sigmoid or none, orthogonal for recurrent.

    None where none of the layers has a weight matrix.
    """
    schemes: dict[str, list[str]] = {}
    for layer in layers:
        if any(len(shape) > 1 for shape in layer.shapes.values()):
            schemes.setdefault(_scheme(layer), []).append(layer.name)
    if not schemes:
        return None
    chosen = [name for group in schemes.values() for name in group]
    return Remedy(
        title=f"Reinitialize {names(chosen)}",
        why=why,
        code=_code(schemes),
        action={
            "kind": "reinitialize",
            "layers": {name: kind for kind, group in schemes.items() for name in group},
        },
    )


def _scheme(layer: Layer) -> str:
    """``"kaiming"``, ``"xavier_tanh"``, ``"xavier"`` or ``"orthogonal"``."""
    if layer.kind in RECURRENT:
        return "orthogonal"
    if layer.activation in RECTIFIERS:
        return "kaiming"
    return "xavier_tanh" if layer.activation == "tanh" else "xavier"


_SETTERS = {
    "kaiming": 'torch.nn.init.kaiming_normal_(parameter, nonlinearity="relu")',
    "xavier_tanh": (
        'torch.nn.init.xavier_uniform_(parameter, gain=torch.nn.init.calculate_gain("tanh"))'
    ),
    "xavier": "torch.nn.init.xavier_uniform_(parameter)",
    "orthogonal": "torch.nn.init.orthogonal_(parameter)",
}


def _code(schemes: dict[str, list[str]]) -> str:
    blocks = []
    for scheme, group in schemes.items():
        blocks.append(f"""\
for name in {listing(group)}:
    for parameter in model.get_submodule(name).parameters(recurse=False):
        with torch.no_grad():
            if parameter.dim() > 1:
                {_SETTERS[scheme]}
            else:
                parameter.zero_()
        optimizer.state.pop(parameter, None)  # momentum of the old weights
""")
    return "".join(blocks)
