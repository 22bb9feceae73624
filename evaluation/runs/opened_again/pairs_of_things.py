"""Users and things, digits and their likes, several questions about one picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import Batches, digits
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import stack
from evaluation.runs.run import Conditions, Training, healthy, sick

USERS, THINGS, RANK = 60, 40, 4


class Factors(nn.Module):
    """A rating is the product of what is known of a user and of a thing."""

    def __init__(self, width: int, spread: float) -> None:
        super().__init__()
        self.users, self.things = nn.Embedding(USERS, width), nn.Embedding(THINGS, width)
        for part in (self.users, self.things):
            nn.init.normal_(part.weight, std=spread)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = (self.users(x[:, 0]) * self.things(x[:, 1])).sum(1)
        return found


def _ratings(c: Conditions) -> Batches:
    generator = torch.Generator().manual_seed(c.seed)
    x = torch.stack([torch.randint(n, (4000,), generator=generator) for n in (USERS, THINGS)], 1)
    tastes, kinds = (torch.randn(n, RANK, generator=generator) for n in (USERS, THINGS))
    y = (tastes[x[:, 0]] * kinds[x[:, 1]]).sum(1) / RANK**0.5
    return Batches(x, y + 0.1 * torch.randn(4000, generator=generator), c.batch(128), c.seed)


@sick(200, cause="zero_gradient", zero_gradient="*")
def tastes_all_zero(c: Conditions) -> Training:
    """Users and things both start at 0: the gradient of each is a product with the other."""
    model = Factors(c.width(8), 0.0 if c.sick else 0.1)
    return supervised(c, model, c.adam(model, 2e-2), _ratings(c), functional.mse_loss)


@healthy(300)
def tastes_nearly_zero(c: Conditions) -> Training:
    """Both start at a hundredth: next to no gradient at first, and then it goes quickly."""
    model = Factors(c.width(8), 0.01)
    return supervised(c, model, c.adam(model, 2e-2), _ratings(c), functional.mse_loss)


class Asked(nn.Module):
    """A trunk, and a head for each of three questions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.trunk = stack([64, width, width], nn.ReLU, gain=2**0.5)
        self.heads = nn.ModuleList([nn.Linear(width, outputs) for outputs in (10, 2, 2)])

    def forward(self, x: Tensor, question: int) -> Tensor:
        y: Tensor = self.heads[question](functional.relu(self.trunk(x)))
        return y


@healthy(300)
def three_questions_in_turns(c: Conditions) -> Training:
    """Which digit, whether it is odd, whether it is large: one of them is asked at each step."""
    model = Asked(c.width(64))
    batches = digits(c)

    def answers(y: Tensor, question: int) -> Tensor:
        return (y, y % 2, (y > 4).long())[question]

    def loss(number: int) -> Tensor:
        x, y = batches[number]
        question = number % 3
        return functional.cross_entropy(model(x, question), answers(y, question)) * c.loss_scale

    def probe() -> Tensor:
        x, y = batches.probe
        parts = [functional.cross_entropy(model(x, q), answers(y, q)) for q in range(3)]
        return torch.stack(parts).mean()

    return Training(model, c.adam(model, 5e-3), loss, probe)
