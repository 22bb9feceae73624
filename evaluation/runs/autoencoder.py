"""Autoencoders of the digits, sick and healthy."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import Batches, digits
from evaluation.runs.loop import at, fill, multiply, multiply_rate, set_option, supervised
from evaluation.runs.mlp import Amplifier, linears, names_of, stack
from evaluation.runs.run import Conditions, Training, healthy, sick


def _itself(c: Conditions) -> Batches:
    batches = digits(c)
    return Batches(batches.x, batches.x, batches.size, batches.seed)


def _widths(c: Conditions) -> list[int]:
    return [64, c.width(48), c.width(32), 12, c.width(32), c.width(48), 64]


@sick(
    130,
    onset=105,
    cause=("lr_too_high", "exploding_gradients"),
    exploding_gradients="*",
    loss_nonfinite="",
    gradients_nonfinite="*",
    weights_nonfinite="*",
)
def autoencoder_rate_jumps(c: Conditions) -> Training:
    """At step 105 the learning rate is multiplied by 30: error and gradient go to infinity."""
    model = stack(_widths(c), nn.ReLU, gain=2**0.5)
    optimizer = c.sgd(model, 0.1)
    fault = at(105, lambda: multiply_rate(30.0, optimizer))
    return supervised(
        c, model, optimizer, _itself(c), functional.mse_loss, chain=names_of(model), before=fault
    )


@sick(200, onset=120, cause=("saturated", "weights_growing"), saturated="*")
def autoencoder_saturates(c: Conditions) -> Training:
    """At step 120 the weights of two tanh layers in the middle are multiplied by 60."""
    model = stack(_widths(c), nn.Tanh, gain=1.2)
    middle = linears(model)[1:4]
    fault = at(120, lambda: multiply(60.0, *(layer.weight for layer in middle)))
    return supervised(
        c,
        model,
        c.sgd(model, 0.02),
        _itself(c),
        functional.mse_loss,
        chain=names_of(model),
        before=fault,
    )


@sick(180, onset=110, cause="weights_shrinking", weights_zero="*", weights_shrinking="*")
def autoencoder_decays_away(c: Conditions) -> Training:
    """From step 110 every update takes a fifth of each weight."""
    model = stack(_widths(c), nn.ReLU, gain=2**0.5)
    optimizer = c.sgd(model, 0.05)
    fault = at(
        110, lambda: set_option(optimizer, "weight_decay", 0.2 / optimizer.param_groups[0]["lr"])
    )
    return supervised(
        c, model, optimizer, _itself(c), functional.mse_loss, chain=names_of(model), before=fault
    )


@sick(150, cause="early_layers_frozen", early_layers_frozen="*")
def autoencoder_encoder_rate(c: Conditions) -> Training:
    """The encoder's group has a learning rate ten thousand times smaller than the decoder's."""
    model = stack(_widths(c), nn.ReLU, gain=2**0.5)
    rate = c.rate(0.2) / c.loss_scale
    early, late = linears(model)[:3], linears(model)[3:]
    groups = [
        {"params": [p for layer in part for p in layer.parameters()]} for part in (early, late)
    ]
    groups[0]["lr"] = rate * (1e-5 if c.sick else 1.0)  # type: ignore[assignment] # torch types a group by its parameters
    optimizer = torch.optim.SGD(groups, lr=rate)
    return supervised(c, model, optimizer, _itself(c), functional.mse_loss, chain=names_of(model))


class Variational(nn.Module):
    """Mean and log-variance of a code, and a sample of it decoded; all three in one tensor."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 16))
        self.sharpness = Amplifier(1.0)
        self.decoder = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 64))

    def forward(self, x: Tensor) -> Tensor:
        mean, spread = self.encoder(x).chunk(2, -1)
        spread = self.sharpness(spread)
        code = mean + torch.exp(spread / 2) * torch.randn_like(mean)
        return torch.cat([self.decoder(code), mean, spread], -1)


def _evidence(output: Tensor, x: Tensor) -> Tensor:
    decoded, mean, spread = output.split([64, 8, 8], -1)
    divergence = (mean.square() + spread.exp() - 1 - spread).sum(-1).mean() / 2
    loss: Tensor = functional.mse_loss(decoded, x) + 0.01 * divergence
    return loss


@sick(
    150,
    onset=115,
    cause="loss_nonfinite",
    cure="person",
    loss_nonfinite="",
    gradients_nonfinite="*",
    weights_nonfinite="*",
)
def autoencoder_variance_overflows(c: Conditions) -> Training:
    """At step 115 the log-variance comes out in the wrong unit, and its exponential overflows."""
    model = Variational(c.width(64))

    def fault() -> None:
        model.sharpness.gain = 1e4

    return supervised(c, model, c.adam(model, 3e-3), _itself(c), _evidence, before=at(115, fault))


@sick(190, onset=125, cause="dead_relu", dead_relu="4")
def autoencoder_code_dies(c: Conditions) -> Training:
    """At step 125 the biases before the bottleneck are thrown far below 0."""
    model = stack(_widths(c), nn.ReLU, gain=2**0.5)
    fault = at(125, lambda: fill(-80.0, linears(model)[2].bias))
    return supervised(
        c,
        model,
        c.sgd(model, 0.1),
        _itself(c),
        functional.mse_loss,
        chain=names_of(model),
        before=fault,
    )


@healthy(200)
def autoencoder_plain(c: Conditions) -> Training:
    """Down to 12 numbers and back."""
    model = stack(_widths(c), nn.ReLU, gain=2**0.5)
    return supervised(
        c, model, c.adam(model, 5e-3), _itself(c), functional.mse_loss, chain=names_of(model)
    )


@healthy(200)
def autoencoder_variational(c: Conditions) -> Training:
    """A VAE: sampling noise in every gradient."""
    model = Variational(c.width(64))
    return supervised(c, model, c.adam(model, 5e-3), _itself(c), _evidence)


@healthy(200)
def autoencoder_tanh_summed(c: Conditions) -> Training:
    """Tanh layers, the squared error summed over pixels: losses in the dozens."""
    model = stack(_widths(c), nn.Tanh, gain=1.1)
    return supervised(
        c,
        model,
        c.adam(model, 5e-3),
        _itself(c),
        functional.mse_loss,
        chain=names_of(model),
        scale=64.0,
    )
