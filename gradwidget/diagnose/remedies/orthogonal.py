"""Orthogonal recurrent weights, which keep the size of the state."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.layer_names import listing
from gradwidget.frame import Layer


def orthogonal(layers: Sequence[Layer]) -> Remedy | None:
    """Makes the weights from state to state orthogonal; None where there is no recurrent layer."""
    recurrent = [
        layer.name for layer in layers if {"weight_hh_l0", "weight_hh"} & layer.shapes.keys()
    ]
    if not recurrent:
        return None
    return Remedy(
        title="Make the recurrent weights orthogonal",
        why="An orthogonal matrix neither stretches nor shrinks the gradient at a time step "
        "(arXiv 1312.6120).",
        code=f"""\
for name in {listing(recurrent)}:
    for key, weight in model.get_submodule(name).named_parameters(recurse=False):
        if key.startswith("weight_hh"):
            for block in weight.data.split(weight.shape[1]):  # one square block per gate
                torch.nn.init.orthogonal_(block)
            optimizer.state.pop(weight, None)
""",
    )
