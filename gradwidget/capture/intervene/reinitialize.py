"""Fresh weights for named layers of a model in training, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from gradwidget.action import Scheme
from gradwidget.capture.intervene.snapshot import Snapshot
from gradwidget.frame import ROOT


def _orthogonal(weight: Tensor) -> None:
    # The decomposition behind it knows no half precision.
    fresh = torch.empty_like(weight, dtype=torch.promote_types(weight.dtype, torch.float32))
    weight.copy_(nn.init.orthogonal_(fresh))


SETTERS: Mapping[Scheme, Callable[[Tensor], object]] = {
    "kaiming": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
    "xavier_tanh": lambda weight: nn.init.xavier_uniform_(
        weight, gain=nn.init.calculate_gain("tanh")
    ),
    "xavier": nn.init.xavier_uniform_,
    "orthogonal": _orthogonal,
}
"""How each scheme draws a weight (arXiv 1502.01852; Glorot and Bengio 2010; arXiv 1312.6120)."""

Drawn = tuple[nn.Parameter, Scheme, str]
"""A parameter, the scheme of its layer, and its name there."""


def reinitialize(
    model: nn.Module, layers: Mapping[str, Scheme], optimizers: Sequence[Optimizer]
) -> Callable[[], None]:
    """Draws fresh weights, zeroes biases, sets scales to one, and clears their optimizer state.

    Values change in place, so that tied weights, views and optimizers stay what they were. Random
    numbers are drawn from torch's own generators, as ``nn.init`` does.

    Args:
        model: the model.
        layers: scheme by the name of a layer, ``"(root)"`` for parameters of the model itself, or
            by that of a parameter.
        optimizers: those that train it.

    Returns:
        A function that puts back the values and the optimizer state of this moment.

    Raises:
        ValueError: a layer is missing, or has no weight to draw. Nothing has been changed then.
    """
    drawn = [
        (parameter, layers[name], local)
        for name in layers
        for local, parameter in _own(model, name)
    ]
    before = Snapshot([parameter for parameter, _, _ in drawn], optimizers)
    with before.or_nothing("fresh weights could not be drawn", *_random_states(drawn)):
        _draw(drawn)
        before.clear_states()
    return before.put_back


def _draw(drawn: Sequence[Drawn]) -> None:
    with torch.no_grad():
        for parameter, scheme, local in drawn:
            if parameter.dim() > 1:
                SETTERS[scheme](parameter)
            elif local == "weight":
                parameter.fill_(1.0)
            else:
                parameter.zero_()


def _random_states(drawn: Sequence[Drawn]) -> list[Callable[[], object]]:
    """Functions that set the generators that are drawn from back to this moment."""
    cpu = torch.get_rng_state()
    restores: list[Callable[[], object]] = [lambda: torch.set_rng_state(cpu)]
    for device in {parameter.device for parameter, _, _ in drawn if parameter.is_cuda}:
        state = torch.cuda.get_rng_state(device)
        restores.append(partial(torch.cuda.set_rng_state, state, device))
    return restores


def _own(model: nn.Module, name: str) -> list[tuple[str, nn.Parameter]]:
    try:
        module = model.get_submodule("" if name == ROOT else name)
    except AttributeError:
        parameter = _parameter(model, name)
        if parameter is not None:
            return [(name, parameter)]
        message = f"the model has no layer {name!r} any more"
        raise ValueError(message) from None
    own = list(module.named_parameters(recurse=False))
    if hasattr(module, "parametrizations") or hasattr(module, "weight_g"):
        message = (
            f"the weight of {name!r} is computed by a parametrization; "
            "draw the weights that it is computed from"
        )
        raise ValueError(message)
    if any(is_lazy(parameter) for _, parameter in own):
        message = f"{name!r} has not seen an input yet, so its weights do not exist"
        raise ValueError(message)
    if not any(parameter.dim() > 1 for _, parameter in own):
        message = f"{name!r} has no weight matrix to draw"
        raise ValueError(message)
    return own


def _parameter(model: nn.Module, name: str) -> nn.Parameter | None:
    """A parameter that can be drawn, by its name in the model; None where there is none."""
    try:
        parameter = model.get_parameter(name)
    except AttributeError:
        return None
    return parameter if parameter.dim() > 1 and not is_lazy(parameter) else None
