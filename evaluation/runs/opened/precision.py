"""Half precision: weights that swallow their updates, an epsilon of 0, a forward that overflows."""

from __future__ import annotations

import torch
from torch import nn

from evaluation.runs.causes.precision import in_half
from evaluation.runs.causes.rates import short_text
from evaluation.runs.cnn import chain_of, convolutions
from evaluation.runs.data import digits, images, next_character
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import names_of, stack, tower
from evaluation.runs.run import Conditions, Training, healthy, sick
from evaluation.runs.transformer import CHAIN, Language


@sick(250, cause="updates_lost", updates_lost="")
def transformer_bfloat16_weights(c: Conditions) -> Training:
    """A language model wholly in bfloat16, at a rate of 1e-4."""
    model = Language(c.width(32), 2)
    training = supervised(c, model, c.adam(model, 3e-4), short_text(c), next_character, chain=CHAIN)
    return in_half(c, training, torch.bfloat16)


@sick(100, cause="weights_nonfinite", weights_nonfinite="*")
def cnn_half_epsilon(c: Conditions) -> Training:
    """Convolutions in fp16 under AdamW with its usual epsilon."""
    model = convolutions(c, 2, 8)
    optimizer = torch.optim.AdamW(model.parameters(), lr=c.rate(2e-3))
    training = supervised(c, model, optimizer, images(c), chain=chain_of(model))
    return in_half(c, training, torch.float16)


@sick(
    120,
    cause=("loss_nonfinite", "gradients_nonfinite"),
    loss_nonfinite="",
    gradients_nonfinite="*",
)
def mlp_half_overflows(c: Conditions) -> Training:
    """fp16 with a scaler, and a wide first layer drawn so large that its outputs are infinite."""
    model = stack(tower(c, 3, 64), nn.ReLU, gain=2**0.5)
    if c.sick:
        with torch.no_grad():
            for parameter in list(model.parameters())[:4:2]:
                parameter.mul_(300)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    return supervised(
        c,
        model,
        c.adam(model, 3e-3),
        digits(c),
        chain=names_of(model),
        precision=torch.float16,
        scaler=scaler,
    )


@healthy(150)
def mlp_half_scaled_by_hand(c: Conditions) -> Training:
    """fp16 autocast with a loss that is scaled by hand, and gradients that are scaled back."""
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)
    training = supervised(
        c,
        model,
        c.sgd(model, 0.1),
        digits(c),
        chain=names_of(model),
        precision=torch.float16,
    )

    def update(number: int) -> None:
        training.optimizer.zero_grad()
        loss = training.loss(number)
        training.seen_loss = float(loss.detach())
        (loss * 256).backward()
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad /= 256
        training.observe()
        training.optimizer.step()

    training.update = update
    training.full_precision = None
    return training
