"""Perceptrons on numbers of a table: their scale, their first weights, their optimizer.

Written before the rules were last changed; scored only at the end.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from evaluation.runs.data import Batches, digits
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import linears, names_of, stack, tower
from evaluation.runs.run import Conditions, Training, healthy, sick


def _houses(c: Conditions) -> Batches:
    """Year, area, income and three more of 3000 houses, standardized, and a price of each."""
    generator = torch.Generator().manual_seed(c.seed)
    x = torch.randn(3000, 6, generator=generator)
    y = x[:, 0] * x[:, 1] + torch.sin(2 * x[:, 2]) + 0.5 * x[:, 3] + 0.05 * x[:, 4]
    return Batches(x, y[:, None], c.batch(64), c.seed)


@sick(250, cause="bad_inputs", bad_inputs="")
def mlp_years_and_incomes(c: Conditions) -> Training:
    """The year of building beside an income of 50,000, as they stand in the table."""
    batches = _houses(c)
    if c.sick:
        scale = torch.tensor([20.0, 60.0, 15_000.0, 1.0, 1.0, 1.0])
        offset = torch.tensor([1980.0, 150.0, 50_000.0, 3.0, 2.0, 0.0])
        batches = batches.changed(batches.x * scale + offset)
    model = stack(tower(c, 2, 48, 6, 1), nn.Tanh, gain=1.0)
    return supervised(
        c, model, c.adam(model, 5e-3), batches, functional.mse_loss, chain=names_of(model)
    )


@sick(150, cause="vanishing_gradients", vanishing_gradients="*")
def mlp_all_at_a_hundredth(c: Conditions) -> Training:
    """Six layers drawn at 0.01, since small weights are said to be safe."""
    model = stack(tower(c, 6, 48), nn.Tanh, gain=1.0)
    if c.sick:
        for layer in linears(model):
            nn.init.normal_(layer.weight, std=0.01)
    return supervised(c, model, c.sgd(model, 0.05, momentum=0.9), digits(c), chain=names_of(model))


@sick(150, cause="saturated", saturated="*")
def mlp_drawn_by_randn(c: Conditions) -> Training:
    """``torch.randn`` for every weight of a tanh net: sums of size ten, and no slope."""
    model = stack(tower(c, 3, 128), nn.Tanh, gain=1.0)
    if c.sick:
        for layer in linears(model)[:-1]:
            nn.init.normal_(layer.weight, std=1.0)
    return supervised(c, model, c.sgd(model, 0.02), digits(c), chain=names_of(model))


@sick(250, cause="lr_too_low", lr_too_low="")
def mlp_adagrad_at_the_rate_of_adam(c: Conditions) -> Training:
    """Adagrad at 1e-4: its rate shrinks with every step, and was next to nothing to begin with."""
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)
    optimizer = torch.optim.Adagrad(model.parameters(), lr=c.rate(1e-4 if c.sick else 2e-2))
    return supervised(c, model, optimizer, digits(c), chain=names_of(model))


@sick(
    150,
    cause=("loss_nonfinite", "gradients_nonfinite", "weights_nonfinite"),
    loss_nonfinite="",
    gradients_nonfinite="*",
)
def mlp_direction_of_nothing(c: Conditions) -> Training:
    """Weight normalization of a last layer that was set to 0: it has no direction."""
    model = stack(tower(c, 2, 48), nn.ReLU, gain=2**0.5)
    if c.sick:
        nn.init.zeros_(linears(model)[-1].weight)
    for layer in linears(model):
        weight_norm(layer)
    return supervised(c, model, c.adam(model, 3e-3), digits(c))


@sick(200, cause=("dead_relu", "zero_gradient"), dead_relu="*")
def mlp_prior_on_every_bias(c: Conditions) -> Training:
    """The bias of -4.6 with which a detector of rare things begins, given to all its layers."""
    batches = digits(c)
    rare = Batches(batches.x, (batches.y == 0).float()[:, None], batches.size, c.seed)
    model = stack(tower(c, 2, 48, 64, 1), nn.ReLU, gain=2**0.5)
    for layer in linears(model)[0 if c.sick else -1 :]:
        nn.init.constant_(layer.bias, -4.6)
    return supervised(
        c,
        model,
        c.adam(model, 3e-3),
        rare,
        functional.binary_cross_entropy_with_logits,
        chain=names_of(model),
    )


@sick(200, cause="lr_too_high", lr_too_high="")
def mlp_rmsprop_at_one_half(c: Conditions) -> Training:
    """RMSprop at the rate that SGD had: every weight moves by one half."""
    model = stack(tower(c, 2, 48, 6, 1), nn.ReLU, gain=2**0.5)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=c.rate(0.5 if c.sick else 2e-3))
    return supervised(c, model, optimizer, _houses(c), functional.mse_loss, chain=names_of(model))


@healthy(250)
def mlp_half_of_it_dropped(c: Conditions) -> Training:
    """Half of all units are dropped at each step: the loss is noisy, and stays higher."""
    model = stack(tower(c, 2, 128), nn.ReLU, gain=2**0.5, between=lambda _: nn.Dropout(0.5))
    return supervised(c, model, c.adam(model, 5e-3), digits(c), chain=names_of(model))


@healthy(200)
def mlp_small_weights_normed(c: Conditions) -> Training:
    """Weights of a thousandth, and a norm after each that brings all back to size 1."""
    model = stack(tower(c, 3, 48), nn.ReLU, gain=1e-2, between=nn.LayerNorm)
    nn.init.normal_(linears(model)[-1].weight, std=0.1)
    return supervised(c, model, c.adam(model, 3e-3), digits(c))


@healthy(400)
def mlp_long_done(c: Conditions) -> Training:
    """Two clouds far apart: after fifty steps there is nothing left to learn, for 350 more."""
    generator = torch.Generator().manual_seed(c.seed)
    y = torch.randint(2, (2000,), generator=generator)
    x = torch.randn(2000, 10, generator=generator) + 3.0 * (2 * y[:, None] - 1)
    model = stack(tower(c, 2, 32, 10, 2), nn.ReLU, gain=2**0.5)
    batches = Batches(x, y, c.batch(64), c.seed)
    return supervised(c, model, c.adam(model, 5e-3), batches, chain=names_of(model))


@healthy(300)
def mlp_small_rate_enough(c: Conditions) -> Training:
    """Features of size twenty and a rate of 2e-4, which is right for them."""
    generator = torch.Generator().manual_seed(c.seed)
    x = 20.0 * torch.randn(2000, 8, generator=generator)
    y: Tensor = x @ torch.randn(8, 1, generator=generator) / 20
    model = nn.Sequential(nn.Linear(8, 1))
    batches = Batches(x, y, c.batch(64), c.seed)
    return supervised(c, model, c.sgd(model, 2e-4), batches, functional.mse_loss)
