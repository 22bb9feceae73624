"""Tell recurrent layers which dimension of their input is the batch."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import listing
from gradwidget.frame import Wiring


def turn_batch_first(wiring: Wiring) -> Remedy:
    """Sets ``batch_first`` of the layers that run over the samples; their weights stay."""
    _, shape, dimension, *layers = wiring.obstacles["recurs over samples"]
    flag = dimension == "0"
    right, wrong = ("out[:, -1]", "out[-1]") if flag else ("out[-1]", "out[:, -1]")
    return Remedy(
        title=f"Set batch_first={flag}",
        why=f"The input {shape} is [{'batch, time' if flag else 'time, batch'}, features]. What "
        f"forward() takes of the output over dimension {1 - int(dimension)}, such as {right}, "
        f"is then taken over time, as it is meant, and stays; {wrong} would have to become "
        f"{right}. The last state (h_n) is [layers, batch, units] either way.",
        code=f"""\
# Also where the layer is made: torch.nn.LSTM(..., batch_first={flag}), or RNN or GRU.
for name in {listing(layers)}:
    model.get_submodule(name).batch_first = {flag}
""",
    )
