"""Fixes for recurrent layers: a gated cell, and weights that keep the size of the state."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.listing import listing
from gradwidget.frame import Layer


def gated_cell(layers: Sequence[Layer]) -> Remedy | None:
    """A GRU in place of a plain RNN, a GRUCell in place of an RNNCell; None where there is neither
    among the layers.
    """
    plain = [
        layer.name
        for layer in layers
        if layer.kind in ("RNN", "RNNCell") and layer.name != "(root)"
    ]
    if not plain:
        return None
    return Remedy(
        title="Use a gated cell (GRU)",
        why="Its gates let the state, and so the gradient, pass over many time steps unchanged.",
        code=f"""\
added = []
for name in {listing(plain)}:
    old = model.get_submodule(name)
    if isinstance(old, torch.nn.RNNCell):
        new = torch.nn.GRUCell(old.input_size, old.hidden_size, bias=old.bias)
    else:
        new = torch.nn.GRU(
            old.input_size, old.hidden_size, old.num_layers, bias=old.bias, batch_first=old.batch_first,
            dropout=old.dropout, bidirectional=old.bidirectional,
        )
    new.to(next(old.parameters()))
    hidden = old.hidden_size
    with torch.no_grad():
        for key, bias in new.named_parameters():
            if key.startswith("bias_ih"):
                bias[hidden : 2 * hidden] = 3.0  # the update gate starts by keeping 95 % of what there is
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, new)
    added += list(new.parameters())
optimizer.add_param_group({{"params": added}})
""",
    )


def remember(layers: Sequence[Layer]) -> Remedy | None:
    """Biases of an LSTM or GRU that start by keeping the state; None where there is none among the
    layers.
    """
    gated = [
        layer.name for layer in layers if layer.kind in ("LSTM", "GRU") and layer.name != "(root)"
    ]
    if not gated:
        return None
    return Remedy(
        title="Start by remembering: raise the forget-gate bias",
        why="A gate that starts half open halves the state at each step; a bias of 3 keeps 95 % (Jozefowicz 2015).",
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


def orthogonal(layers: Sequence[Layer]) -> Remedy | None:
    """Orthogonal weights from state to state; None where there is no recurrent layer."""
    recurrent = [
        layer.name for layer in layers if {"weight_hh_l0", "weight_hh"} & layer.shapes.keys()
    ]
    if not recurrent:
        return None
    return Remedy(
        title="Make the recurrent weights orthogonal",
        why="An orthogonal matrix neither stretches nor shrinks the gradient at a time step (arXiv 1312.6120).",
        code=f"""\
for name in {listing(recurrent)}:
    for key, weight in model.get_submodule(name).named_parameters(recurse=False):
        if key.startswith("weight_hh"):
            for block in weight.data.split(weight.shape[1]):  # one square block a gate
                torch.nn.init.orthogonal_(block)
            optimizer.state.pop(weight, None)
""",
    )
