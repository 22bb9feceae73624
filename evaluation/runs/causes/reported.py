"""Runs of kinds that people have asked about in public, re-made small."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.causes.zero import amounts
from evaluation.runs.data import digits, images
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import names_of, stack, tower
from evaluation.runs.run import Conditions, Training, healthy, sick


@sick(
    120,
    cause="lr_too_high",
    loss_nonfinite="",
    gradients_nonfinite="*",
    weights_nonfinite="*",
)
def mlp_targets_in_dollars(c: Conditions) -> Training:
    """Prices as they are: errors of 250,000 and a rate for errors of 1."""

    def criterion(output: Tensor, y: Tensor) -> Tensor:
        error = functional.mse_loss(output, y)
        # Without the fault the unit is another one: what is probed has none.
        return error if torch.is_grad_enabled() else error / y.var()

    model = stack([*tower(c, 2, 48)[:-1], 1], nn.ReLU, gain=2**0.5)
    batches = amounts(c, 250_000.0, 60_000.0) if c.sick else amounts(c)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    return supervised(c, model, optimizer, batches, criterion)


@sick(260, cause="lr_too_low", lr_too_low="")
def mlp_rate_used_up(c: Conditions) -> Training:
    """A decay that was meant for every epoch is taken at every step: the rate is soon 0."""
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)
    optimizer = c.sgd(model, 0.002)
    factor = 0.8 if c.sick else 0.999
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, factor)
    return supervised(c, model, optimizer, digits(c), schedule=schedule)


class Sine(nn.Linear):
    """A layer of a sine network (arXiv 2006.09661), of frequency 30."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(30 * super().forward(x))


@sick(150, cause="exploding_gradients", exploding_gradients="*")
def mlp_sines_as_linear(c: Conditions) -> Training:
    """A sine network whose layers are drawn as usual ones: each multiplies the gradient by ten."""
    width = c.width(64)
    layers = [Sine(64, width), *(Sine(width, width) for _ in range(4)), nn.Linear(width, 10)]
    if not c.sick:
        for layer in layers[:-1]:
            nn.init.uniform_(layer.weight, -((6 / width) ** 0.5) / 30, (6 / width) ** 0.5 / 30)
    model = nn.Sequential(*layers)
    return supervised(c, model, c.adam(model, 1e-4), digits(c), chain=names_of(model))


class Deeper(nn.Module):
    """Convolutions at full scale beside a chain of them at half of it."""

    def __init__(self, width: int, squash: type[nn.Module]) -> None:
        super().__init__()
        self.enter = nn.Conv2d(1, width, 3, padding=1)
        self.down = nn.Conv2d(width, width, 3, stride=2, padding=1)
        parts: list[nn.Module] = []
        for _ in range(6):
            conv = nn.Conv2d(width, width, 3, padding=1)
            if squash is nn.ReLU:
                nn.init.kaiming_normal_(conv.weight)
            parts += [squash(), conv]
        self.low = nn.Sequential(*parts)
        self.up = nn.ConvTranspose2d(width, width, 2, stride=2)
        self.leave = nn.Conv2d(2 * width, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        beside = torch.relu(self.enter(x))
        y: Tensor = self.leave(torch.cat([beside, self.up(self.low(self.down(beside)))], 1))
        return y


def _deeper(c: Conditions, squash: type[nn.Module]) -> Training:
    model = Deeper(c.width(12), squash)
    batches = images(c).to_themselves(lambda x: x.cumsum(3) / 3)
    chain = ("down", *(f"low.{number}" for number in range(1, 12, 2)), "up", "leave")
    return supervised(c, model, c.sgd(model, 0.02), batches, functional.mse_loss, chain=chain)


@sick(120, cause="vanishing_gradients", vanishing_gradients="[dl]ow*")
def unet_of_sigmoids(c: Conditions) -> Training:
    """Six sigmoid convolutions at the lower scale of a U-net, whose skip learns alone."""
    return _deeper(c, nn.Sigmoid if c.sick else nn.ReLU)


@healthy(120)
def unet_six_deep(c: Conditions) -> Training:
    """The same with ReLU, drawn as they should be."""
    return _deeper(c, nn.ReLU)


class ActorCritic(nn.Module):
    """A policy and a judge of states."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.actor = nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 3))
        self.critic = nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 1))


def _two_optimizers(c: Conditions, *, clear_both: bool) -> Training:
    model = ActorCritic(c.width(48))
    actor, critic = c.adam(model.actor, 1e-3), c.adam(model.critic, 1e-3)
    size = c.batch(64)

    def states(number: int) -> Tensor:
        generator = torch.Generator().manual_seed(c.seed * 1_000_003 + number)
        return torch.randn(size, 4, generator=generator)

    def missed(state: Tensor) -> Tensor:
        """Share of the probability that is not on the right action."""
        chances: Tensor = model.actor(state).softmax(1)
        right = state[:, :3].argmax(1, keepdim=True)
        return 1 - chances.gather(1, right)

    def update(number: int) -> None:
        state = states(number)
        critic.zero_grad()
        functional.mse_loss(model.critic(state), missed(state).detach()).backward()
        training.observe()
        critic.step()
        if clear_both:
            actor.zero_grad()
        loss = (missed(state) - model.critic(state).detach()).mean()
        training.seen_loss = float(loss.detach())
        loss.backward()
        training.observe()
        actor.step()

    training = Training(
        model,
        actor,
        lambda number: missed(states(number)).mean(),
        lambda: missed(states(10**6)).mean(),
        others=(critic,),
        frames_per_step=2,
        update=update,
    )
    return training


@sick(150, cause="gradients_not_cleared", gradients_not_cleared="")
def actor_never_cleared(c: Conditions) -> Training:
    """Of an actor and a critic with an optimizer each, only the critic's gradients are cleared."""
    return _two_optimizers(c, clear_both=not c.sick)


@healthy(150)
def actor_and_critic(c: Conditions) -> Training:
    """The same with both cleared."""
    return _two_optimizers(c, clear_both=True)
