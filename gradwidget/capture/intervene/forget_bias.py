"""Gates of recurrent layers in training that keep the state, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.optim import Optimizer

from gradwidget.action import KEEPING, RaiseForgetBias
from gradwidget.capture.intervene.snapshot import Snapshot

Gated = nn.LSTM | nn.GRU | nn.LSTMCell | nn.GRUCell


def raise_forget_bias(
    model: nn.Module, action: RaiseForgetBias, optimizers: Sequence[Optimizer]
) -> Callable[[], None]:
    """Sets the bias of the gate that keeps the state, and clears the optimizer state of biases.

    It is the second of the gates: forget in an LSTM, update in a GRU. Of its two biases, which are
    added, one is enough, and the other becomes 0.

    Args:
        model: the model.
        action: the layers.
        optimizers: those that train it.

    Returns:
        A function that puts back the values and the optimizer state of this moment.

    Raises:
        ValueError: a layer is missing, or has no such bias. Nothing has been changed then.
    """
    gates = [gate for name in action.layers for gate in _gates(model, name)]
    before = Snapshot([bias for _, _, bias in gates], optimizers)
    with before.or_nothing("the bias could not be raised"), torch.no_grad():
        for local, hidden, bias in gates:
            bias[hidden : 2 * hidden] = KEEPING if local.startswith("bias_ih") else 0.0
        before.clear_states()
    return before.put_back


def _gates(model: nn.Module, name: str) -> list[tuple[str, int, nn.Parameter]]:
    """Name, size of the state and parameter of each bias of a layer."""
    try:
        layer = model.get_submodule(name)
    except AttributeError:
        message = f"the model has no layer {name!r} any more"
        raise ValueError(message) from None
    found = [
        (local, layer.hidden_size, bias)
        for local, bias in layer.named_parameters(recurse=False)
        if isinstance(layer, Gated) and local.startswith("bias")
    ]
    if not found:
        message = f"{name!r} has no gate with a bias that keeps its state"
        raise ValueError(message)
    return found
