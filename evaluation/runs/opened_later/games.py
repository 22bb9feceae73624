"""A generator of digits against a judge of them.

Written before the rules were last changed; scored only at the end.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import digits
from evaluation.runs.mlp import stack
from evaluation.runs.run import Conditions, Training, healthy, sick

NOISE = 8


class Game(nn.Module):
    """Both sides."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.generator = stack([NOISE, width, width, 64], nn.ReLU, gain=2**0.5)
        self.judge = nn.Sequential(
            nn.Linear(64, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2)
        )
        self.verdict = nn.Linear(width, 1)

    def judged(self, x: Tensor) -> Tensor:
        y: Tensor = self.verdict(self.judge(x))
        return y


def _distance(x: Tensor, y: Tensor) -> Tensor:
    """Energy distance between two samples: 0 when they have one distribution."""
    return 2 * torch.cdist(x, y).mean() - torch.cdist(x, x).mean() - torch.cdist(y, y).mean()


def _play(c: Conditions, *, own: bool = True) -> Training:
    batches = digits(c)
    model = Game(c.width(64))
    judging = [*model.judge.parameters(), *model.verdict.parameters()]
    judges = torch.optim.Adam(judging, lr=c.rate(1e-3), betas=(0.5, 0.9))
    made_of = list(model.generator.parameters()) if own else judging
    makers = torch.optim.Adam(made_of, lr=c.rate(2e-3), betas=(0.5, 0.9))
    fixed = torch.randn(256, NOISE, generator=torch.Generator().manual_seed(c.seed))
    real_held = batches.x[:256]

    def fakes(number: int) -> Tensor:
        generator = torch.Generator().manual_seed(c.seed * 7_000_003 + number)
        y: Tensor = model.generator(torch.randn(batches.size, NOISE, generator=generator))
        return y

    def generator_loss(number: int) -> Tensor:
        verdict = model.judged(fakes(number))
        return functional.softplus(-verdict).mean()

    def update(number: int) -> None:
        model.zero_grad()
        real, fake = batches[number][0], fakes(2 * number).detach()
        loss = functional.softplus(-model.judged(real)).mean()
        loss = loss + functional.softplus(model.judged(fake)).mean()
        loss.backward()
        judges.step()
        model.zero_grad()
        now = generator_loss(2 * number + 1)
        training.seen_loss = float(now.detach())
        now.backward()
        training.observe()
        makers.step()

    training = Training(
        model,
        makers,
        generator_loss,
        lambda: _distance(model.generator(fixed), real_held),
        chain=("generator.0", "generator.2", "generator.4"),
        others=(judges,),
        frames_per_step=2,
        update=update,
    )
    return training


@sick(250, cause="not_in_optimizer", not_in_optimizer="generator.*")
def gan_two_optimizers_for_the_judge(c: Conditions) -> Training:
    """A line copied and not changed: the generator's optimizer holds the judge's parameters."""
    return _play(c, own=not c.sick)


@healthy(300)
def gan_of_digits(c: Conditions) -> Training:
    """Two losses that go up and down against each other, while the pictures get better."""
    return _play(c)
