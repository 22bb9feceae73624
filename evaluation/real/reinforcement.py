"""Learning by reward: a Q-network and a policy with clipped steps (PPO) that balance a pole."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.real.subject import (
    EXPLODES,
    INPUTS,
    RATE,
    Loop,
    Subject,
    batch,
    drawn,
    shifted,
    supervised,
    without,
)

ENDED = 2.4, 0.21
"""Beyond that place or angle the pole has fallen."""


class Poles:
    """Poles on carts, many at once, with the usual equations (Barto and others, 1983)."""

    def __init__(self, count: int, seed: int) -> None:
        self.random = torch.Generator().manual_seed(seed)
        self.state = self._fresh(count)

    def _fresh(self, count: int) -> Tensor:
        return 0.1 * torch.rand(count, 4, generator=self.random) - 0.05

    def step(self, action: Tensor) -> tuple[Tensor, Tensor]:
        """Moves all of them; gives which have fallen and the states after, fresh where fallen."""
        _, speed, angle, turn = self.state.unbind(1)
        force = 20.0 * action.float() - 10.0
        push = (force + 0.05 * turn.square() * angle.sin()) / 1.1
        bend = (9.8 * angle.sin() - angle.cos() * push) / (
            0.5 * (4 / 3 - 0.1 * angle.cos().square() / 1.1)
        )
        drive = push - 0.05 * bend * angle.cos() / 1.1
        after = self.state + 0.02 * torch.stack([speed, drive, turn, bend], 1)
        fallen = (after[:, 0].abs() > ENDED[0]) | (after[:, 2].abs() > ENDED[1])
        self.state = torch.where(fallen[:, None], self._fresh(len(after)), after)
        return fallen, after


def body(outputs: int, width: int = 64) -> nn.Sequential:
    """Two hidden layers with norms."""
    return nn.Sequential(
        nn.Linear(4, width),
        nn.LayerNorm(width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.LayerNorm(width),
        nn.ReLU(),
        nn.Linear(width, outputs),
    )


def _spoiled(model: nn.Module, way: str) -> None:
    if way == "init":
        shifted(model, nn.LayerNorm, -8.0)
    if way == "norm":
        without(model, nn.LayerNorm)
        drawn(model, 200.0)


def _units(way: str) -> Tensor:
    """By column; the turn comes in another one, and hides the rest."""
    return torch.tensor([3.0, 1.0, 10.0, 1e5 if way == "inputs" else 1.0])


def dqn(way: str) -> Loop:
    """Learns from a store of moves that were drawn by chance."""
    poles = Poles(64, 0)
    moves = []
    for _ in range(60):
        state = poles.state
        action = torch.randint(2, (64,), generator=poles.random)
        fallen, after = poles.step(action)
        moves.append((state, action, fallen, after))
    state, action, fallen, after = (torch.cat(parts) for parts in zip(*moves, strict=True))
    unit = _units(way)
    model, target = body(2), body(2)
    for net in (model, target):
        _spoiled(net, way)
    target.load_state_dict(model.state_dict())
    # A slice of the model was taken for its head.
    held = model[3:] if way == "wiring" else model
    optimizer = torch.optim.Adam(held.parameters(), lr=1.0 if way == "rate" else 1e-3)

    def loss(number: int) -> Tensor:
        if number % 25 == 0:
            target.load_state_dict(model.state_dict())
        rows = batch(len(state), 64, number)
        with torch.no_grad():
            best = target(after[rows] * unit).max(1).values
            goal = 1 - 2.0 * fallen[rows] + 0.9 * best * ~fallen[rows]
        value = model(state[rows] * unit).gather(1, action[rows, None])[:, 0]
        return functional.smooth_l1_loss(value, goal)

    return supervised(model, optimizer, loss, clip=10.0)


class ActorCritic(nn.Module):
    """A policy and a value, each with a body of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.policy, self.value = body(2), body(1)


def ppo(way: str) -> Loop:
    """Sixteen moves of 32 poles, then four steps on what they brought (arXiv 1707.06347)."""
    model = ActorCritic()
    _spoiled(model, way)
    unit = _units(way)
    held = model.policy.parameters() if way == "wiring" else model.parameters()
    optimizer = torch.optim.Adam(held, lr=1.0 if way == "rate" else 1e-3)
    poles = Poles(32, 1)
    kept: dict[str, Tensor] = {}

    def play() -> None:
        states, actions, chances, ends, values = [], [], [], [], []
        with torch.no_grad():
            for _ in range(16):
                state = poles.state * unit
                odds = torch.log_softmax(model.policy(state), -1)
                action = torch.multinomial(odds.exp().nan_to_num(0.5), 1)[:, 0]
                fallen, _ = poles.step(action)
                states.append(state)
                actions.append(action)
                chances.append(odds.gather(1, action[:, None])[:, 0])
                ends.append(fallen.float())
                values.append(model.value(state)[:, 0])
            following = model.value(poles.state * unit)[:, 0]
        gains, gain = [], torch.zeros(32)
        for value, end in zip(reversed(values), reversed(ends), strict=True):
            surprise = 1 + 0.95 * following * (1 - end) - value
            gain = surprise + 0.95 * 0.9 * (1 - end) * gain
            gains.append(gain)
            following = value
        gained = torch.cat(gains[::-1])
        kept.update(
            state=torch.cat(states),
            action=torch.cat(actions),
            chance=torch.cat(chances),
            goal=gained + torch.cat(values),
            gain=(gained - gained.mean()) / (gained.std() + 1e-6),
        )

    def loss(number: int) -> Tensor:
        if number % 4 == 0:
            play()
        odds = torch.log_softmax(model.policy(kept["state"]), -1)
        now = odds.gather(1, kept["action"][:, None])[:, 0]
        ratio = (now - kept["chance"]).exp()
        gain = kept["gain"]
        clipped = torch.minimum(ratio * gain, ratio.clamp(0.8, 1.2) * gain).mean()
        surprise = functional.mse_loss(model.value(kept["state"])[:, 0], kept["goal"])
        spread = -(odds.exp() * odds).sum(1).mean()
        return 0.5 * surprise - clipped - 0.01 * spread

    return supervised(model, optimizer, loss, clip=0.5)


SUBJECTS = (
    Subject(
        "DQN",
        dqn,
        {
            "rate": RATE,
            "init": ("dead_relu",),
            "inputs": INPUTS,
            "wiring": ("not_in_optimizer",),
            "norm": EXPLODES,
        },
    ),
    Subject(
        "PPO",
        ppo,
        {
            "rate": RATE,
            "init": ("dead_relu",),
            "inputs": INPUTS,
            "wiring": ("not_in_optimizer",),
            "norm": EXPLODES,
        },
    ),
)
