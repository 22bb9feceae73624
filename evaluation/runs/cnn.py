"""Convolutional nets, sick and healthy."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from evaluation.runs.data import images
from evaluation.runs.loop import at, fill, multiply, multiply_rate, set_option, supervised
from evaluation.runs.mlp import Amplifier, Residual, names_of
from evaluation.runs.run import Conditions, Training, healthy, sick


def convolutions(
    c: Conditions, count: int, width: int = 16, *, norm: bool = False, gain: float = 2**0.5
) -> nn.Sequential:
    """``depth`` 3×3 convolutions with ReLU, the second of stride 2, then one linear layer."""
    width = c.width(width)
    modules: list[nn.Module] = []
    for place in range(count):
        fan_in = 1 if place == 0 else width
        conv = nn.Conv2d(fan_in, width, 3, stride=2 if place == 1 else 1, padding=1)
        nn.init.normal_(conv.weight, std=gain / (9 * fan_in) ** 0.5)
        nn.init.zeros_(conv.bias if conv.bias is not None else torch.empty(0))
        modules += [conv, *([nn.BatchNorm2d(width)] if norm else []), nn.ReLU()]
    return nn.Sequential(*modules, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, 10))


def chain_of(model: nn.Module) -> tuple[str, ...]:
    return names_of(model, nn.Conv2d, nn.Linear)


def convs(model: nn.Module) -> list[nn.Conv2d]:
    return [module for module in model.modules() if isinstance(module, nn.Conv2d)]


@sick(120, cause="vanishing_gradients", vanishing_gradients="*")
def cnn_small_start(c: Conditions) -> Training:
    """Seven convolutions drawn at a fifth of what keeps the variance."""
    model = convolutions(c, 7, 12, norm=not c.sick, gain=2**0.5 / 6)
    return supervised(c, model, c.sgd(model, 0.05), images(c), chain=chain_of(model))


@sick(170, onset=125, cause=("exploding_gradients", "bad_inputs"), exploding_gradients="*")
def cnn_bad_batch(c: Conditions) -> Training:
    """A batch of broken images, a thousand times too bright, at step 125, under clipping."""
    scale = Amplifier(1.0)
    model = nn.Sequential(scale, *convolutions(c, 3))

    def fault(step: int) -> None:
        scale.gain = 1000.0 if step == 125 else 1.0

    return supervised(
        c, model, c.sgd(model, 0.05), images(c), chain=chain_of(model), clip=1.0, before=fault
    )


@sick(
    150,
    onset=110,
    cause=("bad_inputs", "loss_nonfinite"),
    cure="person",
    gradients_nonfinite="*",
    weights_nonfinite="*",
    loss_nonfinite="",
)
def cnn_nan_pixel(c: Conditions) -> Training:
    """From step 110 one pixel of every image is NaN."""
    scale = Amplifier(1.0)
    model = nn.Sequential(scale, *convolutions(c, 3))

    def fault() -> None:
        scale.gain = float("nan")

    return supervised(
        c, model, c.sgd(model, 0.05), images(c), chain=chain_of(model), before=at(110, fault)
    )


@sick(190, onset=120, cause="lr_too_high", lr_too_high="")
def cnn_rate_jumps(c: Conditions) -> Training:
    """At step 120 the learning rate of Adam is multiplied by 200."""
    model = convolutions(c, 3)
    optimizer = c.adam(model, 2e-3)
    return supervised(
        c,
        model,
        optimizer,
        images(c),
        chain=chain_of(model),
        before=at(120, lambda: multiply_rate(200.0, optimizer)),
    )


@sick(200, onset=110, cause="weights_shrinking", weights_shrinking="*")
def cnn_decay_jumps(c: Conditions) -> Training:
    """From step 110 the weight decay takes five percent of every weight at each step."""
    model = convolutions(c, 3)
    optimizer = c.sgd(model, 0.02)
    fault = at(
        110, lambda: set_option(optimizer, "weight_decay", 0.06 / optimizer.param_groups[0]["lr"])
    )
    return supervised(c, model, optimizer, images(c), chain=chain_of(model), before=fault)


@sick(130, cause="dead_relu", dead_relu="2")
def cnn_dead_from_the_start(c: Conditions) -> Training:
    """The biases of the second convolution start at -20."""
    model = convolutions(c, 3)
    if c.sick:
        for bias in [convs(model)[1].bias]:
            if bias is not None:
                fill(-20.0, bias)
    return supervised(c, model, c.sgd(model, 0.05), images(c), chain=chain_of(model))


@sick(140, cause="not_in_optimizer", not_in_optimizer="11")
def cnn_new_head_unknown_to_optimizer(c: Conditions) -> Training:
    """The head was replaced after the optimizer had been made, so nothing ever updates it."""
    model = convolutions(c, 3, norm=True)
    model = nn.Sequential(
        *list(model)[:9], nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * c.width(16), 10)
    )
    return supervised(
        c, model, c.sgd(model[:-1] if c.sick else model, 0.05), images(c), chain=chain_of(model)
    )


@sick(180, onset=120, cause="fp16_underflow", cure="person", fp16_underflow="*")
def cnn_loss_scale_lost(c: Conditions) -> Training:
    """fp16 on a loss that is weighted down; at step 120 the scaler's scale falls from 1,048,576."""
    model = convolutions(c, 2, 8)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16, growth_interval=10**6)
    fault = at(120, lambda: scaler.update(2.0**-10))
    return supervised(
        c,
        model,
        c.adam(model, 1e-3),
        images(c),
        chain=chain_of(model),
        precision=torch.float16,
        scale=1e-4 / c.loss_scale,
        scaler=scaler,
        before=fault,
    )


@sick(
    190,
    onset=130,
    cause=("loss_nonfinite", "gradients_nonfinite", "weights_growing"),
    gradients_nonfinite="*",
)
def cnn_overflow_skipped(c: Conditions) -> Training:
    """fp16 with a scaler; from step 130 a layer's weights are so large that it overflows."""
    model = convolutions(c, 2, 8)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=10**6)
    fault = at(130, lambda: multiply(1e6, convs(model)[1].weight))
    return supervised(
        c,
        model,
        c.adam(model, 1e-3),
        images(c),
        chain=chain_of(model),
        precision=torch.float16,
        scaler=scaler,
        before=fault,
    )


@healthy(150)
def cnn_plain(c: Conditions) -> Training:
    """Three convolutions and a linear layer, Adam."""
    model = convolutions(c, 3)
    return supervised(c, model, c.adam(model, 5e-3), images(c), chain=chain_of(model))


@healthy(130)
def cnn_batch_norm(c: Conditions) -> Training:
    """Six convolutions with batch norm and momentum."""
    model = convolutions(c, 6, 12, norm=True)
    return supervised(c, model, c.sgd(model, 0.05, momentum=0.9), images(c), chain=chain_of(model))


@healthy(150)
def cnn_frozen_backbone(c: Conditions) -> Training:
    """Everything but the last layers is frozen, on purpose."""
    model = convolutions(c, 3)
    for conv in convs(model)[:2]:
        conv.requires_grad_(requires_grad=False)
    return supervised(c, model, c.adam(model, 1e-2), images(c), chain=chain_of(model)[2:])


@healthy(130)
def cnn_bfloat16(c: Conditions) -> Training:
    """Autocast to bfloat16: eight bits of precision, but no underflow."""
    model = convolutions(c, 3)
    return supervised(
        c, model, c.adam(model, 5e-3), images(c), chain=chain_of(model), precision=torch.bfloat16
    )


@healthy(130)
def cnn_half_scaled(c: Conditions) -> Training:
    """fp16 with a gradient scaler that does its work."""
    model = convolutions(c, 2, 8)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=10**6)
    return supervised(
        c,
        model,
        c.adam(model, 5e-3),
        images(c),
        chain=chain_of(model),
        precision=torch.float16,
        scaler=scaler,
    )


class Bottleneck(nn.Module):
    """Two convolutions with batch norm; the last norm starts at 0 (``zero_init_residual``)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.last = nn.BatchNorm2d(width)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.second(self.relu(self.norm(self.first(x)))))
        return y


@healthy(120)
def cnn_zero_norm_residual(c: Conditions) -> Training:
    """A small ResNet whose residual branches start at 0 through their last norm."""
    width = c.width(12)
    blocks = [nn.Sequential(Residual(Bottleneck(width)), nn.ReLU()) for _ in range(3)]
    stem = nn.Conv2d(1, width, 3, stride=2, padding=1)
    model = nn.Sequential(
        stem, nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)
    )
    return supervised(c, model, c.sgd(model, 0.1, momentum=0.9), images(c), chain=("0", "7"))
