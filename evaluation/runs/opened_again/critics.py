"""Critics of points and of policies."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from evaluation.runs.mlp import names_of, stack
from evaluation.runs.run import Conditions, Training, healthy, sick


class Game(nn.Module):
    """A generator of points in the plane and a critic of them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.generator = stack([2, width, width, 2], nn.ReLU, gain=2**0.5)
        self.critic = stack([2, width, width, 1], nn.ReLU, gain=2**0.5)


def _ring(size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Points of a ring, and noise to make others of."""
    generator = torch.Generator().manual_seed(seed)
    angle = 2 * math.pi * torch.rand(size, generator=generator)
    points = 2 * torch.stack([angle.cos(), angle.sin()], 1)
    return points, torch.randn(size, 2, generator=generator)


def _apart(one: Tensor, other: Tensor) -> Tensor:
    """Energy distance between two samples."""
    return (
        2 * torch.cdist(one, other).mean()
        - torch.cdist(one, one).mean()
        - torch.cdist(other, other).mean()
    )


def _wasserstein(c: Conditions, *, leash: bool, rate: float, maker_rate: float = 1e-3) -> Training:
    """Critic, then generator; the critic's slope is held near 1 by a penalty, or by nothing."""
    model = Game(c.width(48))
    judge = torch.optim.Adam(model.critic.parameters(), lr=c.rate(rate), betas=(0.5, 0.9))
    maker = torch.optim.Adam(model.generator.parameters(), lr=c.rate(maker_rate), betas=(0.5, 0.9))
    size = c.batch(64)

    def steepness(true: Tensor, false: Tensor) -> Tensor:
        between = (true + torch.rand(len(true), 1) * (false - true)).requires_grad_()
        (slope,) = torch.autograd.grad(model.critic(between).sum(), between, create_graph=True)
        found: Tensor = (slope.norm(dim=1) - 1).square().mean()
        return found

    def update(number: int) -> None:
        for part in range(3):
            true, noise = _ring(size, c.seed * 1_000_003 + 3 * number + part)
            judge.zero_grad()
            false = model.generator(noise).detach()
            worth = model.critic(false).mean() - model.critic(true).mean()
            if leash:
                worth = worth + 10 * steepness(true, false)
            worth.backward()
            training.observe()
            judge.step()
        maker.zero_grad()
        _, noise = _ring(size, c.seed * 1_000_003 + 3 * number + 2)
        loss = -model.critic(model.generator(noise)).mean()
        training.seen_loss = float(loss.detach())
        loss.backward()
        training.observe()
        maker.step()

    def probe() -> Tensor:
        true, noise = _ring(256, 10**6)
        return _apart(model.generator(noise), true)

    training = Training(
        model, maker, lambda _: probe(), probe, others=(judge,), frames_per_step=4, update=update
    )
    return training


@sick(300, cause="weights_growing", cure="person", weights_growing="critic*")
def critic_without_a_leash(c: Conditions) -> Training:
    """A Wasserstein critic with neither clipping nor a penalty: it grows and grows."""
    return _wasserstein(c, leash=not c.sick, rate=2e-2 if c.sick else 3e-3)


@healthy(200)
def critic_on_a_leash(c: Conditions) -> Training:
    """The same with a penalty on its slope: losses of either sign that wander, points that fit."""
    return _wasserstein(c, leash=True, rate=1e-2, maker_rate=3e-4)


STATES, ACTIONS = 6, 4


def _states(size: int, seed: int) -> tuple[Tensor, Tensor]:
    """States, and the action that is right in each."""
    generator = torch.Generator().manual_seed(seed)
    states = torch.randn(size, STATES, generator=generator)
    return states, (states[:, :ACTIONS] + states[:, 1 : ACTIONS + 1]).argmax(1)


@sick(
    250,
    cause=("loss_nonfinite", "gradients_nonfinite"),
    cure="person",
    loss_nonfinite="",
    gradients_nonfinite="*",
    weights_nonfinite="*",
)
def advantages_of_a_single_step(c: Conditions) -> Training:
    """Rewards of an episode over their spread; an episode of one step has none: NaN."""
    model = stack([STATES, c.width(48), ACTIONS], nn.Tanh)
    lengths = torch.randint(1, 60, (1000,), generator=torch.Generator().manual_seed(c.seed))

    def loss(number: int) -> Tensor:
        states, right = _states(int(lengths[number]), c.seed * 1_000_003 + number)
        chances = model(states).log_softmax(1)
        action = (chances - torch.empty_like(chances).exponential_().log()).argmax(1)
        better = (action == right).float()
        better -= better.mean()
        spread = (better.square().sum() / (len(better) - (1 if c.sick else 0))).sqrt()
        advantage = better / (spread + 1e-6)
        found: Tensor = -(advantage * chances.gather(1, action[:, None]).squeeze(1)).mean()
        return found

    def probe() -> Tensor:
        states, right = _states(256, 10**6)
        found: Tensor = 1 - model(states).softmax(1).gather(1, right[:, None]).mean()
        return found

    return Training(model, c.adam(model, 1e-2), loss, probe, chain=names_of(model))


@healthy(300)
def policy_clipped_to_the_last_one(c: Conditions) -> Training:
    """Four steps on each batch of actions, by clipped ratios (PPO): a loss that tells nothing."""
    model = stack([STATES, c.width(48), ACTIONS], nn.Tanh)
    size = c.batch(256)
    taken: list[Tensor] = []

    def loss(number: int) -> Tensor:
        states, right = _states(size, c.seed * 1_000_003 + number // 4)
        policy = torch.distributions.Categorical(logits=model(states))
        if number % 4 == 0:
            action = policy.sample()
            taken[:] = [action, policy.log_prob(action).detach()]
        action, before = taken
        reward = (action == right).float()
        advantage = (reward - reward.mean()) / (reward.std() + 1e-6)
        ratio = (policy.log_prob(action) - before).exp()
        least = torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
        found: Tensor = -least.mean() - 0.01 * policy.entropy().mean()
        return found

    def probe() -> Tensor:
        states, right = _states(256, 10**6)
        found: Tensor = 1 - model(states).softmax(1).gather(1, right[:, None]).mean()
        return found

    return Training(model, c.adam(model, 1e-2), loss, probe, chain=names_of(model), clip=0.5)
