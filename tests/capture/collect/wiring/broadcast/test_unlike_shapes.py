"""Outputs and targets, values and returns that are broadcast, and what is so on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Categorical
from torch.nn import functional

from tests.capture.collect.wiring.loop import Watch, wiring
from tests.capture.older_torch import reads_saved_tensors

N = 6
PRICES = torch.arange(float(N))
RETURNS = torch.tensor([0.3, -1.2, 2.0, 0.7, -0.4, 1.1])
NEXT = torch.tensor([0.1, 0.9, -0.5, 1.5, 0.4, -1.0])[:, None]
GOES_ON = torch.tensor([1.0, 1.0, 0.0, 1.0, 0.0, 1.0])
WEIGHTS = torch.tensor([1.0, 0.5, 0.2, 0.9, 0.4, 0.7])
ACTIONS = torch.tensor([0, 2, 1, 1, 0, 2])

Loss = Callable[[Tensor], Tensor]


def network(outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, outputs))


@reads_saved_tensors
@pytest.mark.filterwarnings("ignore:Using a (target|input) size")  # the fault itself
@pytest.mark.parametrize(
    ("shape", "loss", "expected"),
    [
        ((N, 1), lambda y: functional.mse_loss(y, PRICES), ("[6, 1]", "[6, 6]")),
        ((N, 1), lambda y: functional.l1_loss(y, PRICES), ("[6, 1]", "[6, 6]")),
        ((N, 1), lambda y: functional.smooth_l1_loss(y, PRICES), ("[6, 1]", "[6, 6]")),
        ((N,), lambda y: functional.huber_loss(y, PRICES[:, None]), ("[6]", "[6, 6]")),
        ((N,), lambda y: (PRICES[:, None] - y).square().mean(), ("[6]", "[6, 6]")),
        ((N, 1), lambda y: ((y - PRICES) ** 2).mean().sqrt(), ("[6, 1]", "[6, 6]")),
        ((N,), lambda y: -(y * PRICES[:, None]).mean(), ("[6]", "[6, 6]")),
        ((N, 1), lambda y: (y.square() * (PRICES > 2).float()).sum(), ("[6, 1]", "[6, 6]")),
        (
            (N, 1, 4),
            lambda y: functional.mse_loss(y, torch.ones(N, 4)),
            ("[6, 1, 4]", "[6, 6, 4]"),
        ),
        (
            (N, 1),
            lambda y: (functional.smooth_l1_loss(y, PRICES, reduction="none") * PRICES).mean(),
            ("[6, 1]", "[6, 6]"),
        ),
    ],
)
def test_outputs_that_are_spread_out_over_their_targets_are_seen(
    watch: Watch, shape: tuple[int, ...], loss: Loss, expected: tuple[str, str]
) -> None:
    model = network(4 if shape[-1] == 4 else 1)
    found = wiring(watch, model, N, 4, loss=lambda y: loss(y.view(shape))).obstacles
    assert found["unlike shapes"][:2] == expected


def kernel(x: Tensor, y: Tensor) -> Tensor:
    return (-(x[:, None] - y[None]).square().sum(2)).exp().mean()


@pytest.mark.parametrize(
    ("outputs", "loss"),
    [
        (1, lambda y: functional.mse_loss(y, PRICES[:, None])),
        (1, lambda y: functional.mse_loss(y.squeeze(1), PRICES)),
        (1, lambda y: (y - torch.linspace(0, 1, 3)).square().mean()),
        (1, lambda y: (y[:, None] - y[None]).square().mean()),
        (1, lambda y: functional.relu(1 - (y - PRICES)).mean()),
        (1, lambda y: (y - PRICES).abs().amin(1).mean()),
        (1, lambda y: (y - PRICES).abs().mean() - 0.5 * (y - y.T).abs().mean()),
        (1, lambda y: (y * torch.ones(N, N)).square().mean()),
        (1, lambda y: (y * 3 + 1 - y.mean()).square().mean()),
        (4, lambda y: kernel(y, y) - 2 * kernel(y, torch.ones(N, 4))),
        (4, lambda y: (y * torch.tensor([1.0, 2.0, 0.0, 1.0])).square().mean()),
        (4, lambda y: functional.cross_entropy(y @ y.T, torch.arange(N))),
        (4, lambda y: torch.cdist(y, torch.ones(N, 4)).mean()),
        (4, lambda y: ((y - torch.ones(4)) * (PRICES > 2)[:, None]).square().sum() / 3),
        (N, lambda y: (y - y.mean(1, keepdim=True)).square().mean()),
        (N, lambda y: (y - PRICES).square().mean()),
    ],
)
def test_what_is_spread_out_on_purpose_is_none(watch: Watch, outputs: int, loss: Loss) -> None:
    found: Any = wiring(watch, network(outputs), N, 4, loss=loss).obstacles
    assert "unlike shapes" not in found


@reads_saved_tensors
def test_one_of_two_losses_is_enough(watch: Watch) -> None:
    model = network(1)
    capture = watch(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for step in range(6):
        optimizer.zero_grad()
        y = model(torch.randn(N, 4))
        target = PRICES if step % 2 else PRICES[:, None]
        (y - target).square().mean().backward()
        optimizer.step()
    found = capture.frames[-1].wiring.obstacles
    assert found == {"unlike shapes": ("[6, 1]", "[6, 6]", "[6]", "difference", "2")}


class ActorCritic(nn.Module):
    """Gives logits [N, 3] and values [N, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(4, 5)
        self.pi, self.v = nn.Linear(5, 3), nn.Linear(5, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.body(x).tanh()
        return self.pi(h), self.v(h)


Both = tuple[Tensor, Tensor]


def chosen(logits: Tensor) -> Tensor:
    """The logarithms of the probabilities of the actions, [N]."""
    return torch.as_tensor(Categorical(logits=logits).log_prob(ACTIONS))


def critic(value: Tensor) -> Tensor:
    return (RETURNS - value.squeeze(-1)).square().mean()


def surrogate(logits: Tensor, advantage: Tensor) -> Tensor:
    ratio = (chosen(logits) + 1.1).exp()
    return -torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()


def negated_surrogate(logits: Tensor, advantage: Tensor) -> Tensor:
    ratio = (chosen(logits) + 1.1).exp()
    return torch.max(-advantage * ratio, -advantage * ratio.clamp(0.8, 1.2)).mean()


def normalized(advantage: Tensor) -> Tensor:
    return (advantage - advantage.mean()) / (advantage.std() + 1e-8)


def clipped(value: Tensor, returns: Tensor, before: Tensor) -> Tensor:
    near = before + (value - before).clamp(-0.2, 0.2)
    return torch.max((value - returns) ** 2, (near - returns) ** 2).mean()


def huber(error: Tensor) -> Tensor:
    size = error.abs()
    return torch.where(size < 1, 0.5 * error**2, size - 0.5).mean()


def clamped_huber(error: Tensor) -> Tensor:
    size = error.abs()
    near = size.clamp(max=1)
    return (0.5 * near**2 + (size - near)).mean()


ADVANTAGES = {
    "returns minus values": lambda v: RETURNS - v,
    "values in a row": lambda v: RETURNS[:, None] - v.squeeze(1),
    "temporal difference": lambda v: RETURNS + 0.9 * NEXT - v,
    "ends of episodes": lambda v: RETURNS + 0.9 * NEXT * GOES_ON - v,
    "normalized": lambda v: normalized(RETURNS - v),
    "in half precision": lambda v: (RETURNS - v).bfloat16(),
}


@reads_saved_tensors
@pytest.mark.parametrize("advantage", ADVANTAGES.values(), ids=ADVANTAGES)
@pytest.mark.parametrize(
    "policy", [surrogate, negated_surrogate, lambda p, a: -(chosen(p) * a).mean()]
)
@pytest.mark.parametrize("with_critic", [True, False])
def test_advantages_of_all_pairs_are_seen_though_nothing_of_them_is_learned(
    watch: Watch, advantage: Loss, policy: Callable[[Tensor, Tensor], Tensor], *, with_critic: bool
) -> None:
    def loss(both: Both) -> Tensor:
        logits, value = both
        entropy = torch.as_tensor(Categorical(logits=logits).entropy().mean())
        both_losses = policy(logits, advantage(value.detach())) - 0.01 * entropy
        return both_losses + 0.5 * critic(value) if with_critic else both_losses

    found = wiring(watch, ActorCritic(), N, 4, loss=loss).obstacles
    layer = "v" if with_critic else ""
    assert found["unlike shapes"] == ("[6]", "[6, 6]", "[6, 6]", "advantages", layer)


@reads_saved_tensors
@pytest.mark.parametrize(
    "advantage",
    [
        lambda v: RETURNS - v.squeeze(1),
        lambda v: normalized(RETURNS - v.squeeze(1)),
        lambda v: normalized(RETURNS[:, None] - v).squeeze(1),
        lambda _: RETURNS,
        lambda _: torch.randn(N, N),
        lambda _: torch.randn(N, 1) * torch.randn(N),
        lambda _: torch.randn(N, 2) @ torch.randn(2, N),
        lambda _: (torch.randn(N, 1) - torch.randn(N)).abs(),
        lambda _: (-(torch.randn(N, 1) - torch.randn(N)).square()).exp(),
        lambda _: RETURNS[:, None] - RETURNS,
        lambda _: RETURNS[:, None] + RETURNS,
        lambda _: (ACTIONS[:, None] == ACTIONS).float(),
        lambda _: torch.ones(N, N).tril(),
        lambda _: torch.ones(N, N),
        lambda _: torch.eye(N),
        lambda _: (torch.tensor([[3.0], [5.0], [3.0], [5.0], [3.0], [3.0]]) > PRICES).float(),
        lambda _: (torch.tensor([[3.0], [2.0], [1.0], [5.0], [6.0], [3.0]]) > PRICES).float(),
    ],
)
def test_other_weights_of_log_probabilities_are_none(watch: Watch, advantage: Loss) -> None:
    def loss(both: Both) -> Tensor:
        return -(chosen(both[0]) * advantage(both[1].detach())).mean() + critic(both[1])

    assert "unlike shapes" not in wiring(watch, ActorCritic(), N, 4, loss=loss).obstacles


@reads_saved_tensors
@pytest.mark.parametrize(
    "loss",
    [
        lambda p, v: -(chosen(p) * (RETURNS - v).detach()).mean() + (RETURNS - v).pow(2).mean(),
        lambda p, v: -(chosen(p) * (RETURNS - v)).mean() + (RETURNS - v).pow(2).mean(),
        lambda p, v: surrogate(p, RETURNS - v.squeeze(1).detach()) + (v - RETURNS).abs().mean(),
        lambda p, v: -chosen(p).mean() + clipped(v, RETURNS, RETURNS - 0.1),
        lambda p, v: -chosen(p).mean() + clipped(v, RETURNS, RETURNS[:, None]),
        lambda p, v: -chosen(p).mean() + huber(v - RETURNS),
        lambda p, v: -chosen(p).mean() + clamped_huber(RETURNS - v),
        lambda p, v: -chosen(p).mean() + (WEIGHTS * (RETURNS - v) ** 2).mean(),
        lambda p, v: (((RETURNS - v) * WEIGHTS[:, None]) ** 2).mean() - chosen(p).mean(),
        lambda p, v: (RETURNS + 0.9 * v.tanh() - v).square().mean() - chosen(p).mean(),
        lambda p, v: (v - RETURNS - 0.9 * NEXT).square().mean() - chosen(p).mean(),
        lambda p, v: (v - p.amax(1)).square().mean(),
        lambda p, v: -(chosen(p) * v).mean(),
        lambda p, _: (p.gather(1, ACTIONS[:, None]) - RETURNS).square().mean(),
        lambda p, _: huber(RETURNS - p.gather(1, ACTIONS[:, None])),
        lambda p, _: -(chosen(p) * (RETURNS - RETURNS.mean())[:, None]).mean(),
        lambda p, v: -(chosen(p) * (RETURNS[:, None] - v.detach())).mean(),
    ],
)
def test_errors_of_values_of_all_pairs_are_seen_in_a_sum_of_losses(
    watch: Watch, loss: Callable[[Tensor, Tensor], Tensor]
) -> None:
    found = wiring(watch, ActorCritic(), N, 4, loss=lambda both: loss(*both)).obstacles
    assert found["unlike shapes"][1] == "[6, 6]"


@pytest.mark.parametrize(
    "loss",
    [
        # The mean of a difference is the same for all pairs: nothing is lost.
        lambda p, v: (0.2 * chosen(p) - v).mean(),
        lambda p, v: (v - RETURNS).mean() + chosen(p).mean(),
        lambda p, v: (v[:, None] - v).square().mean() + chosen(p).mean(),
        lambda p, v: (chosen(p)[:, None] - p[:, 0]).square().mean() + v.mean(),
        lambda p, v: functional.softplus(-(v - v.T)).mean() + p.mean(),
        lambda p, v: functional.softplus(-(v - v.T.detach())).mean() + p.mean(),
        lambda p, v: (1 - (v - RETURNS)).clamp(min=0).mean() + p.mean(),
        lambda p, v: (1 - (v - RETURNS).abs()).clamp(min=0).square().mean() + p.mean(),
        lambda p, v: (1 / (1 + (v - RETURNS) ** 2)).mean() + p.mean(),
        lambda p, v: (-((v - RETURNS) ** 2)).exp().mean() + p.mean(),
        lambda p, v: ((v - RETURNS) ** 2 * torch.ones(N, N).tril()).mean() + p.mean(),
        lambda p, v: (
            torch.where(torch.ones(N, N).tril() > 0, (v - RETURNS) ** 2, 0).mean() + p.mean()
        ),
        # A line for each sample, over as many moments as there are samples.
        lambda p, v: (v * PRICES - torch.randn(N, N)).square().mean() + p.mean(),
        lambda p, v: (v * PRICES + p[:, :1] - torch.randn(N, N)).square().mean(),
        lambda p, v: (v + PRICES - torch.randn(N, N)).square().mean() + p.mean(),
        lambda p, v: (v * chosen(p) - torch.eye(N)).square().mean(),
    ],
)
def test_comparisons_of_all_pairs_by_intent_are_none_in_a_sum_of_losses(
    watch: Watch, loss: Callable[[Tensor, Tensor], Tensor]
) -> None:
    found = wiring(watch, ActorCritic(), N, 4, loss=lambda both: loss(*both)).obstacles
    assert "unlike shapes" not in found


def pinball(error: Tensor) -> Tensor:
    shares = torch.linspace(0.1, 0.9, N)
    return torch.max(shares * error, (shares - 1) * error).mean()


@pytest.mark.parametrize(
    "loss",
    [
        lambda y: (torch.randn(N, N) - y.mean(0)).square().mean(),
        lambda y: (torch.randn(N, N) - y[0]).square().mean(),
        lambda y: (torch.randn(N, N) - y[:1].squeeze(0)).square().mean(),
        lambda y: ((y - y.mean(0)) / y.std(0)).square().mean(),
        lambda y: (torch.randn(N, N) * y.std(0)).mean(),
        lambda y: pinball(torch.randn(N, 1) - y[0]),
        lambda y: pinball(torch.randn(N, 1) - y),
        lambda y: pinball(torch.randn(N, 1) - y.diagonal()),
        lambda y: (y - torch.randn(N, N)).square().mean(),
        lambda y: functional.cross_entropy(y, ACTIONS % N),
        lambda y: -(y.log_softmax(1) * torch.eye(N)).mean(),
        lambda y: (y @ y.T - torch.eye(N)).square().mean(),
        lambda y: (y.softmax(1) @ y).square().mean(),
        lambda y: (y[:, 0].outer(y[:, 1]) - torch.eye(N)).square().mean(),
    ],
)
def test_as_many_samples_as_features_or_classes_are_none(watch: Watch, loss: Loss) -> None:
    assert "unlike shapes" not in wiring(watch, network(N), N, 4, loss=loss).obstacles


def test_a_parameter_of_each_feature_is_none(watch: Watch) -> None:
    class Centered(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.mean = nn.Linear(4, 4), nn.Parameter(torch.zeros(N))

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.mean, self.first(x)

    def loss(both: Both) -> Tensor:
        mean, output = both
        errors = (torch.randn(N, N) - mean).square().mean()
        return errors + (torch.randn(N, N) - mean.tanh() / 2).abs().mean() + output.mean()

    found: Any = wiring(watch, Centered(), N, 4, loss=loss).obstacles
    assert "unlike shapes" not in found


def test_a_single_sample_is_none(watch: Watch) -> None:
    def loss(both: Both) -> Tensor:
        logits, value = both
        action = torch.as_tensor(Categorical(logits=logits).log_prob(ACTIONS[:1]))
        advantage = RETURNS[:1] - value
        return -(action * advantage.detach()).mean() + advantage.square().mean()

    assert "unlike shapes" not in wiring(watch, ActorCritic(), 1, 4, loss=loss).obstacles


@reads_saved_tensors
def test_the_parts_of_actor_and_critic_may_have_a_pass_each(watch: Watch) -> None:
    model = ActorCritic()
    capture = watch(model)
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(4):
        optimizer.zero_grad()
        logits, value = model(torch.randn(N, 4))
        advantage = RETURNS - value.detach()
        (-(chosen(logits) * advantage).mean()).backward(retain_graph=True)
        critic(value).backward()
        optimizer.step()
    found = capture.frames[-1].wiring.obstacles["unlike shapes"]
    assert found[1:4] == ("[6, 6]", "[6, 6]", "advantages")
