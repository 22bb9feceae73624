"""Half precision: weights that swallow their updates, an epsilon of 0, a forward that overflows."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import Batches, digits
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import names_of, stack, tower
from evaluation.runs.run import Conditions, Training, healthy, sick


def in_half(c: Conditions, training: Training, dtype: torch.dtype) -> Training:
    """The same training with weights and inputs in a format of sixteen bits."""
    if c.sick:
        model = training.model.to(dtype)
        model.register_forward_pre_hook(
            lambda module, inputs: tuple(
                x.to(next(module.parameters()).dtype) if x.is_floating_point() else x
                for x in inputs
            )
        )
        model.register_forward_hook(lambda _m, _i, output: output.float())
    return training


@sick(250, cause="updates_lost", updates_lost="")
def mlp_bfloat16_weights(c: Conditions) -> Training:
    """Weights in bfloat16 under a small rate: nearly every update is rounded away."""
    model = stack(tower(c, 3, 64), nn.ReLU, gain=2**0.5)
    training = supervised(c, model, c.adam(model, 1e-4), digits(c), chain=names_of(model))
    return in_half(c, training, torch.bfloat16)


@sick(120, cause="weights_nonfinite", weights_nonfinite="*")
def mlp_half_epsilon(c: Conditions) -> Training:
    """Weights in fp16: Adam's epsilon of 1e-8 is 0 there, and 0/0 is NaN."""
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)
    training = supervised(c, model, c.adam(model, 1e-3), digits(c), chain=names_of(model))
    return in_half(c, training, torch.float16)


class Sees(nn.Module):
    """Attention over the rows of a picture, with scores that nobody scales."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(8, width) for _ in range(3))
        self.out, self.head = nn.Linear(width, width), nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = x.view(-1, 8, 8)
        scores = self.q(x) @ self.k(x).transpose(1, 2)
        seen = torch.softmax(scores, -1) @ self.v(x)
        y: Tensor = self.head(torch.relu(self.out(seen)).mean(1))
        return y


@sick(
    120,
    cause=("loss_nonfinite", "gradients_nonfinite", "bad_inputs"),
    loss_nonfinite="",
    gradients_nonfinite="*",
)
def mlp_attention_overflows(c: Conditions) -> Training:
    """fp16 with a scaler, and scores beyond 65,504 at every step: the scaler skips them all."""
    batches = digits(c)
    if c.sick:
        batches = batches.changed(batches.x * 400)
    model = Sees(c.width(48))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    training = supervised(
        c,
        model,
        c.adam(model, 3e-3),
        batches,
        chain=("out", "head"),
        precision=torch.float16,
        scaler=scaler,
    )
    training.full_precision = None
    return training


@healthy(150)
def mlp_bfloat16_weights_fast(c: Conditions) -> Training:
    """Weights in bfloat16 at a rate that is large enough for them."""
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)
    training = supervised(c, model, c.sgd(model, 0.3), digits(c), chain=names_of(model))
    return in_half(Conditions(c.seed, c.varied), training, torch.bfloat16)


@healthy(200)
def mlp_half_inputs_only(c: Conditions) -> Training:
    """Data kept in fp16 to save memory, and made fp32 for the model."""
    batches = digits(c)
    few = Batches(batches.x.half().float(), batches.y, batches.size, c.seed)
    model = stack(tower(c, 2, 64), nn.Tanh, gain=1.0)
    return supervised(
        c, model, c.adam(model, 3e-3), few, functional.cross_entropy, chain=names_of(model)
    )
