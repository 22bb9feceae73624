"""Perceptrons with a fault."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import digits
from evaluation.runs.loop import at, fill, multiply, multiply_rate, set_option, since, supervised
from evaluation.runs.mlp import Amplifier, Detached, linears, names_of, stack, tower
from evaluation.runs.run import Conditions, Training, sick


@sick(
    160, cause="vanishing_gradients", vanishing_gradients="*", early_layers_frozen="*", plateau=""
)
def mlp_sigmoid_deep(c: Conditions) -> Training:
    """Nine hidden sigmoid layers with torch's own initialization: each slope is at most 1/4."""
    model = stack(
        tower(c, 9, 64), nn.Sigmoid if c.sick else nn.ReLU, gain=None if c.sick else 2**0.5
    )
    return supervised(c, model, c.sgd(model, 0.1), digits(c), chain=names_of(model))


@sick(200, onset=120, cause="vanishing_gradients", cure="person", vanishing_gradients="*")
def mlp_gain_falls(c: Conditions) -> Training:
    """After step 120 every hidden tanh layer passes on a tenth of what it did."""
    gains: list[Amplifier] = []

    def amplifier(width: int) -> nn.Module:
        del width
        gains.append(Amplifier(1.0))
        return gains[-1]

    model = stack(tower(c, 5, 48), nn.Tanh, gain=1.2, between=amplifier)

    def fault() -> None:
        for amplifier in gains:
            amplifier.gain = 0.1

    return supervised(
        c, model, c.sgd(model, 0.1), digits(c), chain=names_of(model), before=at(120, fault)
    )


@sick(150, cause="exploding_gradients", exploding_gradients="*")
def mlp_wild_start(c: Conditions) -> Training:
    """Fourteen ReLU layers drawn twice too wide; clipping keeps the updates small."""
    model = stack(tower(c, 14, 48), nn.ReLU, gain=(2.0 if c.sick else 1.0) * 2**0.5)
    return supervised(c, model, c.sgd(model, 0.01), digits(c), chain=names_of(model), clip=1.0)


@sick(180, onset=130, cause=("exploding_gradients", "bad_inputs"), exploding_gradients="*")
def mlp_bad_batch(c: Conditions) -> Training:
    """One batch at step 130 whose inputs were never divided by 255, and then some."""
    model = stack(tower(c, 3, 64), nn.ReLU, gain=2**0.5)
    scale = Amplifier(1.0)
    model = nn.Sequential(scale, *model)

    def fault(step: int) -> None:
        scale.gain = 3000.0 if step == 130 else 1.0

    return supervised(
        c, model, c.sgd(model, 0.03), digits(c), chain=names_of(model), clip=1.0, before=fault
    )


@sick(
    170,
    onset=140,
    cause="loss_nonfinite",
    cure="person",
    loss_nonfinite="",
    gradients_nonfinite="*",
    weights_nonfinite="*",
)
def mlp_log_of_zero(c: Conditions) -> Training:
    """A hand-written cross-entropy takes the logarithm of a probability that is exactly 0."""
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)
    sharpness = Amplifier(1.0)
    model = nn.Sequential(*model, sharpness)

    def criterion(logits: Tensor, y: Tensor) -> Tensor:
        return -torch.log(torch.softmax(logits, -1)).gather(1, y[:, None]).mean()

    def fault() -> None:
        sharpness.gain = 1e4

    return supervised(
        c,
        model,
        c.sgd(model, 0.05),
        digits(c),
        criterion,
        chain=names_of(model),
        before=at(140, fault),
    )


@sick(200, cause="lr_too_high", lr_too_high="", loss_unstable="")
def mlp_rate_too_high(c: Conditions) -> Training:
    """Momentum with a learning rate of 1: the loss jumps about and never settles."""
    model = stack(tower(c, 2, 64), nn.Tanh, gain=1.0)
    return supervised(
        c,
        model,
        c.sgd(model, 1.2 if c.sick else 0.05, momentum=0.9),
        digits(c),
        chain=names_of(model),
    )


@sick(260, onset=110, cause="weights_growing", weights_growing="*")
def mlp_negative_decay(c: Conditions) -> Training:
    """A sign error in the weight decay, from step 110: weights grow by a few percent per step."""
    model = stack(tower(c, 3, 64), nn.ReLU, gain=2**0.5, between=nn.BatchNorm1d)
    optimizer = c.sgd(model, 0.05)
    fault = at(
        110, lambda: set_option(optimizer, "weight_decay", -0.03 / optimizer.param_groups[0]["lr"])
    )
    return supervised(c, model, optimizer, digits(c), chain=names_of(model), before=fault)


@sick(200, cause="weights_shrinking", weights_shrinking="*")
def mlp_heavy_decay(c: Conditions) -> Training:
    """Weight decay of 2 with AdamW at a rate of 0.01: a step takes two percent of a weight."""
    model = stack(tower(c, 3, 64), nn.ReLU, gain=2**0.5)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=c.rate(1e-4), weight_decay=2.5e2 if c.sick else 1e-2
    )
    return supervised(c, model, optimizer, digits(c), chain=names_of(model))


@sick(200, onset=120, cause="weights_zero", cure="person", weights_zero="2")
def mlp_pruned_away(c: Conditions) -> Training:
    """From step 120 a pruning mask keeps nothing of the second layer."""
    model = stack(tower(c, 3, 64), nn.ReLU, gain=2**0.5)
    fault = since(120, lambda: fill(0.0, linears(model)[1].weight))
    return supervised(c, model, c.sgd(model, 0.05), digits(c), chain=names_of(model), before=fault)


@sick(200, onset=130, cause="dead_relu", dead_relu="2")
def mlp_relu_killed(c: Conditions) -> Training:
    """At step 130 one wrong update throws the biases of the second layer far below 0."""
    model = stack(tower(c, 3, 64), nn.ReLU, gain=2**0.5)
    fault = at(130, lambda: fill(-60.0, linears(model)[1].bias))
    return supervised(c, model, c.sgd(model, 0.05), digits(c), chain=names_of(model), before=fault)


@sick(160, cause="bad_inputs", bad_inputs="", saturated="0")
def mlp_unscaled_inputs(c: Conditions) -> Training:
    """Inputs in the hundreds before a tanh layer that expects them near 1."""
    batches = digits(c)
    model = stack(tower(c, 2, 64), nn.Tanh, gain=1.0)
    if c.sick:
        batches = batches.changed(batches.x * 200 + 300)
    return supervised(c, model, c.sgd(model, 0.02), batches, chain=names_of(model))


@sick(200, onset=120, cause=("saturated", "weights_growing"), saturated="*")
def mlp_sigmoid_scaled_up(c: Conditions) -> Training:
    """At step 120 the weights of both sigmoid layers are multiplied by 100."""
    model = stack([64, c.width(64), c.width(64), 10], nn.Sigmoid, gain=2.0)
    fault = at(120, lambda: multiply(100.0, linears(model)[0].weight, linears(model)[1].weight))
    return supervised(c, model, c.sgd(model, 0.2), digits(c), chain=names_of(model), before=fault)


@sick(160, cause="no_gradient", cure="person", no_gradient="0")
def mlp_detached(c: Conditions) -> Training:
    """A stray ``.detach()`` after the first layer."""
    model = stack(tower(c, 3, 64), nn.ReLU, gain=2**0.5)
    model = nn.Sequential(*list(model)[:2], Detached(on=c.sick), *list(model)[2:])
    return supervised(c, model, c.sgd(model, 0.05), digits(c), chain=names_of(model)[1:])


@sick(200, cause="lr_too_low", lr_too_low="", plateau="")
def mlp_rate_too_low(c: Conditions) -> Training:
    """A learning rate of 1e-5 where 0.1 is right."""
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)
    return supervised(
        c, model, c.sgd(model, 1e-5 if c.sick else 0.1), digits(c), chain=names_of(model)
    )


@sick(220, onset=110, cause="early_layers_frozen", early_layers_frozen="[02]")
def mlp_rate_group_slip(c: Conditions) -> Training:
    """From step 110 the first two layers have a learning rate a million times too small."""
    model = stack(tower(c, 4, 64), nn.ReLU, gain=2**0.5)
    rate = c.rate(0.05) / c.loss_scale
    early, late = linears(model)[:2], linears(model)[2:]
    groups = [
        {"params": [p for layer in part for p in layer.parameters()]} for part in (early, late)
    ]
    optimizer = torch.optim.SGD(groups, lr=rate)

    def fault() -> None:
        optimizer.param_groups[0]["lr"] = rate * 1e-6

    return supervised(c, model, optimizer, digits(c), chain=names_of(model), before=at(110, fault))


@sick(200, onset=130, cause="lr_too_high", lr_too_high="", loss_unstable="")
def mlp_rate_jumps(c: Conditions) -> Training:
    """At step 130 a schedule in the wrong unit multiplies the learning rate by 40."""
    model = stack(tower(c, 2, 64), nn.Tanh, gain=1.0)
    optimizer = c.sgd(model, 0.1, momentum=0.9)
    fault = at(130, lambda: multiply_rate(20.0, optimizer))
    return supervised(c, model, optimizer, digits(c), chain=names_of(model), before=fault)


@sick(140, cause="fp16_underflow", cure="person", fp16_underflow="*")
def mlp_half_without_scaler(c: Conditions) -> Training:
    """fp16 without a loss scale, on a loss that is weighted down to a ten-thousandth."""
    model = stack(tower(c, 2, 48), nn.ReLU, gain=2**0.5)
    optimizer = c.adam(model, 1e-3)
    return supervised(
        c,
        model,
        optimizer,
        digits(c),
        chain=names_of(model),
        precision=torch.float16,
        scale=3e-7 / c.loss_scale if c.sick else 1.0,
    )


@sick(160, cause=("zero_gradient", "weights_zero"), plateau="")
def mlp_shuffled_against_targets(c: Conditions) -> Training:
    """Weights that start at 0 stay at 0 but for the last bias, and the loss stays near ln 10."""
    model = stack(tower(c, 2, 64), nn.ReLU, gain=0.0 if c.sick else 2**0.5)
    return supervised(
        c, model, c.sgd(model, 0.1), digits(c), functional.cross_entropy, chain=names_of(model)
    )
