"""Fresh weights for named layers of a model in training, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from gradwidget.action import Scheme

SETTERS: Mapping[Scheme, Callable[[Tensor], object]] = {
    "kaiming": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
    "xavier_tanh": lambda weight: nn.init.xavier_uniform_(
        weight, gain=nn.init.calculate_gain("tanh")
    ),
    "xavier": nn.init.xavier_uniform_,
    "orthogonal": nn.init.orthogonal_,
}
"""How each scheme draws a weight (arXiv 1502.01852; Glorot and Bengio 2010; arXiv 1312.6120)."""


def reinitialize(
    model: nn.Module, layers: Mapping[str, Scheme], optimizers: Sequence[Optimizer]
) -> Callable[[], None]:
    """Draws weights anew, zeroes biases, sets scales to one, and clears what optimizers remember of
    them.

    Values change in place, so that tied weights, views and optimizers stay what they were. Random
    numbers are drawn from torch's own generator, as ``nn.init`` does.

    Args:
        model: the model.
        layers: scheme by layer name, ``"(root)"`` for parameters of the model itself.
        optimizers: those that train it.

    Returns:
        A function that puts back the values and the optimizer state of this moment.

    Raises:
        ValueError: a layer is not there, or has no weight to draw. Nothing has been changed then.
    """
    drawn = [
        (parameter, layers[name], local)
        for name in layers
        for local, parameter in _own(model, name)
    ]
    values = [(parameter, parameter.detach().clone()) for parameter, _, _ in drawn]
    states: list[tuple[Optimizer, Tensor, Any]] = []
    with torch.no_grad():
        for parameter, scheme, local in drawn:
            if parameter.dim() > 1:
                SETTERS[scheme](parameter)
            elif local == "weight":
                parameter.fill_(1.0)
            else:
                parameter.zero_()
    for optimizer in optimizers:
        for parameter, _, _ in drawn:
            if parameter in optimizer.state:
                states.append((optimizer, parameter, optimizer.state.pop(parameter)))

    def undo() -> None:
        with torch.no_grad():
            for parameter, value in values:
                parameter.copy_(value)
        for optimizer, owner, state in states:
            optimizer.state[owner] = state

    return undo


def _own(model: nn.Module, name: str) -> list[tuple[str, nn.Parameter]]:
    try:
        module = model.get_submodule("" if name == "(root)" else name)
    except AttributeError:
        message = f"the model has no layer {name!r} any more"
        raise ValueError(message) from None
    own = list(module.named_parameters(recurse=False))
    if hasattr(module, "parametrizations") or hasattr(module, "weight_g"):
        message = f"the weight of {name!r} is computed by a parametrisation; draw the weights that it is computed from"
        raise ValueError(message)
    if any(is_lazy(parameter) for _, parameter in own):
        message = f"{name!r} has not seen an input yet, so its weights do not exist"
        raise ValueError(message)
    if not any(parameter.dim() > 1 for _, parameter in own):
        message = f"{name!r} has no weight matrix to draw"
        raise ValueError(message)
    return own
