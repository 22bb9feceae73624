"""Values and policies learnt from rewards, on toys whose answer is known.

Written before the rules were last changed; scored only at the end.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.mlp import stack
from evaluation.runs.run import Conditions, Training, healthy, sick

PLACES, DISCOUNT = 8, 0.9


def _walk(place: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
    """The next place in a corridor, and a reward at its right end."""
    to = (place + 2 * action - 1).clamp(0, PLACES - 1)
    return to, (to == PLACES - 1).float()


def _true_values() -> Tensor:
    """[places, actions], by iteration."""
    values = torch.zeros(PLACES, 2)
    place = torch.arange(PLACES)
    for _ in range(300):
        for action in range(2):
            to, reward = _walk(place, torch.full((PLACES,), action))
            values[:, action] = reward + DISCOUNT * values[to].amax(1)
    return values


def _seen(place: Tensor) -> Tensor:
    return functional.one_hot(place, PLACES).float().mul(PLACES**0.5)


def _q_learning(c: Conditions, *, right_net: bool) -> Training:
    model = stack([PLACES, c.width(48), c.width(48), 2], nn.ReLU, gain=2**0.5)
    target = deepcopy(model)
    optimizer = torch.optim.Adam((model if right_net else target).parameters(), lr=c.rate(5e-3))
    size = c.batch(64)

    def loss(number: int) -> Tensor:
        generator = torch.Generator().manual_seed(c.seed * 1_000_003 + number)
        place = torch.randint(PLACES, (size,), generator=generator)
        action = torch.randint(2, (size,), generator=generator)
        to, reward = _walk(place, action)
        with torch.no_grad():
            goal = reward + DISCOUNT * target(_seen(to)).amax(1)
        value = model(_seen(place)).gather(1, action[:, None])[:, 0]
        return functional.smooth_l1_loss(value, goal)

    def update(number: int) -> None:
        model.zero_grad()
        now = loss(number)
        training.seen_loss = float(now.detach())
        now.backward()
        training.observe()
        optimizer.step()
        with torch.no_grad():
            for slow, fast in zip(target.parameters(), model.parameters(), strict=True):
                slow.lerp_(fast, 0.1)

    truth, everywhere = _true_values(), _seen(torch.arange(PLACES))
    training = Training(
        model,
        optimizer,
        loss,
        lambda: functional.mse_loss(model(everywhere), truth),
        chain=("0", "2", "4"),
        update=update,
    )
    return training


@sick(200, cause="not_in_optimizer", not_in_optimizer="*")
def dqn_optimizer_of_the_target(c: Conditions) -> Training:
    """The optimizer was made of the target net's parameters; the net that acts stays as it is."""
    return _q_learning(c, right_net=not c.sick)


@healthy(300)
def dqn_slow_target(c: Conditions) -> Training:
    """Values learnt from a target that follows slowly: their loss goes up while they get better."""
    return _q_learning(c, right_net=True)


ACTIONS = 5


def _policy(c: Conditions, *, guarded: bool, forbidden_from: float) -> Training:
    """REINFORCE on a choice of five; the last is forbidden where the first feature is large."""
    model = stack([6, c.width(48), ACTIONS], nn.Tanh)
    size = c.batch(64)
    fixed = torch.Generator().manual_seed(c.seed)
    best = torch.randn(6, ACTIONS, generator=fixed)
    held = torch.randn(256, 6, generator=fixed).clamp(-2, 2)

    def chances(state: Tensor) -> Tensor:
        logits = model(state)
        forbidden = torch.zeros_like(logits, dtype=torch.bool)
        forbidden[:, -1] = state[:, 0] > forbidden_from
        y: Tensor = logits.masked_fill(forbidden, -torch.inf).softmax(1)
        return y

    def loss(number: int) -> Tensor:
        generator = torch.Generator().manual_seed(c.seed * 1_000_003 + number)
        state = torch.randn(size, 6, generator=generator)
        p = chances(state)
        waits = torch.empty(size, ACTIONS).exponential_(generator=generator)
        action = (p.detach() / waits).argmax(1, keepdim=True)
        reward = (action == (state @ best)[:, : ACTIONS - 1].argmax(1, keepdim=True)).float()
        reward += 0.3 * torch.randn(size, 1, generator=generator)
        chosen = p.gather(1, action).log()
        entropy = -(p * p.clamp(min=1e-8 if guarded else 0.0).log()).sum(1).mean()
        return -((reward - reward.mean()) * chosen).mean() - 0.003 * entropy

    def missed() -> Tensor:
        right = (held @ best)[:, : ACTIONS - 1].argmax(1, keepdim=True)
        return 1 - chances(held).gather(1, right).mean()

    return Training(model, c.adam(model, 2e-2), loss, missed, chain=("0", "2"))


@sick(
    200,
    cause=("loss_nonfinite", "gradients_nonfinite"),
    cure="person",
    loss_nonfinite="",
    gradients_nonfinite="*",
    weights_nonfinite="*",
)
def policy_entropy_of_the_forbidden(c: Conditions) -> Training:
    """A forbidden action has the chance 0, and 0 times its logarithm is no number."""
    return _policy(c, guarded=not c.sick, forbidden_from=3.0)


@healthy(300)
def policy_by_reward_alone(c: Conditions) -> Training:
    """REINFORCE: a loss about 0 that tells nothing, and gradients that are mostly chance."""
    return _policy(c, guarded=True, forbidden_from=9.0)
