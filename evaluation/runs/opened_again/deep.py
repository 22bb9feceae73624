"""Deep plain nets: how they are drawn, what lies between layers, and what of them is trained."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from evaluation.runs.data import Batches, digits
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import linears, names_of, stack, tower
from evaluation.runs.run import Conditions, Training, healthy, sick


@sick(200, cause="vanishing_gradients", vanishing_gradients="*")
def plain_as_torch_draws_it(c: Conditions) -> Training:
    """Twenty-four ReLU layers, drawn as ``nn.Linear`` draws them: each keeps a sixth of power."""
    model = stack(tower(c, 24, 32), nn.ReLU, gain=None if c.sick else 2**0.5)
    return supervised(c, model, c.adam(model, 1e-3), digits(c), chain=names_of(model))


@sick(250, cause="plateau", cure="person", plateau="")
def layers_with_nothing_between(c: Conditions) -> Training:
    """Four linear layers and no activation, on a question that no line can answer."""
    generator = torch.Generator().manual_seed(c.seed)
    x = torch.randn(2000, 2, generator=generator)
    batches = Batches(x, (x[:, 0] * x[:, 1] > 0).long(), c.batch(64), c.seed)
    widths = [2, *[c.width(32)] * 3, 2]
    model = stack(widths, nn.Identity if c.sick else nn.ReLU)
    return supervised(c, model, c.adam(model, 5e-3), batches, chain=names_of(model))


@sick(250, cause=("plateau", "collapsed_outputs"), cure="person", plateau="")
def backbone_frozen_but_never_loaded(c: Conditions) -> Training:
    """Ten layers are frozen as pretrained ones, but they are as torch drew them; a head learns."""
    batches = digits(c)
    body = stack(tower(c, 9, 32, outputs=16), nn.ReLU, gain=None if c.sick else 2**0.5)
    model = nn.Sequential(body, nn.Linear(16, 10))
    if not c.sick:
        known = torch.optim.Adam(model.parameters(), lr=2e-3)
        for number in range(150):
            known.zero_grad()
            x, y = batches[10_000 + number]
            functional.cross_entropy(model(x), y).backward()
            known.step()
    body.requires_grad_(requires_grad=False)
    return supervised(c, model, c.adam(model, 3e-3), batches)


def _rates_by_depth(c: Conditions, factor: float) -> Training:
    """Seven layers, each at that factor of the rate of the next."""
    model = stack(tower(c, 6, 64), nn.ReLU, gain=2**0.5)
    layers = linears(model)
    groups = [
        {"params": list(layer.parameters()), "lr": c.rate(3e-3) * factor ** (len(layers) - 1 - i)}
        for i, layer in enumerate(layers)
    ]
    optimizer = torch.optim.Adam(groups, lr=3e-3)
    return supervised(c, model, optimizer, digits(c), chain=names_of(model))


@sick(200, cause="early_layers_frozen", early_layers_frozen="[024]")
def rates_a_tenth_per_layer(c: Conditions) -> Training:
    """Each layer has a tenth of the rate of the next: a factor of 0.9 was meant."""
    return _rates_by_depth(c, 0.1 if c.sick else 0.9)


@healthy(250)
def rates_four_fifths_per_layer(c: Conditions) -> Training:
    """Rates that fall gently toward the input: the first layer has a quarter of the last one's."""
    return _rates_by_depth(c, 0.8)


def _all_one_number(model: nn.Module) -> None:
    for name, one in model.named_parameters():
        nn.init.constant_(one, 0.05 if name.endswith("weight") else 0.0)


@sick(300, cause="collapsed_outputs", collapsed_outputs="[02]")
def weights_that_are_one_constant(c: Conditions) -> Training:
    """Every weight starts at 0.05, every bias at 0: all units of a layer stay the same."""
    model = stack(tower(c, 2, 64), nn.ReLU)
    if c.sick:
        _all_one_number(model)
    return supervised(c, model, c.adam(model, 2e-3), digits(c), chain=names_of(model))


@healthy(300)
def last_layer_of_one_constant(c: Conditions) -> Training:
    """Only the last layer starts at a constant: its targets tell its units apart at once."""
    model = stack(tower(c, 2, 64), nn.ReLU)
    _all_one_number(linears(model)[-1])
    return supervised(c, model, c.adam(model, 2e-3), digits(c), chain=names_of(model))
