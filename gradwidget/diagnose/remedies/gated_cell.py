"""A gated cell instead of a plain recurrent one."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import give_to_optimizer, listing
from gradwidget.frame import ROOT, Layer


def gated_cell(layers: Sequence[Layer]) -> Remedy | None:
    """A GRU instead of an RNN, a GRUCell instead of an RNNCell; None where there is neither."""
    plain = [
        layer.name for layer in layers if layer.kind in ("RNN", "RNNCell") and layer.name != ROOT
    ]
    if not plain:
        return None
    return Remedy(
        title="Use a gated cell (GRU)",
        why="Its gates can pass the state, and so the gradient, over many time steps unchanged.",
        code=f"""\
added = []
for name in {listing(plain)}:
    old = model.get_submodule(name)
    if isinstance(old, torch.nn.RNNCell):
        new = torch.nn.GRUCell(old.input_size, old.hidden_size, bias=old.bias)
    else:
        new = torch.nn.GRU(
            old.input_size, old.hidden_size, old.num_layers, bias=old.bias,
            batch_first=old.batch_first, dropout=old.dropout, bidirectional=old.bidirectional,
        )
    new.to(next(old.parameters()))
    hidden = old.hidden_size
    with torch.no_grad():
        for key, bias in new.named_parameters():
            if key.startswith("bias_ih"):
                bias[hidden : 2 * hidden] = 3.0  # the update gate starts by keeping 95%
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, new)
    added += list(new.parameters())
{give_to_optimizer("added")}
""",
    )
