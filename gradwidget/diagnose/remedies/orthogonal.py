"""Orthogonal recurrent weights, which keep the size of the state."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import listing
from gradwidget.frame import Layer

TANH_GAIN = 1.2
"""Scale of an orthogonal matrix under tanh: what makes up for slopes below 1.

Of 1 to 1.5, with it a state of 24 units kept one symbol over 30 and 50 time steps most often.
"""


def orthogonal(layers: Sequence[Layer], *, grows: bool) -> Remedy | None:
    """Makes the weights from state to state orthogonal; None where there is no recurrent layer.

    Args:
        layers: those concerned.
        grows: whether the gradient grows along time, or fades.
    """
    recurrent = [
        layer.name
        for layer in layers
        if layer.is_module and {"weight_hh_l0", "weight_hh"} & layer.shapes.keys()
    ]
    if not recurrent:
        return None
    return Remedy(
        title="Make the recurrent weights orthogonal",
        why="An orthogonal matrix neither stretches nor shrinks the gradient at a time step "
        "(arXiv 1312.6120).",
        code=f"""\
for name in {listing(recurrent)}:
    layer = model.get_submodule(name)
{_gain(grows=grows)}
    for key, weight in layer.named_parameters(recurse=False):
        if key.startswith("weight_hh"):
            for block in weight.data.split(weight.shape[1]):  # one square block per gate
                torch.nn.init.orthogonal_(block, gain)
            optimizer.state.pop(weight, None)
""",
    )


def _gain(*, grows: bool) -> str:
    if grows:
        return "    gain = 1.0"
    return f"""\
    # The slopes of tanh are below 1, which a little more than 1 makes up for.
    gain = {TANH_GAIN} if getattr(layer, "nonlinearity", "") == "tanh" else 1.0"""
