"""Fresh weights for named layers, with the gain that fits their activation function."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import listing
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
    of_modules: dict[str, list[str]] = {}
    of_others: dict[str, list[str]] = {}
    for layer in layers:
        weights = [name for name, shape in layer.shapes.items() if len(shape) > 1]
        if weights and layer.is_module:
            of_modules.setdefault(_scheme(layer), []).append(layer.name)
        elif weights:
            # What is beside them may be a bias, which starts at 0, or a gain, which must not.
            of_others.setdefault(_scheme(layer), []).extend(weights)
    for kind in (of_modules, of_others):
        for scheme, group in kind.items():
            schemes.setdefault(scheme, []).extend(group)
    if not schemes:
        return None
    chosen = [name for group in schemes.values() for name in group]
    return Remedy(
        title=f"Reinitialize {names(chosen)}",
        why=why,
        code=_code(of_modules, of_others),
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


def _code(of_modules: dict[str, list[str]], of_others: dict[str, list[str]]) -> str:
    blocks = []
    for scheme, group in of_modules.items():
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
    for scheme, group in of_others.items():
        blocks.append(f"""\
for name in {listing(group)}:
    parameter = model.get_parameter(name)
    with torch.no_grad():
        {_SETTERS[scheme]}
    optimizer.state.pop(parameter, None)  # momentum of the old weights
""")
    return "".join(blocks)
