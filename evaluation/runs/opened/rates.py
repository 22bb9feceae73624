"""Learning rates and decays far from right, and losses of an unusual sign or start."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from evaluation.runs.causes.rates import likelihood, policy, short_text
from evaluation.runs.causes.zero import amounts
from evaluation.runs.cnn import chain_of, convolutions
from evaluation.runs.data import digits, images, next_character
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import names_of, stack, tower
from evaluation.runs.run import Conditions, Training, healthy, sick
from evaluation.runs.transformer import CHAIN, Language


@sick(
    300,
    cause=("lr_too_high", "loss_diverging"),
    loss_diverging="",
    lr_too_high="",
)
def autoencoder_slow_divergence(c: Conditions) -> Training:
    """A linear layer from a picture to itself under momentum, a little beyond what is stable."""
    model = nn.Sequential(nn.Linear(64, 64))
    x = digits(c).x
    features = torch.cat([x, torch.ones(len(x), 1)], 1)
    # The mean over 64 outputs divides the curvature by as many.
    sharpest = float(torch.linalg.eigvalsh(2 * features.T @ features / len(x))[-1]) / 64
    bound = 2 * 1.9 / sharpest / c.loss_scale
    optimizer = torch.optim.SGD(
        model.parameters(), lr=bound * (1.006 if c.sick else 0.2), momentum=0.9
    )
    batches = digits(c, 512).to_themselves()
    return supervised(c, model, optimizer, batches, functional.mse_loss)


@sick(200, cause="weights_shrinking", weights_shrinking="*")
def cnn_decay_kills(c: Conditions) -> Training:
    """AdamW with a decay of 35 at a rate of 1e-3, where 0.02 was meant."""
    model = convolutions(c, 3)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=c.rate(1e-3), weight_decay=35.0 if c.sick else 0.02
    )
    return supervised(c, model, optimizer, images(c), chain=chain_of(model))


@sick(250, cause="lr_too_high", lr_too_high="")
def transformer_too_fast(c: Conditions) -> Training:
    """A proper start, then AdamW at thirty times the right rate with clipping: it hardly learns."""
    model = Language(c.width(64), 2)
    nn.init.normal_(model.head.weight, std=0.02)
    optimizer = torch.optim.AdamW(model.parameters(), lr=c.rate(1e-1 if c.sick else 3e-3))
    return supervised(c, model, optimizer, short_text(c), next_character, chain=CHAIN, clip=1.0)


@sick(160, cause="lr_too_low", lr_too_low="", plateau="")
def cnn_adam_too_slow(c: Conditions) -> Training:
    """Adam at 1e-7 on a net that learns at 1e-2."""
    model = convolutions(c, 3)
    optimizer = c.adam(model, 1e-7 if c.sick else 5e-3)
    return supervised(c, model, optimizer, images(c), chain=chain_of(model))


@sick(250, cause="lr_too_high", lr_too_high="")
def mlp_negative_loss_too_fast(c: Conditions) -> Training:
    """A likelihood with a learnt spread at a hundred times the rate."""
    model = stack([*tower(c, 2, 64)[:-1], 2], nn.ReLU, gain=2**0.5)
    optimizer = c.adam(model, 0.3 if c.sick else 2e-3)
    batches = amounts(c, slope=3.0)
    return supervised(c, model, optimizer, batches, likelihood, chain=names_of(model))


@healthy(300)
def mlp_reward_rises(c: Conditions) -> Training:
    """A policy gradient without a baseline: the loss grows at first, as rewards do."""
    return policy(c, 3e-3, baseline=False)


@healthy(150)
def mlp_loss_with_offset(c: Conditions) -> Training:
    """Cross-entropy with label smoothing and a constant term of 50: it falls by a few percent."""
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)

    def criterion(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        loss = functional.cross_entropy(logits, y, label_smoothing=0.1)
        return loss + 50 if torch.is_grad_enabled() else loss

    return supervised(c, model, c.sgd(model, 0.1), digits(c), criterion, chain=names_of(model))
